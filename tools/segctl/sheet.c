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

/* Lines of the screen that a section takes, without the empty one before it. */
static unsigned height_of(const struct section *section)
{
    if (section->n_lines == 0)
        return 0;
    return section->shown + (section->title != NULL);
}

static unsigned total_height(const struct sheet *sheet, bool spaced)
{
    unsigned total = 0;

    for (size_t i = 0; i < sheet->n_sections; i++) {
        unsigned height = height_of(&sheet->sections[i]);

        total += height + (spaced && height > 0 && total > 0);
    }
    return total;
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

/* Returns whether there is room for empty lines. */
static bool fit(struct sheet *sheet, unsigned height)
{
    struct section *section;

    if (height == 0 || total_height(sheet, true) <= height)
        return true;
    while (total_height(sheet, false) > height && (section = longest(sheet)))
        section->shown--;
    return false;
}

/* Prints one line, without its end, of at most `width` columns. */
static void print_line(const char *line, size_t size, unsigned width)
{
    unsigned used = 0, left;
    const char *end = line + size;
    bool coloured = false;

    while (line < end) {
        bool is_sgr = *line == '\033';
        const char *next = is_sgr ? memchr(line, 'm', (size_t)(end - line)) + 1
                                  : memchr(line, '\033', (size_t)(end - line));
        size_t length = next ? (size_t)(next - line) : (size_t)(end - line);

        left = width - used;
        if (is_sgr) {
            coloured = length != strlen(PLAIN) || memcmp(line, PLAIN, length) != 0;
            fwrite(line, 1, length, stdout);
        } else if (text_shown_width(line, length) > left || (left == 0 && length > 0)) {
            text_show_cut(stdout, line, length, left);
            break;
        } else {
            fwrite(line, 1, length, stdout);
            used += text_shown_width(line, length);
        }
        line += length;
    }
    fputs(coloured ? PLAIN "\n" : "\n", stdout);
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

static void print_section(const struct sheet *sheet, const struct section *section,
                          const struct screen *screen, unsigned width)
{
    const char *line = sheet->text + section->begin;

    if (section->title)
        print_title(section, screen->colour, width);
    for (unsigned i = 0; i < section->shown; i++) {
        const char *end = strchr(line, '\n');

        print_line(line, (size_t)(end - line), width);
        line = end + 1;
    }
}

int sheet_print(struct sheet *sheet, const struct screen *screen)
{
    const unsigned width = screen->width > 0 ? screen->width : UNBOUNDED;
    bool failed = fflush(sheet->stream) != 0 || ferror(sheet->stream), spaced, first = true;

    failed |= fclose(sheet->stream) != 0;
    sheet->stream = NULL;
    if (failed)
        return -ENOMEM;

    count_lines(sheet);
    spaced = fit(sheet, screen->height);
    for (size_t i = 0; i < sheet->n_sections; i++) {
        if (sheet->sections[i].n_lines == 0)
            continue;
        if (spaced && !first)
            putchar('\n');
        print_section(sheet, &sheet->sections[i], screen, width);
        first = false;
    }
    return 0;
}
