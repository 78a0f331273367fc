/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What one source may do by a flow: connections that begin within a time, and connections that are
 * open together. Hours are long enough for no budget to come back within a test.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define RATE 5
#define OPEN 3
#define FIRST_PORT 41000
#define HOST 0x77

#define FLOWS_OF(rate, open)                                                                       \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  rate: { from: a, to: b, services: [udp/7001], limit: { new: " rate " } }\n"    \
                 "  open: { from: a, to: b, services: [tcp/7002], limit: { concurrent: " open      \
                 " } }\n"                                                                          \
                 "  both: { from: a, to: b, services: [udp/7003],"                                 \
                 " limit: { new: 5/h, concurrent: 3 } }\n"                                         \
                 "  free: { from: a, to: b, services: [udp/7004] }\n"                              \
                 "  past: { from: a, to: b, services: [udp/7005], expires: 2020-03-31,"            \
                 " limit: { new: 5/h } }\n"

static const char policy[] = FLOWS_OF("5/h", "3");
static const char policy_quick[] = FLOWS_OF("1000000/s", "3");
static const char policy_changed[] = FLOWS_OF("6/h", "4");
/* The same limits; the flow is wider, which gives it another id. */
static const char policy_wider[] =
    WIRES_POLICY "flows:\n"
                 "  rate: { from: a, to: b, services: [udp/7000-7001], limit: { new: 5/h } }\n"
                 "  other: { from: b, to: c, services: [udp/7001] }\n";
static const char policy_protected[] =
    WIRES_POLICY "gateway: { protect: true }\n"
                 "flows:\n"
                 "  rate: { from: a, to: gateway, services: [udp/7001], limit: { new: 5/h } }\n";

/* The first packet of connection `number` of a host. */
static struct frame begin(enum family family, uint16_t host, uint16_t port, unsigned number)
{
    struct frame frame = port == 7002 ? wires_tcp(family, WIRE_A, WIRE_B, port, FRAME_TCP_SYN)
                                      : wires_udp(family, WIRE_A, WIRE_B, port);

    frame.source = wires_address(family, WIRE_A, host);
    frame.source_port = (uint16_t)(FIRST_PORT + number);
    return frame;
}

static void passes(struct lab *lab, const struct frame *frame)
{
    wires_pass(lab, WIRE_A, WIRE_B, frame, NULL);
}

static void is_limited(struct lab *lab, const struct frame *frame, const char *counter)
{
    wires_drop(lab, WIRE_A, frame, NULL, counter);
}

static void pass_all(struct lab *lab, enum family family, uint16_t host, uint16_t port, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct frame frame = begin(family, host, port, i);

        passes(lab, &frame);
    }
}

START_TEST(connections_beyond_the_rate_are_refused_and_counted)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame;

    pass_all(lab, family, HOST, 7001, RATE);
    frame = begin(family, HOST, 7001, RATE);
    is_limited(lab, &frame, "limited/rate");
    is_limited(lab, &frame, "limited/rate");
    /* What has begun goes on, also where nobody has answered it. */
    frame = begin(family, HOST, 7001, 0);
    for (unsigned i = 0; i < 2 * RATE; i++)
        passes(lab, &frame);
    frame = wires_answer(&frame);
    wires_pass(lab, WIRE_B, WIRE_A, &frame, NULL);
    /* Nobody else has less, and other flows of the same source neither. */
    pass_all(lab, family, HOST + 1, 7001, RATE);
    pass_all(lab, family, HOST, 7003, OPEN);
    pass_all(lab, family, HOST, 7004, 2 * RATE);
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

START_TEST(connections_beyond_the_open_ones_are_refused_and_counted)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame;

    pass_all(lab, family, HOST, 7002, OPEN);
    for (unsigned i = OPEN; i < 4 * OPEN; i++) {
        frame = begin(family, HOST, 7002, i);
        is_limited(lab, &frame, "limited/open");
    }
    pass_all(lab, family, HOST + 1, 7002, OPEN);
    /* A first packet that is sent again is of a connection that has its place. */
    frame = begin(family, HOST, 7002, 0);
    passes(lab, &frame);
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

/* Waits until the kernel has seen that a connection ended, which it looks for when one begins, but
 * not twice within a tick. */
static void passes_in_the_end(struct lab *lab, const struct frame *frame)
{
    while (!wires_try(lab, WIRE_A, frame, NULL))
        ;
}

START_TEST(connection_that_ends_frees_its_place)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame;

    for (unsigned i = 0; i < OPEN; i++) {
        frame = begin(family, HOST, 7002, i);
        wires_open_tcp(lab, WIRE_A, WIRE_B, &frame);
    }
    frame = begin(family, HOST, 7002, OPEN);
    is_limited(lab, &frame, "limited/open");

    frame = begin(family, HOST, 7002, 1);
    frame.tcp_flags = FRAME_TCP_RST;
    frame.tcp_sequence += 1;
    passes(lab, &frame);
    frame = begin(family, HOST, 7002, OPEN);
    passes_in_the_end(lab, &frame);
    /* One place was freed, no more. */
    frame = begin(family, HOST, 7002, OPEN + 1);
    is_limited(lab, &frame, "limited/open");
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

START_TEST(both_limits_of_a_flow_hold)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame = begin(family, HOST, 7003, OPEN);

    pass_all(lab, family, HOST, 7003, OPEN);
    is_limited(lab, &frame, "limited/both");
    is_limited(lab, &frame, "limited/both");
    /* The rate is used up by now, also with no connection left. */
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    for (unsigned i = 0; i < RATE; i++)
        is_limited(lab, &frame, "limited/both");
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

