/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The lab: lab/lab.h. What other tests take for granted is shown here: what the gateway forwards
 * is seen, all of it and as it was sent; what it drops is told from what is late.
 */

#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"
#include "sandbox.h"

#define N_WIRES 3
#define MANY 20000

static const char *const names[N_WIRES] = {"vlan110", "vlan210", "vlan390"};

static ip_number parse(const char *text)
{
    enum family family;
    ip_number address;

    ck_assert_int_eq(address_parse(text, &family, &address), 0);
    return address;
}

static struct range parse_range(const char *text)
{
    enum family family;
    struct range range;

    ck_assert_int_eq(address_parse_range(text, &family, &range), 0);
    return range;
}

/* Wire n has 10.n.0.0/16 and fd00:n::/32. */
static ip_number address_on(size_t wire, enum family family, uint16_t host)
{
    if (family == FAMILY_IPV4)
        return (ip_number)10 << 24 | (ip_number)wire << 16 | host;
    return (ip_number)(0xfd000000 | wire) << 96 | host;
}

static struct lab *furnish(void)
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

static struct lab *enter_and_furnish(void)
{
    sandbox_enter();
    return furnish();
}

/* A frame of wire 0 to wire 1. */
static struct frame make_frame(enum family family, enum frame_kind kind, uint32_t tag)
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

static void send_frame(struct lab *lab, size_t wire, const struct frame *frame,
                       const struct frame_options *options)
{
    ck_assert_int_eq(lab_send(lab, wire, frame, options), 0);
}

static void assert_nothing(struct lab *lab)
{
    struct frame frame;
    size_t wire;

    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &wire), 0);
}

static struct frame assert_arrives(struct lab *lab, size_t expected_wire, uint32_t tag)
{
    struct frame frame;
    size_t wire;

    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &wire), 1);
    ck_assert_uint_eq(wire, expected_wire);
    ck_assert_uint_eq(frame.tag, tag);
    return frame;
}

static void assert_same(const struct frame *sent, const struct frame *seen)
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
static const char nothing_passes[] =
    "table inet t {\n"
    "  chain p { type filter hook prerouting priority -500; policy drop; }\n"
    "  chain i { type filter hook input priority 0; policy drop; }\n"
    "  chain o { type filter hook output priority 0; policy drop; }\n"
    "}\n"
    "table netdev n {\n"
    "  chain c { type filter hook ingress devices = { vlan110, vlan210, vlan390 } priority 0; "
    "policy drop; }\n"
    "  chain e { type filter hook egress devices = { vlan110, vlan210, vlan390 } priority 0; "
    "policy drop; }\n"
    "}\n";

START_TEST(the_lab_is_refused_in_the_root_namespace)
{
    struct lab *lab = NULL;

    /* Whoever runs the tests may have put them into a namespace already. */
    if (!lab_in_root_namespace())
        return;
    ck_assert_int_eq(lab_new(names, N_WIRES, &lab), -EPERM);
    ck_assert_ptr_null(lab);
}
END_TEST

START_TEST(another_namespace_is_not_the_root_one)
{
    sandbox_enter();
    ck_assert(!lab_in_root_namespace());
}
END_TEST

/* Each kind in each family: _i is kind * 2 + family. */
START_TEST(every_kind_of_packet_is_forwarded)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 7), seen;
    struct mac far = lab_far_mac(lab, 1), gateway = lab_gateway_mac(lab, 1);

    sandbox_nft(valid_only);
    send_frame(lab, 0, &frame, NULL);
    seen = assert_arrives(lab, 1, 7);
    assert_same(&frame, &seen);
    ck_assert_mem_eq(&seen.destination_mac, &far, sizeof(far));
    ck_assert_mem_eq(&seen.source_mac, &gateway, sizeof(gateway));
    assert_nothing(lab);
}
END_TEST

START_TEST(a_wrong_checksum_is_seen_by_conntrack)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 8), seen;
    struct frame_options bad = {.bad_checksum = true};

    send_frame(lab, 0, &frame, &bad);
    seen = assert_arrives(lab, 1, 8);
    assert_same(&frame, &seen);
    sandbox_nft(valid_only);
    send_frame(lab, 0, &frame, &bad);
    assert_nothing(lab);
}
END_TEST

