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
#include "kernel/setting.h"

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
