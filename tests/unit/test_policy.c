/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a policy means once it is read: addresses, ends, segments, dates. How mistakes are told is
 * in tests/golden; that printing and reading agree, in tests/property.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "policy/policy.h"
#include "tests/reading.h"

#define FLOW(body) "flows:\n  f: { " body " }\n"

/* The set as text: ranges joined by spaces, IPv4 first. */
static const char *set_text(const struct address_set *set, char *buffer, size_t size)
{
    char range[ADDRESS_TEXT_MAX];
    size_t length = 0;

    buffer[0] = '\0';
    for (enum family family = 0; family < FAMILIES; family++) {
        for (size_t i = 0; i < set->by_family[family].n_ranges; i++) {
            length +=
                (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? " " : "",
                                 range_format(family, set->by_family[family].ranges[i], range));
            ck_assert_uint_lt(length, size);
        }
    }
    return buffer;
}

START_TEST(any_is_what_no_other_zone_owns_and_a_host_can_have)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(&reading, ZONES);
    char text[1024];

    ck_assert(policy->zones[2].any);
    ck_assert_str_eq(set_text(&policy->zones[2].addresses, text, sizeof(text)),
                     "1.0.0.0-10.0.255.255 10.3.0.0-126.255.255.255 128.0.0.0-223.255.255.255 "
                     "::2-::fffe:ffff:ffff "
                     "::1:0:0:0-fd00:0:ffff:ffff:ffff:ffff:ffff:ffff "
                     "fd00:1:0:1::-fd00:1:ffff:ffff:ffff:ffff:ffff:ffff "
                     "fd00:2:0:1::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                     "fec0::/10");
}
END_TEST

struct owner_case {
    const char *address;
    const char *zone; /* NULL: none */
};

static const struct owner_case owner_cases[] = {
    {"10.1.0.0", "office"},
    {"10.1.255.255", "office"},
    {"10.2.0.0", "server"},
    {"10.3.0.0", "world"},
    {"10.0.255.255", "world"},
    {"8.8.8.8", "world"},
    {"0.1.2.3", NULL},
    {"127.0.0.1", NULL},
    {"224.0.0.1", NULL},
    {"255.255.255.255", NULL},
    {"fd00:1::", "office"},
    {"fd00:1:0:1::", "world"},
    {"::1", NULL},
    {"::fffe:ffff:ffff", "world"},
    {"::ffff:10.1.0.5", NULL},
    {"::ffff:255.255.255.255", NULL},
    {"::1:0:0:0", "world"},
    {"fe80::1", NULL},
    {"ff02::1", NULL},
    {"2001:db8::1", "world"},
};

START_TEST(an_address_belongs_to_one_zone_or_none)
{
    const struct owner_case *c = &owner_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(&reading, ZONES);
    enum family family;
    ip_number address;
    size_t zone;

    ck_assert_int_eq(address_parse(c->address, &family, &address), 0);
    ck_assert_int_eq(policy_zone_of_address(policy, family, address, &zone), c->zone != NULL);
    if (c->zone)
        ck_assert_str_eq(policy_zone_name(policy, zone), c->zone);
}
END_TEST

START_TEST(names_of_one_zone_melt_into_one_end)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy =
        read_valid(&reading, ZONES HOSTS "flows:\n"
                                         "  f:\n"
                                         "    from: [gateway, web, printer, pcs]\n"
                                         "    to: [world]\n"
                                         "    services: [https, tcp/80, https, tcp/80]\n");
    const struct flow *flow = find_flow(policy, "f");
    char text[256];

    ck_assert_uint_eq(flow->n_from, 3);
    ck_assert_str_eq(policy_zone_name(policy, flow->from[0].zone), "office");
    ck_assert_str_eq(set_text(&flow->from[0].addresses, text, sizeof(text)),
                     "10.1.0.5-10.1.0.9 fd00:1::5");
    ck_assert_str_eq(policy_zone_name(policy, flow->from[1].zone), "server");
    ck_assert_str_eq(set_text(&flow->from[1].addresses, text, sizeof(text)), "10.2.0.5");
    ck_assert_uint_eq(flow->from[2].zone, ZONE_GATEWAY);
    ck_assert_str_eq(set_text(&flow->from[2].addresses, text, sizeof(text)), "0.0.0.0/0 ::/0");

    /* The names stay as they were written. */
    ck_assert_uint_eq(flow->n_from_names, 4);
    ck_assert_int_eq(flow->from_names[0].kind, END_GATEWAY);
    ck_assert_int_eq(flow->from_names[1].kind, END_HOST);
    ck_assert_int_eq(flow->from_names[3].kind, END_GROUP);

    ck_assert_uint_eq(flow->n_services, 2);
    ck_assert_str_eq(policy->services[flow->services[0]].name, "https");
    ck_assert_str_eq(policy->services[flow->services[1]].name, "tcp/80");
    ck_assert(policy->services[flow->services[1]].literal);
}
END_TEST

