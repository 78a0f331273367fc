/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/report.h"

/*
 * Looks at a file's bytes before YAML does, for what editors and other systems put into files and
 * what nobody sees: a byte order mark, carriage returns, tabs as indentation, bytes that are not
 * UTF-8, control characters, and nothing at all.
 *
 * Returns 0; REPORTED where the rest of the file cannot be read as YAML, or -ENOMEM.
 */
int source_check(struct report *report, const struct sources *sources, uint32_t source);
