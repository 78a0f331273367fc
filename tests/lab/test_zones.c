/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Inside a zone and between zones that share an interface: what the zone of a packet is when the
 * interface alone does not tell, and what passes between two interfaces of one zone.
 */

#include <check.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define HEAD                                                                                       \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"
#define ZONE_B "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16, 'fd00:3::/32'] }\n"

static const char intra_deny[] = WIRES_POLICY "flows:\n"
                                              "  open: { from: a, to: b, services: [udp/7001] }\n";
static const char intra_allow[] =
    HEAD "  a: { class: other, interfaces: [a0, a1], intra: allow,"
         " networks: [10.1.0.0/16, 10.2.0.0/16, 'fd00:1::/32', 'fd00:2::/32'] }\n" ZONE_B "flows:\n"
         "  open: { from: a, to: b, services: [udp/7001] }\n";

/* x has 10.1 and y 10.2, both behind a0; y also has a1. */
static const char shared[] = HEAD
    "  x: { class: other, interfaces: [a0], networks: [10.1.0.0/16, 'fd00:1::/32'] }\n"
    "  y: { class: other, interfaces: [a0, a1], networks: [10.2.0.0/16, 'fd00:2::/32'] }\n" ZONE_B
    "flows:\n"
    "  of-x: { from: x, to: b, services: [udp/7001] }\n"
    "  of-y: { from: y, to: b, services: [udp/7002] }\n"
    "  to-y: { from: b, to: y, services: [udp/7003] }\n";

static struct lab *start(const char *policy, struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    *ret_gateway = segd_start(policy);
    return lab;
}

START_TEST(interfaces_of_one_zone_are_apart_by_default)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(intra_deny, &segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_A_OTHER, 7001);

    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/a");
    frame = wires_answer(&frame);
    wires_drop(lab, WIRE_A_OTHER, &frame, NULL, "no-flow/a/a");
    frame = wires_udp((enum family)_i, WIRE_A_OTHER, WIRE_B, 7001);
    wires_pass(lab, WIRE_A_OTHER, WIRE_B, &frame, NULL);
}
END_TEST

START_TEST(interfaces_of_one_zone_talk_where_it_says_so)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(intra_allow, &segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_A_OTHER, 9);
    struct frame answer = wires_answer(&frame);
    struct frame other = wires_tcp((enum family)_i, WIRE_A_OTHER, WIRE_A, 22, FRAME_TCP_SYN);
    struct frame out = wires_udp((enum family)_i, WIRE_A, WIRE_B, 9);

    wires_pass(lab, WIRE_A, WIRE_A_OTHER, &frame, NULL);
    wires_pass(lab, WIRE_A_OTHER, WIRE_A, &answer, NULL);
    wires_pass(lab, WIRE_A_OTHER, WIRE_A, &other, NULL);
    /* It opens nothing to other zones. */
    wires_drop(lab, WIRE_A, &out, NULL, "no-flow/a/b");
    segd_reload(segd, intra_deny);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/a");
    wires_drop(lab, WIRE_A_OTHER, &answer, NULL, "no-flow/a/a");
    segd_reload(segd, intra_allow);
    wires_pass(lab, WIRE_A, WIRE_A_OTHER, &frame, NULL);
}
END_TEST

START_TEST(flow_inside_a_zone_allows_what_it_names)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab =
        start(WIRES_POLICY "flows:\n"
                           "  inside: { from: a, to: a, services: [udp/7001] }\n",
              &segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_A_OTHER, 7001);

    wires_pass(lab, WIRE_A, WIRE_A_OTHER, &frame, NULL);
    frame = wires_answer(&frame);
    wires_pass(lab, WIRE_A_OTHER, WIRE_A, &frame, NULL);
    frame = wires_udp((enum family)_i, WIRE_A, WIRE_A_OTHER, 7002);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/a");
}
END_TEST

/* Another address behind one wire: of y behind a0. */
static struct frame from_y_behind_x(enum family family, uint16_t port)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, port);

    frame.source = wires_address(family, WIRE_A_OTHER, 7);
    return frame;
}

START_TEST(zones_that_share_an_interface_are_told_apart_by_address)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(shared, &segd);
    enum family family = (enum family)_i;
    struct frame x = wires_udp(family, WIRE_A, WIRE_B, 7001);
    struct frame y = from_y_behind_x(family, 7002);
    struct frame answer = wires_answer(&x);

    wires_pass(lab, WIRE_A, WIRE_B, &x, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &y, NULL);
    x.port = 7002;
    y.port = 7001;
    ck_assert(!wires_try(lab, WIRE_A, &x, NULL));
    ck_assert(!wires_try(lab, WIRE_A, &y, NULL));
    ck_assert_uint_eq(segd_dropped_total(), 2);
}
END_TEST

START_TEST(zone_with_a_shared_and_an_own_interface_is_one_zone)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(shared, &segd);
    enum family family = (enum family)_i;
    struct frame y = wires_udp(family, WIRE_A_OTHER, WIRE_B, 7002);
    struct frame answer = wires_answer(&y);
    struct frame opened = wires_udp(family, WIRE_B, WIRE_A_OTHER, 7003);

    wires_pass(lab, WIRE_A_OTHER, WIRE_B, &y, NULL);
    wires_pass(lab, WIRE_B, WIRE_A_OTHER, &answer, NULL);
    wires_pass(lab, WIRE_B, WIRE_A_OTHER, &opened, NULL);
    /* y's line does not carry x. */
    y.source = wires_address(family, WIRE_A, 7);
    y.port = 7001;
    ck_assert(!wires_try(lab, WIRE_A_OTHER, &y, NULL));
    ck_assert_uint_eq(segd_dropped("spoofed/y"), 1);
    /* A third zone's address does not come by the shared line. */
    y.source = wires_address(family, WIRE_C, 7);
    ck_assert(!wires_try(lab, WIRE_A, &y, NULL));
    ck_assert_uint_eq(segd_dropped_total(), 2);
}
END_TEST

START_TEST(zones_that_share_an_interface_are_apart)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(shared, &segd);
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_A_OTHER, 7003);

    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    ck_assert_uint_eq(segd_dropped_total(), 1);
    /* Also on the shared line itself: in and out by a0. */
    frame.destination = wires_address((enum family)_i, WIRE_A, 9);
    frame.source = wires_address((enum family)_i, WIRE_A_OTHER, 7);
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    ck_assert_uint_eq(segd_dropped_total(), 2);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, interfaces_of_one_zone_are_apart_by_default, 0, FAMILIES);
    tcase_add_loop_test(tests, interfaces_of_one_zone_talk_where_it_says_so, 0, FAMILIES);
    tcase_add_loop_test(tests, flow_inside_a_zone_allows_what_it_names, 0, FAMILIES);
    tcase_add_loop_test(tests, zones_that_share_an_interface_are_told_apart_by_address, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, zone_with_a_shared_and_an_own_interface_is_one_zone, 0, FAMILIES);
    tcase_add_loop_test(tests, zones_that_share_an_interface_are_apart, 0, FAMILIES);
}
