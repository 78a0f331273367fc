/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writes samples for scrapers. A page of 50,000 flows has 200,000 of them, and a scrape must not
 * take long: what is written goes straight to memory, a label as it is as far as it is plain.
 */

#include "metrics/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *exposition_content_type(enum exposition_form form)
{
    return form == EXPOSITION_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

static const char *suffix(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_GAUGE:
        return "";
    case METRIC_COUNTER:
        return "_total";
    case METRIC_INFO:
        return "_info";
    }
    return "";
}

static const char *type_name(enum metric_kind kind, enum exposition_form form)
{
    switch (kind) {
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_COUNTER:
        return "counter";
    case METRIC_INFO:
        return form == EXPOSITION_OPENMETRICS ? "info" : "gauge";
    }
    return "";
}

static void put(struct exposition *exposition, const char *bytes, size_t size)
{
    struct record_text *text = &exposition->text;

    if (text->capacity - text->size >= size) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    } else if (exposition->error == 0) {
        exposition->error = record_text_append(text, bytes, size);
    }
}

/* Texts up to the first NULL. */
static void put_texts(struct exposition *exposition, const char *const *texts)
{
    for (; *texts; texts++)
        put(exposition, *texts, strlen(*texts));
}

/* Joins texts up to the first NULL. */
static void set_part(struct exposition *exposition, size_t i, const char *const *texts)
{
    size_t size = 0;

    for (; *texts; texts++) {
        const size_t length = strlen(*texts);

        assert(length <= METRIC_PART_MAX - size);
        memcpy(exposition->parts[i] + size, *texts, length);
        size += length;
    }
    exposition->sizes[i] = size;
}

/* `name_total{flow="`, `",direction="`, `"} `. */
static void set_parts(struct exposition *exposition)
{
    const struct metric_family *family = exposition->family;
    const char *const *labels = family->labels, *ending = suffix(family->kind);
    size_t n = 0;

    if (!labels[0]) {
        set_part(exposition, 0, (const char *[]){family->name, ending, " ", NULL});
        return;
    }
    set_part(exposition, 0, (const char *[]){family->name, ending, "{", labels[0], "=\"", NULL});
    for (n = 1; n < METRIC_LABELS_MAX && labels[n]; n++)
        set_part(exposition, n, (const char *[]){"\",", labels[n], "=\"", NULL});
    set_part(exposition, n, (const char *[]){"\"} ", NULL});
}

/* What systemd takes are names below that of the socket. */
#define REPLY_START "{\"parameters\":{\"name\":\"io.segd."

static const char *report_name(const struct metric_family *family)
{
    return family->name + strlen("segd_");
}

/* `{"parameters":{"name":"io.segd.flow_bytes_total","object":"`, `","fields":{"direction":"`,
 * `"},"value":`. */
static void set_report_parts(struct exposition *exposition)
{
    const struct metric_family *family = exposition->family;
    const char *name = report_name(family), *ending = suffix(family->kind);
    const char *const *labels = family->labels;
    size_t n = 0;

    set_part(exposition, 0,
             (const char *[]){REPLY_START, name, ending,
                              labels[0] ? "\",\"object\":\"" : "\",\"value\":", NULL});
    if (!labels[0])
        return;
    for (n = 1; n < METRIC_LABELS_MAX && labels[n]; n++)
        set_part(
            exposition, n,
            (const char *[]){n == 1 ? "\",\"fields\":{\"" : "\",\"", labels[n], "\":\"", NULL});
    set_part(exposition, n, (const char *[]){n > 1 ? "\"},\"value\":" : "\",\"value\":", NULL});
}

/* Ends the reply before the one that follows. */
static void begin_reply(struct exposition *exposition)
{
    static const char end[] = ",\"continues\":true}";

    if (exposition->has_reply)
        put(exposition, end, sizeof(end));
    exposition->has_reply = true;
}

/* A reply of Describe. */
static void put_family(struct exposition *exposition)
{
    const struct metric_family *family = exposition->family;

    begin_reply(exposition);
    put_texts(exposition, (const char *[]){"{\"parameters\":{\"name\":\"io.segd.",
                                           report_name(family), suffix(family->kind),
                                           "\",\"description\":\"", family->help, "\",\"type\":\"",
                                           type_name(family->kind, exposition->form), "\"}", NULL});
}

void exposition_family(struct exposition *exposition, const struct metric_family *family)
{
    const char *ending = exposition->form == EXPOSITION_OPENMETRICS ? "" : suffix(family->kind);

    exposition->family = family;
    switch (exposition->form) {
    case EXPOSITION_PROMETHEUS:
    case EXPOSITION_OPENMETRICS:
        set_parts(exposition);
        break;
    case EXPOSITION_REPORT:
        set_report_parts(exposition);
        return;
    case EXPOSITION_REPORT_FAMILIES:
        put_family(exposition);
        return;
    }
    put_texts(exposition, (const char *[]){"# HELP ", family->name, ending, " ", family->help,
                                           "\n# TYPE ", family->name, ending, " ",
                                           type_name(family->kind, exposition->form), "\n", NULL});
}

static void put_value(struct exposition *exposition, const char *text)
{
    size_t size = strlen(text), plain;

    while (size > 0) {
        for (plain = 0; plain < size && text[plain] >= ' ' && text[plain] < 0x7f &&
                        text[plain] != '"' && text[plain] != '\\';)
            plain++;
        put(exposition, text, plain);
        text += plain;
        size -= plain;
        if (size > 0) {
            struct glyph glyph = glyph_at(text, size);

            if (*text == '"' || *text == '\\')
                put(exposition, "\\", 1);
            put(exposition, glyph.text, glyph.length);
            text += glyph.size;
            size -= glyph.size;
        }
    }
}

static void put_name(struct exposition *exposition, const char *const *labels)
{
    const struct metric_family *family = exposition->family;
    size_t i;

    assert(family);
    if (exposition->form == EXPOSITION_REPORT)
        begin_reply(exposition);
    for (i = 0; i < METRIC_LABELS_MAX && family->labels[i]; i++) {
        put(exposition, exposition->parts[i], exposition->sizes[i]);
        put_value(exposition, labels[i]);
    }
    put(exposition, exposition->parts[i], exposition->sizes[i]);
}

/* `digits` are those of the value. */
static void put_sample(struct exposition *exposition, const char *const *labels, const char *digits,
                       size_t size)
{
    put_name(exposition, labels);
    put(exposition, digits, size);
    put(exposition, exposition->form == EXPOSITION_REPORT ? "}" : "\n", 1);
}

void exposition_sample(struct exposition *exposition, const char *const *labels, uint64_t value)
{
    char digits[24], *start = digits + sizeof(digits);

    do {
        *--start = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_sample(exposition, labels, start, (size_t)(digits + sizeof(digits) - start));
}

void exposition_seconds(struct exposition *exposition, const char *const *labels, usec_t value)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, value / USEC_PER_SEC,
                          value % USEC_PER_SEC);

    put_sample(exposition, labels, text, (size_t)length);
}

int exposition_end(struct exposition *exposition)
{
    if (exposition->form == EXPOSITION_OPENMETRICS)
        put(exposition, "# EOF\n", strlen("# EOF\n"));
    if (exposition->has_reply)
        put(exposition, "}", sizeof("}"));
    put(exposition, "", 1);
    if (exposition->error == 0)
        exposition->text.size--;
    return exposition->error;
}
