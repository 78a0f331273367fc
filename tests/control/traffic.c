/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Frames are numbered, and the lab tells when the gateway has handled them all: what is not there
 * then was dropped. Nothing waits for time to pass.
 */

#include "traffic.h"

#include <check.h>

#include "tests/lab/wires.h"

#define PORT 7001
#define FORBIDDEN_PORT 7009
/* Frames of each kind in a round, which is short beside a change. */
#define ROUND 4
/* New connections that are tracked at most, far less than the kernel's table holds. */
#define CONNECTIONS_MAX 20000

enum kind {
    KIND_OPEN,      /* a request of a connection that is open */
    KIND_REPLY,     /* a reply of that connection */
    KIND_NEW,       /* the first packet of another connection of the same flow */
    KIND_FORBIDDEN, /* what no policy approves */
    N_KINDS,
};

static const char *const kind_names[N_KINDS] = {"request", "reply", "first packet", "forbidden"};

static struct frame make_frame(struct traffic *traffic, enum family family, enum kind kind)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    if (kind == KIND_REPLY)
        frame = wires_answer(&frame);
    if (kind == KIND_FORBIDDEN)
        frame.port = FORBIDDEN_PORT;
    if (kind == KIND_NEW) {
        traffic->new_port = (uint16_t)(traffic->new_port % 30000 + 1);
        frame.source_port = traffic->new_port;
    }
    return frame;
}

static void take_round(struct traffic *traffic, unsigned *arrived)
{
    bool seen[ROUND * FAMILIES * N_KINDS] = {false};
    struct frame frame;
    size_t wire;
    int r;

    while ((r = lab_receive(traffic->lab, 0, &frame, &wire)) > 0) {
        ck_assert_uint_lt(frame.tag, ELEMENTS_OF(seen));
        ck_assert_msg(!seen[frame.tag], "a frame came twice");
        seen[frame.tag] = true;
        arrived[frame.tag % N_KINDS]++;
    }
    ck_assert_int_eq(r, 0);
}

void traffic_round(struct traffic *traffic)
{
    unsigned arrived[N_KINDS] = {0};

    for (uint32_t tag = 0; tag < ROUND * FAMILIES * N_KINDS; tag++) {
        enum kind kind = (enum kind)(tag % N_KINDS);
        struct frame frame = make_frame(traffic, (enum family)(tag / N_KINDS % FAMILIES), kind);

        frame.tag = tag;
        ck_assert_int_eq(lab_send(traffic->lab, kind == KIND_REPLY ? WIRE_B : WIRE_A, &frame, NULL),
                         0);
    }
    ck_assert_int_eq(lab_synchronise(traffic->lab), 0);
    take_round(traffic, arrived);
    for (enum kind kind = 0; kind < N_KINDS; kind++)
        ck_assert_msg(arrived[kind] == (kind == KIND_FORBIDDEN ? 0 : ROUND * FAMILIES),
                      "round %u: %u of %d passed: %s", (unsigned)traffic->rounds, arrived[kind],
                      ROUND * FAMILIES, kind_names[kind]);

    traffic->rounds++;
    traffic->n_connections += ROUND * FAMILIES;
    if (traffic->n_connections > CONNECTIONS_MAX) {
        ck_assert_int_eq(lab_flush_conntrack(traffic->lab), 0);
        traffic->n_connections = 0;
    }
}