START_TEST(what_is_not_said_has_its_default)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy =
        read_valid(&reading, "segd: 1\n"
                             "zones:\n"
                             "  a: { class: other, interfaces: [eth1], networks: [10.1.0.0/24] }\n"
                             "  b: { class: other, interfaces: [eth2], networks: [10.2.0.0/24] }\n"
                             "flows:\n"
                             "  f: { from: a, to: b, services: any }\n");
    const struct flow *flow = find_flow(policy, "f");

    ck_assert_str_eq(policy->timezone, "UTC");
    ck_assert_ptr_null(policy->site);
    ck_assert_int_eq(policy->model, MODEL_NONE);
    ck_assert(!policy->gateway_protect);
    ck_assert_str_eq(policy->zones[0].label, "a");
    ck_assert(!policy->zones[0].intra_allow);
    ck_assert(flow->enabled);
    ck_assert(!flow->log_new);
    ck_assert(!flow->has_expires);
    ck_assert_int_eq(flow->expires, USEC_NEVER);
    ck_assert(!flow->has_approval);
    ck_assert_ptr_null(flow->schedule);
    ck_assert_uint_eq(policy->n_schedules, 0);
    ck_assert_uint_eq(flow->limit.new, 0);
    ck_assert_uint_eq(flow->limit.per_seconds, 0);
    ck_assert_uint_eq(flow->limit.concurrent, 0);
    ck_assert(!flow->has_reviewed);
    ck_assert_ptr_null(flow->purpose);
    ck_assert_str_eq(flow->label, "f");
    ck_assert_int_eq(flow->sanitize, SANITIZE_NONE);
    ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_WARNING), 0);
}
END_TEST

START_TEST(a_flow_expires_at_the_end_of_its_last_day_where_the_policy_is)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct flow *flow = find_flow(
        read_valid(&reading, ZONES HOSTS FLOW("from: pc, to: web, services: https, "
                                              "expires: 令和9年3月31日, reviewed: 2026-10-01, "
                                              "approval: { date: 令和8年4月1日 }")),
        "f");

    /* 2027-03-31T15:00:00Z */
    ck_assert_int_eq(flow->expires, INT64_C(1806505200) * USEC_PER_SEC);
    ck_assert_int_eq(flow->expires_date.year, 2027);
    ck_assert_int_eq(flow->reviewed.month, 10);
    ck_assert(flow->approval.has_date);
    ck_assert_int_eq(flow->approval.date.year, 2026);
}
END_TEST

struct schedule_case {
    const char *text;
    struct schedule schedule;
};

#define MINUTE(hour, minute) ((hour)*60 + (minute))
#define WHOLE_DAY                                                                                  \
    {                                                                                              \
        {                                                                                          \
            0, DAY_MINUTES                                                                         \
        }                                                                                          \
    }

static const struct schedule_case schedule_cases[] = {
    {"days: mon-fri", {0x1f, 1, WHOLE_DAY}},
    {"days: [mon, wed, fri-sun]", {0x75, 1, WHOLE_DAY}},
    {"days: sat-mon", {0x61, 1, WHOLE_DAY}},
    {"days: [月-水, 土]", {0x27, 1, WHOLE_DAY}},
    {"hours: 8:30-17:15", {0x7f, 1, {{MINUTE(8, 30), MINUTE(17, 15)}}}},
    {"days: daily, hours: '00:00-23:59'", {0x7f, 1, {{0, MINUTE(23, 59)}}}},
    {"hours: ['13:00-17:15', '08:30-12:00']",
     {0x7f, 2, {{MINUTE(8, 30), MINUTE(12, 0)}, {MINUTE(13, 0), MINUTE(17, 15)}}}},
    {"days: sun, hours: '22:00-05:00'", {0x40, 1, {{MINUTE(22, 0), MINUTE(29, 0)}}}},
    {"hours: '23:59-00:00'", {0x7f, 1, {{MINUTE(23, 59), DAY_MINUTES}}}},
    {"hours: '23:59-24:00'", {0x7f, 1, {{MINUTE(23, 59), DAY_MINUTES}}}},
    /* Parts that touch are one, but a day that begins elsewhere cannot be written as one. */
    {"hours: ['12:00-13:00', '08:30-12:00', '13:00-02:00']",
     {0x7f, 1, {{MINUTE(8, 30), MINUTE(26, 0)}}}},
    {"days: mon, hours: ['12:00-24:00', '00:00-12:00']", {0x01, 1, WHOLE_DAY}},
    {"days: mon, hours: ['05:00-22:00', '22:00-05:00']",
     {0x01, 2, {{MINUTE(5, 0), MINUTE(22, 0)}, {MINUTE(22, 0), MINUTE(29, 0)}}}},
};

