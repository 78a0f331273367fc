/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a policy to its diagram at an instant: the flows are put in the order in which they own
 * packets, the diagram is built, and it is reported which flows lost packets to others.
 */

#include <errno.h>
#include <stdlib.h>

#include "diagram/assemble.h"
#include "diagram/shadowed.h"

static int report_too_big(const struct policy *policy, uint32_t culprit,
                          struct diagnostics *diagnostics)
{
    int r = diagnostics_add(
        diagnostics, SEVERITY_ERROR, "too-entangled", policy->flows[culprit].location,
        "give flows with overlapping ranges of addresses the same services, or narrower ranges",
        "flow `%s` and others overlap so much that the policy needs more than %zu rows, "
        "or too long to compile",
        policy->flows[culprit].name, DIAGRAM_ROWS_MAX);

    return r < 0 ? r : -E2BIG;
}

static int report_too_many_ways(struct location location, const char *what,
                                struct diagnostics *diagnostics)
{
    int r = diagnostics_add(
        diagnostics, SEVERITY_ERROR, "too-many-ways", location,
        "join links of one zone in a bridge, or divide the zones among several gateways",
        "%s of this zone and those before go by more than %d pairs of interfaces", what,
        DIAGRAM_WAYS_MAX);

    return r < 0 ? r : -E2BIG;
}

static size_t count_interfaces(const struct policy *policy, size_t segment)
{
    return segment == ZONE_GATEWAY ? 1 : policy->segments[segment].n_interfaces;
}

/* Pairs of interfaces, of either family and of `reject`, that are no more than the kernel shall
 * hold. */
static int check_ways(const struct diagram *diagram, struct diagnostics *diagnostics)
{
    const struct policy *policy = diagram->policy;
    size_t n[FAMILIES] = {0}, n_rejects = 0;

    for (size_t i = 0; i < diagram->n_pairs; i++) {
        const struct pair *pair = &diagram->pairs[i];
        size_t segment = pair->from == ZONE_GATEWAY ? pair->to : pair->from;

        n[pair->family] +=
            count_interfaces(policy, pair->from) * count_interfaces(policy, pair->to);
        if (n[pair->family] > DIAGRAM_WAYS_MAX)
            return report_too_many_ways(policy->zones[policy->segments[segment].zones[0]].location,
                                        "flows", diagnostics);
    }
    for (size_t i = 0; i < policy->n_rejects; i++) {
        const struct reject *reject = &policy->rejects[i];

        n_rejects += policy->zones[reject->from].n_interfaces *
                     (reject->to == ZONE_GATEWAY ? 1 : policy->zones[reject->to].n_interfaces);
        if (n_rejects > DIAGRAM_WAYS_MAX)
            return report_too_many_ways(policy->zones[reject->from].location, "pairs in `reject`",
                                        diagnostics);
    }
    return 0;
}

/* The enabled flows by rank, within a rank in file order. */
static size_t order_flows(const struct policy *policy, const struct flow_states *states,
                          uint32_t *order)
{
    size_t n = 0;

    for (enum flow_rank rank = 0; rank < FLOW_RANKS; rank++) {
        for (uint32_t i = 0; i < policy->n_flows; i++) {
            if (policy->flows[i].enabled && flow_states_rank(states, &policy->flows[i]) == rank)
                order[n++] = i;
        }
    }
    return n;
}

int diagram_new(const struct policy *policy, const struct flow_states *states,
                struct diagnostics *diagnostics, struct diagram **ret_diagram)
{
    cleanup_(build_clear) struct build build = {
        .rows_left = DIAGRAM_ROWS_MAX,
        .work_left = DIAGRAM_WORK_MAX,
    };
    cleanup_(diagram_freep) struct diagram *diagram = NULL, *by_file = NULL;
    cleanup_(freep) uint32_t *order = calloc(policy->n_flows + 1, sizeof(*order));
    int r = order ? overlaps_init(&build.overlaps, policy->n_flows) : -ENOMEM;

    if (r < 0)
        return r;

    r = diagram_assemble(policy, order, order_flows(policy, states, order), &build, &diagram,
                         &by_file);
    if (r == -E2BIG)
        return report_too_big(policy, build.culprit, diagnostics);
    if (r < 0)
        return r;

    r = check_ways(diagram, diagnostics);
    if (r < 0)
        return r;

    r = shadowed_report(&build.overlaps, diagram, by_file, diagnostics);
    if (r < 0)
        return r;

    *ret_diagram = TAKE_PTR(diagram);
    return 0;
}
