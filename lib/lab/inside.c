/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The gateway's own traffic. The kernel answers some of what it receives by itself (an ICMP error
 * or echo reply), beside what the lab sends in the gateway's name; that does no harm, as such an
 * answer is none of the lab's frames. Only its refusals of TCP must not be: connection tracking
 * forgets a connection whose first answer is one.
 */

#include "lab/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "kernel/netlink.h"

/* Where the kernel allows it; INSIDE_WINDOW packets fit into the smallest buffer. */
#define RECEIVE_BUFFER (1024 * 1024)

/* A socket of a protocol, or for the silence at a port of TCP. */
struct ear {
    enum family family;
    uint16_t number; /* of the protocol or port */
    int fd;
    uint32_t n_lost; /* as last received from the kernel */
};

struct ears {
    struct ear *ears;
    size_t n_ears;
    size_t capacity;
};

static bool ears_have(const struct ears *ears, enum family family, uint16_t number)
{
    for (size_t i = 0; i < ears->n_ears; i++) {
        if (ears->ears[i].family == family && ears->ears[i].number == number)
            return true;
    }
    return false;
}

/* Takes the descriptor where it succeeds. */
static int ears_add(struct ears *ears, enum family family, uint16_t number, int *fd)
{
    const struct ear ear = {.family = family, .number = number, .fd = *fd};
    int r = array_append(&ears->ears, &ears->n_ears, &ears->capacity, &ear, sizeof(ear));

    if (r == 0)
        TAKE_FD(*fd);
    return r;
}

static void ears_close(struct ears *ears)
{
    for (size_t i = 0; i < ears->n_ears; i++)
        close(ears->ears[i].fd);
    ears->n_ears = 0;
}

struct inside {
    int senders[FAMILIES];
    struct ears silences; /* listening sockets that take no packet */
    struct ears ears;
    size_t next; /* the ear to listen to */
};

static int domain(enum family family)
{
    return family == FAMILY_IPV4 ? AF_INET : AF_INET6;
}

int inside_new(struct inside **ret_inside)
{
    cleanup_(inside_freep) struct inside *inside = calloc(1, sizeof(*inside));
    int on = 1;

    if (!inside)
        return -ENOMEM;
    inside->senders[FAMILY_IPV4] = inside->senders[FAMILY_IPV6] = -1;
    for (enum family family = 0; family < FAMILIES; family++) {
        /* This protocol means that the packets come with their IP headers. */
        inside->senders[family] = socket(domain(family), SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        if (inside->senders[family] < 0 ||
            setsockopt(inside->senders[family], SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0)
            return -errno;
    }
    *ret_inside = TAKE_PTR(inside);
    return 0;
}

struct inside *inside_free(struct inside *inside)
{
    if (!inside)
        return NULL;
    for (enum family family = 0; family < FAMILIES; family++) {
        if (inside->senders[family] >= 0)
            close(inside->senders[family]);
    }
    ears_close(&inside->ears);
    free(inside->ears.ears);
    ears_close(&inside->silences);
    free(inside->silences.ears);
    free(inside);
    return NULL;
}

static socklen_t make_address(enum family family, ip_number address, uint16_t port,
                              struct sockaddr_storage *ret_address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (family == FAMILY_IPV4) {
        address_to_bytes(family, address, (uint8_t *)&ipv4.sin_addr);
        memcpy(ret_address, &ipv4, sizeof(ipv4));
        return sizeof(ipv4);
    }
    address_to_bytes(family, address, (uint8_t *)&ipv6.sin6_addr);
    memcpy(ret_address, &ipv6, sizeof(ipv6));
    return sizeof(ipv6);
}

int inside_send(struct inside *inside, const char *interface, const struct frame *frame)
{
    int fd = inside->senders[frame->family];
    uint8_t bytes[FRAME_BYTES_MAX];
    struct sockaddr_storage to;
    socklen_t to_size = make_address(frame->family, frame->destination, 0, &to);
    struct frame_body body;
    size_t offset = 0, size;
    int r = frame_build(frame, NULL, &body);

    if (r < 0)
        return r;
    /* Where a broadcast goes no route says. */
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0)
        return -errno;
    size = frame_write(frame, NULL, &body, 0, &offset, bytes);
    if (sendto(fd, bytes + ETHER_HDR_LEN, size - ETHER_HDR_LEN, 0, (const struct sockaddr *)&to,
               to_size) >= 0)
        return 0;
    /* The sender gets an error for what the hook drops. */
    return errno == EPERM ? 0 : -errno;
}

int inside_listen(struct inside *inside, enum family family, uint8_t protocol)
{
    cleanup_(closep) int fd = -1;
    int on = 1;

    if (ears_have(&inside->ears, family, protocol))
        return 0;
    fd = socket(domain(family), SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -errno;
    netlink_set_receive_queue(fd, RECEIVE_BUFFER);
    /* Of IPv6 the header does not come, so the destination must be asked for. */
    if (family == FAMILY_IPV6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)
        return -errno;
    return ears_add(&inside->ears, family, protocol, &fd);
}

static int check_losses(struct ear *ear)
{
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(values);

    if (getsockopt(ear->fd, SOL_SOCKET, SO_MEMINFO, values, &size) < 0)
        return -errno;
    if (values[SK_MEMINFO_DROPS] == ear->n_lost)
        return 0;
    ear->n_lost = values[SK_MEMINFO_DROPS];
    return -ENOBUFS;
}

static int split_ipv4(uint8_t *bytes, size_t size, struct frame_packet *packet)
{
    memset(bytes, 0, ETHER_HDR_LEN);
    bytes[12] = ETHERTYPE_IP >> 8;
    bytes[13] = ETHERTYPE_IP & 0xff;
    return frame_split(bytes, ETHER_HDR_LEN + size, packet);
}

static void split_ipv6(const struct ear *ear, const uint8_t *bytes, size_t size,
                       struct msghdr *message, struct frame_packet *packet)
{
    const struct sockaddr_in6 *from = message->msg_name;

    *packet = (struct frame_packet){
        .frame = {.family = FAMILY_IPV6},
        .next_header = (uint8_t)ear->number,
        .body = bytes,
        .length = size,
    };
    packet->frame.source = address_from_bytes(FAMILY_IPV6, (const uint8_t *)&from->sin6_addr);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        struct in6_pktinfo information;

        if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO)
            continue;
        memcpy(&information, CMSG_DATA(part), sizeof(information));
        packet->frame.destination =
            address_from_bytes(FAMILY_IPV6, (const uint8_t *)&information.ipi6_addr);
    }
}

