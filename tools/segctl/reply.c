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

/* Changes: what people read on a terminal, and paste into a mail. */
#define LINE_WIDTH 80
#define KIND_WIDTH 8
#define FIELD_INDENT (KIND_WIDTH + 3)
#define MORE_WIDTH ((unsigned)sizeof(" and 999 more") - 1)

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

static unsigned shown_width(const char *text)
{
    return text_shown_width(text, strlen(text));
}

/* The text and what is left of `width` columns, and a space more than that. */
static void print_padded(const char *text, unsigned width)
{
    unsigned shown = shown_width(text);

    words_text(stdout, text);
    printf("%*s", (int)(width > shown ? width - shown : 0) + 1, "");
}

/* `+ 10.1.0.0/24, 10.1.7.9 and 12 more`, as many as the line has room for. */
static void print_items(char sign, const json_t *items, unsigned column)
{
    size_t n = json_array_size(items);

    printf("%c ", sign);
    column += 2;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(items, i));

        text = text ? text : "";
        column += shown_width(text) + 2;
        if (i > 0 && column + (i + 1 < n ? MORE_WIDTH : 0) > LINE_WIDTH) {
            printf(" and %zu more", n - i);
            break;
        }
        fputs(i > 0 ? ", " : "", stdout);
        words_text(stdout, text);
    }
    putchar('\n');
}

/* `2027-03-31 → 2028-03-31`, on two lines where they are long. */
static void print_values(const json_t *field, unsigned column)
{
    const char *before = reply_has(field, "before") ? reply_text(field, "before") : "none";
    const char *after = reply_has(field, "after") ? reply_text(field, "after") : "none";

    words_text(stdout, before);
    fputs(" →", stdout);
    if (column + shown_width(before) + shown_width(after) + 3 > LINE_WIDTH)
        printf("\n%*s", (int)column, "");
    else
        putchar(' ');
    words_text(stdout, after);
    putchar('\n');
}

static void print_field(const json_t *field, unsigned width)
{
    static const struct {
        char sign;
        const char *key;
    } lists[] = {{'+', "added"}, {'-', "removed"}};
    unsigned column = FIELD_INDENT + width + 1;
    bool begun = false;

    printf("%*s", FIELD_INDENT, "");
    print_padded(reply_text(field, "field"), width);
    for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
        const json_t *items = json_object_get(field, lists[i].key);

        if (json_array_size(items) == 0)
            continue;
        if (begun)
            printf("%*s", (int)column, "");
        print_items(lists[i].sign, items, column);
        begun = true;
    }
    if (!begun)
        print_values(field, column);
    if (reply_number(field, "left_out") > 0)
        printf("%*s%" JSON_INTEGER_FORMAT " more are not listed\n", (int)column, "",
               reply_number(field, "left_out"));
}

/* What a change of something that stays means for packets. */
static const char *passing(const json_t *change)
{
    bool widens = reply_true(change, "widens"), narrows = reply_true(change, "narrows");

    if (json_array_size(json_object_get(change, "fields")) == 0)
        return "";
    if (widens && narrows)
        return ": some more and some less can pass";
    return widens ? ": more can pass" : narrows ? ": less can pass" : "";
}

/* A line for what changes, and one for each of its fields. */
static void print_change(const json_t *change)
{
    const json_t *fields = json_object_get(change, "fields");
    const char *kind = reply_text(change, "kind"), *name = reply_text(change, "name");
    unsigned width = 0;
    json_t *field;
    size_t i;

    print_padded(reply_text(change, "change"), KIND_WIDTH);
    if (*kind && strcmp(kind, name) != 0)
        print_padded(kind, 0);
    words_name(stdout, name, reply_has(change, "label") ? reply_text(change, "label") : NULL);
    if (reply_has(change, "before")) {
        fputs(", was ", stdout);
        reply_write(stdout, change, "before");
    }
    puts(passing(change));

    json_array_foreach(fields, i, field)
    {
        unsigned length = shown_width(reply_text(field, "field")) + 1;

        width = length > width ? length : width;
    }
    json_array_foreach(fields, i, field)
    {
        print_field(field, width);
    }
}

/* Those that change something for packets, or those that do not. Returns how many they are. */
static size_t print_part(const json_t *reply, bool packets, const char *heading, bool colour)
{
    static const char *const keys[] = {"changes", "objects"};
    size_t n = 0;

    for (size_t k = 0; k < ELEMENTS_OF(keys); k++) {
        json_t *change;
        size_t i;

        json_array_foreach(json_object_get(reply, keys[k]), i, change)
        {
            if (reply_true(change, "packets") != packets)
                continue;
            if (n++ == 0 && heading) {
                words_coloured(stdout, colour, "1", heading);
                putchar('\n');
            }
            print_change(change);
        }
    }
    return n;
}

void reply_print_changes(const json_t *reply, bool colour)
{
    print_part(reply, true, NULL, colour);
    print_part(reply, false, "papers only, no packet changes:", colour);
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
