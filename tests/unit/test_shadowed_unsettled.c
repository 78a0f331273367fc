/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is reported of flows when there is no time to find out whether they own anything: this
 * program has a diagram of its own, which may look at no row to find it out.
 * lib/diagram/owners.h.
 */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "diagram/diagram.h"
#include "diagram/owners.h"
#include "tests/parse_policy.h"

static const char policy_text[] =
    "segd: 1\n"
    "zones:\n"
    "  a: { class: other, interfaces: [if1], networks: [10.0.0.0/8] }\n"
    "  b: { class: other, interfaces: [if2], networks: [20.0.0.0/8] }\n"
    "groups:\n"
    "  half: { zone: a, members: [10.0.0.0/9] }\n"
    "flows:\n"
    "  first: { from: a, to: b, services: [tcp/1-100] }\n"
    "  left: { from: half, to: b, services: [tcp/90-110] }\n"
    "  lost: { from: half, to: b, services: [tcp/5-10] }\n"
    "  alone: { from: a, to: b, services: [udp/1-100] }\n";

static size_t count_code(struct diagnostics *diagnostics, const char *code)
{
    const struct diagnostic *list;
    size_t n_list = diagnostics_list(diagnostics, &list), n = 0;

    for (size_t i = 0; i < n_list; i++)
        n += strcmp(list[i].code, code) == 0;
    return n;
}

START_TEST(flows_not_settled_are_overlapped_and_a_warning_says_so)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    bool owns[4] = {0};
    size_t none = 0, enough = 1000;

    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(parse_policy("policy.yaml", policy_text, strlen(policy_text), sources,
                                  diagnostics, &policy),
                     0);
    ck_assert_int_eq(diagram_new(policy, NULL, diagnostics, &diagram), 0);
    ck_assert_uint_eq(count_code(diagnostics, "shadowed"), 0);
    ck_assert_uint_eq(count_code(diagnostics, "overlap"), 2);
    ck_assert_uint_eq(count_code(diagnostics, "overlap-unsettled"), 1);

    /* With enough time it is known which. */
    ck_assert_int_eq(owners_find(diagram, NULL, &none, owns), -E2BIG);
    ck_assert_int_eq(owners_find(diagram, NULL, &enough, owns), 0);
    ck_assert(owns[0] && owns[1] && !owns[2] && owns[3]);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, flows_not_settled_are_overlapped_and_a_warning_says_so);
}
