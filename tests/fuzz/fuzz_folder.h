/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* A folder for the files of one input, in memory where the machine has such a place. */
struct fuzz_folder {
    char path[64];
    int directory;
};

static inline struct fuzz_folder fuzz_folder_make(void)
{
    struct fuzz_folder folder = {.path = "/dev/shm/segd-fuzz-XXXXXX"};

    if (!mkdtemp(folder.path)) {
        strcpy(folder.path, "/tmp/segd-fuzz-XXXXXX");
        if (!mkdtemp(folder.path))
            abort();
    }
    folder.directory = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.directory < 0)
        abort();
    return folder;
}

static inline void fuzz_folder_remove(struct fuzz_folder *folder)
{
    const struct dirent *entry;
    DIR *stream = NULL;

    if (file_list(folder->directory, &stream) < 0)
        abort();
    while ((entry = readdir(stream)))
        unlinkat(folder->directory, entry->d_name, 0);
    closedir(stream);
    close(folder->directory);
    if (rmdir(folder->path) < 0)
        abort();
}

static inline void fuzz_folder_put(const struct fuzz_folder *folder, const char *name,
                                   const void *bytes, size_t size)
{
    int fd = openat(folder->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || file_write_all(fd, bytes, size) < 0 || close(fd) < 0)
        abort();
}
