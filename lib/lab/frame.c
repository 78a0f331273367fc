/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Packets as bytes. The lab judges a gateway from outside, so its packets are written here byte by
 * byte and owe nothing to the kernel that is under test: not the checksums, not the fragments, not
 * the order of extension headers. What was seen is read with the same mistrust: every length is
 * checked against the bytes that came.
 *
 * Headers of the transport protocols are each those of a valid first packet of a connection or its
 * answer: connection tracking must find nothing to object to, or it would call the packet invalid
 * and the ruleset would never be asked. Protocols without ports get eight bytes of nothing.
 */

#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "lab/frame.h"

#define IPV4_HEADER 20
#define IPV4_OPTIONS 4
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define IPV6_HEADER 40
#define IPV6_EXTENSION 8
#define TAG_BYTES 8
#define HOP_LIMIT 64

/* The longest header that transport_write() writes. */
#define TRANSPORT_HEADER_MAX 36
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

/* Numbers in network byte order, at any place. */

static void put16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
    put16(bytes, (uint16_t)(value >> 16));
    put16(bytes + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

uint32_t frame_sum(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += get16(bytes + i);
    if (size % 2 != 0)
        sum += (uint32_t)bytes[size - 1] << 8;
    return sum;
}

uint16_t frame_checksum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t frame_crc32c(const uint8_t *bytes, size_t size)
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
    size_t n = family_bits(frame->family) / 8;
    uint32_t sum = 0;

    address_to_bytes(frame->family, frame->source, addresses);
    address_to_bytes(frame->family, frame->destination, addresses + n);
    if (protocol != IPPROTO_ICMP)
        sum = frame_sum((uint32_t)size + protocol, addresses, 2 * n);
    return frame_checksum(frame_sum(sum, bytes, size));
}

/* A wrong checksum that is neither an equal of the right one nor UDP's "none". */
static uint16_t spoil(uint16_t checksum)
{
    uint16_t wrong = checksum ^ 0x0100;

    return wrong != 0 ? wrong : 0x0300;
}

static uint8_t transport_protocol(const struct frame *frame)
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

enum frame_kind frame_kind_of(enum family family, uint8_t protocol)
{
    if (protocol == IPPROTO_UDP)
        return FRAME_UDP;
    if (protocol == IPPROTO_TCP)
        return FRAME_TCP;
    if (protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return FRAME_ICMP;
    return FRAME_OTHER;
}

/* True for an ICMP message that quotes the packet it is about. */
static bool is_icmp_error(const struct frame *frame)
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

static size_t write_ah(uint8_t next_header, uint8_t *bytes)
{
    memset(bytes, 0, AH_HEADER);
    bytes[0] = next_header;
    bytes[1] = AH_HEADER / 4 - 2;
    put32(bytes + 4, 256); /* the first number that may be an association */
    put32(bytes + 8, 1);
    return AH_HEADER;
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
        if (!is_icmp_error(frame))
            put16(bytes + 4, frame->source_port);
        return ICMP_HEADER;
    case FRAME_OTHER:
        break;
    }
    if (frame->protocol == IPPROTO_SCTP)
        return write_sctp(frame, payload, bytes);
    return frame->protocol == IPPROTO_AH ? write_ah(AH_NEXT, bytes) : OTHER_HEADER;
}

