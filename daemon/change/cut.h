/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "diagram/diagram.h"
#include "observe/conntrack.h"
#include "ruleset/ruleset.h"

/*
 * Counts the open connections that pass now and would not with the new ruleset: those whose mark is
 * in `live` of the old ruleset and not of the new one, and whose packet no live flow of the new
 * diagram approves. The zones of a connection are those of its addresses. Returns 0 or -errno.
 */
int cut_count(struct conntrack *conntrack, const struct ruleset *old,
              const struct diagram *new_diagram, const struct ruleset *new, size_t *ret_n);