static const struct frame_options bent[] = {
    {.fragment_size = 8},
    {.fragment_size = 16},
    {.fragment_size = 1400, .padding = 3000},
    {.hop_by_hop = true},
    {.destination_options = true},
    {.fragment_size = 8, .hop_by_hop = true},
    {.fragment_size = 8, .destination_options = true},
    {.fragment_size = 8, .hop_by_hop = true, .destination_options = true},
    {.padding = 1300},
};

/*
 * The kernel takes no IPv6 packet apart whose first fragment ends before its headers do: RFC 8200
 * forbids it. Connection tracking then calls it invalid.
 */
static bool headers_are_cut(const struct frame *frame, const struct frame_options *options)
{
    static const unsigned needed[] = {
        [FRAME_UDP] = 8, [FRAME_TCP] = 20, [FRAME_ICMP] = 1, [FRAME_OTHER] = 1};

    return frame->family == FAMILY_IPV6 && options->fragment_size > 0 &&
           options->fragment_size < needed[frame->kind] + (options->destination_options ? 8 : 0);
}

/* With connection tracking, which puts fragments together and splits them again, and without. */
START_TEST(bent_packets_are_forwarded_and_understood)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    size_t n_incomplete = 0;
    uint32_t tag = 100;

    for (unsigned tracked = 0; tracked < 2; tracked++) {
        for (unsigned i = 0; i < 8; i++) {
            struct frame frame = make_frame((enum family)(i % 2), (enum frame_kind)(i / 2), tag);
            struct frame seen;

            if (bent[_i].destination_options && frame.family == FAMILY_IPV4) {
                ck_assert_int_eq(lab_send(lab, 0, &frame, &bent[_i]), -EINVAL);
                continue;
            }
            send_frame(lab, 0, &frame, &bent[_i]);
            if (!tracked || !headers_are_cut(&frame, &bent[_i])) {
                seen = assert_arrives(lab, 1, tag);
                assert_same(&frame, &seen);
            } else if (frame.kind == FRAME_OTHER) {
                /* Of a protocol that it does not know it lets the first fragment through. */
                n_incomplete++;
            }
            assert_nothing(lab);
            tag++;
        }
        sandbox_nft(valid_only);
    }
    ck_assert_uint_eq(lab_count_incomplete(lab), n_incomplete);
}
END_TEST

START_TEST(a_lone_fragment_that_passes_is_counted)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 9);

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook prerouting priority -500; policy accept;\n"
                "    ip frag-off & 0x1fff != 0 drop\n"
                "    frag frag-off != 0 drop\n"
                "  }\n"
                "}\n");
    send_frame(lab, 0, &frame, &(struct frame_options){.fragment_size = 8});
    assert_nothing(lab);
    ck_assert_uint_eq(lab_count_incomplete(lab), 1);
}
END_TEST

START_TEST(senseless_frames_are_refused)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame udp = make_frame(FAMILY_IPV6, FRAME_UDP, 1);
    struct frame other = make_frame(FAMILY_IPV6, FRAME_OTHER, 1);

    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.fragment_size = 12}), -EINVAL);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.fragment_size = 1480}),
                     -EMSGSIZE);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.padding = 1500}), -EMSGSIZE);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.quoted = &udp}), -EINVAL);
    other.protocol = 17;
    ck_assert_int_eq(lab_send(lab, 0, &other, NULL), -EINVAL);
    other.protocol = 44;
    ck_assert_int_eq(lab_send(lab, 0, &other, NULL), -EINVAL);
    assert_nothing(lab);
}
END_TEST

START_TEST(what_is_dropped_never_arrives)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame;

    sandbox_nft(nothing_passes);
    for (uint32_t i = 0; i < 10000; i++) {
        frame = make_frame((enum family)(i % 2), FRAME_UDP, i);
        send_frame(lab, 0, &frame, NULL);
    }
    assert_nothing(lab);
    sandbox_nft("flush ruleset\n");
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 1, frame.tag);
}
END_TEST

