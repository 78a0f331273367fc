/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Instants, people, changes, overrides and diagnostics as the daemon sends them, for people. People
 * once wrote what it sends, so all of it goes to the terminal as glyphs. */

#include "reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
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

const char *reply_when(usec_t instant, char buffer[WHEN_MAX])
{
    char date[DATE_TEXT_MAX];
    struct date day;
    struct tm tm;
    time_t time = instant / USEC_PER_SEC;

    if (instant == USEC_NEVER)
        return strcpy(buffer, "never");
    if (instant == 0 || !localtime_r(&time, &tm))
        return strcpy(buffer, "?");
    day = (struct date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
    snprintf(buffer, WHEN_MAX, "%s %02d:%02d",
             words_are_japanese() ? date_format_japanese(day, date) : date_format_iso(day, date),
             tm.tm_hour, tm.tm_min);
    return buffer;
}

const char *reply_span(int64_t seconds, char *buffer)
{
    return span_format(seconds > 0 ? seconds * USEC_PER_SEC : 0, buffer);
}

const char *reply_count(const struct wire_count *count, char buffer[REPLY_COUNT_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double bytes = (double)count->bytes;
    size_t unit = 0;

    while (bytes >= 1000 && unit + 1 < ELEMENTS_OF(units)) {
        bytes /= 1000;
        unit++;
    }
    snprintf(buffer, REPLY_COUNT_MAX, "%" PRIu64 " (%.*f %s)", count->packets,
             unit > 0 && bytes < 10 ? 1 : 0, bytes, units[unit]);
    return buffer;
}

void reply_write_digest(FILE *stream, const char *digest)
{
    text_show(stream, digest, strnlen(digest, DIGITS_SHOWN));
}

void reply_write_actor(FILE *stream, const struct actor *actor)
{
    words_print(stream, "%s%s", actor->uid < 0 ? "segd itself (" : "", actor->name);
    if (actor->uid < 0)
        fputc(')', stream);
    else
        fprintf(stream, " (uid %" PRId64 ")", actor->uid);
}

/* The first items and how many more there are; if that is one, it is written too. */
static void write_items(FILE *stream, char *const *list, size_t n, size_t limit)
{
    for (size_t i = 0; i < n; i++) {
        if (i == limit && n > limit + 1) {
            fprintf(stream, " and %zu more", n - i);
            return;
        }
        words_print(stream, "%s%s", i > 0 ? ", " : "", list[i]);
    }
}

void reply_write_list(FILE *stream, char *const *list, size_t n)
{
    write_items(stream, list, n, n);
}

char *reply_list_text(char *const *list, size_t n)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    write_items(stream, list, n, LIST_SHOWN);
    return fclose(stream) == 0 ? TAKE_PTR(text) : NULL;
}

const char *reply_label(const char *name, const char *label)
{
    return strcmp(label, name) == 0 ? "" : label;
}

/* `(without UNTIL, LABEL; --wide shows all)` */
static void tell_left_out(const struct table *table, const struct reply_columns *columns)
{
    size_t n = 0, told = 0;

    for (size_t i = 0; i < columns->n; i++)
        n += !table_shows(table, i);
    if (n == 0)
        return;
    fputs("(without ", stdout);
    for (size_t i = 0; i < columns->n; i++) {
        if (!table_shows(table, i))
            printf("%s%s", told++ > 0 ? ", " : "", columns->titles[i]);
    }
    puts("; --wide shows all)");
}

int reply_print_table(const struct reply_columns *columns, const void *records, size_t n_records,
                      size_t size, reply_row add, const char *none, const struct screen *screen)
{
    cleanup_(table_freep) struct table *table = NULL;
    int r = table_new(columns->n, columns->titles, columns->aligns, &table);

    for (size_t i = 0; r == 0 && i < n_records; i++)
        r = add(table, (const char *)records + i * size);
    if (r < 0)
        return r;
    if (n_records == 0) {
        puts(none);
        return 0;
    }
    table_fit(table, screen->width, columns->drops);
    table_print(table, stdout, screen->colour);
    tell_left_out(table, columns);
    return 0;
}

/* The text and what is left of `width` columns, and a space more than that. */
static void print_padded(const char *text, unsigned width)
{
    unsigned shown = words_width(text);

    words_text(stdout, text);
    printf("%*s", (int)(width > shown ? width - shown : 0) + 1, "");
}

/* `+ 10.1.0.0/24, 10.1.7.9 and 12 more`, as many as the line has room for. */
static void print_items(char sign, char *const *items, size_t n, unsigned column)
{
    printf("%c ", sign);
    column += 2;
    for (size_t i = 0; i < n; i++) {
        column += words_width(items[i]) + 2;
        if (i > 0 && column + (i + 1 < n ? MORE_WIDTH : 0) > LINE_WIDTH) {
            printf(" and %zu more", n - i);
            break;
        }
        words_print(stdout, "%s%s", i > 0 ? ", " : "", items[i]);
    }
    putchar('\n');
}

/* `2027-03-31 → 2028-03-31`, on two lines where they are long. */
static void print_values(const struct wire_field_change *field, unsigned column)
{
    const char *before = field->before ? field->before : "none";
    const char *after = field->after ? field->after : "none";

    words_print(stdout, "%s →", before);
    if (column + words_width(before) + words_width(after) + 3 > LINE_WIDTH)
        printf("\n%*s", (int)column, "");
    else
        putchar(' ');
    words_print(stdout, "%s\n", after);
}

static void print_field(const struct wire_field_change *field, unsigned width)
{
    unsigned column = FIELD_INDENT + width + 1;

    printf("%*s", FIELD_INDENT, "");
    print_padded(field->field, width);
    if (field->n_added > 0)
        print_items('+', field->added, field->n_added, column);
    if (field->n_added > 0 && field->n_removed > 0)
        printf("%*s", (int)column, "");
    if (field->n_removed > 0)
        print_items('-', field->removed, field->n_removed, column);
    if (field->n_added == 0 && field->n_removed == 0)
        print_values(field, column);
    if (field->left_out > 0)
        printf("%*s%" PRIu64 " more are not listed\n", (int)column, "", field->left_out);
}

/* What a change of something that stays means for packets. */
static const char *passing(const struct wire_change *change)
{
    if (change->n_fields == 0)
        return "";
    if (change->widens && change->narrows)
        return ": some more and some less can pass";
    return change->widens ? ": more can pass" : change->narrows ? ": less can pass" : "";
}

/* A line for what changes, and one for each of its fields. */
static void print_change(const struct wire_change *change)
{
    unsigned width = 0;

    print_padded(change->change, KIND_WIDTH);
    if (change->kind && strcmp(change->kind, change->name) != 0)
        print_padded(change->kind, 0);
    words_name(stdout, change->name, change->label);
    if (change->before)
        words_print(stdout, ", was %s", change->before);
    puts(passing(change));

    for (size_t i = 0; i < change->n_fields; i++) {
        unsigned length = words_width(change->fields[i].field) + 1;

        width = length > width ? length : width;
    }
    for (size_t i = 0; i < change->n_fields; i++)
        print_field(&change->fields[i], width);
}

/* Those that change something for packets, or those that do not, after the heading. */
static void print_part(const struct change_reply *reply, bool packets, const char *heading,
                       bool colour)
{
    for (size_t i = 0; i < reply->n_changes + reply->n_objects; i++) {
        const struct wire_change *change =
            i < reply->n_changes ? &reply->changes[i] : &reply->objects[i - reply->n_changes];

        if (change->packets != packets)
            continue;
        if (heading) {
            words_coloured(stdout, colour, "1", heading);
            putchar('\n');
        }
        heading = NULL;
        print_change(change);
    }
}

void reply_print_changes(const struct change_reply *reply, bool colour)
{
    print_part(reply, true, NULL, colour);
    print_part(reply, false, "papers only, no packet changes:", colour);
}

/* After `isolation of NAME`. */
static void print_closing_change(const struct wire_closing *closing)
{
    bool is_zone = strcmp(closing->kind, "isolation") == 0;

    if (closing->renamed)
        words_print(stdout, " is that of `%s` in this policy", closing->renamed);
    else if (strcmp(closing->change, "unnamed") == 0)
        printf(" stays, though this policy has no such %s", is_zone ? "zone" : "flow");
    else
        fputs(" holds more from now on", stdout);
    if (closing->n_covers > 0) {
        fputs(is_zone ? ": cuts off " : ": stops ", stdout);
        reply_write_list(stdout, closing->covers, closing->n_covers);
    }
}

void reply_print_closings(const struct change_reply *reply)
{
    for (size_t i = 0; i < reply->n_closings; i++) {
        const struct wire_closing *closing = &reply->closings[i];

        if (strcmp(closing->change, "same") == 0 && closing->n_approved == 0)
            continue;
        words_print(stdout, "%s of `%s`", closing->kind, closing->name);
        if (strcmp(closing->change, "same") != 0)
            print_closing_change(closing);
        if (closing->n_approved > 0) {
            fputs("; part of what it stopped passes by ", stdout);
            reply_write_list(stdout, closing->approved, closing->n_approved);
        }
        if (closing->left_out > 0)
            printf(" and %" PRIu64 " more", closing->left_out);
        putchar('\n');
    }
}

static const char *override_word(enum override_kind kind)
{
    if (kind == OVERRIDE_ISOLATION)
        return "ISOLATED ";
    return kind == OVERRIDE_SUSPENSION ? "SUSPENDED" : "GRANTED  ";
}

static void print_list(const char *word, char *const *list, size_t n)
{
    fputs(word, stdout);
    reply_write_list(stdout, list, n);
}

/* `  ISOLATED   office  by tanaka and suzuki 3 h ago: ransomware; until 2026-11-23 08:11` */
void reply_write_override(FILE *stream, const struct override *override, bool colour)
{
    char when[WHEN_MAX], span[SPAN_TEXT_MAX];

    fputs("  ", stream);
    words_coloured(stream, colour, "1;33", override_word(override->kind));
    words_print(stream, "  %s  by %s", override->name, override->who);
    for (size_t i = 1; i < override->n_makers; i++)
        words_print(stream, " and %s", override->makers[i].who);
    if (override->age > 0)
        fprintf(stream, " %s ago", reply_span(override->age, span));
    words_print(stream, ": %s", override->reason);
    if (override->until != USEC_NEVER)
        fprintf(stream, "; until %s", reply_when(override->until, when));
    if (override->n_keep > 0) {
        fputs("; keeps ", stream);
        reply_write_list(stream, override->keep, override->n_keep);
    }
    if (override->n_from > 0) {
        fputs("; from ", stream);
        reply_write_list(stream, override->from, override->n_from);
        fputs(" to ", stream);
        reply_write_list(stream, override->to, override->n_to);
        fputs(": ", stream);
        reply_write_list(stream, override->services, override->n_services);
    }
    fputc('\n', stream);
}

void reply_print_override(const struct override *override, bool colour)
{
    char when[WHEN_MAX], span[SPAN_TEXT_MAX];

    fputs("  ", stdout);
    words_coloured(stdout, colour, "1;33", override_word(override->kind));
    words_print(stdout, "  %s  by %s", override->name, override->who);
    if (override->age > 0)
        printf(" %s ago", reply_span(override->age, span));
    if (override->until != USEC_NEVER)
        printf(", until %s", reply_when(override->until, when));
    words_print(stdout, ": %s\n", override->reason);

    /* The first maker is told above. */
    for (size_t i = 1; i < override->n_makers; i++)
        words_print(stdout, "             also by %s since %s: %s\n", override->makers[i].who,
                    reply_when(override->makers[i].since, when), override->makers[i].reason);
    if (override->n_keep > 0) {
        print_list("             keeps ", override->keep, override->n_keep);
        putchar('\n');
    }
    if (override->n_from > 0) {
        print_list("             from ", override->from, override->n_from);
        print_list(" to ", override->to, override->n_to);
        print_list(": ", override->services, override->n_services);
        putchar('\n');
    }
}

/* Empty lines made before those that are shown, in all; places after that show no line. */
#define LINES_MAX 4000000

/*
 * Diagnostics of a policy that the daemon read. It sends each with its line; sources made of just
 * these lines print as `check` prints them.
 */
struct made {
    struct sources *sources;
    struct diagnostics *diagnostics;
    uint32_t n_lines;
};

/* A file of one line at its number. */
static int add_source(struct made *made, const struct wire_place *place, uint32_t *ret_source)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return -ENOMEM;
    if (place->source && place->line <= LINES_MAX - made->n_lines) {
        for (uint32_t i = 1; i < place->line; i++)
            fputc('\n', stream);
        fprintf(stream, "%s\n", place->source);
        made->n_lines += place->line;
    }
    if (fclose(stream) != 0)
        return -ENOMEM;
    return sources_add(made->sources, place->file, text, size, ret_source);
}

