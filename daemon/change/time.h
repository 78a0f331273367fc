/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Nothing but time has gone by: what expired goes, what its schedule opens comes, overrides that
 * ended go, and each is told. Also after the clock was set. Returns 0 or -ENOMEM; what could not be
 * enforced is a finding. */
int change_by_time(struct gateway *gateway);