static void write_checksum(const struct frame *frame, bool bad, uint8_t *bytes, size_t length)
{
    /* Where the Internet checksum is, or 0. */
    static const size_t offsets[] = {
        [FRAME_UDP] = 6, [FRAME_TCP] = 16, [FRAME_ICMP] = 2, [FRAME_OTHER] = 0};
    uint8_t protocol = transport_protocol(frame);
    size_t offset = offsets[frame->kind];
    uint16_t sum;
    uint32_t crc;

    if (protocol == IPPROTO_SCTP) {
        crc = frame_crc32c(bytes, length) ^ (bad ? 1 : 0);
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

/* Writes the header of the frame and `size` bytes after it. Returns the length of both. */
static size_t transport_write(const struct frame *frame, bool bad_checksum, const uint8_t *payload,
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

/* Reads the header into the frame; returns its length, or 0 where it is cut short or senseless. */
static size_t transport_read(const struct frame_packet *packet, struct frame *frame)
{
    const uint8_t *bytes = packet->body;
    size_t length = packet->length, header = UDP_HEADER;

    if (length < UDP_HEADER)
        return 0;
    frame->kind = frame_kind_of(frame->family, packet->next_header);
    frame->protocol = packet->next_header;
    frame->source_port = get16(bytes);
    frame->port = get16(bytes + 2);

    if (frame->kind == FRAME_ICMP) {
        frame->port = get16(bytes);
        frame->source_port = is_icmp_error(frame) ? 0 : get16(bytes + 4);
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

static const struct frame_options no_options;

static bool is_extension(enum family family, uint8_t protocol)
{
    return family == FAMILY_IPV6 && (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
                                     protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS);
}

static int check_options(const struct frame *frame, const struct frame_options *options)
{
    if (options->fragment_size % 8 != 0)
        return -EINVAL;
    /* One Ethernet frame carries at most 1,480 bytes after the shortest headers. */
    if (options->fragment_size > 1400)
        return -EMSGSIZE;
    if (options->destination_options && frame->family != FAMILY_IPV6)
        return -EINVAL;
    if (options->quoted && !is_icmp_error(frame))
        return -EINVAL;
    if (frame->kind == FRAME_OTHER &&
        (frame_kind_of(frame->family, frame->protocol) != FRAME_OTHER ||
         is_extension(frame->family, frame->protocol)))
        return -EINVAL;
    return 0;
}

static size_t write_ipv4(const struct frame *frame, const struct frame_options *options,
                         uint8_t protocol, uint32_t identification, size_t offset, bool more,
                         size_t length, uint8_t *bytes)
{
    size_t header = IPV4_HEADER + (options->hop_by_hop ? IPV4_OPTIONS : 0);

    memset(bytes, 0, IPV4_HEADER);
    bytes[0] = (uint8_t)(0x40 | header / 4);
    put16(bytes + 2, (uint16_t)(header + length));
    put16(bytes + 4, (uint16_t)identification);
    put16(bytes + 6, (uint16_t)((more ? IPV4_MORE_FRAGMENTS : 0) | offset / 8));
    bytes[8] = HOP_LIMIT;
    bytes[9] = protocol;
    address_to_bytes(FAMILY_IPV4, frame->source, bytes + 12);
    address_to_bytes(FAMILY_IPV4, frame->destination, bytes + 16);
    if (options->hop_by_hop)
        memset(bytes + IPV4_HEADER, 1, IPV4_OPTIONS);
    put16(bytes + 10, frame_checksum(frame_sum(0, bytes, header)));
    return header;
}

/* An options header of eight bytes that holds one PadN option. */
static void write_padding_header(uint8_t next_header, uint8_t *bytes)
{
    static const uint8_t padding[IPV6_EXTENSION] = {0, 0, 1, 4, 0, 0, 0, 0};

    memcpy(bytes, padding, sizeof(padding));
    bytes[0] = next_header;
}

static size_t write_ipv6(const struct frame *frame, const struct frame_options *options,
                         uint8_t next_header, uint32_t identification, size_t offset, bool more,
                         size_t length, uint8_t *bytes)
{
    uint8_t *next = bytes + 6;
    size_t header = IPV6_HEADER;

    memset(bytes, 0, IPV6_HEADER);
    bytes[0] = 0x60;
    bytes[7] = HOP_LIMIT;
    address_to_bytes(FAMILY_IPV6, frame->source, bytes + 8);
    address_to_bytes(FAMILY_IPV6, frame->destination, bytes + 24);
    if (options->hop_by_hop) {
        *next = IPPROTO_HOPOPTS;
        next = bytes + header;
        write_padding_header(0, next);
        header += IPV6_EXTENSION;
    }
    if (options->fragment_size > 0) {
        *next = IPPROTO_FRAGMENT;
        next = bytes + header;
        next[1] = 0;
        put16(next + 2, (uint16_t)(offset | (more ? 1 : 0)));
        put32(next + 4, identification);
        header += IPV6_EXTENSION;
    }
    *next = next_header;
    put16(bytes + 4, (uint16_t)(header - IPV6_HEADER + length));
    return header;
}

static size_t write_ip(const struct frame *frame, const struct frame_options *options,
                       uint8_t next_header, uint32_t identification, size_t offset, bool more,
                       size_t length, uint8_t *bytes)
{
    if (frame->family == FAMILY_IPV4)
        return write_ipv4(frame, options, next_header, identification, offset, more, length, bytes);
    return write_ipv6(frame, options, next_header, identification, offset, more, length, bytes);
}

/* What an ICMP error quotes: the whole packet, with the tag of the error. */
static size_t write_quoted(const struct frame *quoted, uint32_t tag, uint8_t *bytes)
{
    uint8_t payload[TAG_BYTES], transport[TRANSPORT_HEADER_MAX + TAG_BYTES];
    size_t header, length;

    put32(payload, FRAME_MAGIC);
    put32(payload + 4, tag);
    length = transport_write(quoted, false, payload, sizeof(payload), transport);
    header = write_ip(quoted, &no_options, transport_protocol(quoted), 0, 0, false, length, bytes);
    memcpy(bytes + header, transport, length);
    return header + length;
}

int frame_build(const struct frame *frame, const struct frame_options *options,
                struct frame_body *ret_body)
{
    uint8_t payload[FRAME_BODY_MAX - TRANSPORT_HEADER_MAX - IPV6_EXTENSION - AH_HEADER] = {0};
    uint8_t protocol = transport_protocol(frame), *next = &ret_body->next_header;
    size_t size = TAG_BYTES, header = 0;
    int r;

    if (!options)
        options = &no_options;
    r = check_options(frame, options);
    if (r < 0)
        return r;

    if (options->quoted) {
        size = write_quoted(options->quoted, frame->tag, payload);
    } else {
        put32(payload, FRAME_MAGIC);
        put32(payload + 4, frame->tag);
    }
    /* A frame that is not fragmented must fit after the longest headers there are. */
    if (options->padding > (options->fragment_size > 0 ? sizeof(payload) : 1400) - size)
        return -EMSGSIZE;
    size += options->padding;

    if (options->destination_options) {
        *next = IPPROTO_DSTOPTS;
        next = ret_body->bytes;
        write_padding_header(0, next);
        header = IPV6_EXTENSION;
    }
    if (options->authenticated) {
        *next = IPPROTO_AH;
        next = ret_body->bytes + header;
        header += write_ah(0, next);
    }
    *next = protocol;
    ret_body->length = header + transport_write(frame, options->bad_checksum, payload, size,
                                                ret_body->bytes + header);
    return 0;
}

size_t frame_write(const struct frame *frame, const struct frame_options *options,
                   const struct frame_body *body, uint32_t identification, size_t *offset,
                   uint8_t bytes[FRAME_BYTES_MAX])
{
    size_t length = body->length - *offset, position = *offset;
    size_t header = ETHER_HDR_LEN;

    if (!options)
        options = &no_options;
    if (length == 0)
        return 0;
    if (options->fragment_size > 0 && length > options->fragment_size)
        length = options->fragment_size;
    *offset += length;

    memcpy(bytes, frame->destination_mac.bytes, ETHER_ADDR_LEN);
    memcpy(bytes + ETHER_ADDR_LEN, frame->source_mac.bytes, ETHER_ADDR_LEN);
    put16(bytes + 12, frame->family == FAMILY_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
    header += write_ip(frame, options, body->next_header, identification, position,
                       *offset < body->length, length, bytes + header);
    memcpy(bytes + header, body->bytes + position, length);
    return header + length;
}

/* What an ICMP error quotes may end early (`quoted`): then the packet is as long as what is left.
 */
static int split_ipv4(const uint8_t *bytes, size_t size, bool quoted, struct frame_packet *packet)
{
    size_t header, total;
    uint16_t fragment;

    if (size < IPV4_HEADER || bytes[0] >> 4 != 4)
        return -EBADMSG;
    header = (size_t)(bytes[0] & 0xf) * 4;
    total = get16(bytes + 2);
    if (quoted && total > size)
        total = size;
    if (header < IPV4_HEADER || total < header || total > size)
        return -EBADMSG;

    fragment = get16(bytes + 6);
    packet->frame.family = FAMILY_IPV4;
    packet->frame.source = address_from_bytes(FAMILY_IPV4, bytes + 12);
    packet->frame.destination = address_from_bytes(FAMILY_IPV4, bytes + 16);
    packet->next_header = bytes[9];
    packet->identification = get16(bytes + 4);
    packet->more_fragments = fragment & IPV4_MORE_FRAGMENTS;
    packet->offset = (size_t)(fragment & IPV4_OFFSET_MASK) * 8;
    packet->fragment = packet->more_fragments || packet->offset > 0;
    packet->body = bytes + header;
    packet->length = total - header;
    return 0;
}

/* Steps over a header whose first byte names the next. */
static int skip_header(struct frame_packet *packet, size_t length)
{
    if (length > packet->length)
        return -EBADMSG;
    packet->next_header = packet->body[0];
    packet->body += length;
    packet->length -= length;
    return 0;
}

/* Steps over options and routing headers. */
static int skip_extensions(struct frame_packet *packet)
{
    while (packet->next_header == IPPROTO_HOPOPTS || packet->next_header == IPPROTO_DSTOPTS ||
           packet->next_header == IPPROTO_ROUTING) {
        int r;

        if (packet->length < IPV6_EXTENSION)
            return -EBADMSG;
        r = skip_header(packet, ((size_t)packet->body[1] + 1) * 8);
        if (r < 0)
            return r;
    }
    return 0;
}

static int split_ipv6(const uint8_t *bytes, size_t size, bool quoted, struct frame_packet *packet)
{
    size_t length;
    int r;

    if (size < IPV6_HEADER || bytes[0] >> 4 != 6)
        return -EBADMSG;
    length = get16(bytes + 4);
    if (quoted && length > size - IPV6_HEADER)
        length = size - IPV6_HEADER;
    if (length > size - IPV6_HEADER)
        return -EBADMSG;

    packet->frame.family = FAMILY_IPV6;
    packet->frame.source = address_from_bytes(FAMILY_IPV6, bytes + 8);
    packet->frame.destination = address_from_bytes(FAMILY_IPV6, bytes + 24);
    packet->next_header = bytes[6];
    packet->body = bytes + IPV6_HEADER;
    packet->length = length;
    r = skip_extensions(packet);
    if (r < 0 || packet->next_header != IPPROTO_FRAGMENT)
        return r;

    if (packet->length < IPV6_EXTENSION)
        return -EBADMSG;
    packet->next_header = packet->body[0];
    packet->offset = get16(packet->body + 2) & 0xfff8;
    packet->more_fragments = packet->body[3] & 1;
    packet->identification = get32(packet->body + 4);
    packet->fragment = packet->more_fragments || packet->offset > 0;
    packet->body += IPV6_EXTENSION;
    packet->length -= IPV6_EXTENSION;
    return 0;
}

static int split_ip(const uint8_t *bytes, size_t size, bool quoted, struct frame_packet *packet)
{
    if (size > 0 && bytes[0] >> 4 == 4)
        return split_ipv4(bytes, size, quoted, packet);
    return split_ipv6(bytes, size, quoted, packet);
}

int frame_split(const uint8_t *bytes, size_t size, struct frame_packet *ret_packet)
{
    struct frame_packet packet = {0};
    uint16_t type;
    int r;

    if (size < ETHER_HDR_LEN)
        return -EBADMSG;
    memcpy(packet.frame.destination_mac.bytes, bytes, ETHER_ADDR_LEN);
    memcpy(packet.frame.source_mac.bytes, bytes + ETHER_ADDR_LEN, ETHER_ADDR_LEN);
    type = get16(bytes + 12);
    if (type != ETHERTYPE_IP && type != ETHERTYPE_IPV6)
        return -EBADMSG;

    r = split_ip(bytes + ETHER_HDR_LEN, size - ETHER_HDR_LEN, false, &packet);
    if (r < 0)
        return r;
    *ret_packet = packet;
    return 0;
}

/* Steps over an authentication header that is not the frame's own protocol. */
static int skip_authentication(struct frame_packet *packet)
{
    if (packet->next_header != IPPROTO_AH || packet->length < AH_HEADER ||
        packet->body[0] == AH_NEXT)
        return 0;
    return skip_header(packet, ((size_t)packet->body[1] + 2) * 4);
}

static int read_body(const struct frame_packet *packet, bool quoted, struct frame *ret_frame)
{
    struct frame_packet whole = *packet, inner = {0};
    struct frame quoted_frame;
    size_t header;
    int r;

    if (whole.frame.family == FAMILY_IPV6) {
        r = skip_extensions(&whole);
        if (r < 0)
            return r;
    }
    r = skip_authentication(&whole);
    if (r < 0)
        return r;
    *ret_frame = whole.frame;
    header = transport_read(&whole, ret_frame);
    if (header == 0)
        return -EBADMSG;
    whole.body += header;
    whole.length -= header;

    if (is_icmp_error(ret_frame) && !quoted) {
        r = split_ip(whole.body, whole.length, true, &inner);
        if (r < 0)
            return r;
        r = read_body(&inner, true, &quoted_frame);
        if (r < 0)
            return r;
        ret_frame->tag = quoted_frame.tag;
        return 0;
    }
    if (whole.length < TAG_BYTES || get32(whole.body) != FRAME_MAGIC)
        return -EBADMSG;
    ret_frame->tag = get32(whole.body + 4);
    return 0;
}

int frame_read(const struct frame_packet *packet, struct frame *ret_frame)
{
    struct frame frame;
    int r;

    r = read_body(packet, false, &frame);
    if (r < 0)
        return r;
    *ret_frame = frame;
    return 0;
}
