/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The evidence of an isolation. Connections and counters come first, since they change. SHA256SUMS
 * comes last: a folder without it was not finished.
 *
 * The sums are of the bytes as they are handed to the kernel, not of what is read back, so that
 * nothing can change in between. All files are written before segd waits for the disk, once for all
 * of them. Connections and flows, of which there may be many, are written one by one as they are
 * read, so that they need little memory.
 *
 * If a file cannot be written, evidence_write() fails and the caller decides. What the kernel does
 * not tell is noted in the file that lacks it, under the key `problem`.
 */

#include "daemon/record/evidence.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/sha256.h"
#include "observe/connections.h"
#include "observe/drop_counters.h"
#include "observe/live.h"
#include "ruleset/compile.h"

#define INCIDENTS "incidents"
/* Isolations of one zone in one second. */
#define SAME_INSTANT_MAX 1000
#define EVIDENCE_FILES_MAX 8
#define UNFINISHED_SUMS "SHA256SUMS.unfinished"

struct evidence_file {
    const char *name; /* a static string */
    char sum[SHA256_TEXT_MAX];
    int fd; /* until it is on the disk; then -1 */
};

struct evidence {
    int incidents; /* the folder of all incidents */
    int folder;
    char *path;                             /* `incidents/…` */
    const struct evidence_subject *subject; /* borrowed */
    struct evidence_file files[EVIDENCE_FILES_MAX];
    size_t n_files;
    /* The first thing that the kernel could not tell, as a negative errno. Its file says so, and
     * the other files are complete. */
    int problem;
};

/* Writes what goes into a file. Returns 0, -ENOMEM, or -EIO where the stream failed. */
typedef int (*writer)(FILE *stream, struct evidence *evidence);

/* A file while it is written. */
struct output {
    int fd;
    int error;
    crypto_hash_sha256_state hash;
};

/* As fopencookie(3) wants it: 0 is an error. */
static ssize_t output_write(void *cookie, const char *bytes, size_t size)
{
    struct output *output = cookie;
    int r = file_write_all(output->fd, bytes, size);

    if (r < 0) {
        output->error = r;
        return 0;
    }
    crypto_hash_sha256_update(&output->hash, (const unsigned char *)bytes, size);
    return (ssize_t)size;
}

/* Returns 0, or the first error. */
static int fill(struct evidence *evidence, struct evidence_file *file, writer write_content)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct output output = {.fd = file->fd};
    FILE *stream;
    int r;

    crypto_hash_sha256_init(&output.hash);
    stream = fopencookie(&output, "w", (cookie_io_functions_t){.write = output_write});
    if (!stream)
        return -ENOMEM;

    r = write_content(stream, evidence);
    if (fclose(stream) != 0 && r == 0)
        r = -EIO;
    if (output.error < 0)
        r = output.error;
    if (r < 0)
        return r;

    crypto_hash_sha256_final(&output.hash, digest);
    sodium_bin2hex(file->sum, sizeof(file->sum), digest, sizeof(digest));
    return 0;
}

/* A new file of the folder, with its sum. Returns 0, -ENOSPC or -errno. */
static int write_file(struct evidence *evidence, const char *name, writer write_content)
{
    struct evidence_file *file = &evidence->files[evidence->n_files];

    if (evidence->n_files == EVIDENCE_FILES_MAX)
        return -ENOBUFS;
    *file = (struct evidence_file){.name = name};
    file->fd =
        openat(evidence->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd < 0)
        return -errno;

    evidence->n_files++;
    return fill(evidence, file, write_content);
}

/* Waits until all files and the folder are on the disk. Returns 0 or -errno. */
static int sync_files(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->n_files; i++) {
        struct evidence_file *file = &evidence->files[i];

        if (file->fd < 0)
            continue;
        if (fsync(file->fd) < 0)
            return -errno;
        close(file->fd);
        file->fd = -1;
    }
    return fsync(evidence->folder) < 0 ? -errno : 0;
}

