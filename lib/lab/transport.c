/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Headers of the transport protocols, each a valid first packet of a connection or its answer:
 * connection tracking must find nothing to object to, or it would call the packet invalid and the
 * ruleset would never be asked. Protocols without ports get eight bytes of nothing.
 */

#include "lab/transport.h"

#include <netinet/in.h>
#include <string.h>

#include "lab/bytes.h"

#define UDP_HEADER 8
#define TCP_HEADER 20
#define ICMP_HEADER 8
#define OTHER_HEADER 8

/* RFC 9260, sections 3.1, 3.2.1, 3.3.2 and 3.3.3: the common header, a chunk INIT or INIT ACK, and
 * the head of one parameter, whose value is what follows. */
#define SCTP_CHUNK 12
#define SCTP_CHUNK_FIXED 20
#define SCTP_PARAMETER (SCTP_CHUNK + SCTP_CHUNK_FIXED)
#define SCTP_HEADER (SCTP_PARAMETER + 4)
#define SCTP_INIT 1
#define SCTP_INIT_ACK 2
#define SCTP_STATE_COOKIE 7
#define SCTP_PAD 0x8005 /* RFC 4820: a parameter that says nothing */
/* The tag that the side which opens gives itself; its peer's packets carry it. */
#define SCTP_TAG UINT32_C(0x5e9d1ab1)

/* RFC 4302, section 2, with a check value of four bytes, and a protocol kept for experiments
 * after it (RFC 3692). In IPv6 it is an extension header, which must lead somewhere. */
#define AH_HEADER 16
#define AH_NEXT 253

#define ICMPV6_ERROR_LAST 127

static size_t address_bytes(enum family family)
{
    return family_bits(family) / 8;
}

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += get16(bytes + i);
    if (size % 2 != 0)
        sum += (uint32_t)bytes[size - 1] << 8;
    return sum;
}

uint16_t checksum_finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t checksum_crc32c(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static uint16_t internet_checksum(const struct frame *frame, uint8_t protocol, const uint8_t *bytes,
                                  size_t size)
{
    uint8_t addresses[32];
    size_t n = address_bytes(frame->family);
    uint32_t sum = 0;

    address_to_bytes(frame->family, frame->source, addresses);
    address_to_bytes(frame->family, frame->destination, addresses + n);
    if (protocol != IPPROTO_ICMP)
        sum = checksum_add((uint32_t)size + protocol, addresses, 2 * n);
    return checksum_finish(checksum_add(sum, bytes, size));
}

/* A wrong checksum that is neither an equal of the right one nor UDP's "none". */
static uint16_t spoil(uint16_t checksum)
{
    uint16_t wrong = checksum ^ 0x0100;

    return wrong != 0 ? wrong : 0x0300;
}

uint8_t transport_protocol(const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_UDP:
        return IPPROTO_UDP;
    case FRAME_TCP:
        return IPPROTO_TCP;
    case FRAME_ICMP:
        return frame->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    case FRAME_OTHER:
        return frame->protocol;
    }
    return frame->protocol;
}

