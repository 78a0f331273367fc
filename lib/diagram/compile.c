/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a policy to its diagram: the order of the steps. Each flow is first listed under each pair
 * of segments that it leads between; then pair by pair is built, so that only one pair's parts are
 * in memory at a time; at last it is reported which flows lost packets to others.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/diagram.h"
#include "diagram/pair.h"
#include "diagram/shadowed.h"

/* One flow in one pair of segments: its ends there. */
struct listing {
    size_t from; /* segment */
    size_t to;
    uint32_t flow;
    uint32_t from_end;
    uint32_t to_end;
};

struct compiler {
    const struct policy *policy;
    struct diagram *diagram;
    struct listing *listings;
    size_t n_listings;
    size_t listings_capacity;
    size_t pairs_capacity;
    struct build build;
};

static void compiler_clear(struct compiler *compiler)
{
    diagram_free(compiler->diagram);
    free(compiler->listings);
    parts_clear(&compiler->build.parts);
    overlaps_clear(&compiler->build.overlaps);
}

static int compiler_list_ends(struct compiler *compiler, uint32_t flow, uint32_t from_end,
                              uint32_t to_end)
{
    const struct policy *policy = compiler->policy;
    size_t from_zone = policy->flows[flow].from[from_end].zone;
    size_t to_zone = policy->flows[flow].to[to_end].zone;

    for (size_t i = 0; i <= policy->n_segments; i++) {
        if (!segment_carries(policy, segment_at(policy, i), from_zone))
            continue;

        for (size_t j = 0; j <= policy->n_segments; j++) {
            int r;

            if (!segment_carries(policy, segment_at(policy, j), to_zone))
                continue;
            r = array_append(&compiler->listings, &compiler->n_listings,
                             &compiler->listings_capacity,
                             &(struct listing){segment_at(policy, i), segment_at(policy, j), flow,
                                               from_end, to_end},
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
               ?: COMPARE(x->flow, y->flow)
               ?: COMPARE(x->from_end, y->from_end) ?: COMPARE(x->to_end, y->to_end);
}

static int compiler_list_flows(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;

    for (uint32_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (!flow->enabled)
            continue;

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

static int compiler_add_pair(struct compiler *compiler, const struct listing *listings,
                             size_t n_listings, enum family family)
{
    struct diagram *diagram = compiler->diagram;
    struct parts *parts = &compiler->build.parts;
    int r;

    for (size_t i = 0; i < n_listings; i++) {
        const struct flow *flow = &compiler->policy->flows[listings[i].flow];

        r = parts_add(parts, compiler->policy, listings[i].flow, &flow->from[listings[i].from_end],
                      &flow->to[listings[i].to_end], family);
        if (r < 0)
            return r;
    }
    if (parts->n_parts == 0)
        return 0;

    r = array_append(&diagram->pairs, &diagram->n_pairs, &compiler->pairs_capacity,
                     &(struct pair){.from = listings->from, .to = listings->to, .family = family},
                     sizeof(struct pair));
    if (r < 0)
        return r;

    r = pair_build(&diagram->pairs[diagram->n_pairs - 1], &compiler->build);
    parts_clear(parts);
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

static int report_too_big(const struct policy *policy, uint32_t culprit,
                          struct diagnostics *diagnostics)
{
    int r = diagnostics_add(
        diagnostics, SEVERITY_ERROR, "too-entangled", policy->flows[culprit].location,
        "give flows with overlapping ranges of addresses the same services, or narrower ranges",
        "flow `%s` and others overlap so much that the policy needs more than %zu rows, "
        "or too long to compile",
        policy->flows[culprit].name, DIAGRAM_ROWS_MAX);

    return r < 0 ? r : -E2BIG;
}

int diagram_new(const struct policy *policy, struct diagnostics *diagnostics,
                struct diagram **ret_diagram)
{
    cleanup_(compiler_clear) struct compiler compiler = {
        .policy = policy,
        .build = {.rows_left = DIAGRAM_ROWS_MAX, .work_left = DIAGRAM_WORK_MAX},
    };
    int r;

    compiler.diagram = calloc(1, sizeof(*compiler.diagram));
    if (!compiler.diagram)
        return -ENOMEM;
    compiler.diagram->policy = policy;

    r = overlaps_init(&compiler.build.overlaps, policy->n_flows);
    if (r < 0)
        return r;

    r = compiler_list_flows(&compiler);
    if (r < 0)
        return r;

    r = compiler_add_pairs(&compiler);
    if (r == -E2BIG)
        return report_too_big(policy, compiler.build.culprit, diagnostics);
    if (r < 0)
        return r;

    r = shadowed_report(&compiler.build.overlaps, compiler.diagram, diagnostics);
    if (r < 0)
        return r;

    *ret_diagram = TAKE_PTR(compiler.diagram);
    return 0;
}
