/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ids that mark connections: what changes them and what must not. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "policy/policy.h"
#include "tests/reading.h"

/* Flow `f` of two policies: whether it keeps its id. */
struct id_case {
    const char *before;
    const char *after;
    bool same;
};

#define FLOW(body) "flows:\n  f: { " body " }\n"

static const struct id_case id_cases[] = {
    {FLOW("from: pc, to: web, services: https"),
     FLOW("from: pc, to: web, services: tcp/443, label: other, log: new, purpose: none"), true},
    {FLOW("from: pc, to: web, services: https"),
     FLOW("from: pc, to: web, services: https, expires: 2199-01-01, approval: { number: x }"),
     true},
    {FLOW("from: pc, to: web, services: https"),
     FLOW("from: pc, to: web, services: https, schedule: { days: mon-fri }, limit: { new: 5/s }"),
     true},
    {FLOW("from: [pc, printer], to: web, services: [tcp/80, tcp/81]"),
     FLOW("from: [printer, pc], to: web, services: tcp/80-81"), true},
    {FLOW("from: [pc, web], to: world, services: [udp/53, tcp/53]"),
     FLOW("from: [web, pc], to: world, services: [tcp/53, udp/53]"), true},
    {FLOW("from: office, to: web, services: https"),
     FLOW("from: offices, to: web, services: https"), true},
    /* The whole zone brings the addresses of its link to the gateway, its group does not. */
    {FLOW("from: office, to: gateway, services: https"),
     FLOW("from: offices, to: gateway, services: https"), false},
    {FLOW("from: pc, to: web, services: https"), FLOW("from: web, to: pc, services: https"), false},
    {FLOW("from: pc, to: web, services: https"), FLOW("from: pc, to: web, services: tcp/444"),
     false},
    {FLOW("from: pc, to: web, services: https"), FLOW("from: pc, to: web, services: udp/443"),
     false},
    {FLOW("from: pc, to: web, services: https"), FLOW("from: printer, to: web, services: https"),
     false},
    {FLOW("from: pc, to: web, services: icmp/8"), FLOW("from: pc, to: web, services: protocol/253"),
     false},
    {FLOW("from: pc, to: gateway, services: https"), FLOW("from: gateway, to: pc, services: https"),
     false},
    {FLOW("from: pc, to: gateway, services: https"),
     FLOW("from: pc, to: [gateway, web], services: https"), false},
};

START_TEST(an_id_tells_what_a_flow_means_and_nothing_else)
{
    const struct id_case *c = &id_cases[_i];
    cleanup_(reading_clear) struct reading before = {0}, after = {0};
    char text[4096];
    const struct flow *flow, *same;

    snprintf(text, sizeof(text), "%s%s", ZONES HOSTS, c->before);
    flow = find_flow(read_valid(&before, text), "f");
    ck_assert_uint_ne(flow->id, 0);

    snprintf(text, sizeof(text), "%s%s", ZONES HOSTS, c->after);
    same = find_flow(read_valid(&after, text), "f");
    ck_assert_int_eq(flow->id == same->id, c->same);
    ck_assert_int_eq(memcmp(flow->digest, same->digest, FLOW_DIGEST_SIZE) == 0, c->same);
}
END_TEST

START_TEST(an_id_does_not_change_with_the_names_around_it)
{
    cleanup_(reading_clear) struct reading before = {0}, after = {0};
    const char *other = "segd: 1\n"
                        "zones:\n"
                        "  b: { class: other, interfaces: [x9], networks: [10.2.0.0/16] }\n"
                        "  a: { class: mynumber, interfaces: [x8], networks: [10.1.0.0/24] }\n"
                        "groups:\n"
                        "  g: { zone: a, members: [10.1.0.6] }\n"
                        "hosts:\n"
                        "  h: { zone: b, address: 10.2.0.5 }\n"
                        "flows:\n"
                        "  first: { from: h, to: g, services: tcp/1 }\n"
                        "  f: { from: g, to: h, services: tcp/443 }\n";

    ck_assert_uint_eq(
        find_flow(read_valid(&before, ZONES HOSTS FLOW("from: printer, to: web, services: https")),
                  "f")
            ->id,
        find_flow(read_valid(&after, other), "f")->id);
}
END_TEST

