/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Diagnostics for people: the place, what is wrong, the line with a caret under the character, and
 * what to do. The line is shown as it stands in the file as far as that is safe, and so are
 * messages, which quote the file. However long a line is, about a hundred columns around the caret
 * are printed.
 */

#include "base/diagnostics.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Columns of a source line that are shown, and how many of them stand before the caret. */
#define WINDOW_WIDTH 100
#define WINDOW_BEFORE 60
/* Least columns of a line number. */
#define GUTTER_WIDTH 5

struct printer {
    const struct sources *sources;
    FILE *stream;
    bool colour;
};

/* `text` is a literal of this file. */
static void print_coloured(const struct printer *printer, const char *sgr, const char *text)
{
    if (printer->colour)
        fprintf(printer->stream, "\033[%sm%s\033[0m", sgr, text);
    else
        fputs(text, printer->stream);
}

/* What a window is charged: also characters without a width, of which a line may have millions. */
static unsigned glyph_cost(struct glyph glyph)
{
    return glyph.width > 0 ? glyph.width : 1;
}

/* Where the character before `offset` starts. */
static size_t step_back(const char *text, size_t offset)
{
    for (size_t length = 2; length <= 4 && length <= offset; length++) {
        uint32_t character;

        if (utf8_decode(text + offset - length, length, &character) == (int)length)
            return offset - length;
    }
    return offset - 1;
}

/* Goes back in the line by at most `budget` columns and returns those gone. */
static unsigned walk_back(const char *text, size_t *offset, unsigned budget)
{
    unsigned gone = 0;

    while (*offset > 0 && text[*offset - 1] != '\n') {
        size_t previous = step_back(text, *offset);
        unsigned cost = glyph_cost(glyph_at(text + previous, *offset - previous));

        if (gone + cost > budget)
            break;
        gone += cost;
        *offset = previous;
    }
    return gone;
}

static unsigned walk_on(const char *text, size_t size, size_t *offset, unsigned budget)
{
    unsigned gone = 0;

    while (*offset < size && text[*offset] != '\n') {
        struct glyph glyph = glyph_at(text + *offset, size - *offset);

        if (gone + glyph_cost(glyph) > budget)
            break;
        gone += glyph_cost(glyph);
        *offset += glyph.size;
    }
    return gone;
}

/* The part of a line that is shown around the caret, as offsets. */
struct window {
    size_t first;
    size_t end;
};

static struct window window_around(const char *text, size_t size, size_t caret)
{
    struct window window = {caret, caret};
    unsigned after = walk_on(text, size, &window.end, WINDOW_WIDTH), before;

    /* What the rest of the line leaves free goes to what stands before the caret. */
    before = WINDOW_BEFORE;
    if (after < WINDOW_WIDTH - WINDOW_BEFORE)
        before = WINDOW_WIDTH - after;
    before = walk_back(text, &window.first, before);

    window.end = caret;
    walk_on(text, size, &window.end, WINDOW_WIDTH - before);
    return window;
}

static void print_source_line(const struct printer *printer, struct location location)
{
    int gutter = snprintf(NULL, 0, "%u", location.line);
    bool cut_before, cut_after;
    struct window window;
    size_t size, caret, mark;
    unsigned indent;
    const char *text;

    if (sources_find(printer->sources, location, &caret) < 0)
        return;

    if (gutter < GUTTER_WIDTH)
        gutter = GUTTER_WIDTH;
    text = sources_text(printer->sources, location.source, &size);
    window = window_around(text, size, caret);
    mark = utf8_mark_size(text, size);
    if (window.first < mark)
        window.first = mark;
    cut_before = window.first > mark && text[window.first - 1] != '\n';
    cut_after = window.end < size && text[window.end] != '\n';

    fprintf(printer->stream, "%*u |%s%s", gutter, location.line,
            window.first < window.end ? " " : "", cut_before ? "…" : "");
    text_show(printer->stream, text + window.first, window.end - window.first);
    fprintf(printer->stream, "%s\n", cut_after ? "…" : "");

    indent = text_shown_width(text + window.first, caret - window.first) + (cut_before ? 1 : 0);
    fprintf(printer->stream, "%*s | %*s", gutter, "", (int)indent, "");
    print_coloured(printer, "32", "^");
    fputc('\n', printer->stream);
}

/* `file:line:column: `, or nothing where there is no place. */
static void print_place(const struct printer *printer, struct location location)
{
    const char *name;

    if (location.line == 0 || location.source >= sources_count(printer->sources))
        return;

    name = sources_name(printer->sources, location.source);
    text_show(printer->stream, name, strlen(name));
    fprintf(printer->stream, ":%u:%u: ", location.line, location.column);
}

static void print_diagnostic(const struct printer *printer, const struct diagnostic *diagnostic)
{
    print_place(printer, diagnostic->location);
    if (diagnostic->severity == SEVERITY_ERROR)
        print_coloured(printer, "1;31", "error:");
    else
        print_coloured(printer, "1;33", "warning:");
    fputc(' ', printer->stream);
    text_show(printer->stream, diagnostic->message, strlen(diagnostic->message));
    fprintf(printer->stream, " [%s]\n", diagnostic->code);
    print_source_line(printer, diagnostic->location);

    if (diagnostic->related_message) {
        print_place(printer, diagnostic->related);
        print_coloured(printer, "36", "note:");
        fputc(' ', printer->stream);
        text_show(printer->stream, diagnostic->related_message,
                  strlen(diagnostic->related_message));
        fputc('\n', printer->stream);
        print_source_line(printer, diagnostic->related);
    }

    if (diagnostic->remedy) {
        fputs("   = help: ", printer->stream);
        text_show(printer->stream, diagnostic->remedy, strlen(diagnostic->remedy));
        fputc('\n', printer->stream);
    }
}

int diagnostics_print(struct diagnostics *diagnostics, const struct sources *sources, FILE *stream,
                      bool colour)
{
    const struct printer printer = {sources, stream, colour};
    const struct diagnostic *list;
    size_t n_list = diagnostics_list(diagnostics, &list), n_all;

    for (size_t i = 0; i < n_list; i++)
        print_diagnostic(&printer, &list[i]);

    n_all = diagnostics_count(diagnostics, SEVERITY_ERROR) +
            diagnostics_count(diagnostics, SEVERITY_WARNING);
    if (n_all > n_list)
        fprintf(stream, "%zu more are not shown\n", n_all - n_list);

    return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}
