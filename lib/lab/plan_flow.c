/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is sent about one flow. Its ends, families and services are taken apart as the compilation
 * takes them apart; of each part a few points are sent, and right beside some of them others, where
 * a ruleset that is a little too wide would let them pass.
 */

#include <errno.h>
#include <string.h>

#include "diagram/part.h"
#include "lab/plan.h"
#include "lab/sample.h"

/* How many other wires a packet of each part is sent from; the pairs of zones see to the rest. */
#define OTHER_ZONES_MAX 2

/* The points of a part that are tried. */
struct points {
    struct address_sample sources;
    struct address_sample destinations;
    struct service_sample services;
};

static int take_points(const struct part *part, const struct packet *base, struct points *points)
{
    static const struct address_sample gateway = {.n = 1};
    int r = 0;

    /* The gateway's addresses are the lab's affair. */
    points->sources = points->destinations = gateway;
    if (base->from != ZONE_GATEWAY)
        r = sample_addresses(&part->sources, base->family, &points->sources);
    if (r == 0 && base->to != ZONE_GATEWAY)
        r = sample_addresses(&part->destinations, base->family, &points->destinations);
    sample_services(part->spans, part->n_spans, base->family, &points->services);
    return r;
}

/*
 * The i-th of all combinations where these are few; else each source, destination and service at
 * least once, and then some in mixed company (multiplicative hashing by Knuth's constant).
 */
static struct packet point_at(const struct points *points, const struct packet *base, size_t i)
{
    size_t n_sources = points->sources.n, n_destinations = points->destinations.n;
    size_t n_services = points->services.n;
    size_t source = i, destination = i, service = i;
    struct packet packet = *base;

    if (n_sources * n_destinations * n_services <= FLOW_PROBES_MAX) {
        destination = i / n_sources;
        service = i / n_sources / n_destinations;
    } else if (i >= SAMPLE_SERVICES_MAX) {
        uint32_t hash = (uint32_t)i * UINT32_C(2654435761);

        source = hash >> 24;
        destination = hash >> 16 & 0xff;
        service = hash >> 8 & 0xff;
    }
    packet.source = points->sources.addresses[source % n_sources];
    packet.destination = points->destinations.addresses[destination % n_destinations];
    packet.service = points->services.services[service % n_services];
    return packet;
}

static size_t count_points(const struct points *points)
{
    size_t n = points->sources.n * points->destinations.n * points->services.n;

    return n < FLOW_PROBES_MAX ? n : FLOW_PROBES_MAX;
}

static int add_neighbour(struct plan *plan, enum probe_kind kind, uint32_t flow,
                         const struct packet *packet)
{
    return plan_add(plan, plan_probe(kind, flow, packet));
}

static int add_services(struct plan *plan, enum probe_kind kind, uint32_t flow,
                        const struct packet *inside, const struct service_sample *services)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < services->n; i++) {
        struct packet packet = *inside;

        packet.service = services->services[i];
        r = add_neighbour(plan, kind, flow, &packet);
    }
    return r;
}

/* A source beside the flow's, of another zone or none, where the flow's packets come from. */
static int add_outsider(struct plan *plan, uint32_t flow, size_t wire_zone,
                        const struct packet *packet, bool stray)
{
    struct probe probe = plan_probe(PROBE_SOURCE, flow, packet);

    probe.wire_zone = wire_zone;
    probe.stray = stray;
    return plan_add(plan, probe);
}

static int add_sources(struct plan *plan, const struct part *part, const struct packet *inside)
{
    struct address_sample outside;
    int r = sample_outside_addresses(&part->sources, inside->family, &outside);

    for (size_t i = 0; r == 0 && i < outside.n; i++) {
        struct packet packet = *inside;
        bool stray;

        packet.source = outside.addresses[i];
        stray = !policy_zone_of_address(plan->policy, inside->family, packet.source, &packet.from);
        if (stray || packet.from != inside->from)
            r = add_outsider(plan, part->flow, inside->from, &packet, stray);
        if (r == 0 && !stray)
            r = add_neighbour(plan, PROBE_SOURCE, part->flow, &packet);
    }
    return r;
}

static int add_destinations(struct plan *plan, const struct part *part, const struct packet *inside)
{
    struct address_sample outside;
    int r = sample_outside_addresses(&part->destinations, inside->family, &outside);

    for (size_t i = 0; r == 0 && i < outside.n; i++) {
        struct packet packet = *inside;

        packet.destination = outside.addresses[i];
        if (policy_zone_of_address(plan->policy, inside->family, packet.destination, &packet.to))
            r = add_neighbour(plan, PROBE_DESTINATION, part->flow, &packet);
    }
    return r;
}

static int add_reversed(struct plan *plan, uint32_t flow, const struct packet *inside)
{
    struct packet packet = *inside;

    packet.from = inside->to;
    packet.to = inside->from;
    packet.source = inside->destination;
    packet.destination = inside->source;
    return add_neighbour(plan, PROBE_REVERSED, flow, &packet);
}

/* The packet on wires that do not carry its zone: the destination's first. */
static int add_zones(struct plan *plan, uint32_t flow, const struct packet *inside)
{
    size_t n_zones = plan->policy->n_zones, n = 0;
    int r = 0;

    if (inside->from == ZONE_GATEWAY)
        return 0;
    for (size_t i = 0; r == 0 && i <= n_zones && n < OTHER_ZONES_MAX; i++) {
        struct probe probe = plan_probe(PROBE_ZONE, flow, inside);

        probe.wire_zone = i == 0 ? inside->to : (flow + i) % n_zones;
        if (probe.wire_zone == ZONE_GATEWAY || (i > 0 && probe.wire_zone == inside->to) ||
            layout_wire_carries(plan->layout, layout_zone_wire(plan->layout, probe.wire_zone),
                                inside->from))
            continue;
        r = plan_add(plan, probe);
        n++;
    }
    return r;
}

