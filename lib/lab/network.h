/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/rtnetlink.h>
#include <netlink/socket.h>

#include "base/address.h"
#include "base/cleanup.h"

/*
 * Links, addresses and routes of the lab, by libnl. Functions return 0, -ENOMEM or the kernel's
 * -errno.
 */

DEFINE_CLEANUP(struct nl_sock, nl_socket_free)

/* A socket into the namespace that the calling thread is in. */
int network_open(struct nl_sock **ret_socket);
/* The same, subscribed to a group of RTNLGRP_*. */
int network_open_monitor(int group, struct nl_sock **ret_monitor);

/* One wire: a veth pair between two namespaces. */
struct network_wire {
    const char *name;     /* of the near end */
    const char *far_name; /* of the far end */
    struct mac mac;
    struct mac far_mac;
};

/*
 * Makes a wire whose near end is in the namespace of `socket` and up, and whose far end is in the
 * namespace of the descriptor `far_namespace`, down.
 */
int network_add_wire(struct nl_sock *socket, int far_namespace, const struct network_wire *wire);
/* Finds the interface by name. */
int network_find(struct nl_sock *socket, const char *name, int *ret_ifindex);
/* Brings the interface up, without ARP. */
int network_set_up(struct nl_sock *socket, int ifindex);
/* Reads from a monitor of RTNLGRP_LINK until the interface is up and can carry packets. */
int network_wait_up(struct nl_sock *monitor, int ifindex);
/* Removes all wires of this namespace at once; waiting for each in turn takes much longer. */
int network_delete_wires(struct nl_sock *socket);

/* A permanent neighbour. */
int network_add_neighbour(struct nl_sock *socket, int ifindex, enum family family,
                          ip_number address, struct mac mac);
/* A route to the prefix by a gateway that is on the link, whatever the addresses there. */
int network_add_route(struct nl_sock *socket, int ifindex, enum family family,
                      struct prefix destination, ip_number gateway);
/* An address that is valid at once and brings no route of its prefix. */
int network_add_address(struct nl_sock *socket, int ifindex, enum family family, ip_number address,
                        uint8_t prefix_length);
