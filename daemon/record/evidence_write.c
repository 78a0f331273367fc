/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What goes into the files of an incident. What there may be many of, connections and flows, is
 * written one by one as it is read, so that it takes no memory to speak of. Each is an object with
 * a key `problem`: null, or why the kernel did not tell all.
 */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "base/address.h"
#include "base/instant.h"
#include "daemon/record/evidence_private.h"
#include "observe/drop_counters.h"
#include "observe/live.h"
#include "ruleset/compile.h"

/* Writes one value and forgets it; NULL is no memory. */
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

/* A list that is written one by one, a line each. */
struct list {
    FILE *stream;
    size_t n;
};

/* `head` is what stands before the list: an object's beginning, or its next key. */
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

/* Ends the object of a file with what the kernel did not tell. */
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

/* The flow with a mark, as the switchboard names it; NULL where none is live. */
static const char *flow_of_mark(const struct ruleset *ruleset, uint32_t mark)
{
    const struct element *element =
        live_find(ruleset ? ruleset_find_set(ruleset, RULESET_LIVE) : NULL, mark);

    return element ? element->comment : NULL;
}

static json_t *count_json(struct nftables_count count)
{
    return json_pack("{s:I, s:I}", "packets", (json_int_t)count.packets, "bytes",
                     (json_int_t)count.bytes);
}

/* The walk over all connections, of which those of the zone are written. */
struct walk {
    struct list list;
    const struct zone *zone;
    const struct ruleset *ruleset;
    int result; /* of writing, which ends the walk */
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

    address_format(connection->family, connection->source, source);
    address_format(connection->family, connection->destination, destination);
    service_range_format(&service, connection->family, text);
    return json_pack("{s:s, s:i, s:s, s:i, s:i, s:s, s:I, s:o, s:o, s:I, s:I, s:o, s:o}", "source",
                     source, "source_port", (int)connection->source_port, "destination",
                     destination, "port", (int)connection->port, "protocol",
                     (int)connection->protocol, "service", text, "mark",
                     (json_int_t)connection->mark, "flow",
                     record_encode_text(flow_of_mark(walk->ruleset, connection->mark)), "state",
                     record_encode_text(connection->state), "status",
                     (json_int_t)connection->status, "timeout", (json_int_t)connection->timeout,
                     "original", connection->counts ? count_json(original) : json_null(), "reply",
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

int evidence_write_connections(FILE *stream, struct evidence *evidence, const void *userdata)
{
    const struct evidence_subject *subject = userdata;
    struct walk walk = {
        .zone = policy_zone_named(subject->outline, subject->zone),
        .ruleset = subject->ruleset,
    };
    int problem = -EPROTONOSUPPORT, r;

    if (!walk.zone)
        return -ENOENT;
    r = list_begin(&walk.list, stream, "{\"connections\":");
    if (r < 0)
        return r;

    if (subject->conntrack)
        problem = conntrack_dump(subject->conntrack, add_connection, &walk);
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
    const uint8_t *mac = link->mac;

    /* An interface may be called anything. */
    return json_pack("{s:i, s:b, s:i, s:i, s:o, s:b, s:o, s:o, s:o}", "index", link->index, "up",
                     link->up, "master", link->master, "lower", link->lower, "mac",
                     json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                                  mac[4], mac[5]),
                     "xdp", link->xdp, "addresses", addresses_json(link), "name",
                     record_encode_text(link->name), "kind", record_encode_text(link->kind));
}

int evidence_write_links(FILE *stream, struct evidence *evidence, const void *userdata)
{
    const struct evidence_subject *subject = userdata;
    size_t n = subject->links ? links_count(subject->links) : 0;
    struct list list;
    int r = list_begin(&list, stream, "{\"links\":");

    for (size_t i = 0; r == 0 && i < n; i++)
        r = list_add(&list, link_json(links_at(subject->links, i)));
    if (r == 0)
        r = list_end(&list);
    return r < 0 ? r : put_problem(stream, evidence, subject->links ? 0 : -ENODATA);
}

int evidence_write_state(FILE *stream, struct evidence *evidence, const void *userdata)
{
    const struct evidence_subject *subject = userdata;
    const struct state *state = subject->state;

    (void)evidence;
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

/* adjtimex(2) with nothing to adjust: what keeps the clock, and how well; null where it is not to
 * be asked. */
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

int evidence_write_clock(FILE *stream, struct evidence *evidence, const void *userdata)
{
    const struct evidence_subject *subject = userdata;
    const struct policy *outline = subject->outline;
    char boot_id[40], time[INSTANT_TEXT_MAX];

    (void)evidence;
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

/* Zone pairs are few, so these are collected: the kernel may break off and begin anew. */
static int put_refused(FILE *stream, struct nftables *nftables, int *ret_problem)
{
    cleanup_(json_decrefp) json_t *array = json_array();
    int r = array ? drop_counters_read(nftables, add_counter, array) : -ENOMEM;

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
                     json_pack("{s:o, s:I, s:o, s:o}", "flow",
                               record_encode_text(flow_of_mark(ruleset, count->mark)), "mark",
                               (json_int_t)count->mark, "original", count_json(count->original),
                               "reply", count_json(count->reply)));
    }
    return r < 0 ? r : list_end(&list);
}

int evidence_write_counters(FILE *stream, struct evidence *evidence, const void *userdata)
{
    struct nftables *nftables = evidence->nftables;
    int of_refused = 0, of_flows = 0;
    int r = put_refused(stream, nftables, &of_refused);

    (void)userdata;
    if (r == 0)
        r = put_flows(stream, evidence->ruleset, nftables, &of_flows);
    return r < 0 ? r : put_problem(stream, evidence, of_refused < 0 ? of_refused : of_flows);
}

int evidence_write_ruleset(FILE *stream, struct evidence *evidence, const void *userdata)
{
    (void)userdata;
    return ruleset_print(evidence->ruleset, calendar_now(), stream);
}
