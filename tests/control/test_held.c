/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What was closed by hand stays closed under every policy: neither another name of the zone or the
 * flow, nor networks that go to another zone, open it again without those who must. And what others
 * did behind the daemon's back does not stay unknown.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "checks.h"
#include "daemon/change/closings.h"
#include "sandbox.h"
#include "wires.h"

#define ZONES(first)                                                                               \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  " first ": { class: other, interfaces: [a0], networks: [10.1.0.0/16, 'fd00:1::/32'] }\n"    \
    "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16, 'fd00:3::/32'] }\n"

#define FLOW(name, from)                                                                           \
    "flows:\n"                                                                                     \
    "  " name ": { from: " from ", to: b, services: [udp/7001] }\n"

static const char policy[] = ZONES("a") FLOW("f", "a");

/* Policies under which the zone `a` would be open again, though it is isolated. */
static const char *const openings[] = {
    ZONES("aa") FLOW("f", "aa"),
    /* Its networks under another name, and the name for others. */
    "segd: 1\n"
    "zones:\n"
    "  a: { class: other, interfaces: [a0], networks: [10.9.0.0/16] }\n"
    "  other: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"
    "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16] }\n" FLOW("f", "other"),
};

static void close_zone(const struct segd *segd)
{
    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "x"));
}

static bool passes(struct lab *lab)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7001);

    return wires_try(lab, WIRE_A, &frame, NULL);
}

START_TEST(isolated_zone_is_opened_by_no_other_policy)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    ck_assert(passes(lab));
    close_zone(segd);
    ck_assert(!passes(lab));
    calls_do(segd, "Apply", calls_policy(openings[_i], 0));
    ck_assert(!passes(lab));

    /* Neither is it by the next boot: the table is gone, the files are new. */
    segd_kill(segd);
    segd_write_policy(segd, openings[_i]);
    sandbox_nft("delete table inet segd\n");
    segd_start_again(segd);
    ck_assert(!passes(lab));
}
END_TEST

START_TEST(isolated_zone_takes_other_changes)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    close_zone(segd);
    calls_do(segd, "Apply", calls_policy(ZONES("a") FLOW("g", "a"), 0));
    ck_assert(!passes(lab));
    calls_verify(segd);
}
END_TEST

START_TEST(suspended_flow_does_not_pass_under_another_name)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "f", "reason", "x"));
    ck_assert(!passes(lab));
    calls_do(segd, "Apply", calls_policy(ZONES("a") FLOW("g", "a"), 0));
    ck_assert(!passes(lab));
    calls_do(segd, "Resume", json_pack("{s:s}", "flow", "g"));
    ck_assert(passes(lab));
}
END_TEST

/* Twice as many names and contents as the suspension held under the policy of half of them: what
 * has one of its names is new, and so is each name of what it holds. */
static void apply_twice(struct segd *segd, unsigned n)
{
    char text[32768];
    int size = snprintf(text, sizeof(text), ZONES("a") "flows:\n");

    for (unsigned i = 0; i < n; i++)
        size +=
            snprintf(text + size, sizeof(text) - (size_t)size,
                     "  f%u: { from: a, to: b, services: [udp/%u] }\n", i, 7001 + (i + n / 2) % n);
    calls_do(segd, "Apply", calls_policy(text, 0));
}

/* What a suspension holds is bounded. A policy beyond that is refused, and nothing is forgotten. */
START_TEST(suspension_is_bounded_and_forgets_nothing)
{
    static const char *const beyond[] = {
        ZONES("a") "flows:\n  f0: { from: a, to: b, services: [udp/9] }\n",
        ZONES("a") FLOW("y", "a"),
    };
    static const char last[] = ZONES("a") FLOW("x", "a");
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(ZONES("a") FLOW("f0", "a"));

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "f0", "reason", "x"));
    for (unsigned n = 2; n <= SUSPENSION_HOLDS_MAX; n *= 2)
        apply_twice(segd, n);
    calls_do(segd, "Apply", calls_policy(last, 0));
    calls_refused(segd, "Apply", calls_policy(beyond[_i], 0), "Refused");

    /* Neither does a boot apply it. */
    segd_kill(segd);
    segd_write_policy(segd, beyond[_i]);
    sandbox_nft("delete table inet segd\n");
    segd_start_again(segd);
    calls_finding(segd, "policy-not-applied", true);
    calls_refused(segd, "Plan", NULL, "Refused");
    ck_assert(!passes(lab));

    calls_do(segd, "Resume", json_pack("{s:s}", "flow", "x"));
    ck_assert(passes(lab));
    calls_do(segd, "Apply", calls_policy(beyond[_i], 0));
}
END_TEST

START_TEST(nobody_closes_without_a_reason)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    calls_refused(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", ""), "Refused");
    calls_refused(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "f", "reason", ""), "Refused");
    ck_assert(passes(lab));
}
END_TEST

/* How many repairs the audit log tells of, the last one with this word. */
static size_t count_repairs(const struct segd *segd, const char *word)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "ShowAudit", NULL);
    const json_t *entry;
    size_t i, n = 0;

    json_array_foreach(json_object_get(reply, "entries"), i, entry)
    {
        const char *reason = json_string_value(json_object_get(entry, "reason"));

        if (strcmp(json_string_value(json_object_get(entry, "action")), "repair") != 0)
            continue;
        ck_assert_ptr_nonnull(reason);
        ck_assert_msg(strstr(reason, word), "%s", reason);
        n++;
    }
    return n;
}

START_TEST(what_was_changed_while_nobody_watched_is_written_down)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    segd_kill(segd);
    segd_start_again(segd);
    ck_assert_uint_eq(count_repairs(segd, ""), 0);

    segd_kill(segd);
    sandbox_nft("flush chain inet segd prerouting\n");
    segd_start_again(segd);
    ck_assert_uint_eq(count_repairs(segd, "prerouting"), 1);
    ck_assert(passes(lab));
    calls_verify(segd);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, isolated_zone_is_opened_by_no_other_policy, 0,
                        (int)ELEMENTS_OF(openings));
    tcase_add_test(tests, isolated_zone_takes_other_changes);
    tcase_add_test(tests, suspended_flow_does_not_pass_under_another_name);
    tcase_add_loop_test(tests, suspension_is_bounded_and_forgets_nothing, 0, 2);
    tcase_add_test(tests, nobody_closes_without_a_reason);
    tcase_add_test(tests, what_was_changed_while_nobody_watched_is_written_down);
}
