/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A setting is read before it is written: on a machine where somebody else has switched forwarding
 * on, and where /proc/sys cannot be written, that is no error.
 */

#include "kernel/forwarding.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

int setting_read(const char *path, bool *ret_on)
{
    cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[16] = "";
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return -errno;
    *ret_on = n > 0 && text[0] != '0';
    return 0;
}

static const struct {
    const char *name;
    const char *path;
} settings[] = {
    {"net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"},
    {"net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"},
};

static int switch_on(const char *path)
{
    cleanup_(closep) int fd = -1;
    bool on = false;
    int r = setting_read(path, &on);

    if (r == -ENOENT || (r == 0 && on))
        return 0;
    if (r < 0)
        return r;

    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, "1\n", 2) < 0 ? -errno : 0;
}

int forwarding_enable(const char **ret_setting)
{
    for (size_t i = 0; i < ELEMENTS_OF(settings); i++) {
        int r = switch_on(settings[i].path);

        if (r < 0) {
            *ret_setting = settings[i].name;
            return r;
        }
    }
    return 0;
}
