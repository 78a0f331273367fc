/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes of the policy: apply, rollback, confirm. The order of steps is the same for all of them,
 * in change_generation(), and is what a crash or a power cut between any two of them relies on:
 *
 *   the generation is on the disk, as one that may or may not be in the kernel,
 *   the state names it as the one to enforce,
 *   the kernel commits, with the generation's number in the last transaction,
 *   the generation is noted as applied.
 *
 * A daemon that starts finds out from the number in the kernel how far it came (start.c).
 */

#include "daemon/change/change.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "daemon/change/change_private.h"
#include "daemon/log.h"
#include "daemon/step.h"

/* Reads the policy files, as texts and as the sources of diagnostics. */
static int load_files(struct manager *manager, struct policy_texts *texts, struct outcome *outcome)
{
    const struct diagnostic *first;
    int r =
        policy_load_sources(manager->options.policy_path, outcome->sources, outcome->diagnostics);

    if (r == -EBADMSG && diagnostics_list(outcome->diagnostics, &first) > 0)
        return outcome_set(outcome, OUTCOME_INVALID, "%s", first->message);
    return r < 0 ? r : policy_texts_from_sources(outcome->sources, texts);
}

void change_files_fingerprint(struct manager *manager, char buffer[SHA256_TEXT_MAX])
{
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};

    *buffer = '\0';
    if (outcome_begin(&ignored) == 0 && load_files(manager, &texts, &ignored) == 0)
        policy_texts_fingerprint(texts.texts, texts.n_texts, buffer);
}

static int prepare(struct manager *manager, struct compiled_input *input, struct outcome *outcome,
                   struct compiled **ret_compiled)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    int r;

    input->now = calendar_now();
    input->sctp_missing =
        nftables_features_missing_sctp(enforcement_features(manager->enforcement));
    r = compiled_new(input, outcome->diagnostics, &compiled);

    /* Diagnostics go on with the texts they speak of. */
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

int change_prepare(struct manager *manager, const struct policy_text *texts, size_t n_texts,
                   const struct overrides *overrides, uint64_t generation, struct outcome *outcome,
                   struct compiled **ret_compiled)
{
    struct compiled_input input = {
        .texts = texts,
        .n_texts = n_texts,
        .overrides = overrides,
        .generation = generation,
    };
    int r = prepare(manager, &input, outcome, ret_compiled);

    assert(r != 0 || *ret_compiled);
    return r;
}

int change_prepare_strictly(struct manager *manager, const struct policy_texts *texts,
                            const struct overrides *overrides, uint64_t generation,
                            struct outcome *outcome, struct compiled **ret_compiled)
{
    struct compiled_input input = {
        .texts = texts->texts,
        .n_texts = texts->n_texts,
        .overrides = overrides,
        .generation = generation,
        .strict = true,
    };

    return prepare(manager, &input, outcome, ret_compiled);
}

int change_commit(struct manager *manager, struct compiled *compiled, struct outcome *outcome,
                  struct nftables_cost *ret_cost)
{
    struct nftables_refusal refusal = {0};
    struct nftables_cost cost = {0};
    int r = enforcement_commit(manager->enforcement, compiled, &refusal, &cost);

    if (r < 0)
        return outcome_set_kernel(outcome, &refusal, r, outcome->sources);
    manager_take_policy(manager, compiled);
    if (compiled->policy->gateway_forwarding)
        manager_forward(manager);
    if (ret_cost)
        *ret_cost = cost;
    return 0;
}

int change_read_policy(struct manager *manager, const struct generation *generation,
                       struct outcome *outcome, struct policy_texts *texts,
                       struct policy **ret_policy)
{
    cleanup_(freep) char *problem = NULL;
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    int r;

    if (!manager->generations)
        return outcome_set(outcome, OUTCOME_STORAGE, "there is no state folder");
    r = generations_read_texts(manager->generations, generation, texts, &problem);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return outcome_set(outcome, OUTCOME_STORAGE, "generation %" PRIu64 " cannot be read: %s",
                           generation->number, problem ? problem : strerror(-r));
    if (!ret_policy)
        return 0;

