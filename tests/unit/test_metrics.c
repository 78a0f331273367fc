/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bounds of metrics: whatever segd answers, a page has a most of samples, says what it left
 * out, and names nothing twice. What it says word for word is in tests/golden/remote.
 */

#include "metrics/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"

/* The page; the caller frees it. */
static char *write_page(const struct metrics *metrics)
{
    char *text = NULL;
    size_t size;

    ck_assert_int_eq(metrics_write(metrics, NULL, EXPOSITION_PROMETHEUS, &text, &size), 0);
    ck_assert_uint_eq(strlen(text), size);
    return text;
}

/* Lines that begin so. A page is long: nothing here looks for its end more than once. */
static size_t count(const char *page, const char *start)
{
    const char *end = page + strlen(page), *next;
    const size_t size = strlen(start);
    size_t n = 0;

    for (const char *line = page; (next = memchr(line, '\n', (size_t)(end - line)));
         line = next + 1)
        n += (size_t)(end - line) >= size && memcmp(line, start, size) == 0;
    return n;
}

static json_t *numbers(size_t n, json_int_t value)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_integer(value));
    return array;
}

static void add_counters(struct metrics *metrics, size_t n)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    json_t *names = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(names, json_sprintf("flow-%05zu", i));
    reply = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "generation", 1, "names", names,
                      "original_packets", numbers(n, 1), "original_bytes", numbers(n, 2),
                      "reply_packets", numbers(n, 3), "reply_bytes", numbers(n, 4));
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(metrics_add(metrics, METRICS_COUNTERS, reply), 0);
}

static void add_status(struct metrics *metrics, size_t n_zones, size_t n_expiring)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    json_t *zones = json_array(), *expiring = json_array();

    for (size_t i = 0; i < n_zones; i++)
        json_array_append_new(zones, json_pack("{s:o, s:s, s:s, s:s, s:b}", "name",
                                               json_sprintf("z%zu", i), "label", "x", "class",
                                               "other", "state", "up", "isolated", 0));
    for (size_t i = 0; i < n_expiring; i++)
        json_array_append_new(expiring,
                              json_pack("{s:o, s:s, s:s, s:i, s:i}", "name",
                                        json_sprintf("flow-%zu", i), "label", "x", "expires",
                                        "2027-03-31T15:00:00Z", "days", 5, "warning", 7));
    reply = json_pack("{s:s, s:o, s:o}", "mode", "enforcing", "zones", zones, "expiring", expiring);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(metrics_add(metrics, METRICS_STATUS, reply), 0);
}

static void add_drops(struct metrics *metrics, size_t n)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    json_t *drops = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            drops, json_pack("{s:s, s:n, s:n, s:o, s:i, s:i}", "reason", "limited", "from", "to",
                             "flow", json_sprintf("flow-%zu", i), "packets", 1, "bytes", 2));
    reply = json_pack("{s:o}", "drops", drops);
    ck_assert_int_eq(metrics_add(metrics, METRICS_DROPS, reply), 0);
}

static void expect_line(const char *page, const char *line)
{
    ck_assert_msg(count(page, line) == 1, "%s is there %zu times", line, count(page, line));
}

START_TEST(flows_have_a_most)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(freep) char *page = NULL;

    add_counters(&metrics, METRICS_FLOWS_MAX + 3);
    page = write_page(&metrics);
    ck_assert_uint_eq(count(page, "segd_flow_packets_total{"), (size_t)2 * METRICS_FLOWS_MAX);
    expect_line(page, "segd_left_out{what=\"flows\"} 3\n");
    expect_line(page, "segd_flow_bytes_total{flow=\"flow-49999\",direction=\"reply\"} 4\n");
}
END_TEST

START_TEST(lists_of_other_lengths_are_read_as_far_as_they_go)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(json_decrefp) json_t *reply = json_pack(
        "{s:[s, s], s:[i], s:[i, i], s:[i, i], s:[i, i]}", "names", "a", "b", "original_packets", 1,
        "original_bytes", 1, 1, "reply_packets", 1, 1, "reply_bytes", 1, 1);
    cleanup_(freep) char *page = NULL;

    ck_assert_int_eq(metrics_add(&metrics, METRICS_COUNTERS, reply), 0);
    page = write_page(&metrics);
    ck_assert_uint_eq(count(page, "segd_flow_packets_total{"), 2);
}
END_TEST

START_TEST(zones_have_a_most_and_zeros_for_fewer)
{
    static const struct {
        size_t zones, shown, refused;
    } cases[] = {
        {0, 0, 2},
        {3, 3, 2 + 3 * 4 + 3 * 2 * 3},
        {METRICS_ZERO_ZONES_MAX + 1, METRICS_ZERO_ZONES_MAX + 1,
         2 + (METRICS_ZERO_ZONES_MAX + 1) * 4},
        {METRICS_ZONES_MAX + 1, METRICS_ZONES_MAX, 2 + METRICS_ZONES_MAX * 4},
    };

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        cleanup_(metrics_clear) struct metrics metrics = {0};
        cleanup_(freep) char *page = NULL;

        add_status(&metrics, cases[i].zones, 0);
        add_drops(&metrics, 0);
        page = write_page(&metrics);
        ck_assert_uint_eq(count(page, "segd_zone_up{"), cases[i].shown);
        ck_assert_uint_eq(count(page, "segd_refused_packets_total{"), cases[i].refused);
    }
}
END_TEST

START_TEST(refused_and_expiring_have_a_most)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(freep) char *page = NULL;

    add_status(&metrics, 0, METRICS_EXPIRING_MAX + 1);
    add_drops(&metrics, METRICS_REFUSED_MAX);
    page = write_page(&metrics);
    ck_assert_uint_eq(count(page, "segd_refused_packets_total{"), METRICS_REFUSED_MAX);
    expect_line(page, "segd_left_out{what=\"refused\"} 2\n");
    ck_assert_uint_eq(count(page, "segd_flow_expiry_timestamp_seconds{"), METRICS_EXPIRING_MAX);
    expect_line(page, "segd_left_out{what=\"expiring\"} 1\n");
    expect_line(page, "segd_expiring_flows{days=\"7\"} 1001\n");
}
END_TEST

START_TEST(nothing_that_answers_is_told)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(freep) char *page = write_page(&metrics);

    expect_line(page, "segd_method_up{method=\"GetStatus\"} 0\n");
    ck_assert_uint_eq(count(page, "segd_enforcing"), 0);
    ck_assert_uint_eq(count(page, "segd_refused_packets_total"), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, flows_have_a_most);
    tcase_add_test(tests, lists_of_other_lengths_are_read_as_far_as_they_go);
    tcase_add_test(tests, zones_have_a_most_and_zeros_for_fewer);
    tcase_add_test(tests, refused_and_expiring_have_a_most);
    tcase_add_test(tests, nothing_that_answers_is_told);
}