START_TEST(reload_keeps_what_sources_have_used)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame = begin(family, HOST, 7001, RATE), open = begin(family, HOST, 7002, OPEN);

    pass_all(lab, family, HOST, 7001, RATE);
    pass_all(lab, family, HOST, 7002, OPEN);
    segd_reload(segd, policy);
    is_limited(lab, &frame, "limited/rate");
    is_limited(lab, &open, "limited/open");
    segd_reload(segd, policy_wider);
    is_limited(lab, &frame, "limited/rate");
    segd_reload(segd, policy);
    is_limited(lab, &frame, "limited/rate");
    segd_stop(segd);
    segd_start_again(segd);
    is_limited(lab, &frame, "limited/rate");
    pass_all(lab, family, HOST + 1, 7001, RATE);
}
END_TEST

START_TEST(edited_limit_begins_anew)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    enum family family = (enum family)_i;
    struct frame frame = begin(family, HOST, 7001, RATE), first = begin(family, HOST, 7001, 0);

    pass_all(lab, family, HOST, 7001, RATE);
    is_limited(lab, &frame, "limited/rate");
    segd_reload(segd, policy_changed);
    passes(lab, &first);
    for (unsigned i = 0; i < 6; i++) {
        frame.source_port = (uint16_t)(FIRST_PORT + 100 + i);
        passes(lab, &frame);
    }
    frame.source_port++;
    is_limited(lab, &frame, "limited/rate");
}
END_TEST

/* A rate comes back; at a million a second it is never used up by a test. */
START_TEST(connections_pass_again_when_their_time_is_over)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy_quick);

    pass_all(lab, (enum family)_i, HOST, 7001, 200);
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

START_TEST(flow_that_does_not_pass_is_suspended_not_limited)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    for (unsigned i = 0; i < 2 * RATE; i++) {
        struct frame frame = begin((enum family)_i, HOST, 7005, i);

        wires_drop(lab, WIRE_A, &frame, NULL, "suspended/a/b");
    }
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

/* Where there is no room for another source, it is refused; those that have a budget keep it. */
START_TEST(source_without_room_is_refused)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    enum family family = (enum family)_i;
    cleanup_(freep) char *table = NULL, *size;
    struct frame frame;

    segd_commit(policy, calendar_now());
    table = sandbox_nft_list("ruleset");
    while ((size = strstr(table, "size 65536"))) {
        memset(size + strlen("size "), ' ', strlen("6553"));
        size[strlen("size 6553")] = '2';
    }
    sandbox_nft("delete table inet segd");
    sandbox_nft(table);

    for (uint16_t host = 0; host < 2; host++) {
        pass_all(lab, family, (uint16_t)(HOST + host), 7001, 2);
        pass_all(lab, family, (uint16_t)(HOST + host), 7002, 2);
    }
    frame = begin(family, HOST + 2, 7001, 0);
    is_limited(lab, &frame, "limited/rate");
    frame = begin(family, HOST + 2, 7002, 0);
    is_limited(lab, &frame, "limited/open");
    frame = begin(family, HOST, 7001, 2);
    passes(lab, &frame);
    frame = begin(family, HOST + 1, 7002, 2);
    passes(lab, &frame);
}
END_TEST

START_TEST(protected_gateway_is_limited_too)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    ip_number address = wires_address(family, WIRE_A, 1);
    struct frame frame;

    ck_assert_int_eq(
        lab_add_address(lab, WIRE_A, family, address, family == FAMILY_IPV4 ? 32 : 128), 0);
    segd = segd_start(policy_protected);
    for (unsigned i = 0; i < RATE; i++) {
        frame = begin(family, HOST, 7001, i);
        frame.destination = address;
        wires_try(lab, WIRE_A, &frame, NULL); /* what comes out is that nobody listens */
    }
    ck_assert_uint_eq(segd_passed("rate", false), RATE);
    frame.source_port++;
    is_limited(lab, &frame, "limited/rate");
}
END_TEST

START_TEST(listing_with_budgets_loads_again)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    cleanup_(freep) char *listing = NULL;

    for (enum family family = 0; family < FAMILIES; family++) {
        pass_all(lab, family, HOST, 7001, 1);
        pass_all(lab, family, HOST + 1, 7002, 1);
        pass_all(lab, family, HOST + 2, 7003, 1);
    }
    listing = sandbox_nft_list("ruleset");
    ck_assert_ptr_nonnull(strstr(listing, "10.1.0.119 limit rate 5/hour"));
    ck_assert_ptr_nonnull(strstr(listing, "fd00:1::78 ct count 3"));
    sandbox_nft_check(listing);
    ck_assert_int_gt(segd_process(segd), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, connections_beyond_the_rate_are_refused_and_counted, 0, FAMILIES);
    tcase_add_loop_test(tests, connections_beyond_the_open_ones_are_refused_and_counted, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, connection_that_ends_frees_its_place, 0, FAMILIES);
    tcase_add_loop_test(tests, both_limits_of_a_flow_hold, 0, FAMILIES);
    tcase_add_loop_test(tests, reload_keeps_what_sources_have_used, 0, FAMILIES);
    tcase_add_loop_test(tests, edited_limit_begins_anew, 0, FAMILIES);
    tcase_add_loop_test(tests, connections_pass_again_when_their_time_is_over, 0, FAMILIES);
    tcase_add_loop_test(tests, flow_that_does_not_pass_is_suspended_not_limited, 0, FAMILIES);
    tcase_add_loop_test(tests, source_without_room_is_refused, 0, FAMILIES);
    tcase_add_loop_test(tests, protected_gateway_is_limited_too, 0, FAMILIES);
    tcase_add_test(tests, listing_with_budgets_loads_again);
}
