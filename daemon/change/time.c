/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What changes by time alone: an override ended, a flow expired, a schedule began or ended, the
 * clock was set. The kernel ends flows by itself, by the timeouts in `live`; the daemon opens them.
 * This works also if nothing can be written to the disk.
 */

#include "daemon/change/time.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "daemon/change/transaction.h"
#include "daemon/log.h"

static const struct actor clock_actor = {.uid = -1, .name = "clock"};

/* Moves the overrides that have ended from the target to `ended`. */
static int end_overrides(const struct gateway *gateway, struct target *target,
                         struct overrides *ended)
{
    struct overrides *overrides = &target->state.overrides;
    usec_t now = gateway_now(gateway);

    for (size_t i = 0; i < overrides->n_overrides;) {
        const struct override *override = &overrides->overrides[i];
        int r;

        if (override->until > now) {
            i++;
            continue;
        }
        r = overrides_add(ended, override);
        if (r < 0)
            return r;
        overrides_remove(overrides, override->kind, override->name);
    }
    return 0;
}

static void tell_ended(struct gateway *gateway, const struct overrides *ended)
{
    for (size_t i = 0; i < ended->n_overrides; i++) {
        const struct override *override = &ended->overrides[i];
        cleanup_(json_decrefp) json_t *detail =
            record_encode(&override_type, override, RECORD_DISK);

        gateway_audit_later(gateway, &(struct audit_event){
                                         .actor = clock_actor,
                                         .action = "end",
                                         .object = override->name,
                                         .reason = override_kind_to_string(override->kind),
                                         .from = gateway->current.number,
                                         .to = gateway->current.number,
                                         .outcome = "done",
                                         .detail = detail,
                                     });
        log_message(LOG_NOTICE, MESSAGE_OVERRIDE, "the %s of %s has ended",
                    override_kind_to_string(override->kind), override->name);
    }
}

int change_by_time(struct gateway *gateway)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(target_clear) struct target target = {0};
    cleanup_(overrides_clear) struct overrides ended = {0};
    int r;

    /* At least once a day, so that a machine that loses its clock loses at most a day. */
    if (gateway->state_directory >= 0 && gateway->state.overrides.clock_floor == 0)
        state_set_instant(gateway->state_directory, calendar_now());
    gateway->changed = true;
    if (!enforcement_outline(gateway->enforcement))
        return 0;

    r = target_begin(gateway, &clock_actor, NULL, &target);
    target.closes = true;
    if (r == 0)
        r = end_overrides(gateway, &target, &ended);
    if (r == 0)
        r = target_read_enforced(gateway, &target, &outcome);
    if (r == 0)
        r = transaction_run(gateway, &target, &outcome);
    gateway->agenda.failed = r != 0;
    if (r == 0) {
        tell_ended(gateway, &ended);
        findings_drop(gateway->findings, "change", "behind-time", NULL);
        return 0;
    }

    if (r < 0)
        outcome_set(&outcome, OUTCOME_KERNEL, "%s", strerror(-r));
    findings_report(gateway->findings, "change", "behind-time", FINDING_CRITICAL, NULL,
                    "cannot enforce what has begun or ended by time: %s", outcome.message);
    log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED,
                "cannot enforce what has begun or ended by time: %s", outcome.message);
    return 0;
}
