/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A plain array per family, sorted at the end. The result has the normal form of a set: sorted,
 * disjoint and not adjacent, so that equal content has equal ranges whatever the order of writing.
 */

#include "policy/collection.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"

int collection_add(struct collection *collection, enum family family, struct range range)
{
    return array_append(&collection->ranges[family], &collection->n_ranges[family],
                        &collection->capacities[family], &range, sizeof(range));
}

int collection_add_set(struct collection *collection, const struct address_set *set)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        const struct range_set *more = &set->by_family[family];

        if (array_append_all(&collection->ranges[family], &collection->n_ranges[family],
                             &collection->capacities[family], more->ranges, more->n_ranges,
                             sizeof(*more->ranges)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    return COMPARE(left->first, right->first);
}

/* Melts sorted ranges that overlap or touch, in place. Returns how many are left. */
static size_t melt(struct range *ranges, size_t n_ranges)
{
    size_t n = 0;

    for (size_t i = 1; i < n_ranges; i++) {
        if (ranges[n].last == ~(ip_number)0 || ranges[i].first <= ranges[n].last + 1) {
            if (ranges[i].last > ranges[n].last)
                ranges[n].last = ranges[i].last;
        } else {
            ranges[++n] = ranges[i];
        }
    }
    return n_ranges == 0 ? 0 : n + 1;
}

int collection_finish(struct collection *collection, struct arena *arena,
                      struct address_set *ret_set)
{
    struct address_set set = {0};

    for (enum family family = 0; family < FAMILIES; family++) {
        struct range *ranges = collection->ranges[family];
        size_t n_ranges = collection->n_ranges[family];

        if (n_ranges == 0)
            continue;

        qsort(ranges, n_ranges, sizeof(*ranges), compare_ranges);
        n_ranges = melt(ranges, n_ranges);
        ranges = arena_copy(arena, ranges, n_ranges * sizeof(*ranges));
        if (!ranges)
            return -ENOMEM;
        set.by_family[family] = (struct range_set){ranges, n_ranges, n_ranges};
    }

    *ret_set = set;
    return 0;
}

void collection_clear(struct collection *collection)
{
    for (enum family family = 0; family < FAMILIES; family++)
        free(collection->ranges[family]);
    *collection = (struct collection){0};
}
