/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/enforcement.h"

/*
 * Reads what the kernel holds. If it enforces nothing, commits a lockdown: nothing is forwarded
 * until something else is committed. Returns 0, or -errno; the caller clears `*ret_held` in both
 * cases.
 */
int lockdown_begin(struct enforcement *enforcement, struct held *ret_held);

/* The same for `segd --lock-down`, which does nothing else and needs no policy, state or socket.
 * Errors are logged. */
int lockdown_alone(void);
