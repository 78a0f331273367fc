/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* What a program took, from its start until it was done. */
struct process_cost {
    double msec;
    double peak_kib;     /* most memory resident at once */
    double resident_kib; /* of a daemon: memory resident when it was ready */
};

/*
 * Both run a program in a network namespace of its own, with standard input, output and error of
 * the caller, except that output goes to standard error. 0, -EPERM where namespaces are not
 * allowed, -ECHILD where the program failed, or -errno.
 */

/* Runs it to its end. */
int process_run(const char *const *arguments, struct process_cost *ret_cost);
/* Runs a daemon until it says by sd_notify() that it is ready, and ends it then. */
int process_start(const char *const *arguments, struct process_cost *ret_cost);
