/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Dates as officials write them, Western and Japanese, and the instant at which a day ends. Days
 * and time zones are the C library's: it knows leap years and reads the system's time-zone
 * database. Its one way to ask for a zone other than the process's own is the environment, so this
 * shows it another environment for a moment and puts back the old one. That needs no memory and
 * cannot fail half-way, but it is for programs of one thread, which all of ours are.
 */

#include "base/calendar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/compare.h"

#define SECONDS_PER_HOUR 3600
#define SECONDS_PER_DAY (24 * SECONDS_PER_HOUR)

#define TIMEZONE_DIRECTORY "/usr/share/zoneinfo"

struct era {
    const char *name;
    struct date first;
    struct date last;
};

/*
 * 昭和 began on the day 大正 ended; 平成 on the day after the Emperor's death (昭和64年政令第1号),
 * 令和 on the day of succession (平成31年政令第143号).
 */
static const struct era eras[] = {
    {"昭和", {1926, 12, 25}, {1989, 1, 7}},
    {"平成", {1989, 1, 8}, {2019, 4, 30}},
    {"令和", {2019, 5, 1}, {9999, 12, 31}},
};

/* Midnight at its start. */
static struct tm date_to_tm(struct date date)
{
    return (struct tm){.tm_year = date.year - 1900, .tm_mon = date.month - 1, .tm_mday = date.day};
}

static struct date date_from_tm(const struct tm *tm)
{
    return (struct date){tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday};
}

/* timegm() carries 30 February over into March; a day that exists stays what it is. */
static bool date_exists(struct date date)
{
    struct tm tm = date_to_tm(date);

    timegm(&tm);
    return date.year >= 1 && date.year <= 9999 && date_compare(date_from_tm(&tm), date) == 0;
}

static bool take_text(const char **text, const char *expected)
{
    size_t length = strlen(expected);

    if (strncmp(*text, expected, length) != 0)
        return false;

    *text += length;
    return true;
}

static bool take_number(const char **text, int least_digits, int most_digits, int *ret_number)
{
    int digits = 0, number = 0;

    while (digits < most_digits && **text >= '0' && **text <= '9') {
        number = number * 10 + (**text - '0');
        digits++;
        (*text)++;
    }
    if (digits < least_digits)
        return false;

    *ret_number = number;
    return true;
}

static const struct era *take_era(const char **text)
{
    for (size_t i = 0; i < ELEMENTS_OF(eras); i++) {
        if (take_text(text, eras[i].name))
            return &eras[i];
    }
    return NULL;
}

static int parse_iso(const char *text, struct date *ret_date)
{
    struct date date;

    if (!take_number(&text, 4, 4, &date.year) || !take_text(&text, "-") ||
        !take_number(&text, 2, 2, &date.month) || !take_text(&text, "-") ||
        !take_number(&text, 2, 2, &date.day) || *text)
        return -EINVAL;
    if (!date_exists(date))
        return -ERANGE;

    *ret_date = date;
    return 0;
}

/* `text` is what follows the name of the era. */
static int parse_japanese(const char *text, const struct era *era, struct date *ret_date)
{
    struct date date;
    int year = 1;

    if (!take_text(&text, "元") && !take_number(&text, 1, 4, &year))
        return -EINVAL;
    if (!take_text(&text, "年") || !take_number(&text, 1, 2, &date.month) ||
        !take_text(&text, "月") || !take_number(&text, 1, 2, &date.day) ||
        !take_text(&text, "日") || *text)
        return -EINVAL;

    date.year = era->first.year + year - 1;
    if (year < 1 || !date_exists(date) || date_compare(date, era->first) < 0 ||
        date_compare(date, era->last) > 0)
        return -ERANGE;

    *ret_date = date;
    return 0;
}

/* U+FF10 to U+FF19, which are ef bc 90 to ef bc 99 in UTF-8. */
static bool has_full_width_digit(const char *text)
{
    for (const char *found = text; (found = strstr(found, "\xef\xbc")); found += 2) {
        if ((unsigned char)found[2] >= 0x90 && (unsigned char)found[2] <= 0x99)
            return true;
    }
    return false;
}

int date_parse(const char *text, struct date *ret_date)
{
    const struct era *era;

    if (has_full_width_digit(text))
        return -EILSEQ;

    era = take_era(&text);
    return era ? parse_japanese(text, era, ret_date) : parse_iso(text, ret_date);
}

int date_compare(struct date a, struct date b)
{
    return COMPARE(a.year, b.year) ?: COMPARE(a.month, b.month) ?: COMPARE(a.day, b.day);
}

const char *date_format_iso(struct date date, char buffer[DATE_TEXT_MAX])
{
    snprintf(buffer, DATE_TEXT_MAX, "%04d-%02d-%02d", date.year, date.month, date.day);
    return buffer;
}