    r = sources_new(&sources);
    if (r == 0)
        r = diagnostics_new(&diagnostics);
    if (r == 0)
        r = policy_parse_texts(texts->texts, texts->n_texts, sources, diagnostics, ret_policy);
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "generation %" PRIu64 " is no valid policy any more",
                           generation->number);
    return r;
}

/* What changes for whom; a generation that cannot be compared with is no reason not to change. */
static int make_plan(struct manager *manager, const struct compiled *compiled,
                     struct policy **ret_old, struct outcome *outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    int r = 0;

    if (manager->current.number > 0)
        r = change_read_policy(manager, &manager->current, &ignored, &texts, ret_old);
    if (r < 0)
        return r;

    r = plan_new(*ret_old, compiled->policy, &outcome->plan);
    if (r < 0)
        return r;
    if (manager->conntrack && enforcement_ruleset(manager->enforcement))
        r = plan_count_cut(outcome->plan, manager->conntrack,
                           enforcement_ruleset(manager->enforcement), compiled->diagram,
                           compiled->ruleset);
    return r == -ENOMEM ? r : 0;
}

static int write_generation(struct manager *manager, const struct transition *change,
                            struct outcome *outcome)
{
    const uint64_t keep[] = {
        manager->state.generation,
        manager->state.confirmation.previous,
        change->generation.previous,
    };
    int r = generations_write(manager->generations, &change->generation, change->texts,
                              change->n_texts, keep, ELEMENTS_OF(keep));

    return r < 0 ? outcome_set_storage(outcome, "the generation", r) : 0;
}

/* Writes the state that is to be. */
static int write_state(struct manager *manager, const struct state *state, struct outcome *outcome)
{
    int r = state_write(manager->state_directory, state);

    return r < 0 ? outcome_set_storage(outcome, "the state", r) : 0;
}

/* Puts the disk back to what the kernel still holds. */
static void take_back(struct manager *manager, struct transition *change)
{
    cleanup_(outcome_clear) struct outcome ignored = {0};

    change->generation.outcome = GENERATION_REFUSED;
    if (write_state(manager, &manager->state, &ignored) != 0 ||
        generations_update(manager->generations, &change->generation) < 0)
        findings_report(manager->findings, "storage", "not-taken-back", FINDING_CRITICAL, NULL,
                        "the state folder names generation %" PRIu64
                        ", which the kernel refused: %s",
                        change->generation.number, ignored.message);
}

static void log_commit(const struct transition *change, const struct compiled *compiled,
                       const struct nftables_cost *cost)
{
    log_message(LOG_INFO, MESSAGE_POLICY_COMMITTED,
                "committed generation %" PRIu64
                ": %zu zones, %zu flows; %zu bytes in %zu messages, %" PRIu64 " us in the kernel",
                change->generation.number, compiled->policy->n_zones,
                compiled_count_flows(compiled), cost->bytes, cost->messages, cost->commit_usec);
}

/* What was wrong at the start and is mended by a policy that is enforced. */
static void drop_start_findings(struct manager *manager)
{
    static const char *const codes[] = {
        "lockdown",
        "policy-not-applied",
        "policy-not-kept",
        "generation-not-enforced",
    };

    for (size_t i = 0; i < ELEMENTS_OF(codes); i++)
        findings_drop(manager->findings, "start", codes[i], NULL);
}

/* The kernel has it: what was the candidate is the state. */
static void take_over(struct manager *manager, struct transition *change)
{
    change->generation.outcome = GENERATION_APPLIED;
    if (generations_update(manager->generations, &change->generation) < 0)
        log_message(LOG_WARNING, MESSAGE_STORAGE,
                    "generation %" PRIu64 " is enforced, but could not be noted as applied",
                    change->generation.number);

    policy_texts_clear(&manager->unkept);
    generation_clear(&manager->current);
    manager->current = change->generation;
    change->generation = (struct generation){0};
    state_clear(&manager->state);
    manager->state = change->candidate;
    change->candidate = (struct state){0};
    drop_start_findings(manager);
}

