/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes by operators. Each makes a target of the state as it is and one override that comes or
 * goes. An isolation is committed by itself, without a look at the policy; everything else goes the
 * way of a policy, with the texts that are enforced.
 */

#include "daemon/change/override.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/kept.h"
#include "daemon/change/transaction.h"
#include "daemon/log.h"
#include "daemon/record/evidence.h"
#include "ruleset/compile.h"

/* What is closed or opened by hand is explained by who does it. */
static int check_reason(const char *action, const char *reason, struct outcome *outcome)
{
    if (reason && *reason)
        return 0;
    return outcome_set(outcome, OUTCOME_REFUSED, "%s needs a reason", action);
}

/* What opens is written down first, so there must be something to write to. */
static int check_storage(const struct gateway *gateway, struct outcome *outcome)
{
    if (gateway->generations && gateway->audit)
        return 0;
    return outcome_set(outcome, OUTCOME_STORAGE,
                       "there is no state folder at %s: nothing can be opened",
                       gateway->options.state_path);
}

static int begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 const char *object, const char *reason, struct outcome *outcome,
                 struct target *target)
{
    int r = target_begin(gateway, actor, action, target);

    target->object = object;
    target->reason = reason;
    if (r == 0 && !enforcement_outline(gateway->enforcement))
        r = outcome_set(outcome, OUTCOME_REFUSED,
                        "no policy is enforced: nothing passes between zones");
    return r;
}

/* Ends what was found of a closing, with it. */
static void drop_findings(struct gateway *gateway, const char *object)
{
    findings_drop(gateway->findings, "start", "closing-adopted", object);
    findings_drop(gateway->findings, "storage", "evidence-incomplete", object);
}

/* Runs the transaction and tells the journal. */
static int run(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    int r = transaction_run(gateway, target, outcome);

    log_message(r == 0 ? LOG_NOTICE : LOG_ERR, MESSAGE_OVERRIDE, "%s %s by %s: %s", target->action,
                target->object, target->actor.name, r == 0 ? "done" : outcome->message);
    return r;
}

