/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Compilation only notes who took something from whom. Whether a flow is shadowed, that is, nothing
 * is left of it, is then asked of the finished diagram, point by point: first the corners of the
 * flow, where nearly always something is left, and only then every point at which what is left
 * could begin. If anything is left, its lowest point has in each dimension either the flow's own
 * lower bound or the first value behind an earlier flow; so those are all the points there are to
 * ask.
 */

#include "diagram/overlap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "diagram/part.h"

/* Questions that one flow is worth. A flow of which so many points belong to others, among flows
 * that overlap in so many ways, is taken for overlapped, not shadowed. */
#define QUESTIONS_MAX 1000000

struct points {
    ip_number *values;
    size_t n_values;
    size_t capacity;
};

struct search {
    const struct diagram *diagram;
    uint32_t flow;
    const struct part *part;
    struct packet packet; /* zones and family set */
    struct points sources;
    struct points destinations;
    struct points services;
    size_t questions;
};

int overlaps_init(struct overlaps *overlaps, size_t n_flows)
{
    overlaps->winners = malloc((n_flows > 0 ? n_flows : 1) * sizeof(*overlaps->winners));
    if (!overlaps->winners)
        return -ENOMEM;

    overlaps->n_flows = n_flows;
    for (size_t i = 0; i < n_flows; i++)
        overlaps->winners[i] = NO_FLOW;
    return 0;
}

void overlaps_clear(struct overlaps *overlaps)
{
    free(overlaps->winners);
    *overlaps = (struct overlaps){0};
}

void overlaps_note(struct overlaps *overlaps, uint32_t loser, uint32_t winner)
{
    if (loser != winner && winner < overlaps->winners[loser])
        overlaps->winners[loser] = winner;
}

static void search_clear(struct search *search)
{
    free(search->sources.values);
    free(search->destinations.values);
    free(search->services.values);
}

static int points_add(struct points *points, ip_number value)
{
    int r = array_reserve(&points->values, &points->capacity, points->n_values + 1,
                          sizeof(*points->values));

    if (r < 0)
        return r;

    points->values[points->n_values++] = value;
    return 0;
}