START_TEST(a_schedule_is_days_and_minutes_of_them)
{
    const struct schedule_case *c = &schedule_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    const struct schedule *schedule;
    char text[4096];

    snprintf(text, sizeof(text),
             "%sflows:\n  f: { from: pc, to: web, services: https, "
             "schedule: { %s } }\n",
             ZONES HOSTS, c->text);
    schedule = find_flow(read_valid(&reading, text), "f")->schedule;
    ck_assert_ptr_nonnull(schedule);
    ck_assert_uint_eq(schedule->days, c->schedule.days);
    ck_assert_uint_eq(schedule->n_hours, c->schedule.n_hours);
    for (size_t i = 0; i < schedule->n_hours; i++) {
        ck_assert_uint_eq(schedule->hours[i].first_minute, c->schedule.hours[i].first_minute);
        ck_assert_uint_eq(schedule->hours[i].end_minute, c->schedule.hours[i].end_minute);
    }
}
END_TEST

START_TEST(equal_schedules_are_one)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy =
        read_valid(&reading, ZONES HOSTS
                   "flows:\n"
                   "  a: { from: pc, to: web, services: tcp/1, schedule: { days: mon-fri } }\n"
                   "  b: { from: pc, to: web, services: tcp/2, schedule: { days: sat } }\n"
                   "  c: { from: pc, to: web, services: tcp/3,\n"
                   "       schedule: { days: [mon-thu, fri], hours: '00:00-24:00' } }\n"
                   "  d: { from: pc, to: web, services: tcp/4 }\n");

    ck_assert_uint_eq(policy->n_schedules, 2);
    ck_assert_ptr_eq(find_flow(policy, "a")->schedule, &policy->schedules[0]);
    ck_assert_ptr_eq(find_flow(policy, "b")->schedule, &policy->schedules[1]);
    ck_assert_ptr_eq(find_flow(policy, "c")->schedule, &policy->schedules[0]);
    ck_assert_ptr_null(find_flow(policy, "d")->schedule);
}
END_TEST

struct limit_case {
    const char *text;
    struct limit limit;
};

static const struct limit_case limit_cases[] = {
    {"new: 50/s", {50, 1, 0}},
    {"new: 1/m", {1, 60, 0}},
    {"new: 1000000/h, concurrent: 1", {1000000, 3600, 1}},
    {"concurrent: 1000000", {0, 0, 1000000}},
};

START_TEST(a_limit_is_numbers_of_connections)
{
    const struct limit_case *c = &limit_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    const struct flow *flow;
    char text[4096];

    snprintf(text, sizeof(text),
             "%sflows:\n  f: { from: pc, to: web, services: https, "
             "limit: { %s } }\n",
             ZONES HOSTS, c->text);
    flow = find_flow(read_valid(&reading, text), "f");
    ck_assert_uint_eq(flow->limit.new, c->limit.new);
    ck_assert_uint_eq(flow->limit.per_seconds, c->limit.per_seconds);
    ck_assert_uint_eq(flow->limit.concurrent, c->limit.concurrent);
}
END_TEST

START_TEST(intra_allow_is_a_flow_after_all_others)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(
        &reading, "segd: 1\n"
                  "zones:\n"
                  "  a: { class: other, interfaces: [eth1, eth2], networks: [10.1.0.0/24], "
                  "intra: allow }\n"
                  "  b: { class: other, interfaces: [eth3], networks: [10.2.0.0/24] }\n"
                  "flows:\n"
                  "  f: { from: a, to: b, services: any }\n");
    const struct flow *flow;

    ck_assert_uint_eq(policy->n_flows, 2);
    flow = &policy->flows[1];
    ck_assert_str_eq(flow->name, "intra:a");
    ck_assert(flow->implicit && flow->enabled);
    ck_assert_uint_ne(flow->id, 0);
    ck_assert_uint_eq(flow->from[0].zone, 0);
    ck_assert_uint_eq(flow->to[0].zone, 0);
    ck_assert_uint_eq(flow->n_services, 1);
    ck_assert_str_eq(policy->services[flow->services[0]].name, "any");
    ck_assert_uint_eq(flow->location.line, 3);
}
END_TEST

