/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables for people. Columns are as wide as their widest cell on the terminal, so that labels in
 * Japanese and names in ASCII stand under each other; printf() would count bytes.
 */

#include "base/text.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"

/* Spaces between two columns. */
#define GAP 2
/* No column becomes narrower than this. */
#define WIDTH_LEAST 4

struct table {
    /* Titles and cells live here. */
    struct arena *arena;
    size_t n_columns;
    enum table_align *aligns;
    unsigned *widths;
    bool *left_out;
    /* Row after row, the titles first; NULL is an empty cell. */
    const char **cells;
    size_t n_cells;
    size_t capacity;
};

int table_new(size_t n_columns, const char *const *titles, const enum table_align *aligns,
              struct table **ret_table)
{
    cleanup_(table_freep) struct table *table = NULL;
    int r;

    table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;

    r = arena_new(&table->arena);
    if (r < 0)
        return r;

    table->n_columns = n_columns;
    table->widths = arena_allocate(table->arena, n_columns * sizeof(*table->widths));
    table->aligns = arena_allocate(table->arena, n_columns * sizeof(*table->aligns));
    table->left_out = arena_allocate(table->arena, n_columns * sizeof(*table->left_out));
    if (!table->widths || !table->aligns || !table->left_out)
        return -ENOMEM;

    for (size_t i = 0; aligns && i < n_columns; i++)
        table->aligns[i] = aligns[i];

    r = table_add(table, titles);
    if (r < 0)
        return r;

    *ret_table = TAKE_PTR(table);
    return 0;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;

    arena_free(table->arena);
    free(table->cells);
    free(table);
    return NULL;
}

int table_add(struct table *table, const char *const *cells)
{
    const char **row;
    int r;

    r = array_reserve(&table->cells, &table->capacity, table->n_cells + table->n_columns,
                      sizeof(*table->cells));
    if (r < 0)
        return r;

    row = table->cells + table->n_cells;
    for (size_t i = 0; i < table->n_columns; i++) {
        row[i] = cells[i];
        if (arena_keep_string(table->arena, &row[i]) < 0)
            return -ENOMEM;
    }

    /* Only now, so that a row without memory leaves the table as it was. */
    table->n_cells += table->n_columns;
    for (size_t i = 0; i < table->n_columns; i++) {
        unsigned width = row[i] ? text_shown_width(row[i], strlen(row[i])) : 0;

        if (width > table->widths[i])
            table->widths[i] = width;
    }
    return 0;
}

bool table_shows(const struct table *table, size_t column)
{
    return !table->left_out[column];
}

/* Columns of the terminal that a row takes at most. */
static unsigned total_width(const struct table *table)
{
    unsigned total = 0;

    for (size_t i = 0; i < table->n_columns; i++)
        total += table->left_out[i] ? 0 : table->widths[i] + (total > 0 ? GAP : 0);
    return total;
}

static size_t widest(const struct table *table)
{
    size_t column = 0;
    unsigned width = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (!table->left_out[i] && table->widths[i] > width) {
            width = table->widths[i];
            column = i;
        }
    }
    return column;
}

void table_fit(struct table *table, unsigned width, const uint8_t *drops)
{
    if (width == 0)
        return;
    for (; drops && *drops != TABLE_END && total_width(table) > width; drops++)
        table->left_out[*drops] = true;
    while (total_width(table) > width) {
        size_t column = widest(table);

        if (table->widths[column] <= WIDTH_LEAST)
            return;
        table->widths[column]--;
    }
}

static void print_row(const struct table *table, const char *const *row, FILE *stream)
{
    /* Spaces that are printed only when something follows them. */
    unsigned pending = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        const char *cell = row[i] ? row[i] : "";
        unsigned shown = text_shown_width(cell, strlen(cell)), padding;

        if (table->left_out[i])
            continue;
        shown = shown < table->widths[i] ? shown : table->widths[i];
        padding = table->widths[i] - shown;
        if (table->aligns[i] == TABLE_RIGHT)
            pending += padding;
        if (*cell) {
            fprintf(stream, "%*s", (int)pending, "");
            /* One column may be left where a wide character does not fit. */
            pending = shown - text_show_cut(stream, cell, strlen(cell), shown);
        }
        if (table->aligns[i] == TABLE_LEFT)
            pending += padding;
        pending += GAP;
    }
}

int table_print(const struct table *table, FILE *stream, bool colour)
{
    for (size_t i = 0; i < table->n_cells; i += table->n_columns) {
        bool bold = colour && i == 0;

        fputs(bold ? "\033[1m" : "", stream);
        print_row(table, table->cells + i, stream);
        fputs(bold ? "\033[0m\n" : "\n", stream);
    }

    return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}
