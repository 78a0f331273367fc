/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "tests/lab/segd.h"

/* The children of a daemon under test: its workers, and those that write evidence. */

/* The value of a field of /proc/PID/status; "" where the process has gone. */
void children_status(pid_t pid, const char *field, char value[64]);
/* One of the children; 0: there is none. */
pid_t children_find(const struct segd *segd);
/* Waits until segd has a child in this state (`T`: stopped; 0: any) that is not `but`. Meanwhile it
 * calls the daemon, which must answer. */
pid_t children_wait(const struct segd *segd, char state, pid_t but);
/* The same until it has so many children. */
void children_wait_count(const struct segd *segd, unsigned n);