const char *date_format_japanese(struct date date, char buffer[DATE_TEXT_MAX])
{
    for (size_t i = 0; i < ELEMENTS_OF(eras); i++) {
        int year = date.year - eras[i].first.year + 1;

        if (date_compare(date, eras[i].first) < 0 || date_compare(date, eras[i].last) > 0)
            continue;

        if (year == 1)
            snprintf(buffer, DATE_TEXT_MAX, "%s元年%d月%d日", eras[i].name, date.month, date.day);
        else
            snprintf(buffer, DATE_TEXT_MAX, "%s%d年%d月%d日", eras[i].name, year, date.month,
                     date.day);
        return buffer;
    }
    return date_format_iso(date, buffer);
}

/*
 * Whether a name can be one of the database: it must not lead out of its folder, and the copies
 * under right/ count leap seconds, which CLOCK_REALTIME does not.
 */
static bool is_timezone_name(const char *name)
{
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_+-/";
    size_t length = strlen(name);

    return length > 0 && length <= TIMEZONE_NAME_MAX && name[0] != '/' && name[length - 1] != '/' &&
           !strstr(name, "//") && strncmp(name, "right/", strlen("right/")) != 0 &&
           strspn(name, characters) == length;
}

int timezone_check(const char *timezone_name)
{
    static const char magic[] = {'T', 'Z', 'i', 'f'};
    char path[sizeof(TIMEZONE_DIRECTORY) + 1 + TIMEZONE_NAME_MAX];
    char head[sizeof(magic)];
    cleanup_(closep) int fd = -1;
    ssize_t length;

    if (!is_timezone_name(timezone_name))
        return -ENOENT;

    snprintf(path, sizeof(path), "%s/%s", TIMEZONE_DIRECTORY, timezone_name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    /* The one that the C library knows by itself. */
    if (fd < 0 && errno == ENOENT && strcmp(timezone_name, "UTC") == 0)
        return 0;
    if (fd < 0)
        return errno == ENOTDIR || errno == ENAMETOOLONG ? -ENOENT : -errno;

    length = read(fd, head, sizeof(head));
    if (length < 0)
        return errno == EISDIR ? -ENOENT : -errno;

    /* The folder also holds tables and lists, which the C library would silently take as UTC. */
    if ((size_t)length < sizeof(magic) || memcmp(head, magic, sizeof(magic)) != 0)
        return -ENOENT;
    return 0;
}

int timezone_enter(struct timezone_visit *visit, const char *timezone_name)
{
    int r;

    r = timezone_check(timezone_name);
    if (r < 0)
        return r;

    snprintf(visit->variable, sizeof(visit->variable), "TZ=:%s", timezone_name);
    strcpy(visit->directory, "TZDIR=" TIMEZONE_DIRECTORY);
    visit->environment[0] = visit->variable;
    visit->environment[1] = visit->directory;
    visit->saved = environ;
    visit->entered = true;
    environ = visit->environment;
    tzset();
    return 0;
}

void timezone_leave(struct timezone_visit *visit)
{
    if (!visit->entered)
        return;

    environ = visit->saved;
    visit->entered = false;
    tzset();
}

/* As localtime_r(), of a time that is in range by construction. */
static struct tm local_time(time_t time)
{
    struct tm tm = {0};

    localtime_r(&time, &tm);
    return tm;
}

static bool is_past(time_t time, struct date date)
{
    struct tm tm = local_time(time);

    return date_compare(date_from_tm(&tm), date) > 0;
}

/*
 * The end of a day in the zone that is set now, found by bisection: midnight need not exist where
 * clocks go forward, nor the day itself (Samoa had no 30 December 2011).
 */
static time_t find_end(struct date date)
{
    struct tm tm = date_to_tm(date);
    time_t midnight, within, past, again;

    tm.tm_mday++;
    midnight = timegm(&tm);

    /* No zone has been more than 16 hours away from UTC, local mean time included. */
    within = midnight - SECONDS_PER_DAY;
    past = midnight + SECONDS_PER_DAY;
    while (past - within > 1) {
        time_t middle = within + (past - within) / 2;

        if (is_past(middle, date))
            past = middle;
        else
            within = middle;
    }

    /* Clocks that go back just after midnight (Newfoundland, at 0:01) bring the day back. */
    again = midnight - local_time(past + 2 * SECONDS_PER_HOUR).tm_gmtoff;
    return again > past && !is_past(again - 1, date) ? again : past;
}

int date_end(struct date date, const char *timezone_name, usec_t *ret_end)
{
    struct timezone_visit visit = {0};
    int r;

    r = timezone_enter(&visit, timezone_name);
    if (r < 0)
        return r;

    *ret_end = find_end(date) * USEC_PER_SEC;
    timezone_leave(&visit);
    return 0;
}

usec_t calendar_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

usec_t calendar_now(void)
{
    return calendar_clock(CLOCK_REALTIME);
}
