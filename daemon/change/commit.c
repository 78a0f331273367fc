/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The second half of a transaction, in one function: what was prepared becomes enforced and kept.
 * After a crash or a power cut between any two of its steps, a start can find out what happened:
 * the kernel holds the number of its generation, isolations and suspensions; the state names the
 * generation that was decided.
 *
 * What opens is written to the disk before it is committed to the kernel, so nothing passes without
 * a record. What closes is committed first, so nothing goes on passing because a disk is full.
 */

#include "daemon/change/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/change/closings.h"
#include "daemon/change/drift.h"
#include "daemon/change/happened.h"
#include "daemon/log.h"
#include "daemon/step.h"

/* What a commit carries from step to step. */
struct commit {
    struct gateway *gateway;
    struct target *target;
    struct prepared *prepared;
    struct outcome *outcome;
    struct nftables_cost cost;
    bool wrote_entry, wrote_generation, wrote_state; /* what is on the disk */
};

/* The audit entry, with `outcome` `begun` or what became of the change. */
static struct audit_event event_of(const struct commit *commit, const char *outcome)
{
    const struct target *target = commit->target;

    struct audit_event event = {
        .actor = target->actor,
        .action = target->action,
        .object = target->object,
        .reason = target->reason,
        .from = commit->gateway->current.number,
        .to = target->state.generation,
        .outcome = outcome,
        .detail = target->detail,
    };

    /* A confirmation changes neither generation. */
    if (target->content == TARGET_SAME)
        event.from = commit->gateway->state.confirmation.previous;
    return event;
}

static int write_generation(struct commit *commit)
{
    struct gateway *gateway = commit->gateway;
    const struct target *target = commit->target;
    const uint64_t keep[] = {
        gateway->state.generation,
        gateway->state.confirmation.previous,
        target->generation.previous,
    };
    int r = generations_write(gateway->generations, &target->generation, target->stage, keep,
                              ELEMENTS_OF(keep));

    if (r < 0)
        return outcome_set_storage(commit->outcome, "the generation", r);
    /* Its number is used, whatever becomes of it. */
    gateway->state.next_generation = target->state.next_generation;
    commit->wrote_generation = true;
    step_reached("generation-written");
    return 0;
}

static int write_state(struct commit *commit)
{
    int r = gateway_write_state(commit->gateway, &commit->target->state);

    if (r < 0)
        return outcome_set_storage(commit->outcome, "the state", r);
    commit->wrote_state = true;
    step_reached("state-written");
    return 0;
}

/* What opens is written to the disk before it is committed. */
static int write_before(struct commit *commit)
{
    const struct target *target = commit->target;
    struct audit_event event = event_of(commit, "begun");
    int r = target->action ? gateway_audit(commit->gateway, &event) : 0;

    if (r < 0)
        return outcome_set_storage(commit->outcome, "the audit log", r);
    commit->wrote_entry = true;
    step_reached("audit-begun");
    if (target->is_new)
        r = write_generation(commit);
    return r == 0 && !target->keeps_state ? write_state(commit) : r;
}

/*
 * Connections are marked with the id of their flow. If a new flow has the id of a different old
 * flow, the connections of the old one must not pass as those of the new one. So the new flow is
 * suspended in a first commit, these connections are deleted, and the second commit lets it pass.
 */
static int commit_first(struct commit *commit)
{
    const struct prepared *prepared = commit->prepared;
    struct gateway *gateway = commit->gateway;
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};
    int r = 0;

    if (prepared->first)
        r = enforcement_commit(gateway->enforcement, prepared->first, &refusal, &cost);
    for (size_t i = 0; r >= 0 && i < prepared->n_reused; i++)
        r = conntrack_delete_mark(gateway_conntrack(gateway), prepared->reused[i]);
    return r < 0 ? outcome_set_kernel(commit->outcome, &refusal, r) : 0;
}

/* The last step that can fail. */
static int enforce(struct commit *commit)
{
    struct gateway *gateway = commit->gateway;
    struct nftables_refusal refusal = {0};
    int r = 0;

    switch (commit->target->content) {
    case TARGET_POLICY:
        if (commit->target->is_held)
            drift_note(gateway, commit->prepared->compiled);
        r = commit_first(commit);
        if (r != 0)
            return r;
        r = enforcement_commit(gateway->enforcement, commit->prepared->compiled, &refusal,
                               &commit->cost);
        break;
    case TARGET_ISOLATIONS:
        r = enforcement_isolate(gateway->enforcement, &commit->target->state.overrides, &refusal);
        break;
    case TARGET_LOCKDOWN:
        r = enforcement_lock_down(gateway->enforcement, &refusal);
        break;
    case TARGET_SAME:
        return 0;
    }
    if (r < 0)
        return outcome_set_kernel(commit->outcome, &refusal, r);
    commit->outcome->enforced = calendar_now();
    step_reached("kernel-committed");
    return 0;
}

/* Restores the disk to what is enforced, where it was written first. */
static void take_back(const struct commit *commit)
{
    struct gateway *gateway = commit->gateway;
    struct target *target = commit->target;
    int r = 0;

    if (commit->wrote_generation) {
        target->generation.outcome = GENERATION_REFUSED;
        r = generations_update(gateway->generations, &target->generation);
    }
    if (r == 0 && commit->wrote_state)
        r = gateway_write_state(gateway, &gateway->state);
    if (r < 0)
        findings_report(gateway->findings, "storage", "not-taken-back", FINDING_CRITICAL,
                        target->object,
                        "the state folder still holds a change that failed (%s): %s",
                        target->action, commit->outcome->message);
}

