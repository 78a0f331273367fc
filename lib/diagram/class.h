/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"
#include "diagram/overlaps.h"
#include "diagram/part.h"

/* What the pairs of a policy have in common while they are built, one after the other. */
struct build {
    struct parts parts; /* of the pair that is being built */
    struct overlaps overlaps;
    size_t rows_left; /* what the diagram may still grow by */
    size_t work_left; /* of sweeps: intervals to add, cells to write */
    uint32_t culprit; /* a flow among those that overlap most, where -E2BIG is returned */
};

static inline void build_clear(struct build *build)
{
    parts_clear(&build->parts);
    overlaps_clear(&build->overlaps);
}

/*
 * Fills the tables of a class: what its sources may reach, as disjoint (destination, service) boxes
 * of which each belongs to the first of `members` (indices of parts, ascending) that covers it.
 *
 * Where the class has a parent, what an earlier flow of the parent (or of its parents) owns is
 * subtracted, since the class is looked up first; the parents in `classes` are complete already.
 *
 * Returns 0, -E2BIG where more rows or work would be needed than is left, or -ENOMEM.
 */
int class_fill(struct class *class, const struct class *classes, const uint32_t *members,
               size_t n_members, struct build *build);
/* Moves rows of few points from the ranges to the exact ones: for a class that stays. 0 or -ENOMEM.
 */
int class_expand(struct class *class);
