/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes by operators. Each makes a target of the present state with one override more or less.
 * Isolations are committed by themselves, without reading the policy; everything else is committed
 * like a policy, with the texts that are enforced.
 */

#include "daemon/change/override.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/instant.h"
#include "daemon/change/covered.h"
#include "daemon/change/incident.h"
#include "daemon/change/kept.h"
#include "daemon/change/transaction.h"
#include "daemon/log.h"
#include "policy/closings.h"
#include "policy/isolations.h"

/* What the operations differ in. */
struct operation {
    const char *action;
    enum override_kind kind;
    enum target_content content;
    bool adds; /* an override, which needs a reason; else it takes one away */
    bool closes;
};

static int check(const struct gateway *gateway, const struct operation *operation,
                 const char *reason, struct outcome *outcome)
{
    if (!enforcement_outline(gateway->enforcement))
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "no policy is enforced: nothing passes between zones");
    /* What opens is written to the disk first. */
    if (!operation->closes && (!gateway->generations || !gateway->audit))
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "there is no state folder at %s: nothing can be opened",
                           gateway->options.state_path);
    if (operation->adds && !operation->closes && gateway->state.overrides.n_only > 0)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "a generation was lost, and only flows that are known to have been "
                           "enforced pass: apply a policy first");
    if (operation->adds && (!reason || !*reason))
        return outcome_set(outcome, OUTCOME_REFUSED, "%s needs a reason", operation->action);
    return 0;
}

/* The target of an operation, before its override is added or taken away. */
static int begin(const struct gateway *gateway, const struct operation *operation,
                 const struct actor *actor, const char *object, const char *reason,
                 struct outcome *outcome, struct target *target)
{
    int r = target_begin(gateway, actor, operation->action, target);

    target->content = operation->content;
    target->closes = operation->closes;
    target->object = object;
    target->reason = reason;
    return r == 0 ? check(gateway, operation, reason, outcome) : r;
}

/* A flow's content, or "". */
struct content {
    char text[FLOW_CONTENT_TEXT_MAX];
};

/*
 * Whether all these flows exist, and their contents. The policy is read only for those that are not
 * live now. The content of a grant that is not live stays empty.
 */
static int find_contents(const struct gateway *gateway, const struct target *target,
                         const char *const *flows, size_t n_flows, struct outcome *outcome,
                         struct content *contents)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;

    for (size_t i = 0; i < n_flows; i++) {
        const struct flow *flow;
        int r = 0;

        *contents[i].text = '\0';
        if (enforcement_content_of(gateway->enforcement, flows[i], contents[i].text) ||
            overrides_find(&target->state.overrides, OVERRIDE_GRANT, flows[i]))
            continue;
        if (!policy)
            r = kept_read_policy(gateway, &gateway->current, outcome, &texts, &policy);
        if (r != 0)
            return r;
        flow = policy_flow_named(policy, flows[i]);
        if (!flow)
            return outcome_set(outcome, OUTCOME_NOT_FOUND,
                               "there is no flow `%s`; `segctl flows` lists them", flows[i]);
        flow_content_format(flow->digest, contents[i].text);
    }
    return 0;
}

static const char *const participles[] = {
    [OVERRIDE_ISOLATION] = "isolated",
    [OVERRIDE_SUSPENSION] = "suspended",
    [OVERRIDE_GRANT] = "granted",
};

/* Adds the override to the target's state. A zone that is isolated already is isolated more
 * strictly. */
static int add(struct target *target, struct override *override, struct outcome *outcome)
{
    struct overrides *overrides = &target->state.overrides;
    struct maker maker = {target->actor.uid, target->actor.name, whole_second(calendar_now()),
                          (char *)target->reason};
    char since[INSTANT_TEXT_MAX];
    int r;

    override->reason = (char *)target->reason;
    override->uid = target->actor.uid;
    override->who = target->actor.name;
    override->since = maker.since;
    if (override->kind == OVERRIDE_ISOLATION) {
        override->makers = &maker;
        override->n_makers = 1;
    }
    r = overrides_add(overrides, override);
    if (r == -EEXIST) {
        struct override *there =
            (struct override *)overrides_find(overrides, override->kind, override->name);

        if (override->kind == OVERRIDE_ISOLATION)
            r = isolation_tighten(there, override);
        else
            r = outcome_set(outcome, OUTCOME_REFUSED, "`%s` is already %s by %s since %s: %s",
                            override->name, participles[override->kind], there->who,
                            instant_format(there->since, since), there->reason);
    }
    /* The caller may own the rest. */
    override->reason = override->who = NULL;
    override->makers = NULL;
    override->n_makers = 0;
    return r;
}

/*
 * Completes the target and runs its transaction. `added` is the override that begins; NULL: the one
 * that `object` names ends. The audit entry holds the whole override in both cases.
 */
static int run(struct gateway *gateway, const struct operation *operation, struct target *target,
               struct override *added, struct outcome *outcome)
{
    struct overrides *overrides = &target->state.overrides;
    const struct override *override =
        added ? added : overrides_find(overrides, operation->kind, target->object);
    int r = 0;

