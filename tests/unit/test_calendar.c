/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Dates, Japanese dates and where days end: lib/base/calendar.h. */

#include <check.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "checks.h"

struct parse_case {
    const char *text;
    int result;
    const char *iso;
};

static const struct parse_case parse_cases[] = {
    {"2027-03-31", 0, "2027-03-31"},
    {"2028-02-29", 0, "2028-02-29"},
    {"2000-02-29", 0, "2000-02-29"},
    {"0001-01-01", 0, "0001-01-01"},
    {"9999-12-31", 0, "9999-12-31"},
    {"令和9年3月31日", 0, "2027-03-31"},
    {"令和09年03月05日", 0, "2027-03-05"},
    {"令和元年5月1日", 0, "2019-05-01"},
    {"令和1年12月31日", 0, "2019-12-31"},
    {"令和7981年12月31日", 0, "9999-12-31"},
    {"平成元年1月8日", 0, "1989-01-08"},
    {"平成31年4月30日", 0, "2019-04-30"},
    {"昭和元年12月25日", 0, "1926-12-25"},
    {"昭和64年1月7日", 0, "1989-01-07"},
    {"2027-02-29", -ERANGE, NULL},
    {"2100-02-29", -ERANGE, NULL},
    {"2027-00-10", -ERANGE, NULL},
    {"2027-13-01", -ERANGE, NULL},
    {"2027-04-31", -ERANGE, NULL},
    {"2027-04-00", -ERANGE, NULL},
    {"0000-01-01", -ERANGE, NULL},
    {"平成40年1月1日", -ERANGE, NULL},
    {"平成31年5月1日", -ERANGE, NULL},
    {"平成元年1月7日", -ERANGE, NULL},
    {"令和元年4月30日", -ERANGE, NULL},
    {"昭和元年12月24日", -ERANGE, NULL},
    {"昭和64年1月8日", -ERANGE, NULL},
    {"令和0年5月1日", -ERANGE, NULL},
    {"令和9年2月29日", -ERANGE, NULL},
    {"令和7982年1月1日", -ERANGE, NULL},
    {"", -EINVAL, NULL},
    {"2027-3-31", -EINVAL, NULL},
    {"2027-03-31 ", -EINVAL, NULL},
    {" 2027-03-31", -EINVAL, NULL},
    {"2027/03/31", -EINVAL, NULL},
    {"20270331", -EINVAL, NULL},
    {"12027-03-31", -EINVAL, NULL},
    {"2027-03-311", -EINVAL, NULL},
    {"+027-03-31", -EINVAL, NULL},
    {"-027-03-31", -EINVAL, NULL},
    {"大正15年12月24日", -EINVAL, NULL},
    {"令和年3月31日", -EINVAL, NULL},
    {"令和9年3月31", -EINVAL, NULL},
    {"令和9年3月31日まで", -EINVAL, NULL},
    {"令和9年003月31日", -EINVAL, NULL},
    {"令和 9年3月31日", -EINVAL, NULL},
    {"R9.3.31", -EINVAL, NULL},
    {"２０２７-03-31", -EILSEQ, NULL},
    {"2027-03-3１", -EILSEQ, NULL},
    {"令和９年3月31日", -EILSEQ, NULL},
    {"令和0年３月", -EILSEQ, NULL},
    {"2027－03－31", -EINVAL, NULL},
    {"\xef\xbc", -EINVAL, NULL},
};

START_TEST(a_date_is_parsed_or_refused)
{
    const struct parse_case *c = &parse_cases[_i];
    char text[DATE_TEXT_MAX];
    struct date date;

    ck_assert_int_eq(date_parse(c->text, &date), c->result);
    if (c->result == 0)
        ck_assert_str_eq(date_format_iso(date, text), c->iso);
}
END_TEST

struct format_case {
    struct date date;
    const char *japanese;
};

