/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "ruleset/difference.h"

/*
 * Says a change of a difference as one line, for people and the audit log, seen from what was
 * applied: the difference leads from what the kernel holds (old) to what was applied (new), so what
 * it adds is missing, and what it deletes somebody added. Whatever stands in the kernel, the line
 * has no control characters; of many elements it names the first.
 *
 *   element of live: original . 0x00001001 (web) is missing
 *   rule of forward was added: accept
 *
 * Returns 0, -ENOMEM or -EIO.
 */
int difference_describe(const struct change *change, FILE *stream);
