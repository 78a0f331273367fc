/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/*
 * Opens the state folder, the audit log and the generations, and reads the state. Returns false
 * where there was a state that is lost: what was closed by hand then comes from the newest
 * generation that was in force, and what was granted does not come back.
 */
bool storage_open(struct gateway *gateway);

/* What is wrong with the folder: a finding of the start, and a message. */
void storage_report(struct gateway *gateway, const char *code, const char *message);
