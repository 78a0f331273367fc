/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A policy that is printed and read again is the same policy, and prints to the same bytes. The
 * comparison is of every field but places, so a key that is parsed and then forgotten fails here.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "policy/policy.h"
#include "random_language.h"
#include "tests/reading.h"

static void assert_texts_equal(const char *a, const char *b)
{
    ck_assert_int_eq(a == NULL, b == NULL);
    if (a)
        ck_assert_str_eq(a, b);
}

static void assert_sets_equal(const struct address_set *a, const struct address_set *b)
{
    for (enum family family = 0; family < FAMILIES; family++)
        ck_assert(range_set_equal(&a->by_family[family], &b->by_family[family]));
}

static void assert_dates_equal(bool has_a, struct date a, bool has_b, struct date b)
{
    ck_assert_int_eq(has_a, has_b);
    if (has_a)
        ck_assert_int_eq(date_compare(a, b), 0);
}

static void assert_zones_equal(const struct zone *a, const struct zone *b)
{
    assert_texts_equal(a->name, b->name);
    assert_texts_equal(a->label, b->label);
    ck_assert_int_eq(a->class, b->class);
    ck_assert_uint_eq(a->n_interfaces, b->n_interfaces);
    for (size_t i = 0; i < a->n_interfaces; i++)
        assert_texts_equal(a->interfaces[i], b->interfaces[i]);
    assert_sets_equal(&a->addresses, &b->addresses);
    ck_assert_int_eq(a->any, b->any);
    ck_assert_int_eq(a->intra_allow, b->intra_allow);
    ck_assert_int_eq(a->ipsec, b->ipsec);
}

static void assert_hosts_equal(const struct host *a, const struct host *b)
{
    assert_texts_equal(a->name, b->name);
    assert_texts_equal(a->label, b->label);
    ck_assert_uint_eq(a->zone, b->zone);
    ck_assert_uint_eq(a->n_addresses, b->n_addresses);
    for (size_t i = 0; i < a->n_addresses; i++) {
        ck_assert_int_eq(a->addresses[i].family, b->addresses[i].family);
        ck_assert(a->addresses[i].address == b->addresses[i].address);
    }
    ck_assert_uint_eq(a->n_macs, b->n_macs);
    for (size_t i = 0; i < a->n_macs; i++)
        ck_assert_mem_eq(&a->macs[i], &b->macs[i], sizeof(a->macs[i]));
}

static void assert_groups_equal(const struct group *a, const struct group *b)
{
    assert_texts_equal(a->name, b->name);
    assert_texts_equal(a->label, b->label);
    ck_assert_uint_eq(a->zone, b->zone);
    assert_sets_equal(&a->addresses, &b->addresses);
}

static void assert_services_equal(const struct service *a, const struct service *b)
{
    assert_texts_equal(a->name, b->name);
    ck_assert_int_eq(a->literal, b->literal);
    ck_assert_uint_eq(a->n_ranges, b->n_ranges);
    for (size_t i = 0; i < a->n_ranges; i++) {
        ck_assert_uint_eq(a->ranges[i].protocol_first, b->ranges[i].protocol_first);
        ck_assert_uint_eq(a->ranges[i].protocol_last, b->ranges[i].protocol_last);
        ck_assert_uint_eq(a->ranges[i].port_first, b->ranges[i].port_first);
        ck_assert_uint_eq(a->ranges[i].port_last, b->ranges[i].port_last);
        for (enum family family = 0; family < FAMILIES; family++)
            ck_assert_int_eq(a->ranges[i].families[family], b->ranges[i].families[family]);
    }
}

static void assert_ends_equal(const struct flow_end *a, size_t n_a, const struct flow_end *b,
                              size_t n_b)
{
    ck_assert_uint_eq(n_a, n_b);
    for (size_t i = 0; i < n_a; i++) {
        ck_assert_uint_eq(a[i].zone, b[i].zone);
        assert_sets_equal(&a[i].addresses, &b[i].addresses);
    }
}

static void assert_names_equal(const struct end_name *a, size_t n_a, const struct end_name *b,
                               size_t n_b)
{
    ck_assert_uint_eq(n_a, n_b);
    for (size_t i = 0; i < n_a; i++) {
        ck_assert_int_eq(a[i].kind, b[i].kind);
        ck_assert_uint_eq(a[i].index, b[i].index);
    }
}

static void assert_schedules_equal(const struct schedule *a, const struct schedule *b)
{
    ck_assert_int_eq(a == NULL, b == NULL);
    if (!a)
        return;

    ck_assert_uint_eq(a->days, b->days);
    ck_assert_uint_eq(a->n_hours, b->n_hours);
    ck_assert_mem_eq(a->hours, b->hours, a->n_hours * sizeof(*a->hours));
}

