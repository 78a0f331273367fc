/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sends and receives in the lab. Its answers are exact and need no time limit: the process stays on
 * one CPU, and a veth pair hands each frame to the queue of the CPU that sent it, first in, first
 * out, over all wires. A marker that is sent after the frames and comes out at the gateway's end
 * therefore proves that the gateway has handled them. What it made of them then stands in the same
 * queue, and the next marker is sent after that. A raw socket sees the markers before any hook, and
 * the far namespace, where they are sent, has none: no ruleset drops them.
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
    struct frame frame;
    size_t wire;
    int r;

    if (!find_wire(lab, far_ifindex, &wire) || frame_split(bytes, size, &packet) < 0)
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
