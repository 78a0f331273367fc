/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading evidence. The folder may be years old, written by an earlier segd, or damaged: each part
 * that can be read is shown, and whether files are what was written is told by their sums, which
 * the reader of the whole file compares.
 */

#include "daemon/record/incidents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/instant.h"
#include "base/text.h"
#include "base/text_list.h"
#include "daemon/record/document.h"

#define INCIDENTS "incidents"
#define SUMS "SHA256SUMS"
#define STATE_SIZE_MAX (16U << 20)
/* `20261123T024501Z`, which begins the name of a folder. */
#define STAMP_LENGTH 16

/* Neither a path nor hidden. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

/* Returns a file descriptor, or -ENOENT or -errno. */
static int open_below(int directory, const char *name)
{
    int fd = is_name(name)
                 ? openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                 : -1;

    if (fd >= 0)
        return fd;
    return !is_name(name) || errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
}

/* Names of a folder, on the heap. */
struct names {
    char **names;
    size_t n_names;
};

static void names_clear(struct names *names)
{
    text_list_free(names->names, names->n_names);
}

/* Returns 0, -ENOMEM or -errno. */
static int names_read(int directory, struct names *names)
{
    cleanup_(closedirp) DIR *stream = NULL;
    const struct dirent *entry;
    int r = file_list(directory, &stream);

    while (r == 0 && (errno = 0, entry = readdir(stream))) {
        if (is_name(entry->d_name))
            r = text_list_add(&names->names, &names->n_names, entry->d_name);
    }
    return r == 0 ? -errno : r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of folders begin with their instant, so that these come first which are newest. */
static int compare_newest(const void *a, const void *b)
{
    return compare_names(b, a);
}

/* The instant in the name of a folder; 0 for another name. */
static usec_t stamp_parse(const char *name)
{
    usec_t instant;
    char text[INSTANT_TEXT_MAX];
    const char *s = name;

    if (strlen(name) < STAMP_LENGTH)
        return 0;
    snprintf(text, sizeof(text), "%.4s-%.2s-%.5s:%.2s:%.3s", s, s + 4, s + 6, s + 11, s + 13);
    return instant_parse(text, &instant) == 0 ? instant : 0;
}

/* A text of the arena; NULL for what is no text. Returns 0 or -ENOMEM. */
static int keep_text(struct arena *arena, const json_t *json, char **ret_text)
{
    const char *text = json_string_value(json);

    *ret_text = text ? arena_string(arena, text) : NULL;
    return text && !*ret_text ? -ENOMEM : 0;
}

/* Who isolated which zone, and why. Returns 0, also where that cannot be read, or -ENOMEM. */
static int read_state(int folder, struct arena *arena, struct wire_incident *incident)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(freep) char *text = NULL;
    size_t size;
    int line, r = file_read(folder, "state.json", STATE_SIZE_MAX, &text, &size);

    if (r == 0)
        r = document_parse(text, size, 0, &json, &line);
    if (r < 0)
        return r == -ENOMEM ? r : 0;

    r = keep_text(arena, json_object_get(json, "zone"), &incident->zone);
    if (r == 0)
        r = keep_text(arena, json_object_get(json, "reason"), &incident->reason);
    if (r == 0)
        r = record_decode_reply(&actor_type, json_object_get(json, "actor"), &incident->actor);
    return r;
}

static int add_file(int folder, struct arena *arena, const char *name,
                    struct wire_incident *incident)
{
    struct wire_incident_file *file;
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
        return 0;
    file = arena_add(arena, &incident->files, &incident->n_files, sizeof(*file));
    if (!file)
        return -ENOMEM;
    *file = (struct wire_incident_file){arena_string(arena, name), (uint64_t)status.st_size};
    incident->complete |= strcmp(name, SUMS) == 0;
    return file->name ? 0 : -ENOMEM;
}

/* Returns 0, -ENOENT where it is no folder, -ENOMEM or -errno. */
static int read_incident(int incidents, const char *name, struct arena *arena,
                         struct wire_incident *incident)
{
    cleanup_(names_clear) struct names files = {0};
    cleanup_(closep) int folder = open_below(incidents, name);
    int r = folder < 0 ? folder : names_read(folder, &files);

    if (r < 0)
        return r;
    if (files.n_names > 0)
        qsort(files.names, files.n_names, sizeof(*files.names), compare_names);
    *incident =
        (struct wire_incident){.name = arena_string(arena, name), .since = stamp_parse(name)};
    r = incident->name ? read_state(folder, arena, incident) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < files.n_names; i++)
        r = add_file(folder, arena, files.names[i], incident);
    return r;
}

int incidents_list(int state, struct arena *arena, struct wire_incident **ret_list, size_t *ret_n,
                   uint64_t *ret_left_out)
{
    cleanup_(names_clear) struct names names = {0};
    cleanup_(closep) int incidents = open_below(state, INCIDENTS);
    struct wire_incident *list = NULL;
    size_t n = 0, read = 0;
    int r = incidents < 0 ? incidents : names_read(incidents, &names);

    if (r < 0 && r != -ENOENT)
        return r;
    if (names.n_names > 0)
        qsort(names.names, names.n_names, sizeof(*names.names), compare_newest);
    for (; read < names.n_names && n < INCIDENTS_SHOWN_MAX; read++) {
        struct wire_incident incident = {0}, *kept;

        r = read_incident(incidents, names.names[read], arena, &incident);
        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        kept = arena_add(arena, &list, &n, sizeof(*kept));
        if (!kept)
            return -ENOMEM;
        *kept = incident;
    }
    *ret_list = list;
    *ret_n = n;
    *ret_left_out = names.n_names - read;
    return 0;
}

/* What of the bytes ends with a whole character. Bytes that are no UTF-8 at all stay. */
static size_t whole_characters(const char *bytes, size_t size)
{
    const size_t character_max = 4;
    size_t whole = utf8_invalid_offset(bytes, size);

    return whole > 0 && size - whole < character_max ? whole : size;
}

/* Returns 0, -ENOENT, -ENOMEM or -errno. */
static int read_part(int fd, uint64_t offset, struct arena *arena, struct incident_part *part)
{
    struct stat status;
    ssize_t n;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ENOENT;
    part->total = (uint64_t)status.st_size;
    part->text = arena_allocate(arena, INCIDENT_PART_MAX);
    if (!part->text)
        return -ENOMEM;
    if (offset >= part->total)
        return 0;
    n = pread(fd, part->text, INCIDENT_PART_MAX, (off_t)offset);
    if (n < 0)
        return -errno;
    part->size = (size_t)n;
    if (offset + part->size < part->total)
        part->size = whole_characters(part->text, part->size);
    return 0;
}

int incidents_read(int state, const char *incident, const char *file, uint64_t offset,
                   struct arena *arena, struct incident_part *ret_part)
{
    cleanup_(closep) int incidents = open_below(state, INCIDENTS);
    cleanup_(closep) int folder = incidents < 0 ? incidents : open_below(incidents, incident);
    cleanup_(closep) int fd = -1;
    struct incident_part part = {0};
    int r;

    if (folder < 0)
        return folder;
    if (!is_name(file))
        return -ENOENT;
    /* O_NONBLOCK: what is no regular file keeps nobody waiting. */
    fd = openat(folder, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ELOOP ? -ENOENT : -errno;
    r = read_part(fd, offset, arena, &part);
    if (r == 0)
        *ret_part = part;
    return r;
}