/* Writes one value and releases it; NULL is no memory. */
static int put_json(FILE *stream, json_t *json, size_t flags)
{
    cleanup_(json_decrefp) json_t *value = json;

    if (!value)
        return -ENOMEM;
    if (json_dumpf(value, stream, flags | JSON_ENCODE_ANY) < 0)
        return ferror(stream) ? -EIO : -ENOMEM;
    return 0;
}

static int put_text(FILE *stream, const char *text)
{
    return fputs(text, stream) < 0 ? -EIO : 0;
}

/* A whole file. */
static int put_document(FILE *stream, json_t *json)
{
    int r = put_json(stream, json, JSON_INDENT(2));

    return r < 0 ? r : put_text(stream, "\n");
}

/* A list whose elements are written one by one, a line each. */
struct list {
    FILE *stream;
    size_t n;
};

/* `head` is written before the list: the beginning of an object, or its next key. */
static int list_begin(struct list *list, FILE *stream, const char *head)
{
    *list = (struct list){stream, 0};
    return fprintf(stream, "%s [", head) < 0 ? -EIO : 0;
}

static int list_add(struct list *list, json_t *json)
{
    int r = put_text(list->stream, list->n++ > 0 ? ",\n  " : "\n  ");

    if (r < 0) {
        json_decref(json);
        return r;
    }
    return put_json(list->stream, json, JSON_COMPACT);
}

static int list_end(struct list *list)
{
    return put_text(list->stream, list->n > 0 ? "\n]" : "]");
}

/* Ends the object of a file with the key `problem`: null, or what the kernel did not tell. */
static int put_problem(FILE *stream, struct evidence *evidence, int problem)
{
    int r = put_text(stream, ", \"problem\": ");

    if (r == 0)
        r = put_json(stream, problem < 0 ? json_string(strerror(-problem)) : json_null(), 0);
    if (r == 0)
        r = put_text(stream, "}\n");
    if (problem < 0 && evidence->problem == 0)
        evidence->problem = problem;
    return r;
}

static json_t *count_json(struct nftables_count count)
{
    return json_pack("{s:I, s:I}", "packets", (json_int_t)count.packets, "bytes",
                     (json_int_t)count.bytes);
}

/* A walk over all connections that writes those of the zone. */
struct walk {
    struct list list;
    const struct zone *zone;
    struct connections connections;
    int result; /* of writing: an error ends the walk */
};

static json_t *connection_json(const struct walk *walk, const struct conntrack_entry *connection)
{
    const struct service_range service = {
        .protocol_first = connection->protocol,
        .protocol_last = connection->protocol,
        .port_first = connection->port,
        .port_last = connection->port,
    };
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], text[SERVICE_TEXT_MAX];
    struct nftables_count original = {connection->original_packets, connection->original_bytes};
    struct nftables_count reply = {connection->reply_packets, connection->reply_bytes};
    const struct connection_view view = connections_view(&walk->connections, connection);

    address_format(connection->family, connection->source, source);
    address_format(connection->family, connection->destination, destination);
    service_range_format(&service, connection->family, text);
    return json_pack(
        "{s:s, s:i, s:s, s:i, s:i, s:s, s:I, s:o, s:b, s:o, s:I, s:I, s:o, s:o}", "source", source,
        "source_port", (int)connection->source_port, "destination", destination, "port",
        (int)connection->port, "protocol", (int)connection->protocol, "service", text, "mark",
        (json_int_t)connection->mark, "flow", record_encode_text(view.flow), "cut",
        view.isolation != NULL, "state", record_encode_text(connection->state), "status",
        (json_int_t)connection->status, "timeout", (json_int_t)connection->timeout, "original",
        connection->counts ? count_json(original) : json_null(), "reply",
        connection->counts ? count_json(reply) : json_null());
}

static int add_connection(const struct conntrack_entry *connection, void *userdata)
{
    struct walk *walk = userdata;
    const struct address_set *addresses = &walk->zone->addresses;

    if (address_set_contains(addresses, connection->family, connection->source) ||
        address_set_contains(addresses, connection->family, connection->destination))
        walk->result = list_add(&walk->list, connection_json(walk, connection));
    return walk->result;
}

