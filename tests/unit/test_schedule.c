/* SPDX-License-Identifier: GPL-2.0-or-later */

/* When schedules open and close: at midnight, on leap days and where clocks are put. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "checks.h"
#include "policy/schedule.h"

#define MONDAY 0x01
#define FRIDAY 0x10
#define SATURDAY 0x20
#define SUNDAY 0x40
#define WEEKDAYS 0x1f
#define DAILY SCHEDULE_DAYS_ALL

#define AT(hour, minute) ((hour)*60 + (minute))
#define HOURS(first, end) .n_hours = 1, .hours = {{(first), (end)}}
#define WHOLE_DAY HOURS(0, DAY_MINUTES)
#define OFFICE HOURS(AT(8, 30), AT(17, 15))
#define NIGHT HOURS(AT(22, 0), DAY_MINUTES + AT(5, 0))

struct window_case {
    struct schedule schedule;
    const char *timezone_name;
    const char *now; /* in UTC */
    bool open;
    const char *until;
};

static const struct window_case window_cases[] = {
    /* 2026-11-23 is a Monday; Tokyo is nine hours ahead. */
    {{WEEKDAYS, OFFICE}, "Asia/Tokyo", "2026-11-22 23:29:59", false, "2026-11-22 23:30:00"},
    {{WEEKDAYS, OFFICE}, "Asia/Tokyo", "2026-11-22 23:30:00", true, "2026-11-23 08:15:00"},
    {{WEEKDAYS, OFFICE}, "Asia/Tokyo", "2026-11-23 08:14:59", true, "2026-11-23 08:15:00"},
    {{WEEKDAYS, OFFICE}, "Asia/Tokyo", "2026-11-23 08:15:00", false, "2026-11-23 23:30:00"},
    {{WEEKDAYS, OFFICE}, "Asia/Tokyo", "2026-11-27 08:15:00", false, "2026-11-29 23:30:00"},
    /* Midnight, in UTC and not. */
    {{MONDAY, WHOLE_DAY}, "UTC", "2026-11-22 23:59:59", false, "2026-11-23 00:00:00"},
    {{MONDAY, WHOLE_DAY}, "UTC", "2026-11-23 00:00:00", true, "2026-11-24 00:00:00"},
    {{MONDAY, WHOLE_DAY}, "UTC", "2026-11-23 23:59:59", true, "2026-11-24 00:00:00"},
    {{MONDAY, WHOLE_DAY}, "UTC", "2026-11-24 00:00:00", false, "2026-11-30 00:00:00"},
    {{MONDAY, WHOLE_DAY}, "Asia/Tokyo", "2026-11-22 15:00:00", true, "2026-11-23 15:00:00"},
    {{DAILY, HOURS(AT(23, 59), DAY_MINUTES)},
     "UTC",
     "2026-11-23 23:58:59",
     false,
     "2026-11-23 23:59:00"},
    {{DAILY, HOURS(AT(23, 59), DAY_MINUTES)},
     "UTC",
     "2026-11-23 23:59:00",
     true,
     "2026-11-24 00:00:00"},
    {{DAILY, HOURS(0, 1)}, "UTC", "2026-11-23 00:00:30", true, "2026-11-23 00:01:00"},
    /* Days that follow each other are one. */
    {{WEEKDAYS, WHOLE_DAY}, "UTC", "2026-11-23 10:00:00", true, "2026-11-28 00:00:00"},
    {{MONDAY | SUNDAY, WHOLE_DAY}, "UTC", "2026-11-22 10:00:00", true, "2026-11-24 00:00:00"},
    /* A night belongs to the day on which it begins. */
    {{FRIDAY, NIGHT}, "UTC", "2026-11-27 04:00:00", false, "2026-11-27 22:00:00"},
    {{FRIDAY, NIGHT}, "UTC", "2026-11-27 22:00:00", true, "2026-11-28 05:00:00"},
    {{FRIDAY, NIGHT}, "UTC", "2026-11-28 00:00:00", true, "2026-11-28 05:00:00"},
    {{FRIDAY, NIGHT}, "UTC", "2026-11-28 05:00:00", false, "2026-12-04 22:00:00"},
    {{SUNDAY, NIGHT}, "UTC", "2026-11-23 04:59:59", true, "2026-11-23 05:00:00"},
    {{MONDAY, NIGHT}, "UTC", "2026-11-23 04:59:59", false, "2026-11-23 22:00:00"},
    /* Several hours of a day. */
    {{DAILY, .n_hours = 2, .hours = {{AT(8, 30), AT(12, 0)}, {AT(13, 0), AT(17, 15)}}},
     "UTC",
     "2026-11-23 11:00:00",
     true,
     "2026-11-23 12:00:00"},
    {{DAILY, .n_hours = 2, .hours = {{AT(8, 30), AT(12, 0)}, {AT(13, 0), AT(17, 15)}}},
     "UTC",
     "2026-11-23 12:00:00",
     false,
     "2026-11-23 13:00:00"},
    {{DAILY, .n_hours = 2, .hours = {{AT(8, 30), AT(12, 0)}, {AT(12, 0), AT(17, 15)}}},
     "UTC",
     "2026-11-23 11:00:00",
     true,
     "2026-11-23 17:15:00"},
    /* 2028-02-29 is a Tuesday; 2100 has no leap day. */
    {{0x02, WHOLE_DAY}, "UTC", "2028-02-28 12:00:00", false, "2028-02-29 00:00:00"},
    {{0x02, WHOLE_DAY}, "UTC", "2028-02-29 12:00:00", true, "2028-03-01 00:00:00"},
    {{MONDAY, WHOLE_DAY}, "UTC", "2100-02-28 12:00:00", false, "2100-03-01 00:00:00"},
    {{0x08, NIGHT}, "UTC", "2026-12-31 23:59:59", true, "2027-01-01 05:00:00"},
    /* Berlin: 2:00 becomes 3:00 on 2027-03-28, 3:00 becomes 2:00 on 2027-10-31, both at 1:00 UTC.
     */
    {{DAILY, NIGHT}, "Europe/Berlin", "2027-03-27 21:00:00", true, "2027-03-28 03:00:00"},
    {{DAILY, NIGHT}, "Europe/Berlin", "2027-10-30 20:00:00", true, "2027-10-31 04:00:00"},
    {{DAILY, HOURS(AT(2, 15), AT(2, 45))},
     "Europe/Berlin",
     "2027-03-27 12:00:00",
     false,
     "2027-03-29 00:15:00"},
    {{SUNDAY, HOURS(AT(2, 15), AT(2, 45))},
     "Europe/Berlin",
     "2027-03-22 12:00:00",
     false,
     "2027-04-04 00:15:00"},
    {{DAILY, HOURS(AT(2, 30), AT(4, 0))},
     "Europe/Berlin",
     "2027-03-28 00:59:59",
     false,
     "2027-03-28 01:00:00"},
    {{DAILY, HOURS(AT(1, 0), AT(2, 30))},
     "Europe/Berlin",
     "2027-03-28 00:00:00",
     true,
     "2027-03-28 01:00:00"},
    {{DAILY, HOURS(AT(1, 0), AT(2, 30))},
     "Europe/Berlin",
     "2027-10-31 00:00:00",
     true,
     "2027-10-31 00:30:00"},
    {{DAILY, HOURS(AT(1, 0), AT(2, 30))},
     "Europe/Berlin",
     "2027-10-31 00:30:00",
     false,
     "2027-10-31 01:00:00"},
    {{DAILY, HOURS(AT(1, 0), AT(2, 30))},
     "Europe/Berlin",
     "2027-10-31 01:00:00",
     true,
     "2027-10-31 01:30:00"},
    {{SUNDAY, WHOLE_DAY}, "Europe/Berlin", "2027-03-27 23:00:00", true, "2027-03-28 22:00:00"},
    {{SUNDAY, WHOLE_DAY}, "Europe/Berlin", "2027-10-30 22:00:00", true, "2027-10-31 23:00:00"},
    /* Lord Howe: half an hour, 2:00 to 2:30 on 2026-10-04 and 2:00 to 1:30 on 2027-04-04, both at
     * 15:30 and 15:00 UTC of the day before. */
    {{DAILY, HOURS(AT(2, 15), AT(3, 0))},
     "Australia/Lord_Howe",
     "2026-10-03 15:00:00",
     false,
     "2026-10-03 15:30:00"},
    {{DAILY, HOURS(AT(2, 15), AT(3, 0))},
     "Australia/Lord_Howe",
     "2026-10-03 15:30:00",
     true,
     "2026-10-03 16:00:00"},
    {{DAILY, HOURS(AT(1, 0), AT(1, 45))},
     "Australia/Lord_Howe",
     "2027-04-03 14:00:00",
     true,
     "2027-04-03 14:45:00"},
    {{DAILY, HOURS(AT(1, 0), AT(1, 45))},
     "Australia/Lord_Howe",
     "2027-04-03 14:45:00",
     false,
     "2027-04-03 15:00:00"},
    {{DAILY, HOURS(AT(1, 0), AT(1, 45))},
     "Australia/Lord_Howe",
     "2027-04-03 15:00:00",
     true,
     "2027-04-03 15:15:00"},
    /* Samoa had no Friday 2011-12-30. */
    {{FRIDAY, WHOLE_DAY}, "Pacific/Apia", "2011-12-30 09:00:00", false, "2012-01-05 10:00:00"},
    {{SATURDAY, WHOLE_DAY}, "Pacific/Apia", "2011-12-30 09:00:00", false, "2011-12-30 10:00:00"},
    /* Midnight itself is skipped. */
    {{SUNDAY, WHOLE_DAY}, "America/Sao_Paulo", "2018-11-04 02:59:59", false, "2018-11-04 03:00:00"},
    /* Before 1970, and beyond the transitions that are listed. */
    {{0x04, WHOLE_DAY}, "UTC", "1969-12-31 23:59:59", true, "1970-01-01 00:00:00"},
    {{FRIDAY, WHOLE_DAY}, "Europe/Berlin", "9999-12-30 23:00:00", true, "9999-12-31 23:00:00"},
};

