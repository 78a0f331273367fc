/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * transaction_run() makes a target enforced and kept, in one function. After a crash or a power cut
 * between any two of its steps, a start can find out what happened: the kernel holds the number of
 * its generation, isolations and suspensions; the state names the generation that was decided.
 *
 * What opens is written to the disk before it is committed to the kernel, so nothing passes without
 * a record. What closes is committed first, so nothing goes on passing because a disk is full.
 */

#include "daemon/change/transaction.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/approved.h"
#include "daemon/change/changes.h"
#include "daemon/change/closings.h"
#include "daemon/change/drift.h"
#include "daemon/change/happened.h"
#include "daemon/change/kept.h"
#include "daemon/change/prepare.h"
#include "daemon/log.h"
#include "daemon/step.h"

int target_begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 struct target *ret_target)
{
    *ret_target = (struct target){.actor = *actor, .action = action};
    return state_copy(&gateway->state, &ret_target->state);
}

void target_clear(struct target *target)
{
    json_decref(target->detail);
    if (!target->borrows_texts)
        policy_texts_clear(&target->texts);
    generation_clear(&target->generation);
    state_clear(&target->state);
}

int target_read_enforced(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    target->content = TARGET_POLICY;
    if (gateway->current.number > 0) {
        int r = generation_copy(&gateway->current, &target->generation);

        return r < 0 ? r
                     : kept_read_policy(gateway, &gateway->current, outcome, &target->texts, NULL);
    }
    return policy_texts_copy(&gateway->unkept, &target->texts);
}

/* What a transaction carries from step to step. */
struct transaction {
    struct gateway *gateway;
    struct target *target;
    struct outcome *outcome;
    struct compiled *compiled; /* of TARGET_POLICY */
    struct policy *before;     /* the policy enforced before, as far as it is needed; or NULL */
    const struct policy *old;  /* the same, if a new generation replaces it */
    struct nftables_cost cost;
    bool wrote_entry, wrote_generation, wrote_state; /* what is on the disk */
};

static void transaction_clear(struct transaction *transaction)
{
    policy_free(transaction->before);
    compiled_free(transaction->compiled);
}

/* The target's texts with these overrides. */
static struct compiled_input input_of(const struct target *target,
                                      const struct overrides *overrides)
{
    return (struct compiled_input){
        .texts = target->texts.texts,
        .n_texts = target->texts.n_texts,
        .overrides = overrides,
        .generation = target->generation.number,
        .strict = target->needs_grants,
    };
}

/* Closings follow the policy from the one before, which is the same one if the target does not
 * change it. */
static int follow_closings(struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    struct target *target = transaction->target;
    struct overrides *overrides = &target->state.overrides;
    const uint64_t enforced =
        target->is_start ? gateway->state.generation : gateway->current.number;
    const bool same = !target->is_new && (target->is_held || target->generation.number == enforced);
    const struct compiled_input input = input_of(target, overrides);
    int r = 0;

    if (target->is_new || (!same && closings_exist(overrides)))
        r = prepare_read_before(gateway, &transaction->before);
    if (r == 0)
        r = closings_follow(gateway, &input,
                            same ? transaction->compiled->policy : transaction->before, overrides,
                            transaction->outcome, &transaction->compiled);
    if (r != 0 || !target->is_new)
        return r;

    transaction->old = gateway->current.number > 0 ? transaction->before : NULL;
    overrides_clear(&target->generation.overrides);
    r = overrides_copy(overrides, &target->generation.overrides);
    if (r == 0)
        r = closings_show(gateway, overrides, transaction->before, transaction->compiled,
                          transaction->outcome);
    return r;
}

/* Which flows alone may pass belongs to the generation of which a start found it out: a new policy
 * has no such bound. */
static int choose_only(const struct gateway *gateway, struct target *target)
{
    const struct overrides *kept = &target->generation.overrides;
    struct overrides *overrides = &target->state.overrides;
    int r = 0;

    if (target->is_new)
        r = overrides_set_only(&target->generation.overrides, NULL, 0);
    if (r == 0 && (target->is_new || target->generation.number != gateway->state.generation))
        r = overrides_set_only(overrides, NULL, 0);
    if (r == 0 && overrides->n_only == 0 && kept->n_only > 0)
        r = overrides_set_only(overrides, kept->only, kept->n_only);
    return r;
}