START_TEST(interfaces_with_the_same_zones_are_one_segment)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(
        &reading, "segd: 1\n"
                  "zones:\n"
                  "  a: { class: other, interfaces: [i1, i2, i3], networks: [10.1.0.0/24] }\n"
                  "  b: { class: other, interfaces: [i3, i4, i2], networks: [10.2.0.0/24] }\n"
                  "  c: { class: other, interfaces: [i5, I5], networks: [10.3.0.0/24] }\n");
    static const struct {
        const char *name;
        size_t n_zones;
        const char *interfaces;
    } expected[] = {{"a", 1, "i1"}, {"a.b", 2, "i2 i3"}, {"b", 1, "i4"}, {"c", 1, "i5 I5"}};

    ck_assert_uint_eq(policy->n_segments, ELEMENTS_OF(expected));
    for (size_t i = 0; i < ELEMENTS_OF(expected); i++) {
        const struct segment *segment = &policy->segments[i];
        char interfaces[64] = "";

        for (size_t j = 0; j < segment->n_interfaces; j++) {
            strcat(interfaces, j > 0 ? " " : "");
            strcat(interfaces, segment->interfaces[j]);
        }
        ck_assert_str_eq(segment->name, expected[i].name);
        ck_assert_uint_eq(segment->n_zones, expected[i].n_zones);
        ck_assert_str_eq(interfaces, expected[i].interfaces);
    }
}
END_TEST

struct end_case {
    const char *body;
    bool is_source;
    size_t other_zone;
    const char *addresses;
};

static const struct end_case end_cases[] = {
    {"from: office, to: [gateway, web], services: any", true, ZONE_GATEWAY,
     "0.0.0.0 10.1.0.0/16 :: fd00:1::/64 fe80::/10"},
    {"from: office, to: [gateway, web], services: any", true, 1, "10.1.0.0/16 fd00:1::/64"},
    {"from: offices, to: gateway, services: any", true, ZONE_GATEWAY, "10.1.0.0/16 fd00:1::/64"},
    {"from: [pc, office], to: gateway, services: any", true, ZONE_GATEWAY,
     "0.0.0.0 10.1.0.0/16 :: fd00:1::/64 fe80::/10"},
    {"from: gateway, to: office, services: any", false, ZONE_GATEWAY,
     "10.1.0.0/16 224.0.0.0/4 255.255.255.255 fd00:1::/64 fe80::/10 ff00::/8"},
    {"from: gateway, to: pcs, services: any", false, ZONE_GATEWAY, "10.1.0.5-10.1.0.9 fd00:1::5"},
    {"from: gateway, to: pcs, services: any", true, 0, "0.0.0.0/0 ::/0"},
    {"from: office, to: web, services: any", true, 1, "10.1.0.0/16 fd00:1::/64"},
};

START_TEST(a_whole_zone_brings_its_link_to_the_gateway_only)
{
    const struct end_case *c = &end_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    struct address_set set = {0};
    const struct flow *flow;
    char text[4096], addresses[512];

    snprintf(text, sizeof(text), "%sflows:\n  f: { %s }\n", ZONES HOSTS, c->body);
    flow = find_flow(read_valid(&reading, text), "f");
    for (enum family family = 0; family < FAMILIES; family++)
        ck_assert_int_eq(
            policy_end_addresses(reading.policy, flow, c->is_source ? &flow->from[0] : &flow->to[0],
                                 c->is_source, c->other_zone, family, &set.by_family[family]),
            0);

    ck_assert_str_eq(set_text(&set, addresses, sizeof(addresses)), c->addresses);
    for (enum family family = 0; family < FAMILIES; family++)
        range_set_clear(&set.by_family[family]);
}
END_TEST

struct find_case {
    const char *text;
    enum family family;
    int result;
    const char *zone;
    const char *address; /* NULL: has no meaning */
};

