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

#include "checks.h"
#include "lab_sample.h"

#define MANY 20000

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

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, the_lab_is_refused_in_the_root_namespace);
    tcase_add_test(tests, another_namespace_is_not_the_root_one);
    tcase_add_test(tests, what_is_dropped_never_arrives);
    tcase_add_test(tests, all_that_is_forwarded_is_there_after_synchronise);
    tcase_add_test(tests, twenty_thousand_probes_get_exact_answers);
    tcase_add_test(tests, an_ordinary_user_has_a_lab);
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
}
