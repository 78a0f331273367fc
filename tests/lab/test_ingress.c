/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a packet claims is not believed: its source address must belong to the interface it comes
 * by, before connection tracking may take it for part of a connection. Fragments, extension
 * headers, packets that connection tracking refuses or was told not to see: none gets around the
 * policy, and each refusal is counted under its own reason.
 */

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define CLOSED 7002

static const char policy[] =
    WIRES_POLICY "hosts:\n"
                 "  bound: { zone: a, address: [10.1.0.50, 'fd00:1::50'],"
                 " mac: '02:5e:9d:aa:bb:cc' }\n"
                 "  cluster: { zone: a, address: [10.1.0.51, 'fd00:1::51'],"
                 " mac: ['02:5e:9d:aa:bb:51', '02:5e:9d:aa:bb:50'] }\n"
                 "flows:\n"
                 "  open: { from: a, to: b, services: [udp/7001, tcp/7001] }\n"
                 "  to-c: { from: c, to: b, services: [udp/7005] }\n";

/* Loop tests number the families. */
static struct lab *start(struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    *ret_gateway = segd_start(policy);
    return lab;
}

static void write_setting(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, value, 1), 1);
    close(fd);
}

START_TEST(approved_packet_and_its_answer_pass)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);

    wires_drop(lab, WIRE_B, &answer, NULL, "no-flow/b/a");
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    ck_assert_uint_eq(segd_passed("open", false), 1);
    ck_assert_uint_eq(segd_passed("open", true), 1);
}
END_TEST

START_TEST(packet_without_flow_is_counted_as_no_flow)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, CLOSED);

    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    frame = wires_udp((enum family)_i, WIRE_A, WIRE_C, PORT);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/c");
    frame = wires_tcp((enum family)_i, WIRE_B, WIRE_A, PORT, FRAME_TCP_SYN);
    wires_drop(lab, WIRE_B, &frame, NULL, "no-flow/b/a");
}
END_TEST

START_TEST(packet_injected_into_a_connection_from_another_zone_is_spoofed)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);

    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    wires_drop(lab, WIRE_C, &answer, NULL, "spoofed/c");
    wires_drop(lab, WIRE_C, &frame, NULL, "spoofed/c");
    wires_drop(lab, WIRE_A, &answer, NULL, "spoofed/a");
    wires_drop(lab, WIRE_B, &frame, NULL, "spoofed/b");
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
}
END_TEST

START_TEST(segment_injected_into_an_open_tcp_connection_is_spoofed)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_tcp((enum family)_i, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN);

    wires_open_tcp(lab, WIRE_A, WIRE_B, &frame);
    frame.tcp_flags = FRAME_TCP_RST;
    frame.tcp_sequence = 1001;
    wires_drop(lab, WIRE_C, &frame, NULL, "spoofed/c");
    frame.tcp_flags = FRAME_TCP_ACK;
    frame.tcp_acknowledgement = 5001;
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
}
END_TEST

START_TEST(address_of_no_zone_is_spoofed)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    static const char *const sources[FAMILIES][3] = {
        {"198.51.100.7", "127.0.0.1", "10.9.0.1"},
        {"2001:db8:f::7", "fd00:9::1", "64:ff9b::a01:7"},
    };

    for (size_t i = 0; i < 3; i++) {
        struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);

        frame.source = wires_parse(sources[_i][i]);
        wires_drop(lab, WIRE_A, &frame, NULL, "spoofed/a");
    }
}
END_TEST

START_TEST(bound_host_must_come_from_its_hardware_address)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT), answer;

    frame.source = wires_address((enum family)_i, WIRE_A, 0x50);
    if (_i == FAMILY_IPV4)
        frame.source = wires_parse("10.1.0.50");
    wires_drop(lab, WIRE_A, &frame, NULL, "mac-mismatch/a");
    frame.source_mac = (struct mac){{0x02, 0x5e, 0x9d, 0xaa, 0xbb, 0xcc}};
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    answer = wires_answer(&frame);
    answer.source_mac = (struct mac){{0}};
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    /* Also in the middle of the connection. */
    frame.source_mac.bytes[5] = 0xcd;
    wires_drop(lab, WIRE_A, &frame, NULL, "mac-mismatch/a");
    /* The hardware address of the host is no pass for another address. */
    frame.source_mac.bytes[5] = 0xcc;
    frame.source = wires_address((enum family)_i, WIRE_C, 7);
    wires_drop(lab, WIRE_A, &frame, NULL, "spoofed/a");
}
END_TEST