static int write_connections(FILE *stream, struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    struct walk walk = {
        .zone = policy_zone_named(subject->outline, subject->zone),
    };
    char closed[INSTANT_TEXT_MAX];
    int problem = -EPROTONOSUPPORT, r;

    assert(walk.zone);
    r = fprintf(stream, "{\"closed\": \"%s\",\n", instant_format_exact(subject->closed, closed));
    r = r < 0 ? -EIO : list_begin(&walk.list, stream, "\"connections\":");
    if (r < 0)
        return r;

    r = connections_init(&walk.connections, subject->outline, subject->ruleset,
                         &subject->state->overrides, subject->links);
    if (r == 0 && subject->conntrack)
        problem = conntrack_dump(subject->conntrack, add_connection, &walk);
    connections_clear(&walk.connections);
    if (r < 0)
        return r;
    if (walk.result < 0)
        return walk.result;
    if (problem == -ENOMEM)
        return problem;

    r = list_end(&walk.list);
    return r < 0 ? r : put_problem(stream, evidence, problem);
}

static json_t *addresses_json(const struct link *link)
{
    cleanup_(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < link->n_addresses; i++) {
        const struct link_address *address = &link->addresses[i];
        char text[ADDRESS_TEXT_MAX];

        address_format(address->family, address->address, text);
        if (json_array_append_new(array, json_sprintf("%s/%u", text, address->length)) < 0)
            return NULL;
    }
    return TAKE_PTR(array);
}

static json_t *link_json(const struct link *link)
{
    char mac[MAC_TEXT_MAX];

    /* The name of an interface may be any bytes. */
    return json_pack("{s:i, s:b, s:i, s:i, s:s, s:b, s:o, s:o, s:o}", "index", link->index, "up",
                     link->up, "master", link->master, "lower", link->lower, "mac",
                     mac_format(link->mac, mac), "xdp", link->xdp, "addresses",
                     addresses_json(link), "name", record_encode_text(link->name), "kind",
                     record_encode_text(link->kind));
}

static int write_links(FILE *stream, struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    size_t n = subject->links ? links_count(subject->links) : 0;
    struct list list;
    int r = list_begin(&list, stream, "{\"links\":");

    for (size_t i = 0; r == 0 && i < n; i++)
        r = list_add(&list, link_json(links_at(subject->links, i)));
    if (r == 0)
        r = list_end(&list);
    return r < 0 ? r : put_problem(stream, evidence, subject->links ? 0 : -ENODATA);
}

static int write_state(FILE *stream, struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    const struct state *state = subject->state;

    return put_document(stream,
                        json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:o, s:o}", "zone",
                                  record_encode_text(subject->zone), "reason",
                                  record_encode_text(subject->reason), "actor",
                                  record_encode(&actor_type, subject->actor, RECORD_DISK),
                                  "generation", (json_int_t)state->generation, "fingerprint",
                                  record_encode_text(subject->fingerprint), "unconfirmed",
                                  state->confirmation.pending, "overrides",
                                  record_encode(&overrides_type, &state->overrides, RECORD_DISK),
                                  "audit_head", record_encode_text(subject->audit_head)));
}

/* How well the clock is synchronised, by adjtimex(2), which changes nothing here; null if the call
 * is not permitted. */
static json_t *discipline_json(void)
{
    struct timex status = {0};
    int state = adjtimex(&status);

    if (state < 0)
        return json_null();
    return json_pack("{s:b, s:i, s:I, s:I, s:I}", "synchronised",
                     state != TIME_ERROR && !(status.status & STA_UNSYNC), "status", status.status,
                     "offset", (json_int_t)status.offset, "estimated_error",
                     (json_int_t)status.esterror, "maximum_error", (json_int_t)status.maxerror);
}

