/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A plane sweep (de Berg and others, "Computational Geometry", chapter 2): borders sorted along the
 * axis, and a list of the parts that are active between two of them. The active parts are kept in
 * order, so that adding them to the map needs no sorting. A stretch is written only when the next
 * one differs, so that ranges which lie side by side and mean the same become one cell.
 */

#include "diagram/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/interval_map.h"

struct border {
    ip_number at;
    uint32_t member; /* position in `members` */
    bool begins;
};

struct sweep {
    const struct parts *parts;
    const uint32_t *members;
    enum sweep_axis axis;
    size_t *work;
    struct overlaps *overlaps;
    sweep_handler handler;
    void *userdata;
    struct border *borders;
    size_t n_borders;
    uint32_t *active; /* positions in `members`, ascending */
    size_t n_active;
    struct interval_map current; /* of the stretch at hand */
    struct interval_map open;    /* of the stretch begun at open_range and not yet written */
    struct range open_range;
};

static void sweep_clear(struct sweep *sweep)
{
    free(sweep->borders);
    free(sweep->active);
    interval_map_clear(&sweep->current);
    interval_map_clear(&sweep->open);
}

/* The ranges of a part on an axis, one after the other. */
static size_t part_count(const struct part *part, enum sweep_axis axis)
{
    return axis == SWEEP_DESTINATIONS ? part->destinations.n_ranges : part->n_spans;
}

static struct range part_range(const struct part *part, enum sweep_axis axis, size_t i)
{
    if (axis == SWEEP_DESTINATIONS)
        return part->destinations.ranges[i];
    return (struct range){part->spans[i].first, part->spans[i].last};
}

static enum sweep_axis other_axis(enum sweep_axis axis)
{
    return axis == SWEEP_DESTINATIONS ? SWEEP_SERVICES : SWEEP_DESTINATIONS;
}

static int compare_borders(const void *a, const void *b)
{
    const struct border *x = a, *y = b;

    return COMPARE(x->at, y->at) ?: COMPARE(x->member, y->member);
}

/* A border is at the first value of a range and at the one after its last; at none after the last
 * value of all. */
static int sweep_collect_borders(struct sweep *sweep, size_t n_members)
{
    size_t n = 0;

    for (size_t i = 0; i < n_members; i++)
        n += 2 * part_count(&sweep->parts->parts[sweep->members[i]], sweep->axis);

    sweep->borders = calloc(n > 0 ? n : 1, sizeof(*sweep->borders));
    sweep->active = calloc(n_members > 0 ? n_members : 1, sizeof(*sweep->active));
    if (!sweep->borders || !sweep->active)
        return -ENOMEM;

    for (uint32_t i = 0; i < n_members; i++) {
        const struct part *part = &sweep->parts->parts[sweep->members[i]];

        for (size_t j = 0; j < part_count(part, sweep->axis); j++) {
            struct range range = part_range(part, sweep->axis, j);

            sweep->borders[sweep->n_borders++] = (struct border){range.first, i, true};
            if (range.last != ~(ip_number)0)
                sweep->borders[sweep->n_borders++] = (struct border){range.last + 1, i, false};
        }
    }

    qsort(sweep->borders, sweep->n_borders, sizeof(*sweep->borders), compare_borders);
    return 0;
}

static void sweep_cross(struct sweep *sweep, const struct border *border)
{
    size_t place = BISECT(sweep->n_active, i, sweep->active[i] < border->member);
    uint32_t *at = sweep->active + place;

    if (border->begins) {
        memmove(at + 1, at, (sweep->n_active - place) * sizeof(*at));
        *at = border->member;
        sweep->n_active++;
    } else {
        sweep->n_active--;
        memmove(at, at + 1, (sweep->n_active - place) * sizeof(*at));
    }
}

static int sweep_work(struct sweep *sweep, size_t work)
{
    if (work > *sweep->work)
        return -E2BIG;

    *sweep->work -= work;
    return 0;
}

static int sweep_close_stretch(struct sweep *sweep)
{
    int r = sweep_work(sweep, sweep->open.n_intervals);

    for (size_t i = 0; r >= 0 && i < sweep->open.n_intervals; i++) {
        const struct interval *interval = &sweep->open.intervals[i];
        const struct range *destination = &sweep->open_range, *services = &interval->range;

        if (sweep->axis == SWEEP_SERVICES) {
            destination = &interval->range;
            services = &sweep->open_range;
        }
        r = sweep->handler(
            &(struct range_row){
                .destination = *destination,
                .services = {(service_number)services->first, (service_number)services->last},
                .flow = interval->flow,
            },
            sweep->userdata);
    }
    sweep->open.n_intervals = 0;
    return r;
}

/* Maps the stretch, which the active parts cover. */
static int sweep_stretch(struct sweep *sweep, struct range stretch)
{
    enum sweep_axis across = other_axis(sweep->axis);
    struct interval_map swap;
    int r;

    sweep->current.n_intervals = 0;
    for (size_t i = 0; i < sweep->n_active; i++) {
        const struct part *part = &sweep->parts->parts[sweep->members[sweep->active[i]]];

        r = sweep_work(sweep, part_count(part, across));
        for (size_t j = 0; r == 0 && j < part_count(part, across); j++)
            r = interval_map_add(&sweep->current, part_range(part, across, j), part->flow,
                                 sweep->overlaps);
        if (r < 0)
            return r;
    }

    if (sweep->open.n_intervals > 0 && sweep->open_range.last + 1 == stretch.first &&
        interval_map_equal(&sweep->open, &sweep->current)) {
        sweep->open_range.last = stretch.last;
        return 0;
    }

    r = sweep_close_stretch(sweep);
    if (r < 0)
        return r;

    swap = sweep->open;
    sweep->open = sweep->current;
    sweep->current = swap;
    sweep->open_range = stretch;
    return 0;
}

int sweep_parts(const struct parts *parts, const uint32_t *members, size_t n_members,
                enum sweep_axis axis, size_t *work, struct overlaps *overlaps,
                sweep_handler handler, void *userdata)
{
    cleanup_(sweep_clear) struct sweep sweep = {
        .parts = parts,
        .members = members,
        .axis = axis,
        .work = work,
        .overlaps = overlaps,
        .handler = handler,
        .userdata = userdata,
    };
    size_t i = 0;
    int r = sweep_collect_borders(&sweep, n_members);

    if (r < 0)
        return r;

    while (i < sweep.n_borders) {
        struct range stretch = {sweep.borders[i].at, ~(ip_number)0};

        r = sweep_work(&sweep, 1);
        if (r < 0)
            return r;
        for (; i < sweep.n_borders && sweep.borders[i].at == stretch.first; i++)
            sweep_cross(&sweep, &sweep.borders[i]);
        if (i < sweep.n_borders)
            stretch.last = sweep.borders[i].at - 1;

        if (sweep.n_active == 0)
            continue;
        r = sweep_stretch(&sweep, stretch);
        if (r < 0)
            return r;
    }
    return sweep_close_stretch(&sweep);
}
