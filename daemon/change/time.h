/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Enforces and reports what time has changed: flows that expired, flows that their schedule opens
 * or closes, overrides that ended. Also after the clock was set. Returns 0; errors become a
 * finding. */
int change_by_time(struct gateway *gateway);
