/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sends probes and sees what becomes of them. A tag says which packet of which probe a frame is;
 * everything else about a frame that comes out is held against what was sent. Source ports and ICMP
 * identifiers differ within a batch, so each probe is a connection of its own.
 */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "lab/rehearsal_private.h"
#include "lab/sample.h"

/* Client ports and identifiers: from here on, in turn. */
#define FIRST_PORT 20000
#define PORTS 40000
/* The tag's payload is what TCP counts in a first packet, beside the SYN. */
#define PAYLOAD 8
#define SEQUENCE UINT32_C(0x10000)

/* One call of stage_play(). */
struct play {
    struct stage *stage;
    const size_t *probes;
    size_t n_probes;
    struct sight *sights;
    unsigned n_inside; /* packets for or from the gateway itself since all was read */
};

/* Tags number the packets of the play. */
static uint32_t tag_of(size_t index, enum leg leg)
{
    return (uint32_t)(index * LEGS + leg);
}

/* The wire of one end, and its address there. */
struct end {
    size_t zone;
    size_t wire; /* of ZONE_GATEWAY: that of the other end */
    ip_number address;
};

static void find_ends(const struct plan *plan, const struct probe *probe, struct end *from,
                      struct end *to)
{
    const struct packet *packet = &probe->packet;

    *from = (struct end){packet->from, 0, packet->source};
    *to = (struct end){packet->to, 0, packet->destination};
    if (from->zone != ZONE_GATEWAY &&
        (probe->stray || probe->link || probe->wire_zone != from->zone ||
         !layout_find(plan->layout, packet->family, from->address, &from->wire)))
        from->wire = layout_zone_wire(plan->layout, probe->wire_zone);
    if (to->zone != ZONE_GATEWAY &&
        (probe->link || !layout_find(plan->layout, packet->family, to->address, &to->wire)))
        to->wire = layout_zone_wire(plan->layout, to->zone);

    if (from->zone == ZONE_GATEWAY) {
        from->wire = to->wire;
        from->address = layout_gateway_address(plan->layout, to->wire, packet->family);
    }
    if (to->zone == ZONE_GATEWAY) {
        to->wire = from->wire;
        to->address = layout_gateway_address(plan->layout, from->wire, packet->family);
        /* No other destination can be reached by who has no address. */
        if (probe->link && packet->family == FAMILY_IPV4)
            to->address = UINT32_MAX;
    }
}

/* The type of the reply to a query: RFC 792, RFC 950, RFC 4443, RFC 4620. */
static uint16_t reply_to_query(uint16_t query)
{
    return (uint16_t)((query >> 8 == 8 ? 0 : (query >> 8) + 1) << 8 | (query & 0xff));
}

static struct frame frame_request(const struct probe *probe, uint32_t tag, const struct end *from,
                                  const struct end *to)
{
    uint8_t protocol = SERVICE_PROTOCOL(probe->packet.service);
    bool ports = protocol_has_ports(protocol) || protocol_is_icmp(protocol, probe->packet.family);

    return (struct frame){
        .family = probe->packet.family,
        .kind = frame_kind_of(probe->packet.family, protocol),
        .protocol = protocol,
        .source = from->address,
        .destination = to->address,
        .source_port = ports ? (uint16_t)(FIRST_PORT + tag / LEGS % PORTS) : 0,
        .port = ports ? SERVICE_PORT(probe->packet.service) : 0,
        .tcp_flags = FRAME_TCP_SYN,
        .tcp_sequence = SEQUENCE,
        .tag = tag,
    };
}

static struct frame frame_reply(const struct frame *request)
{
    struct frame reply = *request;

    reply.source = request->destination;
    reply.destination = request->source;
    if (request->kind == FRAME_ICMP) {
        reply.port = reply_to_query(request->port);
    } else {
        reply.source_port = request->port;
        reply.port = request->source_port;
    }
    reply.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    reply.tcp_acknowledgement = request->tcp_sequence + 1 + PAYLOAD;
    return reply;
}