static const struct format_case format_cases[] = {
    {{1926, 12, 24}, "1926-12-24"},         {{1926, 12, 25}, "昭和元年12月25日"},
    {{1927, 1, 1}, "昭和2年1月1日"},        {{1989, 1, 7}, "昭和64年1月7日"},
    {{1989, 1, 8}, "平成元年1月8日"},       {{2019, 4, 30}, "平成31年4月30日"},
    {{2019, 5, 1}, "令和元年5月1日"},       {{2027, 3, 31}, "令和9年3月31日"},
    {{9999, 12, 31}, "令和7981年12月31日"},
};

START_TEST(a_date_is_written_in_its_era)
{
    const struct format_case *c = &format_cases[_i];
    char text[DATE_TEXT_MAX];
    struct date parsed;

    ck_assert_str_eq(date_format_japanese(c->date, text), c->japanese);
    ck_assert_int_eq(date_parse(text, &parsed), 0);
    ck_assert_int_eq(date_compare(parsed, c->date), 0);
}
END_TEST

START_TEST(dates_are_compared_by_year_month_day)
{
    static const struct date sorted[] = {
        {2026, 12, 31}, {2027, 1, 1}, {2027, 1, 2}, {2027, 2, 1}, {2028, 1, 1}};

    for (size_t i = 0; i < ELEMENTS_OF(sorted); i++) {
        for (size_t j = 0; j < ELEMENTS_OF(sorted); j++)
            ck_assert_int_eq(date_compare(sorted[i], sorted[j]), (i > j) - (i < j));
    }
}
END_TEST

static const char *const bad_timezones[] = {
    "",
    "/etc/localtime",
    "../zoneinfo/Asia/Tokyo",
    "Asia/../Asia/Tokyo",
    "Asia//Tokyo",
    "Asia/Tokyo/",
    "Asia/Tokyo/x",
    "Asia/Tokio",
    "asia/tokyo",
    "Asia",
    "zone.tab",
    "tzdata.zi",
    "leapseconds",
    ":Asia/Tokyo",
    "JST-9",
    "right/Asia/Tokyo",
    "東京",
};

START_TEST(a_zone_that_the_database_lacks_is_refused)
{
    usec_t end = 42;

    ck_assert_int_eq(timezone_check(bad_timezones[_i]), -ENOENT);
    ck_assert_int_eq(date_end((struct date){2027, 3, 31}, bad_timezones[_i], &end), -ENOENT);
    ck_assert_int_eq(end, 42);
}
END_TEST

START_TEST(an_overlong_zone_is_refused)
{
    char name[5000];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert_int_eq(timezone_check(name), -ENOENT);
}
END_TEST

struct end_case {
    struct date date;
    const char *timezone_name;
    int64_t end;
};

/* By `TZ=zone date -d 'date + 1 day 00:00'`, where midnight exists once. */
static const struct end_case end_cases[] = {
    {{2027, 3, 31}, "Asia/Tokyo", 1806505200},
    {{2027, 3, 31}, "UTC", 1806537600},
    {{2027, 12, 31}, "Asia/Tokyo", 1830265200},
    {{2028, 2, 28}, "Asia/Tokyo", 1835362800},
    {{2028, 2, 29}, "Asia/Tokyo", 1835449200},
    {{1969, 12, 31}, "UTC", 0},
    /* A day of 23 and one of 25 hours. */
    {{2027, 3, 28}, "Europe/Berlin", 1806271200},
    {{2027, 10, 31}, "Europe/Berlin", 1825023600},
    /* Beyond the transitions that are listed, by the rule at the end of the file. */
    {{9999, 7, 31}, "Europe/Berlin", 253389074400},
    {{9999, 12, 31}, "Asia/Tokyo", 253402268400},
    /* The next midnight does not exist: the day ends where 1:00 begins. */
    {{2018, 11, 3}, "America/Sao_Paulo", 1541300400},
    {{2018, 11, 4}, "America/Sao_Paulo", 1541383200},
    {{2024, 3, 30}, "Asia/Beirut", 1711836000},
    /* Midnight comes twice, for the clock goes back from 1:00: the day ends at the first. */
    {{2020, 10, 31}, "America/Havana", 1604203200},
    /* The clock goes back at 0:01: the day goes on for 59 minutes. */
    {{2008, 11, 1}, "America/St_Johns", 1225596600},
    {{2008, 11, 1}, "America/Goose_Bay", 1225598400},
    /* The day was left out. */
    {{2011, 12, 29}, "Pacific/Apia", 1325239200},
    {{2011, 12, 30}, "Pacific/Apia", 1325239200},
    {{2011, 12, 31}, "Pacific/Apia", 1325325600},
};

