/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A flow names ends in several zones, addresses of two families and services of several protocols.
 * A part is one pair of its ends in one family, as ranges of numbers: all that compilation knows of
 * a flow.
 */

#include "diagram/part.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

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

    r = service_spans_of_flow(policy, flow, family, &part.spans, &part.n_spans);
    if (r < 0)
        return r;
    if (part.sources.n_ranges == 0 || part.destinations.n_ranges == 0 || part.n_spans == 0)
        return 0;

    r = array_append(&parts->parts, &parts->n_parts, &parts->capacity, &part, sizeof(part));
    if (r == 0)
        part = (struct part){0};
    return r;
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
