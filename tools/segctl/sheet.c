/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A screenful of lines. Somebody who was woken sees all that matters without scrolling, also where
 * 54 things happen at once: of each kind the first lines, and how many more there are.
 */

#include "sheet.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Where the screen has no bounds. */
#define UNBOUNDED 1000000U
#define SECTIONS_MAX 16
#define PLAIN "\033[0m"
/* Of what goes on in the next row. */
#define INDENT 11

struct section {
    const char *title;
    unsigned least;
    size_t begin; /* of its lines in the text */
    unsigned n_lines;
    unsigned shown; /* the first of them */
};

struct sheet {
    struct section sections[SECTIONS_MAX];
    size_t n_sections;
    FILE *stream; /* into `text`; NULL once it is complete */
    char *text;
    size_t size;
};

int sheet_new(struct sheet **ret_sheet)
{
    cleanup_(sheet_freep) struct sheet *sheet = calloc(1, sizeof(*sheet));

    if (!sheet)
        return -ENOMEM;
    sheet->stream = open_memstream(&sheet->text, &sheet->size);
    if (!sheet->stream)
        return -ENOMEM;
    *ret_sheet = TAKE_PTR(sheet);
    return 0;
}

struct sheet *sheet_free(struct sheet *sheet)
{
    if (!sheet)
        return NULL;
    if (sheet->stream)
        fclose(sheet->stream);
    free(sheet->text);
    free(sheet);
    return NULL;
}

FILE *sheet_stream(const struct sheet *sheet)
{
    return sheet->stream;
}

void sheet_section(struct sheet *sheet, const char *title, unsigned least)
{
    assert(sheet->n_sections < SECTIONS_MAX);
    fflush(sheet->stream);
    sheet->sections[sheet->n_sections++] =
        (struct section){.title = title, .least = least, .begin = sheet->size};
}

static void count_lines(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->n_sections; i++) {
        struct section *section = &sheet->sections[i];
        const char *at = sheet->text + section->begin;
        const char *end =
            i + 1 < sheet->n_sections ? sheet->text + section[1].begin : sheet->text + sheet->size;

        for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
            section->n_lines++;
        section->shown = section->n_lines;
    }
}

/* The next piece of a line: a sequence that colours, or a glyph. Returns its columns. */
static unsigned next_piece(const char *line, const char *end, struct glyph *ret_piece)
{
    if (*line == '\033') {
        const char *last = memchr(line, 'm', (size_t)(end - line));

        *ret_piece = (struct glyph){.text = line, .size = (size_t)(last - line) + 1};
        ret_piece->length = ret_piece->size;
        return 0;
    }
    *ret_piece = glyph_at(line, (size_t)(end - line));
    return ret_piece->width;
}

static unsigned width_of(const char *line, const char *end)
{
    unsigned width = 0;
    struct glyph piece;

    for (; line < end; line += piece.size)
        width += next_piece(line, end, &piece);
    return width;
}

/* Where a row of a line ends: after its last space that fits, or where there is none after what
 * fits, at least a glyph. */
static const char *row_end(const char *line, const char *end, unsigned width)
{
    const char *space = NULL;
    unsigned used = 0;
    struct glyph piece;

    for (const char *at = line; at < end; at += piece.size) {
        used += next_piece(at, end, &piece);
        if (used > width && at > line)
            return space ? space : at;
        if (*at == ' ' && at > line)
            space = at + 1;
    }
    return end;
}

static unsigned rows_of_line(const char *line, const char *end, unsigned width)
{
    unsigned rows = 1;

    for (line = row_end(line, end, width); line < end; line = row_end(line, end, width - INDENT))
        rows++;
    return rows;
}

/* What there is room for. */
struct room {
    bool spaced;  /* an empty row between sections */
    bool wrapped; /* lines that are too long go on in the next row; else they are cut */
};

static unsigned rows_of_section(const struct sheet *sheet, const struct section *section,
                                unsigned width, bool wrapped)
{
    const char *line = sheet->text + section->begin;
    unsigned rows = section->title != NULL;

    for (unsigned i = 0; i < section->shown; i++) {
        const char *end = strchr(line, '\n');

        rows += wrapped ? rows_of_line(line, end, width) : 1;
        line = end + 1;
    }
    return rows;
}

