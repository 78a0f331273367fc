/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is told about flows that cover the same packets. All of it is about the policy files: a flow
 * that is an error today is one tomorrow, and a policy that was applied does not become wrong by
 * time.
 */

#include "diagram/shadowed.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "diagram/lives.h"
#include "diagram/owners.h"

static int report_overlap(const struct flow *flow, const struct flow *earlier,
                          struct diagnostics *diagnostics)
{
    const struct flow *first = earlier->expires < flow->expires ? earlier : flow;
    char until[DATE_TEXT_MAX] = "";

    if (first->has_expires)
        date_format_iso(first->expires_date, until);
    return diagnostics_add(diagnostics, SEVERITY_WARNING, "overlap", flow->location,
                           "what both cover belongs to the earlier flow while that one is live: "
                           "its approval and counters apply",
                           "flow `%s` overlaps the earlier flow `%s`%s%s", flow->name,
                           earlier->name, first->has_expires ? " until " : "", until);
}

static int report_flow(const struct policy *policy, uint32_t loser, uint32_t winner, bool left,
                       struct diagnostics *diagnostics)
{
    const struct flow *flow = &policy->flows[loser], *earlier = &policy->flows[winner];
    int r;

    if (left && !schedule_meets(flow->schedule, earlier->schedule))
        return 0;
    if (left)
        r = report_overlap(flow, earlier, diagnostics);
    else
        r = diagnostics_add(diagnostics, SEVERITY_ERROR, "shadowed", flow->location,
                            "remove one of them, or put this flow before the other",
                            "flow `%s` can never apply: earlier flows cover all of it", flow->name);
    if (r < 0)
        return r;
    return diagnostics_relate(diagnostics, earlier->location, "the earlier flow `%s`",
                              earlier->name);
}

static int report_unsettled(const struct policy *policy, uint32_t first, size_t n_flows,
                            struct diagnostics *diagnostics)
{
    return diagnostics_add(
        diagnostics, SEVERITY_WARNING, "overlap-unsettled", policy->flows[first].location,
        "give flows with overlapping ranges of addresses the same services, or narrower ranges",
        "flows overlap so much that it is not known whether `%s` and %zu more can ever apply",
        policy->flows[first].name, n_flows - 1);
}

/* Reports each flow that lost packets as `owns` says of it. */
static int report_losers(const struct overlaps *overlaps, const struct policy *policy,
                         const bool owns[], bool settled, struct diagnostics *diagnostics)
{
    uint32_t first_unsettled = NO_FLOW;
    size_t n_unsettled = 0, n_shadowed = 0;

    for (uint32_t i = 0; i < overlaps->n_flows; i++) {
        int r;

        if (overlaps->winners[i] == NO_FLOW || policy->flows[i].implicit)
            continue;

        r = report_flow(policy, i, overlaps->winners[i], owns[i] || !settled, diagnostics);
        if (r < 0)
            return r;
        if (owns[i])
            continue;
        if (settled)
            n_shadowed++;
        else if (n_unsettled++ == 0)
            first_unsettled = i;
    }

    if (n_unsettled > 0) {
        int r = report_unsettled(policy, first_unsettled, n_unsettled, diagnostics);

        if (r < 0)
            return r;
    }
    return n_shadowed > 0 ? -EBADMSG : 0;
}

int shadowed_report(struct overlaps *overlaps, const struct diagram *diagram,
                    const struct diagram *by_file, struct diagnostics *diagnostics)
{
    cleanup_(freep) bool *owns = calloc(overlaps->n_flows + 1, sizeof(*owns));
    size_t steps = OWNER_STEPS_MAX;
    int r;

    if (!owns)
        return -ENOMEM;

    for (size_t i = 0; i < overlaps->n_flows; i++)
        owns[i] = overlaps->winners[i] == NO_FLOW;

    r = owners_find(diagram, by_file, &steps, owns);
    if (r == 0)
        r = lives_find_owners(diagram->policy, overlaps, &steps, owns);
    if (r < 0 && r != -E2BIG)
        return r;
    return report_losers(overlaps, diagram->policy, owns, r == 0, diagnostics);
}