static const struct find_case find_cases[] = {
    {"pc", FAMILY_IPV4, 0, "office", "10.1.0.5"},
    {"pc", FAMILY_IPV6, 0, "office", "fd00:1::5"},
    {"web", FAMILY_IPV6, -EAFNOSUPPORT, NULL, NULL},
    {"pcs", FAMILY_IPV4, 0, "office", "10.1.0.5"},
    {"server", FAMILY_IPV4, 0, "server", "10.2.0.0"},
    {"world", FAMILY_IPV4, 0, "world", "1.0.0.0"},
    {"gateway", FAMILY_IPV6, 0, "gateway", NULL},
    {"10.2.9.9", FAMILY_IPV4, 0, "server", "10.2.9.9"},
    {"10.2.9.9", FAMILY_IPV6, -EAFNOSUPPORT, NULL, NULL},
    {"127.0.0.1", FAMILY_IPV4, -ENOENT, NULL, NULL},
    {"nobody", FAMILY_IPV4, -ENOENT, NULL, NULL},
    {"PC", FAMILY_IPV4, -ENOENT, NULL, NULL},
};

START_TEST(an_end_is_found_by_name_or_address)
{
    const struct find_case *c = &find_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy = read_valid(&reading, ZONES HOSTS);
    char text[ADDRESS_TEXT_MAX];
    ip_number address;
    size_t zone;

    ck_assert_int_eq(policy_find_end(policy, c->text, c->family, &zone, &address), c->result);
    if (c->zone)
        ck_assert_str_eq(policy_zone_name(policy, zone), c->zone);
    if (c->address)
        ck_assert_str_eq(address_format(c->family, address, text), c->address);
}
END_TEST

START_TEST(an_expectation_is_one_packet)
{
    cleanup_(reading_clear) struct reading reading = {0};
    const struct policy *policy =
        read_valid(&reading, ZONES HOSTS
                   "expect:\n"
                   "  - { from: pc, to: \"fd00:2::9\", service: tcp/80, verdict: allow }\n"
                   "  - { from: pc, to: web, service: https, verdict: deny }\n"
                   "  - { from: gateway, to: pc, service: icmp/echo-request, verdict: deny }\n");
    const struct expectation *expectation = policy->expectations;
    char text[ADDRESS_TEXT_MAX];

    ck_assert_uint_eq(policy->n_expectations, 3);
    ck_assert_int_eq(expectation[0].family, FAMILY_IPV6);
    ck_assert_str_eq(address_format(FAMILY_IPV6, expectation[0].from, text), "fd00:1::5");
    ck_assert_str_eq(policy_zone_name(policy, expectation[0].to_zone), "server");
    ck_assert(expectation[0].allow);

    ck_assert_int_eq(expectation[1].family, FAMILY_IPV4);
    ck_assert_uint_eq(expectation[1].protocol, 6);
    ck_assert_uint_eq(expectation[1].port, 443);
    ck_assert(!expectation[1].allow);
    ck_assert_str_eq(expectation[1].service_text, "https");

    ck_assert_uint_eq(expectation[2].from_zone, ZONE_GATEWAY);
    ck_assert_uint_eq(expectation[2].protocol, 1);
    ck_assert_uint_eq(expectation[2].port, 2048);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, any_is_what_no_other_zone_owns_and_a_host_can_have);
    tcase_add_loop_test(tests, an_address_belongs_to_one_zone_or_none, 0,
                        (int)ELEMENTS_OF(owner_cases));
    tcase_add_test(tests, names_of_one_zone_melt_into_one_end);
    tcase_add_test(tests, what_is_not_said_has_its_default);
    tcase_add_loop_test(tests, a_schedule_is_days_and_minutes_of_them, 0,
                        (int)ELEMENTS_OF(schedule_cases));
    tcase_add_test(tests, equal_schedules_are_one);
    tcase_add_loop_test(tests, a_limit_is_numbers_of_connections, 0, (int)ELEMENTS_OF(limit_cases));
    tcase_add_test(tests, a_flow_expires_at_the_end_of_its_last_day_where_the_policy_is);
    tcase_add_test(tests, intra_allow_is_a_flow_after_all_others);
    tcase_add_test(tests, interfaces_with_the_same_zones_are_one_segment);
    tcase_add_loop_test(tests, a_whole_zone_brings_its_link_to_the_gateway_only, 0,
                        (int)ELEMENTS_OF(end_cases));
    tcase_add_loop_test(tests, an_end_is_found_by_name_or_address, 0, (int)ELEMENTS_OF(find_cases));
    tcase_add_test(tests, an_expectation_is_one_packet);
}