static int commit_generation(struct manager *manager, struct transition *change,
                             struct compiled *compiled, const struct policy *old,
                             struct outcome *outcome)
{
    struct nftables_cost cost = {0};
    int r = write_generation(manager, change, outcome);

    if (r != 0)
        return r;
    /* Its number is taken, whatever becomes of it. */
    manager->state.next_generation = change->candidate.next_generation;
    step_reached("generation-written");
    r = write_state(manager, &change->candidate, outcome);
    if (r != 0) {
        change->generation.outcome = GENERATION_REFUSED;
        generations_update(manager->generations, &change->generation);
        return r;
    }
    step_reached("state-written");

    r = change_commit_reused(manager, change, compiled, old, outcome);
    if (r == 0)
        r = change_commit(manager, compiled, outcome, &cost);
    step_reached("kernel-committed");
    if (r != 0) {
        take_back(manager, change);
        return r;
    }

    log_commit(change, compiled, &cost);
    take_over(manager, change);
    step_reached("noted");
    return 0;
}

/* The event of a change, for the audit log. */
static struct audit_event event_of(const struct manager *manager, const struct transition *change,
                                   const char *outcome)
{
    return (struct audit_event){
        .actor = change->generation.actor,
        .action = change->action,
        .reason = change->generation.reason,
        .from = manager->current.number,
        .to = change->generation.number,
        .outcome = outcome,
    };
}

/* A suspended flow that comes again under another name would pass. */
static int check_suspensions(const struct transition *change, const struct plan *plan,
                             struct outcome *outcome)
{
    for (size_t i = 0; i < plan->n_changes; i++) {
        const struct flow_change *renamed = &plan->changes[i];

        if (renamed->kind == FLOW_RENAMED &&
            overrides_find(change->overrides, OVERRIDE_SUSPENSION, renamed->before) &&
            !overrides_find(change->overrides, OVERRIDE_SUSPENSION, renamed->name))
            return outcome_set(outcome, OUTCOME_REFUSED,
                               "flow `%s` is suspended, and would pass under the name `%s`; "
                               "resume it first",
                               renamed->before, renamed->name);
    }
    return 0;
}

/* Whether what is isolated stays so. After a boot nothing is enforced yet: then the zones are those
 * of the generation that was. */
static int check_isolations(struct manager *manager, const struct transition *change,
                            const struct compiled *compiled, struct outcome *outcome)
{
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(policy_freep) struct policy *last = NULL;
    const struct policy *old = enforcement_outline(manager->enforcement);
    int r = 0;

    if (!old && manager->state.generation > 0 && change->overrides->n_overrides > 0 &&
        generations_read(manager->generations, manager->state.generation, &generation, NULL) == 0)
        r = change_read_policy(manager, &generation, &ignored, &texts, &last);
    if (r < 0)
        return r;
    return change_check_isolations(old ? old : last, compiled->policy, change->overrides, outcome);
}

/* From a compiled policy to a generation that is enforced. */
static int change_generation(struct manager *manager, struct transition *change,
                             struct outcome *outcome)
{
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(policy_freep) struct policy *old = NULL;
    struct audit_event event;
    int r;

    r = change_prepare(manager, change->texts, change->n_texts, change->overrides,
                       change->generation.number, outcome, &compiled);
    if (r == 0)
        r = check_isolations(manager, change, compiled, outcome);
    if (r == 0)
        r = make_plan(manager, compiled, &old, outcome);
    if (r == 0)
        r = check_suspensions(change, outcome->plan, outcome);
    if (r != 0)
        return r;

    event = event_of(manager, change, "begun");
    r = manager_audit(manager, &event);
    if (r < 0)
        return outcome_set_storage(outcome, "the audit log", r);
    step_reached("audit-begun");

