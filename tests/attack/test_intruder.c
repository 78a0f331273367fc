/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What somebody inside one zone may try with packets alone. A connection that passes is a door: the
 * tests look for who else can use it, and where else it may lead.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define PROTOCOL_DCCP 33

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001, "
                                          "dccp/7001] }\n";

/* Opens the connection by a packet in each direction. */
static void open_udp(struct lab *lab, enum family family)
{
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
}

START_TEST(third_zone_sends_no_errors_into_a_connection)
{
    static const uint16_t unreachable[FAMILIES] = {3 * 256 + 1, 1 * 256};
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(policy);
    struct frame quoted = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame error = wires_icmp(family, WIRE_C, WIRE_A, unreachable[family]);

    open_udp(lab, family);
    error.destination = quoted.source;
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &quoted}));
    error.destination = quoted.destination;
    quoted = wires_answer(&quoted);
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &quoted}));
}
END_TEST

/* The zone's wire fails and its route goes: the default route, or whatever is next, leads into
 * another zone. */
START_TEST(open_connection_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(policy);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);

    open_udp(lab, family);
    ck_assert_int_eq(lab_add_route(lab, WIRE_C, family,
                                   (struct range){request.destination, request.destination}),
                     0);
    ck_assert_msg(!wires_try(lab, WIRE_A, &request, NULL), "zone c saw what is meant for zone b");
}
END_TEST

/* Kernels that do not track DCCP have one connection for all of its ports. */
START_TEST(one_port_approved_opens_no_other)
{
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(policy);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT), answer;

    request.kind = FRAME_OTHER;
    request.protocol = PROTOCOL_DCCP;
    answer = wires_answer(&request);
    answer.tcp_flags = FRAME_TCP_ACK;
    wires_try(lab, WIRE_A, &request, NULL);
    wires_try(lab, WIRE_B, &answer, NULL);
    request.port++;
    request.source_port++;
    ck_assert(!wires_try(lab, WIRE_A, &request, NULL));
    request = wires_answer(&request);
    request.port = 22;
    ck_assert(!wires_try(lab, WIRE_B, &request, NULL));
}
END_TEST

START_TEST(mark_of_a_foreign_table_approves_nothing_new)
{
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = gateway_start(policy);
    cleanup_(freep) char *listing = gateway_list();
    struct frame other = wires_udp(family, WIRE_C, WIRE_B, PORT);
    const char *live = strstr(listing, "original . 0x");
    char foreign[256];

    ck_assert_ptr_nonnull(live);
    snprintf(foreign, sizeof(foreign),
             "table inet foreign {\n"
             " chain marker { type filter hook prerouting priority mangle\n ct mark set %.10s\n }\n"
             "}\n",
             strstr(live, "0x"));
    sandbox_nft(foreign);
    wires_drop(lab, WIRE_C, &other, NULL, "no-flow/c/b");
    other = wires_udp(family, WIRE_A, WIRE_B, PORT + 1);
    wires_drop(lab, WIRE_A, &other, NULL, "no-flow/a/b");
    open_udp(lab, family);
}
END_TEST

/*
 * The digests of these two meet in 32 bits: `aa` goes by name first and has the digest as its id,
 * `bb` another one, until `aa` is revoked.
 */
START_TEST(revoked_connection_does_not_live_on_under_the_id_of_another_flow)
{
    static const char head[] = WIRES_POLICY "hosts:\n"
                                            "  ha: { zone: a, address: 10.1.0.7 }\n"
                                            "  hb: { zone: b, address: 10.3.0.9 }\n"
                                            "flows:\n"
                                            "  bb: { from: ha, to: hb, services: [tcp/8204] }\n";
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(gateway_freep) struct gateway *gateway = NULL;
    struct frame request = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 13913);
    struct frame answer = wires_answer(&request);
    char both[1024];

    snprintf(both, sizeof(both), "%s  aa: { from: ha, to: hb, services: [udp/13913] }\n", head);
    gateway = gateway_start(both);
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    gateway_reload(gateway, head);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_B, &answer, NULL, "no-flow/a/b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intruder");
    TCase *tests = tcase_create("intruder");
    SRunner *runner;
    int failed;

    sandbox_require();
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, third_zone_sends_no_errors_into_a_connection, 0, FAMILIES);
    tcase_add_loop_test(tests, open_connection_does_not_follow_a_route_into_another_zone, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, one_port_approved_opens_no_other, 0, FAMILIES);
    tcase_add_loop_test(tests, mark_of_a_foreign_table_approves_nothing_new, 0, FAMILIES);
    tcase_add_test(tests, revoked_connection_does_not_live_on_under_the_id_of_another_flow);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
