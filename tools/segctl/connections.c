/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl connections: what is open through the gateway. Each reply of segd is printed as it comes,
 * so that any number of connections needs little memory: there is no table whose columns would have
 * to be measured first, and with --json the one document is written piece by piece.
 */

#include "connections.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/instant.h"
#include "base/text.h"
#include "json_text.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

#define LINE_WIDTH 80 /* where no terminal says otherwise */
#define LINE_LEAST 40
#define INDENT 4
#define FOLLOW_SECONDS 2
/* Connections that a change cuts, for people. */
#define SOME 5
/* An address with its brackets and port. */
#define ENDPOINT_MAX 80

/* Parts of a line with two spaces between; what does not fit begins another one. */
struct line {
    unsigned width;
    unsigned column;
    unsigned gap; /* before the next part; 0 for the first of a line */
    bool colour;
};

/* As much of the text as fits the width, in the SGR if it is not NULL. */
static void put_cut(const struct line *line, const char *text, unsigned width, const char *sgr)
{
    const size_t size = strlen(text);
    unsigned shown = 0;

    if (sgr && line->colour)
        printf("\033[%sm", sgr);
    for (size_t offset = 0; offset < size;) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        shown += glyph.width;
        if (shown > width)
            break;
        fwrite(glyph.text, 1, glyph.length, stdout);
        offset += glyph.size;
    }
    if (sgr && line->colour)
        fputs("\033[0m", stdout);
}

static void begin_line(struct line *line)
{
    printf("\n%*s", INDENT, "");
    line->column = INDENT;
    line->gap = 0;
}

static void put(struct line *line, const char *text, const char *sgr)
{
    unsigned width = words_width(text), most = line->width - INDENT;

    width = width < most ? width : most;
    if (line->gap > 0 && line->column + line->gap + width > line->width)
        begin_line(line);
    printf("%*s", (int)line->gap, "");
    put_cut(line, text, width, sgr);
    line->column += line->gap + width;
    line->gap = 2;
}

/* `→ dmz`, `there 12 (3.4 kB)`. */
static void put_after(struct line *line, const char *word, const char *text)
{
    char *joined;

    if (asprintf(&joined, "%s %s", word, text) < 0)
        return;
    put(line, joined, NULL);
    free(joined);
}

/* `10.1.0.7 → 10.3.0.9`. */
static void put_way(struct line *line, const char *from, const char *to)
{
    put(line, from, NULL);
    line->gap = 1;
    put_after(line, "→", to);
}

/* `192.0.2.1:443`, `[2001:db8::1]:443`; of ICMP, which has no ports, the address. */
static const char *endpoint(const struct wire_connection *connection,
                            const struct wire_endpoint *end, char buffer[ENDPOINT_MAX])
{
    if (strncmp(connection->service, "icmp", 4) == 0 || end->port == 0)
        snprintf(buffer, ENDPOINT_MAX, "%s", end->address);
    else
        snprintf(buffer, ENDPOINT_MAX, strchr(end->address, ':') ? "[%s]:%u" : "%s:%u",
                 end->address, (unsigned)end->port);
    return buffer;
}

static void put_flow(struct line *line, const struct wire_connection *connection)
{
    put(line, connection->flow ? connection->flow : "no flow", "1");
    if (connection->why)
        put_after(line, "NOT LIVE:", connection->why);
    if (connection->label && reply_label(connection->flow, connection->label)[0])
        put(line, connection->label, NULL);
    if (connection->approval)
        put(line, connection->approval, NULL);
    put_way(line, connection->from ? connection->from : "?", connection->to ? connection->to : "?");
    put(line, connection->service, NULL);
    if (connection->state)
        put(line, connection->state, NULL);
    else if (!connection->replied)
        put(line, "no reply", NULL);
}

void connections_print(const struct wire_connection *connection, bool colour)
{
    const unsigned width = screen_width(LINE_WIDTH);
    struct line line = {.colour = colour, .width = width > LINE_LEAST ? width : LINE_LEAST};
    char text[ENDPOINT_MAX], other[ENDPOINT_MAX], count[REPLY_COUNT_MAX], age[SPAN_TEXT_MAX];

    put_flow(&line, connection);
    begin_line(&line);
    put_way(&line, endpoint(connection, &connection->source, text),
            endpoint(connection, &connection->destination, other));
    if (connection->counts) {
        put_after(&line, "there", reply_count(&connection->original, count));
        put_after(&line, "back", reply_count(&connection->reply, count));
    }
    if (connection->age > 0)
        put_after(&line, "for", reply_span((int64_t)connection->age, age));
    if (connection->sent_to.address || connection->received_from.address)
        begin_line(&line);
    if (connection->sent_to.address)
        put_after(&line, "the source sends to", endpoint(connection, &connection->sent_to, text));
    if (connection->received_from.address)
        put_after(&line, "the destination sees",
                  endpoint(connection, &connection->received_from, text));
    putchar('\n');
}

