/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What time does to the flows of a policy. What happened is the difference between the states of
 * the flows at two instants; nothing else is remembered. So each event is told once, also where
 * segd did not run for a while or the clock was set.
 */

#include "daemon/agenda.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/flow_state.h"

#define DAY (INT64_C(86400) * USEC_PER_SEC)

static const unsigned warnings[] = {7, 30, 60};

static int compare_expiring(const void *a, const void *b)
{
    const struct expiring *x = a, *y = b;

    return (x->expires > y->expires) - (x->expires < y->expires);
}

void agenda_clear(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->n_expiring; i++) {
        free(agenda->expiring[i].name);
        free(agenda->expiring[i].label);
    }
    free(agenda->expiring);
    *agenda = (struct agenda){.until = USEC_NEVER};
}

/* The smallest warning period that `left` lies in; 0: none, or the flow has ended. */
static unsigned warning_of(usec_t left)
{
    for (size_t i = 0; left > 0 && i < ELEMENTS_OF(warnings); i++) {
        if (left <= (usec_t)warnings[i] * DAY)
            return warnings[i];
    }
    return 0;
}

/* When the next warning about a flow begins; USEC_NEVER: there is none. */
static usec_t next_warning(usec_t expires, usec_t now)
{
    for (size_t i = ELEMENTS_OF(warnings); i-- > 0;) {
        usec_t begins = expires - (usec_t)warnings[i] * DAY;

        if (begins > now)
            return begins;
    }
    return USEC_NEVER;
}

/* Whether the policy says when the flow ends. Nobody is warned of the end of a grant. */
static bool has_end(const struct flow *flow)
{
    return flow->enabled && flow->has_expires && flow->expires != USEC_NEVER;
}

static bool add_expiring(struct agenda *agenda, const struct flow *flow, unsigned warning)
{
    struct expiring *expiring = &agenda->expiring[agenda->n_expiring];

    *expiring = (struct expiring){strdup(flow->name), strdup(flow->label), flow->expires, warning};
    if (!expiring->name || !expiring->label) {
        free(expiring->name);
        free(expiring->label);
        return false;
    }
    agenda->n_expiring++;
    return true;
}

void agenda_read(struct agenda *agenda, const struct compiled *compiled)
{
    const struct policy *policy = compiled->policy;
    usec_t now = compiled->now;

    agenda_clear(agenda);
    agenda->until = compiled->until;
    agenda->n_flows = compiled_count_flows(compiled);
    agenda->expiring = calloc(policy->n_flows + 1, sizeof(*agenda->expiring));
    for (size_t i = 0; agenda->expiring && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        usec_t warning;

        if (!has_end(flow))
            continue;
        warning = next_warning(flow->expires, now);
        if (warning < agenda->until)
            agenda->until = warning;
        if ((flow->expires <= now || warning_of(flow->expires - now) > 0) &&
            !add_expiring(agenda, flow, warning_of(flow->expires - now)))
            break;
    }
    if (agenda->expiring)
        qsort(agenda->expiring, agenda->n_expiring, sizeof(*agenda->expiring), compare_expiring);
}

/* The states of the flows at two instants. */
struct between {
    struct flow_states *before, *after;
    usec_t from, to;
};

static void between_clear(struct between *between)
{
    flow_states_free(between->before);
    flow_states_free(between->after);
}

static bool happened(const struct between *between, const struct flow *flow,
                     enum agenda_event event)
{
    enum flow_state before = flow_states_of(between->before, flow, NULL);
    enum flow_state after = flow_states_of(between->after, flow, NULL);
    unsigned warned;

    switch (event) {
    case AGENDA_EXPIRED:
        return before != FLOW_STATE_EXPIRED && after == FLOW_STATE_EXPIRED;
    case AGENDA_OPENED:
        return before == FLOW_STATE_CLOSED && after == FLOW_STATE_LIVE;
    case AGENDA_CLOSED:
        return before == FLOW_STATE_LIVE && after == FLOW_STATE_CLOSED;
    case AGENDA_WARNED:
        warned = has_end(flow) ? warning_of(flow->expires - between->to) : 0;
        return warned > 0 && warned != warning_of(flow->expires - between->from);
    }
    return false;
}

int agenda_tell(const struct compiled *compiled, const struct overrides *overrides, usec_t from,
                usec_t to, agenda_handler handler, void *userdata)
{
    const struct policy *policy = compiled->policy;
    cleanup_(freep) const struct flow **flows =
        calloc(policy->n_flows + 1, sizeof(const struct flow *));
    cleanup_(between_clear) struct between between = {.from = from, .to = to};
    int r = flows ? flow_states_new(policy, overrides, from, &between.before) : -ENOMEM;

    if (r == 0)
        r = flow_states_new(policy, overrides, to, &between.after);
    for (enum agenda_event event = 0; r == 0 && event < AGENDA_EVENTS; event++) {
        size_t n = 0;

        for (size_t i = 0; i < policy->n_flows; i++) {
            const struct flow *flow = &policy->flows[i];

            if (!flow->implicit && happened(&between, flow, event))
                flows[n++] = flow;
        }
        if (n > 0)
            r = handler(event, flows, n, userdata);
    }
    return r;
}
