/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"

/* Closes the kernel, opens the state folder, decides what to enforce and commits it. Returns 0, or
 * -errno where not even the lockdown could be committed. */
int gateway_start(struct gateway *gateway);
