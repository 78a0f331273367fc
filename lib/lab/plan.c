/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is sent. About each flow: its ends, families and services are taken apart as the compilation
 * takes them apart; of each part a few points are sent, and right beside some of them others, where
 * a ruleset that is a little too wide would let them pass. Between zones, whatever the flows say:
 * usual services from each zone to each other and to the gateway, each zone's addresses on the
 * wires of all others, and the policy's own expectations; a zone pair without flows is only seen
 * here.
 *
 * Whoever adds a probe says what is sent and why; only plan_add() says what must become of it, so
 * that no kind of probe has a rule of its own for that.
 */

#include "lab/plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/compare.h"
#include "base/string_table.h"
#include "diagram/part.h"
#include "lab/sample.h"

/* ff02::1:2, RFC 8415 section 7.1. */
#define ALL_DHCP_SERVERS_IPV6 (((ip_number)0xff02 << 112) | 0x10002)

static uint32_t decide(const struct plan *plan, const struct packet *packet)
{
    if (plan->policy->n_flows <= PLAN_NAIVE_FLOWS_MAX)
        return policy_decide_naively(plan->policy, plan->states, packet);
    return diagram_decide(plan->diagram, packet).flow;
}

/* Whether the packet is sent where its source cannot be. */
static bool is_spoofed(const struct plan *plan, const struct probe *probe)
{
    if (probe->packet.from == ZONE_GATEWAY)
        return false;
    return probe->stray ||
           !layout_wire_carries(plan->layout, layout_zone_wire(plan->layout, probe->wire_zone),
                                probe->packet.from);
}

static enum flow_state owner_state(const struct plan *plan, const struct probe *probe)
{
    return flow_states_of(plan->states, &plan->policy->flows[probe->owner], NULL);
}

static enum reason judge(const struct plan *plan, const struct probe *probe)
{
    if (is_spoofed(plan, probe))
        return REASON_SPOOFED;
    if (probe->wrong_mac)
        return REASON_MAC_MISMATCH;
    if (probe->owner == NO_FLOW)
        return REASON_NO_FLOW;
    return owner_state(plan, probe) == FLOW_STATE_LIVE ? REASON_NONE : REASON_SUSPENDED;
}

/* An address that the lab can use in the zone the packet says; any for the gateway. */
static bool can_use(const struct plan *plan, size_t zone, enum family family, ip_number address)
{
    size_t owner;

    if (zone == ZONE_GATEWAY)
        return true;
    return layout_can_use(plan->layout, family, address) &&
           policy_zone_of_address(plan->policy, family, address, &owner) && owner == zone;
}

/* Whether the zone's wire carries others too: an address of the link does not distinguish them. */
static bool is_shared(const struct plan *plan, size_t zone)
{
    size_t wire = layout_zone_wire(plan->layout, zone);

    for (size_t i = 0; i < plan->policy->n_zones; i++) {
        if (i != zone && layout_wire_carries(plan->layout, wire, i))
            return true;
    }
    return false;
}

/* Whether an address of the gateway that the lab does not have decides. */
static bool needs_own_address(const struct plan *plan, const struct packet *packet)
{
    struct packet any = *packet;

    if (packet->from == ZONE_GATEWAY)
        any.source = 0;
    if (packet->to == ZONE_GATEWAY)
        any.destination = 0;
    return decide(plan, &any) != decide(plan, packet);
}

/* The lab has no IPsec. */
static bool needs_ipsec(const struct plan *plan, size_t zone)
{
    return zone != ZONE_GATEWAY && plan->policy->zones[zone].ipsec;
}

