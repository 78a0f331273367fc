/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The zones of a policy against each other: the table by which people judge a separation. A flow
 * is in a cell only where its ends there have an address family in common with each other and
 * with a service, so that a cell with a flow is one that a packet can use.
 */

#include "answer/matrix.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"

static int list_append(struct index_list *list, size_t index)
{
    return array_append(&list->indices, &list->n, &list->capacity, &index, sizeof(index));
}

size_t matrix_zone(const struct matrix *matrix, size_t i)
{
    return i < matrix->policy->n_zones ? i : ZONE_GATEWAY;
}

const struct matrix_cell *matrix_cell(const struct matrix *matrix, size_t from, size_t to)
{
    return &matrix->cells[from * matrix->n_zones + to];
}

/* The cell of two zones, or NULL where the matrix has none: the gateway is not protected. */
static struct matrix_cell *find_cell(struct matrix *matrix, size_t from, size_t to)
{
    size_t row = from == ZONE_GATEWAY ? matrix->policy->n_zones : from;
    size_t column = to == ZONE_GATEWAY ? matrix->policy->n_zones : to;

    if (row >= matrix->n_zones || column >= matrix->n_zones)
        return NULL;
    return &matrix->cells[row * matrix->n_zones + column];
}

static bool range_is_any(const struct service_range *range)
{
    return range->protocol_first == 0 && range->protocol_last == UINT8_MAX &&
           range->port_first == 0 && range->port_last == UINT16_MAX;
}

static int compare_ranges(const struct service_range *a, const struct service_range *b)
{
    return COMPARE(a->protocol_first, b->protocol_first)
               ?: COMPARE(a->families[FAMILY_IPV4], b->families[FAMILY_IPV4])
               ?: COMPARE(a->families[FAMILY_IPV6], b->families[FAMILY_IPV6])
               ?: COMPARE(a->protocol_last, b->protocol_last)
               ?: COMPARE(a->port_first, b->port_first) ?: COMPARE(a->port_last, b->port_last);
}

/* 0 where the two mean the same. */
static int compare_meaning(const struct service *a, const struct service *b)
{
    int r = COMPARE(a->n_ranges, b->n_ranges);

    for (size_t i = 0; r == 0 && i < a->n_ranges; i++)
        r = compare_ranges(&a->ranges[i], &b->ranges[i]);
    return r;
}

static int compare_indices(const void *a, const void *b)
{
    const size_t *x = a, *y = b;

    return COMPARE(*x, *y);
}

/* Those that mean the same become neighbours, in the order of the policy. */
static int compare_services(const void *a, const void *b, void *policy_)
{
    const struct policy *policy = policy_;
    const size_t *x = a, *y = b;

    return compare_meaning(&policy->services[*x], &policy->services[*y]) ?: compare_indices(a, b);
}

/* Keeps one of the services that mean the same. */
static void cell_finish(struct matrix_cell *cell, const struct policy *policy)
{
    size_t *services = cell->services.indices;
    size_t n = 0;

    if (cell->services.n < 2)
        return;

    qsort_r(services, cell->services.n, sizeof(*services), compare_services, (void *)policy);
    for (size_t i = 0; i < cell->services.n; i++) {
        if (n == 0 || compare_meaning(&policy->services[services[n - 1]],
                                      &policy->services[services[i]]) != 0)
            services[n++] = services[i];
    }
    qsort(services, n, sizeof(*services), compare_indices);
    cell->services.n = n;
}

/* Whether the service means something between the two ends; `*ret_any` if it is everything. */
static bool service_connects(const struct service *service, const struct flow_end *from,
                             const struct flow_end *to, bool *ret_any)
{
    bool connects = false;

    *ret_any = false;
    for (size_t i = 0; i < service->n_ranges; i++) {
        for (enum family family = 0; family < FAMILIES; family++) {
            if (!service->ranges[i].families[family] ||
                from->addresses.by_family[family].n_ranges == 0 ||
                to->addresses.by_family[family].n_ranges == 0)
                continue;
            connects = true;
            *ret_any = *ret_any || range_is_any(&service->ranges[i]);
        }
    }
    return connects;
}

static int cell_add(struct matrix_cell *cell, const struct moment *moment, size_t index,
                    const struct flow_end *from, const struct flow_end *to)
{
    const struct policy *policy = moment->policy;
    const struct flow *flow = &policy->flows[index];
    bool live = moment_passes(moment, flow, from->zone, to->zone), connects = false;

    for (size_t i = 0; i < flow->n_services; i++) {
        bool any;
        int r;

        if (!service_connects(&policy->services[flow->services[i]], from, to, &any))
            continue;

        connects = true;
        if (!live)
            break;
        cell->any = cell->any || any;
        r = list_append(&cell->services, flow->services[i]);
        if (r < 0)
            return r;
    }

    if (!connects)
        return 0;
    return list_append(live ? &cell->flows : &cell->idle, index);
}

static int matrix_add_flow(struct matrix *matrix, size_t index)
{
    const struct flow *flow = &matrix->policy->flows[index];

    for (size_t i = 0; i < flow->n_from; i++) {
        for (size_t j = 0; j < flow->n_to; j++) {
            struct matrix_cell *cell = find_cell(matrix, flow->from[i].zone, flow->to[j].zone);
            int r;

            if (!cell)
                continue;
            r = cell_add(cell, &matrix->moment, index, &flow->from[i], &flow->to[j]);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int matrix_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
               struct matrix **ret_matrix)
{
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    int r;

    matrix = calloc(1, sizeof(*matrix));
    if (!matrix)
        return -ENOMEM;

    r = moment_init(&matrix->moment, policy, overrides, now);
    if (r < 0)
        return r;

    matrix->policy = policy;
    matrix->n_zones = policy->n_zones + (policy->gateway_protect ? 1 : 0);
    matrix->cells = calloc(matrix->n_zones * matrix->n_zones + 1, sizeof(*matrix->cells));
    if (!matrix->cells)
        return -ENOMEM;

    for (size_t i = 0; i < policy->n_flows; i++) {
        r = matrix_add_flow(matrix, i);
        if (r < 0)
            return r;
    }

    for (size_t i = 0; i < matrix->n_zones * matrix->n_zones; i++)
        cell_finish(&matrix->cells[i], policy);

    *ret_matrix = TAKE_PTR(matrix);
    return 0;
}

struct matrix *matrix_free(struct matrix *matrix)
{
    if (!matrix)
        return NULL;

    for (size_t i = 0; matrix->cells && i < matrix->n_zones * matrix->n_zones; i++) {
        free(matrix->cells[i].flows.indices);
        free(matrix->cells[i].idle.indices);
        free(matrix->cells[i].services.indices);
    }
    free(matrix->cells);
    moment_clear(&matrix->moment);
    free(matrix);
    return NULL;
}
