/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>

#include "lab/lab.h"
#include "sandbox.h"

/* A lab of three wires and its packets: for the programs that test labs. */

#define N_WIRES 3

static const char *const names[N_WIRES] = {"vlan110", "vlan210", "vlan390"};

static inline ip_number parse(const char *text)
{
    enum family family;
    ip_number address;

    ck_assert_int_eq(address_parse(text, &family, &address), 0);
    return address;
}

static inline struct range parse_range(const char *text)
{
    enum family family;
    struct range range;

    ck_assert_int_eq(address_parse_range(text, &family, &range), 0);
    return range;
}

/* Wire n has 10.n.0.0/16 and fd00:n::/32. */
static inline ip_number address_on(size_t wire, enum family family, uint16_t host)
{
    if (family == FAMILY_IPV4)
        return (ip_number)10 << 24 | (ip_number)wire << 16 | host;
    return (ip_number)(0xfd000000 | wire) << 96 | host;
}

static inline struct lab *furnish(void)
{
    struct lab *lab = NULL;

    ck_assert_int_eq(lab_new(names, N_WIRES, &lab), 0);
    for (size_t i = 0; i < N_WIRES; i++) {
        ip_number v4 = address_on(i, FAMILY_IPV4, 0), v6 = address_on(i, FAMILY_IPV6, 0);

        ck_assert_int_eq(lab_add_route(lab, i, FAMILY_IPV4, (struct range){v4, v4 | 0xffff}), 0);
        ck_assert_int_eq(
            lab_add_route(lab, i, FAMILY_IPV6, (struct range){v6, v6 | (((ip_number)1 << 96) - 1)}),
            0);
    }
    return lab;
}

static inline struct lab *enter_and_furnish(void)
{
    sandbox_enter();
    return furnish();
}

/* A frame of wire 0 to wire 1. */
static inline struct frame make_frame(enum family family, enum frame_kind kind, uint32_t tag)
{
    struct frame frame = {
        .family = family,
        .kind = kind,
        .source = address_on(0, family, 11),
        .destination = address_on(1, family, 22),
        .source_port = 40000,
        .port = 443,
        .tag = tag,
    };

    switch (kind) {
    case FRAME_UDP:
        break;
    case FRAME_TCP:
        frame.tcp_flags = FRAME_TCP_SYN;
        frame.tcp_sequence = 0x12345678;
        break;
    case FRAME_ICMP:
        frame.port = (family == FAMILY_IPV4 ? 8 : 128) * 256;
        break;
    case FRAME_OTHER:
        frame.protocol = 50;
        frame.source_port = frame.port = 0;
        break;
    }
    return frame;
}

static inline void send_frame(struct lab *lab, size_t wire, const struct frame *frame,
                              const struct frame_options *options)
{
    ck_assert_int_eq(lab_send(lab, wire, frame, options), 0);
}

static inline void assert_nothing(struct lab *lab)
{
    struct frame frame;
    size_t wire;

    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &wire), 0);
}

static inline struct frame assert_arrives(struct lab *lab, size_t expected_wire, uint32_t tag)
{
    struct frame frame;
    size_t wire;

    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &wire), 1);
    ck_assert_uint_eq(wire, expected_wire);
    ck_assert_uint_eq(frame.tag, tag);
    return frame;
}

static inline void assert_same(const struct frame *sent, const struct frame *seen)
{
    ck_assert_int_eq(seen->family, sent->family);
    ck_assert_int_eq(seen->kind, sent->kind);
    ck_assert(seen->source == sent->source);
    ck_assert(seen->destination == sent->destination);
    ck_assert_uint_eq(seen->source_port, sent->source_port);
    ck_assert_uint_eq(seen->port, sent->port);
    ck_assert_uint_eq(seen->tcp_flags, sent->tcp_flags);
    ck_assert_uint_eq(seen->tcp_sequence, sent->tcp_sequence);
    ck_assert_uint_eq(seen->tcp_acknowledgement, sent->tcp_acknowledgement);
    ck_assert_uint_eq(seen->tag, sent->tag);
}

/* What conntrack calls invalid, among it wrong checksums, does not pass. */
static const char valid_only[] = "table inet t {\n"
                                 "  chain c {\n"
                                 "    type filter hook forward priority 0; policy accept;\n"
                                 "    ct state invalid drop\n"
                                 "  }\n"
                                 "}\n";