    if (!override)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "`%s` is not %s", target->object,
                           participles[operation->kind]);
    if (added)
        r = add(target, added, outcome);
    if (r != 0)
        return r;
    override = overrides_find(overrides, operation->kind, target->object);
    target->detail = record_encode(&override_type, override, RECORD_DISK);
    if (!target->detail)
        return -ENOMEM;
    if (!added)
        overrides_remove(overrides, operation->kind, target->object);

    if (target->content == TARGET_POLICY && !target->texts.texts)
        r = target_read_enforced(gateway, target, outcome);
    if (r != 0)
        return r;
    r = transaction_run(gateway, target, outcome);
    log_message(r == 0 ? LOG_NOTICE : LOG_ERR, MESSAGE_OVERRIDE, "%s %s by %s: %s", target->action,
                target->object, target->actor.name, r == 0 ? "done" : outcome->message);

    /* Findings about a closing end with it. */
    if (r == 0 && !operation->closes && !operation->adds) {
        findings_drop(gateway->findings, "start", "closing-adopted", target->object);
        findings_drop(gateway->findings, "storage", "evidence-incomplete", target->object);
    }
    return r;
}

/* The end of a span that begins now, as a whole second, since files hold no more. */
static usec_t span_end(usec_t span)
{
    return span > 0 ? whole_second(calendar_now() + span + USEC_PER_SEC - 1) : USEC_NEVER;
}

/* What an isolation of the target's zone holds: the flows that it keeps, with their contents, and
 * what the zone is. */
static int hold_zone(const struct gateway *gateway, const struct target *target,
                     const char *const *keep, size_t n_keep, struct override *isolation,
                     struct outcome *outcome)
{
    cleanup_(freep) struct content *contents = calloc(n_keep + 1, sizeof(*contents));
    int r = contents ? 0 : -ENOMEM;

    if (r == 0)
        r = find_contents(gateway, target, keep, n_keep, outcome, contents);
    if (r != 0)
        return r;
    isolation->name = strdup(target->object);
    isolation->keep = calloc(n_keep + 1, sizeof(*isolation->keep));
    isolation->keep_ids = calloc(n_keep + 1, sizeof(*isolation->keep_ids));
    if (!isolation->name || !isolation->keep || !isolation->keep_ids)
        return -ENOMEM;
    for (size_t i = 0; i < n_keep; i++) {
        if (!*contents[i].text)
            return outcome_set(outcome, OUTCOME_REFUSED, "`%s` is not live, so it cannot be kept",
                               keep[i]);
        isolation->keep[isolation->n_keep++] = strdup(keep[i]);
        isolation->keep_ids[isolation->n_keep_ids++] = strdup(contents[i].text);
        if (!isolation->keep[i] || !isolation->keep_ids[i])
            return -ENOMEM;
    }
    return isolation_extend(isolation, enforcement_outline(gateway->enforcement));
}

int change_isolate(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome)
{
    static const struct operation isolate = {"isolate", OVERRIDE_ISOLATION, TARGET_ISOLATIONS,
                                             .adds = true, .closes = true};
    cleanup_(target_clear) struct target target = {0};
    cleanup_(overrides_clear) struct overrides before = {0};
    struct override override = {
        .kind = OVERRIDE_ISOLATION,
        .until = span_end(span),
    };
    int r = begin(gateway, &isolate, actor, zone, reason, ret_outcome, &target);

    target.write_evidence = incident_begin;
    /* A zone that is isolated may have lost its name since. */
    if (r == 0 && !policy_zone_named(enforcement_outline(gateway->enforcement), zone) &&
        !overrides_find(&target.state.overrides, OVERRIDE_ISOLATION, zone))
        r = outcome_set(ret_outcome, OUTCOME_NOT_FOUND,
                        "there is no zone `%s`; `segctl zones` lists them", zone);
    if (r == 0 && n_keep > ISOLATION_KEEP_MAX)
        r = outcome_set(ret_outcome, OUTCOME_REFUSED, "an isolation keeps at most %d flows",
                        ISOLATION_KEEP_MAX);
    if (r == 0)
        r = hold_zone(gateway, &target, keep, n_keep, &override, ret_outcome);
    if (r == 0)
        r = overrides_copy(&gateway->state.overrides, &before);
    if (r == 0)
        r = run(gateway, &isolate, &target, &override, ret_outcome);
    if (r == 0 && n_keep > 0)
        covered_keep(gateway, &target, &override,
                     overrides_find(&before, OVERRIDE_ISOLATION, zone));
    record_clear(&override_type, &override);
    return r > 0 ? 0 : r;
}

static bool has_made(const struct override *isolation, int64_t uid)
{
    for (size_t i = 0; i < isolation->n_makers; i++) {
        if (isolation->makers[i].uid == uid)
            return true;
    }
    return isolation->uid == uid;
}

/* Nobody who isolated a zone, or isolated it more strictly, releases it: that takes another person.
 */