static unsigned rows_of(const struct sheet *sheet, unsigned width, struct room room)
{
    unsigned rows = 0;

    for (size_t i = 0; i < sheet->n_sections; i++) {
        if (sheet->sections[i].n_lines > 0)
            rows += (room.spaced && rows > 0) +
                    rows_of_section(sheet, &sheet->sections[i], width, room.wrapped);
    }
    return rows;
}

/* The longest section that may become shorter; NULL where there is none. Only a title can tell that
 * lines are missing. */
static struct section *longest(struct sheet *sheet)
{
    struct section *found = NULL;

    for (size_t i = 0; i < sheet->n_sections; i++) {
        struct section *section = &sheet->sections[i];

        if (section->title && section->shown > section->least &&
            (!found || section->shown >= found->shown))
            found = section;
    }
    return found;
}

/* Decides what there is room for, and shows less of sections where even that is too much. */
static struct room fit(struct sheet *sheet, unsigned width, unsigned height)
{
    static const struct room rooms[] = {{true, true}, {false, true}, {true, false}};
    const struct room none = {0};
    struct section *section;

    for (size_t i = 0; i < ELEMENTS_OF(rooms); i++) {
        if (height == 0 || rows_of(sheet, width, rooms[i]) <= height)
            return rooms[i];
    }
    while (rows_of(sheet, width, none) > height && (section = longest(sheet)))
        section->shown--;
    return none;
}

static void print_wrapped(const char *line, const char *end, unsigned width)
{
    for (unsigned indent = 0; line < end; indent = INDENT) {
        const char *next = row_end(line, end, width - indent);
        const size_t size = (size_t)(next - line);

        printf("%*s", (int)indent, "");
        fwrite(line, 1, size - (next < end && next[-1] == ' '), stdout);
        putchar('\n');
        line = next;
    }
}

static void print_cut(const char *line, const char *end, unsigned width)
{
    const bool cuts = width_of(line, end) > width;
    unsigned used = 0;
    struct glyph piece;

    for (; line < end; line += piece.size) {
        used += next_piece(line, end, &piece);
        if (cuts && used + 1 > width) {
            fputs("…", stdout);
            break;
        }
        fwrite(piece.text, 1, piece.length, stdout);
    }
    /* Of a colour that was cut off. */
    fputs(line < end && memchr(line, '\033', (size_t)(end - line)) ? PLAIN "\n" : "\n", stdout);
}

/* `findings, 3 of 54; --wide shows all` */
static void print_title(const struct section *section, bool colour, unsigned width)
{
    char title[160];

    if (section->shown < section->n_lines)
        snprintf(title, sizeof(title), "%s, %u of %u; --wide shows all", section->title,
                 section->shown, section->n_lines);
    else
        snprintf(title, sizeof(title), "%s", section->title);
    fputs(colour ? "\033[1m" : "", stdout);
    text_show_cut(stdout, title, strlen(title), width);
    fputs(colour ? PLAIN "\n" : "\n", stdout);
}

static void print_section(const struct sheet *sheet, const struct section *section, unsigned width,
                          bool colour, bool wrapped)
{
    const char *line = sheet->text + section->begin;

    if (section->title)
        print_title(section, colour, width);
    for (unsigned i = 0; i < section->shown; i++) {
        const char *end = strchr(line, '\n');

        if (wrapped)
            print_wrapped(line, end, width);
        else
            print_cut(line, end, width);
        line = end + 1;
    }
}

int sheet_print(struct sheet *sheet, const struct screen *screen)
{
    const unsigned width = screen->width > INDENT ? screen->width : UNBOUNDED;
    bool failed = fflush(sheet->stream) != 0 || ferror(sheet->stream), first = true;
    struct room room;

    failed |= fclose(sheet->stream) != 0;
    sheet->stream = NULL;
    if (failed)
        return -ENOMEM;

    count_lines(sheet);
    room = fit(sheet, width, screen->height);
    for (size_t i = 0; i < sheet->n_sections; i++) {
        if (sheet->sections[i].n_lines == 0)
            continue;
        if (room.spaced && !first)
            putchar('\n');
        print_section(sheet, &sheet->sections[i], width, screen->colour, room.wrapped);
        first = false;
    }
    return 0;
}
