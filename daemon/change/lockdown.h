/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/enforcement.h"

/*
 * Looks at what the kernel holds, and where it enforces nothing closes it: nothing is forwarded
 * until something is committed. Returns 0, or -errno; `*ret_held` is always there, and the
 * caller clears it.
 */
int lockdown_begin(struct enforcement *enforcement, struct held *ret_held);

/* The same for a process that does no more than this, as `segd --lock-down`: in time before
 * anything else, and without a policy, a state or a socket. Failures are logged. */
int lockdown_alone(void);
