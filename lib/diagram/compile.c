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

    r = shadowed_report(&build.overlaps, diagram, by_file, diagnostics);
    if (r < 0)
        return r;

    *ret_diagram = TAKE_PTR(diagram);
    return 0;
}
