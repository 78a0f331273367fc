/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/*
 * Opens the state folder, the audit log and the generations, and reads the state. Returns false if
 * there was a state and it is lost: then isolations and suspensions come from the newest generation
 * that was enforced, and grants do not come back.
 */
bool storage_open(struct gateway *gateway);

/* Reports a problem with the folder: a finding of the start, and a log message. */
void storage_report(struct gateway *gateway, const char *code, const char *message);
