/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Reports to the audit log and the journal what time did to the flows of the policy since
 * `gateway->seen`, and sets that to the instant at which the policy was compiled. */
void happened_tell(struct gateway *gateway, const struct compiled *compiled);
/* Whether there would be something to report: 1, 0 or -errno. */
int happened_something(const struct gateway *gateway, const struct compiled *compiled);
