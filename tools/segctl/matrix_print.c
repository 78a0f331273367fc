/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The matrix as text and as JSON. A city has fifteen zones with long Japanese labels, and a
 * terminal has about a hundred columns: the numbers of the rows head the columns, and names and
 * labels of the rows are the legend; labels are cut before columns are, and what still does not fit
 * is printed as a second block below. Flow by flow it is a table with a line for each, so that
 * `grep` works on it.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "loaded.h"
#include "matrix.h"
#include "reply.h"
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
    return reply_label(name_of(view, i),
                       policy_zone_label(view->matrix->policy, matrix_zone(view->matrix, i)));
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
        layout.name_width = max(layout.name_width, words_width(name_of(view, i)));
        layout.label_width = max(layout.label_width, words_width(label_of(view, i)));
        for (size_t j = 0; j < view->matrix->n_zones; j++) {
            char text[CELL_TEXT_MAX];

            layout.cell_width =
                max(layout.cell_width,
                    words_width(cell_text(matrix_cell(view->matrix, i, j), text)) + 1);
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
    bool cut = words_width(text) > width;
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

    printf("%*s", (int)(layout->cell_width - words_width(text)), "");
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
        printf("%*s", (int)(layout->cell_width - words_width(number)), "");
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
    puts("  1  that many services pass, each between the hosts of its flows");
    if (any)
        puts("any  everything passes between the hosts of a flow; within a zone, `intra: allow`");
    if (idle)
        puts("  0  nothing passes: the flows there are disabled, expired or held back");
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

static void write_services(FILE *stream, const struct policy *policy, const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_services; i++) {
        fputs(i > 0 ? ", " : "", stream);
        words_service(stream, &policy->services[flow->services[i]], false);
    }
}

/* Why the flow does not pass between the two zones; NULL where it does. */
static const char *hindrance(const struct matrix *matrix, const struct flow *flow, size_t from,
                             size_t to)
{
    if (moment_passes(&matrix->moment, flow, matrix_zone(matrix, from), matrix_zone(matrix, to)))
        return NULL;
    return words_hindrance(moment_flow_state(&matrix->moment, flow));
}

/* `2027-03-31 (suspended)`, `disabled`, `-` */
static void write_until(FILE *stream, const struct policy *policy, const struct flow *flow,
                        const char *word)
{
    if (!flow->enabled || flow->expires == USEC_NEVER) {
        fputs(word ? word : "-", stream);
        return;
    }

    if (flow->has_expires)
        words_date(stream, flow->expires_date);
    else
        words_instant(stream, policy, flow->expires);
    if (word)
        fprintf(stream, " (%s)", word);
}

static int add_flow(struct table *table, const struct matrix_view *view, size_t from, size_t to,
                    size_t index)
{
    const struct flow *flow = &view->matrix->policy->flows[index];
    cleanup_(freep) char *services = NULL, *until = NULL;
    size_t services_size, until_size;
    FILE *stream;

    stream = open_memstream(&services, &services_size);
    if (!stream)
        return -ENOMEM;
    write_services(stream, view->matrix->policy, flow);
    if (fclose(stream) != 0)
        return -ENOMEM;

    stream = open_memstream(&until, &until_size);
    if (!stream)
        return -ENOMEM;
    write_until(stream, view->matrix->policy, flow, hindrance(view->matrix, flow, from, to));
    if (fclose(stream) != 0)
        return -ENOMEM;

    return table_add(table,
                     (const char *[]){name_of(view, from), name_of(view, to), flow->name, services,
                                      until, reply_label(flow->name, flow->label)});
}

static int add_cell(struct table *table, const struct matrix_view *view, size_t from, size_t to)
{
    const struct matrix_cell *cell = matrix_cell(view->matrix, from, to);
    const struct index_list *lists[] = {&cell->flows, &cell->idle};

    for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
        for (size_t j = 0; j < lists[i]->n; j++) {
            int r = add_flow(table, view, from, to, lists[i]->indices[j]);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Says between which zones nothing passes: pairs without a row, or with idle flows only. */
static void print_empty(const struct matrix_view *view, size_t n_rows, size_t n_empty)
{
    size_t n_from = view->from_end - view->from_first, n_to = view->to_end - view->to_first;
    const char *from = n_from == 1 ? name_of(view, view->from_first) : "any zone";
    const char *to = n_to == 1 ? name_of(view, view->to_first) : "any zone";

    if (n_empty == n_from * n_to)
        printf("%snothing passes from %s to %s\n", n_rows > 0 ? "\n" : "", from, to);
    else if (n_empty > 0)
        printf("\nnothing passes between %zu other pairs of zones\n", n_empty);
}

int matrix_print_list(const struct matrix_view *view, bool colour)
{
    static const char *const titles[] = {"FROM", "TO", "FLOW", "SERVICES", "UNTIL", "LABEL"};
    cleanup_(table_freep) struct table *table = NULL;
    size_t n_rows = 0, n_empty = 0;
    int r;

    r = table_new(ELEMENTS_OF(titles), titles, NULL, &table);
    for (size_t from = view->from_first; from < view->from_end; from++) {
        for (size_t to = view->to_first; r == 0 && to < view->to_end; to++) {
            const struct matrix_cell *cell = matrix_cell(view->matrix, from, to);

            n_empty += cell->flows.n == 0;
            n_rows += cell->flows.n + cell->idle.n;
            r = add_cell(table, view, from, to);
        }
    }
    if (r < 0)
        return r;

    if (n_rows > 0)
        table_print(table, stdout, colour);
    print_empty(view, n_rows, n_empty);
    return 0;
}

/* The names of those flows, or services, that a list has. */
static json_t *names_to_json(const struct policy *policy, const struct index_list *list,
                             bool services)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++) {
        size_t index = list->indices[i];

        array = append_json(array, json_string(services ? policy->services[index].name
                                                        : policy->flows[index].name));
    }
    return array;
}

static json_t *cells_to_json(const struct matrix_view *view)
{
    const struct policy *policy = view->matrix->policy;
    json_t *array = json_array();

    for (size_t from = view->from_first; from < view->from_end; from++) {
        for (size_t to = view->to_first; to < view->to_end; to++) {
            const struct matrix_cell *cell = matrix_cell(view->matrix, from, to);
            json_t *object =
                json_pack("{s:s, s:s, s:o, s:o, s:o}", "from", name_of(view, from), "to",
                          name_of(view, to), "flows", names_to_json(policy, &cell->flows, false),
                          "idle", names_to_json(policy, &cell->idle, false), "services",
                          names_to_json(policy, &cell->services, true));

            array = append_json(array, object);
        }
    }
    return array;
}

static json_t *zones_to_json(const struct matrix_view *view)
{
    const struct policy *policy = view->matrix->policy;
    json_t *array = json_array();

    for (size_t i = 0; i < view->matrix->n_zones; i++) {
        size_t zone = matrix_zone(view->matrix, i);
        const char *class =
            zone == ZONE_GATEWAY ? NULL : zone_class_to_string(policy->zones[zone].class);

        array =
            append_json(array, json_pack("{s:s, s:s, s:s?}", "name", policy_zone_name(policy, zone),
                                         "label", policy_zone_label(policy, zone), "class", class));
    }
    return array;
}

json_t *matrix_to_json(const struct matrix_view *view)
{
    return json_pack("{s:o, s:o}", "zones", zones_to_json(view), "cells", cells_to_json(view));
}
