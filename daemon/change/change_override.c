/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes by operators, beside the policy. They are kept in the state, not in generations, so that
 * they outlive a restart, a reboot and the next policy. An isolation is committed by itself,
 * without a look at the policy; everything else goes the way of a policy, with the texts of the
 * generation that is enforced.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/change_private.h"
#include "daemon/log.h"
#include "daemon/record/evidence.h"
#include "daemon/step.h"
#include "ruleset/compile.h"

/* One change of overrides on its way. */
struct turn {
    struct manager *manager;
    const struct actor *actor;
    const char *action;
    const char *object;
    const char *reason;
    struct state candidate;
    struct policy_texts texts; /* of the generation that is enforced, where they were read */
    struct outcome *outcome;
};

static void turn_clear(struct turn *turn)
{
    state_clear(&turn->candidate);
    policy_texts_clear(&turn->texts);
}

/* What is closed or opened by hand is explained by who does it. */
static int check_reason(struct turn *turn)
{
    if (turn->reason && *turn->reason)
        return 0;
    return outcome_set(turn->outcome, OUTCOME_REFUSED, "to %s needs a reason", turn->action);
}

static int turn_begin(struct turn *turn)
{
    struct manager *manager = turn->manager;

    if (!manager->generations || !manager->audit)
        return outcome_set(turn->outcome, OUTCOME_STORAGE,
                           "there is no state folder at %s: nothing can be changed",
                           manager->options.state_path);
    if (!enforcement_outline(manager->enforcement))
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "no policy is enforced: nothing passes between zones");
    return state_copy(&manager->state, &turn->candidate);
}

static int turn_audit(const struct turn *turn, const char *outcome)
{
    return manager_audit(turn->manager, &(struct audit_event){
                                            .actor = *turn->actor,
                                            .action = turn->action,
                                            .object = turn->object,
                                            .reason = turn->reason,
                                            .from = turn->manager->current.number,
                                            .to = turn->manager->current.number,
                                            .outcome = outcome,
                                        });
}

void change_note_overrides(struct manager *manager)
{
    struct generation *current = &manager->current;
    cleanup_(overrides_clear) struct overrides copy = {0};
    int r;

    if (current->number == 0 || !manager->generations)
        return;
    r = overrides_copy(&manager->state.overrides, &copy);
    if (r == 0) {
        overrides_clear(&current->overrides);
        current->overrides = copy;
        copy = (struct overrides){0};
        r = generations_update(manager->generations, current);
    }
    if (r < 0)
        log_message(LOG_WARNING, MESSAGE_STORAGE,
                    "overrides could not be noted beside generation %" PRIu64 ": %s",
                    current->number, strerror(-r));
}

static int turn_isolate(struct turn *turn)
{
    struct nftables_refusal refusal = {0};
    int r = enforcement_isolate(turn->manager->enforcement, &turn->candidate.overrides, &refusal);

    return r < 0 ? outcome_set_kernel(turn->outcome, &refusal, r, turn->outcome->sources) : 0;
}

/* From policy and overrides that are to be; NULL: isolations alone have changed. */
static int turn_commit(struct turn *turn, struct compiled *compiled)
{
    struct manager *manager = turn->manager;
    int r = state_write(manager->state_directory, &turn->candidate);

    if (r < 0)
        return outcome_set_storage(turn->outcome, "the state", r);
    step_reached("override-written");

    r = compiled ? change_commit(manager, compiled, turn->outcome, NULL) : turn_isolate(turn);
    step_reached("override-committed");
    if (r != 0) {
        if (state_write(manager->state_directory, &manager->state) < 0)
            findings_report(manager->findings, "storage", "not-taken-back", FINDING_CRITICAL,
                            turn->object, "the state folder holds a change that was not made");
        return r;
    }

    state_clear(&manager->state);
    manager->state = turn->candidate;
    turn->candidate = (struct state){0};
    change_note_overrides(manager);
    return 0;
}

