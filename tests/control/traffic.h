/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab/lab.h"

/*
 * A stream of frames of both families, of what every policy of a test approves (udp/7001 from host
 * 7 behind WIRE_A to host 9 behind WIRE_B) and of what none does (udp/7009). After each round all
 * are accounted for, however slow the machine is.
 */
#define TRAFFIC_HOSTS                                                                              \
    "hosts:\n"                                                                                     \
    "  client: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                    \
    "  server: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"

struct traffic {
    struct lab *lab;
    uint16_t new_port; /* of the last new connection */
    unsigned n_connections;
    uint64_t rounds;
};

/* Sends a round, and asserts that of the approved frames all came out once, of the others none. */
void traffic_round(struct traffic *traffic);
