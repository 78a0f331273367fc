/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Instants and spans as texts. Files and the control socket know one way to write an instant, in
 * UTC and to the second, so that reading needs no guess: what is not written so is refused, and
 * also a day that does not exist.
 */

#include "base/instant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can say. */
#define FIRST_SECOND INT64_C(-62167219200)
#define LAST_SECOND INT64_C(253402300799)

/* Round like a calendar, also before 1970. */
static int64_t seconds_of(usec_t instant)
{
    return instant / USEC_PER_SEC - (instant % USEC_PER_SEC < 0);
}

const char *instant_format(usec_t instant, char buffer[INSTANT_TEXT_MAX])
{
    time_t seconds = seconds_of(instant);
    struct tm tm = {0};

    if (seconds < FIRST_SECOND)
        seconds = FIRST_SECOND;
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    gmtime_r(&seconds, &tm);

    /* The remainders are for the compiler, which does not know the ranges. */
    snprintf(buffer, INSTANT_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100);
    return buffer;
}

const char *instant_format_exact(usec_t instant, char buffer[INSTANT_TEXT_MAX])
{
    const char *end = strchr(instant_format(instant, buffer), 'Z');
    const usec_t fraction = instant - seconds_of(instant) * USEC_PER_SEC;
    const size_t place = (size_t)(end - buffer);

    snprintf(buffer + place, INSTANT_TEXT_MAX - place, ".%06uZ", (unsigned)fraction % 1000000);
    return buffer;
}

int instant_parse(const char *text, usec_t *ret_instant)
{
    char again[INSTANT_TEXT_MAX];
    struct tm tm = {0};
    usec_t instant;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (!end || *end)
        return -EINVAL;

    /* What is written otherwise, a day that does not exist and the 61st second become others. */
    instant = timegm(&tm) * USEC_PER_SEC;
    if (strcmp(instant_format(instant, again), text) != 0)
        return -EINVAL;

    *ret_instant = instant;
    return 0;
}

int wall_instant_parse(const char *text, struct wall_instant *ret_instant)
{
    char date[sizeof("2027-03-31")] = "";
    struct wall_instant instant = {.minute = -1};
    struct tm tm = {0};
    const char *end;

    if (strlen(text) >= sizeof(date) && text[sizeof(date) - 1] == 'T') {
        memcpy(date, text, sizeof(date) - 1);
        end = strptime(text + sizeof(date), "%H:%M", &tm);
        if (!end || *end || strlen(text) != sizeof("2027-03-31T08:30") - 1)
            return -EINVAL;
        instant.minute = tm.tm_hour * 60 + tm.tm_min;
        text = date;
    }
    if (date_parse(text, &instant.date) < 0)
        return -EINVAL;
    *ret_instant = instant;
    return 0;
}

int wall_instant_find(const struct wall_instant *instant, const char *timezone_name,
                      usec_t *ret_instant)
{
    struct timezone_visit visit = {0};
    struct tm tm = {
        .tm_year = instant->date.year - 1900,
        .tm_mon = instant->date.month - 1,
        .tm_mday = instant->date.day,
        .tm_min = instant->minute,
        .tm_isdst = -1,
    };
    usec_t end;
    int r;

    if (instant->minute < 0) {
        r = date_end(instant->date, timezone_name, &end);
        if (r == 0)
            *ret_instant = end - 1;
        return r;
    }

    r = timezone_enter(&visit, timezone_name);
    if (r < 0)
        return r;
    *ret_instant = mktime(&tm) * USEC_PER_SEC;
    timezone_leave(&visit);
    return 0;
}

/* From the largest on. */
static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

/* A leap year is a year too. */
#define SPAN_SECONDS_MAX (INT64_C(366) * 86400)

int span_parse(const char *text, usec_t *ret_span)
{
    int64_t total = 0;
    size_t next_unit = 0;

    if (!*text)
        return -EINVAL;

    while (*text) {
        int64_t number = 0;
        size_t unit = next_unit, n_digits = 0;

        for (; *text >= '0' && *text <= '9'; text++, n_digits++) {
            if (number <= SPAN_SECONDS_MAX)
                number = number * 10 + (*text - '0');
        }

        /* Each is smaller than the one before, so that a typing mistake is not added up. */
        while (unit < ELEMENTS_OF(units) && units[unit].letter != *text)
            unit++;
        if (n_digits == 0 || unit == ELEMENTS_OF(units))
            return -EINVAL;

        total += number * units[unit].seconds;
        next_unit = unit + 1;
        text++;
    }

    if (total == 0 || total > SPAN_SECONDS_MAX)
        return -ERANGE;
    *ret_span = total * USEC_PER_SEC;
    return 0;
}

static int print_unit(char *buffer, size_t size, int64_t number, size_t unit)
{
    static const char *const names[] = {"days", "h", "min", "s"};

    return snprintf(buffer, size, "%lld %s", (long long)number,
                    unit == 0 && number == 1 ? "day" : names[unit]);
}

const char *span_format(usec_t span, char buffer[SPAN_TEXT_MAX])
{
    static const int64_t seconds[] = {86400, 3600, 60, 1};
    int64_t left = span < 0 ? 0 : span / USEC_PER_SEC;
    size_t unit = 0;
    int length;

    while (unit + 1 < ELEMENTS_OF(seconds) && left < seconds[unit])
        unit++;
    length = print_unit(buffer, SPAN_TEXT_MAX, left / seconds[unit], unit);

    left %= seconds[unit];
    unit++;
    if (unit < ELEMENTS_OF(seconds) && left >= seconds[unit]) {
        buffer[length++] = ' ';
        print_unit(buffer + length, SPAN_TEXT_MAX - (size_t)length, left / seconds[unit], unit);
    }
    return buffer;
}
