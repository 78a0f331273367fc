/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Instants, people, changes and overrides as the daemon tells them, for people. What it tells came
 * from people once, so all of it goes to the terminal as glyphs. */

#include "reply.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "base/text.h"
#include "remote.h"
#include "words.h"

/* Items of a list in a cell: a column is as wide as its widest cell. */
#define LIST_SHOWN 2
#define DIGITS_SHOWN 12

const char *reply_when(const char *instant, char buffer[WHEN_MAX])
{
    char date[DATE_TEXT_MAX];
    struct date day;
    struct tm tm;
    usec_t usec;
    time_t time;

    if (!*instant)
        return strcpy(buffer, "never");
    if (instant_parse(instant, &usec) < 0)
        return strcpy(buffer, "?");

    time = usec / USEC_PER_SEC;
    if (!localtime_r(&time, &tm))
        return strcpy(buffer, "?");
    day = (struct date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
    snprintf(buffer, WHEN_MAX, "%s %02d:%02d",
             words_are_japanese() ? date_format_japanese(day, date) : date_format_iso(day, date),
             tm.tm_hour, tm.tm_min);
    return buffer;
}

const char *reply_span(json_int_t seconds, char *buffer)
{
    return span_format(seconds > 0 ? seconds * USEC_PER_SEC : 0, buffer);
}

json_int_t reply_age(const char *instant)
{
    usec_t usec;

    if (instant_parse(instant, &usec) < 0 || usec > calendar_now())
        return 0;
    return (calendar_now() - usec) / USEC_PER_SEC;
}

void reply_write(FILE *stream, const json_t *json, const char *key)
{
    words_text(stream, reply_text(json, key));
}

void reply_write_digest(FILE *stream, const json_t *json, const char *key)
{
    const char *digest = reply_text(json, key);

    text_show(stream, digest, strnlen(digest, DIGITS_SHOWN));
}

void reply_write_actor(FILE *stream, const json_t *actor)
{
    json_int_t uid = reply_number(actor, "uid");

    if (uid < 0) {
        fputs("segd itself (", stream);
        words_text(stream, reply_text(actor, "name"));
        fputc(')', stream);
    } else {
        words_text(stream, reply_text(actor, "name"));
        fprintf(stream, " (uid %" JSON_INTEGER_FORMAT ")", uid);
    }
}

/* The first items; what is left over is told by its number, unless that is one. */
static void write_items(FILE *stream, const json_t *list, size_t limit)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (i == limit && n > limit + 1) {
            fprintf(stream, " and %zu more", n - i);
            return;
        }
        fputs(i > 0 ? ", " : "", stream);
        words_text(stream, text ? text : "");
    }
}

void reply_write_list(FILE *stream, const json_t *list)
{
    write_items(stream, list, json_array_size(list));
}

char *reply_list_text(const json_t *list)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    write_items(stream, list, LIST_SHOWN);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* `was pos-to-bank; expires 2027-03-31 → 2028-03-31` */
static char *change_detail(const json_t *change)
{
    const char *before = reply_text(change, "before"), *detail = reply_text(change, "detail");
    char *text;

    if (asprintf(&text, "%s%s%s%s", *before ? "was " : "", before, *before && *detail ? "; " : "",
                 detail) < 0)
        return NULL;
    return text;
}

static int print_flows(const json_t *changes, bool colour)
{
    static const char *const titles[] = {"CHANGE", "FLOW", "WHAT", "LABEL"};
    cleanup_(table_freep) struct table *table = NULL;
    json_t *change;
    size_t i;
    int r = table_new(ELEMENTS_OF(titles), titles, NULL, &table);

    json_array_foreach(changes, i, change)
    {
        cleanup_(freep) char *detail = change_detail(change);
        const char *name = reply_text(change, "name"), *label = reply_text(change, "label");

        if (r == 0)
            r = detail
                    ? table_add(table, (const char *[]){reply_text(change, "change"), name, detail,
                                                        strcmp(label, name) == 0 ? "" : label})
                    : -ENOMEM;
    }
    if (r < 0)
        return r;
    table_print(table, stdout, colour);
    return 0;
}

int reply_print_changes(const json_t *reply, bool colour)
{
    const json_t *changes = json_object_get(reply, "changes");
    const json_t *zones = json_object_get(reply, "zones");
    json_t *zone;
    size_t i;
    int r = 0;

    if (json_array_size(changes) > 0)
        r = print_flows(changes, colour);
    else
        puts("no flow changes");

    json_array_foreach(zones, i, zone)
    {
        const char *text = json_string_value(zone);

        words_text(stdout, text ? text : "");
        putchar('\n');
    }
    return r;
}

static const char *override_word(const char *kind)
{
    if (strcmp(kind, "isolation") == 0)
        return "ISOLATED ";
    return strcmp(kind, "suspension") == 0 ? "SUSPENDED" : "GRANTED  ";
}

void reply_print_override(const json_t *override, bool colour)
{
    const json_t *keep = json_object_get(override, "keep");
    json_int_t age = reply_number(override, "age");
    char when[WHEN_MAX], span[SPAN_TEXT_MAX];

    fputs("  ", stdout);
    words_coloured(stdout, colour, "1;33", override_word(reply_text(override, "kind")));
    fputs("  ", stdout);
    words_text(stdout, reply_text(override, "name"));
    fputs("  by ", stdout);
    words_text(stdout, reply_text(override, "who"));
    if (age > 0)
        printf(" %s ago", reply_span(age, span));
    if (reply_has(override, "until"))
        printf(", until %s", reply_when(reply_text(override, "until"), when));
    fputs(": ", stdout);
    words_text(stdout, reply_text(override, "reason"));
    putchar('\n');

    if (json_array_size(keep) == 0)
        return;
    fputs("             keeps ", stdout);
    reply_write_list(stdout, keep);
    putchar('\n');
}
