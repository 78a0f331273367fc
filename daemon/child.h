/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* In a child that `parent` has just forked: it ends with it. Returns 0, -ESRCH if the parent has
 * ended already, or -errno. */
int child_follow(pid_t parent);
/*
 * In a child that the daemon has just forked: it ends with the daemon, may have `memory` bytes more
 * than it has and `cpu` seconds of the processor, and is ended first where memory is short. Returns
 * 0, -ESRCH if the daemon has ended already, or -errno.
 */
int child_enter(pid_t daemon, size_t memory, unsigned cpu);
/* In the parent: whether the child has ended, which is waited for if `wait`. Then `*ret_status` is
 * that of waitpid(), or -1 where there is no such child. */
bool child_has_ended(pid_t child, bool wait, int *ret_status);
/* Waits until it has ended. Returns whether it exited with 0. */
bool child_succeeds(pid_t child);
/* What children may have unless somebody says otherwise. */
#define CHILD_MEMORY ((size_t)1024 * 1024 * 1024)
#define CHILD_CPU 60
