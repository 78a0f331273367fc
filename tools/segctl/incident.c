/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl incident: the evidence of isolations. segd keeps it in a folder that nobody else may read;
 * here it is listed, shown in short, and copied out for those who investigate. Each file that is
 * read whole is compared with its sum in SHA256SUMS, so that nobody works with damaged evidence
 * without knowing it.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

#define SUMS "SHA256SUMS"
/* Of one file, in memory. */
#define FILE_SIZE_MAX (1ULL << 30)
#define CONNECTIONS_SHOWN 10

/* One incident, and what its sums say. */
struct incident {
    struct remote *remote;
    const struct wire_incident *info; /* borrowed */
    struct record_text sums;
    size_t n_wrong; /* files that are not what was written */
};

static void incidents_clear(struct incidents_reply *reply)
{
    record_clear(&incidents_reply_type, reply);
}

static const char *format_size(uint64_t bytes, char buffer[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    double size = (double)bytes;

    for (; size >= 1024 && unit + 1 < ELEMENTS_OF(units); unit++)
        size /= 1024;
    snprintf(buffer, 32, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return buffer;
}

static uint64_t total_size(const struct wire_incident *info)
{
    uint64_t total = 0;

    for (size_t i = 0; i < info->n_files; i++)
        total += info->files[i].size;
    return total;
}

static int add_incident(struct table *table, const void *record)
{
    const struct wire_incident *info = record;
    char when[WHEN_MAX];

    return table_add(table,
                     (const char *[]){info->name, reply_when(info->since, when), info->actor.name,
                                      info->complete ? "yes" : "NO", info->reason});
}

static int print_list(const void *record, const struct screen *screen)
{
    static const char *const titles[] = {"INCIDENT", "WHEN", "WHO", "COMPLETE", "REASON"};
    static const enum table_align aligns[ELEMENTS_OF(titles)] = {0};
    static const uint8_t drops[] = {1, 2, TABLE_END};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, aligns, drops);
    const struct incidents_reply *reply = record;
    int r =
        reply_print_table(&columns, reply->incidents, reply->n_incidents, sizeof(*reply->incidents),
                          add_incident, "no zone was isolated: there is no evidence", screen);

    if (reply->left_out > 0)
        printf("%" PRIu64 " older ones are not shown\n", reply->left_out);
    return r;
}

static const struct remote_method list_method = {"GetIncidents", &incidents_reply_type, print_list};

/* All of a file. Returns an exit code. */
static int read_file(struct incident *incident, const char *name, struct record_text *text)
{
    uint64_t offset = 0, size = 0;

    do {
        cleanup_(json_decrefp) json_t *json = NULL;
        struct incident_reply part = {0};
        int exit_code, r;

        incident->remote->parameters =
            json_pack("{s:s, s:s, s:I}", "incident", incident->info->name, "file", name, "offset",
                      (json_int_t)offset);
        exit_code = remote_call(incident->remote, "ReadIncident", &json);
        if (exit_code != EXIT_YES)
            return exit_code;
        r = record_decode_reply(&incident_reply_type, json, &part);
        if (r == 0)
            r = record_text_append(text, part.text, part.text_size);
        size = part.next > offset && part.size <= FILE_SIZE_MAX ? part.size : 0;
        offset = part.next;
        record_clear(&incident_reply_type, &part);
        if (r < 0)
            return command_no_memory();
    } while (offset < size);
    return EXIT_YES;
}

/* Whether the file is what was written, as far as there is a sum of it. */
static bool is_sound(const struct incident *incident, const char *name,
                     const struct record_text *text)
{
    char line[SHA256_TEXT_MAX + 256], sum[SHA256_TEXT_MAX];
    const size_t size = strlen(name) + SHA256_TEXT_MAX + 2;

    if (strcmp(name, SUMS) == 0)
        return true;
    if (size >= sizeof(line) || !incident->sums.bytes)
        return false;
    snprintf(line, sizeof(line), "%s  %s\n",
             sha256_text(text->bytes ? text->bytes : "", text->size, sum), name);
    return memmem(incident->sums.bytes, incident->sums.size, line, size) != NULL;
}

/* Finds the incident by its name, also as the path of its folder, which `isolate` tells. Returns an
 * exit code. */
static int find(struct remote *remote, const char *name, struct incidents_reply *reply,
                struct incident *ret_incident)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    int exit_code;

    if (strrchr(name, '/'))
        name = strrchr(name, '/') + 1;
    exit_code = remote_call(remote, "GetIncidents", &json);
    if (exit_code != EXIT_YES)
        return exit_code;
    if (record_decode_reply(&incidents_reply_type, json, reply) < 0)
        return command_no_memory();

    *ret_incident = (struct incident){.remote = remote};
    for (size_t i = 0; i < reply->n_incidents; i++) {
        if (strcmp(reply->incidents[i].name, name) == 0)
            ret_incident->info = &reply->incidents[i];
    }
    if (!ret_incident->info)
        return remote_fail(remote, EXIT_NO, "not-found", "they are listed by: segctl incident list",
                           "there is no incident `%s`", name);
    return ret_incident->info->complete ? read_file(ret_incident, SUMS, &ret_incident->sums)
                                        : EXIT_YES;
}