static bool can_send(const struct plan *plan, const struct probe *probe)
{
    const struct packet *packet = &probe->packet;
    bool own = packet->from == ZONE_GATEWAY || packet->to == ZONE_GATEWAY;

    if (needs_ipsec(plan, packet->from) || needs_ipsec(plan, packet->to))
        return false;
    if (own && (packet->from == packet->to || !plan->policy->gateway_protect))
        return false;
    if (own && needs_own_address(plan, packet))
        return false;
    /* No program of the gateway can have the port 0 of TCP. */
    if (packet->to == ZONE_GATEWAY && packet->service == SERVICE_NUMBER(IPPROTO_TCP, 0))
        return false;
    if (probe->link)
        return own && service_is_usable(packet->service, packet->family) &&
               !is_shared(plan, packet->from == ZONE_GATEWAY ? packet->to : packet->from);
    /* Nobody talks to himself through a gateway. */
    if (!own && packet->source == packet->destination)
        return false;
    if (!service_is_usable(packet->service, packet->family) ||
        !can_use(plan, packet->to, packet->family, packet->destination))
        return false;
    if (probe->stray)
        return layout_can_use(plan->layout, packet->family, packet->source);
    return can_use(plan, packet->from, packet->family, packet->source);
}

static int place_ends(const struct plan *plan, const struct probe *probe)
{
    const struct packet *packet = &probe->packet;
    int r = 0;

    if (probe->link)
        return 0;
    if (packet->from != ZONE_GATEWAY && packet->from == packet->to && !probe->stray)
        return layout_separate(plan->layout, packet->family, packet->source, packet->destination);
    if (packet->from != ZONE_GATEWAY)
        r = layout_use(plan->layout, packet->family, packet->source);
    if (r == 0 && packet->to != ZONE_GATEWAY)
        r = layout_use(plan->layout, packet->family, packet->destination);
    return r;
}

/* A probe of the kind about a flow, with the wire of its source's zone. */
static struct probe plan_probe(enum probe_kind kind, uint32_t flow, const struct packet *packet)
{
    return (struct probe){
        .kind = kind,
        .flow = flow,
        .packet = *packet,
        .wire_zone = packet->from,
    };
}

/*
 * Adds a probe. What must become of it, where it is sent unless `probe.wire_zone` says another
 * wire, and where its ends lie is found out here. A packet that the lab cannot send is left out
 * silently: one whose end is of no zone or unusable.
 */
static int plan_add(struct plan *plan, struct probe probe)
{
    int r;

    if (!can_send(plan, &probe))
        return 0;
    r = place_ends(plan, &probe);
    if (r < 0)
        return r;

    probe.owner = decide(plan, &probe.packet);
    probe.expected = judge(plan, &probe);
    return array_append(&plan->probes, &plan->n_probes, &plan->capacity, &probe, sizeof(probe));
}

static int add_neighbour(struct plan *plan, enum probe_kind kind, uint32_t flow,
                         const struct packet *packet)
{
    return plan_add(plan, plan_probe(kind, flow, packet));
}

/* The packet between a zone and the gateway, if it is, with an address of the link at the zone's
 * end. Other flows than those of whole zones forbid it. */
static int add_link(struct plan *plan, enum probe_kind kind, uint32_t flow,
                    const struct packet *packet)
{
    struct probe probe = plan_probe(kind, flow, packet);

    if (packet->from != ZONE_GATEWAY && packet->to != ZONE_GATEWAY)
        return 0;

    probe.link = true;
    if (packet->to == ZONE_GATEWAY)
        probe.packet.source = packet->family == FAMILY_IPV4 ? 0 : LAB_FAR_IPV6;
    else
        probe.packet.destination =
            packet->family == FAMILY_IPV4 ? UINT32_MAX : ALL_DHCP_SERVERS_IPV6;
    return plan_add(plan, probe);
}

/* Addresses of a zone; of the gateway, whose addresses are the lab's affair, one that says nothing.
 */
static int sample_zone(const struct plan *plan, size_t zone, enum family family,
                       struct address_sample *ret_sample)
{
    if (zone != ZONE_GATEWAY)
        return sample_addresses(&plan->policy->zones[zone].addresses.by_family[family], family,
                                ret_sample);

    *ret_sample = (struct address_sample){.n = 1};
    return 0;
}

/* The service in a family: of ICMP its echo request. */
static service_number service_in(service_number service, enum family family)
{
    uint8_t protocol = SERVICE_PROTOCOL(service);

    if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
        return service;
    return family == FAMILY_IPV4 ? SERVICE_NUMBER(IPPROTO_ICMP, 8 << 8)
                                 : SERVICE_NUMBER(IPPROTO_ICMPV6, 128 << 8);
}

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