static int write_clock(FILE *stream, struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    const struct policy *outline = subject->outline;
    char boot_id[40], time[INSTANT_TEXT_MAX];

    state_boot_id(boot_id);
    return put_document(stream, json_pack("{s:s, s:I, s:I, s:o, s:o, s:s}", "time",
                                          instant_format(calendar_now(), time), "realtime",
                                          (json_int_t)calendar_clock(CLOCK_REALTIME), "boottime",
                                          (json_int_t)calendar_clock(CLOCK_BOOTTIME), "timezone",
                                          record_encode_text(outline ? outline->timezone : NULL),
                                          "discipline", discipline_json(), "boot_id", boot_id));
}

static int add_counter(const struct drop_counter *counter, void *userdata)
{
    json_t *array = userdata;
    cleanup_(json_decrefp) json_t *json = count_json(counter->count);

    if (!json || json_object_set_new(json, "counter", record_encode_text(counter->name)) < 0)
        return -ENOMEM;
    return json_array_append(array, json) < 0 ? -ENOMEM : 0;
}

/* These are few, so they are collected before they are written: a dump may have to begin again. */
static int put_refused(FILE *stream, const struct ruleset *ruleset, struct nftables *nftables,
                       int *ret_problem)
{
    cleanup_(json_decrefp) json_t *array = json_array();
    int r = array ? drop_counters_read(nftables, ruleset, add_counter, array) : -ENOMEM;

    if (r == -ENOMEM)
        return r;
    *ret_problem = r;
    r = put_text(stream, "{\"refused\": ");
    return r < 0 ? r : put_json(stream, TAKE_PTR(array), JSON_INDENT(2));
}

static int put_flows(FILE *stream, const struct ruleset *ruleset, struct nftables *nftables,
                     int *ret_problem)
{
    cleanup_(live_counts_clear) struct live_counts counts = {0};
    int r = live_counts_read(nftables, ruleset, &counts);
    struct list list;

    if (r == -ENOMEM)
        return r;
    *ret_problem = r;
    r = list_begin(&list, stream, ",\n\"flows\":");
    for (size_t i = 0; r == 0 && i < counts.n_counts; i++) {
        const struct live_count *count = &counts.counts[i];

        r = list_add(&list,
                     json_pack("{s:o, s:I, s:o, s:o}", "flow", record_encode_text(count->name),
                               "mark", (json_int_t)count->mark, "original",
                               count_json(count->original), "reply", count_json(count->reply)));
    }
    return r < 0 ? r : list_end(&list);
}

static int write_counters(FILE *stream, struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    int of_refused = 0, of_flows = 0;
    int r = put_refused(stream, subject->ruleset, subject->nftables, &of_refused);

    if (r == 0)
        r = put_flows(stream, subject->ruleset, subject->nftables, &of_flows);
    return r < 0 ? r : put_problem(stream, evidence, of_refused < 0 ? of_refused : of_flows);
}

static int write_ruleset(FILE *stream, struct evidence *evidence)
{
    return ruleset_print(evidence->subject->ruleset, calendar_now(), stream);
}

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;

    for (size_t i = 0; i < evidence->n_files; i++)
        closep(&evidence->files[i].fd);
    closep(&evidence->folder);
    closep(&evidence->incidents);
    free(evidence->path);
    free(evidence);
    return NULL;
}

const char *evidence_path(const struct evidence *evidence)
{
    return evidence->path;
}

