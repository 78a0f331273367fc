/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl log: the timeline of an incident, in the order in which things happened: what people
 * changed, what time and segd did by themselves, what others did to the rules, and findings that
 * hold now, at the instant when they were noticed. It is put together from the audit log and the
 * status.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

#define DAY (24 * 3600 * USEC_PER_SEC)
/* Of the time, the one who acted, and what else stands before the text. */
#define WHO_WIDTH 10
/* As many as segd gives in one reply. */
#define ENTRIES_AT_ONCE 1000

/* Something that happened. Texts are owned. */
struct event {
    usec_t time;
    uint64_t order; /* of those of one second */
    char *who;
    char *text;
    bool bad; /* it needs a person */
    json_t *json;
};

struct timeline {
    usec_t since;
    struct event *events;
    size_t n_events;
    size_t capacity;
};

static void timeline_clear(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->n_events; i++) {
        free(timeline->events[i].who);
        free(timeline->events[i].text);
        json_decref(timeline->events[i].json);
    }
    free(timeline->events);
}

/* Takes the texts and the JSON of the event. Returns 0 or -ENOMEM. */
static int add(struct timeline *timeline, struct event event)
{
    int r = event.who && event.text && event.json
                ? array_reserve(&timeline->events, &timeline->capacity, timeline->n_events + 1,
                                sizeof(*timeline->events))
                : -ENOMEM;

    if (r < 0) {
        free(event.who);
        free(event.text);
        json_decref(event.json);
        return r;
    }
    event.order = timeline->n_events;
    timeline->events[timeline->n_events++] = event;
    return 0;
}

static int compare_events(const void *a, const void *b)
{
    const struct event *of_a = a, *of_b = b;

    if (of_a->time != of_b->time)
        return of_a->time < of_b->time ? -1 : 1;
    return (of_a->order > of_b->order) - (of_a->order < of_b->order);
}

/* The flows of an entry of time, of which it names some and tells how many there are. */
static void write_flows(FILE *stream, const json_t *detail)
{
    const json_t *flows = json_object_get(detail, "flows"), *flow;
    const json_int_t n = reply_number(detail, "number");
    size_t i;

    if (n > 1)
        fprintf(stream, " %" JSON_INTEGER_FORMAT " flows:", n);
    json_array_foreach(flows, i, flow)
        words_print(stream, "%s%s", i > 0 ? ", " : " ", reply_text(flow, "name"));
}

/* `isolate lgwan, refused: ransomware` */
static char *entry_text(const struct audit_entry *entry)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    words_print(stream, "%s", entry->action);
    if (json_array_size(json_object_get(entry->detail, "flows")) > 0)
        write_flows(stream, entry->detail);
    else if (entry->object)
        words_print(stream, " %s", entry->object);
    if (entry->from != entry->to)
        words_print(stream, " %" PRIu64 " → %" PRIu64, entry->from, entry->to);
    if (strcmp(entry->outcome, "done") != 0)
        words_print(stream, ", %s", entry->outcome);
    if (entry->reason)
        words_print(stream, ": %s", entry->reason);
    return fclose(stream) == 0 ? TAKE_PTR(text) : NULL;
}

static bool is_bad(const struct audit_entry *entry)
{
    static const char *const actions[] = {"repair", "tampered", "audit-missing", "entries-lost"};

    for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
        if (strcmp(entry->action, actions[i]) == 0)
            return true;
    }
    return strcmp(entry->outcome, "failed") == 0;
}

/* What began has an entry when it has ended, too. */
static int add_entry(struct timeline *timeline, const json_t *json)
{
    struct audit_entry entry = {0};
    int r = record_decode_reply(&audit_entry_type, json, &entry);

    if (r == 0 && entry.time >= timeline->since && strcmp(entry.outcome, "begun") != 0)
        r = add(timeline, (struct event){.time = entry.time,
                                         .who = strdup(entry.who),
                                         .text = entry_text(&entry),
                                         .bad = is_bad(&entry),
                                         .json = json_pack("{s:s, s:O}", "kind", "entry", "entry",
                                                           (json_t *)json)});
    record_clear(&audit_entry_type, &entry);
    return r;
}

static int add_finding(struct timeline *timeline, const struct finding *finding)
{
    char *text = NULL;

    if (finding->since < timeline->since)
        return 0;
    if (asprintf(&text, "%s %s: %s", record_word(&finding_severities, finding->severity),
                 finding->code, finding->message) < 0)
        return -ENOMEM;
    return add(timeline, (struct event){.time = finding->since,
                                        .who = strdup("finding"),
                                        .text = text,
                                        .bad = finding->severity == FINDING_CRITICAL,
                                        .json = json_pack(
                                            "{s:s, s:o}", "kind", "finding", "finding",
                                            record_encode(&finding_type, finding, RECORD_WIRE))});
}

/* Entries after a number, at most so many. Returns an exit code. */
static int ask(struct remote *remote, uint64_t after, int limit, json_t **ret_reply)
{
    remote->parameters = json_pack("{s:I, s:i}", "after", (json_int_t)after, "limit", limit);
    return remote_call(remote, "ShowAudit", ret_reply);
}

