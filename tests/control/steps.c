/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The deadly part of segd-steps. Between two steps a daemon does nothing that outlives it: a step
 * is each point that the daemon names, and each call of what makes something last, be it on the
 * disk or in the kernel, before it and after it. They count from the moment at which a client
 * connects while the file SEGD_KILL_AT holds a number, in the daemon and in its workers; at that
 * step the daemon is ended by SIGKILL.
 *
 * A process that reaches the step of the name in SEGD_STOP_AT stops there until SIGCONT.
 */

#include "daemon/step.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/control/server_private.h"
#include "kernel/netlink.h"

int __real_peer_identify(const struct roles *roles, int fd, struct actor *ret_actor,
                         enum role *ret_role);
int __wrap_peer_identify(const struct roles *roles, int fd, struct actor *ret_actor,
                         enum role *ret_role);
int __real_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors);
int __wrap_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __wrap_renameat(int from, const char *old, int to, const char *new);

/* Shared by the daemon and its workers. A test program may have this one variable. */
static struct {
    unsigned left; /* steps; 0: none counts */
    pid_t daemon;
} * steps;

int __wrap_peer_identify(const struct roles *roles, int fd, struct actor *ret_actor,
                         enum role *ret_role)
{
    const char *path = getenv("SEGD_KILL_AT");
    FILE *file = path ? fopen(path, "re") : NULL;

    if (!steps)
        steps =
            mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (steps == MAP_FAILED)
        abort();
    steps->left = 0;
    steps->daemon = getpid();
    if (file) {
        if (fscanf(file, "%u", &steps->left) != 1)
            steps->left = 0;
        fclose(file);
    }
    return __real_peer_identify(roles, fd, ret_actor, ret_role);
}

void step_reached(const char *name)
{
    const char *stop = getenv("SEGD_STOP_AT");

    if (stop && strcmp(stop, name) == 0)
        raise(SIGSTOP);
    if (!steps || steps->left == 0)
        return;
    fprintf(stderr, "step %s\n", name);
    if (--steps->left == 0) {
        kill(steps->daemon, SIGKILL);
        raise(SIGKILL);
    }
}

void step_leave(void)
{
    steps = NULL;
}

bool step_without_owner(void)
{
    return getenv("SEGD_WITHOUT_OWNER") != NULL;
}

bool step_apart(void)
{
    return getenv("SEGD_APART") != NULL;
}

int __wrap_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors)
{
    int r;

    step_reached("before-transaction");
    r = __real_netlink_transact(netlink, vectors, n_vectors, bytes, errors);
    step_reached("after-transaction");
    return r;
}

int __wrap_fsync(int fd)
{
    step_reached("before-fsync");
    return __real_fsync(fd);
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
    int r;

    step_reached("before-rename");
    r = __real_renameat(from, old, to, new);
    step_reached("after-rename");
    return r;
}
