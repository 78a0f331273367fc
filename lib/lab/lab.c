/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Builds the lab: two namespaces and the wires between them. The gateway's is the process's own, so
 * that the code under test needs no knowledge of the lab; the far one is entered only while it is
 * furnished, and lives as long as the one raw socket that sees all far ends. The gateway forwards
 * everything by itself: what stops a packet is the ruleset under test and nothing else.
 *
 * Answers are exact and need no time limit: the process stays on one CPU, and a veth pair hands
 * each frame to the queue of the CPU that sent it, first in, first out, over all wires. A marker
 * that is sent after the frames and comes out at the gateway's end therefore proves that the
 * gateway has handled them. What it made of them then stands in the same queue, and the next marker
 * is sent after that. A raw socket sees the markers before any hook, and the far namespace, where
 * they are sent, has none: no ruleset drops them.
 */

#include "lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "kernel/netlink.h"
#include "lab/namespace.h"
#include "lab/network.h"
#include "lab/reassembly.h"

#define RECEIVE_BUFFER (8 * 1024 * 1024)
/* The IEEE keeps this Ethernet type for local experiments; the lab's markers have it. */
#define LAB_MARKER_TYPE ETH_P_802_EX1
/* Frames that are read at once. */
#define LAB_BATCH 32
#define MARKER_BYTES 60
/* A marker is lost only where an interface is down; then the next wire is tried. */
#define MARKER_WAIT_MSEC 1000
#define MARKER_ATTEMPTS 5
/*
 * How often what was sent goes through the queue at most: into the gateway, its loopback and back
 * (an answer of its own), out to the far end.
 */
#define MARKER_PASSES 4
/*
 * Frames on their way before lab_send() waits for them: what fits into the receive buffer that
 * an ordinary user gets (208 KiB, about 1 KiB for each), and far less than the 1,000 that a CPU's
 * queue takes.
 */
#define WINDOW 128

struct wire {
    int ifindex;     /* in the gateway */
    int far_ifindex; /* in the far namespace */
    struct mac mac;
    struct mac far_mac;
};

struct received {
    struct frame frame;
    size_t interface;
};

struct lab {
    struct nl_sock *route; /* into the gateway's namespace */
    int far_socket;        /* raw, all far ends; it keeps the far namespace alive */
    int marker_socket;     /* raw, all gateway ends, markers only */
    struct wire *wires;
    size_t n_wires;
    bool pinned;
    cpu_set_t affinity; /* of the process before lab_new() */

    uint16_t identification;
    uint32_t marker;    /* number of the last marker */
    unsigned in_flight; /* frames sent since then */

    struct received *queue; /* what has come and was not asked for yet: from `head` on */
    size_t n_queue, capacity, head;
    struct reassembly *reassembly;
    uint8_t bytes[LAB_BATCH][2048];
};

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
    int on = 1;

    if (fd < 0)
        return -errno;
    if (filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
        return -errno;
    /* What the namespace itself sends would cost a copy of each frame. */
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
        return -errno;
    /* Helpful, not needed: lab_send() never has more on the way than the least buffer takes. */
    netlink_set_receive_queue(fd, RECEIVE_BUFFER);
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

static const ip_number far_addresses[FAMILIES] = {LAB_FAR_IPV4, LAB_FAR_IPV6};

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
    if (r == 0)
        r = network_find(far_route, far_name, &wire->far_ifindex);
    if (r == 0)
        r = network_set_up(far_route, wire->far_ifindex);
    if (r == 0)
        r = network_wait_up(monitor, wire->ifindex);
    for (enum family family = 0; r == 0 && family < FAMILIES; family++)
        r = network_add_neighbour(lab->route, wire->ifindex, family, far_addresses[family],
                                  wire->far_mac);
    return r;
}

