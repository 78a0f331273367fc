/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One class: a sweep over the destinations. Between two borders of destination ranges the same
 * parts apply; their services are painted on a line, the first part first, and what is painted is
 * one row for each stretch of one colour. Neighbouring stretches of destinations with the same
 * picture are one. So destinations of different rows are disjoint or equal: the kernel's interval
 * map, whose cost grows with the rows that match its first field, finds few.
 */

#include "diagram/class.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Rows of at most so many points are worth a place each in a hash. */
#ifndef EXPAND_MAX
#define EXPAND_MAX 16
#endif

struct border {
    ip_number at;
    uint32_t member; /* position in `members` */
    bool begins;
};

struct stroke {
    struct service_span span;
    uint32_t flow;
};

struct picture {
    struct stroke *strokes;
    size_t n_strokes;
    size_t capacity;
};

struct painter {
    struct class *class;
    const struct class *classes;
    const struct parts *parts;
    const uint32_t *members;
    struct overlaps *overlaps;
    size_t *budget;
    struct border *borders;
    size_t n_borders;
    uint32_t *active; /* positions in `members`, ascending */
    size_t n_active;
    struct picture picture; /* of the stretch at hand */
    struct picture open;    /* of the stretch begun at open_first and not yet written */
    ip_number open_first;
    ip_number open_last;
    size_t exact_capacity;
    size_t ranges_capacity;
};

static void picture_clear(struct picture *picture)
{
    free(picture->strokes);
    *picture = (struct picture){0};
}

static void painter_clear(struct painter *painter)
{
    free(painter->borders);
    free(painter->active);
    picture_clear(&painter->picture);
    picture_clear(&painter->open);
}

static int compare_borders(const void *a, const void *b)
{
    const struct border *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->member > y->member) - (x->member < y->member);
}

/* A border lies before the first and behind the last address; none lies behind the last of all. */
static int painter_collect_borders(struct painter *painter, size_t n_members)
{
    size_t n = 0;

    for (size_t i = 0; i < n_members; i++)
        n += 2 * painter->parts->parts[painter->members[i]].destinations.n_ranges;

    painter->borders = calloc(n > 0 ? n : 1, sizeof(*painter->borders));
    painter->active = calloc(n_members > 0 ? n_members : 1, sizeof(*painter->active));
    if (!painter->borders || !painter->active)
        return -ENOMEM;

    for (uint32_t i = 0; i < n_members; i++) {
        const struct range_set *set = &painter->parts->parts[painter->members[i]].destinations;

        for (size_t j = 0; j < set->n_ranges; j++) {
            painter->borders[painter->n_borders++] = (struct border){set->ranges[j].first, i, true};
            if (set->ranges[j].last != ~(ip_number)0)
                painter->borders[painter->n_borders++] =
                    (struct border){set->ranges[j].last + 1, i, false};
        }
    }

    qsort(painter->borders, painter->n_borders, sizeof(*painter->borders), compare_borders);
    return 0;
}

static void painter_cross(struct painter *painter, const struct border *border)
{
    size_t low = 0, high = painter->n_active;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (painter->active[middle] < border->member)
            low = middle + 1;
        else
            high = middle;
    }

    if (border->begins) {
        memmove(painter->active + low + 1, painter->active + low,
                (painter->n_active - low) * sizeof(*painter->active));
        painter->active[low] = border->member;
        painter->n_active++;
    } else {
        painter->n_active--;
        memmove(painter->active + low, painter->active + low + 1,
                (painter->n_active - low) * sizeof(*painter->active));
    }
}

static int picture_insert(struct picture *picture, size_t position, struct service_span span,
                          uint32_t flow)
{
    int r = array_reserve(&picture->strokes, &picture->capacity, picture->n_strokes + 1,
                          sizeof(*picture->strokes));

    if (r < 0)
        return r;

    memmove(picture->strokes + position + 1, picture->strokes + position,
            (picture->n_strokes - position) * sizeof(*picture->strokes));
    picture->strokes[position] = (struct stroke){span, flow};
    picture->n_strokes++;
    return 0;
}

/* Paints where nothing has been painted; what was there is the winner. */
static int picture_paint(struct picture *picture, struct service_span span, uint32_t flow,
                         struct overlaps *overlaps)
{
    size_t low = 0, high = picture->n_strokes;
    int r;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (picture->strokes[middle].span.last < span.first)
            low = middle + 1;
        else
            high = middle;
    }

    for (; low < picture->n_strokes && picture->strokes[low].span.first <= span.last; low++) {
        struct stroke there = picture->strokes[low];

        overlaps_note(overlaps, flow, there.flow);
        if (there.span.first > span.first) {
            r = picture_insert(picture, low,
                               (struct service_span){span.first, there.span.first - 1}, flow);
            if (r < 0)
                return r;
            low++;
        }
        if (there.span.last >= span.last)
            return 0;
        span.first = there.span.last + 1;
    }
    return picture_insert(picture, low, span, flow);
}