/* A packet as it is sent: from `from` to `to`, which for a reply are the ends exchanged. */
struct packet_plan {
    struct frame frame;
    struct end from;
    struct end to;
};

/* A wire that does not carry the zone; false where there is none. */
static bool find_foreign_wire(const struct plan *plan, size_t zone, size_t start, size_t *ret_wire)
{
    size_t n;

    layout_interfaces(plan->layout, &n);
    for (size_t i = 0; i < n; i++) {
        *ret_wire = (start + i) % n;
        if (!layout_wire_carries(plan->layout, *ret_wire, zone))
            return true;
    }
    return false;
}

/* Hardware address of a packet from a wire: one that the host is bound to, of several each in its
 * turn by the probe, in every play of it the same; or deliberately another. */
static void dress(const struct play *play, size_t index, bool wrong, struct packet_plan *sent)
{
    const struct host *host = NULL;
    struct mac mac;

    if (sent->from.zone != ZONE_GATEWAY)
        host = layout_bound_host(play->stage->plan->layout, sent->frame.family, sent->frame.source);
    if (!host)
        return;
    mac = host->macs[play->probes[index] % host->n_macs];
    if (wrong)
        mac.bytes[5] ^= 0x40;
    while (wrong && host_has_mac(host, mac))
        mac.bytes[5]++;
    sent->frame.source_mac = mac;
}

/* Returns false where there is no such packet. */
static bool plan_packet(const struct play *play, size_t index, enum leg leg,
                        struct packet_plan *ret_packet)
{
    const struct plan *plan = play->stage->plan;
    const struct probe *probe = &plan->probes[play->probes[index]];
    struct packet_plan packet;
    struct frame request;

    find_ends(plan, probe, &packet.from, &packet.to);
    request = frame_request(probe, tag_of(index, leg), &packet.from, &packet.to);
    packet.frame = request;
    if (leg == LEG_REQUEST) {
        dress(play, index, probe->wrong_mac, &packet);
        *ret_packet = packet;
        return true;
    }

    *ret_packet = (struct packet_plan){
        .frame = frame_reply(&request),
        .from = packet.to,
        .to = packet.from,
    };
    dress(play, index, leg == LEG_FORGED_REPLY, ret_packet);
    if (leg == LEG_REPLY)
        return true;
    if (ret_packet->from.zone == ZONE_GATEWAY)
        return false;
    return probe_leg_reason(plan, probe, leg) == REASON_MAC_MISMATCH ||
           find_foreign_wire(plan, ret_packet->from.zone, index, &ret_packet->from.wire);
}

/* What the gateway says of its own accord about a packet: errors, echo replies. */
static bool is_answer(const struct play *play, const struct frame *seen, const struct frame *sent,
                      size_t wire)
{
    size_t n;

    layout_interfaces(play->stage->plan->layout, &n);
    if (wire == WIRE_INSIDE || seen->source == sent->source)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (seen->source == layout_gateway_address(play->stage->plan->layout, i, seen->family))
            return true;
    }
    return false;
}

static bool is_unchanged(const struct frame *seen, const struct frame *sent)
{
    if (seen->family != sent->family || seen->protocol != sent->protocol ||
        seen->source != sent->source || seen->destination != sent->destination)
        return false;
    /* Elsewhere there is nothing in these places. */
    if (!protocol_has_ports(sent->protocol) && sent->kind != FRAME_ICMP)
        return true;
    return seen->source_port == sent->source_port && seen->port == sent->port;
}

static bool is_right_place(const struct play *play, const struct packet_plan *sent, size_t wire)
{
    if (sent->to.zone == ZONE_GATEWAY || wire == WIRE_INSIDE)
        return sent->to.zone == ZONE_GATEWAY && wire == WIRE_INSIDE;
    return layout_wire_carries(play->stage->plan->layout, wire, sent->to.zone);
}