static int add_sources(struct plan *plan, const struct part *part, const struct packet *inside)
{
    struct address_sample outside;
    int r = sample_outside_addresses(&part->sources, inside->family, &outside);

    for (size_t i = 0; r == 0 && i < outside.n; i++) {
        struct packet packet = *inside;
        struct probe probe;
        bool stray;

        packet.source = outside.addresses[i];
        stray = !policy_zone_of_address(plan->policy, inside->family, packet.source, &packet.from);
        /* Of another zone or none, where the flow's packets come from. */
        if (stray || packet.from != inside->from) {
            probe = plan_probe(PROBE_SOURCE, part->flow, &packet);
            probe.wire_zone = inside->from;
            probe.stray = stray;
            r = plan_add(plan, probe);
        }
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

        probe.packet.source = points->sources.addresses[i];
        probe.wrong_mac = true;
        if (layout_bound_host(plan->layout, inside->family, probe.packet.source))
            r = plan_add(plan, probe);
    }
    return r;
}

/* The same service between the first addresses of the other family, of the same zones. */
static int add_family(struct plan *plan, uint32_t flow, const struct packet *inside)
{
    struct packet packet = *inside;
    struct address_sample sources = {0}, destinations = {0};
    int r;

    packet.family = inside->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
    r = sample_zone(plan, packet.from, packet.family, &sources);
    if (r == 0)
        r = sample_zone(plan, packet.to, packet.family, &destinations);
    if (r < 0 || sources.n == 0 || destinations.n == 0)
        return r;

    packet.source = sources.addresses[0];
    packet.destination = destinations.addresses[0];
    packet.service = service_in(inside->service, packet.family);
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

static int plan_part(struct plan *plan, const struct part *part, const struct packet *base)
{
    struct points points;
    struct packet packet;
    size_t n;
    int r = take_points(part, base, &points);

    if (r < 0)
        return r;
    n = points.sources.n * points.destinations.n * points.services.n;
    for (size_t i = 0; r == 0 && i < n && i < FLOW_PROBES_MAX; i++) {
        packet = point_at(&points, base, i);
        r = add_neighbour(plan, PROBE_FLOW, part->flow, &packet);
    }
    for (size_t i = 0; r == 0 && i < points.services.n; i++) {
        packet = *base;
        packet.service = points.services.services[i];
        r = add_link(plan, PROBE_FLOW, part->flow, &packet);
    }
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

static int plan_flow(struct plan *plan, uint32_t flow)
{
    const struct flow *approved = &plan->policy->flows[flow];
    int r = 0;

    for (size_t i = 0; r == 0 && i < approved->n_from; i++) {
        for (size_t j = 0; r == 0 && j < approved->n_to; j++)
            r = plan_ends(plan, flow, &approved->from[i], &approved->to[j]);
    }
    return r;
}

/* Two pairs of addresses for each of these. */
static const service_number usual_services[] = {
    SERVICE_NUMBER(IPPROTO_TCP, 443), SERVICE_NUMBER(IPPROTO_TCP, 22),
    SERVICE_NUMBER(IPPROTO_TCP, 445), SERVICE_NUMBER(IPPROTO_UDP, 53),
    SERVICE_NUMBER(IPPROTO_GRE, 0),   SERVICE_NUMBER(IPPROTO_ICMP, 8 << 8), /* ICMPv6 in IPv6 */
};

_Static_assert(2 * ELEMENTS_OF(usual_services) <= PAIR_PROBES_MAX, "see lab/plan.h");

/* First and last usable address of a zone: the second of a sample is the last address of one range
 * or the first of another. */
struct corners {
    struct address_sample of[FAMILIES];
};

static int find_corners(const struct plan *plan, size_t zone, struct corners *corners)
{
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        r = sample_zone(plan, zone, family, &corners->of[family]);
        if (corners->of[family].n > 2)
            corners->of[family].n = 2;
    }
    return r;
}

static int plan_pair(struct plan *plan, const struct packet *base, const struct corners *from,
                     const struct corners *to)
{
    size_t n_from = from->of[base->family].n, n_to = to->of[base->family].n;
    size_t n = n_from > n_to ? n_from : n_to;
    struct packet packet = *base;
    int r = 0;

    if (n_from == 0 || n_to == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        packet.source = from->of[base->family].addresses[i % n_from];
        packet.destination = to->of[base->family].addresses[(n_to - 1 + i) % n_to];
        if (packet.from == packet.to && packet.source == packet.destination)
            continue;
        for (size_t j = 0; r == 0 && j < ELEMENTS_OF(usual_services); j++) {
            packet.service = service_in(usual_services[j], base->family);
            r = add_neighbour(plan, PROBE_PAIR, NO_FLOW, &packet);
        }
    }
    return r;
}

/* What a host says before it has an address. */
static int plan_dhcp(struct plan *plan, const struct packet *base)
{
    struct packet packet = *base;

    packet.service = SERVICE_NUMBER(IPPROTO_UDP, base->family == FAMILY_IPV4 ? 67 : 547);
    return add_link(plan, PROBE_PAIR, NO_FLOW, &packet);
}

/* The first zone's address on the second zone's wire. */
static int plan_spoofed(struct plan *plan, const struct packet *base, const struct corners *from,
                        const struct corners *to)
{
    struct packet packet = *base;
    struct probe probe;

    if (from->of[base->family].n == 0 || to->of[base->family].n == 0 ||
        packet.from == ZONE_GATEWAY || packet.to == ZONE_GATEWAY ||
        layout_wire_carries(plan->layout, layout_zone_wire(plan->layout, packet.to), packet.from))
        return 0;
    packet.source = from->of[base->family].addresses[0];
    packet.destination = to->of[base->family].addresses[0];
    packet.service = usual_services[0];
    probe = plan_probe(PROBE_ZONE, NO_FLOW, &packet);
    probe.wire_zone = packet.to;
    return plan_add(plan, probe);
}

/* Zones with the gateway after the last. */
static size_t zone_at(const struct policy *policy, size_t i)
{
    return i < policy->n_zones ? i : ZONE_GATEWAY;
}

static int plan_pairs(struct plan *plan)
{
    const struct policy *policy = plan->policy;
    cleanup_(freep) struct corners *corners = calloc(policy->n_zones + 1, sizeof(*corners));
    int r = 0;

    if (!corners)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i <= policy->n_zones; i++)
        r = find_corners(plan, zone_at(policy, i), &corners[i]);

    for (size_t i = 0; i <= policy->n_zones; i++) {
        for (size_t j = 0; j <= policy->n_zones; j++) {
            for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
                const struct packet base = {
                    .from = zone_at(policy, i),
                    .to = zone_at(policy, j),
                    .family = family,
                };

                r = plan_pair(plan, &base, &corners[i], &corners[j]);
                if (r == 0)
                    r = plan_dhcp(plan, &base);
                if (r == 0)
                    r = plan_spoofed(plan, &base, &corners[i], &corners[j]);
            }
        }
    }
    return r;
}