START_TEST(a_day_ends_where_its_zone_says)
{
    const struct end_case *c = &end_cases[_i];
    usec_t end;

    ck_assert_int_eq(date_end(c->date, c->timezone_name, &end), 0);
    ck_assert_int_eq(end, c->end * USEC_PER_SEC);
}
END_TEST

START_TEST(every_day_ends_after_the_day_before)
{
    static const char *const zones[] = {"Asia/Tokyo", "America/Sao_Paulo", "Asia/Beirut"};

    for (size_t i = 0; i < ELEMENTS_OF(zones); i++) {
        usec_t previous = 0;

        for (int day = 0; day < 800; day++) {
            struct tm tm = {.tm_year = 117, .tm_mday = 1 + day};
            usec_t end;

            timegm(&tm);
            ck_assert_int_eq(date_end((struct date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday},
                                      zones[i], &end),
                             0);
            if (day > 0) {
                ck_assert_int_ge(end - previous, 23 * 3600 * USEC_PER_SEC);
                ck_assert_int_le(end - previous, 25 * 3600 * USEC_PER_SEC);
            }
            previous = end;
        }
    }
}
END_TEST

START_TEST(the_zone_of_the_process_stays_its_own)
{
    time_t noon = 1806505200;
    struct tm tm;
    usec_t end;

    ck_assert_int_eq(setenv("TZ", "America/New_York", 1), 0);
    tzset();
    ck_assert_int_eq(date_end((struct date){2027, 3, 31}, "Asia/Tokyo", &end), 0);

    ck_assert_int_eq(end, 1806505200 * USEC_PER_SEC);
    ck_assert_str_eq(getenv("TZ"), "America/New_York");
    ck_assert_ptr_nonnull(localtime_r(&noon, &tm));
    ck_assert_int_eq(tm.tm_gmtoff, -4 * 3600);
}
END_TEST

START_TEST(now_is_the_time_of_the_clock)
{
    time_t before = time(NULL);
    usec_t now = calendar_now();

    /* time() may lag behind by a tick of the clock. */
    ck_assert_int_ge(now, before * USEC_PER_SEC);
    ck_assert_int_le(now, (time(NULL) + 2) * USEC_PER_SEC);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, a_date_is_parsed_or_refused, 0, (int)ELEMENTS_OF(parse_cases));
    tcase_add_loop_test(tests, a_date_is_written_in_its_era, 0, (int)ELEMENTS_OF(format_cases));
    tcase_add_test(tests, dates_are_compared_by_year_month_day);
    tcase_add_loop_test(tests, a_zone_that_the_database_lacks_is_refused, 0,
                        (int)ELEMENTS_OF(bad_timezones));
    tcase_add_test(tests, an_overlong_zone_is_refused);
    tcase_add_loop_test(tests, a_day_ends_where_its_zone_says, 0, (int)ELEMENTS_OF(end_cases));
    tcase_add_test(tests, every_day_ends_after_the_day_before);
    tcase_add_test(tests, the_zone_of_the_process_stays_its_own);
    tcase_add_test(tests, now_is_the_time_of_the_clock);
}
