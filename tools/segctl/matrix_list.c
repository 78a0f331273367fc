/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The matrix flow by flow: for people a table with a line for each, so that `grep` works on it;
 * for programs a cell for each pair of zones, also those with no flow.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "loaded.h"
#include "matrix.h"
#include "words.h"

enum {
    COLUMN_FROM,
    COLUMN_TO,
    COLUMN_FLOW,
    COLUMN_SERVICES,
    COLUMN_UNTIL,
    COLUMN_LABEL,
    COLUMNS,
};

static const char *zone_name(const struct matrix_view *view, size_t i)
{
    return policy_zone_name(view->matrix->policy, matrix_zone(view->matrix, i));
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
                     (const char *[COLUMNS]){
                         [COLUMN_FROM] = zone_name(view, from),
                         [COLUMN_TO] = zone_name(view, to),
                         [COLUMN_FLOW] = flow->name,
                         [COLUMN_SERVICES] = services,
                         [COLUMN_UNTIL] = until,
                         [COLUMN_LABEL] = strcmp(flow->label, flow->name) == 0 ? NULL : flow->label,
                     });
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
    const char *from = n_from == 1 ? zone_name(view, view->from_first) : "any zone";
    const char *to = n_to == 1 ? zone_name(view, view->to_first) : "any zone";

    if (n_empty == n_from * n_to)
        printf("%snothing passes from %s to %s\n", n_rows > 0 ? "\n" : "", from, to);
    else if (n_empty > 0)
        printf("\nnothing passes between %zu other pairs of zones\n", n_empty);
}

int matrix_print_list(const struct matrix_view *view, bool colour)
{
    static const char *const titles[COLUMNS] = {"FROM", "TO", "FLOW", "SERVICES", "UNTIL", "LABEL"};
    cleanup_(table_freep) struct table *table = NULL;
    size_t n_rows = 0, n_empty = 0;
    int r;

    r = table_new(COLUMNS, titles, NULL, &table);
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

static json_t *flows_to_json(const struct matrix_view *view, const struct index_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++)
        array = append_json(array, json_string(view->matrix->policy->flows[list->indices[i]].name));
    return array;
}

static json_t *services_to_json(const struct matrix_view *view, const struct index_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++)
        array =
            append_json(array, json_string(view->matrix->policy->services[list->indices[i]].name));
    return array;
}

static json_t *cells_to_json(const struct matrix_view *view)
{
    json_t *array = json_array();

    for (size_t from = view->from_first; from < view->from_end; from++) {
        for (size_t to = view->to_first; to < view->to_end; to++) {
            const struct matrix_cell *cell = matrix_cell(view->matrix, from, to);
            json_t *object =
                json_pack("{s:s, s:s, s:o, s:o, s:o}", "from", zone_name(view, from), "to",
                          zone_name(view, to), "flows", flows_to_json(view, &cell->flows), "idle",
                          flows_to_json(view, &cell->idle), "services",
                          services_to_json(view, &cell->services));

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
