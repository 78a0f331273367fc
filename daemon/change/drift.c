/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes of the table by others. A notification only says that something changed; so the table is
 * dumped, compared with what was committed, and repaired in one transaction.
 */

#include "daemon/change/drift.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/log.h"

#define DIFFERENCE_MAX 256

/* Keeps the first difference as text in a buffer of DIFFERENCE_MAX, which is empty at first. */
static int note_first(const char *object, const char *message, void *userdata)
{
    char *text = userdata;

    if (!*text)
        snprintf(text, DIFFERENCE_MAX, "%s: %s", object, message);
    return 0;
}

static void report_repair(struct gateway *gateway, const struct watched *by, const char *what,
                          size_t n)
{
    struct drift *drift = &gateway->drift;
    const char *who = by->program[0] ? by->program : "somebody";

    drift->repairs++;
    drift->last = calendar_now();
    snprintf(drift->what, sizeof(drift->what), "%s", what);
    if (by->process > 0)
        snprintf(drift->by, sizeof(drift->by), "%s[%d]", who, (int)by->process);
    else
        snprintf(drift->by, sizeof(drift->by), "%s", who);

    log_message(LOG_WARNING, MESSAGE_DRIFT, "%s changed the table; %zu differences repaired: %s",
                drift->by, n, drift->what);
    gateway_audit_later(gateway, &(struct audit_event){
                                     .actor = {.uid = -1, .name = "drift"},
                                     .action = "repair",
                                     .object = drift->by,
                                     .reason = drift->what,
                                     .from = gateway->current.number,
                                     .to = gateway->current.number,
                                     .outcome = "done",
                                 });
}

int drift_repair(struct gateway *gateway, const struct watched *by, bool *ret_is_new)
{
    char what[DIFFERENCE_MAX] = "";
    size_t n = 0;
    int r = enforcement_repair(gateway->enforcement, note_first, what, &n);

    if (r < 0) {
        *ret_is_new =
            findings_report(gateway->findings, "drift", "not-repaired", FINDING_CRITICAL, NULL,
                            "somebody changed the table, and segd cannot repair it: %s",
                            strerror(-r)) > 0;
        if (*ret_is_new)
            log_message(LOG_CRIT, MESSAGE_DRIFT, "cannot repair the table: %s", strerror(-r));
        return r;
    }
    findings_drop(gateway->findings, "drift", "not-repaired", NULL);
    if (n > 0)
        report_repair(gateway, by, what, n);
    return 0;
}

/*
 * Differences have three causes: time has passed, segd is another version, or somebody changed the
 * table while segd did not run. The commit repairs all of them.
 */
void drift_note(struct gateway *gateway, const struct compiled *compiled)
{
    char text[DIFFERENCE_MAX] = "";
    size_t n = 0;

    if (enforcement_compare(gateway->enforcement, compiled, note_first, text, &n) < 0 || n == 0)
        return;
    log_message(LOG_WARNING, MESSAGE_DRIFT,
                "the table differed in %zu places from generation %" PRIu64 "; repaired: %s", n,
                compiled->generation, text);
    gateway_audit_later(gateway, &(struct audit_event){
                                     .actor = {.uid = -1, .name = "boot"},
                                     .action = "repair",
                                     .reason = text,
                                     .from = compiled->generation,
                                     .to = compiled->generation,
                                     .outcome = "done",
                                 });
}
