/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Open connections, each direction by itself. What is sent is a pattern that does not repeat at
 * any power of two, so that a byte lost, doubled or moved shows at once.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "segd.h"
#include "hosts.h"

#define PIECE 1024
#define PERIOD 251
#define MOMENT_MSEC 5
#define MOMENTS_MAX 4000
/* So many times TCP sends a segment again, waiting longer each time, until it is held for lost. */
#define GIVE_UP 6

static struct tcp_info read_books(int socket)
{
    struct tcp_info information = {0};
    socklen_t length = sizeof(information);

    ck_assert_int_eq(getsockopt(socket, IPPROTO_TCP, TCP_INFO, &information, &length), 0);
    return information;
}

static uint32_t segments_missing(const struct stream *stream)
{
    struct tcp_info receiver = read_books(stream->to);

    return read_books(stream->from).tcpi_segs_out - receiver.tcpi_segs_in;
}

void hosts_connect(const struct host *host, enum family family, const char *address, uint16_t port,
                   int listener, struct stream *ret_there, struct stream *ret_back)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = family == FAMILY_IPV4;
    int home = host ? hosts_enter(host) : -1;
    int client = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

    if (host)
        hosts_leave(home);
    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(inet_pton(is_v4 ? AF_INET : AF_INET6, address,
                               is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr),
                     1);
    ck_assert_msg(connect(client, is_v4 ? (const void *)&v4 : (const void *)&v6,
                          is_v4 ? sizeof(v4) : sizeof(v6)) == 0,
                  "connect to %s port %u: %s", address, port, strerror(errno));
    server = accept(listener, NULL, NULL);
    ck_assert_int_ge(server, 0);
    *ret_there = (struct stream){.from = client, .to = server};
    *ret_back = (struct stream){.from = server, .to = client};
    /* Which socket counts the handshake differs between ends. Nothing is on its way now. */
    ret_there->opening = segments_missing(ret_there);
    ret_back->opening = segments_missing(ret_back);
}

void stream_send(struct stream *stream, size_t size)
{
    uint8_t bytes[PIECE];

    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;
        ssize_t n;

        for (size_t i = 0; i < piece; i++)
            bytes[i] = (uint8_t)((stream->sent + i) % PERIOD);
        n = send(stream->from, bytes, piece, MSG_NOSIGNAL);
        ck_assert_int_gt(n, 0);
        stream->sent += (uint64_t)n;
        size -= (size_t)n;
    }
}

bool stream_arrives(const struct stream *stream)
{
    struct pollfd wait = {.fd = stream->to, .events = POLLIN};

    return poll(&wait, 1, MOMENT_MSEC) > 0;
}

uint32_t stream_retransmissions(const struct stream *stream)
{
    return read_books(stream->from).tcpi_total_retrans;
}

/* Segments may still be on their way, so that the books agree a little later. */
void stream_nothing_lost(const struct stream *stream)
{
    for (int i = 0; segments_missing(stream) != stream->opening; i++) {
        ck_assert_msg(i < MOMENTS_MAX, "%u segments were lost",
                      segments_missing(stream) - stream->opening);
        poll(NULL, 0, 1);
    }
}

void stream_receive_all(struct stream *stream)
{
    uint32_t retransmissions = stream_retransmissions(stream);
    uint8_t bytes[PIECE];

    while (stream->received < stream->sent) {
        ssize_t n;

        if (!stream_arrives(stream)) {
            ck_assert_msg(stream_retransmissions(stream) < retransmissions + GIVE_UP,
                          "the connection does not go on");
            continue;
        }
        n = recv(stream->to, bytes, PIECE, 0);
        ck_assert_int_gt(n, 0);
        for (ssize_t i = 0; i < n; i++)
            ck_assert_uint_eq(bytes[i], (stream->received + (uint64_t)i) % PERIOD);
        stream->received += (uint64_t)n;
    }
    ck_assert_uint_eq(stream->received, stream->sent);
}

void stream_pass(struct stream *stream, size_t size)
{
    stream_send(stream, size);
    stream_receive_all(stream);
}

void stream_stops(struct stream *stream, const char *reason, const char *a, const char *b)
{
    uint64_t before = segd_dropped_between(reason, a, b);
    uint32_t retransmissions = stream_retransmissions(stream);

    stream_send(stream, 100);
    do {
        ck_assert_msg(!stream_arrives(stream), "a packet passed that should be dropped: %s",
                      reason);
        ck_assert_msg(stream_retransmissions(stream) < retransmissions + GIVE_UP,
                      "packets vanish without being counted under %s", reason);
    } while (segd_dropped_between(reason, a, b) == before);
    ck_assert(!stream_arrives(stream));
}
