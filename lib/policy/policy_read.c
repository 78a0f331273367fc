/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a path to a policy: one file, or the files of a directory in order of their names. The whole
 * line of this folder in one place: text → draft → policy.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/report.h"
#include "policy/store.h"

#define FILE_SUFFIX ".yaml"

struct reading {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct draft *draft;
    size_t size; /* of all files so far */
};

static const struct location nowhere;

/* A file or directory that cannot be read. Returns REPORTED or -ENOMEM. */
static int report_path(struct reading *reading, const char *path, const char *problem)
{
    int r = diagnostics_add(reading->diagnostics, SEVERITY_ERROR, "unreadable", nowhere, NULL,
                            "%s: %s", path, problem);

    reading->draft->incomplete = true;
    return r < 0 ? r : REPORTED;
}

/* Whether the policy is still of a size that is read. */
static int check_size(struct reading *reading, const char *name, size_t size)
{
    int r;

    if (size <= POLICY_SIZE_MAX && reading->size + size <= POLICY_SIZE_MAX) {
        reading->size += size;
        return 0;
    }

    reading->draft->incomplete = true;
    r = diagnostics_add(reading->diagnostics, SEVERITY_ERROR, "too-large", nowhere, NULL,
                        "%s: the policy is larger than %zu MiB", name,
                        POLICY_SIZE_MAX / 1024 / 1024);
    return r < 0 ? r : REPORTED;
}

/* Reads up to `size` bytes. Returns how many, or a negative errno. */
static ssize_t read_bytes(int fd, char *text, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, text + length, size - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

/* Reads the file into the sources. Returns 0, REPORTED or -ENOMEM. */
static int read_source(struct reading *reading, const char *path, uint32_t *ret_source)
{
    cleanup_(closep) int fd = -1;
    cleanup_(freep) char *text = NULL;
    struct stat status;
    ssize_t length;
    size_t size;
    int r;

    /* A FIFO without a writer must not hold up the reader. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return report_path(reading, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return report_path(reading, path, "not a regular file");

    size = (size_t)status.st_size;
    r = check_size(reading, path, size);
    if (r != 0)
        return r;

    /* One byte more than there should be, so that a file that grows meanwhile is not cut. */
    text = malloc(size + 1);
    if (!text)
        return -ENOMEM;

    length = read_bytes(fd, text, size + 1);
    if (length < 0)
        return report_path(reading, path, strerror((int)-length));
    if ((size_t)length != size)
        return report_path(reading, path, "the file changed while it was read");
    return sources_add(reading->sources, path, text, size, ret_source);
}

static int parse_file(struct reading *reading, const char *path)
{
    uint32_t source;
    int r = read_source(reading, path, &source);

    if (r != 0)
        return r < 0 ? r : 0;
    return draft_parse(reading->draft, reading->sources, source, reading->diagnostics);
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

static int parse_directory(struct reading *reading, const char *path)
{
    cleanup_(entries_clear) struct entries files = {0};
    int r;

    files.n_entries = scandir(path, &files.entries, is_policy_file, compare_entries);
    if (files.n_entries < 0)
        return errno == ENOMEM ? -ENOMEM : report_path(reading, path, strerror(errno));
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
        r = parse_file(reading, file);
        if (r < 0)
            return r;
    }
    return 0;
}

int policy_read(const char *path, struct sources *sources, struct diagnostics *diagnostics,
                struct policy **ret_policy)
{
    cleanup_(draft_freep) struct draft *draft = NULL;
    struct reading reading = {.sources = sources, .diagnostics = diagnostics};
    struct stat status;
    int r;

    r = draft_new(&draft);
    if (r < 0)
        return r;

    reading.draft = draft;
    if (stat(path, &status) < 0)
        r = report_path(&reading, path, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        r = parse_directory(&reading, path);
    else
        r = parse_file(&reading, path);
    if (r < 0)
        return r;
    return resolve(draft, diagnostics, ret_policy);
}

int policy_parse(const char *name, const char *text, size_t size, struct sources *sources,
                 struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(draft_freep) struct draft *draft = NULL;
    struct reading reading = {.sources = sources, .diagnostics = diagnostics};
    uint32_t source;
    int r;

    r = draft_new(&draft);
    if (r < 0)
        return r;

    reading.draft = draft;
    r = check_size(&reading, name, size);
    if (r == 0)
        r = sources_add(sources, name, text, size, &source);
    if (r == 0)
        r = draft_parse(draft, sources, source, diagnostics);
    if (r < 0)
        return r;
    return resolve(draft, diagnostics, ret_policy);
}
