/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A flow names ends in several zones, addresses of two families and services of several protocols.
 * Here it is taken apart into plain boxes of numbers, which is all that the compilation knows of a
 * flow.
 */

#include "diagram/part.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

static int compare_spans(const void *a, const void *b)
{
    const struct service_span *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

/* Sorts spans and melts those that touch. Returns how many are left. */
static size_t normalise_spans(struct service_span *spans, size_t n_spans)
{
    size_t n = 0;

    if (n_spans > 1)
        qsort(spans, n_spans, sizeof(*spans), compare_spans);

    for (size_t i = 0; i < n_spans; i++) {
        if (n > 0 && spans[i].first <= spans[n - 1].last + 1) {
            if (spans[i].last > spans[n - 1].last)
                spans[n - 1].last = spans[i].last;
        } else {
            spans[n++] = spans[i];
        }
    }
    return n;
}

/* One span for each protocol, or one for all where every port of each is covered. */
static int append_spans(const struct service_range *range, struct service_span **spans,
                        size_t *n_spans, size_t *capacity)
{
    bool all_ports = range->port_first == 0 && range->port_last == 0xffff;
    unsigned step = all_ports ? 256 : 1;

    for (unsigned protocol = range->protocol_first; protocol <= range->protocol_last;
         protocol += step) {
        uint8_t last = all_ports ? range->protocol_last : (uint8_t)protocol;
        int r = array_reserve(spans, capacity, *n_spans + 1, sizeof(**spans));

        if (r < 0)
            return r;

        (*spans)[(*n_spans)++] = (struct service_span){
            SERVICE_NUMBER(protocol, range->port_first),
            SERVICE_NUMBER(last, range->port_last),
        };
    }
    return 0;
}

/* Appends the spans of those ranges that mean something in the family. */
static int append_ranges(const struct service_range *ranges, size_t n_ranges, enum family family,
                         struct service_span **spans, size_t *n_spans, size_t *capacity)
{
    for (size_t i = 0; i < n_ranges; i++) {
        int r;

        if (!ranges[i].families[family])
            continue;

        r = append_spans(&ranges[i], spans, n_spans, capacity);
        if (r < 0)
            return r;
    }
    return 0;
}

int service_ranges_spans(const struct service_range *ranges, size_t n_ranges, enum family family,
                         struct service_span **ret_spans, size_t *ret_n_spans)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans = 0, capacity = 0;
    int r;

    r = append_ranges(ranges, n_ranges, family, &spans, &n_spans, &capacity);
    if (r < 0)
        return r;

    *ret_n_spans = normalise_spans(spans, n_spans);
    *ret_spans = TAKE_PTR(spans);
    return 0;
}

int flow_service_spans(const struct policy *policy, const struct flow *flow, enum family family,
                       struct service_span **ret_spans, size_t *ret_n_spans)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n_spans = 0, capacity = 0;

    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];
        int r =
            append_ranges(service->ranges, service->n_ranges, family, &spans, &n_spans, &capacity);

        if (r < 0)
            return r;
    }

    *ret_n_spans = normalise_spans(spans, n_spans);
    *ret_spans = TAKE_PTR(spans);
    return 0;
}

static void part_clear(struct part *part)
{
    range_set_clear(&part->sources);
    range_set_clear(&part->destinations);
    free(part->spans);
    *part = (struct part){0};
}

int parts_add(struct parts *parts, const struct policy *policy, uint32_t flow_index,
              const struct flow_end *from, const struct flow_end *to, enum family family)
{
    cleanup_(part_clear) struct part part = {.flow = flow_index};
    const struct flow *flow = &policy->flows[flow_index];
    int r;

    r = policy_end_addresses(policy, flow, from, true, to->zone, family, &part.sources);
    if (r < 0)
        return r;

    r = policy_end_addresses(policy, flow, to, false, from->zone, family, &part.destinations);
    if (r < 0)
        return r;

    r = flow_service_spans(policy, flow, family, &part.spans, &part.n_spans);
    if (r < 0)
        return r;
    if (part.sources.n_ranges == 0 || part.destinations.n_ranges == 0 || part.n_spans == 0)
        return 0;

    r = array_reserve(&parts->parts, &parts->capacity, parts->n_parts + 1, sizeof(part));
    if (r < 0)
        return r;

    parts->parts[parts->n_parts++] = part;
    part = (struct part){0};
    return 0;
}

void parts_clear(struct parts *parts)
{
    for (size_t i = 0; i < parts->n_parts; i++)
        part_clear(&parts->parts[i]);
    free(parts->parts);
    *parts = (struct parts){0};
}

size_t part_points(const struct part *part, size_t limit)
{
    ip_number sources = range_set_size(&part->sources);
    ip_number destinations = range_set_size(&part->destinations);
    size_t services = 0;

    for (size_t i = 0; i < part->n_spans; i++)
        services += part->spans[i].last - part->spans[i].first + 1;

    if (sources >= limit || destinations >= limit || services >= limit ||
        sources * destinations >= limit || sources * destinations * services >= limit)
        return limit;
    return (size_t)(sources * destinations * services);
}

size_t part_weight(const struct part *part)
{
    return part->destinations.n_ranges * part->n_spans;
}

bool part_covers(const struct part *part, ip_number source, ip_number destination,
                 service_number service)
{
    if (!range_set_contains(&part->sources, source) ||
        !range_set_contains(&part->destinations, destination))
        return false;

    for (size_t i = 0; i < part->n_spans; i++) {
        if (service >= part->spans[i].first && service <= part->spans[i].last)
            return true;
    }
    return false;
}
