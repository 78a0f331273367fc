/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The gateway and its pump. A frame written to a packet socket without a queue is handled by the
 * kernel before the call goes on to the next one: through the veth pair, the gateway's hooks, the
 * other veth pair. So there is no queue to fill, nothing to wait for, and the time of one
 * processor, which the kernel charges to the process that writes, is the measure. The far end is
 * not the frames' destination by hardware address, so that what arrives is dropped in the first
 * lines of the receive path.
 */

#include "segd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netlink/route/link.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lab/lab.h"
#include "lab/namespace.h"
#include "lab/network.h"

/* Frames handed to the kernel at once. */
#define BATCH 64
/* Frames may be on their way when all are sent; so many looks before they count as lost. */
#define LOOKS_MAX 1000

/* The neighbour behind which each zone lies. */
#define FAR_ADDRESS ((ip_number)0xa9fefefe)

struct wire {
    int ifindex;
    int far_ifindex;
    int socket; /* writes into the far end */
};

struct segd {
    struct nl_sock *route;
    struct wire wires[2];
};

static const struct namespace_setting gateway_settings[] = {
    {"ipv4/ip_forward", "1"},
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
    {"core/rps_default_mask", "0", .optional = true},
};

static const struct namespace_setting far_settings[] = {
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
    {"core/rps_default_mask", "0", .optional = true},
};

static const char *const interfaces[] = {SHAPE_INTERFACE_A, SHAPE_INTERFACE_B};
static const char *const far_interfaces[] = {"far_a", "far_b"};

static struct mac make_mac(enum end end, uint8_t last)
{
    return (struct mac){{0x02, 0x5e, 0x9d, 0, (uint8_t)end, last}};
}

#define MAC_NEAR 1
#define MAC_FAR 2
#define MAC_NOBODY 3

static int open_writer(int ifindex)
{
    cleanup_(closep) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll end = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
    int on = 1;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&end, sizeof(end)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int add_wire(struct segd *segd, enum end end, struct nl_sock *far_route, int far_namespace)
{
    struct wire *wire = &segd->wires[end];
    const struct network_wire names = {
        interfaces[end],
        far_interfaces[end],
        make_mac(end, MAC_NEAR),
        make_mac(end, MAC_FAR),
    };
    const struct prefix zone = {
        end == END_A ? SHAPE_NETWORK_A : SHAPE_NETWORK_B,
        SHAPE_NETWORK_BITS,
    };
    int r = network_add_wire(segd->route, far_namespace, &names);

    if (r == 0)
        r = network_find(segd->route, interfaces[end], &wire->ifindex);
    if (r == 0)
        r = network_find(far_route, far_interfaces[end], &wire->far_ifindex);
    if (r == 0)
        r = network_set_up(far_route, wire->far_ifindex);
    if (r == 0)
        r = network_add_neighbour(segd->route, wire->ifindex, FAMILY_IPV4, FAR_ADDRESS,
                                  make_mac(end, MAC_NOBODY));
    if (r == 0)
        r = network_add_route(segd->route, wire->ifindex, FAMILY_IPV4, zone, FAR_ADDRESS);
    return r;
}

/* With the process in the far namespace: its end of both wires. */
static int furnish_far(struct segd *segd)
{
    cleanup_(nl_socket_freep) struct nl_sock *far_route = NULL;
    cleanup_(closep) int far_namespace = namespace_open();
    int r;

    if (far_namespace < 0)
        return far_namespace;
    r = namespace_configure(far_settings, ELEMENTS_OF(far_settings));
    if (r == 0)
        r = network_open(&far_route);

    for (enum end end = END_A; r == 0 && end <= END_B; end++) {
        r = add_wire(segd, end, far_route, far_namespace);
        if (r < 0)
            return r;
        segd->wires[end].socket = open_writer(segd->wires[end].far_ifindex);
        if (segd->wires[end].socket < 0)
            return segd->wires[end].socket;
    }
    return r;
}

static int furnish(struct segd *segd)
{
    cleanup_(closep) int near_namespace = -1;
    int r = namespace_configure(gateway_settings, ELEMENTS_OF(gateway_settings));

    if (r == 0)
        r = network_open(&segd->route);
    if (r < 0)
        return r;

    near_namespace = namespace_open();
    if (near_namespace < 0)
        return near_namespace;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    r = furnish_far(segd);
    if (setns(near_namespace, CLONE_NEWNET) < 0)
        return -errno;
    return r;
}

int gateway_new(struct segd **ret_gateway)
{
    cleanup_(segd_freep) struct segd *segd = calloc(1, sizeof(*segd));
    int r;

    if (!segd)
        return -ENOMEM;
    segd->wires[END_A].socket = segd->wires[END_B].socket = -1;

    r = lab_enter();
    if (r < 0)
        return r;
    if (lab_in_root_namespace())
        return -EPERM;
    r = furnish(segd);
    if (r < 0)
        return r;

    *ret_gateway = TAKE_PTR(segd);
    return 0;
}

struct segd *segd_free(struct segd *segd)
{
    if (!segd)
        return NULL;

    for (enum end end = END_A; end <= END_B; end++) {
        if (segd->wires[end].socket >= 0)
            close(segd->wires[end].socket);
    }
    nl_socket_free(segd->route);
    free(segd);
    return NULL;
}

int frames_new(size_t n_frames, struct frames *ret_frames)
{
    uint8_t(*bytes)[64] = calloc(n_frames, sizeof(*bytes));

    if (!bytes)
        return -ENOMEM;
    *ret_frames = (struct frames){bytes, n_frames};
    return 0;
}

void frames_clear(struct frames *frames)
{
    free(frames->bytes);
    *frames = (struct frames){0};
}

static uint16_t checksum(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i += 2) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): whole buffers. */
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

