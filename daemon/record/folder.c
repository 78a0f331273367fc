/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The state folder itself. Two daemons that wrote to it would undo what the other one closed. */

#include "daemon/record/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define LOCK_FILE "lock"

int folder_open(int parent, const char *name)
{
    int fd;

    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int folder_lock(int folder)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    cleanup_(closep) int fd =
        openat(folder, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_SETLK, &lock) < 0)
        return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
    return TAKE_FD(fd);
}
