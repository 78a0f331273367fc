/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Flows are unions of boxes: an end in a zone, an end in another, a range of services. Zones of one
 * policy are disjoint, so ends are compared by their addresses, and the gateway with itself. */

#include "answer/overlap.h"

#include "base/cleanup.h"

static int ends_overlap(const struct policy *policies[2], const struct flow *flows[2],
                        const struct flow_end *ends[2], const size_t others[2], bool is_source,
                        enum family family)
{
    cleanup_(range_set_clear) struct range_set a = {0};
    cleanup_(range_set_clear) struct range_set b = {0};
    int r;

    if (ends[0]->zone == ZONE_GATEWAY || ends[1]->zone == ZONE_GATEWAY)
        return ends[0]->zone == ends[1]->zone;
    if (policies[0] == policies[1] && ends[0]->zone != ends[1]->zone)
        return 0;
    r = policy_end_addresses(policies[0], flows[0], ends[0], is_source, others[0], family, &a);
    if (r == 0)
        r = policy_end_addresses(policies[1], flows[1], ends[1], is_source, others[1], family, &b);
    return r < 0 ? r : range_set_overlaps(&a, &b);
}

static bool services_overlap(const struct policy *policies[2], const struct flow *flows[2],
                             enum family family)
{
    for (size_t i = 0; i < flows[0]->n_services; i++) {
        const struct service *one = &policies[0]->services[flows[0]->services[i]];

        for (size_t j = 0; j < flows[1]->n_services; j++) {
            const struct service *two = &policies[1]->services[flows[1]->services[j]];

            for (size_t k = 0; k < one->n_ranges * two->n_ranges; k++) {
                const struct service_range *a = &one->ranges[k / two->n_ranges];
                const struct service_range *b = &two->ranges[k % two->n_ranges];

                if (a->families[family] && b->families[family] &&
                    a->protocol_first <= b->protocol_last &&
                    b->protocol_first <= a->protocol_last && a->port_first <= b->port_last &&
                    b->port_first <= a->port_last)
                    return true;
            }
        }
    }
    return false;
}

/* The ends of two flows, by which an end of each is chosen. */
struct choice {
    const struct flow_end *ends[2];
    size_t zones[2];
};

static struct choice choose(const struct flow_end *ends, const struct flow_end *others,
                            size_t n_others, size_t i)
{
    struct choice choice = {{&ends[i / n_others], &others[i % n_others]}, {0}};

    for (size_t j = 0; j < 2; j++)
        choice.zones[j] = choice.ends[j]->zone;
    return choice;
}

static int boxes_overlap(const struct policy *policies[2], const struct flow *flows[2],
                         enum family family)
{
    const size_t n_from = flows[0]->n_from * flows[1]->n_from;
    const size_t n_to = flows[0]->n_to * flows[1]->n_to;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n_from; i++) {
        struct choice from = choose(flows[0]->from, flows[1]->from, flows[1]->n_from, i);

        for (size_t j = 0; r >= 0 && j < n_to; j++) {
            struct choice to = choose(flows[0]->to, flows[1]->to, flows[1]->n_to, j);

            r = ends_overlap(policies, flows, from.ends, to.zones, true, family);
            if (r == 0 && to.zones[0] != ZONE_GATEWAY && to.zones[1] != ZONE_GATEWAY)
                break;
            if (r > 0)
                r = ends_overlap(policies, flows, to.ends, from.zones, false, family);
            if (r > 0)
                return r;
        }
    }
    return r;
}

int flows_overlap(const struct policy *policy, const struct flow *flow,
                  const struct policy *other_policy, const struct flow *other)
{
    const struct policy *policies[2] = {policy, other_policy};
    const struct flow *flows[2] = {flow, other};
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        if (services_overlap(policies, flows, family))
            r = boxes_overlap(policies, flows, family);
    }
    return r;
}

static bool range_is_covered(const struct policy *policy, const struct flow *flow,
                             const struct service_range *range)
{
    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];

        for (size_t j = 0; j < service->n_ranges; j++) {
            const struct service_range *r = &service->ranges[j];

            if ((r->families[FAMILY_IPV4] || !range->families[FAMILY_IPV4]) &&
                (r->families[FAMILY_IPV6] || !range->families[FAMILY_IPV6]) &&
                r->protocol_first <= range->protocol_first &&
                r->protocol_last >= range->protocol_last && r->port_first <= range->port_first &&
                r->port_last >= range->port_last)
                return true;
        }
    }
    return false;
}

static bool services_are_covered(const struct policy *policy, const struct flow *flow,
                                 const struct flow *other)
{
    for (size_t i = 0; i < other->n_services; i++) {
        const struct service *service = &policy->services[other->services[i]];

        for (size_t j = 0; j < service->n_ranges; j++) {
            if (!range_is_covered(policy, flow, &service->ranges[j]))
                return false;
        }
    }
    return true;
}

/* Whether the end of the other flow, towards this zone, lies in the end of the flow. */
static int end_is_covered(const struct policy *policy, const struct flow *flow,
                          const struct flow *other, const struct flow_end *end, bool is_source,
                          size_t towards)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t i = 0, n = is_source ? flow->n_from : flow->n_to;
    int r = 1;

    while (i < n && ends[i].zone != end->zone)
        i++;
    if (i == n)
        return 0;
    for (enum family family = 0; r > 0 && family < FAMILIES; family++) {
        cleanup_(range_set_clear) struct range_set a = {0};
        cleanup_(range_set_clear) struct range_set b = {0};

        r = policy_end_addresses(policy, flow, &ends[i], is_source, towards, family, &a);
        if (r == 0)
            r = policy_end_addresses(policy, other, end, is_source, towards, family, &b);
        if (r == 0)
            r = range_set_includes(&a, &b);
    }
    return r;
}

int flow_covers(const struct policy *policy, const struct flow *flow, const struct flow *other)
{
    int r = services_are_covered(policy, flow, other);

    for (size_t i = 0; r > 0 && i < other->n_from; i++) {
        for (size_t j = 0; r > 0 && j < other->n_to; j++) {
            const struct flow_end *from = &other->from[i], *to = &other->to[j];

            r = end_is_covered(policy, flow, other, from, true, to->zone);
            if (r > 0)
                r = end_is_covered(policy, flow, other, to, false, from->zone);
        }
    }
    return r;
}
