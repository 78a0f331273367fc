/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Compilation only notes who took something from whom. Whether a flow is shadowed, that is, nothing
 * is left of it, is then read off the finished diagram: does any of its rows decide a packet?
 */

#include "diagram/overlap.h"

#include <errno.h>
#include <stdlib.h>

#include "diagram/survey.h"

/* What finding out is worth for all flows together, in rows looked at: a second or so. */
#ifndef SURVEY_STEPS_MAX
#define SURVEY_STEPS_MAX ((size_t)200 * 1000 * 1000)
#endif

int overlaps_init(struct overlaps *overlaps, size_t n_flows)
{
    overlaps->winners = malloc((n_flows > 0 ? n_flows : 1) * sizeof(*overlaps->winners));
    if (!overlaps->winners)
        return -ENOMEM;

    overlaps->n_flows = n_flows;
    for (size_t i = 0; i < n_flows; i++)
        overlaps->winners[i] = NO_FLOW;
    return 0;
}

void overlaps_clear(struct overlaps *overlaps)
{
    free(overlaps->winners);
    *overlaps = (struct overlaps){0};
}

void overlaps_note(struct overlaps *overlaps, uint32_t loser, uint32_t winner)
{
    if (loser != winner && winner < overlaps->winners[loser])
        overlaps->winners[loser] = winner;
}

static int report_flow(const struct policy *policy, uint32_t loser, uint32_t winner, bool left,
                       struct diagnostics *diagnostics)
{
    const struct flow *flow = &policy->flows[loser], *earlier = &policy->flows[winner];
    int r;

    if (left)
        r = diagnostics_add(diagnostics, SEVERITY_WARNING, "overlap", flow->location,
                            "what both cover belongs to the earlier flow: its approval, expiry "
                            "and counters apply",
                            "flow `%s` overlaps the earlier flow `%s`", flow->name, earlier->name);
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

/* Tells of each loser what `owns` says of it. */
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

int overlaps_report(const struct overlaps *overlaps, const struct diagram *diagram,
                    struct diagnostics *diagnostics)
{
    cleanup_(freep) bool *owns = calloc(overlaps->n_flows + 1, sizeof(*owns));
    int r;

    if (!owns)
        return -ENOMEM;

    for (size_t i = 0; i < overlaps->n_flows; i++)
        owns[i] = overlaps->winners[i] == NO_FLOW;

    r = survey_flows(diagram, SURVEY_STEPS_MAX, owns);
    if (r < 0 && r != -E2BIG)
        return r;
    return report_losers(overlaps, diagram->policy, owns, r == 0, diagnostics);
}
