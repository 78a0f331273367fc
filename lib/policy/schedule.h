/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"

/* Hours of one schedule. */
#define SCHEDULE_HOURS_MAX 16

#define DAY_MINUTES 1440

/* `days`: bit 0 is Monday, bit 6 is Sunday. */
#define SCHEDULE_DAYS_ALL 0x7f

/*
 * A part of a day, in minutes after its midnight as clocks on the wall show them: from
 * `first_minute` (0 to 1439) to just before `end_minute`. An end beyond DAY_MINUTES is on the day
 * after; the part belongs to the day on which it begins. It is shorter than a day, or all of it.
 */
struct schedule_hours {
    uint16_t first_minute;
    uint16_t end_minute;
};

/*
 * When a flow is open: on these days, in these hours. Hours are sorted and do not overlap; a
 * schedule without hours of its own has one entry, the whole day.
 */
struct schedule {
    uint8_t days; /* at least one */
    size_t n_hours;
    struct schedule_hours hours[SCHEDULE_HOURS_MAX];
};

/* `mon-wed,fri` and `08:30-12:00, 13:00-17:15`; NULL for every day and for all day. Return
 * `buffer`. */
#define SCHEDULE_TEXT_MAX 256
const char *schedule_days_format(const struct schedule *schedule, char buffer[SCHEDULE_TEXT_MAX]);
const char *schedule_hours_format(const struct schedule *schedule, char buffer[SCHEDULE_TEXT_MAX]);
/* Whether there is no time at which it is not open. */
bool schedule_is_always(const struct schedule *schedule);
/* Whether it is open at every time at which the other is; NULL is always open. */
bool schedule_includes(const struct schedule *schedule, const struct schedule *other);
/* Whether it is open at a minute of the week, counted from the midnight before Monday. */
#define WEEK_MINUTES (7 * DAY_MINUTES)
bool schedule_is_open(const struct schedule *schedule, unsigned minute);
/* Marks the minutes of the week at which it opens or closes. */
void schedule_mark_borders(const struct schedule *schedule, bool borders[WEEK_MINUTES]);
/* Whether the two are ever open at one time; NULL is always open. */
bool schedule_meets(const struct schedule *schedule, const struct schedule *other);
/*
 * Whether the schedule is open at `now` in a time zone, and the first instant after `now` at which
 * that changes, USEC_NEVER where it never does. The clock on the wall decides: what it skips in
 * spring is not there, what it shows twice in autumn counts twice. `until` may come early where
 * nothing changes for weeks: ask again then.
 *
 * It reads the zone each time, some 20 microseconds, and is for programs of one thread, as
 * date_end(). Returns 0, -ENOENT for an unknown zone, or -errno.
 */
int schedule_window(const struct schedule *schedule, const char *timezone_name, usec_t now,
                    bool *ret_open, usec_t *ret_until);