static usec_t instant(const char *text)
{
    struct tm tm = {0};

    ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm) * USEC_PER_SEC;
}

START_TEST(a_schedule_opens_and_closes_by_the_clock_on_the_wall)
{
    const struct window_case *c = &window_cases[_i];
    usec_t until;
    bool open;

    ck_assert_int_eq(
        schedule_window(&c->schedule, c->timezone_name, instant(c->now), &open, &until), 0);
    ck_assert_int_eq(open, c->open);
    ck_assert_int_eq(until / USEC_PER_SEC, instant(c->until) / USEC_PER_SEC);
    ck_assert_int_eq(until % USEC_PER_SEC, 0);

    ck_assert_int_eq(schedule_window(&c->schedule, c->timezone_name, until, &open, &until), 0);
    ck_assert_int_eq(open, !c->open);
}
END_TEST

START_TEST(the_last_microsecond_counts)
{
    const struct schedule schedule = {MONDAY, WHOLE_DAY};
    usec_t until, end = instant("2026-11-24 00:00:00");
    bool open;

    ck_assert_int_eq(schedule_window(&schedule, "UTC", end - 1, &open, &until), 0);
    ck_assert(open);
    ck_assert_int_eq(until, end);

    ck_assert_int_eq(schedule_window(&(struct schedule){0x04, WHOLE_DAY}, "UTC", -1, &open, &until),
                     0);
    ck_assert(open);
    ck_assert_int_eq(until, 0);
}
END_TEST

