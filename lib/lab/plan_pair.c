/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is sent between zones whatever the flows say: usual services from each zone to each other
 * and to the gateway, each zone's addresses on the wires of all others, and the policy's own
 * expectations. Most of it must not pass. A zone pair without flows is only seen here.
 */

#include <errno.h>
#include <netinet/in.h>

#include "lab/plan.h"
#include "lab/sample.h"

/* Two pairs of addresses for each of these. */
static const service_number usual_services[] = {
    SERVICE_NUMBER(IPPROTO_TCP, 443), SERVICE_NUMBER(IPPROTO_TCP, 22),
    SERVICE_NUMBER(IPPROTO_TCP, 445), SERVICE_NUMBER(IPPROTO_UDP, 53),
    SERVICE_NUMBER(IPPROTO_GRE, 0),   SERVICE_NUMBER(IPPROTO_ICMP, 8 << 8), /* ICMPv6 in IPv6 */
};

_Static_assert(2 * ELEMENTS_OF(usual_services) <= PAIR_PROBES_MAX, "see lab/probe.h");

/* First and last usable address of each zone and family. */
struct corners {
    struct {
        ip_number addresses[2];
        size_t n;
    } of[FAMILIES];
};

static int find_corners(const struct plan *plan, size_t zone, struct corners *corners)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        struct address_sample sample = {.n = 1};
        int r = 0;

        if (zone != ZONE_GATEWAY)
            r = sample_addresses(&plan->policy->zones[zone].addresses.by_family[family], family,
                                 &sample);
        if (r < 0)
            return r;
        corners->of[family].n = sample.n > 1 ? 2 : sample.n;
        corners->of[family].addresses[0] = sample.addresses[0];
        /* The second of a sample is the last address of one range or the first of another. */
        if (sample.n > 1)
            corners->of[family].addresses[1] = sample.addresses[1];
    }
    return 0;
}

static service_number service_in(service_number service, enum family family)
{
    if (family == FAMILY_IPV6 && SERVICE_PROTOCOL(service) == IPPROTO_ICMP)
        return SERVICE_NUMBER(IPPROTO_ICMPV6, 128 << 8);
    return service;
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
            r = plan_add(plan, plan_probe(PROBE_PAIR, NO_FLOW, &packet));
        }
    }
    return r;
}

/* What a host says before it has an address. */
static int plan_link(struct plan *plan, const struct packet *base)
{
    struct packet packet = *base;

    if (base->from != ZONE_GATEWAY && base->to != ZONE_GATEWAY)
        return 0;
    packet.service = SERVICE_NUMBER(IPPROTO_UDP, base->family == FAMILY_IPV4 ? 67 : 547);
    return plan_add(plan, plan_link_probe(PROBE_PAIR, NO_FLOW, &packet));
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

int plan_pairs(struct plan *plan)
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
                    r = plan_link(plan, &base);
                if (r == 0)
                    r = plan_spoofed(plan, &base, &corners[i], &corners[j]);
            }
        }
    }
    return r;
}

int plan_expectations(struct plan *plan)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < plan->policy->n_expectations; i++) {
        const struct expectation *expectation = &plan->policy->expectations[i];
        const struct packet packet = {
            .from = expectation->from_zone,
            .to = expectation->to_zone,
            .family = expectation->family,
            .source = expectation->from_zone == ZONE_GATEWAY ? 0 : expectation->from,
            .destination = expectation->to_zone == ZONE_GATEWAY ? 0 : expectation->to,
            .service = SERVICE_NUMBER(expectation->protocol, expectation->port),
        };
        struct probe probe = plan_probe(PROBE_EXPECTATION, NO_FLOW, &packet);
        size_t n_before = plan->n_probes;

        probe.expectation = i;
        r = plan_add(plan, probe);
        if (r < 0 || plan->n_probes == n_before)
            continue;

        /* What the policy expects is not what its flows say, but what it says it expects. */
        if (expectation->allow)
            plan->probes[n_before].expected = REASON_NONE;
        else if (plan->probes[n_before].expected == REASON_NONE)
            plan->probes[n_before].expected = REASON_NO_FLOW;
    }
    return r;
}
