/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pair of segments in one family. Flows of few points, which a real policy is mostly made of,
 * become points in one hash; the others go by their sources into classes. A class that is small and
 * whose sources are few is not worth a chain of its own: its rows go into the pool, one interval
 * map with the source as first field. Sources of different classes are disjoint, so that of the
 * pool's rows only those of one class match a packet's source: its cost does not grow with the
 * policy.
 */

#include "diagram/pair.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "diagram/boxes.h"
#include "diagram/class.h"
#include "diagram/source_tree.h"

/* A part of at most so many points becomes points. */
#ifndef POINTS_MAX
#define POINTS_MAX 64
#endif
/* A class of at most so many rows, counted for each of its source ranges, goes into the pool. */
#ifndef POOL_ROWS_MAX
#define POOL_ROWS_MAX 16
#endif
/* Classes of a pair may have so many rows, and take so many steps to make, for each range of
 * sources, destinations and services of its flows, and so many anyway. */
#ifndef CLASS_ROWS_FACTOR
#define CLASS_ROWS_FACTOR 16
#endif
#ifndef CLASS_ROWS_FREE
#define CLASS_ROWS_FREE 16384
#endif
#define CLASS_WORK_FACTOR 64
#define CLASS_WORK_FREE ((size_t)1000 * 1000)
/* More boxes than this are not worth an interval map, which is asked row by row. */
#define BOXES_MAX 65536

struct builder {
    struct pair *pair;
    struct build *build;
    size_t exact_capacity;
    size_t pool_capacity;
};

static int builder_add_point(struct builder *builder, const struct exact_row *row)
{
    struct pair *pair = builder->pair;

    if (builder->build->rows_left == 0)
        return -E2BIG;
    builder->build->rows_left--;

    return array_append(&pair->exact, &pair->n_exact, &builder->exact_capacity, row, sizeof(*row));
}

