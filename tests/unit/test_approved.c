/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an older policy has in common with one of which only digests are left. */

#include "checks.h"
#include "daemon/change/approved.h"
#include "reading.h"

#define PLACES(networks)                                                                           \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [" networks "] }\n"                          \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"
#define HOST "hosts:\n  h: { zone: a, address: 10.1.0.1 }\n"
#define OTHER_HOST "hosts:\n  h: { zone: a, address: 10.1.0.2 }\n"
#define BOUND_HOST "hosts:\n  h: { zone: a, address: 10.1.0.1, mac: '02:00:00:00:00:01' }\n"
#define FLOWS(rest) "flows:\n  f: { from: h, to: b, services: [tcp/1]" rest " }\n"
#define ONE PLACES("10.1.0.0/16")

static const struct {
    const char *last; /* that was enforced last */
    const char *older;
    bool common; /* whether `f` is */
} pairs[] = {
    {ONE HOST FLOWS(""), ONE HOST FLOWS(""), true},
    {ONE HOST FLOWS("") "  g: { from: a, to: b, services: [tcp/2] }\n", ONE HOST FLOWS(""), true},
    {ONE HOST FLOWS(""), ONE HOST FLOWS("") "  g: { from: a, to: b, services: [tcp/2] }\n", true},
    {ONE HOST "  i: { zone: a, address: 10.1.0.9 }\n" FLOWS(""), ONE HOST FLOWS(""), true},
    {ONE OTHER_HOST FLOWS(""), ONE HOST FLOWS(""), false},
    {ONE BOUND_HOST FLOWS(""), ONE HOST FLOWS(""), false},
    {ONE HOST FLOWS(", expires: 2030-01-01"), ONE HOST FLOWS(""), false},
    {ONE HOST FLOWS(", expires: 2030-01-01"), ONE HOST FLOWS(", expires: 2031-01-01"), false},
    {ONE HOST FLOWS(", enabled: false"), ONE HOST FLOWS(""), false},
    {ONE HOST FLOWS(", limit: { concurrent: 2 }"), ONE HOST FLOWS(""), false},
    {ONE HOST FLOWS(", schedule: { hours: '09:00-17:00' }"), ONE HOST FLOWS(""), false},
    {PLACES("10.1.0.0/24") HOST FLOWS(""), ONE HOST FLOWS(""), false},
    {ONE HOST FLOWS("") "gateway: { protect: true }\n", ONE HOST FLOWS(""), false},
    {"timezone: Asia/Tokyo\n" ONE HOST FLOWS(""), "timezone: UTC\n" ONE HOST FLOWS(""), false},
};

START_TEST(what_is_the_same_is_in_common)
{
    cleanup_(reading_clear) struct reading last = {0}, older = {0};
    cleanup_(approved_clear) struct approved approved = {0};
    cleanup_(freep) char **names = NULL;
    size_t n = 0;

    ck_assert_int_eq(approved_read(read_valid(&last, pairs[_i].last), &approved), 0);
    ck_assert_int_eq(approved_in_common(&approved, read_valid(&older, pairs[_i].older), &names, &n),
                     0);
    ck_assert_uint_eq(n, pairs[_i].common);
    if (n > 0)
        ck_assert_str_eq(names[0], "f");
}
END_TEST

/* The frame is a policy of its own, of which a zone can be isolated. */
START_TEST(the_frame_is_a_policy)
{
    cleanup_(reading_clear) struct reading reading = {0}, frame = {0};
    cleanup_(approved_clear) struct approved approved = {0};

    ck_assert_int_eq(approved_read(read_valid(&reading, ONE BOUND_HOST FLOWS("")), &approved), 0);
    read_valid(&frame, approved.frame);
    ck_assert_uint_eq(frame.policy->n_zones, 2);
    ck_assert_uint_eq(frame.policy->n_hosts, 1);
    ck_assert_uint_eq(frame.policy->n_flows, 0);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, what_is_the_same_is_in_common, 0, (int)ELEMENTS_OF(pairs));
    tcase_add_test(tests, the_frame_is_a_policy);
}
