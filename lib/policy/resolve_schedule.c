/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * When a flow is open and how much it may do: `schedule` and `limit`. Each schedule that flows have
 * is kept once, however many have it, so that who looks at the clock looks once for all of them.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compare.h"
#include "policy/resolver.h"
#include "policy/spelling.h"

#define DAYS 7

static const char *const day_names[DAYS][2] = {
    {"mon", "月"}, {"tue", "火"}, {"wed", "水"}, {"thu", "木"},
    {"fri", "金"}, {"sat", "土"}, {"sun", "日"},
};

/* Reads the name of a day and moves after it. Returns its number from Monday, or -EINVAL. */
static int take_day(const char **text)
{
    for (int day = 0; day < DAYS; day++) {
        for (size_t i = 0; i < ELEMENTS_OF(day_names[day]); i++) {
            size_t length = strlen(day_names[day][i]);

            if (strncmp(*text, day_names[day][i], length) == 0) {
                *text += length;
                return day;
            }
        }
    }
    return -EINVAL;
}

/* `wed`, `mon-fri`, `sat-mon` or `daily`. Returns the days as bits, or -EINVAL. */
static int parse_days(const char *text)
{
    int first, last, days;

    if (strcmp(text, "daily") == 0)
        return SCHEDULE_DAYS_ALL;

    first = last = take_day(&text);
    if (first >= 0 && *text == '-') {
        text++;
        last = take_day(&text);
        if (last == first)
            return -EINVAL;
    }
    if (first < 0 || last < 0 || *text)
        return -EINVAL;

    days = 1 << last;
    for (int day = first; day != last; day = (day + 1) % DAYS)
        days |= 1 << day;
    return days;
}

static int resolve_days(struct resolver *resolver, const struct draft_text *list, uint8_t *ret_days)
{
    struct report *report = &resolver->report;
    unsigned days = list ? 0 : SCHEDULE_DAYS_ALL;
    int r, result = 0;

    for (const struct draft_text *text = list; text; text = text->next) {
        int more = parse_days(text->text);

        if (more < 0) {
            r = report_text(report, text, "a day", "invalid-schedule",
                            "days are mon, tue, wed, thu, fri, sat and sun, ranges of them "
                            "such as mon-fri, and daily",
                            "`%s` is not a day or a range of days", text->text);
        } else if ((days & (unsigned)more) == (unsigned)more) {
            r = report_warning(report, "redundant", text->location, "remove it",
                               "`%s` is given twice", text->text);
        } else {
            days |= (unsigned)more;
            r = 0;
        }
        gather(&result, r);
    }
    *ret_days = (uint8_t)days;
    return result;
}

/* `8:30` or `08:30`, and 24:00. Moves after it. Returns the minute of the day, or -EINVAL. */
static int take_minute(const char **text)
{
    int numbers[2] = {0, 0};
    const char *position = *text;

    for (unsigned i = 0; i < 2; i++) {
        unsigned digits = 0;

        for (; isdigit((unsigned char)*position) && digits < 2; digits++)
            numbers[i] = numbers[i] * 10 + (*position++ - '0');
        if (digits == 0 || (i == 1 && digits < 2))
            return -EINVAL;
        if (i == 0 && *position++ != ':')
            return -EINVAL;
    }
    if (numbers[1] > 59 || numbers[0] * 60 + numbers[1] > DAY_MINUTES)
        return -EINVAL;

    *text = position;
    return numbers[0] * 60 + numbers[1];
}

/* Hours and where they stand. */
struct part {
    struct schedule_hours hours;
    struct location location;
};

static int report_hours(struct resolver *resolver, const struct draft_text *text,
                        const char *problem, const char *remedy)
{
    return report_text(&resolver->report, text, "hours", "invalid-schedule", remedy, "`%s` %s",
                       text->text, problem);
}

static int resolve_part(struct resolver *resolver, const struct draft_text *text,
                        struct part *ret_part)
{
    const char *position = text->text;
    int first, end = -EINVAL;

    first = take_minute(&position);
    if (first >= 0 && *position++ == '-')
        end = take_minute(&position);
    if (end < 0 || *position)
        return report_hours(resolver, text, "is not hours of a day",
                            "write them as \"08:30-17:15\", from 00:00 to 24:00");
    if (first == DAY_MINUTES)
        return report_hours(resolver, text, "begins when the day is over",
                            "write 00:00, and perhaps another day");
    if (first == end)
        return report_hours(resolver, text, "ends when it begins",
                            "the whole day is \"00:00-24:00\"; leave `hours` out");

    *ret_part = (struct part){{(uint16_t)first, (uint16_t)(end < first ? end + DAY_MINUTES : end)},
                              text->location};
    return 0;
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *left = a, *right = b;

    return COMPARE(left->hours.first_minute, right->hours.first_minute);
}

/* Two parts of a day are one where they touch and can be written as one. */
static bool can_join(const struct schedule_hours *first, const struct schedule_hours *next)
{
    unsigned minutes = (unsigned)next->end_minute - first->first_minute;

    return first->end_minute == next->first_minute &&
           (minutes < DAY_MINUTES || (minutes == DAY_MINUTES && first->first_minute == 0));
}

/* Sorts the parts into the schedule. */
static int join_parts(struct resolver *resolver, struct part *parts, size_t n_parts,
                      struct schedule *schedule)
{
    int r;

