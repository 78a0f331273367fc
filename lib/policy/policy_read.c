/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a path to the texts of a policy: one file, or the files of a directory in order of their
 * names. All of them are read before the first is parsed, since a generation keeps the texts and
 * not the path; nothing is copied for it.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "policy/policy.h"
#include "policy/report.h"
#include "policy/store.h"
#include "policy/texts.h"

#define FILE_SUFFIX ".yaml"

struct reading {
    struct sources *sources;
    struct diagnostics *diagnostics;
    size_t size;     /* of all files so far */
    bool incomplete; /* something was not read, and reported */
};

static const struct location nowhere;

static int report(struct reading *reading, const char *path, const char *problem,
                  const char *remedy)
{
    int r = diagnostics_add(reading->diagnostics, SEVERITY_ERROR, "unreadable", nowhere, remedy,
                            "%s: %s", path, problem);

    reading->incomplete = true;
    return r < 0 ? r : REPORTED;
}

/* A file or directory that is no policy. Returns REPORTED or -ENOMEM. */
static int report_path(struct reading *reading, const char *path, const char *problem)
{
    return report(reading, path, problem, NULL);
}

/* One that cannot be read, with the positive errno. Returns REPORTED or -ENOMEM. */
static int report_errno(struct reading *reading, const char *path, int error)
{
    return report(reading, path, strerror(error),
                  error == EACCES ? "segd reads as its group: `chgrp segd` and `chmod g+r` on it; "
                                    "people who are not root need sudo"
                                  : NULL);
}

/* Reads the file into the sources. Returns 0, REPORTED or -ENOMEM. */
static int read_file(struct reading *reading, const char *path)
{
    cleanup_(closep) int fd = -1;
    cleanup_(freep) char *text = NULL;
    struct stat status;
    uint32_t source;
    size_t size, length;
    int r;

    /* A FIFO without a writer must not hold up the reader. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return report_errno(reading, path, errno);
    if (!S_ISREG(status.st_mode))
        return report_path(reading, path, "not a regular file");

    size = (size_t)status.st_size;
    r = policy_check_size(reading->diagnostics, path, size, &reading->size);
    if (r != 0) {
        reading->incomplete = true;
        return r;
    }

    /* One byte more than there should be, so that a file that grows meanwhile is not cut. */
    text = malloc(size + 1);
    if (!text)
        return -ENOMEM;

    r = file_read_all(fd, text, size + 1, &length);
    if (r < 0)
        return report_errno(reading, path, -r);
    if (length != size)
        return report_path(reading, path, "the file changed while it was read");
    return sources_add(reading->sources, path, text, size, &source);
}

static int is_policy_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name), suffix = strlen(FILE_SUFFIX);

    return entry->d_name[0] != '.' && length > suffix &&
           strcmp(entry->d_name + length - suffix, FILE_SUFFIX) == 0;
}

/* By bytes: the order of files must not depend on the locale. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct entries {
    struct dirent **entries;
    int n_entries;
};

static void entries_clear(struct entries *entries)
{
    for (int i = 0; i < entries->n_entries; i++)
        free(entries->entries[i]);
    free(entries->entries);
}

static int read_directory(struct reading *reading, const char *path)
{
    cleanup_(entries_clear) struct entries files = {0};
    int r;

    files.n_entries = scandir(path, &files.entries, is_policy_file, compare_entries);
    if (files.n_entries < 0)
        return errno == ENOMEM ? -ENOMEM : report_errno(reading, path, errno);
    if (files.n_entries == 0)
        return report_path(reading, path, "the directory has no policy (no *" FILE_SUFFIX ")");

    for (int i = 0; i < files.n_entries; i++) {
        cleanup_(freep) char *file = NULL;
        size_t length = strlen(path);

        if (asprintf(&file, "%s%s%s", path, length > 0 && path[length - 1] == '/' ? "" : "/",
                     files.entries[i]->d_name) < 0) {
            file = NULL;
            return -ENOMEM;
        }
        r = read_file(reading, file);
        if (r < 0)
            return r;
    }
    return 0;
}

int policy_load_sources(const char *path, struct sources *sources, struct diagnostics *diagnostics)
{
    struct reading reading = {.sources = sources, .diagnostics = diagnostics};
    struct stat status;
    int r;

    if (stat(path, &status) < 0)
        r = report_errno(&reading, path, errno);
    else if (S_ISDIR(status.st_mode))
        r = read_directory(&reading, path);
    else
        r = read_file(&reading, path);
    if (r < 0)
        return r;
    return reading.incomplete ? -EBADMSG : 0;
}

int policy_read(const char *path, struct sources *sources, struct diagnostics *diagnostics,
                struct policy **ret_policy)
{
    size_t first = sources_count(sources);
    int r = policy_load_sources(path, sources, diagnostics);

    if (r < 0 && r != -EBADMSG)
        return r;

    /* Mistakes in the files that could be read are reported too. */
    return policy_parse_sources(sources, first, NULL, r == 0, diagnostics, ret_policy);
}
