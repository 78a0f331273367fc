/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/frame.h"

/*
 * The transport layer of frames: what stands between the header of IP and the tag. A part of
 * frame.c; nobody else includes this.
 */

/* The longest header that transport_write() writes. */
#define TRANSPORT_HEADER_MAX 36

/* The IP protocol of a frame; the kind of a protocol. */
uint8_t transport_protocol(const struct frame *frame);
enum frame_kind transport_kind(enum family family, uint8_t protocol);
/* True for an ICMP message that quotes the packet it is about. */
bool transport_is_icmp_error(const struct frame *frame);

/* Writes the header of the frame and `size` bytes after it. Returns the length of both. */
size_t transport_write(const struct frame *frame, bool bad_checksum, const uint8_t *payload,
                       size_t size, uint8_t *bytes);
/* Reads the header into the frame; returns its length, or 0 where it is cut short or senseless. */
size_t transport_read(const struct frame_packet *packet, struct frame *frame);

/* The Internet checksum of RFC 1071: a sum, and its final complement. */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t size);
uint16_t checksum_finish(uint32_t sum);
/* CRC-32C (Castagnoli) as SCTP uses it: RFC 9260, appendix A. */
uint32_t checksum_crc32c(const uint8_t *bytes, size_t size);
