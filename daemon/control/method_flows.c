/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Flows as they are now: whether each passes and until when, and what it has carried. The policy is
 * not kept in memory; it is read from the generation that is enforced, with the grants behind it,
 * so that what is shown is what the kernel was given.
 */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>

#include "daemon/change/kept.h"
#include "base/reason.h"
#include "daemon/control/method.h"
#include "observe/live.h"
#include "policy/flow_state.h"

/* What the flows are looked at with. */
struct flows {
    const struct policy *policy;
    const struct overrides *overrides;
    struct flow_states *states;
    struct live_counts counts;
    bool isolations; /* there is one */
};

static void flows_clear(struct flows *flows)
{
    flow_states_free(flows->states);
    live_counts_clear(&flows->counts);
}

static json_t *ends_json(const struct policy *policy, const struct end_name *names, size_t n)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, json_string(policy_end_name(policy, &names[i]))) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

static json_t *services_json(const struct policy *policy, const struct flow *flow)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];

        if (json_array_append_new(array, json_string(service->name)) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

static json_t *count_json(struct nftables_count count)
{
    return json_pack("{s:I, s:I}", "packets", (json_int_t)count.packets, "bytes",
                     (json_int_t)count.bytes);
}

/* Whether nothing of the flow is left: between some of its zones it may go on. */
static bool is_isolated(const struct flows *flows, const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_from; i++) {
        for (size_t j = 0; j < flow->n_to; j++) {
            if (!overrides_isolate(flows->overrides, flows->policy, flow, flow->from[i].zone,
                                   flow->to[j].zone))
                return false;
        }
    }
    return true;
}

static bool has_end_in(const struct policy *policy, const struct flow_end *ends, size_t n,
                       const char *zone)
{
    for (size_t i = 0; i < n; i++) {
        if (ends[i].zone != ZONE_GATEWAY && strcmp(policy->zones[ends[i].zone].name, zone) == 0)
            return true;
    }
    return false;
}

/* When the first of the isolations that the flow may meet ends by itself. */
static usec_t isolation_until(const struct flows *flows, const struct flow *flow)
{
    usec_t until = USEC_NEVER;

    for (size_t i = 0; i < flows->overrides->n_overrides; i++) {
        const struct override *override = &flows->overrides->overrides[i];

        if (override->kind == OVERRIDE_ISOLATION && override->until < until &&
            (has_end_in(flows->policy, flow->from, flow->n_from, override->name) ||
             has_end_in(flows->policy, flow->to, flow->n_to, override->name)))
            until = override->until;
    }
    return until;
}

/* NULL where the flow passes. */
static const char *why_not(const struct flows *flows, const struct flow *flow, usec_t *ret_until)
{
    enum flow_state state = flow_states_of(flows->states, flow, ret_until);
    const struct override *suspension;

    if (state == FLOW_STATE_LIVE && flows->isolations && is_isolated(flows, flow)) {
        usec_t until = isolation_until(flows, flow);

        *ret_until = until < *ret_until ? until : *ret_until;
        return reason_to_string(REASON_ISOLATED);
    }
    /* No window opens what a person has closed. */
    if (state == FLOW_STATE_SUSPENDED) {
        suspension = overrides_find(flows->overrides, OVERRIDE_SUSPENSION, flow->name);
        *ret_until =
            suspension && suspension->until < flow->expires ? suspension->until : flow->expires;
    }
    return state == FLOW_STATE_LIVE ? NULL : flow_state_to_string(state);
}

static json_t *flow_json(const struct flows *flows, const struct flow *flow)
{
    const struct live_count count = live_counts_of(&flows->counts, flow->id);
    usec_t until;
    const char *why = why_not(flows, flow, &until);

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "name", flow->name,
                     "label", flow->label, "from",
                     ends_json(flows->policy, flow->from_names, flow->n_from_names), "to",
                     ends_json(flows->policy, flow->to_names, flow->n_to_names), "services",
                     services_json(flows->policy, flow), "live", why == NULL, "why",
                     method_text(why), "until", method_instant(until), "original",
                     count_json(count.original), "reply", count_json(count.reply));
}

static bool has_isolation(const struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].kind == OVERRIDE_ISOLATION)
            return true;
    }
    return false;
}

static int list_flows(struct gateway *gateway, const struct policy *policy, json_t **ret_array)
{
    cleanup_(flows_clear) struct flows flows = {
        .policy = policy,
        .overrides = &gateway->state.overrides,
        .isolations = has_isolation(&gateway->state.overrides),
    };
    cleanup_(json_decrefp) json_t *array = json_array();
    int r = flow_states_new(policy, flows.overrides, calendar_now(), &flows.states);

    if (r == 0)
        r = live_counts_read(enforcement_nftables(gateway->enforcement),
                             enforcement_ruleset(gateway->enforcement), &flows.counts);
    if (r < 0)
        return r;

    for (size_t i = 0; i < policy->n_flows; i++) {
        if (json_array_append_new(array, flow_json(&flows, &policy->flows[i])) < 0)
            return -ENOMEM;
    }
    if (!array)
        return -ENOMEM;
    *ret_array = TAKE_PTR(array);
    return 0;
}

/* The policy that is enforced, with its grants. Returns as the steps of a change do. */
static int read_policy(struct gateway *gateway, struct outcome *outcome, struct policy **ret_policy)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct compiled_input input = {
        .overrides = &gateway->state.overrides,
        .sctp_missing = nftables_features_missing_sctp(enforcement_features(gateway->enforcement)),
        .last = COMPILED_POLICY,
    };
    int r = outcome_begin(outcome);

    if (r == 0)
        r = kept_read_policy(gateway, &gateway->current, outcome, &texts, NULL);
    if (r != 0)
        return r;

    input.texts = texts.texts;
    input.n_texts = texts.n_texts;
    r = compiled_new(&input, outcome->diagnostics, &compiled);
    if (r == 0)
        *ret_policy = TAKE_PTR(compiled->policy);
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "generation %" PRIu64 " is no valid policy any more",
                           gateway->current.number);
    return r;
}

static int get_flows(struct call *call, struct control *control)
{
    struct gateway *gateway = control->gateway;
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;
    json_t *array = NULL;
    int r = read_policy(gateway, &outcome, &policy);

    assert(r != 0 || policy);
    if (r > 0)
        return method_answer(call, control, &outcome, NULL);
    if (r == 0)
        r = list_flows(gateway, policy, &array);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "KernelRefused",
                          json_pack("{s:s, s:n, s:i}", "message", strerror(-r), "file", "line", 0));
    return call_reply(call, json_pack("{s:o}", "flows", array));
}

int method_get_flows(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    int r;

    (void)parameters;
    if (gateway->current.number == 0)
        return call_reply(call, json_pack("{s:[]}", "flows"));

    r = get_flows(call, userdata);
    /* A large policy was in memory for a moment. */
    malloc_trim(0);
    return r;
}
