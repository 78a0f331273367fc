/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The part of a policy that the daemon keeps in memory: a policy of 50,000 flows is tens of
 * megabytes, and to isolate a zone one needs its interfaces and networks, who owns an address, and
 * the marks of flows that are kept.
 * The copy shares nothing with the policy, which can be freed at once.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store.h"
#include "policy/texts.h"

/* The functions below take a copy that still points to the policy, and copy what it points to. */
static int copy_names(struct arena *arena, const char *const **names, size_t n_names)
{
    const char **copy = arena_copy(arena, *names, n_names * sizeof(*copy));

    if (!copy)
        return -ENOMEM;

    for (size_t i = 0; i < n_names; i++) {
        if (arena_keep_string(arena, &copy[i]) < 0)
            return -ENOMEM;
    }
    *names = copy;
    return 0;
}

static int copy_zone(struct arena *arena, struct zone *zone)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        struct range_set *set = &zone->addresses.by_family[family];

        set->ranges = arena_copy(arena, set->ranges, set->n_ranges * sizeof(*set->ranges));
        set->capacity = set->n_ranges;
        if (!set->ranges)
            return -ENOMEM;
    }
    if (arena_keep_string(arena, &zone->name) < 0 || arena_keep_string(arena, &zone->label) < 0)
        return -ENOMEM;
    return copy_names(arena, &zone->interfaces, zone->n_interfaces);
}

static int copy_segment(struct arena *arena, struct segment *segment)
{
    segment->zones = arena_copy(arena, segment->zones, segment->n_zones * sizeof(*segment->zones));
    if (!segment->zones || arena_keep_string(arena, &segment->name) < 0)
        return -ENOMEM;
    return copy_names(arena, &segment->interfaces, segment->n_interfaces);
}

static int copy_zones(struct arena *arena, struct policy *outline)
{
    struct zone *zones = arena_copy(arena, outline->zones, outline->n_zones * sizeof(*zones));
    struct segment *segments =
        arena_copy(arena, outline->segments, outline->n_segments * sizeof(*segments));
    int r = zones && segments ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < outline->n_zones; i++)
        r = copy_zone(arena, &zones[i]);
    for (size_t i = 0; r == 0 && i < outline->n_segments; i++)
        r = copy_segment(arena, &segments[i]);

    outline->zones = zones;
    outline->segments = segments;
    return r;
}

/* Names and addresses: all that findings tell of a host. */
static int copy_hosts(struct arena *arena, struct policy *outline)
{
    struct host *hosts = arena_copy(arena, outline->hosts, outline->n_hosts * sizeof(*hosts));
    int r = hosts ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < outline->n_hosts; i++) {
        r = arena_keep_string(arena, &hosts[i].name);
        hosts[i].label = hosts[i].name;
        hosts[i].addresses = arena_copy(arena, hosts[i].addresses,
                                        hosts[i].n_addresses * sizeof(*hosts[i].addresses));
        if (!hosts[i].addresses)
            r = -ENOMEM;
    }
    outline->hosts = hosts;
    return r;
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

static int copy_marks(struct arena *arena, const struct policy *policy, struct policy *outline)
{
    struct flow_mark *marks = arena_allocate(arena, policy->n_flows * sizeof(*marks));

    if (!marks)
        return -ENOMEM;
    outline->marks = marks;
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (!flow->enabled)
            continue;
        marks[outline->n_marks].id = flow->id;
        memcpy(marks[outline->n_marks++].digest, flow->digest, sizeof(flow->digest));
    }
    return 0;
}

int policy_outline_in(const struct policy *policy, struct arena *arena, struct policy **ret_outline)
{
    struct policy_store *outline = arena_allocate(arena, sizeof(*outline));
    int r;

    if (!outline)
        return -ENOMEM;

    outline->policy = (struct policy){
        .site = policy->site,
        .timezone = policy->timezone,
        .gateway_protect = policy->gateway_protect,
        .gateway_forwarding = policy->gateway_forwarding,
        .mark_mask = policy->mark_mask,
        .zones = policy->zones,
        .n_zones = policy->n_zones,
        .segments = policy->segments,
        .n_segments = policy->n_segments,
        .hosts = policy->hosts,
        .n_hosts = policy->n_hosts,
    };
    r = arena_keep_string(arena, &outline->policy.site);
    if (r == 0)
        r = arena_keep_string(arena, &outline->policy.timezone);
    if (r == 0)
        r = copy_zones(arena, &outline->policy);
    if (r == 0)
        r = copy_hosts(arena, &outline->policy);
    if (r == 0)
        r = copy_owners(arena, (const struct policy_store *)policy, outline);
    if (r == 0)
        r = copy_marks(arena, policy, &outline->policy);
    if (r < 0)
        return r;

    *ret_outline = &outline->policy;
    return 0;
}

int policy_outline(const struct policy *policy, struct policy **ret_outline)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct policy *outline = NULL;
    int r = arena_new(&arena);

    if (r == 0)
        r = policy_outline_in(policy, arena, &outline);
    if (r != 0)
        return r;

    ((struct policy_store *)outline)->arena = TAKE_PTR(arena);
    *ret_outline = outline;
    return 0;
}
