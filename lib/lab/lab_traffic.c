/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sends and receives in the lab. What makes its answers exact and not a matter of patience: the
 * process stays on one CPU, and a veth pair hands each frame to the queue of the CPU that sent it,
 * first in, first out, over all wires. A marker that is sent behind the frames and comes out at
 * the gateway's end therefore proves that the gateway has handled them; a second one the other way
 * proves that what it forwarded has arrived. Both markers are seen and sent by raw sockets, before
 * and behind every hook, so no ruleset can drop them.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "lab/lab_state.h"

#define MARKER_BYTES 60
/* A marker is lost only where an interface is down; then the next wire is tried. */
#define MARKER_WAIT_MSEC 1000
#define MARKER_ATTEMPTS 5
/*
 * Frames on their way before lab_send() waits for them: what fits into the receive buffer that
 * an ordinary user gets (208 KiB, about 1 KiB for each), and far less than the 1,000 that a CPU's
 * queue takes.
 */
#define WINDOW 128

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

static int send_marker(int fd, int ifindex, struct mac to, struct mac from, uint32_t number)
{
    uint8_t bytes[MARKER_BYTES] = {0};
    struct ether_header header = {.ether_type = htons(LAB_MARKER_TYPE)};

    memcpy(header.ether_dhost, to.bytes, sizeof(header.ether_dhost));
    memcpy(header.ether_shost, from.bytes, sizeof(header.ether_shost));
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), &number, sizeof(number));
    return send_bytes(fd, ifindex, bytes, sizeof(bytes));
}

/* True, and the marker's number, where the bytes are a marker. */
static bool read_marker(const uint8_t *bytes, size_t size, uint32_t *ret_number)
{
    struct ether_header header;

    if (size < MARKER_BYTES)
        return false;
    memcpy(&header, bytes, sizeof(header));
    if (header.ether_type != htons(LAB_MARKER_TYPE))
        return false;
    memcpy(ret_number, bytes + sizeof(header), sizeof(*ret_number));
    return true;
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
    struct frame frame;
    size_t wire;
    int r;

    if (read_marker(bytes, size, &lab->marker_seen) || !find_wire(lab, far_ifindex, &wire))
        return 0;
    if (frame_split(bytes, size, &packet) < 0)
        return 0;
    if (packet.fragment && reassembly_add(lab->reassembly, wire, &packet) <= 0)
        return 0;
    if (frame_read(&packet, &frame) < 0)
        return 0;

    if (lab->head == lab->n_queue)
        lab->head = lab->n_queue = 0;
    r = array_reserve(&lab->queue, &lab->capacity, lab->n_queue + 1, sizeof(*lab->queue));
    if (r < 0)
        return r;
    lab->queue[lab->n_queue++] = (struct received){frame, wire};
    return 0;
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

/* Waits until the gateway's end has seen the marker. Returns 1, 0 where it did not come, -errno. */
static int await_gateway_marker(struct lab *lab, uint32_t number)
{
    uint8_t bytes[MARKER_BYTES];
    uint32_t seen = 0;
    ssize_t n;
    int r;

    do {
        r = wait_readable(lab->marker_socket, MARKER_WAIT_MSEC);
        if (r <= 0)
            return r;
        n = recv(lab->marker_socket, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != ENETDOWN && errno != EINTR)
            return -errno;
    } while (n < 0 || !read_marker(bytes, (size_t)n, &seen) || seen != number);
    return 1;
}

/* Waits until the far ends have seen the marker, taking in all that came before it. */
static int await_far_marker(struct lab *lab, uint32_t number)
{
    int r;

    do {
        r = wait_readable(lab->far_socket, MARKER_WAIT_MSEC);
        if (r <= 0)
            return r;
        r = drain(lab);
        if (r < 0)
            return r;
    } while (lab->marker_seen != number);
    return 1;
}

/* Sends a marker there and back over one wire. Returns 1, 0 where it was lost, or -errno. */
static int run_marker(struct lab *lab, const struct wire *wire)
{
    uint32_t number = ++lab->marker;
    int r;

    if (send_marker(lab->far_socket, wire->far_ifindex, wire->mac, wire->far_mac, number) < 0)
        return 0;
    r = await_gateway_marker(lab, number);
    if (r <= 0)
        return r;
    if (send_marker(lab->marker_socket, wire->ifindex, wire->far_mac, wire->mac, number) < 0)
        return 0;
    return await_far_marker(lab, number);
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
            r = run_marker(lab, &lab->wires[i]);
            if (r < 0)
                return r;
            if (r > 0) {
                lab->in_flight = 0;
                return check_losses(lab->far_socket);
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

    if (lab->head == lab->n_queue) {
        r = drain(lab);
        if (r < 0)
            return r;
    }
    while (lab->head == lab->n_queue) {
        r = wait_readable(lab->far_socket, timeout_msec);
        if (r <= 0)
            return r;
        r = drain(lab);
        if (r < 0)
            return r;
    }
    *ret_frame = lab->queue[lab->head].frame;
    *ret_interface = lab->queue[lab->head].interface;
    lab->head++;
    return 1;
}

size_t lab_count_incomplete(const struct lab *lab)
{
    return reassembly_count(lab->reassembly);
}
