/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What to enforce when the daemon begins. What the kernel holds comes first: after a crash or an
 * upgrade the daemon goes on with exactly that generation, however far a change had come. A kernel
 * that holds nothing has just booted: then the policy files are the order of the day, unless they
 * are the same as when somebody last decided otherwise (a rollback stays one across a reboot), and
 * behind them the last good generation. Without any of these nothing passes.
 *
 * Whatever is broken in the state folder is set aside, told as a finding, and never keeps the
 * daemon from starting.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/change/change_private.h"
#include "daemon/change/lockdown.h"
#include "daemon/log.h"

#define DIFFERENCE_MAX 256

static const struct actor boot_actor = {.uid = -1, .name = "boot"};

static void report_storage(struct manager *manager, const char *code, const char *message)
{
    findings_report(manager->findings, "start", code, FINDING_CRITICAL, NULL, "%s", message);
    log_message(LOG_ERR, MESSAGE_STORAGE, "%s", message);
}

static int open_folder(int parent, const char *name)
{
    int fd;

    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

static void open_audit(struct manager *manager)
{
    static const char *const words[] = {
        [AUDIT_TORN] = "the last line of the audit log had no end; it was set aside in audit.torn",
        [AUDIT_TAMPERED] = "the audit log was changed by others: its chain is broken",
        [AUDIT_UNREADABLE] = "the audit log cannot be read or written",
    };
    cleanup_(closep) int folder = open_folder(manager->state_directory, "audit");
    enum audit_condition condition = AUDIT_UNREADABLE;
    int r = folder < 0 ? folder : audit_open(folder, 0, &manager->audit, &condition);

    if (r < 0)
        report_storage(manager, "audit-unreadable", strerror(-r));
    else if (condition == AUDIT_TORN)
        findings_report(manager->findings, "start", "audit-torn", FINDING_NOTICE, NULL, "%s",
                        words[condition]);
    else if (words[condition])
        report_storage(manager, condition == AUDIT_TAMPERED ? "audit-tampered" : "audit-unreadable",
                       words[condition]);
}

/* Returns 0, -ENOENT where there is no state, or -errno where it cannot be read. */
static int read_state(struct manager *manager)
{
    cleanup_(freep) char *problem = NULL;
    int r = state_read(manager->state_directory, &manager->state, &problem);

    if (r == -EBADMSG) {
        state_set_aside(manager->state_directory);
        report_storage(manager, "state-damaged", problem ? problem : "the state is damaged");
    } else if (r < 0 && r != -ENOENT) {
        report_storage(manager, "state-unreadable", strerror(-r));
    }
    if (manager->state.next_generation == 0)
        manager->state.next_generation = 1;
    /* Connections are numbered anew by each process. */
    manager->state.confirmation.actor.connection = 0;
    return r;
}

/*
 * Without the state, what was closed by hand stays closed as the newest generation that was in
 * force tells; what was granted does not come back. Returns false where there is none: then no
 * state was lost.
 */
static bool recover_overrides(struct manager *manager)
{
    struct overrides *overrides = &manager->state.overrides;
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0;

    if (generations_list(manager->generations, &numbers, &n) < 0)
        return true;
    while (n-- > 0) {
        cleanup_(generation_clear) struct generation generation = {0};

        if (generations_read(manager->generations, numbers[n], &generation, NULL) < 0 ||
            generation.outcome != GENERATION_APPLIED)
            continue;
        if (overrides_copy(&generation.overrides, overrides) < 0)
            return true;
        for (size_t i = overrides->n_overrides; i-- > 0;) {
            if (overrides->overrides[i].kind == OVERRIDE_GRANT)
                overrides_remove(overrides, OVERRIDE_GRANT, overrides->overrides[i].name);
        }
        return true;
    }
    return false;
}

/* Numbers of generations are never used twice, also where the state was lost. */
static void number_generations(struct manager *manager)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0;

    if (generations_list(manager->generations, &numbers, &n) == 0 && n > 0 &&
        numbers[n - 1] >= manager->state.next_generation)
        manager->state.next_generation = numbers[n - 1] + 1;
}

/* Every generation was audited: where there are some, a log that begins now is not the first. */
static void check_audit(struct manager *manager)
{
    static const char what[] = "the audit log is gone, but generations are there";
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0;

    if (!manager->audit || audit_sequence(manager->audit) > 0 ||
        generations_list(manager->generations, &numbers, &n) < 0 || n == 0)
        return;
    report_storage(manager, "audit-missing", what);
    manager_audit(manager, &(struct audit_event){
                               .actor = boot_actor,
                               .action = "audit-missing",
                               .reason = what,
                               .from = numbers[n - 1],
                               .to = numbers[n - 1],
                               .outcome = "done",
                           });
}

