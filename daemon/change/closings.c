/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A policy never opens what somebody closed by hand, whatever it calls it and by whichever way it
 * comes to be enforced. So there is one place, in the transaction, where closings follow a policy;
 * and people are told what becomes of them, before and after.
 */

#include "daemon/change/closings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer/overlap.h"
#include "base/text_list.h"
#include "daemon/change/prepare.h"
#include "policy/closings.h"
#include "policy/flow_state.h"
#include "policy/isolations.h"

bool closings_exist(const struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].kind != OVERRIDE_GRANT)
            return true;
    }
    return false;
}

/* Whether the same flows are suspended by both. Returns 1, 0 or -errno. */
static int suspend_alike(const struct compiled *compiled, const struct overrides *a,
                         const struct overrides *b)
{
    cleanup_(flow_states_freep) struct flow_states *one = NULL;
    cleanup_(flow_states_freep) struct flow_states *two = NULL;
    int r = flow_states_new(compiled->policy, a, compiled->now, &one);

    if (r == 0)
        r = flow_states_new(compiled->policy, b, compiled->now, &two);
    if (r < 0)
        return r;
    for (size_t i = 0; i < compiled->policy->n_flows; i++) {
        const struct flow *flow = &compiled->policy->flows[i];

        if (flow_states_of(one, flow, NULL) != flow_states_of(two, flow, NULL))
            return 0;
    }
    return 1;
}

int closings_follow(const struct gateway *gateway, const struct compiled_input *input,
                    const struct policy *before, struct overrides *overrides,
                    struct outcome *outcome, struct compiled **compiled)
{
    cleanup_(overrides_clear) struct overrides was = {0};
    struct compiled_input again = *input;
    int r;

    if (!closings_exist(overrides))
        return 0;
    r = overrides_copy(overrides, &was);
    if (r == 0)
        r = closings_carry(overrides, before, (*compiled)->policy);
    if (r == 0)
        r = suspend_alike(*compiled, &was, overrides);
    if (r < 0)
        return r;
    if (r > 0)
        return compiled_isolate(*compiled, overrides);

    again.overrides = overrides;
    *compiled = compiled_free(*compiled);
    diagnostics_clear(outcome->diagnostics);
    return prepare_compile(gateway, &again, outcome, compiled);
}

int closings_check(const struct gateway *gateway, const struct overrides *overrides,
                   struct outcome *outcome)
{
    const struct overrides *all = &gateway->state.overrides;

    /* Carrying over keeps their order. */
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *was = &all->overrides[i], *is = &overrides->overrides[i];

        if ((is->n_ids > was->n_ids && is->n_ids > SUSPENSION_HOLDS_MAX) ||
            (is->n_names > was->n_names && is->n_names > SUSPENSION_HOLDS_MAX))
            return outcome_set(outcome, OUTCOME_REFUSED,
                               "flow `%s` is suspended, and policies have changed it so often "
                               "since that no more can be kept closed: leave it as it was or out "
                               "of the policy, or end the suspension by `segctl resume %s`",
                               was->name, was->name);
    }
    return 0;
}

/* Adds a name to a list of at most OUTCOME_NAMES_MAX. */
static int add_name(char ***list, size_t *n, uint64_t *left_out, const char *name)
{
    if (*n >= OUTCOME_NAMES_MAX) {
        (*left_out)++;
        return 0;
    }
    return text_list_add(list, n, name);
}

/* Extents are only added, or merged. */
static bool has_grown(const struct override *was, const struct override *is)
{
    bool same = was->n_extents == is->n_extents && was->n_ids == is->n_ids;

    for (size_t i = 0; same && i < is->n_extents; i++) {
        cleanup_(json_decrefp) json_t *before =
            record_encode(&extent_type, &was->extents[i], RECORD_DISK);
        cleanup_(json_decrefp) json_t *after =
            record_encode(&extent_type, &is->extents[i], RECORD_DISK);

        same = json_equal(before, after);
    }
    return !same;
}

static const char *change_of(const struct override *was, const struct override *is,
                             const struct policy *policy)
{
    if (is->kind == OVERRIDE_ISOLATION && !policy_zone_named(policy, is->name))
        return "unnamed";
    if (is->kind == OVERRIDE_SUSPENSION && strcmp(was->name, is->name) != 0)
        return "renamed";
    if (is->kind == OVERRIDE_SUSPENSION && !policy_flow_named(policy, is->name))
        return "unnamed";
    return has_grown(was, is) ? "grown" : "same";
}

static int list_zones(const struct policy *policy, const struct isolations *isolations,
                      const struct override *isolation, struct wire_closing *shown)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->n_zones; i++) {
        if (isolations_touch(isolations, isolation, i))
            r = add_name(&shown->covers, &shown->n_covers, &shown->left_out, policy->zones[i].name);
    }
    return r;
}

