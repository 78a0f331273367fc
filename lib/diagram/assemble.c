/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From flows in an order of ownership to a diagram. Each flow is first listed under each pair of
 * segments that it leads between; then pair by pair is built, so that only one pair's parts are in
 * memory at a time. While a pair is built a flow is its position in the order.
 *
 * What is reported of flows is about the files and not about an instant. So a pair is built once
 * more, in file order, but only if that decides otherwise about some packet.
 */

#include "diagram/assemble.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/pair.h"

/* One flow in one pair of segments: its ends there. */
struct listing {
    size_t from; /* segment */
    size_t to;
    uint32_t position; /* of the flow in the order */
    uint32_t from_end;
    uint32_t to_end;
};

struct compiler {
    const struct policy *policy;
    const uint32_t *order; /* flows */
    size_t n_order;
    struct build *build;
    struct diagram *diagram;
    struct diagram *by_file; /* NULL: not wanted */
    struct listing *listings;
    size_t n_listings;
    size_t listings_capacity;
    size_t pairs_capacity;
    size_t by_file_capacity;
};

static void compiler_clear(struct compiler *compiler)
{
    diagram_free(compiler->diagram);
    diagram_free(compiler->by_file);
    free(compiler->listings);
    parts_clear(&compiler->build->parts);
}

