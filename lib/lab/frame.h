/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* A packet to write or one that was seen. Checksums are computed when it is written. */
enum frame_kind {
    FRAME_UDP,
    FRAME_TCP,   /* flags from `tcp_flags` */
    FRAME_ICMP,  /* ICMP or ICMPv6, by the family; type and code from `port` = type * 256 + code */
    FRAME_OTHER, /* any other protocol, see below */
};

/*
 * The payload of every frame is eight bytes: FRAME_MAGIC and the tag. They follow the header of
 * UDP, TCP and ICMP. FRAME_OTHER has eight bytes before them, where protocols with ports have them:
 * source_port, port and four zeros (GRE without options, ESP with any SPI where both are 0). Two
 * protocols have their real headers, since the kernel looks at them: AH (51, before a protocol of
 * experiments; before any other kind of frame it is an option) and SCTP (132: an INIT, whose one
 * parameter is the payload, or an INIT ACK where `tcp_flags` has FRAME_TCP_ACK).
 */
#define FRAME_MAGIC UINT32_C(0x5e9d1ab0)

struct frame {
    enum family family;
    enum frame_kind kind;
    uint8_t protocol; /* IP protocol number; written only for FRAME_OTHER, seen always */
    ip_number source;
    ip_number destination;
    uint16_t source_port; /* ICMP echo: the identifier */
    uint16_t port;        /* destination port; ICMP: type * 256 + code */
    uint8_t tcp_flags;    /* FRAME_TCP_*; SCTP too */
    uint32_t tcp_sequence;
    uint32_t tcp_acknowledgement;
    struct mac source_mac;      /* all zero: the far end's own */
    struct mac destination_mac; /* all zero: the gateway's */
    uint32_t tag;               /* carried in the payload; identifies the probe */
};

#define FRAME_TCP_SYN 0x02
#define FRAME_TCP_RST 0x04
#define FRAME_TCP_ACK 0x10

/* How frames may be bent, for tests of evasion. Zero is a plain frame. */
struct frame_options {
    uint16_t fragment_size; /* > 0: split the IP payload in pieces of this size, multiple of 8 */
    bool hop_by_hop;    /* IPv6: a hop-by-hop header of padding; IPv4: options that do nothing */
    bool authenticated; /* an authentication header before the transport header */
    bool destination_options; /* IPv6: a destination options header; fragmented with the payload */
    bool bad_checksum;        /* of the transport header */
    uint16_t padding;         /* zero bytes after the tag */
    /* An ICMP error quotes this packet, which carries the tag of the frame instead of its own. */
    const struct frame *quoted;
};

/* The longest frame that frame_write() writes: Ethernet header and 1,500 bytes. */
#define FRAME_BYTES_MAX 1514
/* The longest IP payload before it is cut into fragments. */
#define FRAME_BODY_MAX 4096

/* What IP carries: transport header and payload, after IPv6 destination options where asked. */
struct frame_body {
    uint8_t next_header;
    size_t length;
    uint8_t bytes[FRAME_BODY_MAX];
};

/*
 * Builds the body of a frame; `options` may be NULL. Returns 0, or
 * -EINVAL    options that contradict each other or the frame's kind: destination options of IPv4, a
 *            fragment size that is no multiple of 8, `quoted` in a frame that is no ICMP error,
 *            FRAME_OTHER with a protocol that is one of the other kinds or an extension header
 * -EMSGSIZE  more padding than fits
 */
int frame_build(const struct frame *frame, const struct frame_options *options,
                struct frame_body *ret_body);
/*
 * Writes the Ethernet frame that carries the next piece of the body: all of it, or one fragment.
 * `*offset` is 0 at first and is moved on. Returns the length, 0 when the body is at its end.
 */
size_t frame_write(const struct frame *frame, const struct frame_options *options,
                   const struct frame_body *body, uint32_t identification, size_t *offset,
                   uint8_t bytes[FRAME_BYTES_MAX]);

/* A packet as it came from a wire, before its body is understood. */
struct frame_packet {
    struct frame frame; /* addresses and hardware addresses only */
    uint8_t next_header;
    bool fragment;
    bool more_fragments;
    uint32_t identification;
    size_t offset;       /* of the piece in the body */
    const uint8_t *body; /* borrowed from the bytes that were read */
    size_t length;
};

/* Splits an Ethernet frame. Returns 0, or -EBADMSG where it is not a sound IPv4 or IPv6 packet. */
int frame_split(const uint8_t *bytes, size_t size, struct frame_packet *ret_packet);
/*
 * Understands a whole body. An ICMP error has the tag of the packet it quotes. Returns 0 with the
 * frame, or -EBADMSG where it carries no tag.
 */
int frame_read(const struct frame_packet *packet, struct frame *ret_frame);

/* The kind of frames of a protocol. */
enum frame_kind frame_kind_of(enum family family, uint8_t protocol);

/* The Internet checksum of RFC 1071: a sum, and its final complement. */
uint32_t frame_sum(uint32_t sum, const uint8_t *bytes, size_t size);
uint16_t frame_checksum(uint32_t sum);
/* CRC-32C (Castagnoli) as SCTP uses it: RFC 9260, appendix A. */
uint32_t frame_crc32c(const uint8_t *bytes, size_t size);