/* Flows that the suspension stops, and those that approve part of what it stopped before. */
static int list_flows(const struct compiled *compiled, const struct flow_states *states,
                      const struct policy *before, const struct override *was,
                      const struct override *is, struct wire_closing *shown)
{
    const struct policy *policy = compiled->policy;
    const struct flow *old = before ? policy_flow_named(before, was->name) : NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (suspension_stops(is, flow)) {
            r = add_name(&shown->covers, &shown->n_covers, &shown->left_out, flow->name);
            continue;
        }
        if (!old || flow_states_of(states, flow, NULL) != FLOW_STATE_LIVE)
            continue;
        r = flows_overlap(before, old, policy, flow);
        if (r > 0)
            r = add_name(&shown->approved, &shown->n_approved, &shown->left_out, flow->name);
    }
    return r;
}

int closings_show(const struct gateway *gateway, const struct overrides *overrides,
                  const struct policy *before, const struct compiled *compiled,
                  struct outcome *outcome)
{
    const struct overrides *all = &gateway->state.overrides;
    cleanup_(isolations_freep) struct isolations *isolations = NULL;
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    int r;

    if (!closings_exist(overrides))
        return 0;
    outcome->closings = calloc(overrides->n_overrides, sizeof(*outcome->closings));
    if (!outcome->closings)
        return -ENOMEM;
    r = isolations_new(overrides, compiled->policy, &isolations);
    if (r == 0)
        r = flow_states_new(compiled->policy, overrides, compiled->now, &states);

    /* Carrying over keeps their order. */
    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        const struct override *was = &all->overrides[i], *is = &overrides->overrides[i];
        struct wire_closing *shown = &outcome->closings[outcome->n_closings];

        if (is->kind == OVERRIDE_GRANT)
            continue;
        outcome->n_closings++;
        shown->kind = strdup(override_kind_to_string(is->kind));
        shown->name = strdup(was->name);
        shown->change = strdup(change_of(was, is, compiled->policy));
        shown->renamed = strcmp(was->name, is->name) != 0 ? strdup(is->name) : NULL;
        if (!shown->kind || !shown->name || !shown->change)
            r = -ENOMEM;
        else if (is->kind == OVERRIDE_ISOLATION)
            r = list_zones(compiled->policy, isolations, is, shown);
        else
            r = list_flows(compiled, states, before, was, is, shown);
    }
    return r;
}

int closings_find_approved(const struct compiled *compiled, const struct overrides *overrides,
                           const char *name, struct outcome *outcome)
{
    const struct policy *policy = compiled->policy;
    const struct flow *suspended = policy_flow_named(policy, name);
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    int r = flow_states_new(policy, overrides, compiled->now, &states);

    for (size_t i = 0; r == 0 && suspended && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (flow_states_of(states, flow, NULL) != FLOW_STATE_LIVE)
            continue;
        r = flows_overlap(policy, suspended, policy, flow);
        if (r > 0)
            r = add_name(&outcome->approved, &outcome->n_approved, &outcome->left_out, flow->name);
    }
    return r;
}

static void report_isolations(struct gateway *gateway)
{
    const struct overrides *overrides = &gateway->state.overrides;
    const struct policy *outline = enforcement_outline(gateway->enforcement);

    findings_begin(gateway->findings, "isolations");
    for (size_t i = 0; outline && i < overrides->n_overrides; i++) {
        const struct override *isolation = &overrides->overrides[i];

        if (isolation->kind == OVERRIDE_ISOLATION && !policy_zone_named(outline, isolation->name))
            findings_report(gateway->findings, "isolations", "closing-unnamed", FINDING_WARNING,
                            isolation->name,
                            "zone `%s` is isolated, and this policy does not have it: what it was "
                            "stays cut off until `segctl release %s`",
                            isolation->name, isolation->name);
    }
    findings_end(gateway->findings, "isolations");
}

void closings_report(struct gateway *gateway, const struct prepared *prepared)
{
    report_isolations(gateway);
    if (!prepared)
        return;
    findings_begin(gateway->findings, "suspensions");
    for (size_t i = 0; i < prepared->n_unnamed; i++)
        findings_report(gateway->findings, "suspensions", "closing-unnamed", FINDING_WARNING,
                        prepared->unnamed[i],
                        "flow `%s` is suspended, and this policy does not have it: it stays "
                        "closed when it comes back, until `segctl resume %s`",
                        prepared->unnamed[i], prepared->unnamed[i]);
    findings_end(gateway->findings, "suspensions");
}
