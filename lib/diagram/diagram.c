/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading the tables. Each is sorted, so a look-up is a binary search for the first row that may
 * cover the packet, and then the few rows from there on. The last function reads the policy
 * instead, without any table: what the diagram is tested against.
 */

#include "diagram/diagram.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"

int exact_row_compare(const void *a, const void *b)
{
    const struct exact_row *x = a, *y = b;

    return COMPARE(x->source, y->source)
               ?: COMPARE(x->destination, y->destination)
               ?: COMPARE(x->service, y->service) ?: COMPARE(x->flow, y->flow);
}

int range_row_compare(const void *a, const void *b)
{
    const struct range_row *x = a, *y = b;

    return COMPARE(x->source.first, y->source.first)
               ?: COMPARE(x->destination.first, y->destination.first)
               ?: COMPARE(x->services.first, y->services.first);
}

/* The first row that is not before `wanted`. */
static size_t find_exact(const struct exact_row *rows, size_t n_rows,
                         const struct exact_row *wanted)
{
    return BISECT(n_rows, i, exact_row_compare(&rows[i], wanted) < 0);
}

size_t class_find_exact(const struct class *class, ip_number destination, service_number service)
{
    return find_exact(class->exact, class->n_exact,
                      &(struct exact_row){0, destination, service, 0});
}

size_t class_find_range(const struct class *class, ip_number destination)
{
    return BISECT(class->n_ranges, i, class->reach[i] < destination);
}

struct range_row class_row(const struct class *class, size_t i)
{
    const struct exact_row *exact;

    if (i >= class->n_exact)
        return class->ranges[i - class->n_exact];

    exact = &class->exact[i];
    return (struct range_row){
        .destination = {exact->destination, exact->destination},
        .services = {exact->service, exact->service},
        .flow = exact->flow,
    };
}

static uint32_t class_decide(const struct class *class, ip_number destination,
                             service_number service, struct decision *decision)
{
    size_t i = class_find_exact(class, destination, service);

    if (i < class->n_exact && class->exact[i].destination == destination &&
        class->exact[i].service == service) {
        decision->by = DECIDED_BY_CLASS_EXACT;
        return class->exact[i].flow;
    }

    for (i = class_find_range(class, destination); i < class->n_ranges; i++) {
        const struct range_row *row = &class->ranges[i];

        if (row->destination.first > destination)
            break;
        decision->looked++;
        if (destination <= row->destination.last && service >= row->services.first &&
            service <= row->services.last) {
            decision->by = DECIDED_BY_CLASS_RANGES;
            return row->flow;
        }
    }
    return NO_FLOW;
}

static const struct exact_row *find_point(const struct pair *pair, ip_number source,
                                          ip_number destination, service_number service)
{
    const struct exact_row wanted = {source, destination, service, 0};
    size_t i = find_exact(pair->exact, pair->n_exact, &wanted);

    if (i < pair->n_exact && pair->exact[i].source == source &&
        pair->exact[i].destination == destination && pair->exact[i].service == service)
        return &pair->exact[i];
    return NULL;
}

bool pair_has_point(const struct pair *pair, ip_number source, ip_number destination,
                    service_number service)
{
    return find_point(pair, source, destination, service) != NULL;
}

static uint32_t decide_pool(const struct pair *pair, ip_number source, ip_number destination,
                            service_number service, struct decision *decision)
{
    size_t i = BISECT(pair->n_pool, j, pair->pool_reach[j] < source);

    for (; i < pair->n_pool && pair->pool[i].source.first <= source; i++) {
        const struct range_row *row = &pair->pool[i];

        decision->looked++;
        if (source <= row->source.last && destination >= row->destination.first &&
            destination <= row->destination.last && service >= row->services.first &&
            service <= row->services.last)
            return row->flow;
    }
    return NO_FLOW;
}

static uint32_t find_class(const struct pair *pair, ip_number source)
{
    size_t i = ranges_find(pair->sources, pair->n_sources, sizeof(*pair->sources), source);

    if (i < pair->n_sources && pair->sources[i].source.first <= source)
        return pair->sources[i].class;
    return NO_CLASS;
}

struct decision pair_decide_wide(const struct pair *pair, ip_number source, ip_number destination,
                                 service_number service)
{
    struct decision decision = {.flow = NO_FLOW, .pair = pair, .class = NO_CLASS};

    decision.flow = decide_pool(pair, source, destination, service, &decision);
    if (decision.flow != NO_FLOW) {
        decision.by = DECIDED_BY_POOL;
        return decision;
    }

    for (uint32_t class = find_class(pair, source); class != NO_CLASS;
         class = pair->classes[class].parent) {
        if (decision.class == NO_CLASS)
            decision.class = class;
        else
            decision.links++;
        decision.flow = class_decide(&pair->classes[class], destination, service, &decision);
        if (decision.flow != NO_FLOW)
            return decision;
    }
    return decision;
}

