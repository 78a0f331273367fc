/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What to enforce when the daemon starts: the first of `sources` that can be enforced. The
 * generation that the kernel holds comes first: after a crash or an upgrade segd goes on with it,
 * at whichever step a change was interrupted. If the kernel holds nothing, the machine has just
 * booted: then segd applies the policy files, unless they are unchanged since an operator last
 * chose another generation (so a rollback survives a reboot), and after them the generation that
 * the state names. Its texts come from its file, from the copy of that, or from the policy files if
 * they are the same. If nobody has them any more, an older generation is enforced, but only as far
 * as it is known to have what was enforced last. If none of these can be enforced, nothing passes.
 *
 * Isolations and suspensions reach the kernel before the disk, so those that the kernel holds stay,
 * whether the state knows of them or not.
 */

#include "daemon/change/start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/change/apply.h"
#include "daemon/change/approved.h"
#include "daemon/change/confirm.h"
#include "daemon/change/kept.h"
#include "daemon/change/lockdown.h"
#include "daemon/change/time.h"
#include "daemon/change/transaction.h"
#include "daemon/log.h"
#include "daemon/storage.h"
#include "policy/closings.h"
#include "ruleset/isolation.h"

static const struct actor boot_actor = {.uid = -1, .name = "boot"};

/* What the steps of a start share. */
struct start {
    struct gateway *gateway;
    struct held held; /* what the kernel holds */
    bool is_known;    /* the state was read, or there never was one */
    bool unconfirmed; /* the machine went down while a generation waited to be confirmed */
};

static void start_clear(struct start *start)
{
    held_clear(&start->held);
}

static void log_outcome(const struct outcome *outcome, const char *consequence)
{
    if (outcome->diagnostics && outcome->sources)
        diagnostics_print(outcome->diagnostics, outcome->sources, stderr, isatty(STDERR_FILENO));
    log_message(LOG_ERR, MESSAGE_POLICY_INVALID, "%s; %s", outcome->message, consequence);
}

static void report_generation(struct gateway *gateway, uint64_t number,
                              const struct outcome *outcome, const char *consequence)
{
    char object[24];

    snprintf(object, sizeof(object), "%" PRIu64, number);
    log_outcome(outcome, consequence);
    findings_report(gateway->findings, "start", "generation-not-enforced", FINDING_CRITICAL, object,
                    "cannot enforce generation %s at the start: %s", object, outcome->message);
}

/* Enforces a kept generation, or policy files of which no generation can be kept (number 0). */
static int enforce(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    int r = state_copy(&gateway->state, &target->state);

    target->content = TARGET_POLICY;
    target->actor = boot_actor;
    target->closes = true;
    target->is_start = true;
    if (target->generation.number > 0)
        target->state.generation = target->generation.number;
    return r < 0 ? r : transaction_run(gateway, target, outcome);
}

/* The record of the generation that the state names, if only its fingerprint is left. */
static int make_record(struct gateway *gateway, struct generation *ret_generation)
{
    struct generation generation = {
        .number = gateway->state.generation,
        .actor = boot_actor,
        .when = whole_second(calendar_now()),
        .outcome = GENERATION_APPLIED,
    };
    int r = overrides_copy(&gateway->state.overrides, &generation.overrides);

    if (r < 0)
        return r;
    strcpy(generation.fingerprint, gateway->state.fingerprint);
    *ret_generation = generation;
    return 0;
}

static int read_record(struct gateway *gateway, uint64_t number, struct generation *ret_generation,
                       struct outcome *outcome)
{
    int r = kept_read_record(gateway, number, ret_generation, outcome);

    return r > 0 && number == gateway->state.generation && *gateway->state.fingerprint
               ? make_record(gateway, ret_generation)
               : r;
}

/* The policy files, if they are the texts of the generation. */
static int read_same_files(struct gateway *gateway, const struct generation *generation,
                           struct policy_texts *texts)
{
    cleanup_(policy_texts_clear) struct policy_texts files = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    char fingerprint[SHA256_TEXT_MAX];
    int r = files_read(gateway, &files, &ignored);

    if (r != 0)
        return r;
    policy_texts_fingerprint(files.texts, files.n_texts, fingerprint);
    if (strcmp(fingerprint, generation->fingerprint) != 0)
        return 1;
    *texts = files;
    files = (struct policy_texts){0};
    return 0;
}

/* Enforces a kept generation again. `is_held`: the kernel holds it. Returns 0, 1 if that failed
 * (the outcome says why), or -errno. */
