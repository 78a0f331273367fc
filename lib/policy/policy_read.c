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
#include "base/name_index.h"
#include "policy/draft.h"
#include "policy/policy.h"
#include "policy/report.h"
#include "policy/store.h"
#include "policy/texts.h"

#define FILE_SUFFIX ".yaml"
#define LISTS_FOLDER "lists"
#define LIST_SUFFIX ".txt"

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

/*
 * Reads the file into the sources. A list may be written by a program that may write nothing else,
 * so it is no link: whoever reads the policy would be led to files that are closed to this program.
 * Returns 0, REPORTED or -ENOMEM.
 */
static int read_file(struct reading *reading, const char *path, bool is_list)
{
    cleanup_(closep) int fd = -1;
    cleanup_(freep) char *text = NULL;
    struct stat status;
    uint32_t source;
    size_t size, length;
    int r;

    /* A FIFO without a writer must not hold up the reader. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (is_list ? O_NOFOLLOW : 0));
    if (fd < 0 && errno == ELOOP && is_list)
        return report(reading, path, "a link", "put the file itself in its place");
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

/* Whether it is `NAME.txt`. */
static bool is_list_file(const char *name)
{
    static const char *const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_.";
    size_t length = strlen(name), suffix = strlen(LIST_SUFFIX);

    return name[0] != '.' && length > suffix && strspn(name, characters) == length &&
           strcmp(name + length - suffix, LIST_SUFFIX) == 0;
}

const char *policy_list_name(const char *name)
{
    const char *slash = strrchr(name, '/'), *list = slash;

    while (list && list > name && list[-1] != '/')
        list--;
    return slash && strncmp(list, LISTS_FOLDER "/", strlen(LISTS_FOLDER "/")) == 0 &&
                   is_list_file(slash + 1)
               ? list
               : NULL;
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

static int is_list_entry(const struct dirent *entry)
{
    return is_list_file(entry->d_name);
}

/* The path of something in a folder; "" is the folder in which the process runs. NULL without
 * memory. */
static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    char *path;

    return asprintf(&path, "%s%s%s", folder, length == 0 || folder[length - 1] == '/' ? "" : "/",
                    name) < 0
               ? NULL
               : path;
}

/* Reads the policy files of a folder, or the lists, in the order of their names. Returns how many
 * there are, or -errno: but for -ENOMEM the folder cannot be read, which was not reported. */
static int read_folder(struct reading *reading, const char *path, bool is_list)
{
    cleanup_(entries_clear) struct entries files = {0};

    files.n_entries =
        scandir(path, &files.entries, is_list ? is_list_entry : is_policy_file, compare_entries);
    if (files.n_entries < 0)
        return -errno;

    for (int i = 0; i < files.n_entries; i++) {
        cleanup_(freep) char *file = join(path, files.entries[i]->d_name);
        int r = file ? read_file(reading, file, is_list) : -ENOMEM;

        if (r < 0)
            return r;
    }
    return files.n_entries;
}

/* The lists of a policy lie in the folder `lists` in `folder`. A policy needs none. */
static int read_lists(struct reading *reading, const char *folder)
{
    cleanup_(freep) char *path = folder ? join(folder, LISTS_FOLDER) : NULL;
    int n = path ? read_folder(reading, path, true) : -ENOMEM;

    if (n >= 0 || n == -ENOENT || n == -ENOTDIR)
        return 0;
    return n == -ENOMEM ? n : report_errno(reading, path, -n);
}

static int read_directory(struct reading *reading, const char *path)
{
    int n = read_folder(reading, path, false);

    if (n == 0)
        n = report(reading, path, "the directory has no policy (no *" FILE_SUFFIX ")", NULL);
    else if (n < 0 && n != -ENOMEM)
        n = report_errno(reading, path, -n);
    return n < 0 ? n : read_lists(reading, path);
}

/* The policy's file, and the lists beside it. */
static int read_single(struct reading *reading, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_(freep) char *folder = strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
    int r = read_file(reading, path, false);

    return r < 0 ? r : read_lists(reading, folder);
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
        r = read_single(&reading, path);
    if (r < 0)
        return r;
    return reading.incomplete ? -EBADMSG : 0;
}

/* The names of lists that groups have. */
static int find_lists(const struct draft *draft, struct name_index *lists)
{
    for (const struct draft_object *object = draft->groups.first; object; object = object->next) {
        const struct draft_group *group = (const struct draft_group *)object;

        for (const struct draft_text *text = group->members_from; text; text = text->next) {
            if (name_index_add(lists, text->text, 0) == -ENOMEM)
                return -ENOMEM;
        }
    }
    return 0;
}

/* Parses the lists from `first` on, when all groups are known. */
static int parse_lists(struct draft *draft, const struct sources *sources, size_t first,
                       struct diagnostics *diagnostics)
{
    cleanup_(name_index_clear) struct name_index lists = {0};
    int r = find_lists(draft, &lists);

    for (uint32_t i = (uint32_t)first; r == 0 && i < sources_count(sources); i++) {
        const char *list = policy_list_name(sources_name(sources, i));

        if (list)
            r = draft_parse_addresses(draft, list, name_index_find(&lists, list, &(uint32_t){0}),
                                      sources, i, diagnostics);
    }
    return r;
}

/*
 * Parses the sources from `first` on as one policy. `ends` is NULL, or for each of these sources
 * the instant at which all of its flows end, 0 where the text itself says. Where something is
 * missing (not `complete`) mistakes are reported, and there is no policy. Returns as policy_read().
 */
static int parse_sources(const struct sources *sources, size_t first, const usec_t *ends,
                         bool complete, struct arena *arena, struct diagnostics *diagnostics,
                         struct policy **ret_policy)
{
    cleanup_(draft_freep) struct draft *draft = NULL;
    size_t n_files = 0;
    int r;

    r = draft_new(&draft);
    if (r < 0)
        return r;

    draft->incomplete = !complete;
    draft->first_source = first;
    draft->ends = ends;
    for (uint32_t i = (uint32_t)first; i < sources_count(sources); i++) {
        if (policy_list_name(sources_name(sources, i)))
            continue;
        r = draft_parse(draft, sources, i, diagnostics);
        if (r < 0)
            return r;
        n_files++;
    }
    r = parse_lists(draft, sources, first, diagnostics);
    if (r < 0)
        return r;
    if (n_files == 0 && complete) {
        r = diagnostics_add(diagnostics, SEVERITY_ERROR, "empty-policy", nowhere, NULL,
                            "the policy has no text at all");
        return r < 0 ? r : -EBADMSG;
    }
    return resolve(draft, arena, diagnostics, ret_policy);
}

int policy_parse_texts_in(const struct policy_text *texts, size_t n_texts, struct arena *arena,
                          struct sources *sources, struct diagnostics *diagnostics,
                          struct policy **ret_policy)
{
    cleanup_(freep) usec_t *ends = calloc(n_texts + 1, sizeof(*ends));
    size_t first = sources_count(sources), size = 0;
    bool complete = true;
    int r;

    if (!ends)
        return -ENOMEM;

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
    return parse_sources(sources, first, ends, complete, arena, diagnostics, ret_policy);
}

int policy_parse_texts(const struct policy_text *texts, size_t n_texts, struct sources *sources,
                       struct diagnostics *diagnostics, struct policy **ret_policy)
{
    return policy_parse_texts_in(texts, n_texts, NULL, sources, diagnostics, ret_policy);
}

int policy_read(const char *path, struct sources *sources, struct diagnostics *diagnostics,
                struct policy **ret_policy)
{
    size_t first = sources_count(sources);
    int r = policy_load_sources(path, sources, diagnostics);

    if (r < 0 && r != -EBADMSG)
        return r;

    /* Mistakes in the files that could be read are reported too. */
    return parse_sources(sources, first, NULL, r == 0, NULL, diagnostics, ret_policy);
}
