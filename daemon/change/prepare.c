/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Compiles texts and compares the result with what is enforced; nothing changes yet. */

#include "daemon/change/prepare.h"

#include <errno.h>
#include <string.h>

#include "answer/moment.h"
#include "daemon/change/cut.h"
#include "daemon/change/kept.h"

int prepare_compile(const struct gateway *gateway, const struct compiled_input *wanted,
                    struct outcome *outcome, struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct compiled_input input = *wanted;
    int r = outcome->diagnostics ? 0 : outcome_begin(outcome);

    input.now = calendar_now();
    input.sctp_missing = nftables_features_missing_sctp(enforcement_features(gateway->enforcement));
    input.ipsec_missing =
        nftables_features_missing_ipsec(enforcement_features(gateway->enforcement));
    input.reject_missing =
        nftables_features_missing_reject(enforcement_features(gateway->enforcement));
    if (r == 0)
        r = compiled_new(&input, outcome->diagnostics, &compiled);
    /* A full disk has no room for an image, and is no reason not to close something. */
    if (r == -ENOMEM && input.arena) {
        input.arena = NULL;
        diagnostics_clear(outcome->diagnostics);
        r = compiled_new(&input, outcome->diagnostics, &compiled);
    }

    /* The diagnostics refer to these sources, also if there are errors. */
    if (compiled) {
        sources_free(outcome->sources);
        outcome->sources = TAKE_PTR(compiled->sources);
    }
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_INVALID, "the policy has errors");
    if (r < 0)
        return r;

    *ret_compiled = TAKE_PTR(compiled);
    return 0;
}

static const struct flow *find_flow(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (strcmp(policy->flows[i].name, name) == 0)
            return &policy->flows[i];
    }
    return NULL;
}

int prepare_check_grant(const struct compiled *compiled, const char *name,
                        const struct overrides *overrides, struct outcome *outcome)
{
    const struct flow *flow = find_flow(compiled->policy, name);
    cleanup_(moment_clear) struct moment moment = {0};
    int r = moment_init(&moment, compiled->policy, overrides, compiled->now);

    if (r < 0 || !flow || moment_passes_somewhere(&moment, flow))
        return r;
    if (moment_flow_state(&moment, flow) == FLOW_STATE_SUSPENDED)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "the grant would not pass: what it names is suspended; `segctl status` "
                           "lists suspensions, `segctl resume` ends one");
    return outcome_set(outcome, OUTCOME_REFUSED,
                       "the grant would not pass: zone `%s` or zone `%s` is isolated; `segctl "
                       "status` lists isolations, `segctl release` ends one",
                       policy_zone_name(compiled->policy, flow->from[0].zone),
                       policy_zone_name(compiled->policy, flow->to[0].zone));
}

int prepare_read_before(const struct gateway *gateway, struct policy **ret_before)
{
    cleanup_(generation_clear) struct generation last = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    int r = 0;

    if (gateway->current.number > 0)
        r = kept_read_enforced(gateway, &ignored, ret_before);
    else if (gateway->state.generation > 0 && !enforcement_outline(gateway->enforcement))
        r = kept_read(gateway, gateway->state.generation, &last, &ignored, &texts, ret_before);
    return r > 0 ? 0 : r;
}

int prepare_compare(const struct gateway *gateway, const struct compiled *compiled,
                    const struct policy *old, struct outcome *outcome)
{
    int r = policy_changes_new(old, compiled->policy, &outcome->changes);

    if (r < 0)
        return r;
    if (gateway->conntrack && enforcement_ruleset(gateway->enforcement))
        r = cut_find(gateway, compiled->diagram, compiled->ruleset, outcome);
    return r == -ENOMEM ? r : 0;
}
