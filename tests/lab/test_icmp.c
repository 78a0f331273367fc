/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * ICMP is a service of its own where it asks, and a part of another connection where it tells of an
 * error: then it passes as long as that connection does, and no longer.
 */

#include <check.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define ICMP(type, code) ((uint16_t)((type)*256 + (code)))

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001] }\n"
                                          "  ping: { from: a, to: b, services:"
                                          " [icmp/echo-request] }\n";
static const char policy_without[] = WIRES_POLICY "flows:\n"
                                                  "  other: { from: a, to: b, services: [udp/9] }"
                                                  "\n";

static const uint16_t echo_request[FAMILIES] = {ICMP(8, 0), ICMP(128, 0)};
static const uint16_t echo_reply[FAMILIES] = {ICMP(0, 0), ICMP(129, 0)};

/* Unreachable port, packet too big, time exceeded, bad header. */
static const uint16_t errors[FAMILIES][4] = {
    {ICMP(3, 3), ICMP(3, 4), ICMP(11, 0), ICMP(12, 0)},
    {ICMP(1, 4), ICMP(2, 0), ICMP(3, 0), ICMP(4, 0)},
};
#define N_ERRORS 4

static struct lab *start(struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    *ret_gateway = segd_start(policy);
    return lab;
}

START_TEST(echo_and_its_reply_pass_where_declared)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame frame = wires_icmp((enum family)_i, WIRE_A, WIRE_B, echo_request[_i]);
    struct frame reply = wires_answer(&frame);

    reply.port = echo_reply[_i];
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &reply, NULL);
    ck_assert_uint_eq(segd_passed("ping", false), 1);
    ck_assert_uint_eq(segd_passed("ping", true), 1);
    frame = wires_icmp((enum family)_i, WIRE_C, WIRE_B, echo_request[_i]);
    wires_drop(lab, WIRE_C, &frame, NULL, "no-flow/c/b");
    frame = wires_icmp((enum family)_i, WIRE_B, WIRE_A, echo_request[_i]);
    frame.source_port = 77;
    wires_drop(lab, WIRE_B, &frame, NULL, "no-flow/b/a");
    segd_reload(segd, policy_without);
    frame = wires_icmp((enum family)_i, WIRE_A, WIRE_B, echo_request[_i]);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    /* A connection counts for the zones that opened it, in both directions. */
    wires_drop(lab, WIRE_B, &reply, NULL, "no-flow/a/b");
}
END_TEST

START_TEST(echo_reply_without_request_does_not_pass)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame reply = wires_icmp((enum family)_i, WIRE_A, WIRE_B, echo_reply[_i]);

    wires_drop(lab, WIRE_A, &reply, NULL, "invalid/a/b");
    reply = wires_icmp((enum family)_i, WIRE_B, WIRE_A, echo_reply[_i]);
    wires_drop(lab, WIRE_B, &reply, NULL, "invalid/b/a");
}
END_TEST

/*
 * Types that nobody declared: timestamp, address mask, redirect, router and node information; and
 * neighbour discovery and multicast listeners, which belong to one link and never cross a gateway.
 */
START_TEST(other_types_do_not_pass)
{
    static const uint8_t others[FAMILIES][12] = {
        {13, 15, 17, 5, 9, 10, 40, 42, 200, 14, 16, 18},
        {139, 140, 138, 133, 134, 135, 136, 137, 130, 131, 143, 200},
    };
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);

    for (size_t i = 0; i < 12; i++) {
        struct frame frame = wires_icmp((enum family)_i, WIRE_A, WIRE_B, ICMP(others[_i][i], 0));

        ck_assert_msg(!wires_try(lab, WIRE_A, &frame, NULL), "type %u passed",
                      (unsigned)others[_i][i]);
        ck_assert_uint_eq(segd_dropped_between("invalid", "a", "b") +
                              segd_dropped_between("no-flow", "a", "b"),
                          i + 1);
    }
}
END_TEST

START_TEST(errors_of_an_approved_connection_pass_both_ways)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    for (size_t i = 0; i < N_ERRORS; i++) {
        struct frame error = wires_icmp((enum family)_i, WIRE_B, WIRE_A, errors[_i][i]);

        error.source = request.destination;
        error.destination = request.source;
        wires_pass(lab, WIRE_B, WIRE_A, &error, &(struct frame_options){.quoted = &request});
        /* From a router of the responder's zone, on the way. */
        error.source = wires_address((enum family)_i, WIRE_B, 1);
        wires_pass(lab, WIRE_B, WIRE_A, &error, &(struct frame_options){.quoted = &request});
        /* And about an answer. */
        error.source = request.source;
        error.destination = request.destination;
        wires_pass(lab, WIRE_A, WIRE_B, &error, &(struct frame_options){.quoted = &answer});
    }
    ck_assert_uint_ge(segd_passed("open", true), 1 + 2 * N_ERRORS);
}
END_TEST

