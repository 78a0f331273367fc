/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/transaction.h"

/*
 * The evidence of an isolation (daemon/record/evidence.h). A child of segd gathers and writes it,
 * so that nobody waits for disks, counters and text. It is forked after the commit, so it knows
 * what segd knew at that moment. What fails is the finding `evidence-incomplete`.
 */

/* As `write_evidence` of a target: makes the folder, which the outcome and the detail of the audit
 * entry then name, and lets a child fill it. */
void incident_begin(struct gateway *gateway, const struct target *target, struct outcome *outcome);
/* Takes notice of children that have ended; if `wait`, of all. */
void incidents_reap(struct gateway *gateway, bool wait);
