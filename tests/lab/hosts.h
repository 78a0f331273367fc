/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Hosts with a whole network stack of their own, each in a namespace at the end of a wire of the
 * gateway, for connections that are real. Host n has 10.N.0.2/24 and fd00:N::2/64 with N = n + 1;
 * the gateway's ends are 10.N.0.1 and fd00:N::1, and it forwards. Neighbours find each other by
 * ARP and neighbour discovery.
 */
#define HOSTS_MAX 4

struct host {
    int namespace;
    char address[FAMILIES][ADDRESS_TEXT_MAX];
    char gateway[FAMILIES][ADDRESS_TEXT_MAX];
};

/*
 * Makes the calling process's namespace, which must be a sandbox, the gateway with one wire for
 * each interface, and a host at each.
 */
void hosts_new(const char *const *interfaces, size_t n_interfaces, struct host *hosts);

/* Moves the process into the host's namespace; hosts_leave() takes what it returned. */
int hosts_enter(const struct host *host);
void hosts_leave(int home);
/* Runs `ip -batch` on the text; in the host's namespace, or in the gateway's where it is NULL. */
void hosts_ip(const struct host *host, const char *commands);

/* Sockets of the host, or of the gateway where `host` is NULL. */
int hosts_listen(const struct host *host, enum family family, uint16_t port);
int hosts_udp(const struct host *host, enum family family, uint16_t port);
/* One that sends from the given address, of those that its namespace has. */
int hosts_udp_at(const struct host *host, enum family family, const char *address, uint16_t port);
/* Sends eight bytes by UDP; the socket may belong to any namespace. */
void hosts_udp_send(int socket, enum family family, const char *address, uint16_t port);
/*
 * Sends an ICMP echo request and waits until it is answered (true) or until the gateway has refused
 * a packet under this counter (false).
 */
bool hosts_ping(const struct host *host, enum family family, const char *address,
                const char *counter);
/* Connects a socket of this type (SOCK_STREAM, SOCK_DGRAM) without waiting for an answer. */
int hosts_begin(const struct host *host, enum family family, int type, const char *address,
                uint16_t port);
/* Waits until the socket can be read (true), or the counter has moved on from `before` (false). */
bool hosts_readable(int socket, const char *counter, uint64_t before);

/* One direction of an open connection. What is sent is a pattern, so that loss would show. */
struct stream {
    int from;
    int to;
    uint64_t sent;
    uint64_t received;
    uint32_t opening; /* segments sent and not in the receiver's books when the connection opened */
};

/* Connects to the address and accepts at the listening socket. */
void hosts_connect(const struct host *host, enum family family, const char *address, uint16_t port,
                   int listener, struct stream *ret_there, struct stream *ret_back);
void stream_send(struct stream *stream, size_t size);
/* Waits until all that was sent has been received, byte for byte. */
void stream_receive_all(struct stream *stream);
/* Both. */
void stream_pass(struct stream *stream, size_t size);
/*
 * Waits a moment for something to arrive beyond what was received; true where it did. Not for
 * asserting silence by itself: what is waited for is an event elsewhere, see stream_stops().
 */
bool stream_arrives(const struct stream *stream);
/* TCP segments that the sending side sent again. It may do so where nothing was lost, but late. */
uint32_t stream_retransmissions(const struct stream *stream);
/*
 * Asserts that every segment that was sent has arrived, by the books of both ends. To be called for
 * both directions, since one has the acknowledgements of the other.
 */
void stream_nothing_lost(const struct stream *stream);
/*
 * Sends something and asserts that it does not arrive: waits until the gateway has refused packets
 * for `reason` between zones `a` and `b`, which is the event, with nothing received meanwhile.
 */
void stream_stops(struct stream *stream, const char *reason, const char *a, const char *b);
