/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hundreds of changes over the control socket while frames stream: of a flow that every policy
 * approves none is lost, of what none approves nothing passes, and what is revoked stops with the
 * answer to the call, open connections included.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "traffic.h"
#include "wires.h"

/* Turns of all changes; more by hand: `TURNS=500`. */
#define TURNS 30
#define OTHER_PORT 7021

#define FLOWS                                                                                      \
    WIRES_POLICY TRAFFIC_HOSTS "flows:\n"                                                          \
                               "  kept: { from: client, to: server, services: [udp/7001] }\n"      \
                               "  other: { from: client, to: server, services: [udp/7021] }\n"     \
                               "  third: { from: a, to: c, services: [udp/7021-7029] }\n"
#define MORE FLOWS "  more: { from: a, to: server, services: [udp/7030-7040] }\n"

/* Streams until the daemon has answered this call, and asserts that it was done. */
static void change(struct traffic *traffic, struct segd *segd, const char *method,
                   json_t *parameters)
{
    int connection = calls_send(segd, method, false, parameters);
    cleanup_(freep) char *answer = NULL;

    while (!(answer = calls_receive(connection, false)))
        traffic_round(traffic);
    ck_assert_msg(!strstr(answer, "\"error\""), "%s: %s", method, answer);
    close(connection);
    traffic_round(traffic);
}

static json_t *named(const char *key, const char *name)
{
    return json_pack("{s:s, s:s}", key, name, "reason", "test");
}

static json_t *grant(void)
{
    return json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.7", "to", "10.3.0.9",
                     "services", "udp/7050", "seconds", 600, "reason", "test");
}

static void turn(struct traffic *traffic, struct segd *segd)
{
    struct frame open = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, OTHER_PORT);
    struct frame third = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_C, OTHER_PORT);
    struct frame granted = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7050);
    struct lab *lab = traffic->lab;
    cleanup_(freep) char *name = NULL;

    ck_assert(wires_try(lab, WIRE_A, &open, NULL));
    ck_assert(wires_try(lab, WIRE_A, &third, NULL));
    change(traffic, segd, "Apply", calls_policy(MORE, 0));
    change(traffic, segd, "Suspend", named("flow", "other"));
    ck_assert(!wires_try(lab, WIRE_A, &open, NULL));
    change(traffic, segd, "Isolate", named("zone", "c"));
    ck_assert(!wires_try(lab, WIRE_A, &third, NULL));
    change(traffic, segd, "Grant", grant());
    ck_assert(wires_try(lab, WIRE_A, &granted, NULL));
    change(traffic, segd, "Resume", named("flow", "other"));
    ck_assert(wires_try(lab, WIRE_A, &open, NULL));
    name = calls_last_override(segd);
    change(traffic, segd, "Revoke", named("grant", name));
    ck_assert(!wires_try(lab, WIRE_A, &granted, NULL));
    change(traffic, segd, "Release",
           json_pack("{s:s, s:s, s:b}", "zone", "c", "reason", "test", "alone", 1));
    ck_assert(wires_try(lab, WIRE_A, &third, NULL));
    change(traffic, segd, "Apply", calls_policy(FLOWS, 0));
}

START_TEST(changes_lose_no_approved_packet_and_pass_no_other)
{
    const char *by_hand = getenv("TURNS");
    int turns = by_hand ? atoi(by_hand) : TURNS;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FLOWS);
    struct traffic traffic = {.lab = lab};

    for (int i = 0; i < turns; i++)
        turn(&traffic, segd);
    calls_verify(segd);
}
END_TEST

/* `narrow` comes first and covers what streams; so does the wide flow after it. */
#define NARROW                                                                                     \
    WIRES_POLICY TRAFFIC_HOSTS                                                                     \
        "flows:\n"                                                                                 \
        "  narrow: { from: client, to: server, services: [udp/7001] }\n"                           \
        "  ranges: { from: client, to: server, services: [udp/7001-7003] }\n"                      \
        "  wide: { from: a, to: b, services: [udp/6990-7008] }\n"

/* While one flow is suspended the next one that approves the packets has them, without losing one:
 * of open connections too. */
START_TEST(suspended_flow_hands_its_packets_to_the_next)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(NARROW);
    struct traffic traffic = {.lab = lab};

    for (int i = 0; i < TURNS; i++) {
        traffic_round(&traffic);
        change(&traffic, segd, "Suspend", named("flow", "narrow"));
        change(&traffic, segd, "Suspend", named("flow", "ranges"));
        change(&traffic, segd, "Resume", named("flow", "narrow"));
        change(&traffic, segd, "Suspend", named("flow", "narrow"));
        change(&traffic, segd, "Resume", named("flow", "ranges"));
        change(&traffic, segd, "Resume", named("flow", "narrow"));
    }
    calls_verify(segd);
}
END_TEST

/* A connection that is open when its flow is suspended, or its zone isolated, has had its last
 * packet in both directions; what is kept goes on. */
START_TEST(open_connection_ends_with_its_flow)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FLOWS);
    struct frame other = wires_udp((enum family)_i, WIRE_A, WIRE_B, OTHER_PORT);
    struct frame other_answer = wires_answer(&other);
    struct frame kept = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7001);
    struct frame kept_answer = wires_answer(&kept);

    wires_pass(lab, WIRE_A, WIRE_B, &other, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &other_answer, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &kept, NULL);

    calls_do(segd, "Suspend", named("flow", "other"));
    ck_assert(!wires_try(lab, WIRE_A, &other, NULL));
    ck_assert(!wires_try(lab, WIRE_B, &other_answer, NULL));
    calls_do(segd, "Resume", named("flow", "other"));
    ck_assert(wires_try(lab, WIRE_B, &other_answer, NULL));

    calls_do(segd, "Isolate",
             json_pack("{s:s, s:s, s:[s]}", "zone", "b", "reason", "test", "keep", "kept"));
    ck_assert(!wires_try(lab, WIRE_A, &other, NULL));
    ck_assert(!wires_try(lab, WIRE_B, &other_answer, NULL));
    ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    ck_assert(wires_try(lab, WIRE_B, &kept_answer, NULL));
    calls_verify(segd);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, changes_lose_no_approved_packet_and_pass_no_other);
    tcase_add_test(tests, suspended_flow_hands_its_packets_to_the_next);
    tcase_add_loop_test(tests, open_connection_ends_with_its_flow, 0, FAMILIES);
}
