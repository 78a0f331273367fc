/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets are counted by the interfaces that they came in and would leave by, in sets that
 * rules fill. None goes uncounted: where a set is full, and where the policy has forgotten an
 * interface, they are counted without zones.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "checks.h"
#include "policy/policy.h"
#include "sandbox.h"
#include "segd.h"
#include "wires.h"

/* Pairs of interfaces that a set has room for. */
#define PAIRS_MAX 65536

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001] }\n";

/* Zone a on one of its interfaces alone. */
static const char narrower[] = "segd: 1\n"
                               "timezone: Asia/Tokyo\n"
                               "zones:\n"
                               "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"
                               "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16] }\n"
                               "flows:\n"
                               "  open: { from: a, to: b, services: [udp/7001] }\n";

static struct lab *start(void)
{
    struct lab *lab = wires_new();

    segd_commit(policy, calendar_now());
    return lab;
}

START_TEST(interfaces_of_a_zone_are_counted_together)
{
    cleanup_(lab_freep) struct lab *lab = start();
    struct frame one = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7002);
    struct frame other = wires_udp((enum family)_i, WIRE_A_OTHER, WIRE_B, 7002);
    struct frame back = wires_udp((enum family)_i, WIRE_B, WIRE_A_OTHER, 7002);

    wires_drop(lab, WIRE_A, &one, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_A_OTHER, &other, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_B, &back, NULL, "no-flow/b/a");
    ck_assert_uint_eq(segd_dropped("no-flow/a/b"), 2);
    ck_assert_uint_eq(segd_dropped_total(), 3);
}
END_TEST

START_TEST(counters_outlive_a_change_of_policy)
{
    cleanup_(lab_freep) struct lab *lab = start();
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);
    struct frame other = wires_udp(FAMILY_IPV4, WIRE_A_OTHER, WIRE_B, 7002);

    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_A_OTHER, &other, NULL, "no-flow/a/b");
    segd_commit(narrower, calendar_now());
    ck_assert_uint_eq(segd_dropped("no-flow/a/b"), 1);
    ck_assert_uint_eq(segd_dropped("no-flow"), 1);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
}
END_TEST

/* So many pairs as no gateway has. */
static void fill(void)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs("add element inet segd no-flow {", stream);
    for (unsigned i = 0; i < PAIRS_MAX; i++)
        fprintf(stream, "%s\"x%u\" . \"y%u\"", i > 0 ? ", " : "", i / 256, i % 256);
    fputs("}\n", stream);
    ck_assert_int_eq(fclose(stream), 0);
    sandbox_nft(text);
}

START_TEST(a_packet_without_room_for_its_pair_is_refused_and_counted)
{
    cleanup_(lab_freep) struct lab *lab = start();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7002);
    struct frame open = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7001);
    struct frame other = wires_udp((enum family)_i, WIRE_B, WIRE_C, 7002);

    fill();
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow");
    wires_drop(lab, WIRE_B, &other, NULL, "no-flow");
    wires_pass(lab, WIRE_A, WIRE_B, &open, NULL);
}
END_TEST

/* What is made for so many zones grows with them and with the flows, not with all their pairs. */
START_TEST(as_many_zones_as_a_policy_may_have_are_kept_apart)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(freep) char *text = NULL;
    struct frame open = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);
    struct frame back = wires_udp(FAMILY_IPV4, WIRE_B, WIRE_A, 7001);
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(WIRES_POLICY, stream);
    for (unsigned i = 3; i + 1 < POLICY_ZONES_MAX; i++)
        fprintf(stream, "  z%u: { class: other, interfaces: [z%u], networks: [172.%u.%u.0/24] }\n",
                i, i, 16 + i / 256, i % 256);
    fputs("flows:\n  open: { from: a, to: b, services: [udp/7001] }\n", stream);
    for (unsigned i = 4; i + 1 < POLICY_ZONES_MAX; i++)
        fprintf(stream, "  f%u: { from: z%u, to: z3, services: [udp/7001] }\n", i, i);
    ck_assert_int_eq(fclose(stream), 0);

    segd_commit(text, calendar_now());
    wires_pass(lab, WIRE_A, WIRE_B, &open, NULL);
    wires_drop(lab, WIRE_B, &back, NULL, "no-flow/b/a");
}
END_TEST

/* As an operator saves and loads a table, after packets were refused. */
START_TEST(what_was_counted_is_listed_and_loaded_by_nft)
{
    cleanup_(lab_freep) struct lab *lab = start();
    cleanup_(freep) char *listing = NULL, *again = NULL;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);

    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    listing = sandbox_nft_list("table inet segd");
    ck_assert_ptr_nonnull(strstr(listing, "\"a0\" . \"b0\" counter packets 1 bytes"));
    sandbox_enter();
    sandbox_nft(listing);
    again = sandbox_nft_list("table inet segd");
    segd_cut_times(listing);
    segd_cut_times(again);
    segd_same(listing, again);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, interfaces_of_a_zone_are_counted_together, 0, FAMILIES);
    tcase_add_test(tests, counters_outlive_a_change_of_policy);
    tcase_add_test(tests, as_many_zones_as_a_policy_may_have_are_kept_apart);
    tcase_add_loop_test(tests, a_packet_without_room_for_its_pair_is_refused_and_counted, 0,
                        FAMILIES);
    tcase_add_test(tests, what_was_counted_is_listed_and_loaded_by_nft);
}
