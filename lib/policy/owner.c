/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who owns an address: the ranges of all zones in one sorted array per family. Asked for each host,
 * each expectation, and each packet that is explained or rehearsed.
 */

#include <errno.h>
#include <stdlib.h>

#include "policy/resolver.h"
#include "policy/store.h"

static int compare_ranges(const void *a, const void *b)
{
    const struct zone_range *left = a, *right = b;

    return (left->range.first > right->range.first) - (left->range.first < right->range.first);
}

int resolve_owners(struct resolver *resolver)
{
    struct policy_store *store = (struct policy_store *)resolver->policy;

    for (enum family family = 0; family < FAMILIES; family++) {
        struct zone_range *ranges;
        size_t n_ranges = 0;

        for (size_t i = 0; i < resolver->n_zones; i++)
            n_ranges += resolver->zones[i].addresses.by_family[family].n_ranges;
        ranges = arena_allocate(resolver->arena, n_ranges * sizeof(*ranges));
        if (!ranges)
            return -ENOMEM;

        n_ranges = 0;
        for (size_t i = 0; i < resolver->n_zones; i++) {
            const struct range_set *set = &resolver->zones[i].addresses.by_family[family];

            for (size_t j = 0; j < set->n_ranges; j++)
                ranges[n_ranges++] = (struct zone_range){set->ranges[j], i};
        }
        if (n_ranges > 1)
            qsort(ranges, n_ranges, sizeof(*ranges), compare_ranges);

        store->zone_ranges[family] = ranges;
        store->n_zone_ranges[family] = n_ranges;
    }
    return 0;
}

bool policy_zone_of_address(const struct policy *policy, enum family family, ip_number address,
                            size_t *ret_zone)
{
    const struct policy_store *store = (const struct policy_store *)policy;
    const struct zone_range *ranges = store->zone_ranges[family];
    size_t low = 0, high = store->n_zone_ranges[family];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ranges[middle].range.last < address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == store->n_zone_ranges[family] || ranges[low].range.first > address)
        return false;

    *ret_zone = ranges[low].zone;
    return true;
}