START_TEST(what_is_always_open_never_changes)
{
    static const struct schedule always[] = {
        {DAILY, WHOLE_DAY},
        {DAILY, HOURS(AT(5, 0), DAY_MINUTES + AT(5, 0))},
        {DAILY, .n_hours = 2,
         .hours = {{AT(5, 0), AT(22, 0)}, {AT(22, 0), DAY_MINUTES + AT(5, 0)}}},
    };
    usec_t until;
    bool open;

    for (size_t i = 0; i < ELEMENTS_OF(always); i++) {
        ck_assert(schedule_is_always(&always[i]));
        ck_assert_int_eq(schedule_window(&always[i], "Europe/Berlin", 0, &open, &until), 0);
        ck_assert(open);
        ck_assert_int_eq(until, USEC_NEVER);
    }
    ck_assert(!schedule_is_always(&(struct schedule){WEEKDAYS, WHOLE_DAY}));
    ck_assert(!schedule_is_always(&(struct schedule){DAILY, HOURS(0, DAY_MINUTES - 1)}));
}
END_TEST

START_TEST(an_unknown_zone_is_refused)
{
    const struct schedule schedule = {MONDAY, WHOLE_DAY};
    usec_t until;
    bool open;

    ck_assert_int_eq(schedule_window(&schedule, "Asia/Nowhere", 0, &open, &until), -ENOENT);
}
END_TEST

START_TEST(a_window_reaches_to_either_end_of_time)
{
    const struct schedule schedule = {MONDAY, NIGHT};
    usec_t until;
    bool open;

    ck_assert_int_eq(schedule_window(&schedule, "Europe/Berlin", USEC_NEVER, &open, &until), 0);
    ck_assert_int_eq(until, USEC_NEVER);
    ck_assert_int_eq(schedule_window(&schedule, "Europe/Berlin", INT64_MIN, &open, &until), 0);
}
END_TEST

/* What is open at a time, said as plainly as can be: the time and the time a day before. */
static bool naively_open(const struct schedule *schedule, time_t time)
{
    struct tm tm;
    int minute, day;

    localtime_r(&time, &tm);
    minute = tm.tm_hour * 60 + tm.tm_min;
    day = tm.tm_wday == 0 ? 6 : tm.tm_wday - 1;
    for (size_t i = 0; i < schedule->n_hours; i++) {
        for (int m = schedule->hours[i].first_minute; m < schedule->hours[i].end_minute; m++) {
            int of = m < DAY_MINUTES ? day : (day + 6) % 7;

            if (m % DAY_MINUTES == minute && schedule->days & 1 << of)
                return true;
        }
    }
    return false;
}

