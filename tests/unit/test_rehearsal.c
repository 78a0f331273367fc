/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rehearsal of rulesets as they are compiled: nothing is wrong with them, and all that a policy
 * can say has been tried. That it can fail is shown in test_rehearsal_spoiled.c.
 */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "checks.h"
#include "lab/lab.h"
#include "rehearsed.h"
#include "sandbox.h"

/* Whether packets are sent that must be refused for it: where the policy alone says so. */
static bool is_rehearsed(enum reason reason)
{
    switch (reason) {
    case REASON_NONE:
    case REASON_NO_FLOW:
    case REASON_SUSPENDED:
    case REASON_SPOOFED:
    case REASON_MAC_MISMATCH:
        return true;
    case REASON_INVALID:
    case REASON_UNKNOWN_INTERFACE:
    case REASON_LIMITED:
    case REASON_CLEAR_TEXT:
    case REASON_ISOLATED:
    case REASON_LOCKDOWN:
        return false;
    }
    return false;
}

START_TEST(a_right_ruleset_agrees)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    size_t kinds[PROBE_KINDS] = {0}, reasons[REASONS] = {0};

    sandbox_enter();
    rehearsal = rehearse(&fixture);
    assert_agrees(rehearsal);
    for (size_t i = 0; i < rehearsal->plan->n_probes; i++) {
        kinds[rehearsal->plan->probes[i].kind]++;
        reasons[rehearsal->plan->probes[i].expected]++;
    }
    for (size_t i = 0; i < PROBE_KINDS; i++)
        ck_assert_msg(kinds[i] > 0, "no probe `%s`", probe_kind_to_string((enum probe_kind)i));
    for (enum reason reason = REASON_NONE; reason < REASONS; reason++)
        ck_assert_msg((reasons[reason] > 0) == is_rehearsed(reason),
                      "%zu probes are refused for %d", reasons[reason], (int)reason);
    for (size_t i = 0; i < REHEARSAL_KINDS; i++) {
        ck_assert_uint_gt(rehearsal->totals[i].sent, 0);
        ck_assert_uint_eq(rehearsal->totals[i].failed, 0);
    }
    /* Each that passes has its reply. */
    ck_assert_uint_eq(rehearsal->totals[REHEARSED_REPLY].sent,
                      rehearsal->totals[REHEARSED_PASS].sent + 1);
    ck_assert_uint_gt(rehearsal_packets(rehearsal), rehearsal->plan->n_probes);
}
END_TEST

START_TEST(an_ordinary_user_rehearses)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    sandbox_become_user();
    sandbox_enter();
    rehearsal = rehearse(&fixture);
    assert_agrees(rehearsal);
}
END_TEST

START_TEST(the_machines_own_network_is_refused)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    if (!lab_in_root_namespace())
        return;
    ck_assert_int_eq(rehearsal_run(fixture.diagram, fixture.ruleset, fixture.now, &rehearsal),
                     -EPERM);
    ck_assert_ptr_null(rehearsal);
}
END_TEST

START_TEST(an_expectation_against_the_flows_is_reported)
{
    static const char wrong[] =
        "segd: 1\n"
        "zones:\n"
        "  a: { class: lgwan, interfaces: [vlan10], networks: [10.10.0.0/16] }\n"
        "  b: { class: lgwan, interfaces: [vlan20], networks: [10.20.0.0/16] }\n"
        "flows:\n"
        "  f: { from: a, to: b, services: [tcp/443] }\n"
        "expect:\n"
        "  - { from: 10.10.0.1, to: 10.20.0.1, service: tcp/443, verdict: allow }\n"
        "  - { from: 10.10.0.1, to: 10.20.0.1, service: tcp/443, verdict: deny }\n"
        "  - { from: 10.10.0.1, to: 10.20.0.1, service: tcp/80, verdict: allow }\n";
    cleanup_(fixture_clear) struct fixture fixture = furnish(wrong);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    sandbox_enter();
    rehearsal = rehearse(&fixture);
    ck_assert_uint_eq(rehearsal->n_failures, 2);
    ck_assert_uint_eq(rehearsal->totals[REHEARSED_EXPECTATION].failed, 2);
    ck_assert_uint_eq(rehearsal->failures[0].probe->expectation, 1);
    ck_assert_int_eq(rehearsal->failures[0].fate, FATE_ARRIVED);
    ck_assert_str_eq(rehearsal->failures[0].counter, "live/f");
    ck_assert_uint_eq(rehearsal->failures[1].probe->expectation, 2);
    ck_assert_int_eq(rehearsal->failures[1].fate, FATE_LOST);
    ck_assert_str_eq(rehearsal->failures[1].counter, "no-flow/a/b");
}
END_TEST

