/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * In a child that the daemon has just forked: it ends with the daemon, may have `memory` bytes more
 * than it has and `cpu` seconds of the processor, and is ended first where memory is short. Returns
 * 0, -ESRCH if the daemon has ended already, or -errno.
 */
int child_enter(pid_t daemon, size_t memory, unsigned cpu);
