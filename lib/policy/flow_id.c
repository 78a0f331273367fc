/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The number that marks the connections of a flow. It is a digest of what the flow means, so that
 * a renamed flow keeps its connections and a changed one loses them, and so that two gateways with
 * one policy agree. 32 bits are few: where two flows of a policy meet, the one whose name comes
 * later is digested again with a counter, which depends on nothing but the policy.
 */

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "policy/resolver.h"

typedef crypto_generichash_state digest;

static void digest_number(digest *state, uint64_t number)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    crypto_generichash_update(state, bytes, sizeof(bytes));
}

static void digest_ranges(digest *state, const struct range_set *set)
{
    digest_number(state, set->n_ranges);
    for (size_t i = 0; i < set->n_ranges; i++) {
        uint8_t bytes[2 * 16];

        address_to_bytes(FAMILY_IPV6, set->ranges[i].first, bytes);
        address_to_bytes(FAMILY_IPV6, set->ranges[i].last, bytes + 16);
        crypto_generichash_update(state, bytes, sizeof(bytes));
    }
}

static bool names_gateway(const struct flow_end *ends, size_t n_ends)
{
    return ends[n_ends - 1].zone == ZONE_GATEWAY;
}

/*
 * The addresses of all ends together, by family: zones are disjoint, so nothing is lost, and it
 * does not matter what zones are called or where they stand. The gateway is a mark of its own, and
 * where it is the other side, so are the zones that bring the addresses of their link with them.
 */
static int digest_ends(digest *state, const struct policy *policy, const struct flow *flow,
                       bool is_source)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t n_ends = is_source ? flow->n_from : flow->n_to;
    bool other =
        is_source ? names_gateway(flow->to, flow->n_to) : names_gateway(flow->from, flow->n_from);
    int r = 0;

    digest_number(state, names_gateway(ends, n_ends));
    for (enum family family = 0; family < FAMILIES; family++) {
        cleanup_(range_set_clear) struct range_set all = {0};

        for (size_t i = 0; r == 0 && i < n_ends; i++) {
            if (ends[i].zone != ZONE_GATEWAY)
                r = range_set_add_set(&all, &ends[i].addresses.by_family[family]);
        }
        if (r < 0)
            return r;
        digest_ranges(state, &all);
    }
    if (!other)
        return 0;

    for (size_t i = 0; i < n_ends; i++) {
        for (enum family family = 0; family < FAMILIES; family++) {
            cleanup_(range_set_clear) struct range_set extended = {0};

            if (ends[i].zone == ZONE_GATEWAY)
                continue;
            r = policy_end_addresses(policy, flow, &ends[i], is_source, ZONE_GATEWAY, family,
                                     &extended);
            if (r < 0)
                return r;
            if (!range_set_equal(&extended, &ends[i].addresses.by_family[family]))
                digest_ranges(state, &extended);
        }
    }
    return 0;
}

static int compare_services(const void *a, const void *b)
{
    const struct service_range *left = a, *right = b;

    if (left->families[FAMILY_IPV4] != right->families[FAMILY_IPV4])
        return left->families[FAMILY_IPV4] ? 1 : -1;
    if (left->families[FAMILY_IPV6] != right->families[FAMILY_IPV6])
        return left->families[FAMILY_IPV6] ? 1 : -1;
    if (left->protocol_first != right->protocol_first)
        return left->protocol_first < right->protocol_first ? -1 : 1;
    if (left->protocol_last != right->protocol_last)
        return left->protocol_last < right->protocol_last ? -1 : 1;
    return (left->port_first > right->port_first) - (left->port_first < right->port_first);
}

/* Melts sorted ranges that are one but for their ports. Returns how many are left. */
static size_t melt_services(struct service_range *ranges, size_t n_ranges)
{
    size_t n = 0;

    for (size_t i = 1; i < n_ranges; i++) {
        struct service_range same = ranges[i];

        same.port_first = ranges[n].port_first;
        if (compare_services(&ranges[n], &same) == 0 &&
            ranges[i].port_first <= (unsigned)ranges[n].port_last + 1) {
            if (ranges[i].port_last > ranges[n].port_last)
                ranges[n].port_last = ranges[i].port_last;
        } else {
            ranges[++n] = ranges[i];
        }
    }
    return n_ranges == 0 ? 0 : n + 1;
}

