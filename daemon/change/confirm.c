/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Confirmation over a new connection proves that the new policy did not cut off its administrator.
 */

#include "daemon/change/confirm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/change/kept.h"
#include "daemon/change/transaction.h"
#include "daemon/log.h"

/* After how long a generation that was not confirmed tries to go back again. */
#define GO_BACK_AGAIN (5 * USEC_PER_SEC)

static const struct actor clock_actor = {.uid = -1, .name = "clock"};

bool confirmation_is_of_other_boot(const struct gateway *gateway)
{
    char boot_id[40];

    state_boot_id(boot_id);
    return gateway->state.confirmation.pending &&
           strcmp(boot_id, gateway->state.confirmation.boot_id) != 0;
}

int change_confirm(struct gateway *gateway, const struct actor *actor, struct outcome *ret_outcome)
{
    const struct confirmation *confirmation = &gateway->state.confirmation;
    const uint64_t number = confirmation->generation;
    cleanup_(target_clear) struct target target = {0};
    int r = target_begin(gateway, actor, "confirm", &target);

    target.content = TARGET_SAME;
    target.state.confirmation = (struct confirmation){0};
    if (r == 0 && !confirmation->pending)
        r = outcome_set(ret_outcome, OUTCOME_NOT_FOUND, "no change waits to be confirmed");
    if (r == 0 && actor->connection <= confirmation->connections)
        r = outcome_set(ret_outcome, OUTCOME_REFUSED,
                        "confirm over a new connection: one that was open before the change does "
                        "not prove that segd can still be reached");
    if (r == 0)
        r = transaction_run(gateway, &target, ret_outcome);
    if (r == 0) {
        gateway->go_back_again = 0;
        findings_drop(gateway->findings, "change", "not-gone-back", NULL);
    }
    if (r == 0)
        log_message(LOG_NOTICE, MESSAGE_CONFIRMED, "generation %" PRIu64 " was confirmed by %s",
                    number, actor->name);
    return r > 0 ? 0 : r;
}

void confirmation_note_failed(const struct gateway *gateway, uint64_t number)
{
    cleanup_(generation_clear) struct generation generation = {0};

    if (!gateway->generations ||
        generations_read(gateway->generations, number, &generation, NULL) < 0)
        return;
    generation.outcome = GENERATION_UNCONFIRMED;
    if (generations_update(gateway->generations, &generation) < 0)
        log_message(LOG_WARNING, MESSAGE_STORAGE,
                    "cannot mark generation %" PRIu64 " as unconfirmed", number);
}

/* The target is the previous generation, under its own number. */
static int read_previous(struct gateway *gateway, struct target *target, struct outcome *outcome)
{
    uint64_t previous = gateway->state.confirmation.previous;

    if (previous == 0) {
        target->content = TARGET_LOCKDOWN;
        return 0;
    }
    return kept_read(gateway, previous, &target->generation, outcome, &target->texts, NULL);
}

/* If the previous generation cannot be enforced, the unconfirmed one stays until it can be: it is a
 * valid policy, but nobody decided that it stays for good. */
static void try_later(struct gateway *gateway, const struct outcome *outcome)
{
    gateway->go_back_again = calendar_clock(CLOCK_BOOTTIME) + GO_BACK_AGAIN;
    gateway->changed = true;
    if (findings_report(gateway->findings, "change", "not-gone-back", FINDING_CRITICAL, NULL,
                        "generation %" PRIu64
                        " was not confirmed, but the previous one cannot be enforced: %s; segd "
                        "tries again until it can, or until somebody confirms",
                        gateway->state.confirmation.generation, outcome->message) > 0)
        log_message(LOG_ERR, MESSAGE_UNCONFIRMED,
                    "generation %" PRIu64
                    " was not confirmed in time, but the previous one cannot be enforced: %s",
                    gateway->state.confirmation.generation, outcome->message);
}

int change_unconfirmed(struct gateway *gateway)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(target_clear) struct target target = {0};
    const uint64_t number = gateway->state.confirmation.generation;
    int r = target_begin(gateway, &clock_actor, "unconfirmed", &target);

    target.closes = true;
    target.state.generation = target.state.confirmation.previous;
    target.state.confirmation = (struct confirmation){0};
    if (r == 0)
        r = read_previous(gateway, &target, &outcome);
    if (r == 0)
        r = transaction_run(gateway, &target, &outcome);
    if (r < 0)
        outcome_set(&outcome, OUTCOME_KERNEL, "%s", strerror(-r));

    if (r != 0) {
        try_later(gateway, &outcome);
        return 0;
    }
    gateway->go_back_again = 0;
    findings_drop(gateway->findings, "change", "not-gone-back", NULL);
    confirmation_note_failed(gateway, number);
    log_message(LOG_WARNING, MESSAGE_UNCONFIRMED,
                "generation %" PRIu64
                " was not confirmed in time; the previous one is enforced again",
                number);
    return 0;
}