static void log_commit(const struct commit *commit)
{
    const struct policy *outline = enforcement_outline(commit->gateway->enforcement);
    const struct nftables_cost *cost = &commit->cost;

    log_message(LOG_INFO, MESSAGE_POLICY_COMMITTED,
                "enforcing generation %" PRIu64
                ": %zu zones, %zu flows; %zu bytes in %zu messages, %" PRIu64 " us in the kernel",
                commit->target->generation.number, outline->n_zones,
                commit->gateway->agenda.n_flows, cost->bytes, cost->messages, cost->commit_usec);
}

static void settle_start(struct gateway *gateway)
{
    static const char *const codes[] = {
        "lockdown",           "policy-not-applied", "policy-not-kept", "generation-not-enforced",
        "generation-in-part", "policy-lost",
    };

    for (size_t i = 0; i < ELEMENTS_OF(codes); i++)
        findings_drop(gateway->findings, "start", codes[i], NULL);
    findings_drop(gateway->findings, "change", "not-gone-back", NULL);
    gateway->changed = true;
}

static void forward(struct gateway *gateway)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);

    if (outline && outline->gateway_forwarding)
        gateway_forward(gateway);
}

/* The one before goes with what was prepared: the transaction has borrowed from it. */
static void note_image(const struct commit *commit)
{
    struct policy_image *image = &commit->gateway->image, before = *image;
    const char *fingerprint = commit->gateway->current.fingerprint;

    if (!commit->prepared->image.policy && strcmp(image->fingerprint, fingerprint) == 0)
        return;
    *image = commit->prepared->image;
    strcpy(image->fingerprint, fingerprint);
    commit->prepared->image = before;
}

/* Remembers the policy that is enforced now: agenda, texts, generation. */
static void note_policy(const struct commit *commit)
{
    struct gateway *gateway = commit->gateway;
    struct target *target = commit->target;

    agenda_clear(&gateway->agenda);
    gateway->agenda = commit->prepared->agenda;
    commit->prepared->agenda = (struct agenda){0};
    forward(gateway);
    for (size_t i = 0; i + 1 < commit->prepared->n_renamed; i += 2)
        totals_rename(gateway->totals, commit->prepared->renamed[i],
                      commit->prepared->renamed[i + 1]);
    if (target->generation.number != gateway->current.number)
        log_commit(commit);

    gateway->is_policy_lost = false;
    policy_texts_clear(&gateway->unkept);
    if (target->generation.number == 0) {
        gateway->unkept = target->texts;
        target->texts = (struct policy_texts){0};
    }
    target->generation.outcome = GENERATION_APPLIED;
    generation_clear(&gateway->current);
    gateway->current = target->generation;
    target->generation = (struct generation){0};
    note_image(commit);

    /* Where another process prepared it without the policy, nothing has happened. */
    if (target->is_new || !commit->prepared->compiled->policy)
        gateway->seen = commit->prepared->compiled->now;
    else
        happened_tell(gateway, commit->prepared->compiled);
}

static void note_lockdown(struct gateway *gateway)
{
    agenda_clear(&gateway->agenda);
    policy_texts_clear(&gateway->unkept);
    generation_clear(&gateway->current);
    policy_image_clear(&gateway->image);
    findings_report(
        gateway->findings, "start", "lockdown", FINDING_CRITICAL, NULL,
        "there is no valid policy: nothing passes between zones; correct the policy and apply it");
}

/* The kernel enforces the target: remembers, writes and reports it. */
static void note(struct commit *commit)
{
    struct gateway *gateway = commit->gateway;
    struct target *target = commit->target;
    struct audit_event event = event_of(commit, "done");

    state_clear(&gateway->state);
    gateway->state = target->state;
    target->state = (struct state){0};
    gateway->changed = true;
    closings_report(gateway, target->content == TARGET_POLICY ? commit->prepared : NULL);
    if (target->content == TARGET_POLICY)
        note_policy(commit);
    else if (target->content == TARGET_LOCKDOWN)
        note_lockdown(gateway);
    if (target->is_new || target->is_chosen)
        settle_start(gateway);
    if (target->is_chosen)
        forward(gateway);

    if (target->closes) {
        gateway_keep_state(gateway);
    } else {
        gateway_keep_generation(gateway);
        findings_drop(gateway->findings, "storage", "not-taken-back", NULL);
    }
    step_reached("noted");
    if (target->write_evidence)
        target->write_evidence(gateway, target, commit->outcome);
    if (target->action)
        gateway_audit_later(gateway, &event);
    gateway_keep_audit_end(gateway);
}

/* The change failed and nothing is different: the audit log says so. */
static void tell_failure(const struct commit *commit, int error)
{
    struct audit_event event =
        event_of(commit, error < 0 ? "failed" : outcome_to_string(commit->outcome));

    if (commit->target->action && (commit->target->closes || commit->wrote_entry))
        gateway_audit_later(commit->gateway, &event);
    gateway_keep_audit_end(commit->gateway);
}

int commit_run(struct gateway *gateway, struct target *target, struct prepared *prepared,
               struct outcome *outcome)
{
    struct commit commit = {gateway, target, prepared, outcome};
    int r;

    gateway->n_commits++;
    r = target->closes ? 0 : write_before(&commit);
    if (r == 0)
        r = enforce(&commit);
    if (r != 0) {
        take_back(&commit);
        tell_failure(&commit, r);
        return r;
    }

    note(&commit);
    return 0;
}
