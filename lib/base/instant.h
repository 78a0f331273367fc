/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"

/*
 * Instants as texts: RFC 3339 in UTC with whole seconds, `2027-03-31T15:00:00Z`, which is how files
 * and the control socket write them.
 */
#define INSTANT_TEXT_MAX 32

/* Rounds down to the second. Returns `buffer`. */
const char *instant_format(usec_t instant, char buffer[INSTANT_TEXT_MAX]);
/* The same to the microsecond, `2027-03-31T15:00:00.000001Z`; it is only shown, never parsed. */
const char *instant_format_exact(usec_t instant, char buffer[INSTANT_TEXT_MAX]);
/* Returns 0, or -EINVAL for anything that is not written exactly so. */
int instant_parse(const char *text, usec_t *ret_instant);

/*
 * An instant as people type it, without the time zone: `2027-03-31T08:30`, or a date of
 * date_parse(), which means the last instant of that day, since what is valid until a day still is
 * on it.
 */
struct wall_instant {
    struct date date;
    int minute; /* of the day; -1: its end */
};
/* Returns 0, or -EINVAL for another form or a time that does not exist. */
int wall_instant_parse(const char *text, struct wall_instant *ret_instant);
/* When clocks on the wall of a time zone show it; of a minute that they show twice the first time,
 * of one that they skip as much after the change. Returns as date_end(). */
int wall_instant_find(const struct wall_instant *instant, const char *timezone_name,
                      usec_t *ret_instant);

/*
 * A span of time as people type it: a number and `s`, `m`, `h`, `d` or `w`, also several of them
 * (`1h30m`). Returns 0, -EINVAL, or -ERANGE for nothing at all and for more than a year.
 */
int span_parse(const char *text, usec_t *ret_span);
/* `2 min`, `3 h 20 min`, `12 days`: the two largest units. Returns `buffer`. */
#define SPAN_TEXT_MAX 48
const char *span_format(usec_t span, char buffer[SPAN_TEXT_MAX]);