    qsort(parts, n_parts, sizeof(*parts), compare_parts);
    for (size_t i = 0; i < n_parts; i++) {
        struct schedule_hours *last = &schedule->hours[schedule->n_hours];

        if (i > 0 && parts[i].hours.first_minute < parts[i - 1].hours.end_minute) {
            r = report_error(&resolver->report, "invalid-schedule", parts[i].location,
                             "write hours that do not overlap", "the hours overlap others");
            return report_related(&resolver->report, r, parts[i - 1].location, "with these");
        }
        if (i > 0 && can_join(last - 1, &parts[i].hours))
            last[-1].end_minute = parts[i].hours.end_minute;
        else
            schedule->hours[schedule->n_hours++] = parts[i].hours;
    }
    return 0;
}

static int resolve_hours(struct resolver *resolver, const struct draft_text *list,
                         struct schedule *schedule)
{
    struct part parts[SCHEDULE_HOURS_MAX];
    size_t n_parts = 0;
    int result = 0;

    if (!list) {
        schedule->n_hours = 1;
        schedule->hours[0].end_minute = DAY_MINUTES;
        return 0;
    }

    for (const struct draft_text *text = list; text; text = text->next) {
        if (n_parts == SCHEDULE_HOURS_MAX)
            return report_error(&resolver->report, "too-long", text->location,
                                "write fewer parts of a day", "more than %d hours in one schedule",
                                SCHEDULE_HOURS_MAX);
        gather(&result, resolve_part(resolver, text, &parts[n_parts++]));
    }
    return result != 0 ? result : join_parts(resolver, parts, n_parts, schedule);
}

static bool schedules_equal(const struct schedule *a, const struct schedule *b)
{
    return a->days == b->days && a->n_hours == b->n_hours &&
           memcmp(a->hours, b->hours, a->n_hours * sizeof(*a->hours)) == 0;
}

/* The one copy of a schedule. */
static int keep_schedule(struct resolver *resolver, struct location location,
                         const struct schedule *schedule, const struct schedule **ret_schedule)
{
    if (!resolver->schedules)
        resolver->schedules =
            arena_allocate(resolver->arena, POLICY_SCHEDULES_MAX * sizeof(*schedule));
    if (!resolver->schedules)
        return -ENOMEM;

    for (size_t i = 0; i < resolver->n_schedules; i++) {
        if (schedules_equal(&resolver->schedules[i], schedule)) {
            *ret_schedule = &resolver->schedules[i];
            return 0;
        }
    }
    if (resolver->n_schedules == POLICY_SCHEDULES_MAX) {
        if (resolver->too_many_schedules)
            return REPORTED;
        resolver->too_many_schedules = true;
        return report_error(&resolver->report, "too-many", location,
                            "let flows have the same days and hours",
                            "more than %d different schedules", POLICY_SCHEDULES_MAX);
    }

    resolver->schedules[resolver->n_schedules] = *schedule;
    *ret_schedule = &resolver->schedules[resolver->n_schedules++];
    return 0;
}

int resolve_schedule(struct resolver *resolver, const struct draft_schedule *draft,
                     const struct schedule **ret_schedule)
{
    struct schedule schedule = {0};
    struct location location;
    int result = 0;

    gather(&result, resolve_days(resolver, draft->days, &schedule.days));
    gather(&result, resolve_hours(resolver, draft->hours, &schedule));
    /* A schedule that is broken in the file has neither. */
    if (result != 0 || (!draft->days && !draft->hours))
        return result;

    location = draft->days ? draft->days->location : draft->hours->location;
    if (schedule_is_always(&schedule))
        return report_warning(&resolver->report, "redundant", location, "remove the schedule",
                              "the schedule is always open");
    return keep_schedule(resolver, location, &schedule, ret_schedule);
}

/* A number from 1 to the bound, and what stands after it. */
static bool parse_most(const char *text, uint32_t *ret_most, const char **ret_end)
{
    uint32_t most = 0;

    if (*text == '0')
        return false;
    for (; isdigit((unsigned char)*text) && most <= POLICY_LIMIT_MAX; text++)
        most = most * 10 + (uint32_t)(*text - '0');
    if (most == 0 || most > POLICY_LIMIT_MAX)
        return false;

    *ret_most = most;
    *ret_end = text;
    return true;
}

static int report_limit(struct resolver *resolver, const struct draft_text *text, const char *key,
                        const char *example)
{
    return report_text(&resolver->report, text, "a limit", "invalid-limit",
                       remedy_printf(&resolver->report, "write %s; numbers are 1 to %d", example,
                                     POLICY_LIMIT_MAX),
                       "`%s` cannot be `%s`", key, text->text);
}

static int resolve_new(struct resolver *resolver, const struct draft_text *text,
                       struct limit *limit)
{
    static const struct {
        const char *unit;
        uint32_t seconds;
    } units[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}};
    const char *unit;

    if (!text)
        return 0;

    if (parse_most(text->text, &limit->new, &unit)) {
        for (size_t i = 0; i < ELEMENTS_OF(units); i++) {
            if (strcmp(unit, units[i].unit) == 0) {
                limit->per_seconds = units[i].seconds;
                return 0;
            }
        }
    }
    return report_limit(resolver, text, "new",
                        "a number for each second, minute or hour, such as 50/s, 50/m or 50/h");
}

int resolve_limit(struct resolver *resolver, const struct draft_limit *draft,
                  struct limit *ret_limit)
{
    const struct draft_text *concurrent = draft->concurrent;
    const char *end;
    int result = 0;

    gather(&result, resolve_new(resolver, draft->new, ret_limit));
    if (concurrent && (!parse_most(concurrent->text, &ret_limit->concurrent, &end) || *end))
        gather(&result, report_limit(resolver, concurrent, "concurrent",
                                     "a number of connections, such as 2000"));
    return result;
}