enum frame_kind transport_kind(enum family family, uint8_t protocol)
{
    if (protocol == IPPROTO_UDP)
        return FRAME_UDP;
    if (protocol == IPPROTO_TCP)
        return FRAME_TCP;
    if (protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return FRAME_ICMP;
    return FRAME_OTHER;
}

bool transport_is_icmp_error(const struct frame *frame)
{
    uint8_t type = (uint8_t)(frame->port >> 8);

    if (frame->kind != FRAME_ICMP)
        return false;
    if (frame->family == FAMILY_IPV6)
        return type <= ICMPV6_ERROR_LAST;
    /* Unreachable, source quench, redirect, time exceeded, parameter problem. */
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool answers(const struct frame *frame)
{
    return frame->tcp_flags & FRAME_TCP_ACK;
}

static size_t write_tcp(const struct frame *frame, uint8_t *bytes)
{
    put32(bytes + 4, frame->tcp_sequence);
    put32(bytes + 8, frame->tcp_acknowledgement);
    bytes[12] = TCP_HEADER / 4 << 4;
    bytes[13] = frame->tcp_flags;
    put16(bytes + 14, UINT16_MAX);
    return TCP_HEADER;
}

/* The payload is the value of a parameter, so that nothing stands after the one chunk. */
static size_t write_sctp(const struct frame *frame, size_t payload, uint8_t *bytes)
{
    uint8_t *chunk = bytes + SCTP_CHUNK, *parameter = bytes + SCTP_PARAMETER;

    put32(bytes + 4, answers(frame) ? SCTP_TAG : 0);
    chunk[0] = answers(frame) ? SCTP_INIT_ACK : SCTP_INIT;
    put16(chunk + 2, (uint16_t)(SCTP_CHUNK_FIXED + 4 + payload));
    put32(chunk + 4, SCTP_TAG);
    put32(chunk + 8, UINT16_MAX); /* receive window */
    put16(chunk + 12, 1);         /* streams out and in */
    put16(chunk + 14, 1);
    put16(parameter, answers(frame) ? SCTP_STATE_COOKIE : SCTP_PAD);
    put16(parameter + 2, (uint16_t)(4 + payload));
    return SCTP_HEADER;
}

static size_t write_ah(uint8_t *bytes)
{
    memset(bytes, 0, 4);
    bytes[0] = AH_NEXT;
    bytes[1] = AH_HEADER / 4 - 2;
    put32(bytes + 4, 256); /* the first number that may be an association */
    put32(bytes + 8, 1);
    return AH_HEADER;
}

/* Of the protocols that have no kind of their own. */
static size_t write_other(const struct frame *frame, size_t payload, uint8_t *bytes)
{
    switch (frame->protocol) {
    case IPPROTO_SCTP:
        return write_sctp(frame, payload, bytes);
    case IPPROTO_AH:
        return write_ah(bytes);
    default:
        return OTHER_HEADER;
    }
}

static size_t write_header(const struct frame *frame, size_t payload, uint8_t *bytes)
{
    memset(bytes, 0, TRANSPORT_HEADER_MAX);
    put16(bytes, frame->source_port);
    put16(bytes + 2, frame->port);

    switch (frame->kind) {
    case FRAME_UDP:
        put16(bytes + 4, (uint16_t)(UDP_HEADER + payload));
        return UDP_HEADER;
    case FRAME_TCP:
        return write_tcp(frame, bytes);
    case FRAME_ICMP:
        put16(bytes, frame->port);
        put16(bytes + 2, 0);
        if (!transport_is_icmp_error(frame))
            put16(bytes + 4, frame->source_port);
        return ICMP_HEADER;
    case FRAME_OTHER:
        return write_other(frame, payload, bytes);
    }
    return 0;
}

/* Where the Internet checksum is, or 0. */
static size_t checksum_offset(enum frame_kind kind)
{
    switch (kind) {
    case FRAME_UDP:
        return 6;
    case FRAME_TCP:
        return 16;
    case FRAME_ICMP:
        return 2;
    case FRAME_OTHER:
        return 0;
    }
    return 0;
}

static void write_checksum(const struct frame *frame, bool bad, uint8_t *bytes, size_t length)
{
    uint8_t protocol = transport_protocol(frame);
    size_t offset = checksum_offset(frame->kind);
    uint16_t sum;
    uint32_t crc;

    if (protocol == IPPROTO_SCTP) {
        crc = checksum_crc32c(bytes, length) ^ (bad ? 1 : 0);
        /* Its least significant byte comes first. */
        for (unsigned i = 0; i < 4; i++)
            bytes[8 + i] = (uint8_t)(crc >> 8 * i);
    }
    if (offset == 0)
        return;

    sum = internet_checksum(frame, protocol, bytes, length);
    /* A checksum of zero means that there is none. */
    if (sum == 0 && frame->kind == FRAME_UDP)
        sum = UINT16_MAX;
    put16(bytes + offset, bad ? spoil(sum) : sum);
}

size_t transport_write(const struct frame *frame, bool bad_checksum, const uint8_t *payload,
                       size_t size, uint8_t *bytes)
{
    size_t length = write_header(frame, size, bytes);

    memcpy(bytes + length, payload, size);
    length += size;
    write_checksum(frame, bad_checksum, bytes, length);
    return length;
}

static size_t read_tcp(const uint8_t *bytes, size_t length, struct frame *frame)
{
    if (length < TCP_HEADER)
        return 0;
    frame->tcp_sequence = get32(bytes + 4);
    frame->tcp_acknowledgement = get32(bytes + 8);
    frame->tcp_flags = bytes[13];
    return (size_t)(bytes[12] >> 4) * 4;
}

static size_t read_sctp(const uint8_t *bytes, size_t length, struct frame *frame)
{
    if (length < SCTP_HEADER)
        return 0;
    if (bytes[SCTP_CHUNK] == SCTP_INIT)
        frame->tcp_flags = FRAME_TCP_SYN;
    else if (bytes[SCTP_CHUNK] == SCTP_INIT_ACK)
        frame->tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    return SCTP_HEADER;
}

size_t transport_read(const struct frame_packet *packet, struct frame *frame)
{
    const uint8_t *bytes = packet->body;
    size_t length = packet->length, header = UDP_HEADER;

    if (length < UDP_HEADER)
        return 0;
    frame->kind = transport_kind(frame->family, packet->next_header);
    frame->protocol = packet->next_header;
    frame->source_port = get16(bytes);
    frame->port = get16(bytes + 2);

    if (frame->kind == FRAME_ICMP) {
        frame->port = get16(bytes);
        frame->source_port = transport_is_icmp_error(frame) ? 0 : get16(bytes + 4);
    } else if (frame->protocol == IPPROTO_TCP) {
        header = read_tcp(bytes, length, frame);
    } else if (frame->protocol == IPPROTO_SCTP) {
        header = read_sctp(bytes, length, frame);
    } else if (frame->protocol == IPPROTO_AH) {
        frame->source_port = frame->port = 0;
        header = ((size_t)bytes[1] + 2) * 4;
    }
    return header <= length ? header : 0;
}
