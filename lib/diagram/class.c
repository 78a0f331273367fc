/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One class: the cells of its parts, less what earlier flows of its parents own, as rows. Parts are
 * swept along the destinations, so that the rows that match a packet's destination are few. Where
 * wide destinations overlap in many ways that would give far more rows than the policy has; then
 * they are swept along the services, which keeps the rows few and lets more of them match.
 */

#include "diagram/class.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "diagram/subtraction.h"
#include "diagram/sweep.h"

/* Rows of at most so many points are worth a place each in a hash. */
#ifndef EXPAND_MAX
#define EXPAND_MAX 16
#endif

/* The axis that is tried first. */
#ifndef FIRST_AXIS
#define FIRST_AXIS SWEEP_DESTINATIONS
#endif
/* A sweep may do so many times the work that the parts are worth, and so much anyway, before the
 * other axis is tried. */
#define SWEEP_FACTOR 8
#define SWEEP_FREE 4096

struct filler {
    struct class *class;
    struct build *build;
    const uint32_t *members;
    size_t n_members;
    struct subtraction subtraction;
    size_t rows_left;
    size_t exact_capacity;
    size_t ranges_capacity;
};

static int class_add_exact(struct class *class, size_t *capacity, const struct range_row *row)
{
    for (ip_number d = row->destination.first;; d++) {
        for (service_number s = row->services.first; s <= row->services.last; s++) {
            const struct exact_row exact = {.destination = d, .service = s, .flow = row->flow};
            int r = array_append(&class->exact, &class->n_exact, capacity, &exact, sizeof(exact));

            if (r < 0)
                return r;
        }
        if (d == row->destination.last)
            return 0;
    }
}

/* True where the row has at most `limit` points. */
static bool row_is_small(const struct range_row *row, size_t limit)
{
    ip_number destinations = row->destination.last - row->destination.first;
    size_t services = row->services.last - row->services.first + 1;

    return destinations < limit && ((size_t)destinations + 1) * services <= limit;
}

static int class_add_row(struct filler *filler, const struct range_row *row)
{
    struct class *class = filler->class;

    if (filler->rows_left == 0)
        return -E2BIG;
    filler->rows_left--;

    if (row_is_small(row, 1))
        return class_add_exact(class, &filler->exact_capacity, row);

    return array_append(&class->ranges, &class->n_ranges, &filler->ranges_capacity, row,
                        sizeof(*row));
}

/* The class is looked up before its parents: what an earlier flow of a parent owns must not be in
 * it. */
static bool filler_yields(uint32_t there, uint32_t flow, void *userdata)
{
    const struct filler *filler = userdata;

    if (there > flow)
        overlaps_note(&filler->build->overlaps, there, flow);
    else if (there < flow)
        overlaps_note(&filler->build->overlaps, flow, there);
    return there < flow;
}

static int filler_keep(const struct range_row *piece, void *userdata)
{
    return class_add_row(userdata, piece);
}

static int filler_subtract(const struct range_row *cell, void *userdata)
{
    struct filler *filler = userdata;

    return subtraction_run(&filler->subtraction, filler->class->parent, cell);
}

static int class_sort(struct class *class)
{
    if (class->n_exact > 1)
        qsort(class->exact, class->n_exact, sizeof(*class->exact), exact_row_compare);
    if (class->n_ranges == 0)
        return 0;
    qsort(class->ranges, class->n_ranges, sizeof(*class->ranges), range_row_compare);

    free(class->reach);
    class->reach = calloc(class->n_ranges, sizeof(*class->reach));
    if (!class->reach)
        return -ENOMEM;

    for (size_t i = 0; i < class->n_ranges; i++) {
        class->reach[i] = class->ranges[i].destination.last;
        if (i > 0 && class->reach[i - 1] > class->reach[i])
            class->reach[i] = class->reach[i - 1];
    }
    return 0;
}

/* Fills the class by one sweep, which may do so much work. */
static int filler_sweep(struct filler *filler, enum sweep_axis axis, size_t work_max)
{
    struct build *build = filler->build;
    struct class *class = filler->class;
    size_t allowed = work_max < build->work_left ? work_max : build->work_left, work = allowed;
    int r;

    free(class->exact);
    free(class->ranges);
    class->exact = NULL;
    class->ranges = NULL;
    class->n_exact = class->n_ranges = 0;
    filler->exact_capacity = filler->ranges_capacity = 0;
    filler->rows_left = build->rows_left;

    r = sweep_parts(&build->parts, filler->members, filler->n_members, axis, &work,
                    &build->overlaps, filler_subtract, filler);
    work = allowed - work;
    build->work_left -= work < build->work_left ? work : build->work_left;
    if (r == 0)
        build->rows_left = filler->rows_left;
    return r;
}

int class_fill(struct class *class, const struct class *classes, const uint32_t *members,
               size_t n_members, struct build *build)
{
    struct filler filler = {
        .class = class,
        .build = build,
        .members = members,
        .n_members = n_members,
        .subtraction = {.classes = classes,
                        .end = NO_CLASS,
                        .takes = filler_yields,
                        .left = filler_keep,
                        .userdata = &filler,
                        .steps = &build->work_left},
    };
    size_t work = SWEEP_FREE;
    int r;

    for (size_t i = 0; i < n_members; i++)
        work += SWEEP_FACTOR * part_weight(&build->parts.parts[members[i]]);

    r = filler_sweep(&filler, FIRST_AXIS, work);
    if (r == -E2BIG)
        r = filler_sweep(&filler, SWEEP_SERVICES, work);
    if (r == -E2BIG)
        r = filler_sweep(&filler, SWEEP_DESTINATIONS, build->work_left);
    if (r == -E2BIG && n_members > 0)
        build->culprit = build->parts.parts[members[n_members - 1]].flow;
    subtraction_clear(&filler.subtraction);
    return r < 0 ? r : class_sort(class);
}

int class_expand(struct class *class)
{
    size_t capacity = class->n_exact, n = 0;

    for (size_t i = 0; i < class->n_ranges; i++) {
        int r;

        if (!row_is_small(&class->ranges[i], EXPAND_MAX)) {
            class->ranges[n++] = class->ranges[i];
            continue;
        }
        r = class_add_exact(class, &capacity, &class->ranges[i]);
        if (r < 0)
            return r;
    }

    class->n_ranges = n;
    return class_sort(class);
}
