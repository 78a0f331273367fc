/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_REALTIME since 1970-01-01T00:00:00Z, as everywhere in this project. */
typedef int64_t usec_t;
#define USEC_PER_SEC INT64_C(1000000)
#define USEC_NEVER INT64_MAX

/* A date of the Gregorian calendar. */
struct date {
    int year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* The longest text of a date in Japanese, with its final NUL. */
#define DATE_TEXT_MAX 64

/*
 * Parses `2027-03-31` or a Japanese date such as `令和9年3月31日` (also `令和元年…`; eras 昭和,
 * 平成, 令和, each only within its own days). Returns 0, or
 *
 *   -EINVAL: neither form,
 *   -ERANGE: the form is right, but there is no such day (`2027-02-30`, `平成40年1月1日`),
 *   -EILSEQ: full-width digits (`２０２７`), which look right and are not.
 */
int date_parse(const char *text, struct date *ret_date);
int date_compare(struct date a, struct date b);
/* `2027-03-31`; returns `buffer`. */
const char *date_format_iso(struct date date, char buffer[DATE_TEXT_MAX]);
/* `令和9年3月31日`; the ISO form before 昭和. Returns `buffer`. */
const char *date_format_japanese(struct date date, char buffer[DATE_TEXT_MAX]);

/*
 * Returns 0 where the system's time-zone database has the zone (`Asia/Tokyo`), else -ENOENT (also
 * for a name that leads out of the database) or -errno.
 */
int timezone_check(const char *timezone_name);
/* A while in which the C library's local time is that of another zone. */
#define TIMEZONE_NAME_MAX 255
struct timezone_visit {
    char variable[sizeof("TZ=:") + TIMEZONE_NAME_MAX];
    char directory[64];
    char *environment[3];
    char **saved;
    bool entered;
};
/*
 * From here to timezone_leave() the C library's local time is that of the zone, for all of the
 * program and only one visit at a time; `visit` must stay where it is. Returns 0, or what
 * timezone_check() returns and nothing is entered. Leaving what was not entered is fine.
 */
int timezone_enter(struct timezone_visit *visit, const char *timezone_name);
void timezone_leave(struct timezone_visit *visit);
/*
 * The first instant after `date` in a time zone: where something valid to the end of that day ends.
 * Independent of the process's own TZ, but for programs of one thread. It reads the zone each time,
 * some 20 microseconds: who has many equal dates asks once. Returns 0, -ENOENT for an unknown zone,
 * or -errno.
 */
int date_end(struct date date, const char *timezone_name, usec_t *ret_end);
usec_t calendar_now(void);
/* What one of the system's clocks shows, such as CLOCK_BOOTTIME. */
usec_t calendar_clock(clockid_t clock);
