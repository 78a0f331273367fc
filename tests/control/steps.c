/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The deadly part of segd-steps. Between two steps a daemon does nothing that outlives it: a step
 * is each point that the daemon names, and each call of what makes something last, be it on the
 * disk or in the kernel, before it and after it. They count from the moment at which a client
 * connects while the file SEGD_KILL_AT holds a number; at that step the daemon ends itself by
 * SIGKILL.
 */

#include "daemon/step.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Steps that are left; 0: none counts. A test program may have this one variable. */
static unsigned left;

int __wrap_peer_identify(const struct roles *roles, int fd, struct actor *ret_actor,
                         enum role *ret_role)
{
    const char *path = getenv("SEGD_KILL_AT");
    FILE *file = path ? fopen(path, "re") : NULL;

    left = 0;
    if (file) {
        if (fscanf(file, "%u", &left) != 1)
            left = 0;
        fclose(file);
    }
    return __real_peer_identify(roles, fd, ret_actor, ret_role);
}

void step_reached(const char *name)
{
    if (left == 0)
        return;
    fprintf(stderr, "step %s\n", name);
    if (--left == 0)
        raise(SIGKILL);
}

bool step_without_owner(void)
{
    return getenv("SEGD_WITHOUT_OWNER") != NULL;
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