/* The address of a cluster moves from node to node, in the middle of connections too. */
START_TEST(cluster_may_come_from_each_of_its_hardware_addresses)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);

    frame.source = wires_parse(_i == FAMILY_IPV4 ? "10.1.0.51" : "fd00:1::51");
    for (uint8_t node = 0x50; node <= 0x51; node++) {
        frame.source_mac = (struct mac){{0x02, 0x5e, 0x9d, 0xaa, 0xbb, node}};
        wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    }
    frame.source_mac.bytes[5] = 0x52;
    wires_drop(lab, WIRE_A, &frame, NULL, "mac-mismatch/a");
    /* That of another host neither. */
    frame.source_mac.bytes[5] = 0xcc;
    wires_drop(lab, WIRE_A, &frame, NULL, "mac-mismatch/a");
    frame.source_mac.bytes[5] = 0x50;
    frame.source = wires_parse(_i == FAMILY_IPV4 ? "10.1.0.50" : "fd00:1::50");
    wires_drop(lab, WIRE_A, &frame, NULL, "mac-mismatch/a");
}
END_TEST

START_TEST(unknown_interface_passes_nothing)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_STRAY, WIRE_B, PORT);

    wires_drop(lab, WIRE_STRAY, &frame, NULL, "unknown-interface");
    frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    wires_drop(lab, WIRE_STRAY, &frame, NULL, "unknown-interface");
    /* And out of it. */
    frame = wires_udp((enum family)_i, WIRE_A, WIRE_STRAY, PORT);
    wires_drop(lab, WIRE_A, &frame, NULL, "unknown-interface");
}
END_TEST

START_TEST(unknown_interface_gets_nothing_of_a_zone_that_says_any)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd =
        segd_start(WIRES_POLICY "  up: { class: external, interfaces: [up0], networks: [any] }\n"
                                "flows:\n"
                                "  out: { from: a, to: up, services: [udp/7001] }\n");
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_STRAY, PORT);

    (void)segd;
    frame.destination = wires_parse(_i == FAMILY_IPV4 ? "198.51.100.9" : "2001:db8:f::9");
    wires_drop(lab, WIRE_A, &frame, NULL, "unknown-interface");
}
END_TEST

static const struct frame_options bent[] = {
    {.fragment_size = 8},
    {.fragment_size = 16},
    {.hop_by_hop = true},
    {.destination_options = true},
    {.hop_by_hop = true, .destination_options = true},
    {.destination_options = true, .fragment_size = 16},
    {.hop_by_hop = true, .destination_options = true, .fragment_size = 16},
    {.fragment_size = 512, .padding = 2000},
};
#define N_BENT ((int)(sizeof(bent) / sizeof(bent[0])))

/* Whatever a packet is wrapped in, the policy's answer is that to the packet itself. */
START_TEST(fragments_and_extension_headers_do_not_get_around_the_policy)
{
    const struct frame_options *options = &bent[_i % N_BENT];
    enum family family = (enum family)(_i / N_BENT);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = NULL;
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    if (family == FAMILY_IPV4 && options->destination_options)
        return;
    lab = start(&segd);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, options);
    frame = wires_answer(&frame);
    wires_pass(lab, WIRE_B, WIRE_A, &frame, options);
    frame = wires_udp(family, WIRE_A, WIRE_B, CLOSED);
    wires_drop(lab, WIRE_A, &frame, options, "no-flow/a/b");
    frame = wires_udp(family, WIRE_C, WIRE_B, PORT);
    wires_drop(lab, WIRE_C, &frame, options, "no-flow/c/b");
    frame = wires_udp(family, WIRE_A, WIRE_B, PORT);
    wires_drop(lab, WIRE_C, &frame, options, "spoofed/c");
}
END_TEST

/* Ports in the second fragment only: nobody can judge the first (RFC 8200, section 4.5). */
START_TEST(first_fragment_without_all_headers_is_invalid)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame_options options = {.destination_options = true, .fragment_size = 8};
    struct frame frame = wires_udp(FAMILY_IPV6, WIRE_A, WIRE_B, PORT);

    wires_drop(lab, WIRE_A, &frame, &options, "invalid/a/b");
}
END_TEST

START_TEST(segment_of_no_connection_is_invalid)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame =
        wires_tcp((enum family)_i, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN | FRAME_TCP_ACK);

    /* SYN and ACK never begin a connection. */
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
    frame.tcp_flags = FRAME_TCP_RST;
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
    write_setting("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "0");
    frame.tcp_flags = FRAME_TCP_ACK;
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
}
END_TEST

