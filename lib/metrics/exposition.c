/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writes samples for scrapers. A page of 50,000 flows has 200,000 of them, and a scrape must not
 * take long: what is written goes straight to memory, a label as it is as far as it is plain.
 */

#include "metrics/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
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

static __attribute__((format(printf, 3, 4))) void set_part(struct exposition *exposition, size_t i,
                                                           const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(exposition->parts[i], METRIC_PART_MAX, format, arguments);
    va_end(arguments);
    assert(length >= 0 && length < METRIC_PART_MAX);
    exposition->sizes[i] = (size_t)length;
}

/* `name_total{flow="`, `",direction="`, `"} `. */
static void set_parts(struct exposition *exposition)
{
    const struct metric_family *family = exposition->family;
    const char *ending = suffix(family->kind);
    size_t n = 0;

    for (; n < METRIC_LABELS_MAX && family->labels[n]; n++)
        set_part(exposition, n, "%s%s%s%s=\"", n == 0 ? family->name : "", n == 0 ? ending : "",
                 n == 0 ? "{" : "\",", family->labels[n]);
    if (n == 0)
        set_part(exposition, 0, "%s%s ", family->name, ending);
    else
        set_part(exposition, n, "\"} ");
}

void exposition_family(struct exposition *exposition, const struct metric_family *family)
{
    const char *ending = exposition->form == EXPOSITION_OPENMETRICS ? "" : suffix(family->kind);

    exposition->family = family;
    set_parts(exposition);
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
    for (i = 0; i < METRIC_LABELS_MAX && family->labels[i]; i++) {
        put(exposition, exposition->parts[i], exposition->sizes[i]);
        put_value(exposition, labels[i]);
    }
    put(exposition, exposition->parts[i], exposition->sizes[i]);
}

void exposition_sample(struct exposition *exposition, const char *const *labels, uint64_t value)
{
    char digits[24], *start = digits + sizeof(digits);

    *--start = '\n';
    do {
        *--start = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_name(exposition, labels);
    put(exposition, start, (size_t)(digits + sizeof(digits) - start));
}

void exposition_seconds(struct exposition *exposition, const char *const *labels, usec_t value)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64 "\n", value / USEC_PER_SEC,
                          value % USEC_PER_SEC);

    put_name(exposition, labels);
    put(exposition, text, (size_t)length);
}

int exposition_end(struct exposition *exposition)
{
    if (exposition->form == EXPOSITION_OPENMETRICS)
        put(exposition, "# EOF\n", strlen("# EOF\n"));
    put(exposition, "", 1);
    if (exposition->error == 0)
        exposition->text.size--;
    return exposition->error;
}