static int turn_run(struct turn *turn, struct compiled *compiled)
{
    int r = turn_audit(turn, "begun");

    if (r < 0)
        return outcome_set_storage(turn->outcome, "the audit log", r);

    r = turn_commit(turn, compiled);
    turn_audit(turn, r < 0 ? "failed" : outcome_to_string(turn->outcome));
    log_message(r == 0 ? LOG_NOTICE : LOG_ERR, MESSAGE_OVERRIDE, "%s %s by %s: %s", turn->action,
                turn->object, turn->actor->name, r == 0 ? "done" : turn->outcome->message);
    manager_arm(turn->manager);
    return r;
}

/* The policy that is enforced, with the overrides that are to be. */
static int turn_prepare(struct turn *turn, struct compiled **ret_compiled)
{
    struct manager *manager = turn->manager;
    int r = 0;

    if (manager->current.number == 0) {
        outcome_set(turn->outcome, OUTCOME_STORAGE,
                    "the policy that is enforced could not be kept at %s: apply it again when "
                    "there is room",
                    manager->options.state_path);
        return 1;
    }
    if (turn->texts.n_texts == 0)
        r = change_read_policy(manager, &manager->current, turn->outcome, &turn->texts, NULL);
    if (r == 0)
        r = change_prepare(manager, turn->texts.texts, turn->texts.n_texts,
                           &turn->candidate.overrides, manager->current.number, turn->outcome,
                           ret_compiled);
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

static bool is_live(const struct manager *manager, const char *flow)
{
    const struct set *live =
        ruleset_find_set(enforcement_ruleset(manager->enforcement), RULESET_LIVE);

    for (size_t i = 0; live && i < live->n_elements; i++) {
        if (live->elements[i].comment && strcmp(live->elements[i].comment, flow) == 0)
            return true;
    }
    return false;
}

/* A flow that is kept must exist; most are live, and then the policy need not be read. */
static int check_kept(struct turn *turn, const char *const *keep, size_t n_keep)
{
    cleanup_(policy_freep) struct policy *policy = NULL;

    if (n_keep > ISOLATION_KEEP_MAX)
        return outcome_set(turn->outcome, OUTCOME_REFUSED, "an isolation keeps at most %d flows",
                           ISOLATION_KEEP_MAX);
    for (size_t i = 0; i < n_keep; i++) {
        int r = 0;

        if (is_live(turn->manager, keep[i]))
            continue;
        if (!policy)
            r = change_read_policy(turn->manager, &turn->manager->current, turn->outcome,
                                   &turn->texts, &policy);
        if (r != 0)
            return r;
        if (!has_flow(policy, keep[i]))
            return outcome_set(turn->outcome, OUTCOME_NOT_FOUND, "there is no flow `%s` to keep",
                               keep[i]);
    }
    return 0;
}

static int check_zone(struct turn *turn, const char *zone)
{
    if (policy_zone_named(enforcement_outline(turn->manager->enforcement), zone))
        return 0;
    return outcome_set(turn->outcome, OUTCOME_NOT_FOUND,
                       "there is no zone `%s`; `segctl zones` lists them", zone);
}

static int turn_add(struct turn *turn, struct override *override)
{
    int r;

    override->reason = (char *)turn->reason;
    override->uid = turn->actor->uid;
    override->who = (char *)turn->actor->name;
    override->since = change_second(calendar_now());
    r = overrides_add(&turn->candidate.overrides, override);
    if (r == -EEXIST) {
        const struct override *there =
            overrides_find(&turn->candidate.overrides, override->kind, override->name);

        return outcome_set(turn->outcome, OUTCOME_REFUSED, "`%s` is under %s already, by %s: %s",
                           override->name, override_kind_to_string(override->kind), there->who,
                           there->reason);
    }
    return r;
}

/* On a whole second, as it will be read again. */
static usec_t span_end(usec_t span)
{
    return span > 0 ? change_second(calendar_now() + span + USEC_PER_SEC - 1) : USEC_NEVER;
}

static int isolate(struct turn *turn, struct override *override)
{
    struct manager *manager = turn->manager;
    const struct evidence_subject subject = {
        .directory = manager->state_directory,
        .actor = turn->actor,
        .zone = turn->object,
        .reason = turn->reason,
        .state = &manager->state,
        .fingerprint = manager->current.fingerprint,
        .audit_head = audit_head(manager->audit),
        .enforcement = manager->enforcement,
        .conntrack = manager->conntrack,
        .links = manager->links,
    };
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    int r = turn_add(turn, override);

    if (r != 0)
        return r;
    r = evidence_begin(&subject, &evidence);
    if (r < 0)
        return outcome_set_storage(turn->outcome, "the evidence", r);

    r = turn_run(turn, NULL);
    if (r != 0)
        return r;

    turn->outcome->evidence = strdup(evidence_path(evidence));
    r = evidence_finish(evidence);
    if (r < 0)
        findings_report(manager->findings, "storage", "evidence-incomplete", FINDING_WARNING,
                        turn->object, "%s is incomplete: %s", evidence_path(evidence),
                        strerror(-r));
    return turn->outcome->evidence ? 0 : -ENOMEM;
}

int change_isolate(struct manager *manager, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome)
{
    cleanup_(turn_clear) struct turn turn = {manager, actor,  "isolate",
                                             zone,    reason, .outcome = ret_outcome};
    struct override override = {
        .kind = OVERRIDE_ISOLATION,
        .name = (char *)zone,
        .until = span_end(span),
        .keep = (char **)keep,
        .n_keep = n_keep,
    };
    int r = turn_begin(&turn);

    if (r == 0)
        r = check_reason(&turn);
    if (r == 0)
        r = check_zone(&turn, zone);
    if (r == 0)
        r = check_kept(&turn, keep, n_keep);
    if (r == 0)
        r = isolate(&turn, &override);
    return r > 0 ? 0 : r;
}

/* Four eyes: who cut a zone off does not open it again. */
static int check_second_person(const struct turn *turn, const struct override *isolation,
                               bool alone)
{
    if (alone && turn->actor->uid != 0)
        return outcome_set(turn->outcome, OUTCOME_REFUSED, "only root may release a zone alone");
    if (alone && (!turn->reason || !*turn->reason))
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "to release a zone alone needs a reason");
    if (!alone && turn->actor->uid == isolation->uid)
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "%s isolated the zone, so a second person must release it; in an "
                           "emergency root may with --alone and a reason",
                           isolation->who);
    return 0;
}

