/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/*
 * The clock of segd-steps. A daemon with SEGD_CLOCK in its environment finds there two numbers of
 * descriptors that it has inherited, with a space between them: of memory with a `struct clocks`,
 * and of an eventfd, by which it is told that the clock was set as the kernel tells it.
 */
#define CLOCK_VARIABLE "SEGD_CLOCK"

/* What the daemon adds to the clocks of the machine, in microseconds. */
struct clocks {
    int64_t passed; /* by boot time and by the time of day */
    int64_t set;    /* by the time of day alone */
};
