/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/report.h"

/* What no text may have: control characters, other line breaks, and what turns the direction of the
 * text around, so that it does not read as it is. */
bool source_is_control(uint32_t character);

/*
 * Looks at a file's bytes before YAML does, for what editors and other systems put into files and
 * what nobody sees: a byte order mark, carriage returns, tabs as indentation, bytes that are not
 * UTF-8, control characters, and nothing at all.
 *
 * Returns 0; REPORTED where the rest of the file cannot be read as YAML, or -ENOMEM.
 */
int source_check(struct report *report, const struct sources *sources, uint32_t source);