static int enforce_again(struct gateway *gateway, uint64_t number, bool is_held,
                         struct outcome *outcome)
{
    cleanup_(target_clear) struct target target = {.is_held = is_held};
    int r = read_record(gateway, number, &target.generation, outcome);

    if (r != 0)
        return r;
    r = kept_read_policy(gateway, &target.generation, outcome, &target.texts, NULL);
    if (r > 0) {
        r = read_same_files(gateway, &target.generation, &target.texts);
        if (r == 0)
            storage_report(gateway, "generation-damaged", outcome->message);
    }
    return r == 0 ? enforce(gateway, &target, outcome) : r;
}

/*
 * Whether the kernel can hold this generation, as far as the state and the disk know. What opens is
 * on the disk first: then the kernel still holds the generation before. What goes back is in the
 * kernel first: then the state still waits for a confirmation.
 */
static bool can_be_held(const struct start *start, uint64_t number)
{
    cleanup_(generation_clear) struct generation generation = {0};
    struct gateway *gateway = start->gateway;
    const struct state *state = &gateway->state;

    if (!start->is_known || !gateway->generations || state->generation == 0 ||
        number == state->generation)
        return true;
    if (state->confirmation.pending && number == state->confirmation.previous)
        return true;
    return generations_read(gateway->generations, state->generation, &generation, NULL) < 0 ||
           (number == generation.previous && generation.outcome != GENERATION_APPLIED);
}

/* The generation that the kernel holds. */
static int from_kernel(struct start *start)
{
    struct gateway *gateway = start->gateway;
    struct confirmation *confirmation = &gateway->state.confirmation;
    cleanup_(outcome_clear) struct outcome outcome = {0};
    uint64_t number = start->held.generation;
    int r;

    if (number == 0)
        return 1;
    if (!can_be_held(start, number)) {
        outcome_set(&outcome, OUTCOME_REFUSED,
                    "the table says that it holds it, but generation %" PRIu64 " was enforced last",
                    gateway->state.generation);
        report_generation(gateway, number, &outcome, "looking for another policy");
        return 1;
    }
    if (confirmation->pending && confirmation->generation != number)
        *confirmation = (struct confirmation){0};
    /* A change reached the disk and not the kernel: the next boot takes its files as new. */
    if (gateway->state.generation != number)
        gateway->state.files[0] = '\0';
    r = enforce_again(gateway, number, true, &outcome);
    if (r > 0)
        report_generation(gateway, number, &outcome, "looking for another policy");
    return r;
}

/* The outline of a generation of which only the frame is left. */
static int read_outline(struct gateway *gateway, uint64_t number, struct policy **ret_outline)
{
    cleanup_(approved_clear) struct approved approved = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;
    struct policy_text frame = {.name = "frame"};
    int r = generations_read_approved(gateway->generations, number, &approved);

    if (r < 0)
        return r;
    frame.text = approved.frame;
    frame.size = strlen(approved.frame);
    r = kept_parse(&(struct policy_texts){&frame, 1}, &policy);
    return r < 0 ? r : policy_outline(policy, ret_outline);
}

/*
 * Nobody has the texts of what the kernel holds. If its table was never without this owner, it is
 * what was committed, and stays; time goes on in it only as far as it was committed, and only what
 * closes a zone can change it.
 */
static int from_own_table(struct start *start)
{
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(policy_freep) struct policy *outline = NULL;
    struct gateway *gateway = start->gateway;
    uint64_t number = start->held.generation;
    int r;

    if (number == 0 || !start->held.is_ours || number != gateway->state.generation ||
        !gateway->generations)
        return 1;
    r = read_record(gateway, number, &generation, &ignored);
    if (r == 0)
        r = read_outline(gateway, number, &outline);
    if (r == 0)
        r = enforcement_hold(gateway->enforcement, outline, &gateway->state.overrides);
    if (r != 0)
        return r == -ENOMEM ? r : 1;

    outline = NULL;
    gateway->is_policy_lost = true;
    gateway->current = generation;
    generation = (struct generation){0};
    findings_report(gateway->findings, "start", "policy-lost", FINDING_CRITICAL, NULL,
                    "the policy of generation %" PRIu64
                    " is lost; the kernel still enforces it: apply a policy",
                    number);
    return 0;
}

/* The policy files without a new generation, if nothing can be written. */
static int enforce_files(struct gateway *gateway)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(target_clear) struct target target = {0};
    int r = files_read(gateway, &target.texts, &outcome);

    if (r == 0)
        r = enforce(gateway, &target, &outcome);
    if (r > 0)
        log_outcome(&outcome, "no generation can be kept");
    return r;
}

