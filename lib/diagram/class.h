/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"
#include "diagram/overlap.h"
#include "diagram/part.h"

/* What a policy may still cost, all its pairs together. */
struct budget {
    size_t rows; /* of the diagram */
    size_t work; /* of sweeps: intervals to add, cells to write */
};

/*
 * Fills the tables of a class: what its sources may reach, as disjoint (destination, service) boxes
 * of which each belongs to the first of `members` (indices of parts, ascending) that covers it.
 *
 * Where the class has a parent, what an earlier flow of the parent (or of its parents) owns is
 * subtracted, since the class is looked up first; the parents in `classes` are complete already.
 *
 * Returns 0, -E2BIG where the budget is not enough (then `*ret_culprit` is a flow in the thick of
 * it), or -ENOMEM.
 */
int class_fill(struct class *class, const struct class *classes, const struct parts *parts,
               const uint32_t *members, size_t n_members, struct overlaps *overlaps,
               struct budget *budget, uint32_t *ret_culprit);
/* Moves rows of few points from the ranges to the exact ones: for a class that stays. 0 or -ENOMEM.
 */
int class_expand(struct class *class);