START_TEST(segment_outside_the_window_is_invalid)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_tcp((enum family)_i, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN);

    write_setting("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", "0");
    wires_open_tcp(lab, WIRE_A, WIRE_B, &frame);
    frame.tcp_flags = FRAME_TCP_ACK;
    frame.tcp_sequence = 0x70000000;
    frame.tcp_acknowledgement = 0x70000000;
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
}
END_TEST

START_TEST(bad_checksum_is_invalid)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame_options options = {.bad_checksum = true};
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);

    wires_drop(lab, WIRE_A, &frame, &options, "invalid/a/b");
    frame = wires_tcp((enum family)_i, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN);
    wires_drop(lab, WIRE_A, &frame, &options, "invalid/a/b");
}
END_TEST

START_TEST(untracked_packet_is_invalid)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);

    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    sandbox_nft("table inet foreign {\n"
                "  chain untracked {\n"
                "    type filter hook prerouting priority raw + 5; policy accept;\n"
                "    notrack\n"
                "  }\n"
                "}\n");
    /* Both a packet of an open connection and one that would open another. */
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
    frame.source_port++;
    wires_drop(lab, WIRE_A, &frame, NULL, "invalid/a/b");
    sandbox_nft("delete table inet foreign\n");
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
}
END_TEST

/* A table that accepts everything, before ours and after it, opens nothing. */
START_TEST(foreign_accept_does_not_open_what_is_closed)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, CLOSED);

    sandbox_nft("table inet foreign {\n"
                "  chain early { type filter hook forward priority -400; accept; }\n"
                "  chain late { type filter hook forward priority 400; accept; }\n"
                "  chain raw { type filter hook prerouting priority -400; accept; }\n"
                "}\n");
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    wires_drop(lab, WIRE_C, &frame, NULL, "spoofed/c");
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
}
END_TEST

START_TEST(protocol_without_flow_does_not_pass)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    static const uint8_t protocols[] = {2, 4, 41, 47, 50, 51, 89, 103, 112, 132, 136, 253};

    for (size_t i = 0; i < sizeof(protocols); i++) {
        struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
        uint64_t before = segd_dropped_total();

        if (protocols[i] == 51 && _i == FAMILY_IPV6)
            continue; /* an extension header there */
        frame.kind = FRAME_OTHER;
        frame.protocol = protocols[i];
        /* Connection tracking calls some of these invalid, by what the lab puts into them. */
        ck_assert_msg(!wires_try(lab, WIRE_A, &frame, NULL), "protocol %u passed",
                      (unsigned)protocols[i]);
        ck_assert_uint_eq(segd_dropped_total(), before + 1);
        ck_assert_uint_eq(segd_dropped("no-flow/a/b") + segd_dropped("invalid/a/b"), before + 1);
    }
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, approved_packet_and_its_answer_pass, 0, FAMILIES);
    tcase_add_loop_test(tests, packet_without_flow_is_counted_as_no_flow, 0, FAMILIES);
    tcase_add_loop_test(tests, packet_injected_into_a_connection_from_another_zone_is_spoofed, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, segment_injected_into_an_open_tcp_connection_is_spoofed, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, address_of_no_zone_is_spoofed, 0, FAMILIES);
    tcase_add_loop_test(tests, bound_host_must_come_from_its_hardware_address, 0, FAMILIES);
    tcase_add_loop_test(tests, cluster_may_come_from_each_of_its_hardware_addresses, 0, FAMILIES);
    tcase_add_loop_test(tests, unknown_interface_passes_nothing, 0, FAMILIES);
    tcase_add_loop_test(tests, unknown_interface_gets_nothing_of_a_zone_that_says_any, 0, FAMILIES);
    tcase_add_loop_test(tests, fragments_and_extension_headers_do_not_get_around_the_policy, 0,
                        FAMILIES * N_BENT);
    tcase_add_test(tests, first_fragment_without_all_headers_is_invalid);
    tcase_add_loop_test(tests, segment_of_no_connection_is_invalid, 0, FAMILIES);
    tcase_add_loop_test(tests, segment_outside_the_window_is_invalid, 0, FAMILIES);
    tcase_add_loop_test(tests, bad_checksum_is_invalid, 0, FAMILIES);
    tcase_add_loop_test(tests, untracked_packet_is_invalid, 0, FAMILIES);
    tcase_add_loop_test(tests, foreign_accept_does_not_open_what_is_closed, 0, FAMILIES);
    tcase_add_loop_test(tests, protocol_without_flow_does_not_pass, 0, FAMILIES);
}
