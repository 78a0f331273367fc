/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel ends a flow on its day by itself: nobody is there to do it in these tests. A policy is
 * committed as if its last day had a second and a half left; then frames are sent one after another
 * until one does not pass. The clock decides when, the packets tell.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define LEFT (3 * USEC_PER_SEC / 2)

static const char policy[] =
    WIRES_POLICY "flows:\n"
                 "  short: { from: a, to: b, services: [udp/7001, tcp/7001],"
                 " expires: 2031-03-31 }\n"
                 "  long: { from: a, to: b, services: [udp/7002] }\n";
static const char policy_extended[] =
    WIRES_POLICY "flows:\n"
                 "  short: { from: a, to: b, services: [udp/7001, tcp/7001],"
                 " expires: 令和13年4月30日 }\n"
                 "  long: { from: a, to: b, services: [udp/7002] }\n";

static usec_t end_of_flow(void)
{
    usec_t end;

    ck_assert_int_eq(date_end((struct date){2031, 3, 31}, "Asia/Tokyo", &end), 0);
    return end;
}

static usec_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

START_TEST(open_connection_stops_when_its_flow_expires)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame), late = frame;
    struct frame other = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7002);
    usec_t start = monotonic();

    segd_commit(policy, end_of_flow() - LEFT);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &other, NULL);
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ;
    ck_assert_int_ge(monotonic() - start, LEFT - USEC_PER_SEC / 100);
    ck_assert_uint_eq(segd_dropped("suspended/a/b"), 1);
    ck_assert_uint_eq(segd_dropped_total(), 1);

    /* The element of the other direction was added in the same transaction, perhaps a tick later.
     */
    while (wires_try(lab, WIRE_B, &answer, NULL))
        ;
    ck_assert_uint_eq(segd_dropped_between("suspended", "a", "b"), 2);
    /* A new connection is no better off, and another flow no worse. */
    late.source_port++;
    wires_drop(lab, WIRE_A, &late, NULL, "suspended/a/b");
    wires_pass(lab, WIRE_A, WIRE_B, &other, NULL);
}
END_TEST

START_TEST(flow_that_has_expired_is_suspended_from_the_start)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct nftables_count count;

    segd_commit(policy, end_of_flow());
    wires_drop(lab, WIRE_A, &frame, NULL, "suspended/a/b");
    ck_assert(!segd_live("short", false, &count));
    ck_assert(segd_live("long", false, &count));
}
END_TEST

START_TEST(connection_goes_on_when_its_expired_flow_is_extended)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);

    segd_commit(policy, end_of_flow() - LEFT);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ;
    segd_commit(policy_extended, end_of_flow() + 1);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
}
END_TEST

/* Extending a flow in time takes the old end away, and keeps what was counted. */
START_TEST(flow_extended_in_time_does_not_end_on_the_old_day)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);
    usec_t start = monotonic();
    cleanup_(freep) char *text = NULL;

    segd_commit(policy, end_of_flow() - LEFT);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    segd_commit(policy_extended, end_of_flow() - LEFT / 2);
    ck_assert_uint_eq(segd_passed("short", false), 1);
    text = sandbox_nft_list("set inet segd live");
    ck_assert_ptr_nonnull(strstr(text, "expires 30d"));
    while (monotonic() < start + LEFT + USEC_PER_SEC / 4)
        wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
}
END_TEST

START_TEST(flow_shortened_ends_on_the_new_day)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, PORT);

    segd_commit(policy_extended, end_of_flow() - LEFT);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    segd_commit(policy, end_of_flow() - LEFT);
    while (wires_try(lab, WIRE_A, &frame, NULL))
        ;
    ck_assert_uint_eq(segd_dropped("suspended/a/b"), 1);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, open_connection_stops_when_its_flow_expires, 0, FAMILIES);
    tcase_add_loop_test(tests, flow_that_has_expired_is_suspended_from_the_start, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_goes_on_when_its_expired_flow_is_extended, 0, FAMILIES);
    tcase_add_loop_test(tests, flow_extended_in_time_does_not_end_on_the_old_day, 0, FAMILIES);
    tcase_add_loop_test(tests, flow_shortened_ends_on_the_new_day, 0, FAMILIES);
}
