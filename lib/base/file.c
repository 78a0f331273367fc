/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Files that are there whole or not at all. Rename is the one step of a file system that happens or
 * does not; what comes before it can be thrown away, and what is renamed is on the disk already. A
 * temporary file has the name of its file between a dot and `.tmp`: a crash leaves one at most,
 * the next writer of the file removes it, and so does file_clean().
 */

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/compare.h"

#define TEMPORARY_SUFFIX ".tmp"

/*
 * Opens what is a regular file. Its type is looked at before, since opening a device may already do
 * something, and again afterwards, since it may have changed in between.
 */
static int open_regular(int directory, const char *name, int *ret_fd, size_t *ret_size)
{
    cleanup_(closep) int fd = -1;
    struct stat status;

    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;

    fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? -EINVAL : -errno;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;

    *ret_fd = TAKE_FD(fd);
    *ret_size = (size_t)status.st_size;
    return 0;
}

int file_read_all(int fd, char *bytes, size_t size, size_t *ret_length)
{
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, bytes + length, size - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }

    *ret_length = length;
    return 0;
}

int file_read(int directory, const char *name, size_t limit, char **ret_text, size_t *ret_size)
{
    cleanup_(closep) int fd = -1;
    cleanup_(freep) char *text = NULL;
    size_t size = 0, length = 0;
    int r;

    r = open_regular(directory, name, &fd, &size);
    if (r < 0)
        return r;
    if (size > limit)
        return -EFBIG;

    /* One byte more is asked for: where it comes, the file has grown. */
    text = malloc(size + 1);
    if (!text)
        return -ENOMEM;

    r = file_read_all(fd, text, size + 1, &length);
    if (r < 0)
        return r;
    if (length != size)
        return -EAGAIN;

    text[size] = '\0';
    *ret_text = TAKE_PTR(text);
    *ret_size = size;
    return 0;
}

int file_write_all(int fd, const void *bytes, size_t size)
{
    const char *rest = bytes;

    while (size > 0) {
        ssize_t n = write(fd, rest, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        rest += n;
        size -= (size_t)n;
    }
    return 0;
}

/* The folder of a name, and the last part of the name, borrowed. */
static int open_folder(int directory, const char *name, int *ret_fd, const char **ret_last)
{
    const char *slash = strrchr(name, '/');
    size_t length = slash ? (size_t)(slash - name) + 1 : 0;
    char folder[PATH_MAX] = ".";
    int fd;

    if (length >= sizeof(folder))
        return -ENAMETOOLONG;
    if (slash) {
        memcpy(folder, name, length);
        folder[length] = '\0';
    }

    fd = openat(directory, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;

    *ret_fd = fd;
    *ret_last = slash ? slash + 1 : name;
    return 0;
}

static int write_temporary(int folder, const char *name, const void *bytes, size_t size,
                           mode_t mode)
{
    cleanup_(closep) int fd = -1;
    int r;

    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -errno;

    /* Whatever the umask says. */
    if (fchmod(fd, mode) < 0)
        return -errno;

    r = file_write_all(fd, bytes, size);
    if (r < 0)
        return r;
    if (fsync(fd) < 0)
        return -errno;

    /* Some file systems tell only here that there was no room. */
    return close(TAKE_FD(fd)) < 0 && errno != EINTR ? -errno : 0;
}

int file_write(int directory, const char *name, const void *bytes, size_t size, mode_t mode)
{
    cleanup_(closep) int folder = -1;
    char temporary[NAME_MAX + 1];
    const char *last = NULL;
    int length, r;

    r = open_folder(directory, name, &folder, &last);
    if (r < 0)
        return r;
    assert(last);

    length = snprintf(temporary, sizeof(temporary), ".%s" TEMPORARY_SUFFIX, last);
    if (length < 0 || (size_t)length >= sizeof(temporary))
        return -ENAMETOOLONG;

    if (unlinkat(folder, temporary, 0) < 0 && errno != ENOENT)
        return -errno;

    r = write_temporary(folder, temporary, bytes, size, mode);
    if (r >= 0 && renameat(folder, temporary, folder, last) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(folder, temporary, 0);
        return r;
    }

    return fsync(folder) < 0 ? -errno : 0;
}

static bool is_temporary(const char *name)
{
    size_t length = strlen(name), suffix = strlen(TEMPORARY_SUFFIX);

    return name[0] == '.' && length > suffix + 1 &&
           strcmp(name + length - suffix, TEMPORARY_SUFFIX) == 0;
}

void closedirp(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

int file_list(int directory, DIR **ret_stream)
{
    cleanup_(closep) int fd = -1;
    DIR *stream;

    /* A description of its own: the position in the folder belongs to that. */
    fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;

    stream = fdopendir(fd);
    if (!stream)
        return -errno;

    TAKE_FD(fd);
    *ret_stream = stream;
    return 0;
}

int file_clean(int directory)
{
    cleanup_(closedirp) DIR *stream = NULL;
    const struct dirent *entry;
    int r;

    r = file_list(directory, &stream);
    if (r < 0)
        return r;
    assert(stream);

    r = 0;
    while ((errno = 0, entry = readdir(stream))) {
        if (is_temporary(entry->d_name) && unlinkat(directory, entry->d_name, 0) < 0)
            r = -errno;
    }
    return errno != 0 ? -errno : r;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return COMPARE(first, second);
}

/* The number in the name of a file; 0: it is no such name. */
static uint64_t parse_number(const char *name, const char *prefix, const char *suffix,
                             uint64_t most)
{
    const char *digit = name + strlen(prefix);
    uint64_t number = 0;

    if (strncmp(name, prefix, strlen(prefix)) != 0 || *digit == '0')
        return 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');

        if (number > (most - value) / 10)
            return 0;
        number = number * 10 + value;
    }
    return strcmp(digit, suffix) == 0 ? number : 0;
}

int file_list_numbers(int directory, const char *prefix, const char *suffix, uint64_t most,
                      uint64_t **ret_numbers, size_t *ret_n)
{
    cleanup_(closedirp) DIR *stream = NULL;
    cleanup_(freep) uint64_t *numbers = NULL;
    const struct dirent *entry;
    size_t n = 0, capacity = 0;
    int r;

    r = file_list(directory, &stream);
    if (r < 0)
        return r;
    assert(stream);

    /* So that also no numbers at all are memory that the caller owns. */
    r = array_reserve(&numbers, &capacity, 1, sizeof(*numbers));
    if (r < 0)
        return r;

    while ((errno = 0, entry = readdir(stream))) {
        uint64_t found = parse_number(entry->d_name, prefix, suffix, most);

        if (found == 0)
            continue;
        r = array_append(&numbers, &n, &capacity, &found, sizeof(found));
        if (r < 0)
            return r;
    }
    if (errno != 0)
        return -errno;

    qsort(numbers, n, sizeof(*numbers), compare_numbers);
    *ret_numbers = TAKE_PTR(numbers);
    *ret_n = n;
    return 0;
}