/* Sends `n` frames over all pairs of wires; those to odd ports must be gone, the others here. */
static void exchange(struct lab *lab, uint32_t n)
{
    bool *seen = calloc(n, sizeof(*seen));
    struct frame frame;
    size_t wire;
    uint32_t i;

    ck_assert_ptr_nonnull(seen);
    for (i = 0; i < n; i++) {
        size_t from = i % N_WIRES, to = (i + 1 + i / N_WIRES % 2) % N_WIRES;

        frame = make_frame((enum family)(i / 8 % 2), FRAME_UDP, i);
        frame.source = address_on(from, frame.family, (uint16_t)i);
        frame.destination = address_on(to, frame.family, (uint16_t)(i >> 4));
        frame.port = (uint16_t)(1000 + i / 4 % 2);
        send_frame(lab, from, &frame, NULL);
    }
    ck_assert_int_eq(lab_synchronise(lab), 0);
    while (lab_receive(lab, 0, &frame, &wire) == 1) {
        i = frame.tag;
        ck_assert_uint_lt(i, n);
        ck_assert_uint_eq(wire, (i + 1 + i / N_WIRES % 2) % N_WIRES);
        ck_assert(!seen[i]);
        seen[i] = true;
    }
    for (i = 0; i < n; i++)
        ck_assert_msg(seen[i] == (i / 4 % 2 == 0), "frame %u", i);
    free(seen);
}

static const char even_ports_only[] = "table inet t {\n"
                                      "  chain c {\n"
                                      "    type filter hook forward priority 0; policy accept;\n"
                                      "    udp dport 1001 drop\n"
                                      "  }\n"
                                      "}\n";

START_TEST(all_that_is_forwarded_is_there_after_synchronise)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    const char *rounds = getenv("LAB_ROUND_FRAMES");
    uint32_t n = rounds ? (uint32_t)atoi(rounds) : 1000;

    sandbox_nft(even_ports_only);
    for (unsigned round = 0; round < 100; round++)
        exchange(lab, n);
}
END_TEST

START_TEST(twenty_thousand_probes_get_exact_answers)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();

    sandbox_nft(even_ports_only);
    exchange(lab, MANY);
}
END_TEST

START_TEST(an_ordinary_user_has_a_lab)
{
    cleanup_(lab_freep) struct lab *lab = NULL;

    sandbox_become_user();
    lab = enter_and_furnish();
    sandbox_nft(even_ports_only);
    /* More than any buffer that this user gets can hold at once. */
    exchange(lab, 50000);
}
END_TEST

START_TEST(a_connection_is_tracked_by_its_own_packets)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame syn = make_frame((enum family)_i, FRAME_TCP, 1), reply = syn, data = syn;

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook forward priority 0; policy drop;\n"
                "    ct state established accept\n"
                "    iifname vlan110 tcp flags syn accept\n"
                "  }\n"
                "}\n");
    reply.source = syn.destination;
    reply.destination = syn.source;
    reply.source_port = syn.port;
    reply.port = syn.source_port;
    reply.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    reply.tcp_sequence = 1000;
    reply.tcp_acknowledgement = syn.tcp_sequence + 1;
    reply.tag = 2;
    data.tcp_flags = FRAME_TCP_ACK;
    data.tcp_sequence = syn.tcp_sequence + 1;
    data.tcp_acknowledgement = 1001;
    data.tag = 3;

    send_frame(lab, 1, &reply, NULL);
    assert_nothing(lab);
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    send_frame(lab, 0, &syn, NULL);
    assert_arrives(lab, 1, 1);
    send_frame(lab, 1, &reply, NULL);
    assert_arrives(lab, 0, 2);
    send_frame(lab, 0, &data, NULL);
    assert_arrives(lab, 1, 3);

    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    send_frame(lab, 1, &reply, NULL);
    assert_nothing(lab);
}
END_TEST