static int apply_files(struct gateway *gateway)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    const struct apply_request request = {0};
    int r = change_apply(gateway, &boot_actor, &request, &outcome);

    if (r == 0 && outcome.kind == OUTCOME_DONE)
        return 0;
    if (r < 0)
        outcome_set(&outcome, OUTCOME_INVALID, "%s", strerror(-r));

    if (outcome.kind == OUTCOME_STORAGE) {
        storage_report(gateway, "policy-not-kept", outcome.message);
        return enforce_files(gateway);
    }
    log_outcome(&outcome, "looking for the last good generation");
    findings_report(gateway->findings, "start", "policy-not-applied", FINDING_CRITICAL, NULL,
                    "cannot apply the policy at %s at the start: %s", gateway->options.policy_path,
                    outcome.message);
    return 1;
}

/* If the machine went down before a generation was confirmed, the previous generation is to be
 * enforced, and not the policy files. */
static int after_unconfirmed(struct start *start)
{
    struct gateway *gateway = start->gateway;
    struct confirmation *confirmation = &gateway->state.confirmation;

    if (!confirmation->pending)
        return 1;
    start->unconfirmed = true;
    log_message(LOG_WARNING, MESSAGE_UNCONFIRMED,
                "generation %" PRIu64 " was not confirmed before the machine went down",
                confirmation->generation);
    confirmation_note_failed(gateway, confirmation->generation);
    gateway_audit_later(gateway, &(struct audit_event){
                                     .actor = boot_actor,
                                     .action = "unconfirmed",
                                     .from = confirmation->generation,
                                     .to = confirmation->previous,
                                     .outcome = "done",
                                 });
    gateway->state.generation = confirmation->previous;
    *confirmation = (struct confirmation){0};
    return 1;
}

/* Policy files that changed since an operator last chose a policy: after a boot, not after a
 * restart of segd alone. */
static int from_new_files(struct start *start)
{
    struct gateway *gateway = start->gateway;
    bool is_restart = start->held.generation > 0 && gateway->state.generation > 0;
    char files[SHA256_TEXT_MAX];

    if (!start->is_known || start->unconfirmed || is_restart)
        return 1;
    files_fingerprint(gateway, files);
    if (gateway->state.generation > 0 && strcmp(files, gateway->state.files) == 0)
        return 1;
    return apply_files(gateway);
}

static int try_generation(struct gateway *gateway, uint64_t number)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    int r = enforce_again(gateway, number, false, &outcome);

    if (r > 0)
        report_generation(gateway, number, &outcome, "trying an earlier generation");
    return r;
}

static int from_own_generation(struct start *start)
{
    uint64_t number = start->gateway->state.generation;

    return number > 0 && start->gateway->generations ? try_generation(start->gateway, number) : 1;
}

/* Whether a generation was enforced for good: not refused by the kernel, and confirmed if needed.
 * `*ret_is_read`: its record could be read. */
static bool is_good(const struct gateway *gateway, uint64_t number, bool *ret_is_read)
{
    cleanup_(generation_clear) struct generation generation = {0};

    *ret_is_read = generations_read(gateway->generations, number, &generation, NULL) == 0;
    return *ret_is_read && generation.outcome == GENERATION_APPLIED;
}

/* Enforces of an older generation what `last` had too. */
static int enforce_in_common(struct gateway *gateway, uint64_t number, uint64_t last,
                             struct outcome *outcome)
{
    cleanup_(approved_clear) struct approved approved = {0};
    cleanup_(target_clear) struct target target = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(freep) char **names = NULL;
    size_t n = 0;
    int r = generations_read_approved(gateway->generations, last, &approved);

    if (r < 0 && r != -ENOMEM)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "it is not known what it has in common with generation %" PRIu64
                           ", which was enforced last",
                           last);
    if (r == 0)
        r = kept_read(gateway, number, &target.generation, outcome, &target.texts, &policy);
    if (r == 0)
        r = approved_in_common(&approved, policy, &names, &n);
    if (r == 0 && n == 0)
        r = outcome_set(
            outcome, OUTCOME_REFUSED,
            "it has nothing in common with generation %" PRIu64 ", which was enforced last", last);
    if (r == 0)
        r = overrides_set_only(&target.generation.overrides, names, n);
    return r == 0 ? enforce(gateway, &target, outcome) : r;
}

