/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* The head of an IP packet, as far as a policy speaks of it. */
struct packet_head {
    enum family family;
    uint8_t protocol; /* after IPv6 extension headers, but for AH, which the policy has as such */
    uint16_t source_port, port; /* 0 where the protocol has none, in later fragments, and where they
                                   were cut off; of ICMP `port` is type * 256 + code */
    ip_number source, destination;
};

/* Parses the first bytes of a packet, from its IP header on. Returns 0, or -EBADMSG where they hold
 * no whole IP header. */
int packet_head_parse(const uint8_t *bytes, size_t size, struct packet_head *ret_packet);
/* The packet that it answers: ends exchanged, and of an echo reply the request. */
struct packet_head packet_head_answered(const struct packet_head *packet);
