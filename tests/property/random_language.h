/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/*
 * A random policy that uses every key of the language, in every form that a key takes: scalars and
 * lists, texts that look like something else to YAML, dates of two calendars, services by name and
 * number. What it means is of no interest, so its flows may have ends without a common family,
 * which makes the policy invalid; everything else about it is valid. The caller owns the text.
 */
char *random_language_text(uint64_t seed);