int change_release(struct manager *manager, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome)
{
    cleanup_(turn_clear) struct turn turn = {manager, actor,  alone ? "release-alone" : "release",
                                             zone,    reason, .outcome = ret_outcome};
    const struct override *isolation;
    int r = turn_begin(&turn);

    if (r != 0)
        return r > 0 ? 0 : r;
    isolation = overrides_find(&turn.candidate.overrides, OVERRIDE_ISOLATION, zone);
    r = isolation ? check_second_person(&turn, isolation, alone)
                  : outcome_set(ret_outcome, OUTCOME_NOT_FOUND, "zone `%s` is not isolated", zone);
    if (r == 0) {
        overrides_remove(&turn.candidate.overrides, OVERRIDE_ISOLATION, zone);
        r = turn_run(&turn, NULL);
    }
    return r > 0 ? 0 : r;
}

int change_suspend(struct manager *manager, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome)
{
    cleanup_(turn_clear) struct turn turn = {manager, actor,  "suspend",
                                             flow,    reason, .outcome = ret_outcome};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct override override = {
        .kind = OVERRIDE_SUSPENSION,
        .name = (char *)flow,
        .until = USEC_NEVER,
    };
    int r = outcome_begin(ret_outcome);

    if (r == 0)
        r = turn_begin(&turn);
    if (r == 0)
        r = check_reason(&turn);
    if (r == 0)
        r = turn_add(&turn, &override);
    if (r == 0)
        r = turn_prepare(&turn, &compiled);
    if (r == 0 && !has_flow(compiled->policy, flow))
        r = outcome_set(ret_outcome, OUTCOME_NOT_FOUND,
                        "there is no flow `%s`; `segctl flows` lists them", flow);
    if (r == 0)
        r = turn_run(&turn, compiled);
    return r > 0 ? 0 : r;
}