static int prepare(struct transaction *transaction)
{
    struct target *target = transaction->target;
    struct compiled_input input;
    int r;

    if (target->content != TARGET_POLICY)
        return 0;
    if (target->generation.number > 0)
        strcpy(target->state.fingerprint, target->generation.fingerprint);
    r = choose_only(transaction->gateway, target);
    if (r < 0)
        return r;
    input = input_of(target, &target->state.overrides);
    r = prepare_compile(transaction->gateway, &input, transaction->outcome, &transaction->compiled);
    if (r == 0)
        r = follow_closings(transaction);
    if (r == 0 && target->suspends)
        r = closings_find_approved(transaction->compiled, &target->state.overrides,
                                   target->suspends, transaction->outcome);
    return r;
}

static int check(struct transaction *transaction)
{
    const struct target *target = transaction->target;
    int r = 0;

    if (target->content != TARGET_POLICY || target->is_start)
        return 0;
    if (target->needs_grants)
        r = prepare_check_grant(transaction->compiled, target->object, &target->state.overrides,
                                transaction->outcome);
    if (r == 0 && target->is_new)
        r = prepare_compare(transaction->gateway, transaction->compiled, transaction->old,
                            transaction->outcome);
    if (r == 0 && target->detail && target->is_new)
        r = changes_add_to_detail(transaction->outcome, target->detail);
    return r;
}

/* The audit entry, with `outcome` `begun` or what became of the change. */
static struct audit_event event_of(const struct transaction *transaction, const char *outcome)
{
    const struct target *target = transaction->target;

    struct audit_event event = {
        .actor = target->actor,
        .action = target->action,
        .object = target->object,
        .reason = target->reason,
        .from = transaction->gateway->current.number,
        .to = target->state.generation,
        .outcome = outcome,
        .detail = target->detail,
    };

    /* A confirmation changes neither generation. */
    if (target->content == TARGET_SAME)
        event.from = transaction->gateway->state.confirmation.previous;
    return event;
}

static int write_generation(struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    const struct target *target = transaction->target;
    const uint64_t keep[] = {
        gateway->state.generation,
        gateway->state.confirmation.previous,
        target->generation.previous,
    };
    cleanup_(approved_clear) struct approved approved = {0};
    int r;

    assert(transaction->compiled); /* only a policy can be new */
    r = approved_read(transaction->compiled->policy, &approved);
    if (r == 0)
        r = generations_write_approved(gateway->generations, target->generation.number, &approved);
    if (r == 0)
        r = generations_write(gateway->generations, &target->generation, target->texts.texts,
                              target->texts.n_texts, keep, ELEMENTS_OF(keep));
    if (r < 0)
        return outcome_set_storage(transaction->outcome, "the generation", r);
    /* Its number is used, whatever becomes of it. */
    gateway->state.next_generation = target->state.next_generation;
    transaction->wrote_generation = true;
    step_reached("generation-written");
    return 0;
}

static int write_state(struct transaction *transaction)
{
    int r = gateway_write_state(transaction->gateway, &transaction->target->state);

    if (r < 0)
        return outcome_set_storage(transaction->outcome, "the state", r);
    transaction->wrote_state = true;
    step_reached("state-written");
    return 0;
}

/* What opens is written to the disk before it is committed. */
static int write_before(struct transaction *transaction)
{
    const struct target *target = transaction->target;
    struct audit_event event = event_of(transaction, "begun");
    int r = target->action ? gateway_audit(transaction->gateway, &event) : 0;

    if (r < 0)
        return outcome_set_storage(transaction->outcome, "the audit log", r);
    transaction->wrote_entry = true;
    step_reached("audit-begun");
    if (target->is_new)
        r = write_generation(transaction);
    return r == 0 ? write_state(transaction) : r;
}

struct owner {
    uint32_t id;
    const struct flow *flow;
};

