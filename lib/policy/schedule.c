/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * When a schedule opens and closes. What is open is a matter of the clock on the wall alone, its
 * day and its minute; so the next change is looked for from one minute that the schedule speaks of
 * to the next, and where the clock is put forward or back on the way, there too. Each step goes
 * forward by a second at least and a bounded number of days is walked, whatever the zone does.
 */

#include "policy/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define DAYS 7
#define SECONDS_PER_MINUTE 60

/* Hours that the clock skips once are back a week later. */
#define SECONDS_WALKED (60 * 24 * 3600)

/* `day` counts from Monday. */
static bool is_open(const struct schedule *schedule, unsigned day, unsigned minute)
{
    bool today = schedule->days >> day & 1;
    bool yesterday = schedule->days >> (day + DAYS - 1) % DAYS & 1;

    for (size_t i = 0; i < schedule->n_hours; i++) {
        const struct schedule_hours *hours = &schedule->hours[i];

        if (today && minute >= hours->first_minute && minute < hours->end_minute)
            return true;
        if (yesterday && minute + DAY_MINUTES < hours->end_minute)
            return true;
    }
    return false;
}

bool schedule_is_always(const struct schedule *schedule)
{
    /* No part of a day reaches over the whole of the next. */
    if (schedule->days != SCHEDULE_DAYS_ALL)
        return false;

    for (unsigned minute = 0; minute < DAY_MINUTES; minute++) {
        if (!is_open(schedule, 0, minute))
            return false;
    }
    return true;
}

bool schedule_is_open(const struct schedule *schedule, unsigned minute)
{
    return is_open(schedule, minute / DAY_MINUTES, minute % DAY_MINUTES);
}

void schedule_mark_borders(const struct schedule *schedule, bool borders[WEEK_MINUTES])
{
    for (unsigned day = 0; day < DAYS; day++) {
        for (size_t i = 0; i < schedule->n_hours; i++) {
            const struct schedule_hours *hours = &schedule->hours[i];

            borders[(day * DAY_MINUTES + hours->first_minute) % WEEK_MINUTES] = true;
            borders[(day * DAY_MINUTES + hours->end_minute) % WEEK_MINUTES] = true;
        }
    }
}

bool schedule_meets(const struct schedule *schedule, const struct schedule *other)
{
    bool borders[WEEK_MINUTES] = {0};

    if (!schedule || !other || schedule == other)
        return true;
    /* If they are open together, one of them opens while the other is open; or both always are. */
    borders[0] = true;
    schedule_mark_borders(schedule, borders);
    schedule_mark_borders(other, borders);
    for (unsigned minute = 0; minute < WEEK_MINUTES; minute++) {
        if (borders[minute] && schedule_is_open(schedule, minute) &&
            schedule_is_open(other, minute))
            return true;
    }
    return false;
}

/* On every day at this minute. */
static bool includes_at(const struct schedule *schedule, const struct schedule *other,
                        unsigned minute)
{
    for (unsigned day = 0; day < DAYS; day++) {
        if ((!other || is_open(other, day, minute)) && !is_open(schedule, day, minute))
            return false;
    }
    return true;
}

bool schedule_includes(const struct schedule *schedule, const struct schedule *other)
{
    const struct schedule *const both[] = {schedule, other};

    if (!schedule)
        return true;
    /* From one minute that either speaks of to the next nothing changes. */
    for (size_t k = 0; k < ELEMENTS_OF(both); k++) {
        for (size_t i = 0; both[k] && i < both[k]->n_hours; i++) {
            const struct schedule_hours *hours = &both[k]->hours[i];

            if (!includes_at(schedule, other, hours->first_minute) ||
                !includes_at(schedule, other, hours->end_minute % DAY_MINUTES))
                return false;
        }
    }
    return includes_at(schedule, other, 0);
}

