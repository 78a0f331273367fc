/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The part of a policy that the daemon keeps in memory: a policy of 50,000 flows is tens of
 * megabytes, and to isolate a zone one needs its interfaces, networks and who owns an address.
 * The copy shares nothing with the policy, which can be freed at once.
 */

#include <errno.h>
#include <stdlib.h>

#include "policy/store.h"
#include "policy/texts.h"

/* NULL stays NULL. */
static int copy_text(struct arena *arena, const char *text, const char **ret_text)
{
    *ret_text = text ? arena_string(arena, text) : NULL;
    return text && !*ret_text ? -ENOMEM : 0;
}

static int copy_names(struct arena *arena, const char *const *names, size_t n_names,
                      const char *const **ret_names)
{
    const char **copy = arena_allocate(arena, n_names * sizeof(*copy));

    if (!copy)
        return -ENOMEM;

    for (size_t i = 0; i < n_names; i++) {
        if (copy_text(arena, names[i], &copy[i]) < 0)
            return -ENOMEM;
    }
    *ret_names = copy;
    return 0;
}

static int copy_addresses(struct arena *arena, struct address_set *addresses)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        struct range_set *set = &addresses->by_family[family];

        set->ranges = arena_copy(arena, set->ranges, set->n_ranges * sizeof(*set->ranges));
        set->capacity = set->n_ranges;
        if (!set->ranges)
            return -ENOMEM;
    }
    return 0;
}

static int copy_zone(struct arena *arena, const struct zone *zone, struct zone *ret_zone)
{
    *ret_zone = *zone;
    if (copy_text(arena, zone->name, &ret_zone->name) < 0 ||
        copy_text(arena, zone->label, &ret_zone->label) < 0 ||
        copy_names(arena, zone->interfaces, zone->n_interfaces, &ret_zone->interfaces) < 0)
        return -ENOMEM;
    return copy_addresses(arena, &ret_zone->addresses);
}

static int copy_segment(struct arena *arena, const struct segment *segment,
                        struct segment *ret_segment)
{
    *ret_segment = *segment;
    ret_segment->zones =
        arena_copy(arena, segment->zones, segment->n_zones * sizeof(*segment->zones));
    if (!ret_segment->zones || copy_text(arena, segment->name, &ret_segment->name) < 0)
        return -ENOMEM;
    return copy_names(arena, segment->interfaces, segment->n_interfaces, &ret_segment->interfaces);
}

static int copy_zones(struct arena *arena, const struct policy *policy, struct policy *outline)
{
    struct zone *zones = arena_allocate(arena, policy->n_zones * sizeof(*zones));
    struct segment *segments = arena_allocate(arena, policy->n_segments * sizeof(*segments));
    int r;

    if (!zones || !segments)
        return -ENOMEM;

    for (size_t i = 0; i < policy->n_zones; i++) {
        r = copy_zone(arena, &policy->zones[i], &zones[i]);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < policy->n_segments; i++) {
        r = copy_segment(arena, &policy->segments[i], &segments[i]);
        if (r < 0)
            return r;
    }

    outline->zones = zones;
    outline->n_zones = policy->n_zones;
    outline->segments = segments;
    outline->n_segments = policy->n_segments;
    return 0;
}

static int copy_owners(struct arena *arena, const struct policy_store *store,
                       struct policy_store *outline)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        outline->n_zone_ranges[family] = store->n_zone_ranges[family];
        outline->zone_ranges[family] =
            arena_copy(arena, store->zone_ranges[family],
                       store->n_zone_ranges[family] * sizeof(struct zone_range));
        if (!outline->zone_ranges[family])
            return -ENOMEM;
    }
    return 0;
}

int policy_outline(const struct policy *policy, struct policy **ret_outline)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct policy_store *outline;
    int r;

    r = arena_new(&arena);
    if (r < 0)
        return r;

    outline = arena_allocate(arena, sizeof(*outline));
    if (!outline)
        return -ENOMEM;

    outline->policy.gateway_protect = policy->gateway_protect;
    outline->policy.gateway_forwarding = policy->gateway_forwarding;
    r = copy_text(arena, policy->site, &outline->policy.site);
    if (r == 0)
        r = copy_text(arena, policy->timezone, &outline->policy.timezone);
    if (r == 0)
        r = copy_zones(arena, policy, &outline->policy);
    if (r == 0)
        r = copy_owners(arena, (const struct policy_store *)policy, outline);
    if (r < 0)
        return r;

    outline->arena = TAKE_PTR(arena);
    *ret_outline = &outline->policy;
    return 0;
}