static int try_in_common(struct gateway *gateway, uint64_t number, uint64_t last)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    int r = enforce_in_common(gateway, number, last, &outcome);

    if (r > 0)
        report_generation(gateway, number, &outcome, "trying an earlier generation");
    return r;
}

/*
 * The newest older generation that can be enforced, as far as it has what was enforced last. If the
 * state is lost, the newest one that may have been enforced was enforced last.
 */
static int from_earlier_generation(struct start *start)
{
    struct gateway *gateway = start->gateway;
    cleanup_(freep) uint64_t *numbers = NULL;
    uint64_t last = gateway->state.generation;
    size_t n = 0;
    int r = gateway->generations ? generations_list(gateway->generations, &numbers, &n) : 0;

    if (r < 0)
        return r;
    r = 1;
    while (r == 1 && n-- > 0) {
        bool is_read, good = is_good(gateway, numbers[n], &is_read);

        if (last == 0 && (good || !is_read)) {
            last = numbers[n];
            r = try_generation(gateway, last);
        } else if (numbers[n] < last && good) {
            r = try_in_common(gateway, numbers[n], last);
        }
    }
    return r;
}

/* If the state is lost, the policy files may be applied even if they are old. */
static int from_any_files(struct start *start)
{
    return start->is_known ? 1 : apply_files(start->gateway);
}

/*
 * No policy can be enforced. A table that the kernel holds does not stay either: others could
 * change it while segd did not run, and without its policy segd cannot verify it.
 */
static int lock_down(struct start *start)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(target_clear) struct target target = {0};
    int r = target_begin(start->gateway, &boot_actor, NULL, &target);

    target.content = TARGET_LOCKDOWN;
    target.closes = true;
    if (r == 0)
        r = transaction_run(start->gateway, &target, &outcome);
    if (r != 0)
        log_message(LOG_CRIT, MESSAGE_LOCKDOWN, "cannot commit the lockdown: %s",
                    r < 0 ? strerror(-r) : outcome.message);
    else
        log_message(LOG_CRIT, MESSAGE_LOCKDOWN,
                    "locked down: nothing passes between zones until a valid policy is applied");
    return r > 0 ? -EREMOTEIO : r;
}

/* Where the policy may come from, in the order in which the sources are trusted. Each returns 0 if
 * it is enforced now, 1 if the next is to be tried, or -errno. */
static int (*const sources[])(struct start *) = {
    from_kernel,         from_own_table,          after_unconfirmed, from_new_files,
    from_own_generation, from_earlier_generation, from_any_files,    lock_down,
};

static int enforce_first(struct start *start)
{
    int r = 1;

    for (size_t i = 0; r == 1 && i < ELEMENTS_OF(sources); i++)
        r = sources[i](start);
    return r < 0 ? lock_down(start) : r;
}

/* Isolations and suspensions that the kernel holds stay, also if the state does not know them. */
static int adopt_closings(struct start *start)
{
    struct gateway *gateway = start->gateway;
    const struct overrides *closings = &start->held.closings;

    for (size_t i = 0; i < closings->n_overrides; i++) {
        const struct override *closing = &closings->overrides[i];
        int r = closings_adopt(&gateway->state.overrides, closing);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        findings_report(gateway->findings, "start", "closing-adopted", FINDING_WARNING,
                        closing->name,
                        "the kernel holds the %s of `%s`, but the state does not say who made it",
                        override_kind_to_string(closing->kind), closing->name);
    }
    return 0;
}

/* Whether the kernel knows of the grant. Earlier versions of segd noted none: there it must pass.
 */
static bool holds_grant(const struct ruleset *held, const char *grant)
{
    char name[sizeof(RULESET_GRANT) + POLICY_NAME_MAX];

    snprintf(name, sizeof(name), RULESET_GRANT "%s", grant);
    return ruleset_has_counter(held, name) || enforcement_has_live(held, grant);
}

/* A grant that the kernel does not hold was revoked, or never committed: it does not come back. */
static void drop_revoked(struct start *start)
{
    struct gateway *gateway = start->gateway;
    struct overrides *overrides = &gateway->state.overrides;

    for (size_t i = overrides->n_overrides; i-- > 0;) {
        const struct override *override = &overrides->overrides[i];

        if (override->kind != OVERRIDE_GRANT || holds_grant(start->held.ruleset, override->name) ||
            overrides_find(overrides, OVERRIDE_SUSPENSION, override->name))
            continue;
        gateway_audit_later(gateway, &(struct audit_event){
                                         .actor = boot_actor,
                                         .action = "end",
                                         .object = override->name,
                                         .reason = "the kernel did not hold this grant",
                                         .from = start->held.generation,
                                         .to = start->held.generation,
                                         .outcome = "done",
                                     });
        overrides_remove(overrides, OVERRIDE_GRANT, override->name);
    }
}