/* The number of the last entry before an instant, by halving: a log may be long. */
static int find_before(struct remote *remote, usec_t since, uint64_t last, uint64_t *ret_number)
{
    uint64_t low = 0, high = last;

    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        cleanup_(json_decrefp) json_t *reply = NULL;
        struct audit_entry entry = {0};
        int exit_code = ask(remote, middle, 1, &reply);

        if (exit_code != EXIT_YES)
            return exit_code;
        if (record_decode_reply(&audit_entry_type,
                                json_array_get(json_object_get(reply, "entries"), 0), &entry) < 0)
            return command_no_memory();
        if (entry.time > 0 && entry.time < since)
            low = middle + 1;
        else
            high = middle;
        record_clear(&audit_entry_type, &entry);
    }
    *ret_number = low;
    return EXIT_YES;
}

static int add_entries(struct remote *remote, struct timeline *timeline, uint64_t last)
{
    uint64_t after = 0, before;
    int exit_code = find_before(remote, timeline->since, last, &after);

    do {
        cleanup_(json_decrefp) json_t *reply = NULL;
        const json_t *json;
        size_t i;

        before = after;
        if (exit_code == EXIT_YES)
            exit_code = ask(remote, after, ENTRIES_AT_ONCE, &reply);
        json_array_foreach(json_object_get(reply, "entries"), i, json)
        {
            if (add_entry(timeline, json) < 0)
                return command_no_memory();
            after = (uint64_t)reply_number(json, "sequence");
        }
    } while (exit_code == EXIT_YES && after > before && after < last);
    return exit_code;
}

static int read_timeline(struct remote *remote, struct timeline *timeline)
{
    cleanup_(status_clear) struct status_reply status = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code = remote_call(remote, "GetStatus", &reply), r = 0;

    if (exit_code != EXIT_YES)
        return exit_code;
    if (record_decode_reply(&status_reply_type, reply, &status) < 0)
        return command_no_memory();
    exit_code = add_entries(remote, timeline, status.audit.sequence);
    for (size_t i = 0; r == 0 && i < status.n_findings; i++)
        r = add_finding(timeline, &status.findings[i]);
    if (timeline->n_events > 0)
        qsort(timeline->events, timeline->n_events, sizeof(*timeline->events), compare_events);
    return r < 0 ? command_no_memory() : exit_code;
}

static void print_event(const struct event *event, const struct screen *screen)
{
    char when[WHEN_MAX];
    cleanup_(freep) char *line = NULL;
    unsigned shown = words_width(event->who);

    if (asprintf(&line, "%s  %s%*s  %s", reply_when(event->time, when), event->who,
                 (int)(shown < WHO_WIDTH ? WHO_WIDTH - shown : 0), "", event->text) < 0) {
        line = NULL;
        return;
    }
    fputs(event->bad && screen->colour ? "\033[1;31m" : "", stdout);
    text_show_cut(stdout, line, strlen(line), screen->width > 0 ? screen->width : UINT_MAX);
    fputs(event->bad && screen->colour ? "\033[0m\n" : "\n", stdout);
}

static int print_timeline(const struct remote *remote, const struct timeline *timeline)
{
    const struct screen screen = screen_get(remote->wide);
    json_t *events = json_array();

    for (size_t i = 0; i < timeline->n_events; i++) {
        if (remote->json)
            events = append_json(events, json_incref(timeline->events[i].json));
        else
            print_event(&timeline->events[i], &screen);
    }
    if (remote->json)
        return print_json(json_pack("{s:o}", "events", events), EXIT_YES);
    json_decref(events);
    if (timeline->n_events == 0)
        puts("nothing happened since then");
    return EXIT_YES;
}

/* `2h` ago, or a time on the clock of the terminal; a day means its beginning. */
static int parse_since(const char *text, usec_t *ret_since)
{
    struct wall_instant instant;
    struct tm tm = {.tm_isdst = -1};
    usec_t span;

    if (span_parse(text, &span) == 0) {
        *ret_since = calendar_now() - span;
        return 0;
    }
    if (wall_instant_parse(text, &instant) < 0)
        return -EINVAL;
    tm.tm_year = instant.date.year - 1900;
    tm.tm_mon = instant.date.month - 1;
    tm.tm_mday = instant.date.day;
    tm.tm_min = instant.minute > 0 ? instant.minute : 0;
    *ret_since = (usec_t)mktime(&tm) * USEC_PER_SEC;
    return 0;
}

int run_log(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "ShowAudit", .fields = {{.option = "since", .parameter = "since"}}};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(timeline_clear) struct timeline timeline = {.since = calendar_now() - DAY};
    cleanup_(json_decrefp) json_t *asked = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    asked = TAKE_PTR(remote.parameters);
    if (reply_has(asked, "since") && parse_since(reply_text(asked, "since"), &timeline.since) < 0)
        return command_usage(command,
                             "`%s` is neither a span such as 2h nor a time such as "
                             "2026-11-23T08:30",
                             reply_text(asked, "since"));
    exit_code = read_timeline(&remote, &timeline);
    return exit_code == EXIT_YES ? print_timeline(&remote, &timeline) : exit_code;
}