/* The location; no location where the place has no file. */
static int take_place(struct made *made, const struct wire_place *place,
                      struct location *ret_location)
{
    *ret_location = (struct location){0};
    if (!place->file || place->line < 1)
        return 0;
    ret_location->line = place->line;
    ret_location->column = place->column > 0 ? place->column : 1;
    return add_source(made, place, &ret_location->source);
}

/* A code is one of segd's words, and is printed as it is. */
static const char *code_of(const char *code)
{
    return code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")] ? "?" : code;
}

static int add_diagnostic(struct made *made, const struct wire_diagnostic *told)
{
    enum severity severity = told->severity == SEVERITY_WARNING ? SEVERITY_WARNING : SEVERITY_ERROR;
    struct location location;
    int r = take_place(made, &told->place, &location);

    if (r == 0)
        r = diagnostics_add(made->diagnostics, severity, code_of(told->code), location,
                            told->remedy, "%s", told->place.message);
    if (r == 0 && told->related.message) {
        r = take_place(made, &told->related, &location);
        if (r == 0)
            r = diagnostics_relate(made->diagnostics, location, "%s", told->related.message);
    }
    return r;
}

static void made_clear(struct made *made)
{
    sources_free(made->sources);
    diagnostics_free(made->diagnostics);
}

int reply_print_diagnostics(const struct wire_diagnostic *list, size_t n)
{
    cleanup_(made_clear) struct made made = {0};
    int r = sources_new(&made.sources);

    if (r == 0)
        r = diagnostics_new(&made.diagnostics);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_diagnostic(&made, &list[i]);
    if (r == 0)
        diagnostics_print(made.diagnostics, made.sources, stderr, wants_colour(stderr));
    return r;
}
