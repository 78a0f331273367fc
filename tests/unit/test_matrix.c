/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which flows lead from each zone to each zone: lib/answer/matrix.h. */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "answer/matrix.h"
#include "base/cleanup.h"
#include "checks.h"
#include "tests/reading.h"

static const char policy_text[] =
    "segd: 1\n"
    "timezone: UTC\n"
    "zones:\n"
    "  a: { class: other, interfaces: [if1], networks: [10.1.0.0/24, \"fd00:1::/64\"] }\n"
    "  b: { class: other, interfaces: [if2], networks: [10.2.0.0/24, \"fd00:2::/64\"] }\n"
    "  c: { class: other, interfaces: [if3, if4], networks: [10.3.0.0/24], intra: allow }\n"
    "hosts:\n"
    "  b4: { zone: b, address: 10.2.0.10 }\n"
    "  a6: { zone: a, address: \"fd00:1::10\" }\n"
    "  b6: { zone: b, address: \"fd00:2::10\" }\n"
    "services:\n"
    "  https: tcp/443\n"
    "  dns: [udp/53, tcp/53]\n"
    "  web: tcp/443\n"
    "flows:\n"
    "  one: { from: a, to: b4, services: [dns, https] }\n"
    "  two: { from: a, to: b6, services: [web, tcp/443] }\n"
    "  many: { from: [a6, c], to: [b6, b4], services: [tcp/22] }\n"
    "  mixed: { from: [a6, b4], to: [b6, c], services: [tcp/23] }\n"
    "  off: { from: b4, to: a, services: [https], enabled: false }\n"
    "  old: { from: b, to: a, services: [tcp/24], expires: 2026-03-31 }\n"
    "  all: { from: c, to: a, services: [any] }\n"
    "  in: { from: a, to: gateway, services: [icmp/echo-request] }\n"
    "gateway: { protect: true }\n";

static struct reading reading;
static struct policy *policy;
static struct matrix *matrix;
static usec_t end;

static void set_up(void)
{
    struct date day = {2026, 3, 31};

    ck_assert_int_eq(date_end(day, "UTC", &end), 0);
    read_valid(&reading, policy_text);
    policy = reading.policy;
    ck_assert_int_eq(matrix_new(policy, NULL, end, &matrix), 0);
}

static void tear_down(void)
{
    matrix = matrix_free(matrix);
    reading_clear(&reading);
}

static void append(char text[128], const char *word, const char *name)
{
    size_t length = strlen(text);

    snprintf(text + length, 128 - length, "%s%s%s", length > 0 ? " " : "", word, name);
}

/* Flows, those that do not pass now with `!`, services with `:`. */
static void describe(const struct matrix_cell *cell, char text[128])
{
    text[0] = '\0';
    for (size_t i = 0; i < cell->flows.n; i++)
        append(text, "", policy->flows[cell->flows.indices[i]].name);
    for (size_t i = 0; i < cell->idle.n; i++)
        append(text, "!", policy->flows[cell->idle.indices[i]].name);
    for (size_t i = 0; i < cell->services.n; i++)
        append(text, ":", policy->services[cell->services.indices[i]].name);
    if (cell->any)
        append(text, "", "(any)");
}

/* Zones a, b, c and the gateway. */
static const char *const cells[4][4] = {
    {"", "one two many mixed :https :dns :tcp/22 :tcp/23", "", "in :icmp/echo-request"},
    {"!off !old", "", "mixed :tcp/23", ""},
    {"all :any (any)", "many :tcp/22", "intra:c :any (any)", ""},
    {"", "", "", ""},
};

START_TEST(a_cell_has_the_flows_and_services_of_its_zones)
{
    size_t from = (size_t)_i / 4, to = (size_t)_i % 4;
    char text[128];

    ck_assert_uint_eq(matrix->n_zones, 4);
    describe(matrix_cell(matrix, from, to), text);
    ck_assert_str_eq(text, cells[from][to]);
}
END_TEST

