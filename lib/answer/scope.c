/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How far an answer reaches. A question about a group or a zone is about all of it, but only one of
 * its addresses is judged. So the flows are read for one that decides otherwise for another part of
 * what was named.
 */

#include "answer/scope.h"

#include <errno.h>

#include "diagram/service_span.h"

struct scope {
    const struct question *question;
    const struct asked *asked;
    enum family family;
    struct service_span span;
};

/* What a flow has of what was named. */
enum reach {
    REACHES_NOTHING,
    REACHES_PART,
    REACHES_ALL,
};

static int reach_services(const struct scope *scope, const struct flow *flow, bool *ret_reaches)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans;
    int r;

    r = service_spans_of_flow(scope->question->policy, flow, scope->family, &spans, &n_spans);
    if (r < 0)
        return r;

    *ret_reaches = false;
    for (size_t i = 0; i < n_spans; i++)
        *ret_reaches = *ret_reaches ||
                       (spans[i].first <= scope->span.last && scope->span.first <= spans[i].last);
    return 0;
}

static int reach_end(const struct scope *scope, const struct flow *flow, bool is_source,
                     const struct asked_end *asked, size_t other_zone, enum reach *ret_reach)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t n_ends = is_source ? flow->n_from : flow->n_to;

    *ret_reach = REACHES_NOTHING;
    for (size_t i = 0; i < n_ends; i++) {
        cleanup_(range_set_clear) struct range_set addresses = {0};
        int r;

        if (!asked->has_zone || ends[i].zone != asked->zone)
            continue;

        r = policy_end_addresses(scope->question->policy, flow, &ends[i], is_source, other_zone,
                                 scope->family, &addresses);
        if (r < 0)
            return r;

        if (range_set_includes(&addresses, &asked->addresses))
            *ret_reach = REACHES_ALL;
        else if (range_set_overlaps(&addresses, &asked->addresses))
            *ret_reach = REACHES_PART;
    }
    return 0;
}

static int reach(const struct scope *scope, const struct flow *flow, enum reach *ret_reach)
{
    const struct asked_end *from = &scope->asked->from, *to = &scope->asked->to;
    enum reach source, destination = REACHES_NOTHING;
    bool services = false;
    int r;

    r = reach_end(scope, flow, true, from, to->zone, &source);
    if (r == 0 && source != REACHES_NOTHING)
        r = reach_end(scope, flow, false, to, from->zone, &destination);
    if (r == 0 && destination != REACHES_NOTHING)
        r = reach_services(scope, flow, &services);
    if (r < 0)
        return r;

    /* The owner of the services has all of them; of others a part is enough to answer otherwise. */
    *ret_reach = REACHES_NOTHING;
    if (services)
        *ret_reach = source < destination ? source : destination;
    return 0;
}

static bool names_many(const struct asked_end *end)
{
    return end->kind != ASKED_GATEWAY && range_set_size(&end->addresses) > 1;
}

static bool passes(const struct scope *scope, const struct moment *moment, const struct flow *flow)
{
    return moment_passes(moment, flow, scope->asked->from.zone, scope->asked->to.zone);
}

int scope_is_whole(const struct question *question, enum family family, struct service_span span,
                   uint32_t owner, const struct moment *moment, bool *ret_whole)
{
    const struct scope scope = {question, &question->families[family], family, span};
    const struct policy *policy = question->policy;
    bool allowed = owner != NO_FLOW && passes(&scope, moment, &policy->flows[owner]);
    bool whole = true;

    if (!names_many(&scope.asked->from) && !names_many(&scope.asked->to)) {
        *ret_whole = true;
        return 0;
    }

    for (uint32_t i = 0; whole && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        enum reach reaches;
        int r;

        if (!flow->enabled)
            continue;
        r = reach(&scope, flow, &reaches);
        if (r < 0)
            return r;

        if (i == owner) {
            whole = reaches == REACHES_ALL;
            break;
        }
        if (reaches != REACHES_NOTHING && passes(&scope, moment, flow) != allowed)
            whole = false;
    }

    *ret_whole = whole;
    return 0;
}
