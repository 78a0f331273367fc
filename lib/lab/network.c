/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The lab's cables and routes. Each wire is one veth pair that is created with its other end in the
 * hidden namespace already, so that no name of it is ever seen beside the interfaces under test.
 */

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "lab/network.h"

/* Tells the lab's wires from other interfaces, so that they can be removed together. */
#define WIRE_GROUP 0x6c6162
/* IF_OPER_UP of RFC 2863; its header cannot stand beside net/if.h. */
#define OPERATIONAL_UP 6

DEFINE_CLEANUP(struct nl_addr, nl_addr_put)
DEFINE_CLEANUP(struct nl_msg, nlmsg_free)
DEFINE_CLEANUP(struct rtnl_link, rtnl_link_put)
DEFINE_CLEANUP(struct rtnl_neigh, rtnl_neigh_put)
DEFINE_CLEANUP(struct rtnl_route, rtnl_route_put)
DEFINE_CLEANUP(struct rtnl_addr, rtnl_addr_put)
DEFINE_CLEANUP(struct rtnl_nexthop, rtnl_route_nh_free)

/* libnl has its own error numbers; several errno become one there, so this is a likeness. */
static int result(int r)
{
    static const int errors[] = {
        [NLE_NOMEM] = ENOMEM,         [NLE_EXIST] = EEXIST,
        [NLE_PERM] = EPERM,           [NLE_NOACCESS] = EPERM,
        [NLE_NODEV] = ENODEV,         [NLE_OBJ_NOTFOUND] = ENOENT,
        [NLE_INVAL] = EINVAL,         [NLE_RANGE] = ERANGE,
        [NLE_OPNOTSUPP] = EOPNOTSUPP, [NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
        [NLE_AGAIN] = EAGAIN,         [NLE_INTR] = EINTR,
        [NLE_BUSY] = EBUSY,
    };
    size_t error = r < 0 ? (size_t)-r : 0;

    if (error == 0)
        return 0;
    return error < ELEMENTS_OF(errors) && errors[error] != 0 ? -errors[error] : -EIO;
}

static struct nl_addr *build_address(enum family family, ip_number address, unsigned prefix_length)
{
    uint8_t bytes[16];
    struct nl_addr *built;

    address_to_bytes(family, address, bytes);
    built =
        nl_addr_build(family == FAMILY_IPV4 ? AF_INET : AF_INET6, bytes, family_bits(family) / 8);
    if (built)
        nl_addr_set_prefixlen(built, (int)prefix_length);
    return built;
}

static struct nl_addr *build_mac(struct mac mac)
{
    return nl_addr_build(AF_LLC, mac.bytes, sizeof(mac.bytes));
}

int network_open(struct nl_sock **ret_socket)
{
    cleanup_(nl_socket_freep) struct nl_sock *socket = nl_socket_alloc();
    int r;

    if (!socket)
        return -ENOMEM;
    r = nl_connect(socket, NETLINK_ROUTE);
    if (r < 0)
        return result(r);
    *ret_socket = TAKE_PTR(socket);
    return 0;
}

int network_open_monitor(int group, struct nl_sock **ret_monitor)
{
    cleanup_(nl_socket_freep) struct nl_sock *monitor = NULL;
    int r;

    r = network_open(&monitor);
    if (r < 0)
        return r;
    nl_socket_disable_seq_check(monitor);
    r = nl_socket_add_membership(monitor, group);
    if (r < 0)
        return result(r);
    *ret_monitor = TAKE_PTR(monitor);
    return 0;
}

int network_add_wire(struct nl_sock *socket, int far_namespace, const struct network_wire *wire)
{
    cleanup_(rtnl_link_putp) struct rtnl_link *near = rtnl_link_veth_alloc();
    cleanup_(rtnl_link_putp) struct rtnl_link *far = NULL;
    cleanup_(nl_addr_putp) struct nl_addr *mac = build_mac(wire->mac);
    cleanup_(nl_addr_putp) struct nl_addr *far_mac = build_mac(wire->far_mac);

    if (!near || !mac || !far_mac)
        return -ENOMEM;
    /* libnl truncates a long name silently. */
    if (strlen(wire->name) >= IFNAMSIZ || strlen(wire->far_name) >= IFNAMSIZ)
        return -EINVAL;

    far = rtnl_link_veth_get_peer(near);
    rtnl_link_set_name(far, wire->far_name);
    rtnl_link_set_addr(far, far_mac);
    rtnl_link_set_ns_fd(far, far_namespace);
    rtnl_link_set_name(near, wire->name);
    rtnl_link_set_addr(near, mac);
    rtnl_link_set_group(near, WIRE_GROUP);
    rtnl_link_set_flags(near, IFF_UP);
    return result(rtnl_link_add(socket, near, NLM_F_CREATE | NLM_F_EXCL));
}

int network_find(struct nl_sock *socket, const char *name, int *ret_ifindex)
{
    cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
    int r;

    r = rtnl_link_get_kernel(socket, 0, name, &link);
    if (r < 0)
        return result(r);
    *ret_ifindex = rtnl_link_get_ifindex(link);
    return 0;
}

int network_set_up(struct nl_sock *socket, int ifindex)
{
    cleanup_(rtnl_link_putp) struct rtnl_link *link = rtnl_link_alloc();
    cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();

    if (!link || !change)
        return -ENOMEM;
    rtnl_link_set_ifindex(link, ifindex);
    rtnl_link_set_flags(change, IFF_UP | IFF_NOARP);
    return result(rtnl_link_change(socket, link, change, 0));
}

struct wait {
    int ifindex;
    bool up;
};

static int see_link(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    struct ifinfomsg *link = nlmsg_data(header);
    struct wait *wait = data;
    struct nlattr *state;

    if (header->nlmsg_type != RTM_NEWLINK || link->ifi_index != wait->ifindex)
        return NL_OK;
    state = nlmsg_find_attr(header, sizeof(*link), IFLA_OPERSTATE);
    if (state && nla_get_u8(state) == OPERATIONAL_UP)
        wait->up = true;
    return NL_OK;
}

int network_wait_up(struct nl_sock *monitor, int ifindex)
{
    struct wait wait = {.ifindex = ifindex};
    int r;

    r = nl_socket_modify_cb(monitor, NL_CB_VALID, NL_CB_CUSTOM, see_link, &wait);
    if (r < 0)
        return result(r);
    while (!wait.up) {
        r = nl_recvmsgs_default(monitor);
        if (r < 0)
            return result(r);
    }
    return 0;
}

int network_delete_wires(struct nl_sock *socket)
{
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);
    int r;

    if (!message)
        return -ENOMEM;
    if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
        nla_put_u32(message, IFLA_GROUP, WIRE_GROUP) < 0)
        return -ENOMEM;
    r = nl_send_auto(socket, message);
    if (r < 0)
        return result(r);
    return result(nl_wait_for_ack(socket));
}

