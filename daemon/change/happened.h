/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Tells the audit log and the journal what time did to the flows of a policy since `gateway->seen`,
 * which moves on to the instant at which it was compiled. */
void happened_tell(struct gateway *gateway, const struct compiled *compiled);