/* The folder of all incidents; a new one is synced to the disk. */
static int open_incidents(int directory)
{
    int fd;

    if (mkdirat(directory, INCIDENTS, 0700) == 0) {
        if (fsync(directory) < 0)
            return -errno;
    } else if (errno != EEXIST) {
        return -errno;
    }

    fd = openat(directory, INCIDENTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* `20261123T024501Z`: sorts by time and needs no quotes in a shell. */
static const char *format_stamp(usec_t instant, char buffer[INSTANT_TEXT_MAX])
{
    char text[INSTANT_TEXT_MAX];
    size_t n = 0;

    instant_format(instant, text);
    for (const char *at = text; *at; at++) {
        if (*at != '-' && *at != ':')
            buffer[n++] = *at;
    }
    buffer[n] = '\0';
    return buffer;
}

/* Makes the folder of this incident. An existing one belongs to another incident. */
static int make_folder(struct evidence *evidence, const char *zone)
{
    char stamp[INSTANT_TEXT_MAX];

    format_stamp(calendar_now(), stamp);
    for (unsigned n = 1; n <= SAME_INSTANT_MAX; n++) {
        cleanup_(freep) char *path = NULL;
        int r = n == 1 ? asprintf(&path, INCIDENTS "/%s-%s", stamp, zone)
                       : asprintf(&path, INCIDENTS "/%s-%s-%u", stamp, zone, n);

        if (r < 0) {
            path = NULL;
            return -ENOMEM;
        }
        if (mkdirat(evidence->incidents, strrchr(path, '/') + 1, 0700) == 0) {
            evidence->path = TAKE_PTR(path);
            return 0;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int open_folder(struct evidence *evidence)
{
    const struct evidence_subject *subject = evidence->subject;
    int r;

    /* The name of the zone becomes part of a path. */
    if (strchr(subject->zone, '/'))
        return -EINVAL;
    if (!policy_zone_named(subject->outline, subject->zone))
        return -ENOENT;
    r = open_incidents(subject->directory);
    if (r < 0)
        return r;
    evidence->incidents = r;

    r = make_folder(evidence, subject->zone);
    if (r < 0)
        return r;
    assert(evidence->path);
    evidence->folder = openat(evidence->incidents, strrchr(evidence->path, '/') + 1,
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return evidence->folder < 0 ? -errno : 0;
}

int evidence_begin(const struct evidence_subject *subject, struct evidence **ret_evidence)
{
    cleanup_(evidence_freep) struct evidence *evidence = calloc(1, sizeof(*evidence));
    int r;

    if (!evidence)
        return -ENOMEM;
    evidence->incidents = evidence->folder = -1;
    evidence->subject = subject;

    r = open_folder(evidence);
    if (r < 0)
        return r;

    *ret_evidence = TAKE_PTR(evidence);
    return 0;
}

/* As `sha256sum` writes and reads them. */
static int write_sums(FILE *stream, struct evidence *evidence)
{
    /* The last file is this one. */
    for (size_t i = 0; i + 1 < evidence->n_files; i++) {
        if (fprintf(stream, "%s  %s\n", evidence->files[i].sum, evidence->files[i].name) < 0)
            return -EIO;
    }
    return 0;
}

void evidence_close_others(const struct evidence *evidence)
{
    const bool ascending = evidence->incidents < evidence->folder;
    const unsigned low = (unsigned)(ascending ? evidence->incidents : evidence->folder);
    const unsigned high = (unsigned)(ascending ? evidence->folder : evidence->incidents);

    /* An empty range is an error, which does no harm. */
    close_range(STDERR_FILENO + 1, low - 1, 0);
    close_range(low + 1, high - 1, 0);
    close_range(high + 1, UINT_MAX, 0);
}

int evidence_write(struct evidence *evidence)
{
    static const struct {
        const char *name;
        writer write_content;
    } files[] = {
        {"connections.json", write_connections},
        {"counters.json", write_counters},
        {"clock.json", write_clock},
        {"links.json", write_links},
        {"state.json", write_state},
        {"ruleset.nft", write_ruleset},
    };
    size_t n = ELEMENTS_OF(files) - !evidence->subject->ruleset;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = write_file(evidence, files[i].name, files[i].write_content);
    if (r == 0)
        r = sync_files(evidence);
    if (r == 0)
        r = write_file(evidence, UNFINISHED_SUMS, write_sums);
    if (r == 0)
        r = sync_files(evidence);
    /* Whoever waits for the evidence finds the sums whole. */
    if (r == 0 &&
        (renameat(evidence->folder, UNFINISHED_SUMS, evidence->folder, "SHA256SUMS") < 0 ||
         fsync(evidence->folder) < 0 || fsync(evidence->incidents) < 0))
        r = -errno;
    return r < 0 ? r : evidence->problem;
}