START_TEST(errors_of_no_connection_do_not_pass)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame never = request;

    never.source_port++;
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    for (size_t i = 0; i < N_ERRORS; i++) {
        struct frame error = wires_icmp((enum family)_i, WIRE_B, WIRE_A, errors[_i][i]);

        error.source = never.destination;
        error.destination = never.source;
        wires_drop(lab, WIRE_B, &error, &(struct frame_options){.quoted = &never}, "invalid/b/a");
        wires_drop(lab, WIRE_B, &error, NULL, "invalid/b/a");
    }
}
END_TEST

START_TEST(errors_stop_with_their_connection)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame_options quoting = {.quoted = &request};
    struct frame error = wires_icmp((enum family)_i, WIRE_B, WIRE_A, errors[_i][0]);

    error.source = request.destination;
    error.destination = request.source;
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &error, &quoting);
    segd_reload(segd, policy_without);
    wires_drop(lab, WIRE_B, &error, &quoting, "no-flow/a/b");
    /* What may ping may not tell of others' errors. */
    segd_reload(segd, WIRES_POLICY
                "flows:\n"
                "  ping: { from: [a, b], to: [a, b], services: [icmp/echo-request] }\n");
    wires_drop(lab, WIRE_B, &error, &quoting, "no-flow/a/b");
}
END_TEST

/* A zone that neither end lies in has nothing to tell them. */
START_TEST(error_injected_from_another_zone_is_spoofed)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame error = wires_icmp((enum family)_i, WIRE_C, WIRE_A, errors[_i][0]);

    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    error.source = request.destination;
    error.destination = request.source;
    wires_drop(lab, WIRE_C, &error, &(struct frame_options){.quoted = &request}, "spoofed/c");
}
END_TEST

/* A zone of all other addresses has no more to tell; here interfaces do not tell the flow. */
START_TEST(error_from_a_router_outside_does_not_pass)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(
        "segd: 1\n"
        "zones:\n"
        "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16, 'fd00:1::/32'] }\n"
        "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16, 'fd00:3::/32'] }\n"
        "  d: { class: other, interfaces: [a1], networks: [10.2.0.0/16, 'fd00:2::/32'] }\n"
        "  out: { class: external, interfaces: [c0], networks: [any] }\n"
        "flows:\n"
        "  open: { from: [a, d], to: b, services: [udp/7001] }\n"
        "  away: { from: a, to: out, services: [udp/7001] }\n");
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame away = wires_udp((enum family)_i, WIRE_A, WIRE_C, PORT);
    struct frame error = wires_icmp((enum family)_i, WIRE_C, WIRE_A, errors[_i][0]);

    ck_assert_int_gt(segd_process(segd), 0);
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_A, WIRE_C, &away, NULL);
    error.destination = request.source;
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &request}));
    wires_pass(lab, WIRE_C, WIRE_A, &error, &(struct frame_options){.quoted = &away});
}
END_TEST

START_TEST(error_from_a_router_of_a_third_zone_does_not_pass)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct frame request = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame error = wires_icmp((enum family)_i, WIRE_C, WIRE_A, errors[_i][0]);

    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    error.destination = request.source;
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &request}));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, echo_and_its_reply_pass_where_declared, 0, FAMILIES);
    tcase_add_loop_test(tests, echo_reply_without_request_does_not_pass, 0, FAMILIES);
    tcase_add_loop_test(tests, other_types_do_not_pass, 0, FAMILIES);
    tcase_add_loop_test(tests, errors_of_an_approved_connection_pass_both_ways, 0, FAMILIES);
    tcase_add_loop_test(tests, errors_of_no_connection_do_not_pass, 0, FAMILIES);
    tcase_add_loop_test(tests, errors_stop_with_their_connection, 0, FAMILIES);
    tcase_add_loop_test(tests, error_injected_from_another_zone_is_spoofed, 0, FAMILIES);
    tcase_add_loop_test(tests, error_from_a_router_outside_does_not_pass, 0, FAMILIES);
    tcase_add_loop_test(tests, error_from_a_router_of_a_third_zone_does_not_pass, 0, FAMILIES);
}
