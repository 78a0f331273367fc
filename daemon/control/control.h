/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/control/followers.h"
#include "daemon/gateway.h"

/* What the methods work on: the userdata of their handlers. */
struct control {
    struct gateway *gateway; /* borrowed */
    struct followers followers;
};

/* Writes a refused attempt to the audit log, as `server_refused` with the control as `userdata`. */
void control_note_refusal(const struct actor *actor, const char *method, const char *why,
                          const char *outcome, uint64_t omitted, void *userdata);
