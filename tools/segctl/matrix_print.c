/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The matrix for people. A city has fifteen zones with long labels in Japanese, and a terminal has
 * some hundred columns: so columns are headed by the numbers of the rows, whose names and labels
 * are the legend; labels are cut before columns are, and what still does not fit is printed as a
 * second block below.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "matrix.h"
#include "words.h"

#define GAP 2
/* Columns of a cell: three signs and a gap. */
#define CELL_WIDTH 4
/* A label is cut to no less than this. */
#define LABEL_WIDTH_MIN 12
#define CELL_TEXT_MAX 24

/*
 * ASCII, also where a label is cut: terminals set up for Japanese show signs such as a middle dot
 * or an ellipsis in two columns, others in one.
 */
#define NOTHING "."
#define CUT "~"

/* What is printed, and where. */
struct layout {
    const struct matrix_view *view;
    unsigned number_width;
    unsigned name_width;
    unsigned label_width;
    unsigned cell_width;
    size_t columns; /* of one block */
    bool colour;
};

static const char *name_of(const struct matrix_view *view, size_t i)
{
    return policy_zone_name(view->matrix->policy, matrix_zone(view->matrix, i));
}

static const char *label_of(const struct matrix_view *view, size_t i)
{
    const char *label = policy_zone_label(view->matrix->policy, matrix_zone(view->matrix, i));

    return strcmp(label, name_of(view, i)) == 0 ? "" : label;
}

static unsigned shown_width(const char *text)
{
    return text_shown_width(text, strlen(text));
}

static const char *cell_text(const struct matrix_cell *cell, char buffer[CELL_TEXT_MAX])
{
    if (cell->any)
        return "any";
    if (cell->flows.n == 0 && cell->idle.n == 0)
        return NOTHING;

    snprintf(buffer, CELL_TEXT_MAX, "%zu", cell->services.n);
    return buffer;
}

static unsigned digits(size_t number)
{
    return (unsigned)snprintf(NULL, 0, "%zu", number);
}