static int compare_owners(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int find_reused(const struct policy *old, const struct policy *new,
                       struct overrides *suspended, uint32_t **ret_marks, size_t *ret_n)
{
    cleanup_(freep) struct owner *owners = calloc(old->n_flows + 1, sizeof(*owners));
    cleanup_(freep) uint32_t *marks = calloc(new->n_flows + 1, sizeof(*marks));
    size_t n_owners = 0, n = 0;

    if (!owners || !marks)
        return -ENOMEM;
    for (size_t i = 0; i < old->n_flows; i++) {
        if (old->flows[i].id != 0)
            owners[n_owners++] = (struct owner){old->flows[i].id, &old->flows[i]};
    }
    qsort(owners, n_owners, sizeof(*owners), compare_owners);

    for (size_t i = 0; i < new->n_flows; i++) {
        const struct flow *flow = &new->flows[i];
        const struct owner key = {flow->id, NULL};
        const struct owner *owner =
            bsearch(&key, owners, n_owners, sizeof(*owners), compare_owners);
        /* Few bits are met by ids of flows that are gone for longer, and by whole marks. */
        bool is_same = owner && old->mark_mask ==
                                    new->mark_mask &&memcmp(owner->flow->digest, flow->digest,
                                                            sizeof(flow->digest)) == 0;
        int r;

        if (flow->id == 0 || is_same || (!owner && new->mark_mask == 0 && old->mark_mask == 0))
            continue;
        marks[n++] = flow->id;
        r = overrides_add(suspended, &(struct override){
                                         .kind = OVERRIDE_SUSPENSION,
                                         .name = (char *)flow->name,
                                         .reason = (char *)"",
                                         .who = (char *)"",
                                         .until = USEC_NEVER,
                                     });
        if (r < 0 && r != -EEXIST)
            return r;
    }
    *ret_marks = TAKE_PTR(marks);
    *ret_n = n;
    return 0;
}

/*
 * Connections are marked with the id of their flow. If a new flow has the id of a different old
 * flow, the connections of the old one must not pass as those of the new one. So the new flow is
 * suspended in a first commit, these connections are deleted, and the second commit lets it pass.
 * With a mark mask every new flow is taken for such a one.
 */
static int commit_reused(const struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    const struct target *target = transaction->target;
    cleanup_(overrides_clear) struct overrides suspended = {0};
    cleanup_(compiled_freep) struct compiled *first = NULL;
    cleanup_(freep) uint32_t *marks = NULL;
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};
    struct compiled_input input;
    size_t n = 0;
    int r;

    if (!transaction->old || !gateway->conntrack)
        return 0;
    r = overrides_copy(&target->state.overrides, &suspended);
    if (r == 0)
        r = find_reused(transaction->old, transaction->compiled->policy, &suspended, &marks, &n);
    if (r < 0 || n == 0)
        return r;

    input = input_of(target, &suspended);
    r = prepare_compile(gateway, &input, transaction->outcome, &first);
    if (r != 0)
        return r;
    r = enforcement_commit(gateway->enforcement, first, &refusal, &cost);
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = conntrack_delete_mark(gateway_conntrack(gateway), marks[i]);
    return r < 0 ? outcome_set_kernel(transaction->outcome, &refusal, r,
                                      transaction->outcome->sources)
                 : 0;
}

/* The last step that can fail. */
static int enforce(struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    struct nftables_refusal refusal = {0};
    int r = 0;

    switch (transaction->target->content) {
    case TARGET_POLICY:
        if (transaction->target->is_held)
            drift_note(gateway, transaction->compiled);
        r = commit_reused(transaction);
        if (r != 0)
            return r;
        r = enforcement_commit(gateway->enforcement, transaction->compiled, &refusal,
                               &transaction->cost);
        break;
    case TARGET_ISOLATIONS:
        r = enforcement_isolate(gateway->enforcement, &transaction->target->state.overrides,
                                &refusal);
        break;
    case TARGET_LOCKDOWN:
        r = enforcement_lock_down(gateway->enforcement, &refusal);
        break;
    case TARGET_SAME:
        return 0;
    }
    if (r < 0)
        return outcome_set_kernel(transaction->outcome, &refusal, r, transaction->outcome->sources);
    step_reached("kernel-committed");
    return 0;
}