START_TEST(an_icmp_error_is_related_to_what_it_quotes)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame udp = make_frame((enum family)_i, FRAME_UDP, 1), error = udp, seen;

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook forward priority 0; policy drop;\n"
                "    iifname vlan110 accept\n"
                "    ct state related accept\n"
                "  }\n"
                "}\n");
    error.kind = FRAME_ICMP;
    error.source = udp.destination;
    error.destination = udp.source;
    error.port = _i == FAMILY_IPV4 ? 3 * 256 + 3 : 1 * 256 + 4;
    error.source_port = 0;
    error.tag = 2;

    send_frame(lab, 1, &error, &(struct frame_options){.quoted = &udp});
    assert_nothing(lab);
    send_frame(lab, 0, &udp, NULL);
    assert_arrives(lab, 1, 1);
    send_frame(lab, 1, &error, &(struct frame_options){.quoted = &udp});
    seen = assert_arrives(lab, 0, 2);
    assert_same(&error, &seen);
}
END_TEST

START_TEST(the_gateway_answers_at_its_own_address)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    enum family family = (enum family)_i;
    struct frame ping = make_frame(family, FRAME_ICMP, 1), udp = make_frame(family, FRAME_UDP, 2);
    uint8_t length = family == FAMILY_IPV4 ? 32 : 128;
    struct frame seen;

    ping.destination = udp.destination = address_on(0, family, 1);
    ck_assert_int_eq(lab_add_address(lab, 0, family, ping.destination, length), 0);
    ck_assert_int_eq(lab_add_address(lab, 0, family, ping.destination, length), -EEXIST);
    send_frame(lab, 0, &ping, NULL);
    seen = assert_arrives(lab, 0, 1);
    ck_assert_uint_eq(seen.port, (family == FAMILY_IPV4 ? 0 : 129) * 256);
    ck_assert_uint_eq(seen.source_port, ping.source_port);
    ck_assert(seen.source == ping.destination);
    /* No rate limit keeps errors back: each of many is answered. */
    for (unsigned i = 0; i < 1000; i++) {
        send_frame(lab, 0, &udp, &(struct frame_options){.padding = 1200});
        seen = assert_arrives(lab, 0, 2);
        ck_assert_uint_eq(seen.port, family == FAMILY_IPV4 ? 3 * 256 + 3 : 1 * 256 + 4);
    }
}
END_TEST

START_TEST(an_address_does_not_change_the_routes)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 1);

    ck_assert_int_eq(lab_add_address(lab, 1, frame.family, address_on(1, frame.family, 1),
                                     frame.family == FAMILY_IPV4 ? 24 : 64),
                     0);
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 1, 1);
}
END_TEST

START_TEST(a_frame_for_another_station_is_not_forwarded)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame(FAMILY_IPV4, FRAME_UDP, 1);

    frame.destination_mac = (struct mac){{0x02, 0, 0, 0, 0, 1}};
    send_frame(lab, 0, &frame, NULL);
    assert_nothing(lab);
}
END_TEST

START_TEST(the_source_hardware_address_is_as_asked)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 1);

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook prerouting priority -300; policy drop;\n"
                "    ether saddr 00:00:5e:00:53:11 accept\n"
                "  }\n"
                "}\n");
    send_frame(lab, 0, &frame, NULL);
    assert_nothing(lab);
    frame.source_mac = (struct mac){{0, 0, 0x5e, 0, 0x53, 0x11}};
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 1, 1);
}
END_TEST

START_TEST(a_packet_leaves_by_the_longest_route)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame(FAMILY_IPV4, FRAME_UDP, 1);
    struct range odd = parse_range("10.1.0.5-10.1.0.21");

    ck_assert_int_eq(lab_add_route(lab, 2, FAMILY_IPV4, odd), 0);
    ck_assert_int_eq(lab_add_route(lab, 0, FAMILY_IPV4, odd), -EEXIST);
    ck_assert_int_eq(lab_add_route(lab, 2, FAMILY_IPV4, family_all(FAMILY_IPV4)), 0);
    ck_assert_int_eq(lab_add_route(lab, 2, FAMILY_IPV6, family_all(FAMILY_IPV6)), 0);
    for (uint32_t host = 0; host < 32; host++) {
        frame.destination = parse("10.1.0.0") + host;
        frame.tag = host;
        send_frame(lab, 0, &frame, NULL);
        assert_arrives(lab, host >= 5 && host <= 21 ? 2 : 1, host);
    }
    frame.destination = parse("203.0.113.9");
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 2, frame.tag);
    frame = make_frame(FAMILY_IPV6, FRAME_UDP, 77);
    frame.destination = parse("2001:db8::9");
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 2, 77);
}
END_TEST