/* Takes an override away that the policy must be compiled for. */
static int take_away(struct turn *turn, enum override_kind kind)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    int r = outcome_begin(turn->outcome);

    if (r == 0)
        r = turn_begin(turn);
    if (r == 0 && overrides_remove(&turn->candidate.overrides, kind, turn->object) < 0)
        r = outcome_set(turn->outcome, OUTCOME_NOT_FOUND, "there is no %s of `%s`",
                        override_kind_to_string(kind), turn->object);
    if (r == 0)
        r = turn_prepare(turn, &compiled);
    if (r == 0)
        r = turn_run(turn, compiled);
    return r > 0 ? 0 : r;
}

int change_resume(struct manager *manager, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome)
{
    cleanup_(turn_clear) struct turn turn = {manager, actor,  "resume",
                                             flow,    reason, .outcome = ret_outcome};

    return take_away(&turn, OVERRIDE_SUSPENSION);
}

int change_revoke(struct manager *manager, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome)
{
    cleanup_(turn_clear) struct turn turn = {manager, actor,  "revoke",
                                             grant,   reason, .outcome = ret_outcome};

    return take_away(&turn, OVERRIDE_GRANT);
}

/* The grant's flow as text; ends and services that make no sense are told by the parser. */
static int write_grant(struct turn *turn, const struct grant_wish *wish, char **ret_text)
{
    cleanup_(policy_freep) struct policy *policy = NULL;
    int r = change_read_policy(turn->manager, &turn->manager->current, turn->outcome, &turn->texts,
                               &policy);

    if (r == 0)
        r = grant_write(policy, wish, ret_text);
    if (r == -ENOENT)
        return outcome_set(turn->outcome, OUTCOME_NOT_FOUND,
                           "an address of the grant lies in no zone");
    if (r == -EINVAL)
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "a grant needs somebody from whom, somebody to whom, and a service");
    return r;
}

static int check_number(struct turn *turn)
{
    size_t n = 0;

    for (size_t i = 0; i < turn->candidate.overrides.n_overrides; i++)
        n += turn->candidate.overrides.overrides[i].kind == OVERRIDE_GRANT;
    if (n >= GRANTS_MAX)
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "there are %d grants already; revoke some, or change the policy",
                           GRANTS_MAX);
    return 0;
}

static int check_span(struct turn *turn, usec_t span)
{
    if (span <= 0 || span > GRANT_SPAN_MAX)
        return outcome_set(turn->outcome, OUTCOME_REFUSED,
                           "a grant lasts from one second to %d days; what must last longer "
                           "belongs into the policy",
                           (int)(GRANT_SPAN_MAX / USEC_PER_SEC / 86400));
    return 0;
}

int change_grant(struct manager *manager, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome)
{
    char name[32];
    cleanup_(turn_clear) struct turn turn = {manager, actor,        "grant",
                                             name,    wish->reason, .outcome = ret_outcome};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(freep) char *text = NULL;
    struct grant_wish named = *wish;
    struct override override = {.kind = OVERRIDE_GRANT, .name = name, .until = span_end(span)};
    int r = outcome_begin(ret_outcome);

    named.name = name;
    if (r == 0)
        r = turn_begin(&turn);
    if (r == 0)
        r = check_reason(&turn);
    if (r == 0)
        r = check_span(&turn, span);
    if (r == 0)
        r = check_number(&turn);
    if (r == 0) {
        if (turn.candidate.overrides.next_grant == 0)
            turn.candidate.overrides.next_grant = 1;
        snprintf(name, sizeof(name), "grant-%" PRIu64, turn.candidate.overrides.next_grant++);
        r = write_grant(&turn, &named, &text);
    }
    override.text = text;
    if (r == 0)
        r = turn_add(&turn, &override);
    if (r == 0)
        r = change_prepare_strictly(manager, &turn.texts, &turn.candidate.overrides,
                                    manager->current.number, ret_outcome, &compiled);
    if (r == 0)
        r = turn_run(&turn, compiled);
    if (r == 0)
        snprintf(ret_outcome->message, sizeof(ret_outcome->message), "%s", name);
    return r > 0 ? 0 : r;
}
