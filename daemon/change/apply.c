/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Changes of the policy. Apply and rollback make a target; plan and compare change nothing. */

#include "daemon/change/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/change/closings.h"
#include "daemon/change/kept.h"
#include "daemon/change/prepare.h"
#include "daemon/change/transaction.h"

int files_read(const struct gateway *gateway, struct policy_texts *ret_texts,
               struct outcome *outcome)
{
    const struct diagnostic *first;
    int r = outcome->sources ? 0 : outcome_begin(outcome);

    if (r == 0)
        r = policy_load_sources(gateway->options.policy_path, outcome->sources,
                                outcome->diagnostics);
    if (r == -EBADMSG && diagnostics_list(outcome->diagnostics, &first) > 0)
        return outcome_set(outcome, OUTCOME_INVALID, "%s", first->message);
    return r < 0 ? r : policy_texts_from_sources(outcome->sources, ret_texts);
}

void files_fingerprint(const struct gateway *gateway, char buffer[SHA256_TEXT_MAX])
{
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};

    *buffer = '\0';
    if (files_read(gateway, &texts, &ignored) == 0)
        policy_texts_fingerprint(texts.texts, texts.n_texts, buffer);
}

/* What every change of the policy needs. */
static int check_ready(const struct gateway *gateway, struct outcome *outcome)
{
    if (gateway->state.confirmation.pending)
        return outcome_set(
            outcome, OUTCOME_BUSY,
            "generation %" PRIu64
            " by %s waits to be confirmed; confirm it first, or wait until it goes back",
            gateway->state.confirmation.generation, gateway->state.confirmation.actor.name);
    if (!gateway->generations || !gateway->audit)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "there is no state folder at %s: the policy cannot be changed",
                           gateway->options.state_path);
    return 0;
}

/* Fills in the record of the new generation and the new state. */
static int begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 const char *reason, struct outcome *outcome, struct target *target)
{
    int r = target_begin(gateway, actor, action, target);

    if (r == 0)
        r = outcome_begin(outcome);
    if (r == 0)
        r = check_ready(gateway, outcome);
    if (r == 0)
        r = overrides_copy(&gateway->state.overrides, &target->generation.overrides);
    if (r != 0)
        return r;

    target->is_new = true;
    target->reason = reason;
    target->generation.number = gateway->state.next_generation;
    target->generation.previous = gateway->state.generation;
    target->generation.actor = *actor;
    target->generation.when = whole_second(calendar_now());
    target->generation.outcome = GENERATION_PREPARED;
    if (reason && !(target->generation.reason = strdup(reason)))
        return -ENOMEM;

    target->state.generation = target->generation.number;
    target->state.next_generation++;
    return 0;
}

static void await_confirmation(const struct gateway *gateway, const struct apply_request *request,
                               struct target *target)
{
    struct confirmation *confirmation = &target->state.confirmation;

    *confirmation = (struct confirmation){
        .pending = request->confirm > 0,
        .generation = target->generation.number,
        .previous = gateway->state.generation,
        .actor = target->actor,
        .connections = request->connections,
        .deadline = calendar_clock(CLOCK_BOOTTIME) + request->confirm,
        .deadline_wall = whole_second(calendar_now() + request->confirm),
    };
    state_boot_id(confirmation->boot_id);
}

/* The target has texts and fingerprint. `are_files`: the texts are the policy files. */
static int run(struct gateway *gateway, struct target *target, bool are_files,
               struct outcome *outcome)
{
    int r;

    if (are_files)
        strcpy(target->state.files, target->generation.fingerprint);
    else
        files_fingerprint(gateway, target->state.files);
    r = transaction_run(gateway, target, outcome);
    return r > 0 ? 0 : r;
}

/* Whether exactly these texts are enforced, and all of them are kept. The kernel need not be
 * compared: drift is repaired anyway. */
static bool is_enforced_already(const struct gateway *gateway, const char *fingerprint)
{
    return gateway->current.number > 0 && gateway->state.overrides.n_only == 0 &&
           !gateway->is_policy_lost && strcmp(fingerprint, gateway->current.fingerprint) == 0;
}

/* An operator chose what is enforced already. So the next boot does not apply the present policy
 * files instead of it, and findings of the start are settled. */
static int keep_generation(struct gateway *gateway, const struct actor *actor, bool are_files,
                           struct outcome *outcome)
{
    cleanup_(target_clear) struct target same = {0};
    int r = target_begin(gateway, actor, NULL, &same);

