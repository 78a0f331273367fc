/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A plan as a whole. Whoever adds a probe says what is sent and why; only here is said what must
 * become of it, so that no kind of probe has a rule of its own for that.
 */

#include "lab/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/string_table.h"
#include "lab/plan.h"
#include "lab/sample.h"

/* ff02::1:2, RFC 8415 section 7.1. */
#define ALL_DHCP_SERVERS_IPV6 (((ip_number)0xff02 << 112) | 0x10002)

static uint32_t decide(const struct plan *plan, const struct packet *packet)
{
    if (plan->policy->n_flows <= PLAN_NAIVE_FLOWS_MAX)
        return policy_decide_naively(plan->policy, packet);
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

static enum reason judge(const struct plan *plan, const struct probe *probe)
{
    if (is_spoofed(plan, probe))
        return REASON_SPOOFED;
    if (probe->wrong_mac)
        return REASON_MAC_MISMATCH;
    if (probe->owner == NO_FLOW)
        return REASON_NO_FLOW;
    return plan->policy->flows[probe->owner].expires > plan->now ? REASON_NONE : REASON_SUSPENDED;
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

static bool can_send(const struct plan *plan, const struct probe *probe)
{
    const struct packet *packet = &probe->packet;
    bool own = packet->from == ZONE_GATEWAY || packet->to == ZONE_GATEWAY;

    if (own && (packet->from == packet->to || !plan->policy->gateway_protect))
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

struct probe plan_probe(enum probe_kind kind, uint32_t flow, const struct packet *packet)
{
    return (struct probe){
        .kind = kind,
        .flow = flow,
        .packet = *packet,
        .wire_zone = packet->from,
    };
}

struct probe plan_link_probe(enum probe_kind kind, uint32_t flow, const struct packet *packet)
{
    struct probe probe = plan_probe(kind, flow, packet);

    probe.link = true;
    if (packet->to == ZONE_GATEWAY)
        probe.packet.source = packet->family == FAMILY_IPV4 ? 0 : LAB_FAR_IPV6;
    else
        probe.packet.destination =
            packet->family == FAMILY_IPV4 ? UINT32_MAX : ALL_DHCP_SERVERS_IPV6;
    return probe;
}

int plan_add(struct plan *plan, struct probe probe)
{
    int r;

    if (!can_send(plan, &probe))
        return 0;
    r = place_ends(plan, &probe);
    if (r == 0)
        r = array_reserve(&plan->probes, &plan->capacity, plan->n_probes + 1,
                          sizeof(*plan->probes));
    if (r < 0)
        return r;

    probe.owner = decide(plan, &probe.packet);
    probe.expected = judge(plan, &probe);
    plan->probes[plan->n_probes++] = probe;
    return 0;
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

    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (protocol_a != protocol_b)
        return protocol_a < protocol_b ? -1 : 1;
    if (low_a != low_b)
        return low_a < low_b ? -1 : 1;
    return (high_a > high_b) - (high_a < high_b);
}

static int compare_queued(const void *a, const void *b)
{
    const struct queued *x = a, *y = b;
    int order = compare_ends(x->packet, y->packet);

    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
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
