/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Settings of the kernel as /proc/sys shows them, of the network namespace of who reads.
 */

#include "kernel/setting.h"

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
