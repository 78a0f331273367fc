/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/control/followers.h"
#include "daemon/control/audit_limit.h"
#include "daemon/gateway.h"

/* What the methods work on: the userdata of their handlers. */
struct control {
    struct gateway *gateway; /* borrowed */
    struct followers followers;
    struct audit_limit audit_limit;
};

/* Writes a refused attempt to the audit log, within the rate limit of the user (audit_limit.h). */
void control_refuse(struct control *control, const struct actor *actor, const char *method,
                    const char *why, const char *outcome);
/* The same without the limit; `omitted` attempts before this one were not written. `method` is NULL
 * if the message was no call. */
void control_note_refusal(struct control *control, const struct actor *actor, const char *method,
                          const char *why, const char *outcome, uint64_t omitted);