struct walk_case {
    const char *timezone_name;
    const char *from;
};

/* Some days around each change of clocks. */
static const struct walk_case walk_cases[] = {
    {"UTC", "2026-12-29 00:00:00"},
    {"Asia/Tokyo", "2028-02-26 00:00:00"},
    {"Europe/Berlin", "2027-03-26 00:00:00"},
    {"Europe/Berlin", "2027-10-29 00:00:00"},
    {"Australia/Lord_Howe", "2026-10-01 00:00:00"},
    {"Australia/Lord_Howe", "2027-04-01 00:00:00"},
    {"America/St_Johns", "2008-10-31 00:00:00"},
    {"America/Sao_Paulo", "2018-11-02 00:00:00"},
    {"Pacific/Apia", "2011-12-28 00:00:00"},
};

START_TEST(each_minute_is_as_a_simple_look_at_the_clock_says)
{
    static const struct schedule schedules[] = {
        {WEEKDAYS, OFFICE},
        {DAILY, NIGHT},
        {SATURDAY, NIGHT},
        {SUNDAY, HOURS(AT(1, 45), AT(2, 15))},
        {DAILY, .n_hours = 3,
         .hours = {{0, 1}, {AT(0, 30), AT(2, 30)}, {AT(23, 59), DAY_MINUTES + AT(0, 20)}}},
    };
    const struct walk_case *c = &walk_cases[_i];
    usec_t from = instant(c->from);

    ck_assert_int_eq(setenv("TZ", c->timezone_name, 1), 0);
    tzset();
    for (size_t i = 0; i < ELEMENTS_OF(schedules); i++) {
        usec_t until = from;
        bool open = false;

        for (int minute = 0; minute < 6 * DAY_MINUTES; minute++) {
            usec_t now = from + minute * 60 * USEC_PER_SEC;

            if (now >= until)
                ck_assert_int_eq(
                    schedule_window(&schedules[i], c->timezone_name, now, &open, &until), 0);
            ck_assert_msg(open == naively_open(&schedules[i], now / USEC_PER_SEC),
                          "schedule %zu, minute %d", i, minute);
        }
    }
}
END_TEST

static const struct {
    struct schedule a, b;
    bool meet;
} meetings[] = {
    {{DAILY, OFFICE}, {DAILY, NIGHT}, false},
    {{DAILY, OFFICE}, {DAILY, HOURS(AT(17, 15), AT(18, 0))}, false},
    {{DAILY, OFFICE}, {DAILY, HOURS(AT(17, 14), AT(18, 0))}, true},
    {{DAILY, WHOLE_DAY}, {1 << 3, HOURS(AT(12, 0), AT(12, 1))}, true},
    /* A night of Sunday ends on Monday. */
    {{1 << 6, NIGHT}, {1 << 0, HOURS(AT(4, 59), AT(6, 0))}, true},
    {{1 << 6, NIGHT}, {1 << 0, HOURS(AT(5, 0), AT(6, 0))}, false},
    {{1 << 0, WHOLE_DAY}, {1 << 1, WHOLE_DAY}, false},
};

START_TEST(schedules_meet_if_they_are_open_in_one_minute)
{
    const struct schedule *a = &meetings[_i].a, *b = &meetings[_i].b;
    bool together = false;

    for (unsigned minute = 0; minute < WEEK_MINUTES; minute++)
        together = together || (schedule_is_open(a, minute) && schedule_is_open(b, minute));
    ck_assert_int_eq(together, meetings[_i].meet);
    ck_assert_int_eq(schedule_meets(a, b), meetings[_i].meet);
    ck_assert_int_eq(schedule_meets(b, a), meetings[_i].meet);
    ck_assert(schedule_meets(a, NULL) && schedule_meets(NULL, b) && schedule_meets(NULL, NULL));
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, schedules_meet_if_they_are_open_in_one_minute, 0,
                        (int)ELEMENTS_OF(meetings));
    tcase_add_loop_test(tests, a_schedule_opens_and_closes_by_the_clock_on_the_wall, 0,
                        (int)ELEMENTS_OF(window_cases));
    tcase_add_test(tests, the_last_microsecond_counts);
    tcase_add_test(tests, what_is_always_open_never_changes);
    tcase_add_test(tests, an_unknown_zone_is_refused);
    tcase_add_test(tests, a_window_reaches_to_either_end_of_time);
    tcase_add_loop_test(tests, each_minute_is_as_a_simple_look_at_the_clock_says, 0,
                        (int)ELEMENTS_OF(walk_cases));
}