/* What the policy expects is not what its flows say, but what it says it expects; in the hours in
 * which the flow may pass at all. */
static void expect(const struct plan *plan, struct probe *probe, bool allow)
{
    bool closed = probe->owner != NO_FLOW && owner_state(plan, probe) == FLOW_STATE_CLOSED;

    if (allow && !closed)
        probe->expected = REASON_NONE;
    else if (!allow && probe->expected == REASON_NONE)
        probe->expected = REASON_NO_FLOW;
}

static int plan_expectations(struct plan *plan)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < plan->policy->n_expectations; i++) {
        const struct expectation *expectation = &plan->policy->expectations[i];
        const struct packet packet = {
            .from = expectation->from_zone,
            .to = expectation->to_zone,
            .family = expectation->family,
            .source = expectation->from,
            .destination = expectation->to,
            .service = SERVICE_NUMBER(expectation->protocol, expectation->port),
        };
        struct probe probe = plan_probe(PROBE_EXPECTATION, NO_FLOW, &packet);
        size_t n_before = plan->n_probes;

        probe.expectation = i;
        r = plan_add(plan, probe);
        if (r < 0 || plan->n_probes == n_before)
            continue;

        expect(plan, &plan->probes[n_before], expectation->allow);
    }
    return r;
}

/* Connection tracking distinguishes two packets of the same ends: by ports, or by an identifier. */
static bool has_own_connection(const struct packet *packet)
{
    uint8_t protocol = SERVICE_PROTOCOL(packet->service);

    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
           protocol_is_icmp(protocol, packet->family);
}