static int add_wrong_macs(struct plan *plan, uint32_t flow, const struct packet *inside,
                          const struct points *points)
{
    int r = 0;

    if (inside->from == ZONE_GATEWAY)
        return 0;
    for (size_t i = 0; r == 0 && i < points->sources.n; i++) {
        struct probe probe = plan_probe(PROBE_MAC, flow, inside);
        struct mac mac;

        probe.packet.source = points->sources.addresses[i];
        probe.wrong_mac = true;
        if (layout_bound_mac(plan->layout, inside->family, probe.packet.source, &mac))
            r = plan_add(plan, probe);
    }
    return r;
}

static int first_usable(const struct plan *plan, size_t zone, enum family family,
                        ip_number *ret_address, bool *ret_found)
{
    struct address_sample sample = {.n = 1};
    int r = 0;

    if (zone != ZONE_GATEWAY)
        r = sample_addresses(&plan->policy->zones[zone].addresses.by_family[family], family,
                             &sample);
    *ret_found = r == 0 && sample.n > 0;
    if (*ret_found)
        *ret_address = sample.addresses[0];
    return r;
}

/* The same service between the first addresses of the other family, of the same zones. */
static int add_family(struct plan *plan, uint32_t flow, const struct packet *inside)
{
    struct packet packet = *inside;
    bool source = false, destination = false;
    int r;

    packet.family = inside->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
    r = first_usable(plan, packet.from, packet.family, &packet.source, &source);
    if (r == 0)
        r = first_usable(plan, packet.to, packet.family, &packet.destination, &destination);
    if (r < 0 || !source || !destination)
        return r;
    if (protocol_is_icmp(SERVICE_PROTOCOL(inside->service), inside->family))
        packet.service =
            packet.family == FAMILY_IPV4 ? SERVICE_NUMBER(1, 8 << 8) : SERVICE_NUMBER(58, 128 << 8);
    return add_neighbour(plan, PROBE_FAMILY, flow, &packet);
}

static int add_neighbours(struct plan *plan, const struct part *part, const struct points *points,
                          const struct packet *inside)
{
    struct service_sample services;
    int r;

    sample_outside_services(part->spans, part->n_spans, inside->family, &services);
    r = add_services(plan, PROBE_PORT, part->flow, inside, &services);
    sample_other_protocols(part->spans, part->n_spans, inside->family, &services);
    if (r == 0)
        r = add_services(plan, PROBE_PROTOCOL, part->flow, inside, &services);
    if (r == 0 && inside->from != ZONE_GATEWAY)
        r = add_sources(plan, part, inside);
    if (r == 0 && inside->to != ZONE_GATEWAY)
        r = add_destinations(plan, part, inside);
    if (r == 0)
        r = add_reversed(plan, part->flow, inside);
    if (r == 0)
        r = add_wrong_macs(plan, part->flow, inside, points);
    if (r == 0)
        r = add_zones(plan, part->flow, inside);
    if (r == 0)
        r = add_family(plan, part->flow, inside);
    return r;
}

/* The zone's end with an address of the link; other flows than those of whole zones forbid it. */
static int add_links(struct plan *plan, const struct packet *base, uint32_t flow,
                     const struct service_sample *services)
{
    int r = 0;

    if (base->from != ZONE_GATEWAY && base->to != ZONE_GATEWAY)
        return 0;
    for (size_t i = 0; r == 0 && i < services->n; i++) {
        struct packet packet = *base;

        packet.service = services->services[i];
        r = plan_add(plan, plan_link_probe(PROBE_FLOW, flow, &packet));
    }
    return r;
}

static int plan_part(struct plan *plan, const struct part *part, const struct packet *base)
{
    struct points points;
    struct packet packet;
    size_t n;
    int r = take_points(part, base, &points);

    if (r < 0)
        return r;
    n = count_points(&points);
    for (size_t i = 0; r == 0 && i < n; i++) {
        packet = point_at(&points, base, i);
        r = add_neighbour(plan, PROBE_FLOW, part->flow, &packet);
    }
    if (r == 0)
        r = add_links(plan, base, part->flow, &points.services);
    if (r < 0 || n == 0)
        return r;

    packet = point_at(&points, base, 0);
    return add_neighbours(plan, part, &points, &packet);
}

static int plan_ends(struct plan *plan, uint32_t flow, const struct flow_end *from,
                     const struct flow_end *to)
{
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        const struct packet base = {.from = from->zone, .to = to->zone, .family = family};
        cleanup_(parts_clear) struct parts parts = {0};

        r = parts_add(&parts, plan->policy, flow, from, to, family);
        for (size_t i = 0; r == 0 && i < parts.n_parts; i++)
            r = plan_part(plan, &parts.parts[i], &base);
    }
    return r;
}

int plan_flow(struct plan *plan, uint32_t flow)
{
    const struct flow *approved = &plan->policy->flows[flow];
    int r = 0;

    for (size_t i = 0; r == 0 && i < approved->n_from; i++) {
        for (size_t j = 0; r == 0 && j < approved->n_to; j++)
            r = plan_ends(plan, flow, &approved->from[i], &approved->to[j]);
    }
    return r;
}