/* Returns false where there was a state that is lost. */
static bool open_state(struct manager *manager)
{
    char message[256];
    bool lost = false;
    int folder, r;

    manager->state_directory = open_folder(AT_FDCWD, manager->options.state_path);
    if (manager->state_directory < 0) {
        snprintf(message, sizeof(message), "the state folder %s cannot be used: %s",
                 manager->options.state_path, strerror(-manager->state_directory));
        manager->state_directory = -1;
        manager->state.next_generation = 1;
        report_storage(manager, "no-state", message);
        return true;
    }

    open_audit(manager);
    r = read_state(manager);
    folder = open_folder(manager->state_directory, "generations");
    if (folder < 0 || generations_open(folder, &manager->generations) < 0) {
        report_storage(manager, "no-generations", "the folder of generations cannot be used");
    } else {
        number_generations(manager);
        check_audit(manager);
    }
    if (r < 0 && manager->generations)
        lost = recover_overrides(manager);
    if (r == -ENOENT && lost)
        report_storage(manager, "state-missing", "the state is gone, but generations are there");
    return r == 0 || (r == -ENOENT && !lost);
}

/* The first difference that was found, in words. */
static int note_difference(const char *object, const char *message, void *userdata)
{
    char *text = userdata;

    if (!*text)
        snprintf(text, DIFFERENCE_MAX, "%s: %s", object, message);
    return 0;
}

/*
 * What differs from a generation that the kernel still holds: time may have gone by, segd may be
 * another version, and somebody may have changed it while nobody watched. All of it is put right by
 * the commit, and written down.
 */
static void note_differences(struct manager *manager, const struct compiled *compiled)
{
    char text[DIFFERENCE_MAX] = "";
    size_t n = 0;

    if (enforcement_compare(manager->enforcement, compiled, note_difference, text, &n) < 0 ||
        n == 0)
        return;
    log_message(LOG_WARNING, MESSAGE_DRIFT,
                "the table differs in %zu places from generation %" PRIu64 " and is put right: %s",
                n, compiled->generation, text);
    if (manager->audit)
        manager_audit(manager, &(struct audit_event){
                                   .actor = boot_actor,
                                   .action = "repair",
                                   .reason = text,
                                   .from = compiled->generation,
                                   .to = compiled->generation,
                                   .outcome = "done",
                               });
}

/* Enforces a generation that is kept; `is_held`: the kernel has it. Returns 0, 1 where it cannot be
 * (the outcome says why), or -errno. */
static int resume(struct manager *manager, uint64_t number, bool is_held, struct outcome *outcome)
{
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(freep) char *problem = NULL;
    struct nftables_cost cost = {0};
    int r;

    if (number == 0 || !manager->generations)
        return outcome_set(outcome, OUTCOME_NOT_FOUND, "there is no generation");
    r = generations_read(manager->generations, number, &generation, &problem);
    if (r < 0)
        return r == -ENOMEM ? r
                            : outcome_set(outcome, OUTCOME_STORAGE, "generation %" PRIu64 ": %s",
                                          number, problem ? problem : strerror(-r));
    r = change_read_policy(manager, &generation, outcome, &texts, NULL);
    if (r == 0)
        r = change_prepare(manager, texts.texts, texts.n_texts, &manager->state.overrides, number,
                           outcome, &compiled);
    if (r != 0)
        return r;
    if (is_held)
        note_differences(manager, compiled);
    r = change_commit(manager, compiled, outcome, &cost);
    if (r != 0)
        return r;

    generation.outcome = GENERATION_APPLIED;
    generations_update(manager->generations, &generation);
    manager->current = generation;
    generation = (struct generation){0};
    manager->state.generation = number;
    log_message(LOG_INFO, MESSAGE_POLICY_COMMITTED,
                "enforcing generation %" PRIu64 ": %zu zones, %zu flows; %zu bytes in %zu messages",
                number, compiled->policy->n_zones, compiled_count_flows(compiled), cost.bytes,
                cost.messages);
    return 0;
}

static void log_outcome(const struct outcome *outcome, const char *consequence)
{
    if (outcome->diagnostics && outcome->sources)
        diagnostics_print(outcome->diagnostics, outcome->sources, stderr, isatty(STDERR_FILENO));
    log_message(LOG_ERR, MESSAGE_POLICY_INVALID, "%s; %s", outcome->message, consequence);
}