static int digest_services(digest *state, const struct policy *policy, const struct flow *flow)
{
    cleanup_(freep) struct service_range *ranges = NULL;
    size_t n_ranges = 0;

    for (size_t i = 0; i < flow->n_services; i++)
        n_ranges += policy->services[flow->services[i]].n_ranges;
    ranges = calloc(n_ranges, sizeof(*ranges));
    if (!ranges)
        return -ENOMEM;

    n_ranges = 0;
    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];

        memcpy(ranges + n_ranges, service->ranges, service->n_ranges * sizeof(*ranges));
        n_ranges += service->n_ranges;
    }
    qsort(ranges, n_ranges, sizeof(*ranges), compare_services);
    n_ranges = melt_services(ranges, n_ranges);

    digest_number(state, n_ranges);
    for (size_t i = 0; i < n_ranges; i++) {
        const uint8_t bytes[] = {
            ranges[i].families[FAMILY_IPV4],
            ranges[i].families[FAMILY_IPV6],
            ranges[i].protocol_first,
            ranges[i].protocol_last,
            (uint8_t)(ranges[i].port_first >> 8),
            (uint8_t)ranges[i].port_first,
            (uint8_t)(ranges[i].port_last >> 8),
            (uint8_t)ranges[i].port_last,
        };

        crypto_generichash_update(state, bytes, sizeof(bytes));
    }
    return 0;
}

/* Everything about the flow; the counter is put behind it later. */
static int digest_flow(digest *state, const struct policy *policy, const struct flow *flow)
{
    int r;

    crypto_generichash_init(state, NULL, 0, crypto_generichash_BYTES_MIN);
    r = digest_ends(state, policy, flow, true);
    if (r == 0)
        r = digest_ends(state, policy, flow, false);
    if (r == 0)
        r = digest_services(state, policy, flow);
    return r;
}

static uint32_t finish_digest(const digest *state, uint64_t counter)
{
    uint8_t bytes[crypto_generichash_BYTES_MIN];
    digest last = *state;

    digest_number(&last, counter);
    crypto_generichash_final(&last, bytes, sizeof(bytes));
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The ids that are taken: open addressing, at most half full; 0 is a free place. */
struct id_set {
    uint32_t *ids;
    size_t n_places; /* a power of two */
};

static bool id_set_add(struct id_set *set, uint32_t id)
{
    size_t place = id & (set->n_places - 1);

    if (id == 0)
        return false;

    while (set->ids[place] != 0) {
        if (set->ids[place] == id)
            return false;
        place = (place + 1) & (set->n_places - 1);
    }
    set->ids[place] = id;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const struct flow *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int assign_ids(const struct policy *policy, struct flow **flows, size_t n_flows)
{
    cleanup_(freep) uint32_t *ids = NULL;
    struct id_set taken = {.n_places = 64};
    int r;

    while (taken.n_places < 2 * n_flows)
        taken.n_places *= 2;
    ids = taken.ids = calloc(taken.n_places, sizeof(*taken.ids));
    if (!ids)
        return -ENOMEM;

    for (size_t i = 0; i < n_flows; i++) {
        uint64_t counter = 0;
        digest state;

        r = digest_flow(&state, policy, flows[i]);
        if (r < 0)
            return r;

        do
            flows[i]->id = finish_digest(&state, counter++);
        while (!id_set_add(&taken, flows[i]->id));
    }
    return 0;
}

int resolve_flow_ids(struct resolver *resolver)
{
    cleanup_(freep) struct flow **flows = calloc(resolver->n_flows + 1, sizeof(struct flow *));
    size_t n_flows = 0;

    if (!flows)
        return -ENOMEM;
    if (sodium_init() < 0)
        return -ENOMEM;

    for (size_t i = 0; i < resolver->n_flows; i++) {
        if (resolver->flows[i].enabled)
            flows[n_flows++] = &resolver->flows[i];
    }
    qsort(flows, n_flows, sizeof(struct flow *), compare_names);
    return assign_ids(resolver->policy, flows, n_flows);
}
