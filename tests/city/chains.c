/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chains of flows: A may call B, and B may call C, so what A holds can come to C, although no flow
 * leads from A to C. This is how a shared management network joins what is kept apart.
 */

#include <check.h>

#include "chains.h"

bool address_set_includes(const struct address_set *set, const struct address_set *other)
{
    return range_set_includes(&set->by_family[FAMILY_IPV4], &other->by_family[FAMILY_IPV4]) &&
           range_set_includes(&set->by_family[FAMILY_IPV6], &other->by_family[FAMILY_IPV6]);
}

bool address_set_overlaps(const struct address_set *set, const struct address_set *other)
{
    return range_set_overlaps(&set->by_family[FAMILY_IPV4], &other->by_family[FAMILY_IPV4]) ||
           range_set_overlaps(&set->by_family[FAMILY_IPV6], &other->by_family[FAMILY_IPV6]);
}

static void add_set(struct address_set *set, const struct address_set *other)
{
    for (enum family family = 0; family < FAMILIES; family++)
        ck_assert_int_eq(range_set_add_set(&set->by_family[family], &other->by_family[family]), 0);
}

static bool end_is_reached(const struct chains *chains, const struct flow_end *ends, size_t n_ends)
{
    for (size_t i = 0; i < n_ends; i++) {
        if (ends[i].zone == ZONE_GATEWAY) {
            if (chains->gateway)
                return true;
        } else if (address_set_overlaps(&chains->reached, &ends[i].addresses)) {
            return true;
        }
    }
    return false;
}

/* Returns whether something was added. */
static bool reach_end(struct chains *chains, const struct flow_end *ends, size_t n_ends)
{
    bool added = false;

    for (size_t i = 0; i < n_ends; i++) {
        if (ends[i].zone == ZONE_GATEWAY) {
            added = added || !chains->gateway;
            chains->gateway = true;
        } else if (!address_set_includes(&chains->reached, &ends[i].addresses)) {
            add_set(&chains->reached, &ends[i].addresses);
            added = true;
        }
    }
    return added;
}

static bool follow_flow(struct chains *chains, const struct flow *flow,
                        enum chain_direction direction)
{
    bool added = false;

    if (!flow->enabled)
        return false;
    if (end_is_reached(chains, flow->from, flow->n_from))
        added = reach_end(chains, flow->to, flow->n_to);
    if (direction == CHAIN_EITHER_WAY && end_is_reached(chains, flow->to, flow->n_to))
        added = reach_end(chains, flow->from, flow->n_from) || added;
    return added;
}

void chains_follow(const struct policy *policy, enum zone_class from,
                   enum chain_direction direction, struct chains *ret_chains)
{
    bool added;

    *ret_chains = (struct chains){0};
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].class == from)
            add_set(&ret_chains->reached, &policy->zones[i].addresses);

    do {
        added = false;
        for (size_t i = 0; i < policy->n_flows; i++)
            added = follow_flow(ret_chains, &policy->flows[i], direction) || added;
    } while (added);
}

void chains_clear(struct chains *chains)
{
    for (enum family family = 0; family < FAMILIES; family++)
        range_set_clear(&chains->reached.by_family[family]);
}

/* A flow that a chain enters the zone by, or NULL. */
static const struct flow *find_entry(const struct chains *chains, const struct policy *policy,
                                     const struct zone *zone)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        for (size_t j = 0; flow->enabled && j < flow->n_to; j++)
            if (flow->to[j].zone != ZONE_GATEWAY &&
                address_set_overlaps(&zone->addresses, &flow->to[j].addresses) &&
                address_set_overlaps(&chains->reached, &flow->to[j].addresses))
                return flow;
    }
    return NULL;
}

void chains_assert_not_reached(const struct chains *chains, const struct policy *policy,
                               const struct zone *zone)
{
    const struct flow *entry = find_entry(chains, policy, zone);

    ck_assert_msg(!address_set_overlaps(&chains->reached, &zone->addresses),
                  "a chain of flows leads to %s (%s)", zone->name,
                  entry ? entry->name : "backward");
}
