/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Packets of hosts are input: no length is believed before it was compared with what is there. */

#include "observe/packet_head.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40
/* As many as the kernel itself would follow is not known; more than these are no honest packet. */
#define EXTENSIONS_MAX 8

/* What is left of the packet. */
struct rest {
    const uint8_t *bytes;
    size_t size;
};

static uint16_t number_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Returns false where less is left. */
static bool skip(struct rest *rest, size_t size)
{
    if (size > rest->size)
        return false;
    rest->bytes += size;
    rest->size -= size;
    return true;
}

static void parse_ports(struct rest rest, struct packet_head *packet)
{
    switch (packet->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        if (rest.size < 4)
            return;
        packet->source_port = number_at(rest.bytes);
        packet->port = number_at(rest.bytes + 2);
        return;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if (rest.size >= 2)
            packet->port = number_at(rest.bytes);
        return;
    default:
        return;
    }
}

static int parse_ipv4(struct rest rest, struct packet_head *packet)
{
    const uint8_t *header = rest.bytes;
    size_t length;

    if (rest.size < IPV4_HEADER)
        return -EBADMSG;
    length = (size_t)(header[0] & 0xf) * 4;
    packet->family = FAMILY_IPV4;
    packet->protocol = header[9];
    packet->source = address_from_bytes(FAMILY_IPV4, header + 12);
    packet->destination = address_from_bytes(FAMILY_IPV4, header + 16);
    /* A later fragment has no ports. */
    if (length >= IPV4_HEADER && (number_at(header + 6) & 0x1fff) == 0 && skip(&rest, length))
        parse_ports(rest, packet);
    return 0;
}

/* Skips an extension header. Returns false where the protocol is none of them, or where nothing
 * after it can be read. */
static bool skip_extension(struct rest *rest, struct packet_head *packet)
{
    const uint8_t *header = rest->bytes;
    bool is_first = true;
    size_t length;

    if (rest->size < 8)
        return false;
    switch (packet->protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
        length = (size_t)(header[1] + 1) * 8;
        break;
    case IPPROTO_FRAGMENT:
        length = 8;
        is_first = (number_at(header + 2) & 0xfff8) == 0;
        break;
    default:
        return false;
    }
    packet->protocol = header[0];
    if (!skip(rest, length) || !is_first)
        rest->size = 0;
    return rest->size > 0;
}

static int parse_ipv6(struct rest rest, struct packet_head *packet)
{
    const uint8_t *header = rest.bytes;

    if (rest.size < IPV6_HEADER)
        return -EBADMSG;
    packet->family = FAMILY_IPV6;
    packet->protocol = header[6];
    packet->source = address_from_bytes(FAMILY_IPV6, header + 8);
    packet->destination = address_from_bytes(FAMILY_IPV6, header + 24);
    skip(&rest, IPV6_HEADER);
    for (unsigned i = 0; i < EXTENSIONS_MAX && skip_extension(&rest, packet); i++)
        ;
    parse_ports(rest, packet);
    return 0;
}

int packet_head_parse(const uint8_t *bytes, size_t size, struct packet_head *ret_packet)
{
    const struct rest rest = {bytes, size};
    struct packet_head packet = {0};
    int r = -EBADMSG;

    if (size > 0 && bytes[0] >> 4 == 4)
        r = parse_ipv4(rest, &packet);
    if (size > 0 && bytes[0] >> 4 == 6)
        r = parse_ipv6(rest, &packet);
    if (r == 0)
        *ret_packet = packet;
    return r;
}

struct packet_head packet_head_answered(const struct packet_head *packet)
{
    struct packet_head answered = *packet;

    answered.source = packet->destination;
    answered.destination = packet->source;
    if (packet->protocol == IPPROTO_ICMP)
        answered.port = packet->port == ICMP_ECHOREPLY << 8 ? ICMP_ECHO << 8 : packet->port;
    else if (packet->protocol == IPPROTO_ICMPV6)
        answered.port =
            packet->port == ICMP6_ECHO_REPLY << 8 ? ICMP6_ECHO_REQUEST << 8 : packet->port;
    else {
        answered.source_port = packet->port;
        answered.port = packet->source_port;
    }
    return answered;
}