/* Two flows of one meaning have ids by their names, wherever they stand. */
START_TEST(flows_of_equal_meaning_have_ids_by_the_order_of_their_names)
{
    cleanup_(reading_clear) struct reading one = {0}, other = {0}, alone = {0};
    const char *a = "  a: { from: pc, to: web, services: https }\n";
    const char *b = "  b: { from: pc, to: web, services: https }\n";
    char text[4096];
    uint32_t id_a, id_b;

    snprintf(text, sizeof(text), "%sflows:\n%s%s", ZONES HOSTS, a, b);
    read_valid(&one, text);
    id_a = find_flow(one.policy, "a")->id;
    id_b = find_flow(one.policy, "b")->id;
    ck_assert_uint_ne(id_a, 0);
    ck_assert_uint_ne(id_b, 0);
    ck_assert_uint_ne(id_a, id_b);

    snprintf(text, sizeof(text), "%sflows:\n%s%s", ZONES HOSTS, b, a);
    read_valid(&other, text);
    ck_assert_uint_eq(find_flow(other.policy, "a")->id, id_a);
    ck_assert_uint_eq(find_flow(other.policy, "b")->id, id_b);

    snprintf(text, sizeof(text), "%sflows:\n%s", ZONES HOSTS, b);
    read_valid(&alone, text);
    ck_assert_uint_ne(find_flow(alone.policy, "b")->id, id_a);
    ck_assert_uint_ne(find_flow(alone.policy, "b")->id, id_b);
}
END_TEST

/* The digests of these two meet in 32 bits. */
#define MEETING_ZONES                                                                              \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"                           \
    "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16] }\n"                           \
    "hosts:\n"                                                                                     \
    "  ha: { zone: a, address: 10.1.0.7 }\n"                                                       \
    "  hb: { zone: b, address: 10.3.0.9 }\n"                                                       \
    "flows:\n"
#define MEETING_A "  aa: { from: ha, to: hb, services: [udp/13913] }\n"
#define MEETING_B "  bb: { from: ha, to: hb, services: [tcp/8204] }\n"

START_TEST(no_flow_takes_over_the_id_of_one_that_is_gone)
{
    cleanup_(reading_clear) struct reading both = {0}, swapped = {0}, a = {0}, b = {0};
    uint32_t id_a, id_b;

    read_valid(&a, MEETING_ZONES MEETING_A);
    read_valid(&b, MEETING_ZONES MEETING_B);
    ck_assert_uint_eq(find_flow(a.policy, "aa")->id, find_flow(b.policy, "bb")->id);
    ck_assert_mem_ne(find_flow(a.policy, "aa")->digest, find_flow(b.policy, "bb")->digest,
                     FLOW_DIGEST_SIZE);

    read_valid(&both, MEETING_ZONES MEETING_A MEETING_B);
    id_a = find_flow(both.policy, "aa")->id;
    id_b = find_flow(both.policy, "bb")->id;
    ck_assert_uint_ne(id_a, 0);
    ck_assert_uint_ne(id_b, 0);
    ck_assert_uint_ne(id_a, id_b);
    ck_assert_uint_ne(id_a, find_flow(a.policy, "aa")->id);
    ck_assert_uint_ne(id_b, find_flow(a.policy, "aa")->id);

    read_valid(&swapped, MEETING_ZONES MEETING_B MEETING_A);
    ck_assert_uint_eq(find_flow(swapped.policy, "aa")->id, id_a);
    ck_assert_uint_eq(find_flow(swapped.policy, "bb")->id, id_b);
}
END_TEST

START_TEST(ids_of_many_equal_flows_differ)
{
    enum { FLOWS = 300 };
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(ZONES HOSTS "flows:\n", stream);
    for (int i = 0; i < FLOWS; i++)
        fprintf(stream, "  f%d: { from: pc, to: web, services: https }\n", i);
    ck_assert_int_eq(fclose(stream), 0);
    read_valid(&reading, text);

    ck_assert_uint_eq(reading.policy->n_flows, FLOWS);
    for (int i = 0; i < FLOWS; i++) {
        ck_assert_uint_ne(reading.policy->flows[i].id, 0);
        ck_assert_mem_eq(reading.policy->flows[i].digest, reading.policy->flows[0].digest,
                         FLOW_DIGEST_SIZE);
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(reading.policy->flows[i].id, reading.policy->flows[j].id);
    }
}
END_TEST

/* But a content, by which it is recognised when it is enabled. */
START_TEST(a_flow_that_is_not_enabled_has_no_id)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct flow *flow = find_flow(
        read_valid(&reading,
                   ZONES HOSTS FLOW("from: pc, to: web, services: https, enabled: false")),
        "f");

    ck_assert(!flow->enabled);
    ck_assert_uint_eq(flow->id, 0);
    ck_assert_mem_ne(flow->digest, (uint8_t[FLOW_DIGEST_SIZE]){0}, FLOW_DIGEST_SIZE);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, an_id_tells_what_a_flow_means_and_nothing_else, 0,
                        (int)ELEMENTS_OF(id_cases));
    tcase_add_test(tests, an_id_does_not_change_with_the_names_around_it);
    tcase_add_test(tests, flows_of_equal_meaning_have_ids_by_the_order_of_their_names);
    tcase_add_test(tests, no_flow_takes_over_the_id_of_one_that_is_gone);
    tcase_add_test(tests, ids_of_many_equal_flows_differ);
    tcase_add_test(tests, a_flow_that_is_not_enabled_has_no_id);
}