static const struct {
    enum override_kind kind;
    const char *name;
    const char *keep;
    const char *from_a_to_b, *from_b_to_c, *within_c;
} changes[] = {
    {OVERRIDE_SUSPENSION, "one", NULL, "two many mixed !one :web :tcp/22 :tcp/23", "mixed :tcp/23",
     "intra:c :any (any)"},
    {OVERRIDE_SUSPENSION, "mixed", NULL, "one two many !mixed :https :dns :tcp/22", "!mixed",
     "intra:c :any (any)"},
    /* A flow with several zones goes on between those that are not isolated. */
    {OVERRIDE_ISOLATION, "a", NULL, "!one !two !many !mixed", "mixed :tcp/23",
     "intra:c :any (any)"},
    {OVERRIDE_ISOLATION, "a", "two", "two !one !many !mixed :web", "mixed :tcp/23",
     "intra:c :any (any)"},
    {OVERRIDE_ISOLATION, "c", NULL, "one two many mixed :https :dns :tcp/22 :tcp/23", "!mixed",
     "intra:c :any (any)"},
    {OVERRIDE_SUSPENSION, "intra:c", NULL, "one two many mixed :https :dns :tcp/22 :tcp/23",
     "mixed :tcp/23", "!intra:c"},
};

START_TEST(what_operators_changed_is_idle)
{
    char content[FLOW_CONTENT_TEXT_MAX], *keep_ids[] = {content};
    char *keep[] = {(char *)changes[_i].keep};
    struct override override = {
        .kind = changes[_i].kind,
        .name = (char *)changes[_i].name,
        .keep = keep,
        .n_keep = keep[0] ? 1 : 0,
        .keep_ids = keep_ids,
        .n_keep_ids = keep[0] ? 1 : 0,
    };
    const struct overrides overrides = {.overrides = &override, .n_overrides = 1};
    cleanup_(matrix_freep) struct matrix *changed = NULL;
    char text[128];

    if (keep[0])
        flow_content_format(find_flow(policy, keep[0])->digest, content);
    ck_assert_int_eq(matrix_new(policy, &overrides, end, &changed), 0);
    describe(matrix_cell(changed, 0, 1), text);
    ck_assert_str_eq(text, changes[_i].from_a_to_b);
    describe(matrix_cell(changed, 1, 2), text);
    ck_assert_str_eq(text, changes[_i].from_b_to_c);
    describe(matrix_cell(changed, 2, 2), text);
    ck_assert_str_eq(text, changes[_i].within_c);
}
END_TEST

START_TEST(what_is_outside_its_hours_is_idle)
{
    /* The instant is a midnight. */
    static const struct schedule schedule = {
        .days = SCHEDULE_DAYS_ALL, .n_hours = 1, .hours = {{8 * 60, 17 * 60}}};
    cleanup_(matrix_freep) struct matrix *closed = NULL, *open = NULL;
    char text[128];

    ((struct flow *)policy->flows)[0].schedule = &schedule;
    policy->schedules = &schedule;
    policy->n_schedules = 1;

    ck_assert_int_eq(matrix_new(policy, NULL, end, &closed), 0);
    describe(matrix_cell(closed, 0, 1), text);
    ck_assert_str_eq(text, "two many mixed !one :web :tcp/22 :tcp/23");

    ck_assert_int_eq(matrix_new(policy, NULL, end + 9 * 3600 * USEC_PER_SEC, &open), 0);
    describe(matrix_cell(open, 0, 1), text);
    ck_assert_str_eq(text, "one two many mixed :https :dns :tcp/22 :tcp/23");
}
END_TEST

START_TEST(the_gateway_is_a_zone_only_where_it_is_protected)
{
    static const char text[] = "segd: 1\n"
                               "zones:\n"
                               "  z: { class: other, interfaces: [i], networks: [10.0.0.0/24] }\n";
    cleanup_(reading_clear) struct reading bare = {0};
    cleanup_(matrix_freep) struct matrix *bare_matrix = NULL;

    ck_assert_uint_eq(matrix_zone(matrix, 0), 0);
    ck_assert_uint_eq(matrix_zone(matrix, 3), ZONE_GATEWAY);

    ck_assert_int_eq(matrix_new(read_valid(&bare, text), NULL, 0, &bare_matrix), 0);
    ck_assert_uint_eq(bare_matrix->n_zones, 1);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_cell_has_the_flows_and_services_of_its_zones, 0, 16);
    tcase_add_loop_test(tests, what_operators_changed_is_idle, 0, (int)ELEMENTS_OF(changes));
    tcase_add_test(tests, what_is_outside_its_hours_is_idle);
    tcase_add_test(tests, the_gateway_is_a_zone_only_where_it_is_protected);
}