static void assert_flows_equal(const struct flow *a, const struct flow *b)
{
    assert_texts_equal(a->name, b->name);
    assert_texts_equal(a->label, b->label);
    ck_assert_int_eq(a->implicit, b->implicit);
    ck_assert_int_eq(a->enabled, b->enabled);
    ck_assert_int_eq(a->log_new, b->log_new);
    ck_assert_int_eq(a->reject, b->reject);
    ck_assert_uint_eq(a->id, b->id);
    ck_assert_mem_eq(a->digest, b->digest, sizeof(a->digest));
    assert_ends_equal(a->from, a->n_from, b->from, b->n_from);
    assert_ends_equal(a->to, a->n_to, b->to, b->n_to);
    assert_names_equal(a->from_names, a->n_from_names, b->from_names, b->n_from_names);
    assert_names_equal(a->to_names, a->n_to_names, b->to_names, b->n_to_names);
    ck_assert_uint_eq(a->n_services, b->n_services);
    ck_assert_mem_eq(a->services, b->services, a->n_services * sizeof(*a->services));

    ck_assert_int_eq(a->expires, b->expires);
    assert_dates_equal(a->has_expires, a->expires_date, b->has_expires, b->expires_date);
    assert_schedules_equal(a->schedule, b->schedule);
    ck_assert_mem_eq(&a->limit, &b->limit, sizeof(a->limit));
    assert_dates_equal(a->has_reviewed, a->reviewed, b->has_reviewed, b->reviewed);
    assert_texts_equal(a->purpose, b->purpose);
    ck_assert_int_eq(a->has_approval, b->has_approval);
    assert_texts_equal(a->approval.number, b->approval.number);
    assert_texts_equal(a->approval.requester, b->approval.requester);
    assert_texts_equal(a->approval.approver, b->approval.approver);
    assert_dates_equal(a->approval.has_date, a->approval.date, b->approval.has_date,
                       b->approval.date);
    ck_assert_int_eq(a->sanitize, b->sanitize);
}

static void assert_rejects_equal(const struct reject *a, const struct reject *b)
{
    ck_assert_uint_eq(a->from, b->from);
    ck_assert_uint_eq(a->to, b->to);
}

static void assert_expectations_equal(const struct expectation *a, const struct expectation *b)
{
    ck_assert_int_eq(a->family, b->family);
    ck_assert_uint_eq(a->from_zone, b->from_zone);
    ck_assert_uint_eq(a->to_zone, b->to_zone);
    ck_assert(a->from == b->from && a->to == b->to);
    assert_texts_equal(a->from_text, b->from_text);
    assert_texts_equal(a->to_text, b->to_text);
    assert_texts_equal(a->service_text, b->service_text);
    ck_assert_uint_eq(a->protocol, b->protocol);
    ck_assert_uint_eq(a->port, b->port);
    ck_assert_int_eq(a->allow, b->allow);
}

#define ASSERT_ARRAYS_EQUAL(a, b, array, assert_equal)                                             \
    do {                                                                                           \
        ck_assert_uint_eq((a)->n_##array, (b)->n_##array);                                         \
        for (size_t i_ = 0; i_ < (a)->n_##array; i_++)                                             \
            assert_equal(&(a)->array[i_], &(b)->array[i_]);                                        \
    } while (0)

static void assert_policies_equal(const struct policy *a, const struct policy *b)
{
    assert_texts_equal(a->site, b->site);
    assert_texts_equal(a->timezone, b->timezone);
    ck_assert_uint_eq(a->n_rules, b->n_rules);
    for (size_t i = 0; i < a->n_rules; i++)
        assert_texts_equal(a->rules[i], b->rules[i]);
    ck_assert_int_eq(a->model, b->model);
    ck_assert_int_eq(a->gateway_protect, b->gateway_protect);
    ck_assert_int_eq(a->gateway_forwarding, b->gateway_forwarding);
    ck_assert_uint_eq(a->mark_mask, b->mark_mask);
    ASSERT_ARRAYS_EQUAL(a, b, zones, assert_zones_equal);
    ASSERT_ARRAYS_EQUAL(a, b, hosts, assert_hosts_equal);
    ASSERT_ARRAYS_EQUAL(a, b, groups, assert_groups_equal);
    ASSERT_ARRAYS_EQUAL(a, b, services, assert_services_equal);
    ASSERT_ARRAYS_EQUAL(a, b, flows, assert_flows_equal);
    ASSERT_ARRAYS_EQUAL(a, b, rejects, assert_rejects_equal);
    ASSERT_ARRAYS_EQUAL(a, b, expectations, assert_expectations_equal);
    ck_assert_uint_eq(a->n_segments, b->n_segments);
    for (size_t i = 0; i < a->n_segments; i++)
        assert_texts_equal(a->segments[i].name, b->segments[i].name);
}

/* The number of the test is the seed. */
START_TEST(a_printed_policy_is_the_same_policy)
{
    cleanup_(reading_clear) struct reading written = {0}, printed = {0};
    cleanup_(freep) char *text = random_language_text((uint64_t)_i);
    cleanup_(freep) char *print = NULL, *again = NULL;

    read_valid(&written, text);
    print = print_policy(written.policy);
    read_valid(&printed, print);
    assert_policies_equal(written.policy, printed.policy);

    again = print_policy(printed.policy);
    ck_assert_str_eq(print, again);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, a_printed_policy_is_the_same_policy, 0, 400);
}