/* Only flows of whole zones cover hosts without an address, and the gateway's broadcasts. */
START_TEST(hosts_without_an_address_are_rehearsed)
{
    static const char dhcp[] =
        "segd: 1\n"
        "zones:\n"
        "  a: { class: lgwan, interfaces: [vlan10], networks: [10.10.0.0/16, 'fd00:10::/64'] }\n"
        "  b: { class: lgwan, interfaces: [vlan20], networks: [10.20.0.0/16, 'fd00:20::/64'] }\n"
        "hosts:\n"
        "  x: { zone: b, address: [10.20.0.1, 'fd00:20::1'] }\n"
        "flows:\n"
        "  ask: { from: a, to: gateway, services: [udp/67, udp/547] }\n"
        "  tell: { from: gateway, to: a, services: [udp/68, udp/546] }\n"
        "  host: { from: x, to: gateway, services: [udp/67, udp/547] }\n"
        "gateway: { protect: true }\n";
    cleanup_(fixture_clear) struct fixture fixture = furnish(dhcp);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    size_t n_asked = 0, n_told = 0, n_refused = 0, n_between = 0;

    sandbox_enter();
    rehearsal = rehearse(&fixture);
    assert_agrees(rehearsal);
    for (size_t i = 0; i < rehearsal->plan->n_probes; i++) {
        const struct probe *probe = &rehearsal->plan->probes[i];

        if (!probe->link)
            continue;
        n_asked += probe->expected == REASON_NONE && probe->packet.to == ZONE_GATEWAY;
        n_told += probe->expected == REASON_NONE && probe->packet.from == ZONE_GATEWAY;
        n_refused += probe->expected == REASON_NO_FLOW && probe->packet.from == 1;
        n_between += probe->kind == PROBE_PAIR;
    }
    ck_assert_uint_ge(n_asked, 4);
    ck_assert_uint_ge(n_told, 4);
    ck_assert_uint_ge(n_refused, 4);
    ck_assert_uint_eq(n_between, 8);
}
END_TEST

/* One address stands for all sources of a flow and would soon have used up what it may. */
START_TEST(flows_with_limits_are_rehearsed)
{
    static const char limited[] =
        "segd: 1\n"
        "zones:\n"
        "  a: { class: lgwan, interfaces: [vlan10], networks: [10.10.0.0/16, 'fd00:10::/64'] }\n"
        "  b: { class: lgwan, interfaces: [vlan20], networks: [10.20.0.0/16, 'fd00:20::/64'] }\n"
        "flows:\n"
        "  f: { from: a, to: b, services: [tcp/443, tcp/80, udp/53, udp/1000-2000],"
        " limit: { new: 1/h, concurrent: 1 } }\n";
    cleanup_(fixture_clear) struct fixture fixture = furnish(limited);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    sandbox_enter();
    ck_assert_ptr_nonnull(ruleset_find_chain(fixture.ruleset, "limit/f/open"));
    rehearsal = rehearse(&fixture);
    assert_agrees(rehearsal);
    ck_assert_uint_gt(rehearsal->totals[REHEARSED_PASS].sent, 4);
}
END_TEST

static bool is_zone(const struct policy *policy, const char *name)
{
    for (size_t i = 0; name && i < policy->n_zones; i++) {
        if (strcmp(policy->zones[i].name, name) == 0)
            return true;
    }
    return false;
}

/* By which everybody reads a counter's name. */
START_TEST(counters_are_named_as_the_table_of_reasons_says)
{
    static const char text[] =
        "segd: 1\n"
        "zones:\n"
        "  a: { class: lgwan, interfaces: [vlan10], networks: [10.10.0.0/16] }\n"
        "  b: { class: lgwan, interfaces: [vlan20], networks: [10.20.0.0/16], ipsec: required }\n"
        "hosts:\n"
        "  bound: { zone: a, address: 10.10.0.5, mac: '00:00:5e:00:53:05' }\n"
        "flows:\n"
        "  f: { from: bound, to: b, services: [tcp/443], limit: { new: 1/h } }\n";
    cleanup_(fixture_clear) struct fixture fixture = furnish(text);
    size_t named[REASONS] = {0};

    for (size_t i = 0; i < fixture.ruleset->n_counters; i++) {
        cleanup_(freep) char *copy = NULL;
        const char *rest;
        enum reason reason = reason_of_counter(fixture.ruleset->counters[i].name, &rest);
        char *parts;

        named[reason]++;
        if (reason == REASON_NONE)
            continue;
        copy = strdup(rest);
        ck_assert_ptr_nonnull(copy);
        parts = copy;
        switch (reason_detail(reason)) {
        case REASON_DETAIL_NONE:
        case REASON_DETAIL_PAIR: /* where the set of pairs is full */
            ck_assert_str_eq(parts, "");
            break;
        case REASON_DETAIL_ZONE:
            ck_assert(is_zone(fixture.policy, parts));
            break;
        case REASON_DETAIL_FLOW:
            ck_assert_str_eq(parts, "f");
            break;
        }
    }
    /* An isolation and the lockdown have rulesets of their own. */
    for (enum reason reason = REASON_NO_FLOW; reason < REASON_ISOLATED; reason++)
        ck_assert_uint_gt(named[reason], 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, a_right_ruleset_agrees);
    tcase_add_test(tests, an_ordinary_user_rehearses);
    tcase_add_test(tests, the_machines_own_network_is_refused);
    tcase_add_test(tests, an_expectation_against_the_flows_is_reported);
    tcase_add_test(tests, hosts_without_an_address_are_rehearsed);
    tcase_add_test(tests, flows_with_limits_are_rehearsed);
    tcase_add_test(tests, counters_are_named_as_the_table_of_reasons_says);
}
