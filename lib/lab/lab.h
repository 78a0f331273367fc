/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "lab/frame.h"

/*
 * A throw-away network: one gateway namespace that forwards, and one wire (veth pair) for each of
 * its interfaces whose other end is held by the lab. The lab writes raw Ethernet frames into the
 * far ends and watches all of them. Nothing here touches the network namespace of the caller:
 * everything lives in namespaces that vanish with the process that holds them.
 */
struct lab;

/*
 * True in the machine's own network namespace, and in that of process 1 where this can be read (a
 * container's own): so that a program can refuse to touch it. True where this is unknown.
 */
bool lab_in_root_namespace(void);

/*
 * Moves the calling process (which must have one thread) into a new network namespace, inside a new
 * user namespace where it may not do so alone, and brings loopback up. This cannot be undone; after
 * an error the process may be left in a namespace that is of no use.
 * Returns 0, or -EPERM where user namespaces are not allowed to this user, or -errno.
 */
int lab_enter(void);

/*
 * Builds the network in new namespaces of the calling process, which must be inside lab_enter().
 * The gateway namespace becomes the process's own; `interfaces` get these names there. Each far end
 * is in a second namespace, hidden, and is reached only by lab_send() and lab_receive().
 * IPv4 and IPv6 forwarding on, rp_filter off, IPv6 duplicate address detection off, no router
 * solicitations, no rate limits of ICMP errors, so that nothing is on the wires but what the test
 * sends. Until lab_free() the process stays on the CPU where it is: that is what
 * keeps all frames in order.
 * Returns 0 and a lab that the caller owns; -EPERM in the root namespace; -EINVAL for no
 * interfaces or a name that none can have; -EEXIST for a name that is there already; -ENOMEM or
 * -errno.
 */
int lab_new(const char *const *interfaces, size_t n_interfaces, struct lab **ret_lab);
/* Removes the interfaces. Returns NULL. */
struct lab *lab_free(struct lab *lab);
DEFINE_CLEANUP(struct lab, lab_free)

/* The neighbours on each wire that all routes go by: the far end, link-local, so nobody's own. */
#define LAB_FAR_IPV4 ((ip_number)0xa9fefefe)
#define LAB_FAR_IPV6 (((ip_number)0xfe80000000000000 << 64) | 0x5e9d)

/*
 * Makes `range` reachable by the interface: a route to each of its prefixes, by a neighbour that
 * is the far end. The longest prefix wins, as ever. 0, -EEXIST where there is a route to one of
 * these prefixes already, or -errno.
 */
int lab_add_route(struct lab *lab, size_t interface, enum family family, struct range range);
/*
 * Gives the gateway itself an address; lab_add_route() makes its network reachable. With less than
 * the full prefix length the kernel also takes the broadcast address of the prefix, or its first
 * address (the routers' anycast address) in IPv6, for its own. 0, -EEXIST or -errno.
 */
int lab_add_address(struct lab *lab, size_t interface, enum family family, ip_number address,
                    uint8_t prefix_length);

/*
 * Writes the frame into the far end of the wire; `options` may be NULL. Now and then this waits
 * until the gateway has handled what was sent before, so that no queue overflows, whatever the
 * number of frames. Returns 0, -EINVAL or -EMSGSIZE as frame_build(), or -errno.
 */
int lab_send(struct lab *lab, size_t interface, const struct frame *frame,
             const struct frame_options *options);

/*
 * Waits until the gateway has handled every frame that was sent: what it forwards is then there for
 * lab_receive() with timeout 0, and what is not there was not forwarded. Works whatever a ruleset
 * in the gateway drops. Returns 0, -ENOBUFS where frames were lost in the lab itself, -ETIMEDOUT
 * where no wire works (their interfaces down), or -errno.
 */
int lab_synchronise(struct lab *lab);

/*
 * Reads the next frame that the gateway sent out on any wire, waiting at most `timeout_msec` (0: do
 * not wait, negative: for ever). Frames that carry no tag of the lab (neighbour discovery,
 * multicast) are skipped; fragments are put together first.
 * Returns 1 with the frame and the wire it left by, 0 where nothing came in time, or -errno.
 * `tag` is that of the sent frame; source_mac, destination_mac are those on the wire.
 */
int lab_receive(struct lab *lab, int timeout_msec, struct frame *ret_frame, size_t *ret_interface);

/*
 * How many packets came of which fragments are missing: a gateway that lets one fragment through
 * and drops another has been passed, though lab_receive() returns nothing.
 */
size_t lab_count_incomplete(const struct lab *lab);

/* Forgets every connection that the gateway tracks: one that an earlier packet opened must not
 * answer for the next. Returns 0 or -errno. */
int lab_flush_conntrack(struct lab *lab);
