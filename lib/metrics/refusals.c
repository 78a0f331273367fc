/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets by reason and zones. segd tells of those that were refused; a rate can only be
 * seen of what was 0 before, so that each zone and pair of zones that may come is there as 0.
 */

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/compare.h"
#include "base/reason.h"
#include "metrics/metrics.h"

struct list {
    struct refused *rows;
    size_t n, capacity;
};

static int add(struct list *list, const struct refused *row)
{
    return array_append(&list->rows, &list->n, &list->capacity, row, sizeof(*row));
}

static int add_zeros(struct list *list, const struct status_reply *status, const char *from)
{
    const bool pairs = status->n_zones <= METRICS_ZERO_ZONES_MAX;
    int r = 0;

    for (enum reason reason = REASON_NONE + 1; r == 0 && reason < REASONS; reason++) {
        struct refused row = {reason_to_string(reason), from, "", "", 0, 0};

        if (reason_detail(reason) == REASON_DETAIL_ZONE)
            r = add(list, &row);
        for (size_t i = 0; r == 0 && pairs && i < status->n_zones; i++) {
            row.to = status->zones[i].name;
            if (reason_detail(reason) == REASON_DETAIL_PAIR && strcmp(from, row.to) != 0)
                r = add(list, &row);
        }
    }
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct refused *x = a, *y = b;

    return strcmp(x->reason, y->reason)
               ?: strcmp(x->from, y->from) ?: strcmp(x->to, y->to) ?: strcmp(x->flow, y->flow);
}

/* Rows of one key become one, with their sum. */
static void join(struct list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (n > 0 && compare(&list->rows[n - 1], &list->rows[i]) == 0) {
            list->rows[n - 1].packets += list->rows[i].packets;
            list->rows[n - 1].bytes += list->rows[i].bytes;
        } else {
            list->rows[n++] = list->rows[i];
        }
    }
    list->n = n;
}

int metrics_list_refused(const struct metrics *metrics, struct refused **ret_list, size_t *ret_n)
{
    const struct status_reply *status = &metrics->status;
    struct list list = {0};
    int r = add(&list, &(struct refused){"lockdown", "", "", "", 0, 0});

    if (r == 0)
        r = add(&list, &(struct refused){"unknown-interface", "", "", "", 0, 0});
    for (size_t i = 0; r == 0 && i < status->n_zones && i < METRICS_ZONES_MAX; i++)
        r = add_zeros(&list, status, status->zones[i].name);
    for (size_t i = 0; r == 0 && i < metrics->drops.n_drops; i++) {
        const struct wire_drop *drop = &metrics->drops.drops[i];

        r = add(&list, &(struct refused){drop->reason, drop->from ? drop->from : "",
                                         drop->to ? drop->to : "", drop->flow ? drop->flow : "",
                                         drop->packets, drop->bytes});
    }
    if (r < 0) {
        free(list.rows);
        return r;
    }

    qsort(list.rows, list.n, sizeof(*list.rows), compare);
    join(&list);
    *ret_list = list.rows;
    *ret_n = list.n;
    return 0;
}
