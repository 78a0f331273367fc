/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/prepared.h"
#include "daemon/change/target.h"

/* Makes what was prepared enforced and kept: the part of transaction_run() that changes something,
 * and returns as it does. The rulesets move to the gateway, as what the target says. */
int commit_run(struct gateway *gateway, struct target *target, struct prepared *prepared,
               struct outcome *outcome);
