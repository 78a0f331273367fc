/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"
#include "diagram/part.h"

/*
 * The sources of a pair as a tree of prefixes, and from it the classes: which parts apply to which
 * source addresses.
 *
 * A prefix inside another inherits its parts. Where there is little to inherit the parts are copied
 * into the inner class, so that one look finds everything; where copying would multiply a large
 * table, the inner class gets the outer one as its parent instead. Copies are allowed up to
 * COPY_FACTOR times what the subtree holds itself, so the whole stays linear in the policy.
 *
 * The kernel bounds how long a chain of parents may be. Where one would be longer, the node at its
 * end gets the parts of all above it, and a new chain begins; or, where that costs less, its own
 * parts are copied into the nodes below it. So a node at the end of a chain costs what the prefixes
 * around it have, at most: the rows of a path, which is no longer than an address has bits.
 *
 * Prefixes, and not whatever ranges fit the policy at hand, because prefixes stay the same when a
 * flow is added: the rest of the diagram, its names and its tables in the kernel do not change.
 */
struct class_plan {
    uint32_t *members; /* indices of parts, ascending */
    size_t n_members;
    uint32_t parent;  /* index of a plan before this one, or NO_CLASS */
    uint32_t n_links; /* parents up to the last */
    ip_number first_source;
    bool is_parent;
};

struct source_plan {
    struct class_plan *classes;
    size_t n_classes;
    size_t classes_capacity;
    struct source_row *sources; /* sorted, disjoint; neighbours of one class are one row */
    size_t n_sources;
    size_t sources_capacity;
};

/*
 * Plans for the parts whose indices are in `members`. Returns 0, -ENOMEM, or -E2BIG where chains
 * that are too long would need more than `copies_max` rows to be copied (then `*ret_culprit` is a
 * flow of such a chain).
 */
int source_plan_make(const struct parts *parts, const uint32_t *members, size_t n_members,
                     enum family family, size_t copies_max, struct source_plan *ret_plan,
                     uint32_t *ret_culprit);
void source_plan_clear(struct source_plan *plan);