const char *schedule_days_format(const struct schedule *schedule, char buffer[SCHEDULE_TEXT_MAX])
{
    static const char names[DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char *end = buffer;

    if (schedule->days == SCHEDULE_DAYS_ALL)
        return NULL;
    for (unsigned first = 0, last; first < DAYS; first = last + 1) {
        last = first;
        if (!(schedule->days >> first & 1))
            continue;
        while (last + 1 < DAYS && schedule->days >> (last + 1) & 1)
            last++;
        end += sprintf(end, "%s%s%s%s", end > buffer ? "," : "", names[first],
                       last > first ? "-" : "", last > first ? names[last] : "");
    }
    return buffer;
}

const char *schedule_hours_format(const struct schedule *schedule, char buffer[SCHEDULE_TEXT_MAX])
{
    char *text = buffer;

    for (size_t i = 0; i < schedule->n_hours; i++) {
        unsigned first = schedule->hours[i].first_minute, end = schedule->hours[i].end_minute;

        if (first == 0 && end == DAY_MINUTES)
            return NULL;
        if (end > DAY_MINUTES)
            end -= DAY_MINUTES;
        text += sprintf(text, "%s%02u:%02u-%02u:%02u", i > 0 ? ", " : "", first / 60, first % 60,
                        end / 60, end % 60);
    }
    return buffer;
}

static struct tm local_time(time_t time)
{
    struct tm tm = {0};

    localtime_r(&time, &tm);
    return tm;
}

static unsigned minute_of(const struct tm *tm)
{
    return (unsigned)(tm->tm_hour * 60 + tm->tm_min);
}

static bool is_open_at(const struct schedule *schedule, const struct tm *tm)
{
    return is_open(schedule, (unsigned)(tm->tm_wday + DAYS - 1) % DAYS, minute_of(tm));
}

/* Seconds to the next midnight or minute at which hours begin or end, if clocks stay as they are.
 */
static time_t seconds_to_next(const struct schedule *schedule, const struct tm *tm)
{
    unsigned now = minute_of(tm), next = DAY_MINUTES;

    for (size_t i = 0; i < schedule->n_hours; i++) {
        unsigned minutes[] = {schedule->hours[i].first_minute,
                              schedule->hours[i].end_minute % DAY_MINUTES};

        for (size_t j = 0; j < ELEMENTS_OF(minutes); j++) {
            if (minutes[j] > now && minutes[j] < next)
                next = minutes[j];
        }
    }
    return (time_t)(next - now) * SECONDS_PER_MINUTE - tm->tm_sec;
}

/* The instant after `before` at which the clock is put, where it was by `after`. */
static time_t find_shift(time_t before, time_t after)
{
    long offset = local_time(before).tm_gmtoff;

    while (after - before > 1) {
        time_t middle = before + (after - before) / 2;

        if (local_time(middle).tm_gmtoff == offset)
            before = middle;
        else
            after = middle;
    }
    return after;
}

/* The first change after `start` in the zone that is set now, or the end of what is walked. */
static time_t find_change(const struct schedule *schedule, time_t start, bool open)
{
    time_t time = start;
    struct tm tm = local_time(start);

    while (time - start < SECONDS_WALKED) {
        time_t next = time + seconds_to_next(schedule, &tm);
        struct tm next_tm = local_time(next);

        if (next_tm.tm_gmtoff != tm.tm_gmtoff) {
            next = find_shift(time, next);
            next_tm = local_time(next);
        }
        time = next;
        tm = next_tm;
        if (is_open_at(schedule, &tm) != open)
            break;
    }
    return time;
}

int schedule_window(const struct schedule *schedule, const char *timezone_name, usec_t now,
                    bool *ret_open, usec_t *ret_until)
{
    struct timezone_visit visit = {0};
    time_t start = now / USEC_PER_SEC - (now % USEC_PER_SEC < 0);
    usec_t until = USEC_NEVER;
    struct tm tm;
    bool open;
    int r;

    r = timezone_enter(&visit, timezone_name);
    if (r < 0)
        return r;

    tm = local_time(start);
    open = is_open_at(schedule, &tm);
    if (!schedule_is_always(schedule) &&
        __builtin_mul_overflow(find_change(schedule, start, open), USEC_PER_SEC, &until))
        until = USEC_NEVER;
    timezone_leave(&visit);

    *ret_open = open;
    *ret_until = until;
    return 0;
}
