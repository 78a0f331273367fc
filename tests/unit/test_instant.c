/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Instants and spans as texts: lib/base/instant.h. */

#include <check.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "checks.h"

struct instant_case {
    const char *text;
    int64_t seconds;
};

/* By `date -u -d TEXT +%s`. */
static const struct instant_case instant_cases[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59Z", -1},
    {"2027-03-31T15:00:00Z", 1806505200},
    {"2028-02-29T23:59:59Z", 1835481599},
    {"2000-02-29T12:34:56Z", 951827696},
    {"0000-01-01T00:00:00Z", -62167219200},
    {"0987-06-05T04:03:02Z", -31007044618},
    {"9999-12-31T23:59:59Z", 253402300799},
};

START_TEST(an_instant_is_written_and_read_back)
{
    const struct instant_case *c = &instant_cases[_i];
    char text[INSTANT_TEXT_MAX];
    usec_t instant = 42;

    ck_assert_str_eq(instant_format(c->seconds * USEC_PER_SEC, text), c->text);
    ck_assert_int_eq(instant_parse(c->text, &instant), 0);
    ck_assert_int_eq(instant, c->seconds * USEC_PER_SEC);
}
END_TEST

START_TEST(parts_of_a_second_are_rounded_down)
{
    char text[INSTANT_TEXT_MAX];

    ck_assert_str_eq(instant_format(1999999, text), "1970-01-01T00:00:01Z");
    ck_assert_str_eq(instant_format(-1, text), "1969-12-31T23:59:59Z");
}
END_TEST

START_TEST(an_exact_instant_has_its_microseconds)
{
    char text[INSTANT_TEXT_MAX];

    ck_assert_str_eq(instant_format_exact(1000042, text), "1970-01-01T00:00:01.000042Z");
    ck_assert_str_eq(instant_format_exact(-1, text), "1969-12-31T23:59:59.999999Z");
}
END_TEST