static void report_generation(struct manager *manager, uint64_t number,
                              const struct outcome *outcome, const char *consequence)
{
    char object[24];

    snprintf(object, sizeof(object), "%" PRIu64, number);
    log_outcome(outcome, consequence);
    findings_report(manager->findings, "start", "generation-not-enforced", FINDING_CRITICAL, object,
                    "generation %s was not enforced at the start: %s", object, outcome->message);
}

/* The newest generation that can be enforced, the state's own first. */
static int resume_last_good(struct manager *manager)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    const uint64_t own = manager->state.generation;
    size_t n = 0;
    int r = manager->generations ? generations_list(manager->generations, &numbers, &n) : 0;

    for (size_t i = n + 1; r >= 0 && i-- > 0;) {
        cleanup_(outcome_clear) struct outcome outcome = {0};
        cleanup_(generation_clear) struct generation generation = {0};
        uint64_t number = i == n ? own : numbers[i];

        r = outcome_begin(&outcome);
        if (r < 0 || number == 0 || (i < n && number == own))
            continue;
        /* One that the kernel refused or nobody confirmed is not good. */
        if (i < n && (generations_read(manager->generations, number, &generation, NULL) < 0 ||
                      generation.outcome != GENERATION_APPLIED))
            continue;
        r = resume(manager, number, false, &outcome);
        if (r == 0)
            return 0;
        if (r > 0)
            report_generation(manager, number, &outcome, "trying an earlier generation");
    }
    return r < 0 ? r : 1;
}

/* The kernel holds a table: go on with what it is. */
static int resume_from_kernel(struct manager *manager, uint64_t generation)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    int r = outcome_begin(&outcome);

    if (r < 0)
        return r;
    if (manager->state.confirmation.pending && manager->state.confirmation.generation != generation)
        manager->state.confirmation = (struct confirmation){0};
    /* A change had come no further than the disk: its files are new again at the next boot. */
    if (manager->state.generation != generation)
        manager->state.files[0] = '\0';
    r = resume(manager, generation, true, &outcome);
    if (r > 0)
        report_generation(manager, generation, &outcome, "looking for another policy");
    return r;
}

/* Files that are enforced without being kept, where nothing can be kept. */
static int enforce_files(struct manager *manager)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    int r = outcome_begin(&outcome);

    if (r == 0)
        r = policy_load_sources(manager->options.policy_path, outcome.sources, outcome.diagnostics);
    if (r == 0)
        r = policy_texts_from_sources(outcome.sources, &texts);
    if (r == 0)
        r = change_prepare(manager, texts.texts, texts.n_texts, &manager->state.overrides, 0,
                           &outcome, &compiled);
    if (r == 0)
        r = change_commit(manager, compiled, &outcome, NULL);
    if (r == -ENOMEM)
        return r;
    if (r != 0) {
        log_outcome(&outcome, "nothing is kept to go back to");
        return 1;
    }
    manager->unkept = texts;
    texts = (struct policy_texts){0};
    return 0;
}

/* Policy files that say something new since somebody last decided. */
static int apply_files(struct manager *manager)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    char message[640];
    int r = change_apply(manager, &boot_actor, NULL, 0, NULL, 0, &outcome);

    if (r == 0 && outcome.kind == OUTCOME_DONE)
        return 0;
    if (r < 0)
        outcome_set(&outcome, OUTCOME_INVALID, "%s", strerror(-r));

    if (outcome.kind == OUTCOME_STORAGE) {
        report_storage(manager, "policy-not-kept", outcome.message);
        return enforce_files(manager);
    }
    log_outcome(&outcome, "looking for the last good generation");
    snprintf(message, sizeof(message), "the policy at %s was not applied at the start: %s",
             manager->options.policy_path, outcome.message);
    findings_report(manager->findings, "start", "policy-not-applied", FINDING_CRITICAL, NULL, "%s",
                    message);
    return 1;
}

/* The machine went down before anybody confirmed: the generation before is the one to enforce. */
static void drop_unconfirmed(struct manager *manager)
{
    cleanup_(generation_clear) struct generation generation = {0};
    struct confirmation *confirmation = &manager->state.confirmation;

    log_message(LOG_WARNING, MESSAGE_UNCONFIRMED,
                "generation %" PRIu64 " was not confirmed before the machine went down",
                confirmation->generation);
    if (manager->generations &&
        generations_read(manager->generations, confirmation->generation, &generation, NULL) == 0) {
        generation.outcome = GENERATION_UNCONFIRMED;
        generations_update(manager->generations, &generation);
    }
    if (manager->audit)
        manager_audit(manager, &(struct audit_event){
                                   .actor = boot_actor,
                                   .action = "unconfirmed",
                                   .from = confirmation->generation,
                                   .to = confirmation->previous,
                                   .outcome = "done",
                               });
    manager->state.generation = confirmation->previous;
    *confirmation = (struct confirmation){0};
}