static bool has_flow(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (strcmp(policy->flows[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool is_live(const struct gateway *gateway, const char *flow)
{
    const struct set *live =
        ruleset_find_set(enforcement_ruleset(gateway->enforcement), RULESET_LIVE);

    for (size_t i = 0; live && i < live->n_elements; i++) {
        if (live->elements[i].comment && strcmp(live->elements[i].comment, flow) == 0)
            return true;
    }
    return false;
}

/* Whether all these flows are there. Most are live, and then the policy need not be read. */
static int check_flows(const struct gateway *gateway, const struct target *target,
                       const char *const *flows, size_t n_flows, struct outcome *outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;

    for (size_t i = 0; i < n_flows; i++) {
        int r = 0;

        if (is_live(gateway, flows[i]) ||
            overrides_find(&target->state.overrides, OVERRIDE_GRANT, flows[i]))
            continue;
        if (!policy)
            r = kept_read_policy(gateway, &gateway->current, outcome, &texts, &policy);
        if (r != 0)
            return r;
        if (!has_flow(policy, flows[i]))
            return outcome_set(outcome, OUTCOME_NOT_FOUND,
                               "there is no flow `%s`; `segctl flows` lists them", flows[i]);
    }
    return 0;
}

static int check_keep(const struct gateway *gateway, const struct target *target,
                      const char *const *keep, size_t n_keep, struct outcome *outcome)
{
    if (n_keep > ISOLATION_KEEP_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED, "an isolation keeps at most %d flows",
                           ISOLATION_KEEP_MAX);
    return check_flows(gateway, target, keep, n_keep, outcome);
}

static int check_zone(const struct gateway *gateway, const char *zone, struct outcome *outcome)
{
    if (policy_zone_named(enforcement_outline(gateway->enforcement), zone))
        return 0;
    return outcome_set(outcome, OUTCOME_NOT_FOUND,
                       "there is no zone `%s`; `segctl zones` lists them", zone);
}

/* Adds the override to the state that is to be, and the whole of it to the audit entry. */
static int add(struct target *target, struct override *override, struct outcome *outcome)
{
    struct overrides *overrides = &target->state.overrides;
    int r;

    override->reason = (char *)target->reason;
    override->uid = target->actor.uid;
    override->who = target->actor.name;
    override->since = whole_second(calendar_now());
    r = overrides_add(overrides, override);
    if (r == -EEXIST) {
        const struct override *there = overrides_find(overrides, override->kind, override->name);

        return outcome_set(outcome, OUTCOME_REFUSED, "`%s` is under %s already, by %s: %s",
                           override->name, override_kind_to_string(override->kind), there->who,
                           there->reason);
    }
    if (r < 0)
        return r;
    target->detail = record_encode(&override_type, override, RECORD_DISK);
    return target->detail ? 0 : -ENOMEM;
}

/* Takes one away; the entry says what it was. */
static int take_away(struct target *target, enum override_kind kind, struct outcome *outcome)
{
    const struct override *override =
        overrides_find(&target->state.overrides, kind, target->object);

    if (!override)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "there is no %s of `%s`",
                           override_kind_to_string(kind), target->object);
    target->detail = record_encode(&override_type, override, RECORD_DISK);
    if (!target->detail)
        return -ENOMEM;
    return overrides_remove(&target->state.overrides, kind, target->object);
}

/* On a whole second, as it will be read again. */
static usec_t span_end(usec_t span)
{
    return span > 0 ? whole_second(calendar_now() + span + USEC_PER_SEC - 1) : USEC_NEVER;
}

/* What was the case when the zone was cut off. It is written after the cut, since no disk may delay
 * that; connections outlive it in the kernel's table. */
static void write_evidence(struct gateway *gateway, const struct target *target,
                           struct outcome *outcome)
{
    const struct evidence_subject subject = {
        .directory = gateway->state_directory,
        .actor = &target->actor,
        .zone = target->object,
        .reason = target->reason,
        .state = &gateway->state,
        .fingerprint = gateway->current.fingerprint,
        .audit_head = gateway->audit ? audit_head(gateway->audit) : "",
        .nftables = enforcement_nftables(gateway->enforcement),
        .ruleset = enforcement_ruleset(gateway->enforcement),
        .outline = enforcement_outline(gateway->enforcement),
        .conntrack = gateway->conntrack,
        .links = gateway->links,
    };
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    int r = gateway->state_directory < 0 ? -ENOENT : evidence_begin(&subject, &evidence);

    if (r == 0)
        outcome->evidence = strdup(evidence_path(evidence));
    if (r == 0)
        r = evidence_finish(evidence);
    if (r < 0)
        findings_report(gateway->findings, "storage", "evidence-incomplete", FINDING_WARNING,
                        target->object, "the evidence of the isolation of `%s` is incomplete: %s",
                        target->object, strerror(-r));
}

int change_isolate(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    struct override override = {
        .kind = OVERRIDE_ISOLATION,
        .name = (char *)zone,
        .until = span_end(span),
        .keep = (char **)keep,
        .n_keep = n_keep,
    };
    int r = begin(gateway, actor, "isolate", zone, reason, ret_outcome, &target);

    target.content = TARGET_ISOLATIONS;
    target.closes = true;
    target.write_evidence = write_evidence;
    if (r == 0)
        r = check_reason("isolate", reason, ret_outcome);
    if (r == 0)
        r = check_zone(gateway, zone, ret_outcome);
    if (r == 0)
        r = check_keep(gateway, &target, keep, n_keep, ret_outcome);
    if (r == 0)
        r = add(&target, &override, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    return r > 0 ? 0 : r;
}

/* Four eyes: who cut a zone off does not open it again. */
static int check_second_person(const struct target *target, bool alone, struct outcome *outcome)
{
    const struct override *isolation =
        overrides_find(&target->state.overrides, OVERRIDE_ISOLATION, target->object);

    if (!isolation)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "zone `%s` is not isolated", target->object);
    if (alone && target->actor.uid != 0)
        return outcome_set(outcome, OUTCOME_REFUSED, "only root may release a zone alone");
    if (alone && (!target->reason || !*target->reason))
        return outcome_set(outcome, OUTCOME_REFUSED, "to release a zone alone needs a reason");
    if (!alone && target->actor.uid == isolation->uid)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "%s isolated the zone, so a second person must release it; in an "
                           "emergency root may with --alone and a reason",
                           isolation->who);
    return 0;
}

int change_release(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    int r = begin(gateway, actor, alone ? "release-alone" : "release", zone, reason, ret_outcome,
                  &target);

    target.content = TARGET_ISOLATIONS;
    if (r == 0)
        r = check_storage(gateway, ret_outcome);
    if (r == 0)
        r = check_second_person(&target, alone, ret_outcome);
    if (r == 0)
        r = take_away(&target, OVERRIDE_ISOLATION, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    if (r == 0)
        drop_findings(gateway, zone);
    return r > 0 ? 0 : r;
}

int change_suspend(struct gateway *gateway, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    struct override override = {
        .kind = OVERRIDE_SUSPENSION,
        .name = (char *)flow,
        .until = USEC_NEVER,
    };
    int r = begin(gateway, actor, "suspend", flow, reason, ret_outcome, &target);

    target.closes = true;
    if (r == 0)
        r = check_reason("suspend", reason, ret_outcome);
    if (r == 0)
        r = target_read_enforced(gateway, &target, ret_outcome);
    if (r == 0)
        r = check_flows(gateway, &target, &flow, 1, ret_outcome);
    if (r == 0)
        r = add(&target, &override, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    return r > 0 ? 0 : r;
}

int change_resume(struct gateway *gateway, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    int r = begin(gateway, actor, "resume", flow, reason, ret_outcome, &target);

    if (r == 0)
        r = check_storage(gateway, ret_outcome);
    if (r == 0)
        r = take_away(&target, OVERRIDE_SUSPENSION, ret_outcome);
    if (r == 0)
        r = target_read_enforced(gateway, &target, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    if (r == 0)
        drop_findings(gateway, flow);
    return r > 0 ? 0 : r;
}

int change_revoke(struct gateway *gateway, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    int r = begin(gateway, actor, "revoke", grant, reason, ret_outcome, &target);

    target.closes = true;
    if (r == 0)
        r = take_away(&target, OVERRIDE_GRANT, ret_outcome);
    if (r == 0)
        r = target_read_enforced(gateway, &target, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    return r > 0 ? 0 : r;
}

/* The grant's flow as text; ends and services that make no sense are told by the parser. */
static int write_grant(const struct target *target, const struct grant_wish *wish,
                       struct outcome *outcome, char **ret_text)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *policy = NULL;
    int r = sources_new(&sources);

    if (r == 0)
        r = diagnostics_new(&diagnostics);
    if (r == 0)
        r = policy_parse_texts(target->texts.texts, target->texts.n_texts, sources, diagnostics,
                               &policy);
    if (r == 0)
        r = grant_write(policy, wish, ret_text);
    if (r == -ENOENT)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "an address of the grant lies in no zone");
    if (r == -EINVAL)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "a grant needs somebody from whom, somebody to whom, and a service");
    return r;
}

static int check_number(const struct overrides *overrides, struct outcome *outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < overrides->n_overrides; i++)
        n += overrides->overrides[i].kind == OVERRIDE_GRANT;
    if (n >= GRANTS_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "there are %d grants already; revoke some, or change the policy",
                           GRANTS_MAX);
    return 0;
}

static int check_span(usec_t span, struct outcome *outcome)
{
    if (span <= 0 || span > GRANT_SPAN_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "a grant lasts from one second to %d days; what must last longer "
                           "belongs into the policy",
                           (int)(GRANT_SPAN_MAX / USEC_PER_SEC / 86400));
    return 0;
}

/* The next number, which no grant has had. */
static void name_grant(struct overrides *overrides, char *name, size_t size)
{
    if (overrides->next_grant == 0)
        overrides->next_grant = 1;
    snprintf(name, size, "grant-%" PRIu64, overrides->next_grant++);
}

int change_grant(struct gateway *gateway, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    cleanup_(freep) char *text = NULL;
    char name[32] = "";
    struct grant_wish named = *wish;
    struct override override = {
        .kind = OVERRIDE_GRANT,
        .name = name,
        .until = span_end(span),
        .from = (char **)wish->from,
        .n_from = wish->n_from,
        .to = (char **)wish->to,
        .n_to = wish->n_to,
        .services = (char **)wish->services,
        .n_services = wish->n_services,
    };
    int r = begin(gateway, actor, "grant", name, wish->reason, ret_outcome, &target);

    target.needs_grants = true;
    named.name = name;
    if (r == 0)
        r = check_storage(gateway, ret_outcome);
    if (r == 0)
        r = check_reason("grant", wish->reason, ret_outcome);
    if (r == 0)
        r = check_span(span, ret_outcome);
    if (r == 0)
        r = check_number(&target.state.overrides, ret_outcome);
    if (r == 0)
        r = target_read_enforced(gateway, &target, ret_outcome);
    if (r == 0) {
        name_grant(&target.state.overrides, name, sizeof(name));
        r = write_grant(&target, &named, ret_outcome, &text);
    }
    override.text = text;
    if (r == 0)
        r = add(&target, &override, ret_outcome);
    if (r == 0)
        r = run(gateway, &target, ret_outcome);
    if (r == 0)
        snprintf(ret_outcome->message, sizeof(ret_outcome->message), "%s", name);
    return r > 0 ? 0 : r;
}