int network_add_neighbour(struct nl_sock *socket, int ifindex, enum family family,
                          ip_number address, struct mac mac)
{
    cleanup_(rtnl_neigh_putp) struct rtnl_neigh *neighbour = rtnl_neigh_alloc();
    cleanup_(nl_addr_putp) struct nl_addr *destination =
        build_address(family, address, family_bits(family));
    cleanup_(nl_addr_putp) struct nl_addr *hardware = build_mac(mac);
    int r;

    if (!neighbour || !destination || !hardware)
        return -ENOMEM;
    rtnl_neigh_set_ifindex(neighbour, ifindex);
    rtnl_neigh_set_state(neighbour, rtnl_neigh_str2state("permanent"));
    rtnl_neigh_set_lladdr(neighbour, hardware);
    r = rtnl_neigh_set_dst(neighbour, destination);
    if (r < 0)
        return result(r);
    return result(rtnl_neigh_add(socket, neighbour, NLM_F_CREATE));
}

int network_add_route(struct nl_sock *socket, int ifindex, enum family family,
                      struct prefix destination, ip_number gateway)
{
    cleanup_(rtnl_route_putp) struct rtnl_route *route = rtnl_route_alloc();
    cleanup_(rtnl_route_nh_freep) struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    cleanup_(nl_addr_putp) struct nl_addr *target =
        build_address(family, destination.address, destination.length);
    cleanup_(nl_addr_putp) struct nl_addr *via =
        build_address(family, gateway, family_bits(family));
    int r;

    if (!route || !hop || !target || !via)
        return -ENOMEM;
    r = rtnl_route_set_dst(route, target);
    if (r < 0)
        return result(r);
    rtnl_route_nh_set_ifindex(hop, ifindex);
    rtnl_route_nh_set_gateway(hop, via);
    rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
    rtnl_route_set_flags(route, RTNH_F_ONLINK);
    rtnl_route_add_nexthop(route, TAKE_PTR(hop));
    return result(rtnl_route_add(socket, route, NLM_F_CREATE | NLM_F_EXCL));
}

static int add_address(struct nl_sock *socket, int ifindex, enum family family, ip_number address,
                       uint8_t prefix_length)
{
    cleanup_(rtnl_addr_putp) struct rtnl_addr *added = rtnl_addr_alloc();
    cleanup_(nl_addr_putp) struct nl_addr *local = build_address(family, address, prefix_length);
    int r;

    if (!added || !local)
        return -ENOMEM;
    rtnl_addr_set_ifindex(added, ifindex);
    rtnl_addr_set_flags(added, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    r = rtnl_addr_set_local(added, local);
    if (r < 0)
        return result(r);
    return result(rtnl_addr_add(socket, added, NLM_F_CREATE | NLM_F_EXCL));
}

struct arrival {
    uint8_t address[16];
    bool seen;
};

static int see_local_route(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    struct rtmsg *route = nlmsg_data(header);
    struct arrival *arrival = data;
    struct nlattr *destination;

    if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_LOCAL ||
        route->rtm_dst_len != 8 * sizeof(arrival->address))
        return NL_OK;
    destination = nlmsg_find_attr(header, sizeof(*route), RTA_DST);
    if (destination && (size_t)nla_len(destination) >= sizeof(arrival->address) &&
        memcmp(nla_data(destination), arrival->address, sizeof(arrival->address)) == 0)
        arrival->seen = true;
    return NL_OK;
}

int network_add_address(struct nl_sock *socket, int ifindex, enum family family, ip_number address,
                        uint8_t prefix_length)
{
    cleanup_(nl_socket_freep) struct nl_sock *monitor = NULL;
    struct arrival arrival = {.seen = false};
    int r;

    if (family == FAMILY_IPV4)
        return add_address(socket, ifindex, family, address, prefix_length);

    /* The kernel takes an IPv6 address at once, but makes it its own later, in a thread. */
    address_to_bytes(family, address, arrival.address);
    r = network_open_monitor(RTNLGRP_IPV6_ROUTE, &monitor);
    if (r < 0)
        return r;
    r = nl_socket_modify_cb(monitor, NL_CB_VALID, NL_CB_CUSTOM, see_local_route, &arrival);
    if (r < 0)
        return result(r);
    r = add_address(socket, ifindex, family, address, prefix_length);
    while (r >= 0 && !arrival.seen)
        r = result(nl_recvmsgs_default(monitor));
    return r < 0 ? r : 0;
}