struct queued {
    const struct packet *packet;
    size_t index;
};

/* The same for both directions. */
static int compare_ends(const struct packet *a, const struct packet *b)
{
    ip_number low_a = a->source < a->destination ? a->source : a->destination;
    ip_number low_b = b->source < b->destination ? b->source : b->destination;
    ip_number high_a = a->source < a->destination ? a->destination : a->source;
    ip_number high_b = b->source < b->destination ? b->destination : b->source;
    int protocol_a = SERVICE_PROTOCOL(a->service), protocol_b = SERVICE_PROTOCOL(b->service);

    return COMPARE(a->family, b->family) ?: COMPARE(protocol_a, protocol_b)
               ?: COMPARE(low_a, low_b) ?: COMPARE(high_a, high_b);
}

static int compare_queued(const void *a, const void *b)
{
    const struct queued *x = a, *y = b;

    return compare_ends(x->packet, y->packet) ?: COMPARE(x->index, y->index);
}

static int number_rounds(struct plan *plan)
{
    cleanup_(freep) struct queued *queue = calloc(plan->n_probes + 1, sizeof(*queue));
    size_t n = 0;

    if (!queue)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_probes; i++) {
        if (!has_own_connection(&plan->probes[i].packet))
            queue[n++] = (struct queued){&plan->probes[i].packet, i};
    }
    qsort(queue, n, sizeof(*queue), compare_queued);

    plan->n_rounds = 1;
    for (size_t i = 1; i < n; i++) {
        struct probe *probe = &plan->probes[queue[i].index];

        if (compare_ends(queue[i].packet, queue[i - 1].packet) == 0)
            probe->round = plan->probes[queue[i - 1].index].round + 1;
        if (probe->round >= plan->n_rounds)
            plan->n_rounds = probe->round + 1;
    }
    return 0;
}

int plan_new(const struct diagram *diagram, usec_t now, struct plan **ret_plan)
{
    cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
    int r;

    if (!plan)
        return -ENOMEM;
    plan->policy = diagram->policy;
    plan->diagram = diagram;
    plan->now = now;

    r = flow_states_new(plan->policy, NULL, now, &plan->states);
    if (r == 0)
        r = layout_new(plan->policy, &plan->layout);
    for (uint32_t i = 0; r == 0 && i < plan->policy->n_flows; i++)
        r = plan_flow(plan, i);
    if (r == 0)
        r = plan_pairs(plan);
    if (r == 0)
        r = plan_expectations(plan);
    if (r == 0)
        r = number_rounds(plan);
    if (r == 0)
        r = layout_finish(plan->layout);
    if (r < 0)
        return r;

    *ret_plan = TAKE_PTR(plan);
    return 0;
}

struct plan *plan_free(struct plan *plan)
{
    if (!plan)
        return NULL;
    layout_free(plan->layout);
    flow_states_free(plan->states);
    free(plan->probes);
    free(plan);
    return NULL;
}

static const char *const probe_kind_words[] = {
    [PROBE_FLOW] = "flow",
    [PROBE_PORT] = "port",
    [PROBE_SOURCE] = "source",
    [PROBE_DESTINATION] = "destination",
    [PROBE_PROTOCOL] = "protocol",
    [PROBE_REVERSED] = "reversed",
    [PROBE_MAC] = "mac",
    [PROBE_ZONE] = "zone",
    [PROBE_FAMILY] = "family",
    [PROBE_PAIR] = "pair",
    [PROBE_EXPECTATION] = "expectation",
};
DEFINE_TO_STRING(probe_kind, enum probe_kind)
