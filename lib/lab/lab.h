/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/cleanup.h"

/*
 * A throw-away network: one gateway namespace that forwards, and one wire (veth pair) for each of
 * its interfaces whose other end is held by the lab. The lab writes raw Ethernet frames into the
 * far ends and watches all of them. Nothing here touches the network namespace of the caller:
 * everything lives in namespaces that vanish with the process that holds them.
 */
struct lab;

/*
 * Where the calling process now is, so that a program can refuse to touch the machine's network.
 * lab_in_root_namespace() compares with the namespace of process 1 where that can be read, and
 * says true where it cannot tell.
 */
bool lab_in_root_namespace(void);

/*
 * Moves the calling process (which must have one thread) into a new network namespace, inside a new
 * user namespace where it is not root, and brings loopback up. This cannot be undone.
 * Returns 0, or -EPERM where user namespaces are not allowed to this user, or -errno.
 */
int lab_enter(void);

/*
 * Builds the network in new namespaces of the calling process, which must be inside lab_enter().
 * The gateway namespace becomes the process's own; `interfaces` get these names there. Each far end
 * is in a second namespace, hidden, and is reached only by lab_send() and lab_receive().
 * IPv4 and IPv6 forwarding on, rp_filter off, IPv6 duplicate address detection off, no router
 * solicitations, so that nothing is on the wires but what the test sends.
 * Returns 0 and a lab that the caller owns, -ENOMEM or -errno.
 */
int lab_new(const char *const *interfaces, size_t n_interfaces, struct lab **ret_lab);
/* Removes the interfaces. Returns NULL. */
struct lab *lab_free(struct lab *lab);
DEFINE_CLEANUP(struct lab, lab_free)

/* Hardware address of the gateway's end and of the far end of a wire. */
struct mac lab_gateway_mac(const struct lab *lab, size_t interface);
struct mac lab_far_mac(const struct lab *lab, size_t interface);

/*
 * Makes `range` reachable by the interface: a route to its prefixes on the link. Addresses that the
 * lab will send to need a permanent neighbour: lab_add_neighbour() makes one with the far end's
 * hardware address. lab_add_address() gives the gateway itself an address. 0 or -errno.
 */
int lab_add_route(struct lab *lab, size_t interface, enum family family, struct range range);
int lab_add_neighbour(struct lab *lab, size_t interface, enum family family, ip_number address);
int lab_add_address(struct lab *lab, size_t interface, enum family family, ip_number address,
                    uint8_t prefix_length);

/* A packet to write or one that was seen. Checksums are computed by the lab. */
enum frame_kind {
    FRAME_UDP,
    FRAME_TCP,   /* flags from `tcp_flags` */
    FRAME_ICMP,  /* ICMP or ICMPv6, by the family; type and code from `port` = type * 256 + code */
    FRAME_OTHER, /* any other protocol: `protocol` with 8 bytes of payload and no header known */
};

struct frame {
    enum family family;
    enum frame_kind kind;
    uint8_t protocol; /* IP protocol number */
    ip_number source;
    ip_number destination;
    uint16_t source_port; /* ICMP echo: the identifier */
    uint16_t port;        /* destination port; ICMP: type * 256 + code */
    uint8_t tcp_flags;
    uint32_t tcp_sequence;
    uint32_t tcp_acknowledgement;
    struct mac source_mac;      /* all zero: the far end's own */
    struct mac destination_mac; /* all zero: the gateway's */
    uint32_t tag;               /* carried in the payload; tells one probe from another */
};

/* How frames may be bent, for tests of evasion. Zero is a plain frame. */
struct frame_options {
    uint16_t fragment_size;   /* > 0: split the IP payload in pieces of this size, multiple of 8 */
    bool hop_by_hop;          /* IPv6: a hop-by-hop header with a padding option */
    bool destination_options; /* IPv6: a destination options header */
    bool bad_checksum;        /* of the transport header */
};

/* Writes the frame into the far end of the wire. Returns 0, -EAGAIN where the wire is full, -errno.
 */
int lab_send(struct lab *lab, size_t interface, const struct frame *frame,
             const struct frame_options *options);

/*
 * Reads the next frame that the gateway sent out on any wire, waiting at most `timeout_msec` (0: do
 * not wait). Frames that carry no tag of the lab (neighbour discovery, multicast) are skipped.
 * Returns 1 with the frame and the wire it left by, 0 where nothing came in time, or -errno.
 * `tag` is that of the sent frame; source_mac, destination_mac are those on the wire.
 */
int lab_receive(struct lab *lab, int timeout_msec, struct frame *ret_frame, size_t *ret_interface);
