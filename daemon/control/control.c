/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the server tells: refused attempts, for the audit log, and what a worker has found. */

#include "daemon/control/control.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "daemon/change/handover.h"
#include "daemon/log.h"

void control_note_refusal(const struct actor *actor, const char *method, const char *why,
                          const char *outcome, uint64_t omitted, void *userdata)
{
    struct control *control = userdata;
    const struct gateway *gateway = control->gateway;
    cleanup_(json_decrefp) json_t *detail = NULL;

    if (omitted > 0)
        detail = json_pack("{s:I}", "omitted", (json_int_t)omitted);
    log_message(LOG_NOTICE, MESSAGE_REFUSED_CALL, "%s[%d] was refused %s: %s", actor->name,
                (int)actor->pid, method ? method : "a message", why);
    gateway_audit(control->gateway, &(struct audit_event){
                                        .actor = *actor,
                                        .action = "refuse",
                                        .object = method,
                                        .reason = why,
                                        .from = gateway->current.number,
                                        .to = gateway->current.number,
                                        .outcome = outcome,
                                        .detail = detail,
                                    });
}

int control_enter_worker(enum method_place place, void *userdata)
{
    const struct control *control = userdata;

    return gateway_enter_child(control->gateway, place != IN_WORKER);
}

json_t *control_learn(void *userdata)
{
    const struct control *control = userdata;
    const struct finding *list;
    size_t n = findings_list(control->gateway->findings, &list);
    json_t *damaged = json_object();

    for (size_t i = 0; damaged && i < n; i++) {
        if (strcmp(list[i].code, "generation-damaged") == 0 && list[i].object)
            json_object_set_new(damaged, list[i].object, json_string(list[i].message));
    }
    return damaged;
}

void control_learned(const json_t *learned, void *userdata)
{
    const struct control *control = userdata;
    const char *generation;
    json_t *message;

    json_object_foreach((json_t *)learned, generation, message)
        findings_report(control->gateway->findings, "start", "generation-damaged", FINDING_WARNING,
                        generation, "%s", json_string_value(message));
}

static int begin_change(void *userdata, void **ret_change)
{
    const struct control *control = userdata;
    struct handover *handover = NULL;
    int r = handover_new(control->gateway, &handover);

    if (r == 0)
        *ret_change = handover;
    return r;
}

static void enter_change(void *change, int (*ask)(void *), void *ask_userdata)
{
    handover_enter(change, ask, ask_userdata);
}

static int make_change(void *change)
{
    cleanup_(outcome_clear) struct outcome outcome = {0};

    /* The worker answers with the outcome. */
    return handover_commit(change, &outcome) == -ESTALE ? -ESTALE : 0;
}

static void end_change(void *change)
{
    handover_free(change);
}

const struct server_change control_change = {begin_change, enter_change, make_change, end_change};
