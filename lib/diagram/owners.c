/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which flows own packets is written in the diagram: a row that is looked up before all others for
 * some packet gives that packet to its flow. So the tables are read instead of trying packets:
 *
 * - a point of the pair is looked up first: its flow owns it;
 * - a row of the pool, or of a class for the sources of that class, owns what no point of the pair
 *   is; since points and rows of a table are disjoint, each point is met once;
 * - a row of a parent owns what the tables of the classes before it leave. Subtracting them is
 *   worth its time only for flows that the other tables do not show, and those are few.
 */

#include "diagram/owners.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "diagram/subtraction.h"

struct search {
    size_t *steps;
    bool *owns;
    const struct pair *pair;
    /* The pair's sources by class: those of a class begin at its entry of `first`. */
    uint32_t *sources;
    size_t *first;
    /* Rows of classes whose flows are not yet known to own a packet; those of a class begin at its
     * entry of `first_pending`. */
    struct range_row *pending;
    size_t n_pending;
    size_t pending_capacity;
    size_t *first_pending;
    uint32_t class; /* whose sources are looked at, while `subtraction` runs */
    struct subtraction subtraction;
};

static void search_leave_pair(struct search *search)
{
    free(search->sources);
    free(search->first);
    free(search->pending);
    free(search->first_pending);
    subtraction_clear(&search->subtraction);
    *search = (struct search){.steps = search->steps, .owns = search->owns};
}

static int search_step(struct search *search)
{
    if (*search->steps == 0)
        return -E2BIG;

    (*search->steps)--;
    return 0;
}

/* 1 where the services of a destination are not all points of the pair. */
static int services_are_left(struct search *search, ip_number source, ip_number destination,
                             const struct service_span *services)
{
    for (service_number service = services->first; service <= services->last; service++) {
        int r = search_step(search);

        if (r < 0)
            return r;
        if (!pair_has_point(search->pair, source, destination, service))
            return 1;
    }
    return 0;
}

/* 1 where not every packet of the box is a point of the pair, 0 where each is. */
static int box_is_left(struct search *search, const struct range_row *box)
{
    for (ip_number source = box->source.first;; source++) {
        for (ip_number destination = box->destination.first;; destination++) {
            int r = services_are_left(search, source, destination, &box->services);

            if (r != 0)
                return r;
            if (destination == box->destination.last)
                break;
        }
        if (source == box->source.last)
            return 0;
    }
}

/* The same for a row and all the sources of a class. */
static int row_is_left(struct search *search, uint32_t class, const struct range_row *row)
{
    struct range_row box = *row;

    for (size_t i = search->first[class]; i < search->first[class + 1]; i++) {
        int r;

        box.source = search->pair->sources[search->sources[i]].source;
        r = box_is_left(search, &box);
        if (r != 0)
            return r;
    }
    return 0;
}

static int search_sort_sources(struct search *search)
{
    const struct pair *pair = search->pair;
    cleanup_(freep) size_t *next = NULL;

    search->sources = calloc(pair->n_sources + 1, sizeof(*search->sources));
    search->first = calloc(pair->n_classes + 1, sizeof(*search->first));
    search->first_pending = calloc(pair->n_classes + 1, sizeof(*search->first_pending));
    next = calloc(pair->n_classes + 1, sizeof(*next));
    if (!search->sources || !search->first || !search->first_pending || !next)
        return -ENOMEM;

    for (size_t i = 0; i < pair->n_sources; i++)
        search->first[pair->sources[i].class + 1]++;
    for (size_t i = 0; i < pair->n_classes; i++)
        next[i + 1] = search->first[i + 1] += search->first[i];
    for (uint32_t i = 0; i < pair->n_sources; i++)
        search->sources[next[pair->sources[i].class]++] = i;
    return 0;
}

/* Marks the flow of a row of a class, or keeps the row for later. */
static int search_class_row(struct search *search, uint32_t class, const struct range_row *row)
{
    int r;

    if (search->owns[row->flow])
        return 0;

    r = row_is_left(search, class, row);
    if (r < 0)
        return r;
    if (r > 0) {
        search->owns[row->flow] = true;
        return 0;
    }

    return array_append(&search->pending, &search->n_pending, &search->pending_capacity, row,
                        sizeof(*row));
}

static int search_class(struct search *search, uint32_t index)
{
    const struct class *class = &search->pair->classes[index];

    for (size_t i = 0; i < class->n_exact + class->n_ranges; i++) {
        const struct range_row row = class_row(class, i);
        int r = search_class_row(search, index, &row);

        if (r < 0)
            return r;
    }
    return 0;
}

/* All that classes do not share. */
static int search_tables(struct search *search)
{
    const struct pair *pair = search->pair;

    for (size_t i = 0; i < pair->n_exact; i++)
        search->owns[pair->exact[i].flow] = true;

    for (size_t i = 0; i < pair->n_pool; i++) {
        const struct range_row *row = &pair->pool[i];
        int r = search->owns[row->flow] ? 0 : box_is_left(search, row);

        if (r < 0)
            return r;
        search->owns[row->flow] |= r > 0;
    }

    for (uint32_t i = 0; i < pair->n_classes; i++) {
        int r = search_class(search, i);

        if (r < 0)
            return r;
        search->first_pending[i + 1] = search->n_pending;
    }
    return 0;
}

static int search_keep_piece(const struct range_row *piece, void *userdata)
{
    struct search *search = userdata;
    int r = row_is_left(search, search->class, piece);

    if (r > 0)
        search->owns[piece->flow] = true;
    return r;
}

/* What the classes from `search->class` up to `parent` leave of the pending rows of the parent. */
static int search_parent(struct search *search, uint32_t parent)
{
    search->subtraction.end = parent;
    for (size_t i = search->first_pending[parent]; i < search->first_pending[parent + 1]; i++) {
        const struct range_row *row = &search->pending[i];
        int r = search_step(search);

        if (r < 0)
            return r;
        if (search->owns[row->flow])
            continue;

        r = subtraction_run(&search->subtraction, search->class, row);
        if (r < 0)
            return r;
    }
    return 0;
}

static int search_parents(struct search *search)
{
    const struct pair *pair = search->pair;

    search->subtraction = (struct subtraction){
        .classes = pair->classes,
        .left = search_keep_piece,
        .userdata = search,
        .steps = search->steps,
    };

    for (uint32_t i = 0; i < pair->n_classes; i++) {
        if (search->first[i] == search->first[i + 1])
            continue;

        search->class = i;
        for (uint32_t parent = pair->classes[i].parent; parent != NO_CLASS;
             parent = pair->classes[parent].parent) {
            int r = search_parent(search, parent);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int search_pair(struct search *search, const struct pair *pair)
{
    int r;

    search->pair = pair;
    r = search_sort_sources(search);
    if (r == 0)
        r = search_tables(search);
    if (r == 0 && search->n_pending > 0)
        r = search_parents(search);
    search_leave_pair(search);
    return r;
}

int owners_find(const struct diagram *diagram, const struct diagram *instead, size_t *steps,
                bool owns[])
{
    struct search search = {.steps = steps, .owns = owns};

    for (size_t i = 0; i < diagram->n_pairs; i++) {
        const struct pair *pair = &diagram->pairs[i];
        const struct pair *other =
            instead ? diagram_find_pair(instead, pair->from, pair->to, pair->family) : NULL;
        int r = search_pair(&search, other ? other : pair);

        if (r < 0)
            return r;
    }
    return 0;
}