static struct decision pair_decide(const struct pair *pair, ip_number source, ip_number destination,
                                   service_number service)
{
    const struct exact_row *point = find_point(pair, source, destination, service);

    if (point)
        return (struct decision){
            .flow = point->flow, .by = DECIDED_BY_EXACT, .pair = pair, .class = NO_CLASS};
    return pair_decide_wide(pair, source, destination, service);
}

size_t segment_at(const struct policy *policy, size_t i)
{
    return i < policy->n_segments ? i : ZONE_GATEWAY;
}

bool segment_carries(const struct policy *policy, size_t segment, size_t zone)
{
    if (segment == ZONE_GATEWAY || zone == ZONE_GATEWAY)
        return segment == zone;

    for (size_t i = 0; i < policy->segments[segment].n_zones; i++) {
        if (policy->segments[segment].zones[i] == zone)
            return true;
    }
    return false;
}

void class_clear(struct class *class)
{
    free(class->exact);
    free(class->ranges);
    free(class->reach);
    *class = (struct class){0};
}

void pair_clear(struct pair *pair)
{
    for (size_t i = 0; i < pair->n_classes; i++)
        class_clear(&pair->classes[i]);
    free(pair->classes);
    free(pair->sources);
    free(pair->pool);
    free(pair->pool_reach);
    free(pair->exact);
    *pair = (struct pair){0};
}

struct diagram *diagram_free(struct diagram *diagram)
{
    if (!diagram)
        return NULL;

    for (size_t i = 0; i < diagram->n_pairs; i++)
        pair_clear(&diagram->pairs[i]);
    free(diagram->pairs);
    free(diagram);
    return NULL;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return COMPARE(x->from, y->from) ?: COMPARE(x->to, y->to) ?: COMPARE(x->family, y->family);
}

const struct pair *diagram_find_pair(const struct diagram *diagram, size_t from, size_t to,
                                     enum family family)
{
    const struct pair wanted = {.from = from, .to = to, .family = family};

    if (diagram->n_pairs == 0)
        return NULL;
    return bsearch(&wanted, diagram->pairs, diagram->n_pairs, sizeof(wanted), compare_pairs);
}

/* A segment that carries the zone. Where several do, they have the same flows for it. */
static size_t segment_of_zone(const struct policy *policy, size_t zone)
{
    for (size_t i = 0; i < policy->n_segments; i++) {
        if (segment_carries(policy, i, zone))
            return i;
    }
    return ZONE_GATEWAY;
}

struct decision diagram_decide(const struct diagram *diagram, const struct packet *packet)
{
    const struct pair *pair =
        diagram_find_pair(diagram, segment_of_zone(diagram->policy, packet->from),
                          segment_of_zone(diagram->policy, packet->to), packet->family);

    if (!pair)
        return (struct decision){.flow = NO_FLOW, .class = NO_CLASS};
    return pair_decide(pair, packet->source, packet->destination, packet->service);
}

static bool flow_covers_service(const struct policy *policy, const struct flow *flow,
                                enum family family, service_number service)
{
    uint8_t protocol = SERVICE_PROTOCOL(service);
    uint16_t port = SERVICE_PORT(service);

    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *named = &policy->services[flow->services[i]];

        for (size_t j = 0; j < named->n_ranges; j++) {
            const struct service_range *range = &named->ranges[j];

            if (range->families[family] && protocol >= range->protocol_first &&
                protocol <= range->protocol_last && port >= range->port_first &&
                port <= range->port_last)
                return true;
        }
    }
    return false;
}

static bool flow_covers_address(const struct policy *policy, const struct flow *flow,
                                const struct flow_end *ends, size_t n_ends, bool is_source,
                                const struct packet *packet)
{
    size_t zone = is_source ? packet->from : packet->to;
    size_t other = is_source ? packet->to : packet->from;
    ip_number address = is_source ? packet->source : packet->destination;

    for (size_t i = 0; i < n_ends; i++) {
        cleanup_(range_set_clear) struct range_set addresses = {0};

        if (ends[i].zone == zone &&
            policy_end_addresses(policy, flow, &ends[i], is_source, other, packet->family,
                                 &addresses) == 0 &&
            range_set_contains(&addresses, address))
            return true;
    }
    return false;
}

bool policy_flow_covers(const struct policy *policy, const struct flow *flow,
                        const struct packet *packet)
{
    return flow_covers_service(policy, flow, packet->family, packet->service) &&
           flow_covers_address(policy, flow, flow->from, flow->n_from, true, packet) &&
           flow_covers_address(policy, flow, flow->to, flow->n_to, false, packet);
}

uint32_t policy_decide_naively(const struct policy *policy, const struct flow_states *states,
                               const struct packet *packet)
{
    enum flow_rank lowest = FLOW_RANKS;
    uint32_t owner = NO_FLOW;

    for (uint32_t i = 0; i < policy->n_flows && lowest > FLOW_RANK_LIVE; i++) {
        const struct flow *flow = &policy->flows[i];

        if (!flow->enabled || flow_states_rank(states, flow) >= lowest ||
            !policy_flow_covers(policy, flow, packet))
            continue;
        owner = i;
        lowest = flow_states_rank(states, flow);
    }
    return owner;
}