static int compiler_list_ends(struct compiler *compiler, uint32_t position, uint32_t from_end,
                              uint32_t to_end)
{
    const struct policy *policy = compiler->policy;
    const struct flow *flow = &policy->flows[compiler->order[position]];
    size_t from_zone = flow->from[from_end].zone, to_zone = flow->to[to_end].zone;

    for (size_t i = 0; i <= policy->n_segments; i++) {
        if (!segment_carries(policy, segment_at(policy, i), from_zone))
            continue;

        for (size_t j = 0; j <= policy->n_segments; j++) {
            int r;

            if (!segment_carries(policy, segment_at(policy, j), to_zone))
                continue;
            r = array_append(&compiler->listings, &compiler->n_listings,
                             &compiler->listings_capacity,
                             &(struct listing){segment_at(policy, i), segment_at(policy, j),
                                               position, from_end, to_end},
                             sizeof(struct listing));
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int compare_listings(const void *a, const void *b)
{
    const struct listing *x = a, *y = b;

    return COMPARE(x->from, y->from)
               ?: COMPARE(x->to, y->to)
               ?: COMPARE(x->position, y->position)
               ?: COMPARE(x->from_end, y->from_end) ?: COMPARE(x->to_end, y->to_end);
}

static int compiler_list_flows(struct compiler *compiler)
{
    for (uint32_t i = 0; i < compiler->n_order; i++) {
        const struct flow *flow = &compiler->policy->flows[compiler->order[i]];

        for (uint32_t from = 0; from < flow->n_from; from++) {
            for (uint32_t to = 0; to < flow->n_to; to++) {
                int r = compiler_list_ends(compiler, i, from, to);

                if (r < 0)
                    return r;
            }
        }
    }

    if (compiler->n_listings > 1)
        qsort(compiler->listings, compiler->n_listings, sizeof(*compiler->listings),
              compare_listings);
    return 0;
}

static int compiler_fill_parts(struct compiler *compiler, const struct listing *listings,
                               size_t n_listings, enum family family)
{
    struct parts *parts = &compiler->build->parts;

    for (size_t i = 0; i < n_listings; i++) {
        uint32_t index = compiler->order[listings[i].position];
        const struct flow *flow = &compiler->policy->flows[index];
        size_t n_parts = parts->n_parts;
        int r = parts_add(parts, compiler->policy, index, &flow->from[listings[i].from_end],
                          &flow->to[listings[i].to_end], family);

        if (r < 0)
            return r;
        if (parts->n_parts > n_parts)
            parts->parts[n_parts].flow = listings[i].position;
    }
    return 0;
}

/* Rows name flows by their index, no longer by their position. */
static void pair_name_flows(struct pair *pair, const uint32_t *order)
{
    for (size_t i = 0; i < pair->n_exact; i++)
        pair->exact[i].flow = order[pair->exact[i].flow];
    for (size_t i = 0; i < pair->n_pool; i++)
        pair->pool[i].flow = order[pair->pool[i].flow];
    for (size_t i = 0; i < pair->n_classes; i++) {
        struct class *class = &pair->classes[i];

        for (size_t j = 0; j < class->n_exact; j++)
            class->exact[j].flow = order[class->exact[j].flow];
        for (size_t j = 0; j < class->n_ranges; j++)
            class->ranges[j].flow = order[class->ranges[j].flow];
    }
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    return COMPARE(x->flow, y->flow);
}

/* Appends a pair to a diagram and builds it from the parts. */
static int build_pair(struct diagram *diagram, size_t *capacity, const struct pair *ends,
                      struct build *build)
{
    int r = array_append(&diagram->pairs, &diagram->n_pairs, capacity, ends, sizeof(*ends));

    return r < 0 ? r : pair_build(&diagram->pairs[diagram->n_pairs - 1], build);
}

/* The pair once more in file order, with as much of rows and work as it had before. */
static int compiler_add_by_file(struct compiler *compiler, const struct pair *ends,
                                size_t rows_left, size_t work_left)
{
    struct build *build = compiler->build;
    struct parts *parts = &build->parts;
    size_t rows_after = build->rows_left, work_after = build->work_left;
    int r;

    for (size_t i = 0; i < parts->n_parts; i++)
        parts->parts[i].flow = compiler->order[parts->parts[i].flow];
    if (parts->n_parts > 1)
        qsort(parts->parts, parts->n_parts, sizeof(*parts->parts), compare_parts);

    build->overlaps.order = NULL;
    build->rows_left = rows_left;
    build->work_left = work_left;
    r = build_pair(compiler->by_file, &compiler->by_file_capacity, ends, build);
    build->rows_left = rows_after;
    build->work_left = work_after;
    build->overlaps.order = compiler->order;
    return r;
}

static int compiler_add_pair(struct compiler *compiler, const struct listing *listings,
                             size_t n_listings, enum family family)
{
    const struct pair ends = {.from = listings->from, .to = listings->to, .family = family};
    struct build *build = compiler->build;
    size_t rows_left = build->rows_left, work_left = build->work_left;
    int r = compiler_fill_parts(compiler, listings, n_listings, family);

    if (r < 0 || build->parts.n_parts == 0)
        return r;

    build->overlaps.inverted = false;
    r = build_pair(compiler->diagram, &compiler->pairs_capacity, &ends, build);
    if (r == -E2BIG)
        build->culprit = compiler->order[build->culprit];
    if (r < 0)
        return r;
    pair_name_flows(&compiler->diagram->pairs[compiler->diagram->n_pairs - 1], compiler->order);

    if (compiler->by_file && build->overlaps.inverted)
        r = compiler_add_by_file(compiler, &ends, rows_left, work_left);
    parts_clear(&build->parts);
    return r;
}

static int compiler_add_pairs(struct compiler *compiler)
{
    size_t first = 0;

    for (size_t i = 1; i <= compiler->n_listings; i++) {
        const struct listing *a = &compiler->listings[first];

        if (i < compiler->n_listings && compiler->listings[i].from == a->from &&
            compiler->listings[i].to == a->to)
            continue;

        for (enum family family = 0; family < FAMILIES; family++) {
            int r = compiler_add_pair(compiler, a, i - first, family);

            if (r < 0)
                return r;
        }
        first = i;
    }
    return 0;
}

static struct diagram *diagram_empty(const struct policy *policy)
{
    struct diagram *diagram = calloc(1, sizeof(*diagram));

    if (diagram)
        diagram->policy = policy;
    return diagram;
}

int diagram_assemble(const struct policy *policy, const uint32_t *order, size_t n_order,
                     struct build *build, struct diagram **ret_diagram,
                     struct diagram **ret_by_file)
{
    cleanup_(compiler_clear) struct compiler compiler = {
        .policy = policy, .order = order, .n_order = n_order, .build = build};
    int r;

    compiler.diagram = diagram_empty(policy);
    if (ret_by_file)
        compiler.by_file = diagram_empty(policy);
    if (!compiler.diagram || (ret_by_file && !compiler.by_file))
        return -ENOMEM;

    build->overlaps.order = order;
    r = compiler_list_flows(&compiler);
    if (r == 0)
        r = compiler_add_pairs(&compiler);
    if (r < 0)
        return r;

    *ret_diagram = TAKE_PTR(compiler.diagram);
    if (ret_by_file)
        *ret_by_file = TAKE_PTR(compiler.by_file);
    return 0;
}