START_TEST(what_four_digits_cannot_say_is_the_nearest_they_can)
{
    char text[INSTANT_TEXT_MAX];

    ck_assert_str_eq(instant_format(USEC_NEVER, text), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(instant_format(INT64_MIN, text), "0000-01-01T00:00:00Z");
}
END_TEST

static const char *const no_instants[] = {
    "",
    "2027",
    "2027-03-31",
    "2027-03-31T15:00:00",
    "2027-03-31T15:00:00z",
    "2027-03-31t15:00:00Z",
    "2027-03-31 15:00:00Z",
    "2027-03-31T15:00Z",
    "2027-03-31T15:00:00.0Z",
    "2027-03-31T15:00:00+00:00",
    "2027-03-31T15:00:00Z ",
    " 2027-03-31T15:00:00Z",
    "+027-03-31T15:00:00Z",
    "2027-02-29T15:00:00Z",
    "2027-00-01T15:00:00Z",
    "2027-13-01T15:00:00Z",
    "2027-03-00T15:00:00Z",
    "2027-03-32T15:00:00Z",
    "2027-03-31T24:00:00Z",
    "2027-03-31T15:60:00Z",
    "2016-12-31T23:59:60Z",
    "12027-03-31T15:00:00Z",
};

START_TEST(what_is_written_otherwise_is_no_instant)
{
    usec_t instant = 42;

    ck_assert_int_eq(instant_parse(no_instants[_i], &instant), -EINVAL);
    ck_assert_int_eq(instant, 42);
}
END_TEST

struct span_case {
    const char *text;
    int result;
    int64_t seconds;
};

static const struct span_case span_cases[] = {
    {"1s", 0, 1},
    {"90s", 0, 90},
    {"2m", 0, 120},
    {"1h30m", 0, 5400},
    {"1w2d3h4m5s", 0, 788645},
    {"366d", 0, 31622400},
    {"52w", 0, 31449600},
    {"0h1s", 0, 1},
    {"007m", 0, 420},
    {"0s", -ERANGE, 0},
    {"0w0d", -ERANGE, 0},
    {"367d", -ERANGE, 0},
    {"366d1s", -ERANGE, 0},
    {"53w", -ERANGE, 0},
    {"99999999999999999999999999s", -ERANGE, 0},
    {"18446744073709551617s", -ERANGE, 0},
    {"", -EINVAL, 0},
    {"1", -EINVAL, 0},
    {"h", -EINVAL, 0},
    {"1h30", -EINVAL, 0},
    {"30m1h", -EINVAL, 0},
    {"1h1h", -EINVAL, 0},
    {"1 h", -EINVAL, 0},
    {"-1h", -EINVAL, 0},
    {"+1h", -EINVAL, 0},
    {"1.5h", -EINVAL, 0},
    {"1H", -EINVAL, 0},
    {"1y", -EINVAL, 0},
    {"1h ", -EINVAL, 0},
};

START_TEST(a_span_is_parsed_or_refused)
{
    const struct span_case *c = &span_cases[_i];
    usec_t span = 0;

    ck_assert_int_eq(span_parse(c->text, &span), c->result);
    ck_assert_int_eq(span, c->seconds * USEC_PER_SEC);
}
END_TEST

struct format_case {
    int64_t seconds;
    const char *text;
};

static const struct format_case format_cases[] = {
    {0, "0 s"},
    {-5, "0 s"},
    {1, "1 s"},
    {59, "59 s"},
    {60, "1 min"},
    {120, "2 min"},
    {125, "2 min 5 s"},
    {3600, "1 h"},
    {12000, "3 h 20 min"},
    {12059, "3 h 20 min"},
    {3659, "1 h"},
    {86400, "1 day"},
    {90000, "1 day 1 h"},
    {86400 * 12, "12 days"},
    {86400 * 12 + 59 * 60, "12 days"},
    {86400 * 400 + 23 * 3600, "400 days 23 h"},
    {USEC_NEVER / USEC_PER_SEC, "106751991 days 4 h"},
};

START_TEST(a_span_is_shown_by_its_two_largest_units)
{
    const struct format_case *c = &format_cases[_i];
    char text[SPAN_TEXT_MAX];

    ck_assert_str_eq(span_format(c->seconds * USEC_PER_SEC, text), c->text);
}
END_TEST

static const struct {
    const char *text;
    const char *timezone;
    const char *instant; /* the second; NULL: it is no time */
} wall_cases[] = {
    {"2027-03-31", "Asia/Tokyo", "2027-03-31T14:59:59Z"},
    {"令和9年3月31日", "Asia/Tokyo", "2027-03-31T14:59:59Z"},
    {"2027-03-31T08:30", "Asia/Tokyo", "2027-03-30T23:30:00Z"},
    {"2027-03-31T00:00", "UTC", "2027-03-31T00:00:00Z"},
    {"2027-03-31T23:59", "UTC", "2027-03-31T23:59:00Z"},
    {"2027-07-01T12:00", "Europe/Berlin", "2027-07-01T10:00:00Z"},
    {"2027-12-01T12:00", "Europe/Berlin", "2027-12-01T11:00:00Z"},
    {"2027-02-30", "UTC", NULL},
    {"2027-02-30T12:00", "UTC", NULL},
    {"2027-03-31T24:00", "UTC", NULL},
    {"2027-03-31T8:30", "UTC", NULL},
    {"2027-03-31T08:30Z", "UTC", NULL},
    {"2027-03-31 08:30", "UTC", NULL},
    {"2027-03-31T", "UTC", NULL},
    {"T08:30", "UTC", NULL},
    {"", "UTC", NULL},
};

START_TEST(a_time_on_the_wall_is_an_instant_of_its_zone)
{
    struct wall_instant wall;
    char text[INSTANT_TEXT_MAX];
    usec_t instant;

    ck_assert_int_eq(wall_instant_parse(wall_cases[_i].text, &wall),
                     wall_cases[_i].instant ? 0 : -EINVAL);
    if (!wall_cases[_i].instant)
        return;
    ck_assert_int_eq(wall_instant_find(&wall, wall_cases[_i].timezone, &instant), 0);
    ck_assert_str_eq(instant_format(instant, text), wall_cases[_i].instant);
    ck_assert_int_eq(wall_instant_find(&wall, "Nowhere/Town", &instant), -ENOENT);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, a_time_on_the_wall_is_an_instant_of_its_zone, 0,
                        (int)ELEMENTS_OF(wall_cases));
    tcase_add_loop_test(tests, an_instant_is_written_and_read_back, 0,
                        (int)ELEMENTS_OF(instant_cases));
    tcase_add_test(tests, parts_of_a_second_are_rounded_down);
    tcase_add_test(tests, an_exact_instant_has_its_microseconds);
    tcase_add_test(tests, what_four_digits_cannot_say_is_the_nearest_they_can);
    tcase_add_loop_test(tests, what_is_written_otherwise_is_no_instant, 0,
                        (int)ELEMENTS_OF(no_instants));
    tcase_add_loop_test(tests, a_span_is_parsed_or_refused, 0, (int)ELEMENTS_OF(span_cases));
    tcase_add_loop_test(tests, a_span_is_shown_by_its_two_largest_units, 0,
                        (int)ELEMENTS_OF(format_cases));
}
