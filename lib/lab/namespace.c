/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where the process is. Everything that the lab does to a network presumes that the network is its
 * own; this file makes it so, and refuses to guess. An ordinary user gets there by a user namespace
 * in which he is root, over a network in which nothing is but what he makes.
 */

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/lab.h"
#include "lab/namespace.h"

#define SELF "/proc/thread-self/ns/net"

bool lab_in_root_namespace(void)
{
    struct stat self, first;

    /*
     * The kernel shows netdev_budget in the machine's first network namespace only, and ip_forward
     * in each (of net/core Linux 6.1 shows nothing in those of an ordinary user). Unlike the
     * namespace of process 1 everybody may look.
     */
    if (access("/proc/sys/net/core/netdev_budget", F_OK) == 0)
        return true;
    if (access("/proc/sys/net/ipv4/ip_forward", F_OK) < 0)
        return true;

    /* In a container the namespace of its process 1 is what must not be touched. */
    if (stat(SELF, &self) < 0)
        return true;
    if (stat("/proc/1/ns/net", &first) < 0)
        return false;
    return self.st_dev == first.st_dev && self.st_ino == first.st_ino;
}

static int write_file(const char *path, const char *text)
{
    cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
}

/* Root inside, the caller outside, and nobody else: what a kernel lets an ordinary user map. */
static int map_identity(uid_t uid, gid_t gid)
{
    char text[64];
    int r;

    snprintf(text, sizeof(text), "0 %u 1\n", (unsigned)uid);
    r = write_file("/proc/thread-self/uid_map", text);
    if (r < 0)
        return r;
    r = write_file("/proc/thread-self/setgroups", "deny");
    if (r < 0 && r != -ENOENT)
        return r;
    snprintf(text, sizeof(text), "0 %u 1\n", (unsigned)gid);
    return write_file("/proc/thread-self/gid_map", text);
}

static int enter_as_user(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        /* A limit of zero on their number is one way to forbid them. */
        if (errno == ENOSPC || errno == EUSERS)
            return -EPERM;
        return -errno;
    }
    return map_identity(uid, gid);
}

static int loopback_up(void)
{
    cleanup_(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return -errno;
    return 0;
}

int lab_enter(void)
{
    int r;

    if (unshare(CLONE_NEWNET) < 0) {
        if (errno != EPERM)
            return -errno;
        r = enter_as_user();
        if (r < 0)
            return r;
    }
    return loopback_up();
}

int namespace_open(void)
{
    int fd = open(SELF, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int namespace_configure(const struct namespace_setting *settings, size_t n_settings)
{
    char path[128];
    int r;

    for (size_t i = 0; i < n_settings; i++) {
        snprintf(path, sizeof(path), "/proc/sys/net/%s", settings[i].path);
        r = write_file(path, settings[i].value);
        if (r < 0 && !settings[i].optional)
            return r;
    }
    return 0;
}