static int compare_values(const void *a, const void *b)
{
    const ip_number *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void points_normalise(struct points *points)
{
    size_t n = 0;

    if (points->n_values > 1)
        qsort(points->values, points->n_values, sizeof(*points->values), compare_values);

    for (size_t i = 0; i < points->n_values; i++) {
        if (n == 0 || points->values[n - 1] != points->values[i])
            points->values[n++] = points->values[i];
    }
    points->n_values = n;
}

/* The lower bounds of the ranges, and with `both` the upper ones. */
static int points_add_ranges(struct points *points, const struct range_set *set, bool both)
{
    for (size_t i = 0; i < set->n_ranges; i++) {
        int r = points_add(points, set->ranges[i].first);

        if (r == 0 && both)
            r = points_add(points, set->ranges[i].last);
        if (r < 0)
            return r;
    }
    return 0;
}

static int points_add_spans(struct points *points, const struct part *part, bool both)
{
    for (size_t i = 0; i < part->n_spans; i++) {
        int r = points_add(points, part->spans[i].first);

        if (r == 0 && both)
            r = points_add(points, part->spans[i].last);
        if (r < 0)
            return r;
    }
    return 0;
}

static int search_add_own(struct search *search, bool both)
{
    int r = points_add_ranges(&search->sources, &search->part->sources, both);

    if (r == 0)
        r = points_add_ranges(&search->destinations, &search->part->destinations, both);
    if (r == 0)
        r = points_add_spans(&search->services, search->part, both);
    return r;
}

/* The first addresses behind ranges of an earlier flow, where they lie in this one. */
static int points_add_behind(struct points *points, const struct range_set *own,
                             const struct range_set *earlier)
{
    for (size_t i = 0; i < earlier->n_ranges; i++) {
        int r;

        if (earlier->ranges[i].last == ~(ip_number)0 ||
            !range_set_contains(own, earlier->ranges[i].last + 1))
            continue;
        r = points_add(points, earlier->ranges[i].last + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int search_add_earlier(struct search *search, const struct part *earlier)
{
    const struct part *own = search->part;
    int r;

    if (!range_set_overlaps(&own->sources, &earlier->sources) ||
        !range_set_overlaps(&own->destinations, &earlier->destinations))
        return 0;

    r = points_add_behind(&search->sources, &own->sources, &earlier->sources);
    if (r == 0)
        r = points_add_behind(&search->destinations, &own->destinations, &earlier->destinations);

    for (size_t i = 0; r == 0 && i < earlier->n_spans; i++) {
        service_number behind = earlier->spans[i].last + 1;

        if (part_covers(own, own->sources.ranges[0].first, own->destinations.ranges[0].first,
                        behind))
            r = points_add(&search->services, behind);
    }
    return r;
}

/* 1 where the flow owns one of the points, 0 where it owns none. */
static int search_ask(struct search *search)
{
    points_normalise(&search->sources);
    points_normalise(&search->destinations);
    points_normalise(&search->services);

    for (size_t i = 0; i < search->sources.n_values; i++) {
        for (size_t j = 0; j < search->destinations.n_values; j++) {
            for (size_t k = 0; k < search->services.n_values; k++) {
                search->packet.source = search->sources.values[i];
                search->packet.destination = search->destinations.values[j];
                search->packet.service = (service_number)search->services.values[k];

                if (++search->questions > QUESTIONS_MAX)
                    return 1;
                if (diagram_decide(search->diagram, &search->packet).flow == search->flow)
                    return 1;
            }
        }
    }
    return 0;
}

/* Adds what the flows before this one have in the same pair of zones. */
static int search_add_all_earlier(struct search *search)
{
    const struct policy *policy = search->diagram->policy;

    for (uint32_t i = 0; i < search->flow; i++) {
        cleanup_(parts_clear) struct parts parts = {0};
        const struct flow *flow = &policy->flows[i];

        for (size_t from = 0; flow->enabled && from < flow->n_from; from++) {
            for (size_t to = 0; to < flow->n_to; to++) {
                int r;

                if (flow->from[from].zone != search->packet.from ||
                    flow->to[to].zone != search->packet.to)
                    continue;
                r = parts_add(&parts, policy, i, &flow->from[from], &flow->to[to],
                              search->packet.family);
                if (r < 0)
                    return r;
            }
        }

        for (size_t j = 0; j < parts.n_parts; j++) {
            int r = search_add_earlier(search, &parts.parts[j]);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* 1 where something of the part is left, 0 where nothing is, or -ENOMEM. */
static int part_is_left(const struct diagram *diagram, const struct part *part,
                        const struct packet *zones)
{
    cleanup_(search_clear) struct search search = {
        .diagram = diagram,
        .flow = part->flow,
        .part = part,
        .packet = *zones,
    };
    int r;

    r = search_add_own(&search, true);
    if (r < 0)
        return r;

    r = search_ask(&search);
    if (r != 0)
        return r;

    r = search_add_all_earlier(&search);
    if (r < 0)
        return r;
    return search_ask(&search);
}

static int flow_is_left(const struct diagram *diagram, uint32_t index)
{
    const struct flow *flow = &diagram->policy->flows[index];

    for (size_t from = 0; from < flow->n_from; from++) {
        for (size_t to = 0; to < flow->n_to; to++) {
            for (enum family family = 0; family < FAMILIES; family++) {
                cleanup_(parts_clear) struct parts parts = {0};
                const struct packet zones = {
                    .from = flow->from[from].zone,
                    .to = flow->to[to].zone,
                    .family = family,
                };
                int r;

                r = parts_add(&parts, diagram->policy, index, &flow->from[from], &flow->to[to],
                              family);
                if (r < 0)
                    return r;
                if (parts.n_parts == 0)
                    continue;

                r = part_is_left(diagram, &parts.parts[0], &zones);
                if (r != 0)
                    return r;
            }
        }
    }
    return 0;
}

static int report_flow(const struct policy *policy, uint32_t loser, uint32_t winner, bool left,
                       struct diagnostics *diagnostics)
{
    const struct flow *flow = &policy->flows[loser], *earlier = &policy->flows[winner];
    int r;

    if (left)
        r = diagnostics_add(diagnostics, SEVERITY_WARNING, "overlap", flow->location,
                            "what both cover belongs to the earlier flow: its approval, expiry "
                            "and counters apply",
                            "flow `%s` overlaps the earlier flow `%s`", flow->name, earlier->name);
    else
        r = diagnostics_add(diagnostics, SEVERITY_ERROR, "shadowed", flow->location,
                            "remove one of them, or put this flow before the other",
                            "flow `%s` can never apply: earlier flows cover all of it", flow->name);
    if (r < 0)
        return r;
    return diagnostics_relate(diagnostics, earlier->location, "the earlier flow `%s`",
                              earlier->name);
}

int overlaps_report(const struct overlaps *overlaps, const struct diagram *diagram,
                    struct diagnostics *diagnostics)
{
    bool shadowed = false;

    for (uint32_t i = 0; i < overlaps->n_flows; i++) {
        int left, r;

        if (overlaps->winners[i] == NO_FLOW || diagram->policy->flows[i].implicit)
            continue;

        left = flow_is_left(diagram, i);
        if (left < 0)
            return left;
        shadowed = shadowed || !left;

        r = report_flow(diagram->policy, i, overlaps->winners[i], left, diagnostics);
        if (r < 0)
            return r;
    }
    return shadowed ? -EBADMSG : 0;
}