/* Restores the disk to what is enforced, where it was written first. */
static void take_back(const struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    struct target *target = transaction->target;
    int r = 0;

    if (transaction->wrote_generation) {
        target->generation.outcome = GENERATION_REFUSED;
        r = generations_update(gateway->generations, &target->generation);
    }
    if (r == 0 && transaction->wrote_state)
        r = gateway_write_state(gateway, &gateway->state);
    if (r < 0)
        findings_report(gateway->findings, "storage", "not-taken-back", FINDING_CRITICAL,
                        target->object,
                        "the state folder still holds a change that failed (%s): %s",
                        target->action, transaction->outcome->message);
}

static void log_commit(const struct transaction *transaction)
{
    const struct compiled *compiled = transaction->compiled;
    const struct nftables_cost *cost = &transaction->cost;

    log_message(LOG_INFO, MESSAGE_POLICY_COMMITTED,
                "enforcing generation %" PRIu64
                ": %zu zones, %zu flows; %zu bytes in %zu messages, %" PRIu64 " us in the kernel",
                transaction->target->generation.number, compiled->policy->n_zones,
                compiled_count_flows(compiled), cost->bytes, cost->messages, cost->commit_usec);
}

void transaction_settle_start(struct gateway *gateway)
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

/* Remembers the policy that is enforced now: agenda, texts, generation. */
static void note_policy(const struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    struct target *target = transaction->target;

    agenda_read(&gateway->agenda, transaction->compiled);
    if (transaction->compiled->policy->gateway_forwarding)
        gateway_forward(gateway);
    if (target->generation.number != gateway->current.number)
        log_commit(transaction);
    if (target->is_new)
        transaction_settle_start(gateway);

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

    if (target->is_new)
        gateway->seen = transaction->compiled->now;
    else
        happened_tell(gateway, transaction->compiled);
}

static void note_lockdown(struct gateway *gateway)
{
    agenda_clear(&gateway->agenda);
    policy_texts_clear(&gateway->unkept);
    generation_clear(&gateway->current);
    findings_report(
        gateway->findings, "start", "lockdown", FINDING_CRITICAL, NULL,
        "there is no valid policy: nothing passes between zones; correct the policy and apply it");
}

/* The kernel enforces the target: remembers, writes and reports it. */
static void note(struct transaction *transaction)
{
    struct gateway *gateway = transaction->gateway;
    struct target *target = transaction->target;
    struct audit_event event = event_of(transaction, "done");

    state_clear(&gateway->state);
    gateway->state = target->state;
    target->state = (struct state){0};
    gateway->changed = true;
    closings_report(gateway,
                    target->content == TARGET_POLICY ? transaction->compiled->policy : NULL);
    if (target->content == TARGET_POLICY)
        note_policy(transaction);
    else if (target->content == TARGET_LOCKDOWN)
        note_lockdown(gateway);

    if (target->closes) {
        gateway_keep_state(gateway);
    } else {
        gateway_keep_generation(gateway);
        findings_drop(gateway->findings, "storage", "not-taken-back", NULL);
    }
    step_reached("noted");
    if (target->write_evidence)
        target->write_evidence(gateway, target, transaction->outcome);
    if (target->action)
        gateway_audit_later(gateway, &event);
    gateway_keep_audit_end(gateway);
}

/* The change failed and nothing is different: the audit log says so. */
static void tell_failure(const struct transaction *transaction, int error)
{
    struct audit_event event =
        event_of(transaction, error < 0 ? "failed" : outcome_to_string(transaction->outcome));

    if (transaction->target->action && (transaction->target->closes || transaction->wrote_entry))
        gateway_audit_later(transaction->gateway, &event);
    gateway_keep_audit_end(transaction->gateway);
}

int transaction_run(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    cleanup_(transaction_clear) struct transaction transaction = {gateway, target, outcome};
    int r = prepare(&transaction);

    if (r == 0)
        r = check(&transaction);
    if (r != 0)
        return r;

    if (!target->closes)
        r = write_before(&transaction);
    if (r == 0)
        r = enforce(&transaction);
    if (r != 0) {
        take_back(&transaction);
        tell_failure(&transaction, r);
        return r;
    }

    note(&transaction);
    /* The change needed memory for two policies, a diagram and a ruleset; the ruleset alone stays.
     */
    malloc_trim(0);
    return 0;
}
