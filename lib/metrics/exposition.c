/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writes samples for scrapers. A page of 50,000 flows has 200,000 of them, so that a label is
 * copied as it is as far as it is plain.
 */

#include "metrics/exposition.h"

#include <assert.h>
#include <inttypes.h>
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

void exposition_family(struct exposition *exposition, const struct metric_family *family)
{
    const char *ending = exposition->form == EXPOSITION_OPENMETRICS ? "" : suffix(family->kind);

    exposition->family = family;
    fprintf(exposition->stream, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, ending,
            family->help, family->name, ending, type_name(family->kind, exposition->form));
}

static void write_value(FILE *stream, const char *text)
{
    size_t size = strlen(text), plain;

    while (size > 0) {
        for (plain = 0; plain < size && text[plain] >= ' ' && text[plain] < 0x7f &&
                        text[plain] != '"' && text[plain] != '\\';)
            plain++;
        fwrite(text, 1, plain, stream);
        text += plain;
        size -= plain;
        if (size > 0) {
            struct glyph glyph = glyph_at(text, size);

            if (*text == '"' || *text == '\\')
                putc('\\', stream);
            fwrite(glyph.text, 1, glyph.length, stream);
            text += glyph.size;
            size -= glyph.size;
        }
    }
}

static void write_name(const struct exposition *exposition, const char *const *labels)
{
    const struct metric_family *family = exposition->family;
    FILE *stream = exposition->stream;

    assert(family);
    fputs(family->name, stream);
    fputs(suffix(family->kind), stream);
    for (size_t i = 0; i < METRIC_LABELS_MAX && family->labels[i]; i++) {
        putc(i == 0 ? '{' : ',', stream);
        fputs(family->labels[i], stream);
        fputs("=\"", stream);
        write_value(stream, labels[i]);
        putc('"', stream);
    }
    fputs(family->labels[0] ? "} " : " ", stream);
}

void exposition_sample(struct exposition *exposition, const char *const *labels, uint64_t value)
{
    write_name(exposition, labels);
    fprintf(exposition->stream, "%" PRIu64 "\n", value);
}

void exposition_seconds(struct exposition *exposition, const char *const *labels, usec_t value)
{
    write_name(exposition, labels);
    fprintf(exposition->stream, "%" PRId64 ".%06" PRId64 "\n", value / USEC_PER_SEC,
            value % USEC_PER_SEC);
}

void exposition_end(struct exposition *exposition)
{
    if (exposition->form == EXPOSITION_OPENMETRICS)
        fputs("# EOF\n", exposition->stream);
}