/* What becomes of each file. Returns an exit code. */
typedef int (*file_handler)(struct incident *incident, const char *name,
                            const struct record_text *text, bool sound, void *userdata);

static int for_each_file(struct incident *incident, file_handler handler, void *userdata)
{
    int exit_code = EXIT_YES;

    for (size_t i = 0; exit_code == EXIT_YES && i < incident->info->n_files; i++) {
        const char *name = incident->info->files[i].name;
        cleanup_(record_text_clear) struct record_text text = {0};
        bool sound;

        exit_code = read_file(incident, name, &text);
        if (exit_code != EXIT_YES)
            return exit_code;
        sound = is_sound(incident, name, &text);
        incident->n_wrong += !sound;
        exit_code = handler(incident, name, &text, sound, userdata);
    }
    return exit_code;
}

/* What `show` needs of the files. */
struct shown {
    json_t *files, *state, *connections; /* owned; NULL: not read */
};

static void shown_clear(struct shown *shown)
{
    json_decref(shown->files);
    json_decref(shown->state);
    json_decref(shown->connections);
}

static json_t *parse(const struct record_text *text)
{
    return text->bytes ? json_loadb(text->bytes, text->size, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static int look_at(struct incident *incident, const char *name, const struct record_text *text,
                   bool sound, void *userdata)
{
    struct shown *shown = userdata;
    json_t *file =
        json_pack("{s:s, s:I, s:b}", "name", name, "size", (json_int_t)text->size, "sound", sound);

    (void)incident;
    shown->files = append_json(shown->files, file);
    if (strcmp(name, "state.json") == 0)
        shown->state = parse(text);
    else if (strcmp(name, "connections.json") == 0)
        shown->connections = parse(text);
    return shown->files ? EXIT_YES : command_no_memory();
}

static uint64_t bytes_of(const json_t *connection)
{
    json_int_t original = reply_number(json_object_get(connection, "original"), "bytes");
    json_int_t reply = reply_number(json_object_get(connection, "reply"), "bytes");

    return (uint64_t)original + (uint64_t)reply;
}

static int compare_largest(const void *a, const void *b)
{
    uint64_t of_a = bytes_of(*(json_t *const *)a), of_b = bytes_of(*(json_t *const *)b);

    return (of_a < of_b) - (of_a > of_b);
}

static void print_connection(const json_t *connection)
{
    char size[32];

    words_print(stdout, "  %s → %s  %s  %s  %s\n", reply_text(connection, "source"),
                reply_text(connection, "destination"), reply_text(connection, "service"),
                reply_has(connection, "flow") ? reply_text(connection, "flow") : "no live flow",
                format_size(bytes_of(connection), size));
}

/* The largest first. Returns 0 or -ENOMEM. */
static int print_connections(const json_t *connections)
{
    const json_t *list = json_object_get(connections, "connections");
    const size_t n = json_array_size(list);
    cleanup_(freep) const json_t **sorted = calloc(n + 1, sizeof(*sorted));
    uint64_t n_cut = 0;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = json_array_get(list, i);
        n_cut += reply_true(sorted[i], "cut");
    }
    qsort(sorted, n, sizeof(*sorted), compare_largest);

    printf("connections  %zu of the zone were open%s\n", n,
           n > CONNECTIONS_SHOWN ? "; the largest:" : "");
    for (size_t i = 0; i < n && i < CONNECTIONS_SHOWN; i++)
        print_connection(sorted[i]);
    /* Evidence of earlier versions does not say. */
    if (reply_has(connections, "closed"))
        words_print(stdout, "cut          %" PRIu64 " of them; after %s nothing of these passed\n",
                    n_cut, reply_text(connections, "closed"));
    return 0;
}

static void print_soundness(const struct incident *incident, const json_t *files, bool colour)
{
    const struct wire_incident *info = incident->info;
    char size[32];
    const json_t *file;
    size_t i;

    printf("evidence     %zu files, %s, ", info->n_files, format_size(total_size(info), size));
    if (!info->complete) {
        words_coloured(stdout, colour, "1;31", "INCOMPLETE");
        puts(": it has no " SUMS);
        return;
    }
    puts(incident->n_wrong == 0 ? "each as it was written" : "");
    json_array_foreach(files, i, file)
    {
        if (reply_true(file, "sound"))
            continue;
        words_coloured(stdout, colour, "1;31", "  NOT WHAT WAS WRITTEN");
        words_print(stdout, ": %s\n", reply_text(file, "name"));
    }
}

static int print_shown(const struct incident *incident, const struct shown *shown, bool colour)
{
    const struct wire_incident *info = incident->info;
    char when[WHEN_MAX];

    words_print(stdout, "incident     %s\nzone         %s\nisolated     %s by ", info->name,
                info->zone ? info->zone : "?", reply_when(info->since, when));
    reply_write_actor(stdout, &info->actor);
    words_print(stdout, "\nreason       %s\n", info->reason ? info->reason : "?");
    if (shown->state) {
        printf("policy       generation %" JSON_INTEGER_FORMAT ", ",
               reply_number(shown->state, "generation"));
        reply_write_digest(stdout, reply_text(shown->state, "fingerprint"));
        putchar('\n');
    }
    print_soundness(incident, shown->files, colour);
    return shown->connections ? print_connections(shown->connections) : 0;
}

static int show_json(const struct incident *incident, struct shown *shown, int exit_code)
{
    json_t *object = record_encode(&wire_incident_type, incident->info, RECORD_WIRE);

    if (!object || json_object_set(object, "files", shown->files) < 0 ||
        json_object_set(object, "state", shown->state ? shown->state : json_null()) < 0 ||
        json_object_set(object, "connections",
                        shown->connections ? json_object_get(shown->connections, "connections")
                                           : json_null()) < 0) {
        json_decref(object);
        object = NULL;
    }
    return print_json(object, exit_code);
}

static int show(struct incident *incident)
{
    cleanup_(shown_clear) struct shown shown = {.files = json_array()};
    int exit_code = for_each_file(incident, look_at, &shown);

    if (exit_code != EXIT_YES)
        return exit_code;
    if (!incident->info->complete || incident->n_wrong > 0)
        exit_code = EXIT_NO;
    if (incident->remote->json)
        return show_json(incident, &shown, exit_code);
    return print_shown(incident, &shown, wants_colour(stdout)) < 0 ? command_no_memory()
                                                                   : exit_code;
}

static int fail_write(const struct incident *incident, const char *what)
{
    return remote_fail(incident->remote, EXIT_FAILED, "not-written", NULL, "cannot write %s: %s",
                       what, strerror(errno));
}

/* `userdata` is the descriptor of the new folder. */
static int copy_file(struct incident *incident, const char *name, const struct record_text *text,
                     bool sound, void *userdata)
{
    const int *folder = userdata;
    cleanup_(closep) int fd = -1;

    (void)sound;
    if (strchr(name, '/') || name[0] == '.')
        return remote_fail(incident->remote, EXIT_FAILED, "failed", NULL,
                           "segd sent the name of a file that is none: %s", name);
    fd = openat(*folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_write(incident, name);
    if (file_write_all(fd, text->bytes, text->size) < 0 || fsync(fd) < 0)
        return fail_write(incident, name);
    return EXIT_YES;
}

static int export_print(const struct incident *incident, const char *folder)
{
    const struct wire_incident *info = incident->info;
    const bool sound = info->complete && incident->n_wrong == 0;
    char size[32];

    if (incident->remote->json)
        return print_json(json_pack("{s:s, s:i, s:I, s:b, s:i}", "folder", folder, "files",
                                    (int)info->n_files, "size", (json_int_t)total_size(info),
                                    "complete", info->complete, "wrong", (int)incident->n_wrong),
                          sound ? EXIT_YES : EXIT_NO);
    words_print(stdout, "%s: ", folder);
    printf("%zu files, %s", info->n_files, format_size(total_size(info), size));
    if (!info->complete)
        puts(", INCOMPLETE: it has no " SUMS);
    else if (incident->n_wrong > 0)
        printf("; %zu of them are NOT WHAT WAS WRITTEN\n", incident->n_wrong);
    else
        puts(", each as it was written");
    return sound ? EXIT_YES : EXIT_NO;
}

static int export(struct incident *incident, const char *output)
{
    const char *name = incident->info->name;
    cleanup_(freep) char *path = NULL;
    cleanup_(closep) int folder = -1;
    int exit_code;

    if (strchr(name, '/') || name[0] == '.')
        return remote_fail(incident->remote, EXIT_FAILED, "failed", NULL,
                           "segd sent the name of a folder that is none: %s", name);
    if (asprintf(&path, "%s/%s", output, name) < 0) {
        path = NULL;
        return command_no_memory();
    }
    if (mkdir(path, 0700) < 0)
        return fail_write(incident, path);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return fail_write(incident, path);
    exit_code = for_each_file(incident, copy_file, &folder);
    return exit_code == EXIT_YES ? export_print(incident, path) : exit_code;
}

/* `show` and `export`: both find the incident first. */
static int run_one(const struct command *command, int argc, char **argv, bool exports)
{
    const struct remote_method method = {
        .name = "GetIncidents",
        .fields = {{.title = "INCIDENT", .parameter = "incident", .required = true},
                   {.option = exports ? "output" : NULL, .parameter = exports ? "output" : NULL}}};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(incidents_clear) struct incidents_reply reply = {0};
    cleanup_(json_decrefp) json_t *asked = NULL;
    struct incident incident = {0};
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    asked = TAKE_PTR(remote.parameters);
    remote.parameters = json_object();

    exit_code = find(&remote, reply_text(asked, "incident"), &reply, &incident);
    if (exit_code == EXIT_YES) {
        assert(incident.info);
        exit_code = exports ? export(&incident,
                                     reply_has(asked, "output") ? reply_text(asked, "output") : ".")
                            : show(&incident);
    }
    record_text_clear(&incident.sums);
    return exit_code;
}

int run_incident(const struct command *command, int argc, char **argv)
{
    static const char *const words[] = {"list", "show", "export", NULL};
    const char *word = command_take_word(argc, argv, words);

    if (!word && argc > 1 && strcmp(argv[1], "--help") == 0)
        return command_help(command);
    if (!word)
        return command_needs(command, "", "`list`, `show` or `export`");
    if (strcmp(word, "list") == 0)
        return remote_show(command, argc - 1, argv + 1, &list_method);
    return run_one(command, argc - 1, argv + 1, strcmp(word, "export") == 0);
}
