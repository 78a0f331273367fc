/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagram/class.h"
#include "diagram/diagram.h"

/*
 * The packets that each of `members` (indices of parts, ascending) owns, as disjoint boxes of
 * sources, destinations and services: what a part covers less what the parts before it cover.
 *
 * Calls `add` for each box, whose `flow` is that of the part. Returns 0, what `add` returned,
 * -E2BIG where more work would be needed than `build` has left (then its `culprit` is the flow at
 * hand), or -ENOMEM.
 */
int boxes_make(const uint32_t *members, size_t n_members, struct build *build,
               int (*add)(const struct range_row *box, void *userdata), void *userdata);
