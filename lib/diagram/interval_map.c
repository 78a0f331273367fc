/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Adding is a binary search for the first interval that the new range meets, and then filling the
 * gaps from there on. So "the first flow owns it" needs no comparison of flows: it has been added
 * before.
 */

#include "diagram/interval_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void interval_map_clear(struct interval_map *map)
{
    free(map->intervals);
    *map = (struct interval_map){0};
}

static int interval_map_insert(struct interval_map *map, size_t position, struct range range,
                               uint32_t flow)
{
    return array_insert(&map->intervals, &map->n_intervals, &map->capacity, position,
                        &(struct interval){range, flow}, sizeof(struct interval));
}

int interval_map_add(struct interval_map *map, struct range range, uint32_t flow,
                     struct overlaps *overlaps)
{
    size_t i = ranges_find(map->intervals, map->n_intervals, sizeof(*map->intervals), range.first);
    int r;

    for (; i < map->n_intervals && map->intervals[i].range.first <= range.last; i++) {
        struct interval there = map->intervals[i];

        overlaps_note(overlaps, flow, there.flow);
        if (there.range.first > range.first) {
            r = interval_map_insert(map, i, (struct range){range.first, there.range.first - 1},
                                    flow);
            if (r < 0)
                return r;
            i++;
        }
        if (there.range.last >= range.last)
            return 0;
        range.first = there.range.last + 1;
    }
    return interval_map_insert(map, i, range, flow);
}

bool interval_map_equal(const struct interval_map *a, const struct interval_map *b)
{
    if (a->n_intervals != b->n_intervals)
        return false;

    for (size_t i = 0; i < a->n_intervals; i++) {
        if (a->intervals[i].range.first != b->intervals[i].range.first ||
            a->intervals[i].range.last != b->intervals[i].range.last ||
            a->intervals[i].flow != b->intervals[i].flow)
            return false;
    }
    return true;
}