static bool picture_equal(const struct picture *a, const struct picture *b)
{
    if (a->n_strokes != b->n_strokes)
        return false;

    for (size_t i = 0; i < a->n_strokes; i++) {
        if (a->strokes[i].span.first != b->strokes[i].span.first ||
            a->strokes[i].span.last != b->strokes[i].span.last ||
            a->strokes[i].flow != b->strokes[i].flow)
            return false;
    }
    return true;
}

static int class_add_exact(struct painter *painter, const struct range_row *row)
{
    struct class *class = painter->class;

    for (ip_number d = row->destination.first;; d++) {
        for (service_number s = row->services.first; s <= row->services.last; s++) {
            int r = array_reserve(&class->exact, &painter->exact_capacity, class->n_exact + 1,
                                  sizeof(*class->exact));

            if (r < 0)
                return r;

            class->exact[class->n_exact++] =
                (struct exact_row){.destination = d, .service = s, .flow = row->flow};
        }
        if (d == row->destination.last)
            return 0;
    }
}

static int class_add_row(struct painter *painter, const struct range_row *row)
{
    ip_number destinations = row->destination.last - row->destination.first;
    size_t services = row->services.last - row->services.first + 1;
    struct class *class = painter->class;
    int r;

    if (*painter->budget == 0)
        return -E2BIG;
    (*painter->budget)--;

    if (destinations < EXPAND_MAX && ((size_t)destinations + 1) * services <= EXPAND_MAX)
        return class_add_exact(painter, row);

    r = array_reserve(&class->ranges, &painter->ranges_capacity, class->n_ranges + 1,
                      sizeof(*class->ranges));
    if (r < 0)
        return r;

    class->ranges[class->n_ranges++] = *row;
    return 0;
}

/* What is left of a box of one flow where parents with earlier flows overlap it. */
static int painter_cut(struct painter *painter, uint32_t parent, struct range_row row);

/* Splits the row around a box that the parent's flow owns and goes on with the pieces. */
static int painter_split(struct painter *painter, uint32_t parent, const struct range_row *row,
                         const struct range *destination, const struct service_span *services)
{
    struct range_row piece = *row;
    int r;

    if (destination->first > row->destination.first) {
        piece.destination.last = destination->first - 1;
        r = painter_cut(painter, parent, piece);
        if (r < 0)
            return r;
    }
    if (destination->last < row->destination.last) {
        piece.destination = (struct range){destination->last + 1, row->destination.last};
        r = painter_cut(painter, parent, piece);
        if (r < 0)
            return r;
    }

    piece.destination.first =
        destination->first > row->destination.first ? destination->first : row->destination.first;
    piece.destination.last =
        destination->last < row->destination.last ? destination->last : row->destination.last;
    if (services->first > row->services.first) {
        piece.services = (struct service_span){row->services.first, services->first - 1};
        r = painter_cut(painter, parent, piece);
        if (r < 0)
            return r;
    }
    if (services->last < row->services.last) {
        piece.services = (struct service_span){services->last + 1, row->services.last};
        return painter_cut(painter, parent, piece);
    }
    return 0;
}

