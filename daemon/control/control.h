/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/control/followers.h"
#include "daemon/control/audit_limit.h"
#include "daemon/gateway.h"

/* What methods act on: the userdata of their handlers. */
struct control {
    struct gateway *gateway; /* borrowed */
    struct followers followers;
    struct audit_limit audit_limit;
};

/* Writes a refused attempt to the audit log, unless the user has made too many (audit_limit.h). */
void control_refuse(struct control *control, const struct actor *actor, const char *method,
                    const char *why, const char *outcome);
/* The same without counting: `omitted` attempts before it were not written. The method is NULL for
 * what is no call. */
void control_note_refusal(struct control *control, const struct actor *actor, const char *method,
                          const char *why, const char *outcome, uint64_t omitted);
