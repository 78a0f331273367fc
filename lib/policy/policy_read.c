/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a path to its texts, and from texts to a policy: text → draft → policy, the whole line of
 * this folder in one place. All files are read before the first is parsed, since a generation keeps
 * the texts and not the path. Texts are parsed where they lie in the sources, so that what a
 * diagnostic shows is what was parsed, and a policy of many megabytes is in memory once.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/report.h"
#include "policy/store.h"
#include "policy/texts.h"

#define FILE_SUFFIX ".yaml"

static const struct location nowhere;

/*
 * Adds the `size` bytes of one more text to `*total`. Returns 0, REPORTED where they are more than
 * a policy may have, and are not added, or -ENOMEM.
 */
static int check_size(struct diagnostics *diagnostics, const char *name, size_t size, size_t *total)
{
    if (size <= POLICY_SIZE_MAX && *total + size <= POLICY_SIZE_MAX) {
        *total += size;
        return 0;
    }

    return reported(diagnostics_add(diagnostics, SEVERITY_ERROR, "too-large", nowhere, NULL,
                                    "%s: the policy is larger than %zu MiB", name,
                                    POLICY_SIZE_MAX / 1024 / 1024));
}

struct reading {
    struct sources *sources;
    struct diagnostics *diagnostics;
    size_t size;     /* of all files so far */
    bool incomplete; /* something was not read, and reported */
};

/* A path that is no policy. Returns REPORTED or -ENOMEM. */
static int report(struct reading *reading, const char *path, const char *problem,
                  const char *remedy)
{
    reading->incomplete = true;
    return reported(diagnostics_add(reading->diagnostics, SEVERITY_ERROR, "unreadable", nowhere,
                                    remedy, "%s: %s", path, problem));
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
        return report(reading, path, "not a regular file", NULL);

    size = (size_t)status.st_size;
    r = check_size(reading->diagnostics, path, size, &reading->size);
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
        return report(reading, path, "the file changed while it was read", NULL);
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
        return report(reading, path, "the directory has no policy (no *" FILE_SUFFIX ")", NULL);

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

/*
 * Parses the sources from `first` on as one policy. `ends` is NULL, or for each of these sources
 * the instant at which all of its flows end, 0 where the text itself says. Where something is
 * missing (not `complete`) mistakes are reported, and there is no policy. Returns as policy_read().
 */
static int parse_sources(const struct sources *sources, size_t first, const usec_t *ends,
                         bool complete, struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(draft_freep) struct draft *draft = NULL;
    int r;

    r = draft_new(&draft);
    if (r < 0)
        return r;

    draft->incomplete = !complete;
    draft->first_source = first;
    draft->ends = ends;
    for (size_t i = first; i < sources_count(sources); i++) {
        r = draft_parse(draft, sources, (uint32_t)i, diagnostics);
        if (r < 0)
            return r;
    }
    return resolve(draft, diagnostics, ret_policy);
}

int policy_parse_texts(const struct policy_text *texts, size_t n_texts, struct sources *sources,
                       struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(freep) usec_t *ends = calloc(n_texts + 1, sizeof(*ends));
    size_t first = sources_count(sources), size = 0;
    bool complete = true;
    int r;

    if (!ends)
        return -ENOMEM;
    if (n_texts == 0) {
        r = diagnostics_add(diagnostics, SEVERITY_ERROR, "empty-policy", nowhere, NULL,
                            "the policy has no text at all");
        return r < 0 ? r : -EBADMSG;
    }

    for (size_t i = 0; i < n_texts; i++) {
        const struct policy_text *text = &texts[i];
        uint32_t source;

        r = check_size(diagnostics, text->name, text->size, &size);
        if (r == 0) {
            r = sources_add(sources, text->name, text->text, text->size, &source);
            if (r == 0)
                ends[source - first] = text->expires;
        }
        if (r < 0)
            return r;
        complete = complete && r == 0;
    }
    return parse_sources(sources, first, ends, complete, diagnostics, ret_policy);
}

int policy_read(const char *path, struct sources *sources, struct diagnostics *diagnostics,
                struct policy **ret_policy)
{
    size_t first = sources_count(sources);
    int r = policy_load_sources(path, sources, diagnostics);

    if (r < 0 && r != -EBADMSG)
        return r;

    /* Mistakes in the files that could be read are reported too. */
    return parse_sources(sources, first, NULL, r == 0, diagnostics, ret_policy);
}
