/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No memory at every point where a policy is read: the error comes back, nothing leaks, nothing is
 * touched that is not there.
 */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "failing_memory.h"
#include "policy/overrides.h"
#include "policy/policy.h"
#include "policy/texts.h"
#include "tests/reading.h"

static const char *const texts[] = {
    ZONES HOSTS "flows:\n"
                "  a: { from: [pc, printer], to: [web, gateway], services: [https, icmp/8],\n"
                "       approval: { number: 第1号 }, expires: 2099-03-31,\n"
                "       schedule: { days: mon-fri, hours: ['08:30-12:00', '13:00-17:15'] } }\n"
                "  b: { from: offices, to: world, services: any, log: new }\n"
                "expect:\n"
                "  - { from: pc, to: web, service: tcp/443, verdict: allow }\n",
    ZONES HOSTS "flows:\n"
                "  a: { from: [pd, pc, pc], to: wbe, services: [htps, tcp/0], colour: red }\n"
                "  A: { form: pc, to: gateway, expires: [], services: &x any }\n"
                "  c: { from: pc, schedule: { days: [mo, 月], hours: 1 }, limit: { new: x } }\n"
                "hosts: {}\n",
    "segd: 1\nzones: [",
};
static const char groups[] = "segd: 1\ngroups:\n"
                             "  cloud: { zone: world, members-from: [lists/a.txt] }\n";
static const char list[] = "203.0.113.0/24 # a\n2001:db8::1\n";
static const char bad_list[] = "203.0.113.0/24\nweb.example\n1.2.3.4\r5\n";

START_TEST(no_memory_comes_back_as_an_error)
{
    const char *addresses = _i == 0 ? list : bad_list;
    const struct policy_text all[] = {
        {.name = "test.yaml", .text = texts[_i], .size = strlen(texts[_i])},
        {.name = "groups.yaml", .text = groups, .size = strlen(groups)},
        {.name = "lists/a.txt", .text = addresses, .size = strlen(addresses)},
    };
    unsigned failures = 0;
    bool again;
    int r;

    do {
        cleanup_(reading_clear) struct reading reading = {0};

        ck_assert_int_eq(sources_new(&reading.sources), 0);
        ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);

        failing_memory_start(failures);
        r = policy_parse_texts(all, ELEMENTS_OF(all), reading.sources, reading.diagnostics,
                               &reading.policy);
        again = failing_memory_stop(r, &failures);
        ck_assert_int_eq(r == 0, reading.policy != NULL);
    } while (again);

    ck_assert_int_eq(r, _i == 0 ? 0 : -EBADMSG);
    ck_assert_uint_ge(failures, 5);
}
END_TEST

/* What uses a policy. These run without memory, which the words of Check need as well: what must
 * not be comes back as -EPROTO. */
static int try_outline(const struct policy *policy)
{
    cleanup_(policy_freep) struct policy *outline = NULL;
    int r = policy_outline(policy, &outline);

    return (r == 0) == (outline != NULL) ? r : -EPROTO;
}

static int try_grant(const struct policy *policy)
{
    const char *const from[] = {"10.1.7.7", "pc", "10.2.0.5"};
    const char *to = "192.0.2.1", *service = "https";
    const struct grant_wish wish = {"grant-1", from, ELEMENTS_OF(from), &to, 1, &service, 1, "r"};
    cleanup_(freep) char *text = NULL;
    int r = grant_write(policy, &wish, &text);

    return (r == 0) == (text != NULL) ? r : -EPROTO;
}

static int try_copy(const struct policy *policy)
{
    char *keep[] = {(char *)policy->flows[0].name, (char *)policy->flows[1].name};
    struct override override = {
        .kind = OVERRIDE_ISOLATION,
        .name = (char *)policy->zones[0].name,
        .reason = (char *)"reason",
        .who = (char *)"who",
        .keep = keep,
        .n_keep = ELEMENTS_OF(keep),
        .text = (char *)"text",
    };
    cleanup_(overrides_clear) struct overrides overrides = {0}, copy = {0};
    int r = overrides_add(&overrides, &override);

    if (overrides.n_overrides != (r == 0 ? 1 : 0))
        return -EPROTO;
    if (r == 0)
        r = overrides_copy(&overrides, &copy);
    return copy.n_overrides == (r == 0 ? 1 : 0) ? r : -EPROTO;
}

static int (*const users[])(const struct policy *) = {try_outline, try_grant, try_copy};

START_TEST(no_memory_beside_a_policy_comes_back_too)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(&reading, texts[0]);
    unsigned failures = 0;
    int r;

    do {
        failing_memory_start(failures);
        r = users[_i](policy);
    } while (failing_memory_stop(r, &failures));
    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, 2);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, no_memory_comes_back_as_an_error, 0, (int)ELEMENTS_OF(texts));
    tcase_add_loop_test(tests, no_memory_beside_a_policy_comes_back_too, 0,
                        (int)ELEMENTS_OF(users));
}