static int check_second_person(const struct target *target, bool alone, struct outcome *outcome)
{
    const struct override *isolation =
        overrides_find(&target->state.overrides, OVERRIDE_ISOLATION, target->object);

    if (!isolation)
        return 0;
    if (alone && target->actor.uid != 0)
        return outcome_set(outcome, OUTCOME_REFUSED, "only root may release a zone alone");
    if (alone && (!target->reason || !*target->reason))
        return outcome_set(outcome, OUTCOME_REFUSED, "to release a zone alone needs a reason");
    if (!alone && has_made(isolation, target->actor.uid))
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "%s isolated the zone, so another person must release it; in an "
                           "emergency root may with --alone and a reason",
                           target->actor.name);
    return 0;
}

int change_suspend(struct gateway *gateway, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome)
{
    static const struct operation suspend = {"suspend", OVERRIDE_SUSPENSION, TARGET_POLICY,
                                             .adds = true, .closes = true};
    cleanup_(target_clear) struct target target = {0};
    struct override override = {
        .kind = OVERRIDE_SUSPENSION,
        .name = (char *)flow,
        .until = USEC_NEVER,
    };
    struct content content; /* which the transaction finds again: it follows the policy */
    int r = begin(gateway, &suspend, actor, flow, reason, ret_outcome, &target);

    target.suspends = flow;
    if (r == 0)
        r = find_contents(gateway, &target, &flow, 1, ret_outcome, &content);
    if (r == 0)
        r = run(gateway, &suspend, &target, &override, ret_outcome);
    return r > 0 ? 0 : r;
}

/* An operation that takes an override away. `alone` is said of an isolation. */
static int take_away(struct gateway *gateway, const struct operation *operation,
                     const struct actor *actor, const char *object, const char *reason, bool alone,
                     struct outcome *outcome)
{
    cleanup_(target_clear) struct target target = {0};
    int r = begin(gateway, operation, actor, object, reason, outcome, &target);

    if (r == 0 && operation->kind == OVERRIDE_ISOLATION)
        r = check_second_person(&target, alone, outcome);
    if (r == 0)
        r = run(gateway, operation, &target, NULL, outcome);
    return r > 0 ? 0 : r;
}

int change_release(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome)
{
    const struct operation release = {alone ? "release-alone" : "release", OVERRIDE_ISOLATION,
                                      TARGET_ISOLATIONS};

    return take_away(gateway, &release, actor, zone, reason, alone, ret_outcome);
}

int change_resume(struct gateway *gateway, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome)
{
    static const struct operation resume = {"resume", OVERRIDE_SUSPENSION, TARGET_POLICY};

    return take_away(gateway, &resume, actor, flow, reason, false, ret_outcome);
}

int change_revoke(struct gateway *gateway, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome)
{
    static const struct operation revoke = {"revoke", OVERRIDE_GRANT, TARGET_POLICY,
                                            .closes = true};

    return take_away(gateway, &revoke, actor, grant, reason, false, ret_outcome);
}

/* Writes the grant as the text of a flow. Wrong ends and services are for the parser to report. */
static int write_grant(const struct target *target, const struct grant_wish *wish,
                       struct outcome *outcome, char **ret_text)
{
    cleanup_(policy_freep) struct policy *policy = NULL;
    int r = kept_parse(&target->texts, &policy);

    if (r == 0)
        r = grant_write(policy, wish, ret_text);
    if (r == -ENOENT)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "an address of the grant lies in no zone");
    if (r == -EINVAL)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "a grant needs a source, a destination and a service");
    return r;
}

static int check_limits(const struct overrides *overrides, usec_t span, struct outcome *outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < overrides->n_overrides; i++)
        n += overrides->overrides[i].kind == OVERRIDE_GRANT;
    if (span <= 0 || span > GRANT_SPAN_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "a grant lasts from one second to %d days; what must last longer "
                           "belongs into the policy",
                           (int)(GRANT_SPAN_MAX / USEC_PER_SEC / 86400));
    if (n >= GRANTS_MAX)
        return outcome_set(outcome, OUTCOME_REFUSED,
                           "there are %d grants already; revoke some, or change the policy",
                           GRANTS_MAX);
    return 0;
}

/* Gives the grant the next number, which no other has had. */
static void name_grant(struct overrides *overrides, char *name, size_t size)
{
    if (overrides->next_grant == 0)
        overrides->next_grant = 1;
    snprintf(name, size, "grant-%" PRIu64, overrides->next_grant++);
}

int change_grant(struct gateway *gateway, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome)
{
    static const struct operation operation = {"grant", OVERRIDE_GRANT, TARGET_POLICY,
                                               .adds = true};
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
    int r = begin(gateway, &operation, actor, name, wish->reason, ret_outcome, &target);

    target.needs_grant = true;
    named.name = name;
    if (r == 0)
        r = check_limits(&target.state.overrides, span, ret_outcome);
    if (r == 0)
        r = target_read_enforced(gateway, &target, ret_outcome);
    if (r == 0) {
        name_grant(&target.state.overrides, name, sizeof(name));
        r = write_grant(&target, &named, ret_outcome, &text);
    }
    override.text = text;
    if (r == 0)
        r = run(gateway, &operation, &target, &override, ret_outcome);
    if (r == 0)
        snprintf(ret_outcome->message, sizeof(ret_outcome->message), "%s", name);
    return r > 0 ? 0 : r;
}