    event = event_of(manager, change, "done");
    event.reason = NULL;
    r = commit_generation(manager, change, compiled, old, outcome);
    if (r != 0)
        event.outcome = r < 0 ? "failed" : outcome_to_string(outcome);
    event.actor = change->actor;
    manager_audit(manager, &event);
    return r;
}

void change_boot_id(char buffer[40])
{
    sd_id128_t id;

    if (sd_id128_get_boot(&id) < 0)
        id = SD_ID128_NULL;
    snprintf(buffer, 40, SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
}

static void await_confirmation(const struct manager *manager, struct transition *change,
                               usec_t span)
{
    struct confirmation *confirmation = &change->candidate.confirmation;

    *confirmation = (struct confirmation){
        .pending = span > 0,
        .generation = change->generation.number,
        .previous = manager->state.generation,
        .actor = change->generation.actor,
        .connections = manager->server ? server_newest(manager->server) : 0,
        .deadline = calendar_clock(CLOCK_BOOTTIME) + span,
        .deadline_wall = change_second(calendar_now() + span),
    };
    change_boot_id(confirmation->boot_id);
}

static void change_clear(struct transition *change)
{
    generation_clear(&change->generation);
    state_clear(&change->candidate);
}

/* A change to a new generation: its record and the state that goes with it. */
static int change_new(struct manager *manager, const struct actor *actor, const char *action,
                      const char *reason, struct transition *change)
{
    int r = state_copy(&manager->state, &change->candidate);

    if (r == 0)
        r = overrides_copy(&manager->state.overrides, &change->generation.overrides);
    if (r < 0)
        return r;

    change->action = action;
    change->actor = *actor;
    change->overrides = &manager->state.overrides;
    change->generation.number = manager->state.next_generation;
    change->generation.previous = manager->state.generation;
    change->generation.actor = *actor;
    change->generation.when = change_second(calendar_now());
    change->generation.outcome = GENERATION_PREPARED;
    if (reason && !(change->generation.reason = strdup(reason)))
        return -ENOMEM;

    change->candidate.generation = change->generation.number;
    change->candidate.next_generation++;
    return 0;
}

/* What no change of the policy can do without. */
static int check_ready(const struct manager *manager, struct outcome *outcome)
{
    if (manager->state.confirmation.pending)
        return outcome_set(
            outcome, OUTCOME_BUSY, "generation %" PRIu64 " by %s waits to be confirmed",
            manager->state.confirmation.generation, manager->state.confirmation.actor.name);
    if (!manager->generations || !manager->audit)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "there is no state folder at %s: nothing can be changed",
                           manager->options.state_path);
    return 0;
}

/* `are_files`: the texts are those of the policy files. */
static int run(struct manager *manager, struct transition *change, const struct policy_texts *texts,
               bool are_files, struct outcome *outcome)
{
    int r;

    change->texts = texts->texts;
    change->n_texts = texts->n_texts;
    policy_texts_fingerprint(texts->texts, texts->n_texts, change->generation.fingerprint);
    if (are_files)
        strcpy(change->candidate.files, change->generation.fingerprint);
    else
        change_files_fingerprint(manager, change->candidate.files);

    r = change_generation(manager, change, outcome);
    manager_arm(manager);
    /* Two policies, a diagram and a ruleset for a moment, and a ruleset alone after that. */
    malloc_trim(0);
    return r > 0 ? 0 : r;
}

/* The texts have been copied; what is parsed brings its own sources. */
static int forget_sources(struct outcome *outcome)
{
    outcome->sources = sources_free(outcome->sources);
    return sources_new(&outcome->sources);
}

