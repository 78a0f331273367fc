/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Builds the lab: two namespaces and the wires between them. The gateway's is the process's own,
 * so that the code under test needs no knowledge of the lab; the far one is entered only while it
 * is furnished, and lives as long as the one raw socket that sees all far ends. The gateway
 * forwards everything by itself: what stops a packet is the ruleset under test and nothing else.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/lab_state.h"
#include "lab/namespace.h"

#define RECEIVE_BUFFER (8 * 1024 * 1024)

static const struct namespace_setting gateway_settings[] = {
    {"ipv4/ip_forward", "1"},
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv4/icmp_ratelimit", "0"},
    {"ipv4/icmp_msgs_per_sec", "1000000000", .optional = true},
    {"ipv4/icmp_msgs_burst", "1000000000", .optional = true},
    {"ipv6/conf/all/forwarding", "1"},
    {"ipv6/conf/default/forwarding", "1"},
    {"ipv6/conf/all/accept_dad", "0"},
    {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/default/dad_transmits", "0"},
    {"ipv6/conf/default/router_solicitations", "0"},
    {"ipv6/conf/all/accept_ra", "0"},
    {"ipv6/conf/default/accept_ra", "0"},
    /* No link-local addresses: they would announce themselves. */
    {"ipv6/conf/default/addr_gen_mode", "1"},
    {"ipv6/icmp/ratelimit", "0"},
    {"core/rps_default_mask", "0", .optional = true},
};

static const struct namespace_setting far_settings[] = {
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
    {"core/rps_default_mask", "0", .optional = true},
};

/* A raw socket of the calling thread's namespace, over all its interfaces. */
static int open_raw(const struct sock_fprog *filter)
{
    cleanup_(closep) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int on = 1, size = RECEIVE_BUFFER;

    if (fd < 0)
        return -errno;
    if (filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
        return -errno;
    /* What the namespace itself sends would cost a copy of each frame. */
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
        return -errno;
    /* Helpful, not needed: lab_send() never has more on the way than the least buffer takes. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int open_marker_socket(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ether_header, ether_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LAB_MARKER_TYPE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {.len = ELEMENTS_OF(program), .filter = program};

    return open_raw(&filter);
}

/* In the far namespace: its settings and sockets. */
static int furnish_far(struct lab *lab, struct nl_sock **ret_route, int *ret_namespace)
{
    cleanup_(nl_socket_freep) struct nl_sock *route = NULL;
    cleanup_(closep) int namespace = -1;
    int r;

    r = namespace_configure(far_settings, ELEMENTS_OF(far_settings));
    if (r < 0)
        return r;
    r = network_open(&route);
    if (r < 0)
        return r;
    namespace = namespace_open();
    if (namespace < 0)
        return namespace;
    lab->far_socket = open_raw(NULL);
    if (lab->far_socket < 0)
        return lab->far_socket;

    *ret_route = TAKE_PTR(route);
    *ret_namespace = TAKE_FD(namespace);
    return 0;
}

/* Makes the far namespace and comes back. */
static int open_far(struct lab *lab, struct nl_sock **ret_route, int *ret_namespace)
{
    cleanup_(closep) int gateway = namespace_open();
    int r;

    if (gateway < 0)
        return gateway;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    r = furnish_far(lab, ret_route, ret_namespace);
    if (setns(gateway, CLONE_NEWNET) < 0)
        return -errno;
    return r;
}

static int open_gateway(struct lab *lab)
{
    int r;

    r = namespace_configure(gateway_settings, ELEMENTS_OF(gateway_settings));
    if (r < 0)
        return r;
    lab->marker_socket = open_marker_socket();
    if (lab->marker_socket < 0)
        return lab->marker_socket;
    return network_open(&lab->route);
}

/* Locally administered addresses that encode wire and end. */
static struct mac make_mac(size_t wire, uint8_t end)
{
    return (struct mac){{0x02, 0x5e, 0x9d, (uint8_t)(wire >> 8), (uint8_t)wire, end}};
}

static int add_wire(struct lab *lab, size_t index, const char *name, int far_namespace,
                    struct nl_sock *far_route, struct nl_sock *monitor)
{
    struct wire *wire = &lab->wires[index];
    char far_name[32];
    int r;

    wire->mac = make_mac(index, 1);
    wire->far_mac = make_mac(index, 2);
    snprintf(far_name, sizeof(far_name), "far%zu", index);
    r = network_add_wire(lab->route, far_namespace,
                         &(struct network_wire){name, far_name, wire->mac, wire->far_mac});
    if (r < 0)
        return r;
    lab->n_wires = index + 1;

    r = network_find(lab->route, name, &wire->ifindex);
    if (r < 0)
        return r;
    r = network_find(far_route, far_name, &wire->far_ifindex);
    if (r < 0)
        return r;
    r = network_set_up(far_route, wire->far_ifindex);
    if (r < 0)
        return r;
    r = network_wait_up(monitor, wire->ifindex);
    if (r < 0)
        return r;
    r = network_add_neighbour(lab->route, wire->ifindex, FAMILY_IPV4, LAB_FAR_IPV4, wire->far_mac);
    if (r < 0)
        return r;
    return network_add_neighbour(lab->route, wire->ifindex, FAMILY_IPV6, LAB_FAR_IPV6,
                                 wire->far_mac);
}

static int add_wires(struct lab *lab, const char *const *interfaces, size_t n_interfaces)
{
    cleanup_(nl_socket_freep) struct nl_sock *far_route = NULL, *monitor = NULL;
    cleanup_(closep) int far_namespace = -1;
    int r;

    r = open_far(lab, &far_route, &far_namespace);
    if (r < 0)
        return r;
    r = network_open_monitor(&monitor);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_interfaces; i++) {
        r = add_wire(lab, i, interfaces[i], far_namespace, far_route, monitor);
        if (r < 0)
            return r;
    }
    return 0;
}

static int pin(struct lab *lab)
{
    int cpu = sched_getcpu();
    cpu_set_t one;

    if (cpu < 0 || sched_getaffinity(0, sizeof(lab->affinity), &lab->affinity) < 0)
        return -errno;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        return -errno;
    lab->pinned = true;
    return 0;
}

int lab_new(const char *const *interfaces, size_t n_interfaces, struct lab **ret_lab)
{
    cleanup_(lab_freep) struct lab *lab = NULL;
    int r;

    if (lab_in_root_namespace())
        return -EPERM;
    if (n_interfaces == 0)
        return -EINVAL;

    lab = calloc(1, sizeof(*lab));
    if (!lab)
        return -ENOMEM;
    lab->far_socket = lab->marker_socket = -1;
    lab->wires = calloc(n_interfaces, sizeof(*lab->wires));
    if (!lab->wires)
        return -ENOMEM;
    r = reassembly_new(&lab->reassembly);
    if (r < 0)
        return r;
    r = pin(lab);
    if (r < 0)
        return r;
    r = open_gateway(lab);
    if (r < 0)
        return r;
    r = add_wires(lab, interfaces, n_interfaces);
    if (r < 0)
        return r;

    *ret_lab = TAKE_PTR(lab);
    return 0;
}

struct lab *lab_free(struct lab *lab)
{
    if (!lab)
        return NULL;
    if (lab->n_wires > 0)
        network_delete_wires(lab->route);
    nl_socket_free(lab->route);
    if (lab->far_socket >= 0)
        close(lab->far_socket);
    if (lab->marker_socket >= 0)
        close(lab->marker_socket);
    if (lab->pinned)
        sched_setaffinity(0, sizeof(lab->affinity), &lab->affinity);
    reassembly_free(lab->reassembly);
    free(lab->queue);
    free(lab->wires);
    free(lab);
    return NULL;
}

struct mac lab_gateway_mac(const struct lab *lab, size_t interface)
{
    return lab->wires[interface].mac;
}

struct mac lab_far_mac(const struct lab *lab, size_t interface)
{
    return lab->wires[interface].far_mac;
}

int lab_add_route(struct lab *lab, size_t interface, enum family family, struct range range)
{
    struct prefix prefix;
    bool more;
    int r;

    do {
        more = range_take_prefix(&range, family_bits(family), &prefix);
        r = network_add_route(lab->route, lab->wires[interface].ifindex, family, prefix,
                              family == FAMILY_IPV4 ? LAB_FAR_IPV4 : LAB_FAR_IPV6);
        if (r < 0)
            return r;
    } while (more);
    return 0;
}

int lab_add_address(struct lab *lab, size_t interface, enum family family, ip_number address,
                    uint8_t prefix_length)
{
    return network_add_address(lab->route, lab->wires[interface].ifindex, family, address,
                               prefix_length);
}
