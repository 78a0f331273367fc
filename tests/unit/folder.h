/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sandbox.h"

/*
 * A folder on a file system of its own, which can be full or read-only also for root and vanishes
 * with the test. Programs call sandbox_require() first in checks_add().
 */
#define FOLDER "/tmp"

/* `size` is that of the file system, such as `64k`. Returns its file descriptor. */
static inline int folder_enter(const char *size)
{
    char options[64] = "mode=0700,size=";
    int fd;

    sandbox_enter();
    sandbox_enter_mounts();
    strncat(options, size, 16);
    ck_assert_int_eq(mount("folder", FOLDER, "tmpfs", 0, options), 0);

    fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static inline void folder_make_read_only(bool read_only)
{
    ck_assert_int_eq(
        mount(NULL, FOLDER, NULL, MS_REMOUNT | (read_only ? (unsigned long)MS_RDONLY : 0), NULL),
        0);
}

/* Writes a file as it is, with none of the care of file_write(). */
static inline void folder_put(int directory, const char *name, const void *bytes, size_t size)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, bytes, size), 0);
    ck_assert_int_eq(close(fd), 0);
}

/*
 * The caller frees it. Inlined, its variable ends before the text does, and gcc 12 takes what
 * strstr() finds in the text for a pointer to the variable.
 */
__attribute__((noinline, unused)) static char *folder_get(int directory, const char *name,
                                                          size_t *ret_size)
{
    char *text = NULL;

    ck_assert_int_eq(file_read(directory, name, (size_t)1 << 30, &text, ret_size), 0);
    return text;
}

static inline bool folder_has(int directory, const char *name)
{
    return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline size_t folder_count(int directory)
{
    const struct dirent *entry;
    DIR *stream = NULL;
    size_t n = 0;

    ck_assert_int_eq(file_list(directory, &stream), 0);
    while ((entry = readdir(stream)))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return n;
}

/* Leaves no room, in a file `filler`. */
static inline void folder_fill(int directory)
{
    static const char block[4096];
    int fd = openat(directory, "filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t n;

    ck_assert_int_ge(fd, 0);
    do
        n = write(fd, block, sizeof(block));
    while (n > 0);
    ck_assert_int_eq(n, -1);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(close(fd), 0);
}
