/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "lab/lab.h"
#include "policy/policy.h"

/*
 * Where the addresses of a policy lie in the lab: behind which wire each of them is. A policy says
 * which interfaces and which networks a zone has, but not which network is behind which interface.
 * Here the networks (as prefixes, in order of address, halved until there is one for each
 * interface) go round the zone's interfaces. Of the zone that has `any`, all is behind its first
 * interface, but single addresses that are used go round. Single addresses are moved where two of
 * one zone must be on different sides of the gateway.
 *
 * Wires are numbered as layout_interfaces() lists them.
 */
struct layout;

/* Addresses that a lab cannot use, though a policy may have them: the kernel refuses ::/64 (old
 * forms of IPv4 in IPv6) as a source, and link-local and multicast addresses are not routed. */
int layout_unusable(enum family family, struct range_set *ret_addresses);
bool layout_can_use(const struct layout *layout, enum family family, ip_number address);

/* Returns 0 and a layout that the caller owns and that borrows the policy, or -ENOMEM. */
int layout_new(const struct policy *policy, struct layout **ret_layout);
struct layout *layout_free(struct layout *layout);
DEFINE_CLEANUP(struct layout, layout_free)

/* The interfaces of the policy, each once; borrowed. */
const char *const *layout_interfaces(const struct layout *layout, size_t *ret_n);
bool layout_wire_carries(const struct layout *layout, size_t wire, size_t zone);
/* The first wire of a zone. */
size_t layout_zone_wire(const struct layout *layout, size_t zone);

/* Takes an address into use: it will not be the gateway's. Returns 0 or -ENOMEM. */
int layout_use(struct layout *layout, enum family family, ip_number address);
/*
 * Takes both into use and puts them behind different wires of their zone, if it has more than one
 * and neither has been separated from others before. Returns 0 or -ENOMEM.
 */
int layout_separate(struct layout *layout, enum family family, ip_number a, ip_number b);

/*
 * Gives the gateway an address of each family on each wire: one that is not in use, of a network
 * behind the wire if there is one. To be called once, when all addresses that will be used are in
 * use; after it nothing moves. Returns 0 or -ENOMEM.
 */
int layout_finish(struct layout *layout);

/* The wire behind which the address lies; false where no zone has it. */
bool layout_find(const struct layout *layout, enum family family, ip_number address,
                 size_t *ret_wire);
ip_number layout_gateway_address(const struct layout *layout, size_t wire, enum family family);
/* The host that has the address, where the policy binds it to hardware addresses; else NULL. It
 * belongs to the policy. */
const struct host *layout_bound_host(const struct layout *layout, enum family family,
                                     ip_number address);

/* Makes the routes and the gateway's addresses in a lab of layout_interfaces(). Returns as
 * lab_add_route(). */
int layout_build(const struct layout *layout, struct lab *lab);
