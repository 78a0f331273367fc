/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What changes without anybody asking for it: nobody confirmed, an override ended, a flow expired,
 * a schedule opened or closed, the clock was set. The kernel ends flows by itself, by the timeouts
 * of the switchboard; opening is the daemon's. What time does is done also where nothing can be
 * written to the disk: the state then is behind, and says so as a finding.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/change/change_private.h"
#include "daemon/log.h"
#include "daemon/step.h"

static const struct actor clock_actor = {.uid = -1, .name = "clock"};

static void write_state(struct manager *manager)
{
    int r = manager->state_directory >= 0 ? state_write(manager->state_directory, &manager->state)
                                          : -ENOENT;

    if (r < 0)
        findings_report(manager->findings, "storage", "state-behind", FINDING_WARNING, NULL,
                        "the state could not be written: %s", strerror(-r));
    else
        findings_drop(manager->findings, "storage", "state-behind", NULL);
}

int change_confirm(struct manager *manager, const struct actor *actor, struct outcome *ret_outcome)
{
    struct confirmation *confirmation = &manager->state.confirmation;
    struct audit_event event = {
        .actor = *actor,
        .action = "confirm",
        .from = confirmation->previous,
        .to = confirmation->generation,
        .outcome = "done",
    };
    cleanup_(state_clear) struct state candidate = {0};
    int r;

    if (!confirmation->pending) {
        outcome_set(ret_outcome, OUTCOME_NOT_FOUND, "no change waits to be confirmed");
        return 0;
    }
    if (actor->connection <= confirmation->connections) {
        outcome_set(ret_outcome, OUTCOME_REFUSED,
                    "confirm over a new connection: one that was open before the change proves "
                    "nothing");
        return 0;
    }

    r = state_copy(&manager->state, &candidate);
    if (r < 0)
        return r;
    candidate.confirmation = (struct confirmation){0};
    r = state_write(manager->state_directory, &candidate);
    if (r < 0) {
        outcome_set_storage(ret_outcome, "the state", r);
        return 0;
    }
    *confirmation = (struct confirmation){0};
    manager_audit(manager, &event);
    log_message(LOG_NOTICE, MESSAGE_CONFIRMED, "generation %" PRIu64 " was confirmed by %s",
                event.to, actor->name);
    return manager_arm(manager);
}

/* The generation that waited goes, the one before comes back under its own number. */
static int go_back(struct manager *manager, struct generation *previous, struct outcome *outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(freep) char *problem = NULL;
    int r = outcome_begin(outcome);

    if (r == 0)
        r = generations_read(manager->generations, manager->state.confirmation.previous, previous,
                             &problem);
    if (r < 0)
        return outcome_set(outcome, OUTCOME_STORAGE, "%s", problem ? problem : strerror(-r));
    r = change_read_policy(manager, previous, outcome, &texts, NULL);
    if (r == 0)
        r = change_prepare(manager, texts.texts, texts.n_texts, &manager->state.overrides,
                           previous->number, outcome, &compiled);
    if (r == 0)
        r = change_check_isolations(enforcement_outline(manager->enforcement), compiled->policy,
                                    &manager->state.overrides, outcome);
    return r != 0 ? r : change_commit(manager, compiled, outcome, NULL);
}

static void note_unconfirmed(struct manager *manager)
{
    manager->current.outcome = GENERATION_UNCONFIRMED;
    if (manager->generations && manager->current.number > 0)
        generations_update(manager->generations, &manager->current);
}

int change_unconfirmed(struct manager *manager)
{
    cleanup_(generation_clear) struct generation previous = {0};
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct confirmation *confirmation = &manager->state.confirmation;
    struct nftables_refusal refusal = {0};
    struct audit_event event = {
        .actor = clock_actor,
        .action = "unconfirmed",
        .from = confirmation->generation,
        .to = confirmation->previous,
        .outcome = "done",
    };
    int r = confirmation->previous > 0 ? go_back(manager, &previous, &outcome)
                                       : enforcement_lock_down(manager->enforcement, &refusal);

    if (r != 0) {
        /* What is enforced was valid when it was applied; better that than nothing at all. */
        findings_report(manager->findings, "change", "not-gone-back", FINDING_CRITICAL, NULL,
                        "generation %" PRIu64 " was not confirmed, but the one before cannot come "
                        "back: %s",
                        confirmation->generation, outcome.message);
        event.outcome = "failed";
    } else {
        if (confirmation->previous == 0)
            findings_report(manager->findings, "start", "lockdown", FINDING_CRITICAL, NULL,
                            "there is no valid policy: nothing passes between zones");
        note_unconfirmed(manager);
        generation_clear(&manager->current);
        manager->current = previous;
        previous = (struct generation){0};
        manager->state.generation = confirmation->previous;
    }
    log_message(LOG_WARNING, MESSAGE_UNCONFIRMED,
                "generation %" PRIu64 " was not confirmed in time; %s", event.from,
                r != 0 ? outcome.message : "the one before is enforced again");
    *confirmation = (struct confirmation){0};
    write_state(manager);
    change_note_overrides(manager);
    manager_audit(manager, &event);
    return manager_arm(manager);
}

/* Overrides that have ended. Returns whether there were any. */
static bool end_overrides(struct manager *manager, usec_t now)
{
    struct overrides *overrides = &manager->state.overrides;
    bool any = false;

    for (size_t i = 0; i < overrides->n_overrides;) {
        const struct override *override = &overrides->overrides[i];

        if (override->until > now) {
            i++;
            continue;
        }
        manager_audit(manager, &(struct audit_event){
                                   .actor = clock_actor,
                                   .action = "end",
                                   .object = override->name,
                                   .reason = override_kind_to_string(override->kind),
                                   .from = manager->current.number,
                                   .to = manager->current.number,
                                   .outcome = "done",
                               });
        log_message(LOG_NOTICE, MESSAGE_OVERRIDE, "the %s of %s has ended",
                    override_kind_to_string(override->kind), override->name);
        overrides_remove(overrides, override->kind, override->name);
        any = true;
    }
    return any;
}

static int enforce_again(struct manager *manager, struct outcome *outcome)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    const struct policy_texts *enforced = manager->current.number > 0 ? &texts : &manager->unkept;
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    int r = outcome_begin(outcome);

    if (r == 0 && manager->current.number > 0)
        r = change_read_policy(manager, &manager->current, outcome, &texts, NULL);
    if (r == 0)
        r = change_prepare(manager, enforced->texts, enforced->n_texts, &manager->state.overrides,
                           manager->current.number, outcome, &compiled);
    return r != 0 ? r : change_commit(manager, compiled, outcome, NULL);
}

int change_by_time(struct manager *manager)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};
    int r;

    /* At least once a day, so that no more than a day is forgotten with the clock. */
    if (manager->state_directory >= 0 && manager->state.overrides.over == 0)
        state_set_instant(manager->state_directory, calendar_now());
    if (!enforcement_outline(manager->enforcement))
        return manager_arm(manager);

    if (end_overrides(manager, change_now(manager))) {
        write_state(manager);
        change_note_overrides(manager);
    }
    r = enforce_again(manager, &outcome);
    if (r != 0) {
        findings_report(manager->findings, "change", "behind-time", FINDING_CRITICAL, NULL,
                        "what time changes could not be enforced: %s",
                        r < 0 ? strerror(-r) : outcome.message);
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "what time changes could not be enforced: %s",
                    r < 0 ? strerror(-r) : outcome.message);
    } else {
        findings_drop(manager->findings, "change", "behind-time", NULL);
    }
    return manager_arm(manager);
}