/* `known`: the state could be read. Who last decided what else is not known any more. */
static int boot(struct manager *manager, bool known)
{
    char files[SHA256_TEXT_MAX];
    bool new;
    int r = 1;

    if (manager->state.confirmation.pending) {
        drop_unconfirmed(manager);
        return resume_last_good(manager);
    }

    change_files_fingerprint(manager, files);
    new = manager->state.generation == 0 || strcmp(files, manager->state.files) != 0;
    if (known && new)
        r = apply_files(manager);
    if (r == 1)
        r = resume_last_good(manager);
    if (r == 1 && !known)
        r = apply_files(manager);
    return r;
}

/*
 * Nothing to enforce. A table that the kernel holds does not stay: while nobody owned it anybody
 * could change it, and without its policy nobody can tell.
 */
static int lock_down(struct manager *manager)
{
    struct nftables_refusal refusal = {0};
    int r = enforcement_lock_down(manager->enforcement, &refusal);

    if (r < 0) {
        log_message(LOG_CRIT, MESSAGE_LOCKDOWN, "the lockdown could not be committed: %s",
                    strerror(-r));
        return r;
    }
    findings_report(manager->findings, "start", "lockdown", FINDING_CRITICAL, NULL,
                    "there is no valid policy: nothing passes between zones");
    log_message(LOG_CRIT, MESSAGE_LOCKDOWN,
                "locked down: nothing passes between zones until a valid policy is applied");
    return 0;
}

/* A confirmation that waits goes on waiting, within its boot. */
static int check_confirmation(struct manager *manager)
{
    char boot_id[40];

    if (!manager->state.confirmation.pending)
        return 0;
    change_boot_id(boot_id);
    if (strcmp(boot_id, manager->state.confirmation.boot_id) != 0)
        return change_unconfirmed(manager);
    return 0;
}

/* Overrides whose time was over while no daemon ran. */
static bool any_ended(const struct manager *manager)
{
    const struct overrides *overrides = &manager->state.overrides;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].until <= change_now(manager))
            return true;
    }
    return false;
}

static void note_start(struct manager *manager)
{
    if (manager->state_directory >= 0 && state_write(manager->state_directory, &manager->state) < 0)
        report_storage(manager, "state-behind", "the state could not be written");
    change_note_overrides(manager);
    if (manager->audit)
        manager_audit(manager, &(struct audit_event){
                                   .actor = boot_actor,
                                   .action = "start",
                                   .from = manager->current.number,
                                   .to = manager->current.number,
                                   .outcome = "done",
                               });
}

/* What the kernel still cuts off stays so, also where nothing else remembers it. */
static int recover_isolations(struct manager *manager, const struct overrides *isolations)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < isolations->n_overrides; i++) {
        r = overrides_add(&manager->state.overrides, &isolations->overrides[i]);
        r = r == -EEXIST ? 0 : r;
    }
    return r;
}

int manager_start(struct manager *manager)
{
    cleanup_(observation_clear) struct observation observation = {0};
    uint64_t generation;
    bool known;
    int r;

    manager->until = USEC_NEVER;
    lockdown_begin(manager->enforcement, &observation);
    known = open_state(manager);
    manager_judge_clock(manager);

    generation = observation.generation;
    if (generation > 0 && (!known || manager->state.generation == 0)) {
        r = recover_isolations(manager, &observation.isolations);
        if (r < 0)
            return r;
        if (known)
            report_storage(manager, "state-missing", "the kernel enforces what no state tells of");
    }

    r = generation > 0 ? resume_from_kernel(manager, generation) : 1;
    if (r == 1)
        r = boot(manager, known);
    if (r != 0)
        r = lock_down(manager);
    if (r < 0)
        return r;
    /* Files that were there when the state was lost do not undo at the next boot what is enforced.
     */
    if (!known && manager->current.number > 0)
        change_files_fingerprint(manager, manager->state.files);

    note_start(manager);
    r = check_confirmation(manager);
    if (r < 0)
        return r;
    return any_ended(manager) ? change_by_time(manager) : manager_arm(manager);
}
