/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab/lab.h"

/*
 * A gateway with one wire for each of these interfaces, for single frames. Wire n (from 0) leads to
 * 10.N.0.0/16 and fd00:N::/32 with N = n + 1, and so does WIRE_STRAY, which no policy names.
 * 198.51.100.0/24 and 2001:db8:f::/48 also lie behind WIRE_STRAY.
 */
enum wire_number {
    WIRE_A,       /* a0 */
    WIRE_A_OTHER, /* a1 */
    WIRE_B,       /* b0 */
    WIRE_C,       /* c0 */
    WIRE_STRAY,   /* stray0 */
    N_WIRES,
};

/* Enters a sandbox and builds it. */
struct lab *wires_new(void);

/* The zones that tests use, for the head of a policy: zone a has two wires. */
#define WIRES_POLICY                                                                               \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0, a1],"                                                   \
    " networks: [10.1.0.0/16, 10.2.0.0/16, 'fd00:1::/32', 'fd00:2::/32'] }\n"                      \
    "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16, 'fd00:3::/32'] }\n"            \
    "  c: { class: other, interfaces: [c0], networks: [10.4.0.0/16, 'fd00:4::/32'] }\n"

/* The address of a host behind a wire: 10.N.0.HOST or fd00:N::HOST. */
ip_number wires_address(enum family family, enum wire_number wire, uint16_t host);
/* Parses an address of either family. */
ip_number wires_parse(const char *address);

/* A packet from host 7 behind one wire to host 9 behind another. */
struct frame wires_udp(enum family family, enum wire_number from, enum wire_number to,
                       uint16_t port);
struct frame wires_tcp(enum family family, enum wire_number from, enum wire_number to,
                       uint16_t port, uint8_t flags);
/* `icmp` is type * 256 + code of the family. */
struct frame wires_icmp(enum family family, enum wire_number from, enum wire_number to,
                        uint16_t icmp);
/* The answer to a packet: ends exchanged. */
struct frame wires_answer(const struct frame *frame);

/* Sends the frame and tells whether it comes out of the gateway anywhere. */
bool wires_try(struct lab *lab, enum wire_number in, const struct frame *frame,
               const struct frame_options *options);
/* Asserts that it comes out of `out` as it went in, and that nothing was counted as refused. */
void wires_pass(struct lab *lab, enum wire_number in, enum wire_number out,
                const struct frame *frame, const struct frame_options *options);
/* Asserts that it does not come out, and that this one packet was counted under `counter` alone. */
void wires_drop(struct lab *lab, enum wire_number in, const struct frame *frame,
                const struct frame_options *options, const char *counter);
/* Opens a TCP connection by its three packets, all of which must pass. */
void wires_open_tcp(struct lab *lab, enum wire_number in, enum wire_number out,
                    const struct frame *syn);