static int add_wires(struct lab *lab, const char *const *interfaces, size_t n_interfaces)
{
    cleanup_(nl_socket_freep) struct nl_sock *far_route = NULL, *monitor = NULL;
    cleanup_(closep) int far_namespace = -1;
    int r;

    r = open_far(lab, &far_route, &far_namespace);
    if (r == 0)
        r = network_open_monitor(RTNLGRP_LINK, &monitor);
    for (size_t i = 0; r == 0 && i < n_interfaces; i++)
        r = add_wire(lab, i, interfaces[i], far_namespace, far_route, monitor);
    return r;
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
    if (r == 0)
        r = pin(lab);
    if (r == 0)
        r = open_gateway(lab);
    if (r == 0)
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

int lab_add_route(struct lab *lab, size_t interface, enum family family, struct range range)
{
    struct prefix prefix;
    bool more;
    int r;

    do {
        more = range_take_prefix(&range, family_bits(family), &prefix);
        r = network_add_route(lab->route, lab->wires[interface].ifindex, family, prefix,
                              far_addresses[family]);
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

static int send_bytes(int fd, int ifindex, const uint8_t *bytes, size_t size)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

    /* The type in the header is what the kernel goes by, also for its own books. */
    memcpy(&to.sll_protocol, bytes + offsetof(struct ether_header, ether_type),
           sizeof(to.sll_protocol));
    if (sendto(fd, bytes, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    return 0;
}

static int send_marker(struct lab *lab, const struct wire *wire)
{
    uint8_t bytes[MARKER_BYTES] = {0};
    struct ether_header header = {.ether_type = htons(LAB_MARKER_TYPE)};

    memcpy(header.ether_dhost, wire->mac.bytes, sizeof(header.ether_dhost));
    memcpy(header.ether_shost, wire->far_mac.bytes, sizeof(header.ether_shost));
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), &lab->marker, sizeof(lab->marker));
    return send_bytes(lab->far_socket, wire->far_ifindex, bytes, sizeof(bytes));
}

/* Far ends have numbers in the order of their making, so the search is short. */
static bool find_wire(const struct lab *lab, int far_ifindex, size_t *ret_wire)
{
    for (size_t i = 0; i < lab->n_wires; i++) {
        if (lab->wires[i].far_ifindex == far_ifindex) {
            *ret_wire = i;
            return true;
        }
    }
    return false;
}

/* One frame that came out of a wire goes to the queue, if it is one of the lab's. */
static int take_in(struct lab *lab, int far_ifindex, const uint8_t *bytes, size_t size)
{
    struct frame_packet packet;
    struct received received;

    if (!find_wire(lab, far_ifindex, &received.interface) || frame_split(bytes, size, &packet) < 0)
        return 0;
    if (packet.fragment && reassembly_add(lab->reassembly, received.interface, &packet) <= 0)
        return 0;
    if (frame_read(&packet, &received.frame) < 0)
        return 0;

    if (lab->head == lab->n_queue)
        lab->head = lab->n_queue = 0;
    return array_append(&lab->queue, &lab->n_queue, &lab->capacity, &received, sizeof(received));
}

/* Reads all that the far ends have now. */
static int drain(struct lab *lab)
{
    struct sockaddr_ll from[LAB_BATCH];
    struct mmsghdr messages[LAB_BATCH] = {0};
    struct iovec parts[LAB_BATCH];
    int n, r;

    for (size_t i = 0; i < LAB_BATCH; i++) {
        parts[i] = (struct iovec){lab->bytes[i], sizeof(lab->bytes[i])};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &from[i];
        messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
    }
    do {
        n = recvmmsg(lab->far_socket, messages, LAB_BATCH, MSG_DONTWAIT, NULL);
        /* An interface that goes down leaves ENETDOWN once; what came before is still there. */
        if (n < 0 && (errno == ENETDOWN || errno == EINTR))
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        for (int i = 0; i < n; i++) {
            r = take_in(lab, from[i].sll_ifindex, lab->bytes[i], messages[i].msg_len);
            if (r < 0)
                return r;
            messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
        }
    } while (n != 0);
    return 0;
}

/* Waits for something to read. Returns 1, 0 where nothing came in time, or -errno. */
static int wait_readable(int fd, int timeout_msec)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int r;

    do
        r = poll(&wait, 1, timeout_msec);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

/* Waits until the last marker comes out at the gateway. Returns 1, 0 where it did not, -errno. */
static int await_marker(struct lab *lab)
{
    uint8_t bytes[MARKER_BYTES];
    uint32_t number = 0;
    ssize_t n;
    int r;

    do {
        r = wait_readable(lab->marker_socket, MARKER_WAIT_MSEC);
        if (r <= 0)
            return r;
        n = recv(lab->marker_socket, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != ENETDOWN && errno != EINTR)
            return -errno;
        if (n == sizeof(bytes))
            memcpy(&number, bytes + sizeof(struct ether_header), sizeof(number));
    } while (number != lab->marker);
    return 1;
}

/*
 * Sends markers over one wire, one after the other. Returns 1, 0 where one was lost, or -errno.
 */
static int run_markers(struct lab *lab, const struct wire *wire)
{
    int r;

    for (unsigned pass = 0; pass < MARKER_PASSES; pass++) {
        lab->marker++;
        if (send_marker(lab, wire) < 0)
            return 0;
        r = await_marker(lab);
        if (r <= 0)
            return r;
    }
    return 1;
}

/* -ENOBUFS where the socket had no room for frames since it was asked last. */
static int check_losses(int fd)
{
    struct tpacket_stats statistics;
    socklen_t size = sizeof(statistics);

    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0)
        return -errno;
    return statistics.tp_drops > 0 ? -ENOBUFS : 0;
}

int lab_synchronise(struct lab *lab)
{
    int r;

    for (unsigned attempt = 0; attempt < MARKER_ATTEMPTS; attempt++) {
        for (size_t i = 0; i < lab->n_wires; i++) {
            r = run_markers(lab, &lab->wires[i]);
            if (r < 0)
                return r;
            if (r > 0) {
                lab->in_flight = 0;
                r = drain(lab);
                return r < 0 ? r : check_losses(lab->far_socket);
            }
        }
    }
    return -ETIMEDOUT;
}

static bool mac_is_zero(struct mac mac)
{
    static const struct mac zero;

    return memcmp(&mac, &zero, sizeof(mac)) == 0;
}

int lab_send(struct lab *lab, size_t interface, const struct frame *frame,
             const struct frame_options *options)
{
    const struct wire *wire = &lab->wires[interface];
    struct frame sent = *frame;
    uint8_t bytes[FRAME_BYTES_MAX];
    struct frame_body body;
    size_t offset = 0, size;
    int r;

    if (mac_is_zero(sent.source_mac))
        sent.source_mac = wire->far_mac;
    if (mac_is_zero(sent.destination_mac))
        sent.destination_mac = wire->mac;
    r = frame_build(&sent, options, &body);
    if (r < 0)
        return r;

    lab->identification++;
    while ((size = frame_write(&sent, options, &body, lab->identification, &offset, bytes)) > 0) {
        if (lab->in_flight >= WINDOW) {
            r = lab_synchronise(lab);
            if (r < 0)
                return r;
        }
        r = send_bytes(lab->far_socket, wire->far_ifindex, bytes, size);
        if (r < 0)
            return r;
        lab->in_flight++;
    }
    return 0;
}

int lab_receive(struct lab *lab, int timeout_msec, struct frame *ret_frame, size_t *ret_interface)
{
    int r;

    r = lab->head == lab->n_queue ? drain(lab) : 0;
    while (r == 0 && lab->head == lab->n_queue) {
        r = wait_readable(lab->far_socket, timeout_msec);
        if (r <= 0)
            return r;
        r = drain(lab);
    }
    if (r < 0)
        return r;

    *ret_frame = lab->queue[lab->head].frame;
    *ret_interface = lab->queue[lab->head].interface;
    lab->head++;
    return 1;
}

size_t lab_count_incomplete(const struct lab *lab)
{
    return reassembly_count(lab->reassembly);
}

int lab_flush_conntrack(struct lab *lab)
{
    cleanup_(netlink_close) struct netlink netlink = {0};
    uint8_t buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    int r;

    /* The connections are those of the process's namespace, which is the gateway's. */
    (void)lab;
    r = netlink_open(&netlink);
    if (r < 0)
        return r;

    /* A deletion that names no connection deletes all. */
    message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    return netlink_request(&netlink, message, NULL, NULL);
}