/* Books a frame that came out somewhere. */
static void see(struct play *play, const struct frame *seen, size_t wire)
{
    size_t index = seen->tag / LEGS;
    enum leg leg = (enum leg)(seen->tag % LEGS);
    struct packet_plan sent;
    struct sight *sight;

    /* Not of this play: the kernel has nothing left of others, so it is not the lab's at all. */
    if (index >= play->n_probes || !play->sights[index].sent[leg] ||
        !plan_packet(play, index, leg, &sent))
        return;
    sight = &play->sights[index];
    if (is_answer(play, seen, &sent.frame, wire))
        return;
    /* Who broadcasts receives a copy. */
    if (wire == WIRE_INSIDE && sent.from.zone == ZONE_GATEWAY &&
        sent.frame.destination == UINT32_MAX && sent.frame.family == FAMILY_IPV4)
        return;
    if (!is_right_place(play, &sent, wire)) {
        sight->leaked[leg]++;
        sight->wire[leg] = wire;
    } else if (!is_unchanged(seen, &sent.frame)) {
        sight->changed[leg]++;
    } else {
        sight->arrived[leg]++;
    }
}

/* Waits until all that was sent is handled, and counts the results. */
static int collect(struct play *play)
{
    struct frame seen;
    size_t wire;
    int r = lab_synchronise(play->stage->lab);

    if (r < 0)
        return r;
    while ((r = lab_receive(play->stage->lab, 0, &seen, &wire)) > 0)
        see(play, &seen, wire);
    if (r < 0)
        return r;
    while ((r = inside_receive(play->stage->inside, &seen)) > 0)
        see(play, &seen, WIRE_INSIDE);
    play->n_inside = 0;
    return r;
}

static int send_leg(struct play *play, size_t index, enum leg leg)
{
    struct stage *stage = play->stage;
    struct packet_plan packet;
    size_t n;
    int r;

    if (!plan_packet(play, index, leg, &packet))
        return 0;
    play->sights[index].sent[leg] = true;
    if (packet.from.zone == ZONE_GATEWAY || packet.to.zone == ZONE_GATEWAY) {
        if (play->n_inside++ == INSIDE_WINDOW) {
            r = collect(play);
            if (r < 0)
                return r;
        }
        r = inside_listen(stage->inside, packet.frame.family, packet.frame.protocol);
        if (r == 0 && leg == LEG_REQUEST && packet.to.zone == ZONE_GATEWAY &&
            packet.frame.kind == FRAME_TCP)
            r = inside_silence(stage->inside, packet.frame.family, packet.frame.port);
        if (r < 0)
            return r;
    }
    if (packet.from.zone == ZONE_GATEWAY)
        return inside_send(stage->inside,
                           layout_interfaces(stage->plan->layout, &n)[packet.to.wire],
                           &packet.frame);
    return lab_send(stage->lab, packet.from.wire, &packet.frame, NULL);
}

int stage_play(struct stage *stage, const size_t *probes, size_t n_probes, const bool replies[LEGS],
               struct sight *sights)
{
    struct play play = {stage, probes, n_probes, sights, 0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_probes; i++)
        r = send_leg(&play, i, LEG_REQUEST);
    if (r == 0)
        r = collect(&play);

    for (enum leg leg = LEG_FORGED_REPLY; r == 0 && leg < LEGS; leg++) {
        for (size_t i = 0; r == 0 && i < n_probes; i++) {
            const struct probe *probe = &stage->plan->probes[probes[i]];

            if (replies[leg] && probe->expected == REASON_NONE && !probe->link &&
                sight_fate(&sights[i], LEG_REQUEST) == FATE_ARRIVED)
                r = send_leg(&play, i, leg);
        }
        if (r == 0)
            r = collect(&play);
    }
    inside_unsilence(stage->inside);
    return r;
}