START_TEST(a_packet_may_leave_where_it_came_from)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 1);

    frame.destination = address_on(0, frame.family, 22);
    ck_assert_int_eq(lab_add_address(lab, 0, frame.family, address_on(0, frame.family, 1),
                                     frame.family == FAMILY_IPV4 ? 32 : 128),
                     0);
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 0, 1);
    /* Above all no redirect that quotes it. */
    assert_nothing(lab);
}
END_TEST

START_TEST(senseless_interfaces_are_refused)
{
    const char *const twice[] = {"vlan110", "vlan110"}, *const loopback[] = {"lo"};
    const char *const long_name[] = {"sixteen_letters_"}, *const slash[] = {"vlan110", "a/b"};
    cleanup_(lab_freep) struct lab *lab = NULL;

    sandbox_enter();
    ck_assert_int_eq(lab_new(names, 0, &lab), -EINVAL);
    ck_assert_int_eq(lab_new(twice, 2, &lab), -EEXIST);
    ck_assert_int_eq(lab_new(loopback, 1, &lab), -EEXIST);
    ck_assert_int_eq(lab_new(long_name, 1, &lab), -EINVAL);
    ck_assert_int_eq(lab_new(slash, 2, &lab), -EINVAL);
    ck_assert_ptr_null(lab);
    /* A failure leaves nothing behind. */
    ck_assert_uint_eq(if_nametoindex("vlan110"), 0);
    lab = furnish();
}
END_TEST

START_TEST(nothing_is_left_of_a_lab)
{
    struct lab *lab = NULL;
    cpu_set_t before, during, after;

    sandbox_enter();
    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    for (unsigned i = 0; i < 3; i++) {
        lab = furnish();
        ck_assert_int_eq(sched_getaffinity(0, sizeof(during), &during), 0);
        ck_assert_int_eq(CPU_COUNT(&during), 1);
        ck_assert_uint_ne(if_nametoindex("vlan390"), 0);
        lab = lab_free(lab);
        ck_assert_uint_eq(if_nametoindex("vlan390"), 0);
    }
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
    ck_assert_ptr_null(lab_free(NULL));
}
END_TEST

START_TEST(an_interface_that_is_down_stops_only_itself)
{
    static const char *const down[] = {"ip", "link", "set", "vlan110", "down", NULL};
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame(FAMILY_IPV4, FRAME_UDP, 1);

    ck_assert_int_eq(sandbox_run(down, NULL, NULL), 0);
    frame.destination = address_on(2, FAMILY_IPV4, 5);
    frame.source = address_on(1, FAMILY_IPV4, 5);
    send_frame(lab, 1, &frame, NULL);
    assert_arrives(lab, 2, 1);
}
END_TEST

START_TEST(many_routes_are_made)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 1);

    for (uint32_t i = 0; i < MANY; i++) {
        ip_number address = address_on(1, frame.family, (uint16_t)i);

        ck_assert_int_eq(lab_add_route(lab, 2, frame.family, (struct range){address, address}), 0);
    }
    frame.destination = address_on(1, frame.family, MANY - 1);
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 2, 1);
    frame.destination++;
    send_frame(lab, 0, &frame, NULL);
    assert_arrives(lab, 1, 1);
}
END_TEST