void frames_set(struct frames *frames, size_t index, enum end from, struct tuple tuple,
                uint16_t source_port)
{
    bool reply = from == END_B;
    struct ether_header ethernet = {.ether_type = htons(ETHERTYPE_IP)};
    struct iphdr ip = {
        .version = 4,
        .ihl = 5,
        .tot_len = htons(FRAME_SIZE - sizeof(ethernet)),
        .ttl = 64,
        .protocol = IPPROTO_UDP,
        .saddr = htonl(reply ? tuple.destination : tuple.source),
        .daddr = htonl(reply ? tuple.source : tuple.destination),
    };
    /* No checksum of UDP: nothing here is to be measured but the gateway's decisions. */
    struct udphdr udp = {
        .source = htons(reply ? tuple.port : source_port),
        .dest = htons(reply ? source_port : tuple.port),
        .len = htons(FRAME_SIZE - sizeof(ethernet) - sizeof(ip)),
    };
    uint8_t *at = frames->bytes[index];

    ip.check = checksum(&ip, sizeof(ip));
    memcpy(ethernet.ether_dhost, make_mac(from, MAC_NEAR).bytes, ETH_ALEN);
    memcpy(ethernet.ether_shost, make_mac(from, MAC_FAR).bytes, ETH_ALEN);
    at = mempcpy(at, &ethernet, sizeof(ethernet));
    at = mempcpy(at, &ip, sizeof(ip));
    memcpy(at, &udp, sizeof(udp));
}

static int send_batch(int fd, struct mmsghdr messages[BATCH], unsigned n)
{
    for (unsigned sent = 0; sent < n;) {
        int r = sendmmsg(fd, messages + sent, n - sent, 0);

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0)
            sent += (unsigned)r;
    }
    return 0;
}

/* Frames that have left the gateway by both wires. */
static int count_out(struct segd *segd, uint64_t *ret_count)
{
    *ret_count = 0;

    for (enum end end = END_A; end <= END_B; end++) {
        struct rtnl_link *link = NULL;

        if (rtnl_link_get_kernel(segd->route, segd->wires[end].ifindex, NULL, &link) < 0)
            return -EIO;
        *ret_count += rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS);
        rtnl_link_put(link);
    }
    return 0;
}

/* Time of the processor spent for this process: what the machine does besides is not in it. */
static uint64_t clock_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct sender {
    int fd;
    const struct frames *frames;
    size_t next;
};

static int sender_send(struct sender *sender, size_t n)
{
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH] = {0};

    for (size_t i = 0; i < n; i++) {
        vectors[i] = (struct iovec){sender->frames->bytes[sender->next], FRAME_SIZE};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        sender->next = (sender->next + 1) % sender->frames->n_frames;
    }
    return send_batch(sender->fd, messages, (unsigned)n);
}

int gateway_send(struct segd *segd, const struct frames *original, const struct frames *reply,
                 size_t n, uint64_t *ret_nsec, uint64_t *ret_passed)
{
    struct sender senders[] = {
        {.fd = segd->wires[END_A].socket, .frames = original},
        {.fd = segd->wires[END_B].socket, .frames = reply},
    };
    uint64_t before = 0, after = 0, start, end;
    int r = count_out(segd, &before);

    start = clock_nsec();
    for (size_t sent = 0, turn = 0; r == 0 && sent < n; turn++) {
        size_t size = n - sent < BATCH ? n - sent : BATCH;

        r = sender_send(&senders[reply ? turn % 2 : 0], size);
        sent += size;
    }
    end = clock_nsec();

    if (r == 0)
        r = count_out(segd, &after);
    for (size_t looks = 0; r == 0 && after - before < n && looks < LOOKS_MAX; looks++) {
        sched_yield();
        r = count_out(segd, &after);
        end = clock_nsec();
    }
    if (r < 0)
        return r;

    *ret_nsec = end - start;
    *ret_passed = after - before;
    return 0;
}

static void close_socketp(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

int gateway_flush(struct segd *segd)
{
    cleanup_(close_socketp) struct mnl_socket *socket =
        mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    uint8_t buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;
    ssize_t n;

    (void)segd; /* its namespace is the process's */
    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;

    /* A deletion that names no connection deletes all. */
    message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = 1;
    header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;

    n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    if (n < 0)
        return -errno;
    return mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0 ? -errno
                                                                                           : 0;
}