    if (r < 0)
        return r;
    same.content = TARGET_SAME;
    same.is_chosen = true;
    if (are_files)
        strcpy(same.state.files, gateway->current.fingerprint);
    else
        files_fingerprint(gateway, same.state.files);
    same.keeps_state = strcmp(same.state.files, gateway->state.files) == 0;
    r = transaction_run(gateway, &same, outcome);
    if (r == 0)
        outcome->is_enforced_already = true;
    return r;
}

int change_apply(struct gateway *gateway, const struct actor *actor,
                 const struct apply_request *request, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    int r = begin(gateway, actor, "apply", request->reason, ret_outcome, &target);

    target.borrows_texts = request->texts;
    if (request->texts)
        target.texts =
            (struct policy_texts){(struct policy_text *)request->texts, request->n_texts};
    else if (r == 0)
        r = files_read(gateway, &target.texts, ret_outcome);
    if (r == 0)
        policy_texts_fingerprint(target.texts.texts, target.texts.n_texts,
                                 target.generation.fingerprint);
    if (r == 0 && is_enforced_already(gateway, target.generation.fingerprint)) {
        r = keep_generation(gateway, actor, !request->texts, ret_outcome);
        return r > 0 ? 0 : r;
    }
    if (r != 0)
        return r > 0 ? 0 : r;

    await_confirmation(gateway, request, &target);
    target.detail = json_pack("{s:I}", "confirm", (json_int_t)(request->confirm / USEC_PER_SEC));
    if (!target.detail)
        return -ENOMEM;
    return run(gateway, &target, !request->texts, ret_outcome);
}

int change_roll_back(struct gateway *gateway, const struct actor *actor, uint64_t generation,
                     const char *reason, struct outcome *ret_outcome)
{
    cleanup_(target_clear) struct target target = {0};
    cleanup_(generation_clear) struct generation source = {0};
    int r = begin(gateway, actor, "rollback", reason, ret_outcome, &target);

    if (r == 0 && generation == 0)
        generation = gateway->current.previous;
    if (r == 0 && generation == 0)
        r = outcome_set(ret_outcome, OUTCOME_NOT_FOUND,
                        "there is no generation before the enforced one");
    if (r == 0)
        r = kept_read(gateway, generation, &source, ret_outcome, &target.texts, NULL);
    if (r != 0)
        return r > 0 ? 0 : r;

    strcpy(target.generation.fingerprint, source.fingerprint);
    target.generation.source = generation;
    target.detail = json_pack("{s:I}", "source", (json_int_t)generation);
    if (!target.detail)
        return -ENOMEM;
    return run(gateway, &target, false, ret_outcome);
}

int change_plan(struct gateway *gateway, const struct policy_text *texts, size_t n_texts,
                struct outcome *ret_outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts files = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(policy_freep) struct policy *old = NULL;
    cleanup_(overrides_clear) struct overrides overrides = {0};
    struct compiled_input input = {texts, n_texts, &gateway->state.overrides};
    int r = outcome_begin(ret_outcome);

    if (r == 0 && !texts) {
        r = files_read(gateway, &files, ret_outcome);
        input.texts = files.texts;
        input.n_texts = files.n_texts;
    }
    if (r == 0)
        r = prepare_compile(gateway, &input, ret_outcome, &compiled);
    if (r == 0)
        r = prepare_read_before(gateway, &old);
    if (r == 0)
        r = overrides_copy(&gateway->state.overrides, &overrides);
    if (r == 0)
        r = closings_follow(gateway, &input, old, &overrides, ret_outcome, &compiled);
    if (r == 0)
        r = closings_check(gateway, &overrides, ret_outcome);
    if (r == 0)
        r = closings_show(gateway, &overrides, old, compiled, ret_outcome);
    if (r == 0)
        r = prepare_compare(gateway, compiled, old, ret_outcome);
    if (r == 0)
        policy_texts_fingerprint(input.texts, input.n_texts, ret_outcome->fingerprint);
    return r > 0 ? 0 : r;
}

int change_compare(struct gateway *gateway, uint64_t from, uint64_t to, struct outcome *ret_outcome)
{
    const uint64_t numbers[2] = {from, to};
    cleanup_(policy_freep) struct policy *old = NULL;
    cleanup_(policy_freep) struct policy *new = NULL;
    struct policy **policies[2] = {&old, &new};
    int r = outcome_begin(ret_outcome);

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(numbers); i++) {
        cleanup_(generation_clear) struct generation generation = {0};
        cleanup_(policy_texts_clear) struct policy_texts texts = {0};

        r = kept_read(gateway, numbers[i], &generation, ret_outcome, &texts, policies[i]);
    }
    if (r == 0)
        r = policy_changes_new(old, new, &ret_outcome->changes);
    return r > 0 ? 0 : r;
}
