/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Refused attempts, for the audit log. */

#include "daemon/control/control.h"

#include <jansson.h>

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
