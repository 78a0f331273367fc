/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Opens the state folder at the start. Whatever is damaged in it is set aside and becomes a
 * finding; it never prevents the start.
 */

#include "daemon/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/record/folder.h"

static const struct actor boot_actor = {.uid = -1, .name = "boot"};

void storage_report(struct gateway *gateway, const char *code, const char *message)
{
    findings_report(gateway->findings, "start", code, FINDING_CRITICAL, NULL, "%s", message);
    log_message(LOG_ERR, MESSAGE_STORAGE, "%s", message);
}

static void open_audit(struct gateway *gateway)
{
    static const char *const words[] = {
        [AUDIT_TORN] = "the last line of the audit log was incomplete; it was moved to audit.torn",
        [AUDIT_TAMPERED] = "the audit log was changed by others: its chain is broken",
        [AUDIT_MISSING] = "the audit log is missing, though it had entries",
        [AUDIT_UNREADABLE] = "cannot read or write the audit log",
    };
    static const char *const codes[] = {
        [AUDIT_TAMPERED] = "audit-tampered",
        [AUDIT_MISSING] = "audit-missing",
        [AUDIT_UNREADABLE] = "audit-unreadable",
    };
    cleanup_(closep) int folder = folder_open(gateway->state_directory, "audit");
    enum audit_condition condition = AUDIT_UNREADABLE;
    struct audit_chain expected = {.sequence = gateway->state.audit_sequence};
    int r = folder;

    strcpy(expected.head, gateway->state.audit_head);
    if (r >= 0)
        r = audit_open(folder, 0, &expected, &gateway->audit, &condition);

    if (r < 0)
        storage_report(gateway, "audit-unreadable", strerror(-r));
    else if (condition == AUDIT_TORN)
        findings_report(gateway->findings, "start", "audit-torn", FINDING_NOTICE, NULL, "%s",
                        words[condition]);
    else if (words[condition])
        storage_report(gateway, codes[condition], words[condition]);
}

void storage_report_damage(const struct gateway *gateway, const char *code, const char *object,
                           const char *problem)
{
    findings_report(gateway->findings, "start", code, FINDING_WARNING, object,
                    "%s; its copy is whole and was used", problem);
    log_message(LOG_WARNING, MESSAGE_STORAGE, "%s; its copy is whole and was used", problem);
}

/* Returns 0, -ENOENT if there is no state, or -errno if neither it nor its copy can be read. */
static int read_state(struct gateway *gateway)
{
    cleanup_(freep) char *problem = NULL;
    int r = state_read(gateway->state_directory, &gateway->state, &problem);

    if (r == -EBADMSG)
        state_set_aside(gateway->state_directory);
    if (r < 0 && gateway->copy_directory >= 0 &&
        state_read(gateway->copy_directory, &gateway->state, NULL) == 0) {
        storage_report_damage(gateway, r == -ENOENT ? "state-missing" : "state-damaged", NULL,
                              problem ? problem : "state.json is missing");
        r = 0;
    }
    if (r == -EBADMSG)
        storage_report(gateway, "state-damaged", problem ? problem : "the state is damaged");
    else if (r < 0 && r != -ENOENT)
        storage_report(gateway, "state-unreadable", strerror(-r));
    if (gateway->state.next_generation == 0)
        gateway->state.next_generation = 1;
    /* Each process numbers its connections from 1. */
    gateway->state.confirmation.actor.connection = 0;
    return r;
}

/*
 * Without the state, isolations and suspensions come from the newest generation that was enforced;
 * grants do not come back. Returns false if there is no such generation: then no state was lost.
 */
static bool recover_overrides(struct gateway *gateway)
{
    struct overrides *overrides = &gateway->state.overrides;
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0;

    if (generations_list(gateway->generations, &numbers, &n) < 0)
        return true;
    while (n-- > 0) {
        cleanup_(generation_clear) struct generation generation = {0};

        if (generations_read(gateway->generations, numbers[n], &generation, NULL) < 0 ||
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

/* The number of the newest generation; 0: there is none, or they cannot be listed. */
static uint64_t find_newest(const struct gateway *gateway)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0;

    return generations_list(gateway->generations, &numbers, &n) == 0 && n > 0 ? numbers[n - 1] : 0;
}

/* Every generation has audit entries, so if there are generations, an empty log is not the first
 * one. */
static void check_audit(struct gateway *gateway, uint64_t newest)
{
    static const char what[] = "the audit log is missing, but there are generations";

    if (!gateway->audit || audit_sequence(gateway->audit) > 0 || newest == 0)
        return;
    storage_report(gateway, "audit-missing", what);
    gateway_audit(gateway, &(struct audit_event){
                               .actor = boot_actor,
                               .action = "audit-missing",
                               .reason = what,
                               .from = newest,
                               .to = newest,
                               .outcome = "done",
                           });
}

static void open_generations(struct gateway *gateway)
{
    int folder = folder_open(gateway->state_directory, "generations");
    int copies =
        gateway->copy_directory < 0 ? -1 : folder_open(gateway->copy_directory, "generations");

    if (folder < 0 || generations_open(folder, &gateway->generations) < 0)
        storage_report(gateway, "no-generations", "cannot use the folder of generations");
    if (!gateway->generations || copies < 0 ||
        generations_keep_copies(gateway->generations, copies) < 0)
        findings_report(gateway->findings, "start", "no-copies", FINDING_WARNING, NULL,
                        "cannot use the folder `copy` in %s: one damaged file can stop what was "
                        "approved",
                        gateway->options.state_path);
}

bool storage_open(struct gateway *gateway)
{
    char message[256];
    bool lost = false;
    uint64_t newest;
    int r;

    if (gateway->state_directory < 0) {
        snprintf(message, sizeof(message), "cannot use the state folder %s: %s",
                 gateway->options.state_path, strerror(-gateway->state_directory));
        gateway->state_directory = -1;
        gateway->state.next_generation = 1;
        storage_report(gateway, "no-state", message);
        return true;
    }

    gateway->copy_directory = folder_open(gateway->state_directory, "copy");
    gateway->seen = gateway_known_instant(gateway);
    r = read_state(gateway);
    open_audit(gateway);
    open_generations(gateway);
    if (gateway->generations) {
        newest = find_newest(gateway);
        /* Numbers of generations are never used twice, also if the state was lost. */
        if (newest >= gateway->state.next_generation)
            gateway->state.next_generation = newest + 1;
        check_audit(gateway, newest);
    }
    if (r < 0 && gateway->generations)
        lost = recover_overrides(gateway);
    if (r == -ENOENT && lost)
        storage_report(gateway, "state-missing", "the state is missing, but there are generations");
    return r == 0 || (r == -ENOENT && !lost);
}

void storage_read_totals(struct gateway *gateway, bool goes_on)
{
    int r = gateway->state_directory < 0 ? -ENOENT
                                         : totals_read(gateway->totals, gateway->state_directory);

    if (r < 0 && r != -ENOENT) {
        findings_report(gateway->findings, "start", "counters-damaged", FINDING_WARNING, NULL,
                        "what flows have carried is lost and is counted anew: cannot read the file "
                        "counters: %s",
                        r == -EBADMSG ? "it is damaged" : strerror(-r));
        log_message(LOG_WARNING, MESSAGE_STORAGE, "cannot read the file counters: %s",
                    r == -EBADMSG ? "it is damaged" : strerror(-r));
    }
    if (!goes_on)
        totals_note_lost(gateway->totals, "");
}
