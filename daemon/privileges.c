/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order matters: emptying the bounding set needs CAP_SETPCAP, which the last step gives up. A
 * process that never had it keeps its bounding set, which does no harm: segd never runs another
 * program, and no_new_privs is set.
 */

#include "daemon/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Up to the last capability that the running kernel knows; the headers may know fewer. */
static int empty_bounding_set(void)
{
    for (unsigned long capability = 0;; capability++) {
        int bounded = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);

        if (bounded < 0)
            return errno == EINVAL ? 0 : -errno;
        if (bounded == 0 || capability == CAP_NET_ADMIN)
            continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return errno == EPERM ? 0 : -errno;
    }
}

/* The C library has no functions for these two calls. */
static int keep(__u32 kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= i == 0 ? kept : 0;
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int privileges_reduce(void)
{
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    r = empty_bounding_set();
    return r < 0 ? r : keep(1U << CAP_NET_ADMIN);
}

int privileges_drop(void)
{
    return keep(0);
}