START_TEST(thirty_wires_are_as_good_as_three)
{
    enum { WIRES = 30 };
    char texts[WIRES][IFNAMSIZ];
    const char *many[WIRES];
    cleanup_(lab_freep) struct lab *lab = NULL;
    struct frame frame = make_frame(FAMILY_IPV6, FRAME_UDP, 0);

    for (size_t i = 0; i < WIRES; i++) {
        snprintf(texts[i], sizeof(texts[i]), "vlan%zu", 100 + i * 10);
        many[i] = texts[i];
    }
    sandbox_enter();
    ck_assert_int_eq(lab_new(many, WIRES, &lab), 0);
    for (size_t i = 0; i < WIRES; i++) {
        ip_number network = address_on(i, FAMILY_IPV6, 0);

        ck_assert_int_eq(
            lab_add_route(lab, i, FAMILY_IPV6, (struct range){network, network | 0xffff}), 0);
    }
    for (size_t i = 0; i < WIRES; i++) {
        frame.destination = address_on(i, FAMILY_IPV6, 1);
        frame.tag = (uint32_t)i;
        send_frame(lab, (i + 1) % WIRES, &frame, NULL);
        assert_arrives(lab, i, (uint32_t)i);
    }
}
END_TEST

/* Whatever comes from a wire is read within its bounds, which the sanitizer watches. */
START_TEST(damaged_packets_are_read_safely)
{
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 7), seen;
    struct frame_options options = {.hop_by_hop = true, .destination_options = _i % 2 == 1};
    uint8_t bytes[FRAME_BYTES_MAX];
    struct frame_packet packet;
    struct frame_body body;
    size_t offset = 0, size;

    ck_assert_int_eq(frame_build(&frame, &options, &body), 0);
    size = frame_write(&frame, &options, &body, 1, &offset, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact + 1, bytes, cut);
        ck_assert_int_eq(frame_split(exact + 1, cut, &packet), -EBADMSG);
        free(exact);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint8_t *exact = malloc(size);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, size);
        exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (frame_split(exact, size, &packet) == 0)
            frame_read(&packet, &seen);
        free(exact);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("lab");
    TCase *tests = tcase_create("lab");

    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, the_lab_is_refused_in_the_root_namespace);
    tcase_add_test(tests, another_namespace_is_not_the_root_one);
    tcase_add_loop_test(tests, every_kind_of_packet_is_forwarded, 0, 8);
    /* Not FRAME_OTHER, which has no checksum. */
    tcase_add_loop_test(tests, a_wrong_checksum_is_seen_by_conntrack, 0, 6);
    tcase_add_loop_test(tests, bent_packets_are_forwarded_and_understood, 0, ELEMENTS_OF(bent));
    tcase_add_loop_test(tests, a_lone_fragment_that_passes_is_counted, 0, FAMILIES);
    tcase_add_test(tests, senseless_frames_are_refused);
    tcase_add_test(tests, what_is_dropped_never_arrives);
    tcase_add_test(tests, all_that_is_forwarded_is_there_after_synchronise);
    tcase_add_test(tests, twenty_thousand_probes_get_exact_answers);
    tcase_add_test(tests, an_ordinary_user_has_a_lab);
    tcase_add_loop_test(tests, a_connection_is_tracked_by_its_own_packets, 0, FAMILIES);
    tcase_add_loop_test(tests, an_icmp_error_is_related_to_what_it_quotes, 0, FAMILIES);
    tcase_add_loop_test(tests, the_gateway_answers_at_its_own_address, 0, FAMILIES);
    tcase_add_loop_test(tests, an_address_does_not_change_the_routes, 0, FAMILIES);
    tcase_add_test(tests, a_frame_for_another_station_is_not_forwarded);
    tcase_add_loop_test(tests, the_source_hardware_address_is_as_asked, 0, FAMILIES);
    tcase_add_test(tests, a_packet_leaves_by_the_longest_route);
    tcase_add_loop_test(tests, a_packet_may_leave_where_it_came_from, 0, FAMILIES);
    tcase_add_test(tests, senseless_interfaces_are_refused);
    tcase_add_test(tests, nothing_is_left_of_a_lab);
    tcase_add_test(tests, an_interface_that_is_down_stops_only_itself);
    tcase_add_loop_test(tests, many_routes_are_made, 0, FAMILIES);
    tcase_add_test(tests, thirty_wires_are_as_good_as_three);
    tcase_add_loop_test(tests, damaged_packets_are_read_safely, 0, 8);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner;
    int failed;

    sandbox_require();
    runner = srunner_create(make_suite());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