/* The first row that, or one before it, has a destination at or behind `address`. */
static size_t find_range(const struct class *class, ip_number address)
{
    size_t low = 0, high = class->n_ranges;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (class->reach[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t find_exact(const struct class *class, ip_number destination, service_number service)
{
    size_t low = 0, high = class->n_exact;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct exact_row *row = &class->exact[middle];

        if (row->destination < destination ||
            (row->destination == destination && row->service < service))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int painter_cut(struct painter *painter, uint32_t parent, struct range_row row)
{
    const struct class *class;

    if (parent == NO_CLASS)
        return class_add_row(painter, &row);
    class = &painter->classes[parent];

    for (size_t i = find_exact(class, row.destination.first, 0); i < class->n_exact; i++) {
        const struct exact_row *there = &class->exact[i];

        if (there->destination > row.destination.last)
            break;
        if (there->service < row.services.first || there->service > row.services.last)
            continue;
        if (there->flow > row.flow) {
            overlaps_note(painter->overlaps, there->flow, row.flow);
        } else if (there->flow < row.flow) {
            overlaps_note(painter->overlaps, row.flow, there->flow);
            return painter_split(painter, parent, &row,
                                 &(struct range){there->destination, there->destination},
                                 &(struct service_span){there->service, there->service});
        }
    }

    for (size_t i = find_range(class, row.destination.first); i < class->n_ranges; i++) {
        const struct range_row *there = &class->ranges[i];

        if (there->destination.first > row.destination.last)
            break;
        if (there->destination.last < row.destination.first ||
            there->services.last < row.services.first || there->services.first > row.services.last)
            continue;
        if (there->flow > row.flow) {
            overlaps_note(painter->overlaps, there->flow, row.flow);
        } else if (there->flow < row.flow) {
            overlaps_note(painter->overlaps, row.flow, there->flow);
            return painter_split(painter, parent, &row, &there->destination, &there->services);
        }
    }

    return painter_cut(painter, class->parent, row);
}

static int painter_close_stretch(struct painter *painter)
{
    for (size_t i = 0; i < painter->open.n_strokes; i++) {
        struct range_row row = {
            .destination = {painter->open_first, painter->open_last},
            .services = painter->open.strokes[i].span,
            .flow = painter->open.strokes[i].flow,
        };
        int r = painter_cut(painter, painter->class->parent, row);

        if (r < 0)
            return r;
    }
    painter->open.n_strokes = 0;
    return 0;
}

/* Paints the destinations from `first` to `last`, which the same parts cover. */
static int painter_stretch(struct painter *painter, ip_number first, ip_number last)
{
    struct picture swap;
    int r;

    if (painter->n_active > *painter->budget)
        return -E2BIG;

    painter->picture.n_strokes = 0;
    for (size_t i = 0; i < painter->n_active; i++) {
        const struct part *part = &painter->parts->parts[painter->members[painter->active[i]]];

        for (size_t j = 0; j < part->n_spans; j++) {
            r = picture_paint(&painter->picture, part->spans[j], part->flow, painter->overlaps);
            if (r < 0)
                return r;
        }
    }

    if (painter->open.n_strokes > 0 && painter->open_last + 1 == first &&
        picture_equal(&painter->open, &painter->picture)) {
        painter->open_last = last;
        return 0;
    }

    r = painter_close_stretch(painter);
    if (r < 0)
        return r;

    swap = painter->open;
    painter->open = painter->picture;
    painter->picture = swap;
    painter->open_first = first;
    painter->open_last = last;
    return 0;
}

static int painter_sweep(struct painter *painter)
{
    size_t i = 0;

    while (i < painter->n_borders) {
        ip_number first = painter->borders[i].at;
        ip_number last;
        int r;

        for (; i < painter->n_borders && painter->borders[i].at == first; i++)
            painter_cross(painter, &painter->borders[i]);
        last = i < painter->n_borders ? painter->borders[i].at - 1 : ~(ip_number)0;

        if (painter->n_active == 0)
            continue;
        r = painter_stretch(painter, first, last);
        if (r < 0)
            return r;
    }
    return painter_close_stretch(painter);
}

static int compare_exact(const void *a, const void *b)
{
    const struct exact_row *x = a, *y = b;

    if (x->destination != y->destination)
        return x->destination < y->destination ? -1 : 1;
    return (x->service > y->service) - (x->service < y->service);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range_row *x = a, *y = b;

    if (x->destination.first != y->destination.first)
        return x->destination.first < y->destination.first ? -1 : 1;
    return (x->services.first > y->services.first) - (x->services.first < y->services.first);
}

static int class_sort(struct class *class)
{
    if (class->n_exact > 1)
        qsort(class->exact, class->n_exact, sizeof(*class->exact), compare_exact);
    if (class->n_ranges == 0)
        return 0;
    qsort(class->ranges, class->n_ranges, sizeof(*class->ranges), compare_ranges);

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

int class_fill(struct class *class, const struct class *classes, const struct parts *parts,
               const uint32_t *members, size_t n_members, struct overlaps *overlaps, size_t *budget,
               uint32_t *ret_culprit)
{
    cleanup_(painter_clear) struct painter painter = {
        .class = class,
        .classes = classes,
        .parts = parts,
        .members = members,
        .overlaps = overlaps,
        .budget = budget,
    };
    int r;

    r = painter_collect_borders(&painter, n_members);
    if (r < 0)
        return r;

    r = painter_sweep(&painter);
    if (r < 0) {
        if (r == -E2BIG && n_members > 0)
            *ret_culprit = parts->parts[members[n_members - 1]].flow;
        return r;
    }

    return class_sort(class);
}

void class_clear(struct class *class)
{
    free(class->exact);
    free(class->ranges);
    free(class->reach);
    *class = (struct class){0};
}

uint32_t class_decide(const struct class *class, ip_number destination, service_number service,
                      enum decided_by *ret_by)
{
    size_t i = find_exact(class, destination, service);

    if (i < class->n_exact && class->exact[i].destination == destination &&
        class->exact[i].service == service) {
        *ret_by = DECIDED_BY_CLASS_EXACT;
        return class->exact[i].flow;
    }

    for (i = find_range(class, destination); i < class->n_ranges; i++) {
        const struct range_row *row = &class->ranges[i];

        if (row->destination.first > destination)
            break;
        if (destination <= row->destination.last && service >= row->services.first &&
            service <= row->services.last) {
            *ret_by = DECIDED_BY_CLASS_RANGES;
            return row->flow;
        }
    }
    return NO_FLOW;
}
