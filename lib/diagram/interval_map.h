/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "diagram/overlaps.h"

/*
 * Which flow owns each value of one axis. Intervals are sorted and disjoint; flows are added in
 * their order, and what has an owner keeps it. A zeroed structure is an empty map.
 */
struct interval {
    struct range range;
    uint32_t flow;
};

struct interval_map {
    struct interval *intervals;
    size_t n_intervals;
    size_t capacity;
};

/* Gives the flow those values of the range that have no owner, and notes the owners of the others
 * as winners over it. 0 or -ENOMEM. */
int interval_map_add(struct interval_map *map, struct range range, uint32_t flow,
                     struct overlaps *overlaps);
bool interval_map_equal(const struct interval_map *a, const struct interval_map *b);
void interval_map_clear(struct interval_map *map);