int change_apply(struct manager *manager, const struct actor *actor,
                 const struct policy_text *texts, size_t n_texts, const char *reason,
                 usec_t confirm, struct outcome *ret_outcome)
{
    cleanup_(change_clear) struct transition change = {0};
    cleanup_(policy_texts_clear) struct policy_texts files = {0};
    struct policy_texts given = {(struct policy_text *)texts, n_texts};
    int r = outcome_begin(ret_outcome);

    if (r == 0)
        r = check_ready(manager, ret_outcome);
    if (r == 0 && !texts)
        r = load_files(manager, &files, ret_outcome);
    if (r == 0)
        r = forget_sources(ret_outcome);
    if (r == 0)
        r = change_new(manager, actor, "apply", reason, &change);
    if (r != 0)
        return r > 0 ? 0 : r;

    await_confirmation(manager, &change, confirm);
    return run(manager, &change, texts ? &given : &files, !texts, ret_outcome);
}

/* The record of a generation that can come back. */
static int read_generation(struct manager *manager, uint64_t number, struct generation *generation,
                           struct outcome *outcome)
{
    cleanup_(freep) char *problem = NULL;
    int r = generations_read(manager->generations, number, generation, &problem);

    if (r == -ENOENT)
        return outcome_set(outcome, OUTCOME_NOT_FOUND,
                           "there is no generation %" PRIu64 "; `segctl history` lists them",
                           number);
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_STORAGE, "generation %" PRIu64 ": %s", number,
                           problem ? problem : "its record is damaged");
    return r;
}

int change_roll_back(struct manager *manager, const struct actor *actor, uint64_t generation,
                     const char *reason, struct outcome *ret_outcome)
{
    cleanup_(change_clear) struct transition change = {0};
    cleanup_(generation_clear) struct generation target = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    int r = outcome_begin(ret_outcome);

    if (r == 0)
        r = check_ready(manager, ret_outcome);
    if (r == 0 && generation == 0)
        generation = manager->current.previous;
    if (r == 0 && generation == 0)
        r = outcome_set(ret_outcome, OUTCOME_NOT_FOUND, "there is no generation before this one");
    if (r == 0)
        r = read_generation(manager, generation, &target, ret_outcome);
    if (r == 0)
        r = change_read_policy(manager, &target, ret_outcome, &texts, NULL);
    if (r == 0)
        r = change_new(manager, actor, "rollback", reason, &change);
    if (r != 0)
        return r > 0 ? 0 : r;

    change.generation.source = generation;
    return run(manager, &change, &texts, false, ret_outcome);
}

int change_plan(struct manager *manager, const struct policy_text *texts, size_t n_texts,
                struct outcome *ret_outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts files = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(policy_freep) struct policy *old = NULL;
    int r = outcome_begin(ret_outcome);

    if (r == 0 && !texts)
        r = load_files(manager, &files, ret_outcome);
    if (r == 0 && !texts) {
        texts = files.texts;
        n_texts = files.n_texts;
    }
    if (r == 0)
        r = change_prepare(manager, texts, n_texts, &manager->state.overrides, 0, ret_outcome,
                           &compiled);
    if (r == 0)
        r = make_plan(manager, compiled, &old, ret_outcome);
    if (r == 0)
        policy_texts_fingerprint(texts, n_texts, ret_outcome->fingerprint);
    return r > 0 ? 0 : r;
}

int change_compare(struct manager *manager, uint64_t from, uint64_t to, struct outcome *ret_outcome)
{
    const uint64_t numbers[2] = {from, to};
    cleanup_(policy_freep) struct policy *old = NULL;
    cleanup_(policy_freep) struct policy *new = NULL;
    struct policy **policies[2] = {&old, &new};
    int r = outcome_begin(ret_outcome);

    if (r == 0 && !manager->generations)
        r = outcome_set(ret_outcome, OUTCOME_STORAGE, "there is no state folder");
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(numbers); i++) {
        cleanup_(generation_clear) struct generation generation = {0};
        cleanup_(policy_texts_clear) struct policy_texts texts = {0};

        r = read_generation(manager, numbers[i], &generation, ret_outcome);
        if (r == 0)
            r = change_read_policy(manager, &generation, ret_outcome, &texts, policies[i]);
    }
    if (r == 0)
        r = plan_new(old, new, &ret_outcome->plan);
    return r > 0 ? 0 : r;
}
