/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Files that must be there whole or not at all. Names are relative to `directory`, an open file
 * descriptor of a directory, or AT_FDCWD.
 */

/*
 * Reads a regular file of at most `limit` bytes. A FIFO, a device or a link is refused, and so is a
 * file that changes its size while it is read. `*ret_text` has `*ret_size` bytes and a NUL after
 * them, and belongs to the caller.
 * Returns 0, -ENOENT, -EFBIG beyond the limit, -EINVAL for what is no regular file, -EAGAIN where
 * it changed meanwhile, -ENOMEM, or -errno.
 */
int file_read(int directory, const char *name, size_t limit, char **ret_text, size_t *ret_size);

/*
 * Writes a file so that at any moment, also after a power cut, the old content is there or the new:
 * to a temporary name beside it, fsync, rename, fsync of the directory. The temporary file is
 * removed where a step fails. A name has one writer at a time.
 * Returns 0, -ENOSPC, -EROFS, -EACCES, or -errno; the old content stands then, but where the very
 * last step fails, the fsync of the directory: the new content is there and a power cut may undo
 * it.
 */
int file_write(int directory, const char *name, const void *bytes, size_t size, mode_t mode);

/* Reads until `size` bytes are there or the file ends. Returns 0 or -errno. */
int file_read_all(int fd, char *bytes, size_t size, size_t *ret_length);
/* Writes all bytes, whatever the number of calls it takes. Returns 0 or -errno. */
int file_write_all(int fd, const void *bytes, size_t size);

/* Removes from a directory what file_write() left where a crash ended it. Returns 0 or -errno. */
int file_clean(int directory);

/* A stream of the names in a directory, from the first, to be closed with closedir(). Returns 0 or
 * -errno. */
int file_list(int directory, DIR **ret_stream);
void closedirp(DIR **stream);

/*
 * The numbers, from 1 to `most`, of the files in a directory whose names are prefix, number without
 * leading zeros, suffix; in order, and memory that the caller owns also where there are none.
 * Returns 0, -ENOMEM or -errno.
 */
int file_list_numbers(int directory, const char *prefix, const char *suffix, uint64_t most,
                      uint64_t **ret_numbers, size_t *ret_n);