static int builder_add_services(struct builder *builder, const struct part *part,
                                struct exact_row row)
{
    for (size_t i = 0; i < part->n_spans; i++) {
        for (row.service = part->spans[i].first; row.service <= part->spans[i].last;
             row.service++) {
            int r = builder_add_point(builder, &row);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int builder_add_destinations(struct builder *builder, const struct part *part,
                                    struct exact_row row)
{
    for (size_t i = 0; i < part->destinations.n_ranges; i++) {
        struct range range = part->destinations.ranges[i];

        for (ip_number n = 0; n <= range.last - range.first; n++) {
            int r;

            row.destination = range.first + n;
            r = builder_add_services(builder, part, row);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int builder_add_points(struct builder *builder, const struct part *part)
{
    struct exact_row row = {.flow = part->flow};

    for (size_t i = 0; i < part->sources.n_ranges; i++) {
        struct range range = part->sources.ranges[i];

        for (ip_number n = 0; n <= range.last - range.first; n++) {
            int r;

            row.source = range.first + n;
            r = builder_add_destinations(builder, part, row);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int builder_pool_row(struct builder *builder, const struct range_row *row)
{
    struct pair *pair = builder->pair;

    if (row->source.first == row->source.last && row->destination.first == row->destination.last &&
        row->services.first == row->services.last)
        return builder_add_point(builder,
                                 &(struct exact_row){row->source.first, row->destination.first,
                                                     row->services.first, row->flow});

    return array_append(&pair->pool, &pair->n_pool, &builder->pool_capacity, row, sizeof(*row));
}

static int builder_pool_class(struct builder *builder, const struct class *class,
                              struct range source)
{
    for (size_t i = 0; i < class->n_exact + class->n_ranges; i++) {
        struct range_row row = class_row(class, i);
        int r;

        row.source = source;
        r = builder_pool_row(builder, &row);
        if (r < 0)
            return r;
    }
    return 0;
}

static int builder_fill_classes(struct builder *builder, const struct source_plan *plan)
{
    struct pair *pair = builder->pair;

    pair->classes = calloc(plan->n_classes > 0 ? plan->n_classes : 1, sizeof(*pair->classes));
    if (!pair->classes)
        return -ENOMEM;

    for (size_t i = 0; i < plan->n_classes; i++) {
        const struct class_plan *planned = &plan->classes[i];
        struct class *class = &pair->classes[i];
        int r;

        pair->n_classes++;
        class->first_source = planned->first_source;
        class->parent = planned->parent;
        r = class_fill(class, pair->classes, planned->members, planned->n_members, builder->build);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Moves small classes into the pool; `kept` gets the new index of each class, or NO_CLASS. */
static int builder_pool(struct builder *builder, const struct source_plan *plan, uint32_t *kept)
{
    struct pair *pair = builder->pair;
    cleanup_(freep) size_t *n_sources = calloc(plan->n_classes, sizeof(*n_sources));
    uint32_t n_kept = 0;

    if (!n_sources)
        return -ENOMEM;

    for (size_t i = 0; i < plan->n_sources; i++)
        n_sources[plan->sources[i].class]++;

    for (size_t i = 0; i < plan->n_classes; i++) {
        const struct class *class = &pair->classes[i];
        size_t rows = class->n_exact + class->n_ranges;
        bool pooled = !plan->classes[i].is_parent && class->parent == NO_CLASS &&
                      n_sources[i] * rows <= POOL_ROWS_MAX;

        kept[i] = pooled ? NO_CLASS : n_kept++;
    }

    for (size_t i = 0; i < plan->n_sources; i++) {
        const struct source_row *row = &plan->sources[i];
        int r;

        if (kept[row->class] != NO_CLASS)
            continue;
        r = builder_pool_class(builder, &pair->classes[row->class], row->source);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Drops the pooled classes and numbers those that share their first source. 0 or -ENOMEM. */
static int builder_compact(struct builder *builder, const uint32_t *kept)
{
    struct pair *pair = builder->pair;
    size_t n = 0;

    for (size_t i = 0; i < pair->n_classes; i++) {
        int r = kept[i] == NO_CLASS ? 0 : class_expand(&pair->classes[i]);

        if (r < 0)
            return r;
    }

    for (size_t i = 0; i < pair->n_classes; i++) {
        if (kept[i] == NO_CLASS) {
            class_clear(&pair->classes[i]);
            continue;
        }
        pair->classes[n] = pair->classes[i];
        if (pair->classes[n].parent != NO_CLASS)
            pair->classes[n].parent = kept[pair->classes[n].parent];
        n++;
    }
    pair->n_classes = n;

    /* Classes come in the order of a walk, so those with one first source are neighbours, the
     * outermost first. */
    for (size_t i = 1; i < n; i++) {
        if (pair->classes[i].first_source == pair->classes[i - 1].first_source)
            pair->classes[i].level = pair->classes[i - 1].level + 1;
    }
    return 0;
}

static int builder_keep_sources(struct builder *builder, const struct source_plan *plan,
                                const uint32_t *kept)
{
    struct pair *pair = builder->pair;

    pair->sources = calloc(plan->n_sources > 0 ? plan->n_sources : 1, sizeof(*pair->sources));
    if (!pair->sources)
        return -ENOMEM;

    for (size_t i = 0; i < plan->n_sources; i++) {
        if (kept[plan->sources[i].class] == NO_CLASS)
            continue;
        pair->sources[pair->n_sources] = plan->sources[i];
        pair->sources[pair->n_sources++].class = kept[plan->sources[i].class];
    }
    return 0;
}

/* Sorts the pool, and finds how far the sources of its rows reach. 0 or -ENOMEM. */
static int builder_sort_pool(struct builder *builder)
{
    struct pair *pair = builder->pair;

    if (pair->n_pool == 0)
        return 0;
    qsort(pair->pool, pair->n_pool, sizeof(*pair->pool), range_row_compare);

    pair->pool_reach = calloc(pair->n_pool, sizeof(*pair->pool_reach));
    if (!pair->pool_reach)
        return -ENOMEM;

    for (size_t i = 0; i < pair->n_pool; i++) {
        pair->pool_reach[i] = pair->pool[i].source.last;
        if (i > 0 && pair->pool_reach[i - 1] > pair->pool_reach[i])
            pair->pool_reach[i] = pair->pool_reach[i - 1];
    }
    return 0;
}

static int builder_classes(struct builder *builder, const uint32_t *members, size_t n_members)
{
    cleanup_(source_plan_clear) struct source_plan plan = {0};
    cleanup_(freep) uint32_t *kept = NULL;
    struct build *build = builder->build;
    struct pair *pair = builder->pair;
    int r;

    r = source_plan_make(&build->parts, members, n_members, pair->family, build->rows_left, &plan,
                         &build->culprit);
    if (r < 0)
        return r;

    r = builder_fill_classes(builder, &plan);
    if (r < 0)
        return r;

    kept = calloc(plan.n_classes, sizeof(*kept));
    if (!kept)
        return -ENOMEM;

    r = builder_pool(builder, &plan, kept);
    if (r == 0)
        r = builder_sort_pool(builder);
    if (r == 0)
        r = builder_compact(builder, kept);
    if (r < 0)
        return r;
    return builder_keep_sources(builder, &plan, kept);
}

static int builder_add_box(const struct range_row *box, void *userdata)
{
    struct builder *builder = userdata;

    if (builder->build->rows_left == 0 || builder->pair->n_pool == BOXES_MAX)
        return -E2BIG;
    builder->build->rows_left--;
    return builder_pool_row(builder, box);
}

/* All rows of the wide flows as boxes in the pool, in place of what classes have left there. */
static int builder_boxes(struct builder *builder, const uint32_t *members, size_t n_members,
                         size_t n_points)
{
    struct pair *pair = builder->pair;
    int r;

    for (size_t i = 0; i < pair->n_classes; i++)
        class_clear(&pair->classes[i]);
    pair->n_classes = pair->n_sources = pair->n_pool = 0;
    pair->n_exact = n_points;

    r = boxes_make(members, n_members, builder->build, builder_add_box, builder);
    return r < 0 ? r : builder_sort_pool(builder);
}

/* What classes may cost: so much for each range of a flow, and so much anyway. */
static void builder_limit(struct build *build, const uint32_t *members, size_t n_members)
{
    size_t ranges = 0, rows, work;

    for (size_t i = 0; i < n_members; i++) {
        const struct part *part = &build->parts.parts[members[i]];

        ranges += part->sources.n_ranges + part_weight(part);
    }
    rows = CLASS_ROWS_FREE + CLASS_ROWS_FACTOR * ranges;
    work = CLASS_WORK_FREE + CLASS_WORK_FACTOR * ranges;
    build->rows_left = rows < build->rows_left ? rows : build->rows_left;
    build->work_left = work < build->work_left ? work : build->work_left;
}

/* By classes, or as boxes where those would be very many. */
static int builder_wide(struct builder *builder, const uint32_t *members, size_t n_members)
{
    struct build *build = builder->build;
    size_t rows = build->rows_left, work = build->work_left, n_points = builder->pair->n_exact;
    size_t rows_limit, work_limit;
    int r;

    builder_limit(build, members, n_members);
    rows_limit = build->rows_left;
    work_limit = build->work_left;
    r = builder_classes(builder, members, n_members);
    build->work_left += work - work_limit;
    if (r != -E2BIG) {
        build->rows_left += rows - rows_limit;
        return r;
    }

    build->rows_left = rows;
    return builder_boxes(builder, members, n_members, n_points);
}

/*
 * Of equal points the first flow's stays, and of a point that an earlier wide flow covers nothing
 * does: it is found in the tables after this one. A later wide flow loses the point.
 */
static int builder_settle_points(struct builder *builder)
{
    struct build *build = builder->build;
    struct overlaps *overlaps = &build->overlaps;
    struct pair *pair = builder->pair;
    size_t n = 0;

    if (pair->n_exact > 1)
        qsort(pair->exact, pair->n_exact, sizeof(*pair->exact), exact_row_compare);

    for (size_t i = 0; i < pair->n_exact; i++) {
        const struct exact_row row = pair->exact[i];
        struct decision decision;
        uint32_t wide;

        if (n > 0 && pair->exact[n - 1].source == row.source &&
            pair->exact[n - 1].destination == row.destination &&
            pair->exact[n - 1].service == row.service) {
            overlaps_note(overlaps, row.flow, pair->exact[n - 1].flow);
            continue;
        }

        decision = pair_decide_wide(pair, row.source, row.destination, row.service);
        if (decision.looked > build->work_left) {
            build->culprit = row.flow;
            return -E2BIG;
        }
        build->work_left -= decision.looked;
        wide = decision.flow;
        if (wide < row.flow) {
            overlaps_note(overlaps, row.flow, wide);
            continue;
        }
        if (wide != NO_FLOW)
            overlaps_note(overlaps, wide, row.flow);
        pair->exact[n++] = row;
    }
    pair->n_exact = n;
    return 0;
}

int pair_build(struct pair *pair, struct build *build)
{
    struct builder builder = {.pair = pair, .build = build};
    const struct parts *parts = &build->parts;
    cleanup_(freep) uint32_t *wide = calloc(parts->n_parts, sizeof(*wide));
    size_t n_wide = 0;
    int r;

    if (!wide)
        return -ENOMEM;

    for (uint32_t i = 0; i < parts->n_parts; i++) {
        build->culprit = parts->parts[i].flow;
        if (part_points(&parts->parts[i], POINTS_MAX + 1) > POINTS_MAX) {
            wide[n_wide++] = i;
            continue;
        }
        r = builder_add_points(&builder, &parts->parts[i]);
        if (r < 0)
            return r;
    }

    if (n_wide > 0) {
        r = builder_wide(&builder, wide, n_wide);
        if (r < 0)
            return r;
    }

    return builder_settle_points(&builder);
}