void connections_print_some(const struct wire_connection *list, size_t n, uint64_t n_all,
                            bool colour)
{
    size_t shown = n < SOME ? n : SOME;

    for (size_t i = 0; i < shown; i++)
        connections_print(&list[i], colour);
    if (n_all > shown)
        printf("and %" PRIu64 " more\n", n_all - shown);
}

/* What is printed, and with --follow the connections that were there the last time. */
struct view {
    bool json, follow, colour, begun;
    uint64_t n;
    uint32_t *before, *now; /* ids; `before` is sorted */
    size_t n_before, n_now, capacity;
};

static void view_clear(struct view *view)
{
    free(view->before);
    free(view->now);
}

static int compare_ids(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Remembers the connection. Returns 1 if it was there before, 0, or -ENOMEM. */
static int remember(struct view *view, uint32_t id)
{
    int r = array_append(&view->now, &view->n_now, &view->capacity, &id, sizeof(id));

    if (r < 0)
        return r;
    return view->n_before > 0 &&
           bsearch(&id, view->before, view->n_before, sizeof(id), compare_ids) != NULL;
}

/* The next round compares with this one. */
static void turn(struct view *view)
{
    free(view->before);
    view->before = TAKE_PTR(view->now);
    view->n_before = view->n_now;
    view->n_now = view->capacity = 0;
    if (view->n_before > 0)
        qsort(view->before, view->n_before, sizeof(*view->before), compare_ids);
}

static int print_one(struct view *view, const json_t *json)
{
    struct wire_connection connection = {0};
    int r = 0;

    if (view->json) {
        if (!view->follow)
            fputs(view->n > 0 ? ",\n  " : "\n  ", stdout);
        r = write_json(stdout, json, JSON_COMPACT) < 0 ? -ENOMEM : 0;
        if (view->follow)
            putchar('\n');
        return r;
    }
    r = record_decode_reply(&wire_connection_type, json, &connection);
    if (r == 0)
        connections_print(&connection, view->colour);
    record_clear(&wire_connection_type, &connection);
    return r;
}

/* Returns 0, -ENOMEM, or -EPIPE where the reader has closed. */
static int show(json_t *reply, void *userdata)
{
    struct view *view = userdata;
    json_t *json;
    size_t i;
    int r = 0;

    if (view->json && !view->follow && !view->begun)
        fputs("{\"connections\": [", stdout);
    view->begun = true;
    json_array_foreach(json_object_get(reply, "connections"), i, json)
    {
        r = view->follow ? remember(view, (uint32_t)reply_number(json, "id")) : 0;
        if (r == 0)
            r = print_one(view, json);
        if (r < 0)
            return r;
        view->n++;
    }
    return fflush(stdout) != 0 ? -EPIPE : 0;
}

/* After the last reply. */
static void end(const struct view *view)
{
    if (view->json)
        fputs(view->n > 0 ? "\n]}\n" : "]}\n", stdout);
    else
        printf("%" PRIu64 " %s\n", view->n, view->n == 1 ? "connection" : "connections");
}

/* Asks again and again, and shows what was not there the last time. Returns an exit code. */
static int follow(struct remote *remote, const char *method, struct view *view)
{
    cleanup_(json_decrefp) json_t *parameters = TAKE_PTR(remote->parameters);
    int exit_code;

    for (;;) {
        remote->parameters = json_deep_copy(parameters);
        if (!remote->parameters)
            return command_no_memory();
        exit_code = remote_follow(remote, method, show, view);
        if (exit_code != EXIT_YES)
            return exit_code;
        turn(view);
        sleep(FOLLOW_SECONDS);
    }
}

int run_connections(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "GetConnections",
        .fields = {{.option = "zone", .parameter = "zone"},
                   {.option = "flow", .parameter = "flow"},
                   {.option = "host", .parameter = "host"},
                   {.option = "cut", .parameter = "cut", .kind = FIELD_FLAG},
                   {.option = "follow", .parameter = "follow", .kind = FIELD_FLAG}}};
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(view_clear) struct view view = {0};
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, &method, &exit_code))
        return exit_code;
    view.json = remote.json;
    view.colour = wants_colour(stdout);
    view.follow = remote_take_flag(&remote, "follow");
    if (view.follow)
        return follow(&remote, method.name, &view);
    exit_code = remote_follow(&remote, method.name, show, &view);
    if (exit_code == EXIT_YES)
        end(&view);
    return exit_code;
}