/* Reconciles the overrides of the state with those that the kernel holds. */
static int adopt_held(struct start *start)
{
    struct gateway *gateway = start->gateway;

    /* A table without a generation has closings too, if its policy could not be kept; but that a
     * lockdown holds no grant does not mean that it was revoked. */
    if (start->held.generation > 0) {
        if (start->is_known && gateway->state.generation == 0)
            storage_report(gateway, "state-missing",
                           "the kernel enforces a policy, but the state is missing");
        drop_revoked(start);
    }
    start->held.ruleset = ruleset_free(start->held.ruleset);
    return adopt_closings(start);
}

/* Whether an override ended while segd did not run. */
static bool any_ended(const struct gateway *gateway)
{
    const struct overrides *overrides = &gateway->state.overrides;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].until <= gateway_now(gateway))
            return true;
    }
    return false;
}

/* Writes again what the enforced generation approves, if that cannot be read. */
static void repair_approved(struct gateway *gateway)
{
    cleanup_(approved_clear) struct approved approved = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(target_clear) struct target target = {0};
    cleanup_(policy_freep) struct policy *policy = NULL;
    uint64_t number = gateway->current.number;
    int r;

    if (number == 0 || !gateway->generations ||
        generations_read_approved(gateway->generations, number, &approved) == 0)
        return;
    r = kept_read_policy(gateway, &gateway->current, &ignored, &target.texts, &policy);
    if (r == 0)
        r = approved_read(policy, &approved);
    if (r == 0)
        r = generations_write_approved(gateway->generations, number, &approved);
    log_message(LOG_NOTICE, MESSAGE_STORAGE,
                "what generation %" PRIu64 " approves cannot be read; %s", number,
                r == 0 ? "it was written again" : "it cannot be written again");
}

/* Makes files and copies of the enforced generation whole again. */
static void repair_generation(struct gateway *gateway)
{
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(target_clear) struct target target = {0};
    cleanup_(freep) char *problem = NULL;
    int r;

    if (gateway->current.number == 0 || !gateway->generations ||
        generations_is_whole(gateway->generations, &gateway->current, &problem))
        return;
    r = kept_read_policy(gateway, &gateway->current, &ignored, &target.texts, NULL);
    if (r > 0)
        r = read_same_files(gateway, &gateway->current, &target.texts);
    if (r == 0)
        r = generations_restore(gateway->generations, &gateway->current, &target.texts);
    log_message(LOG_NOTICE, MESSAGE_STORAGE, "%s; %s", problem ? problem : "a copy is missing",
                r == 0 ? "it was written again" : "it cannot be written again");
}

/* Writes the state and the audit entry of the start. */
static void note_start(struct start *start)
{
    struct gateway *gateway = start->gateway;
    size_t n_only = gateway->state.overrides.n_only;

    if (n_only > 0)
        findings_report(gateway->findings, "start", "generation-in-part", FINDING_CRITICAL, NULL,
                        "a generation was lost: of generation %" PRIu64
                        " only those %zu flows pass that it had too; apply a policy",
                        gateway->current.number, n_only);

    /* The state was lost: the present policy files do not replace what is enforced at the next
     * boot.
     */
    if (!start->is_known && gateway->current.number > 0)
        files_fingerprint(gateway, gateway->state.files);
    repair_generation(gateway);
    repair_approved(gateway);
    gateway_keep_state(gateway);
    gateway_audit_later(gateway, &(struct audit_event){
                                     .actor = boot_actor,
                                     .action = "start",
                                     .from = gateway->current.number,
                                     .to = gateway->current.number,
                                     .outcome = "done",
                                 });
}

int gateway_start(struct gateway *gateway)
{
    cleanup_(start_clear) struct start start = {.gateway = gateway};
    int r;

    lockdown_begin(gateway->enforcement, &start.held);
    start.is_known = storage_open(gateway);
    storage_read_totals(gateway, start.held.enforced);
    gateway_judge_clock(gateway);
    r = adopt_held(&start);
    if (r == 0)
        r = enforce_first(&start);
    if (r < 0)
        return r;

    note_start(&start);
    gateway_keep_audit_end(gateway);
    gateway->changed = true;
    if (confirmation_is_of_other_boot(gateway))
        return change_unconfirmed(gateway);
    return any_ended(gateway) ? change_by_time(gateway) : 0;
}
