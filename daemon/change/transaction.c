/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The first half of a transaction: works out what is to be enforced, and whether it may be. The
 * second half is commit.c, in this process or in the one that this one is a child of.
 */

#include "daemon/change/transaction.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "daemon/change/apart.h"
#include "daemon/change/approved.h"
#include "daemon/change/changes.h"
#include "daemon/change/closings.h"
#include "daemon/change/commit.h"
#include "daemon/change/handover.h"
#include "daemon/change/kept.h"
#include "daemon/change/prepare.h"

/* What a transaction carries from step to step. */
struct transaction {
    struct gateway *gateway;
    struct target *target;
    struct outcome *outcome;
    struct compiled *compiled; /* of TARGET_POLICY, until it is prepared */
    struct policy *before;     /* the policy enforced before, as far as it is needed; or NULL */
    const struct policy *old;  /* the same, if a new generation replaces it */
};

static void transaction_clear(struct transaction *transaction)
{
    policy_free(transaction->before);
    compiled_free(transaction->compiled);
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
    const struct compiled_input input = target_input(target, overrides);
    int r = 0;

    if (target->is_new || (!same && closings_exist(overrides)))
        r = prepare_read_before(gateway, &transaction->before);
    if (r == 0)
        r = closings_follow(gateway, &input,
                            same ? transaction->compiled->policy : transaction->before, overrides,
                            transaction->outcome, &transaction->compiled);
    if (r == 0 && target->is_new)
        r = closings_check(gateway, overrides, transaction->outcome);
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
    input = target_input(target, &target->state.overrides);
    if (strcmp(transaction->gateway->image.fingerprint, target->generation.fingerprint) != 0)
        input.arena = handover_image(transaction->gateway->handover);
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
    if (target->needs_grant)
        r = prepare_check_grant(transaction->compiled, target->object, &target->state.overrides,
                                transaction->outcome);
    if (r == 0 && target->is_new)
        r = prepare_compare(transaction->gateway, transaction->compiled, transaction->old,
                            transaction->outcome);
    if (r == 0 && target->detail && target->is_new)
        r = changes_add_to_detail(transaction->outcome, target->detail);
    return r;
}

/* Writes the texts of a new generation, so that the commit need not wait for them. */
static int stage(const struct transaction *transaction)
{
    struct target *target = transaction->target;
    cleanup_(approved_clear) struct approved approved = {0};
    int r;

    if (!target->is_new)
        return 0;
    assert(transaction->compiled); /* only a policy can be new */
    target->stage = handover_stage(transaction->gateway->handover);
    r = approved_read(transaction->compiled->policy, &approved);
    if (r == 0)
        r = generations_stage(transaction->gateway->generations, target->stage,
                              target->generation.fingerprint, target->texts.texts,
                              target->texts.n_texts, &approved);
    return r < 0 ? outcome_set_storage(transaction->outcome, "the generation", r) : 0;
}

static int run_here(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    /* Cleared last: it gets the image that the transaction has borrowed from. */
    cleanup_(prepared_clear) struct prepared prepared = {0};
    cleanup_(transaction_clear) struct transaction transaction = {gateway, target, outcome};
    int r = prepare(&transaction);

    if (r == 0)
        r = check(&transaction);
    if (r == 0)
        r = stage(&transaction);
    if (r == 0 && transaction.compiled)
        r = prepared_fill(gateway, target, transaction.old, outcome, &transaction.compiled,
                          &prepared);
    if (r == 0)
        r = gateway->handover ? handover_give(gateway, target, &prepared, outcome)
                              : commit_run(gateway, target, &prepared, outcome);
    /* What a child has staged goes with the handover, however the child ends. */
    if (r != 0 && target->is_new && !gateway->handover)
        generations_unstage(gateway->generations, target->stage);
    return r;
}

int transaction_run(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    int r = apart_is_worth(gateway, target) ? apart_transaction(gateway, target, outcome, run_here)
                                            : -EAGAIN;

    return r == -EAGAIN ? run_here(gateway, target, outcome) : r;
}
