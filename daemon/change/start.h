/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Commits a lockdown if the kernel enforces nothing, opens the state folder, decides what to
 * enforce and commits it. Returns 0, or -errno if not even the lockdown could be committed. */
int gateway_start(struct gateway *gateway);
