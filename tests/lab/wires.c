/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Single frames through the gateway. Each is judged by two witnesses: the wires, where it comes out
 * or does not, and the kernel's counters, where a refusal must show once and under one reason.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define SOURCE_PORT 40000

static const char *const names[N_WIRES] = {"a0", "a1", "b0", "c0", "stray0"};

static struct range network(enum family family, size_t wire)
{
    ip_number first = wires_address(family, (enum wire_number)wire, 0);

    return prefix_range((struct prefix){first, family == FAMILY_IPV4 ? 16 : 32},
                        family_bits(family));
}

struct lab *wires_new(void)
{
    struct lab *lab = NULL;

    sandbox_enter();
    ck_assert_int_eq(lab_new(names, N_WIRES, &lab), 0);
    for (size_t i = 0; i < N_WIRES; i++) {
        ck_assert_int_eq(lab_add_route(lab, i, FAMILY_IPV4, network(FAMILY_IPV4, i)), 0);
        ck_assert_int_eq(lab_add_route(lab, i, FAMILY_IPV6, network(FAMILY_IPV6, i)), 0);
    }
    ck_assert_int_eq(
        lab_add_route(lab, WIRE_STRAY, FAMILY_IPV4,
                      prefix_range((struct prefix){wires_parse("198.51.100.0"), 24}, 32)),
        0);
    ck_assert_int_eq(
        lab_add_route(lab, WIRE_STRAY, FAMILY_IPV6,
                      prefix_range((struct prefix){wires_parse("2001:db8:f::"), 48}, 128)),
        0);
    return lab;
}

ip_number wires_address(enum family family, enum wire_number wire, uint16_t host)
{
    if (family == FAMILY_IPV4)
        return (ip_number)10 << 24 | (ip_number)(wire + 1) << 16 | host;
    return (ip_number)(0xfd000000 | (wire + 1)) << 96 | host;
}

ip_number wires_parse(const char *address)
{
    enum family family;
    ip_number number;

    ck_assert_int_eq(address_parse(address, &family, &number), 0);
    return number;
}

static struct frame make(enum family family, enum wire_number from, enum wire_number to)
{
    return (struct frame){
        .family = family,
        .source = wires_address(family, from, 7),
        .destination = wires_address(family, to, 9),
        .source_port = SOURCE_PORT,
    };
}

struct frame wires_udp(enum family family, enum wire_number from, enum wire_number to,
                       uint16_t port)
{
    struct frame frame = make(family, from, to);

    frame.kind = FRAME_UDP;
    frame.port = port;
    return frame;
}

struct frame wires_tcp(enum family family, enum wire_number from, enum wire_number to,
                       uint16_t port, uint8_t flags)
{
    struct frame frame = make(family, from, to);

    frame.kind = FRAME_TCP;
    frame.port = port;
    frame.tcp_flags = flags;
    frame.tcp_sequence = 1000;
    return frame;
}

struct frame wires_icmp(enum family family, enum wire_number from, enum wire_number to,
                        uint16_t icmp)
{
    struct frame frame = make(family, from, to);

    frame.kind = FRAME_ICMP;
    frame.port = icmp;
    return frame;
}

struct frame wires_answer(const struct frame *frame)
{
    struct frame answer = *frame;

    answer.source = frame->destination;
    answer.destination = frame->source;
    if (frame->kind != FRAME_ICMP) {
        answer.source_port = frame->port;
        answer.port = frame->source_port;
    }
    return answer;
}

/* Returns whether a frame came out, and which, and where. Asserts that no second one did. */
static bool send_one(struct lab *lab, enum wire_number in, const struct frame *frame,
                     const struct frame_options *options, struct frame *ret_seen, size_t *ret_wire)
{
    struct frame second;
    size_t second_wire;
    int r;

    ck_assert_int_eq(lab_send(lab, in, frame, options), 0);
    ck_assert_int_eq(lab_synchronise(lab), 0);
    r = lab_receive(lab, 0, ret_seen, ret_wire);
    ck_assert_int_ge(r, 0);
    if (r > 0)
        ck_assert_int_eq(lab_receive(lab, 0, &second, &second_wire), 0);
    ck_assert_uint_eq(lab_count_incomplete(lab), 0);
    return r > 0;
}

bool wires_try(struct lab *lab, enum wire_number in, const struct frame *frame,
               const struct frame_options *options)
{
    struct frame seen;
    size_t wire;

    return send_one(lab, in, frame, options, &seen, &wire);
}

void wires_pass(struct lab *lab, enum wire_number in, enum wire_number out,
                const struct frame *frame, const struct frame_options *options)
{
    uint64_t before = segd_dropped_total();
    struct frame seen;
    size_t wire;

    ck_assert_msg(send_one(lab, in, frame, options, &seen, &wire), "a frame did not pass");
    ck_assert_uint_eq(wire, out);
    ck_assert(seen.source == frame->source);
    ck_assert(seen.destination == frame->destination);
    ck_assert_int_eq(seen.kind, frame->kind);
    ck_assert_uint_eq(seen.port, frame->port);
    ck_assert_uint_eq(segd_dropped_total(), before);
}

void wires_drop(struct lab *lab, enum wire_number in, const struct frame *frame,
                const struct frame_options *options, const char *counter)
{
    uint64_t before = segd_dropped(counter), total = segd_dropped_total();

    ck_assert_msg(!wires_try(lab, in, frame, options), "a frame passed that should count as %s",
                  counter);
    ck_assert_msg(segd_dropped_total() == total + 1, "not one packet, but %u were refused",
                  (unsigned)(segd_dropped_total() - total));
    ck_assert_msg(segd_dropped(counter) == before + 1, "refused, but not counted under %s",
                  counter);
}

void wires_open_tcp(struct lab *lab, enum wire_number in, enum wire_number out,
                    const struct frame *syn)
{
    struct frame frame = *syn;

    /* Each frame carries eight bytes, also the first. */
    frame.tcp_flags = FRAME_TCP_SYN;
    wires_pass(lab, in, out, &frame, NULL);
    frame = wires_answer(syn);
    frame.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    frame.tcp_sequence = 5000;
    frame.tcp_acknowledgement = syn->tcp_sequence + 1;
    wires_pass(lab, out, in, &frame, NULL);
    frame = *syn;
    frame.tcp_flags = FRAME_TCP_ACK;
    frame.tcp_sequence = syn->tcp_sequence + 1;
    frame.tcp_acknowledgement = 5001;
    wires_pass(lab, in, out, &frame, NULL);
}
