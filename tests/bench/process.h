/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a program took, from its start until it was done. */
struct process_cost {
    double msec;
    /* Time of processors: of a daemon and its children until it was ready; of a command with what
     * the daemon and its children took meanwhile. */
    double cpu_msec;
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

/* Beside a daemon that is ready: a command, and what it took with the daemon's peak of memory
 * meanwhile. What it prints is thrown away. */
#define PROCESS_COMMANDS_MAX 16
struct process_command {
    const char *const *arguments;
    /* NULL, or another one that is started first: the daemon works on it when this one begins. Both
     * are waited for. */
    const char *const *beside;
    struct process_cost cost;
};
/* Runs a daemon, and when it is ready each command to its end, one after the other, and ends it
 * then. At most PROCESS_COMMANDS_MAX. With `ret_again` it is run once more in the same namespace.
 */
int process_session(const char *const *daemon, struct process_cost *ret_cost,
                    struct process_command *commands, size_t n_commands,
                    struct process_cost *ret_again);