/* Returns 1 with a frame of the lab, 0 where nothing is there any more, or -errno. */
static int listen_to(struct ear *ear, struct frame *ret_frame)
{
    uint8_t bytes[ETHER_HDR_LEN + 2048], control[128];
    struct sockaddr_storage from;
    struct frame_packet packet;
    ssize_t n;

    for (;;) {
        struct iovec part = {bytes + ETHER_HDR_LEN, sizeof(bytes) - ETHER_HDR_LEN};
        struct msghdr message = {
            .msg_name = &from,
            .msg_namelen = sizeof(from),
            .msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof(control),
        };

        n = recvmsg(ear->fd, &message, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? check_losses(ear) : -errno;
        if (ear->family == FAMILY_IPV6)
            split_ipv6(ear, bytes + ETHER_HDR_LEN, (size_t)n, &message, &packet);
        else if (split_ipv4(bytes, (size_t)n, &packet) < 0)
            continue;
        if (frame_read(&packet, ret_frame) == 0)
            return 1;
    }
}

int inside_receive(struct inside *inside, struct frame *ret_frame)
{
    for (; inside->next < inside->ears.n_ears; inside->next++) {
        int r = listen_to(&inside->ears.ears[inside->next], ret_frame);

        if (r != 0)
            return r;
    }
    inside->next = 0;
    return 0;
}

int inside_silence(struct inside *inside, enum family family, uint16_t port)
{
    struct sock_filter program[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog nothing = {.len = ELEMENTS_OF(program), .filter = program};
    cleanup_(closep) int fd = -1;
    struct sockaddr_storage address;
    socklen_t size = make_address(family, 0, port, &address);
    int on = 1;

    if (ears_have(&inside->silences, family, port))
        return 0;
    fd = socket(domain(family), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &nothing, sizeof(nothing)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (family == FAMILY_IPV6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0)
        return -errno;
    return ears_add(&inside->silences, family, port, &fd);
}

void inside_unsilence(struct inside *inside)
{
    ears_close(&inside->silences);
}