static unsigned max(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Columns before the first cell. */
static unsigned head_width(const struct layout *layout)
{
    return layout->number_width + GAP + layout->name_width +
           (layout->label_width > 0 ? GAP + layout->label_width : 0);
}

static struct layout lay_out(const struct matrix_view *view, unsigned width, bool colour)
{
    struct layout layout = {
        .view = view,
        .number_width = digits(view->matrix->n_zones),
        .cell_width = CELL_WIDTH,
        .colour = colour,
    };
    unsigned label_width;
    size_t columns, n_blocks;

    for (size_t i = 0; i < view->matrix->n_zones; i++) {
        layout.name_width = max(layout.name_width, shown_width(name_of(view, i)));
        layout.label_width = max(layout.label_width, shown_width(label_of(view, i)));
        for (size_t j = 0; j < view->matrix->n_zones; j++) {
            char text[CELL_TEXT_MAX];

            layout.cell_width =
                max(layout.cell_width,
                    shown_width(cell_text(matrix_cell(view->matrix, i, j), text)) + 1);
        }
    }

    /* First as few blocks as the shortest labels allow, then labels as long as the blocks do. */
    label_width = layout.label_width;
    layout.label_width = min(label_width, LABEL_WIDTH_MIN);
    columns = 1;
    if (width > head_width(&layout) + layout.cell_width)
        columns = (width - head_width(&layout)) / layout.cell_width;
    n_blocks = (view->matrix->n_zones + columns - 1) / columns;
    layout.columns = n_blocks > 0 ? (view->matrix->n_zones + n_blocks - 1) / n_blocks : 1;
    while (layout.label_width < label_width &&
           head_width(&layout) + (unsigned)layout.columns * layout.cell_width < width)
        layout.label_width++;
    return layout;
}

/* The text in exactly `width` columns, cut where it is longer. */
static void print_fitted(const char *text, unsigned width)
{
    size_t size = strlen(text), offset = 0;
    bool cut = shown_width(text) > width;
    unsigned room = cut ? width - 1 : width;

    while (offset < size) {
        struct glyph glyph = glyph_at(text + offset, size - offset);

        if (glyph.width > room)
            break;
        fwrite(glyph.text, 1, glyph.length, stdout);
        room -= glyph.width;
        offset += glyph.size;
    }
    printf("%s%*s", cut ? CUT : "", (int)room, "");
}

static const char *cell_colour(const struct matrix_cell *cell)
{
    if (cell->any)
        return "1;33";
    return cell->flows.n > 0 ? "1;32" : "2";
}

static void print_cell(const struct layout *layout, size_t from, size_t to)
{
    const struct matrix_cell *cell = matrix_cell(layout->view->matrix, from, to);
    char buffer[CELL_TEXT_MAX];
    const char *text = cell_text(cell, buffer);

    printf("%*s", (int)(layout->cell_width - shown_width(text)), "");
    words_coloured(stdout, layout->colour, cell_colour(cell), text);
}

static void print_row(const struct layout *layout, size_t from, size_t first, size_t end)
{
    printf("%*zu%*s", (int)layout->number_width, from + 1, GAP, "");
    print_fitted(name_of(layout->view, from), layout->name_width);
    if (layout->label_width > 0) {
        printf("%*s", GAP, "");
        print_fitted(label_of(layout->view, from), layout->label_width);
    }
    for (size_t to = first; to < end; to++)
        print_cell(layout, from, to);
    putchar('\n');
}

static void print_block(const struct layout *layout, size_t first, size_t end)
{
    char number[CELL_TEXT_MAX];

    printf("%*s", (int)layout->number_width + GAP, "");
    print_fitted("from \\ to", head_width(layout) - layout->number_width - GAP);
    for (size_t to = first; to < end; to++) {
        snprintf(number, sizeof(number), "%zu", to + 1);
        printf("%*s", (int)(layout->cell_width - shown_width(number)), "");
        words_coloured(stdout, layout->colour, "1", number);
    }
    putchar('\n');
    for (size_t from = 0; from < layout->view->matrix->n_zones; from++)
        print_row(layout, from, first, end);
    putchar('\n');
}

/* What the signs mean that were printed. */
static void print_legend(const struct matrix *matrix)
{
    bool any = false, idle = false;

    for (size_t i = 0; i < matrix->n_zones * matrix->n_zones; i++) {
        any = any || matrix->cells[i].any;
        idle = idle || (matrix->cells[i].flows.n == 0 && matrix->cells[i].idle.n > 0);
    }

    puts("  " NOTHING "  nothing passes");
    puts("  1  so many services pass, each between the hosts of its flows");
    if (any)
        puts("any  everything passes between the hosts of a flow; within a zone, `intra: allow`");
    if (idle)
        puts("  0  nothing passes: what flows there are is disabled, has expired or is held back");
}

static void print_count(const char *separator, size_t n, const char *singular, const char *plural)
{
    printf("%s%zu %s", separator, n, n == 1 ? singular : plural);
}

/* `, 3 expired`; nothing where there are none. */
static void print_some(size_t n, const char *word)
{
    if (n > 0)
        printf(", %zu %s", n, word);
}

static void print_totals(const struct matrix_view *view)
{
    const struct policy *policy = view->matrix->policy;
    size_t n_cells = view->matrix->n_zones * view->matrix->n_zones;
    size_t n_open = 0, n_live = 0, n_isolated = 0, n_implicit = 0;
    size_t n_by_state[FLOW_STATE_CLOSED + 1] = {0};

    for (size_t i = 0; i < n_cells; i++)
        n_open += view->matrix->cells[i].flows.n > 0;
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (flow->implicit)
            n_implicit++;
        else if (moment_passes_somewhere(&view->matrix->moment, flow))
            n_live++;
        else if (moment_flow_state(&view->matrix->moment, flow) == FLOW_STATE_LIVE)
            n_isolated++;
        else
            n_by_state[moment_flow_state(&view->matrix->moment, flow)]++;
    }

    print_count("\n", n_live, "flow passes", "flows pass");
    print_some(n_by_state[FLOW_STATE_DISABLED], "disabled");
    print_some(n_by_state[FLOW_STATE_EXPIRED], "expired");
    print_some(n_by_state[FLOW_STATE_SUSPENDED], "suspended");
    print_some(n_by_state[FLOW_STATE_CLOSED], "outside their hours");
    print_some(n_isolated, "in isolated zones");
    if (n_implicit > 0)
        print_count("; ", n_implicit, "zone has `intra: allow`", "zones have `intra: allow`");
    printf("; %zu of %zu pairs of zones are open\n", n_open, n_cells);
    puts("`segctl matrix FROM TO` names the flows of a pair, `--list` all of them.");
}

int matrix_print(const struct matrix_view *view, unsigned width, bool colour)
{
    const struct layout layout = lay_out(view, width, colour);
    size_t n = view->matrix->n_zones;

    for (size_t first = 0; first < n; first += layout.columns)
        print_block(&layout, first, first + layout.columns < n ? first + layout.columns : n);

    print_legend(view->matrix);
    print_totals(view);
    return 0;
}
