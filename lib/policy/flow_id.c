/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The number that marks the connections of a flow. It is a digest of what the flow means, so that
 * a renamed flow keeps its connections and a changed one loses them, and so that two gateways with
 * one policy agree. 32 bits are few, and who writes a policy can make two flows meet in them. So
 * each flow has a row of candidates and takes the first that no other flow had to pass or takes:
 * what one flow has is never among those that another goes back to when some flow is gone, and no
 * flow comes to own the open connections of one that was revoked.
 */

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/compare.h"
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

/* Whether the end is all addresses of the family, as `gateway` is. */
static bool is_all(const struct flow_end *end, enum family family)
{
    const struct range_set *set = &end->addresses.by_family[family];
    struct range all = family_all(family);

    return set->n_ranges == 1 && set->ranges[0].first == all.first &&
           set->ranges[0].last == all.last;
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
    bool other = is_source ? flow_ends_have_gateway(flow->to, flow->n_to)
                           : flow_ends_have_gateway(flow->from, flow->n_from);
    int r = 0;

    digest_number(state, flow_ends_have_gateway(ends, n_ends));
    for (enum family family = 0; family < FAMILIES; family++) {
        cleanup_(range_set_clear) struct range_set all = {0};

        for (size_t i = 0; r == 0 && i < n_ends; i++) {
            if (ends[i].zone != ZONE_GATEWAY || !is_all(&ends[i], family))
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

    return COMPARE(left->families[FAMILY_IPV4], right->families[FAMILY_IPV4])
               ?: COMPARE(left->families[FAMILY_IPV6], right->families[FAMILY_IPV6])
               ?: COMPARE(left->protocol_first, right->protocol_first)
               ?: COMPARE(left->protocol_last, right->protocol_last)
               ?: COMPARE(left->port_first, right->port_first);
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

const char *flow_content_format(const uint8_t content[FLOW_DIGEST_SIZE],
                                char buffer[2 * FLOW_DIGEST_SIZE + 1])
{
    return sodium_bin2hex(buffer, 2 * FLOW_DIGEST_SIZE + 1, content, FLOW_DIGEST_SIZE);
}

/* Everything about the flow, and the first of its candidates. */
static int digest_flow(const struct policy *policy, struct flow *flow)
{
    digest state;
    int r;

    crypto_generichash_init(&state, NULL, 0, sizeof(flow->digest));
    r = digest_ends(&state, policy, flow, true);
    if (r == 0)
        r = digest_ends(&state, policy, flow, false);
    if (r == 0)
        r = digest_services(&state, policy, flow);
    if (r < 0)
        return r;

    digest_number(&state, 0);
    crypto_generichash_final(&state, flow->digest, sizeof(flow->digest));
    return 0;
}

/* A flow on its way along its candidates. */
struct candidate {
    struct flow *flow;
    uint32_t rank; /* among flows of equal content, by name: they would meet in every candidate */
    uint32_t step; /* how many candidates it passed */
    struct candidate *next; /* that has no id */
};

/* The lowest bits of a number, one for each bit of the mask, there. */
static uint32_t spread(uint32_t number, uint32_t mask)
{
    uint32_t result = 0;

    for (; mask != 0; mask &= mask - 1, number >>= 1)
        if (number & 1)
            result |= mask & -mask;
    return result;
}

static uint32_t candidate_id(const struct candidate *candidate, uint32_t mask)
{
    uint8_t bytes[FLOW_DIGEST_SIZE];
    uint32_t number;
    digest state;

    memcpy(bytes, candidate->flow->digest, sizeof(bytes));
    if (candidate->step > 0) {
        crypto_generichash_init(&state, NULL, 0, sizeof(bytes));
        crypto_generichash_update(&state, candidate->flow->digest, sizeof(bytes));
        digest_number(&state, (uint64_t)candidate->rank << 32 | candidate->step);
        crypto_generichash_final(&state, bytes, sizeof(bytes));
    }
    number =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return mask == 0 ? number : spread(number, mask);
}

/* An id that one flow has, or that several wanted and none has. */
struct claim {
    uint32_t id; /* 0: a free place */
    struct candidate *owner;
};

/* Open addressing, at most half full. */
struct claims {
    struct claim *places;
    size_t n_places; /* a power of two */
    size_t n_claims;
};

static void claims_clear(struct claims *claims)
{
    free(claims->places);
}

static struct claim *claims_find(const struct claims *claims, uint32_t id)
{
    size_t place = id & (claims->n_places - 1);

    while (claims->places[place].id != 0 && claims->places[place].id != id)
        place = (place + 1) & (claims->n_places - 1);
    return &claims->places[place];
}

/* Makes room for one claim more. */
static int claims_reserve(struct claims *claims)
{
    struct claims larger = {.n_places = claims->n_places > 0 ? 2 * claims->n_places : 64,
                            .n_claims = claims->n_claims};

    if (2 * (claims->n_claims + 1) <= claims->n_places)
        return 0;

    larger.places = calloc(larger.n_places, sizeof(*larger.places));
    if (!larger.places)
        return -ENOMEM;

    for (size_t i = 0; i < claims->n_places; i++) {
        if (claims->places[i].id != 0)
            *claims_find(&larger, claims->places[i].id) = claims->places[i];
    }
    claims_clear(claims);
    *claims = larger;
    return 0;
}

static void push(struct candidate **pending, struct candidate *candidate)
{
    candidate->next = *pending;
    *pending = candidate;
}

/* Each of the pending claims its next candidate; where it was claimed, both claim another. What
 * comes out does not depend on the order. */
static int settle(struct candidate *pending, uint32_t mask)
{
    cleanup_(claims_clear) struct claims claims = {0};

    while (pending) {
        struct candidate *candidate = pending;
        uint32_t id = candidate_id(candidate, mask);
        struct claim *claim;
        int r = claims_reserve(&claims);

        if (r < 0)
            return r;

        claim = claims_find(&claims, id);
        if (id != 0 && claim->id == 0) {
            *claim = (struct claim){id, candidate};
            claims.n_claims++;
            candidate->flow->id = id;
            pending = candidate->next;
            continue;
        }

        candidate->step++;
        if (id != 0 && claim->owner) {
            claim->owner->step++;
            push(&pending, claim->owner);
            claim->owner = NULL;
        }
    }
    return 0;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct flow *left = ((const struct candidate *)a)->flow;
    const struct flow *right = ((const struct candidate *)b)->flow;
    int result = memcmp(left->digest, right->digest, sizeof(left->digest));

    return result != 0 ? result : strcmp(left->name, right->name);
}

int resolve_flow_ids(struct resolver *resolver)
{
    cleanup_(freep) struct candidate *candidates =
        calloc(resolver->n_flows + 1, sizeof(struct candidate));
    struct candidate *pending = NULL;
    uint32_t mask = resolver->policy->mark_mask;
    size_t n = 0;
    int r;

    if (!candidates)
        return -ENOMEM;
    if (sodium_init() < 0)
        return -ENOMEM;

    for (size_t i = 0; i < resolver->n_flows; i++) {
        r = digest_flow(resolver->policy, &resolver->flows[i]);
        if (r < 0)
            return r;
        if (resolver->flows[i].enabled)
            candidates[n++].flow = &resolver->flows[i];
    }

    qsort(candidates, n, sizeof(*candidates), compare_candidates);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && memcmp(candidates[i].flow->digest, candidates[i - 1].flow->digest,
                            FLOW_DIGEST_SIZE) == 0)
            candidates[i].rank = candidates[i - 1].rank + 1;
        push(&pending, &candidates[i]);
    }
    if (mask != 0 && n * POLICY_MARKS_PER_FLOW > (size_t)1 << __builtin_popcount(mask))
        return report_error(
            &resolver->report, "too-many", resolver->draft->gateway->mark_mask->location,
            "leave more bits to segd", "`mark-mask` has room for %zu flows, and %zu are enabled",
            ((size_t)1 << __builtin_popcount(mask)) / POLICY_MARKS_PER_FLOW, n);
    return settle(pending, mask);
}
