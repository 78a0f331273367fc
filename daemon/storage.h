/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/*
 * Opens the audit log and the generations in the state folder, and reads the state. Returns false
 * if there was a state and it is lost: then isolations and suspensions come from the newest
 * generation that was enforced, and grants do not come back.
 */
bool storage_open(struct gateway *gateway);

/* Reads what was counted before. `goes_on`: the kernel still has the table of then. */
void storage_read_totals(struct gateway *gateway, bool goes_on);

/* Reports a problem with the folder: a finding of the start, and a log message. */
void storage_report(struct gateway *gateway, const char *code, const char *message);
/* The same for a damaged file of which the copy was used: nothing is lost. `object` may be NULL. */
void storage_report_damage(const struct gateway *gateway, const char *code, const char *object,
                           const char *problem);
