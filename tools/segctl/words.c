/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Names, labels, dates and services as people read them. Labels come from files and may hold
 * anything, so all that is not ours goes to the terminal as glyphs.
 */

#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/instant.h"
#include "base/reason.h"
#include "base/text.h"

/* Of longer lists the first names are shown; the line in the policy has them all. */
#define LIST_SHOWN 4

bool words_are_japanese(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

    /* Not setlocale(): the language is meant, also where the system has no such locale. */
    for (size_t i = 0; i < ELEMENTS_OF(variables); i++) {
        const char *value = getenv(variables[i]);

        if (value && value[0])
            return strncmp(value, "ja", 2) == 0 && (value[2] == '\0' || strchr("_.@", value[2]));
    }
    return false;
}

void words_text(FILE *stream, const char *text)
{
    text_show(stream, text, strlen(text));
}

unsigned words_width(const char *text)
{
    return text_shown_width(text, strlen(text));
}

void words_print(FILE *stream, const char *format, ...)
{
    static const char number[] = "%" PRIu64;
    va_list arguments;

    va_start(arguments, format);
    for (const char *at = format; *at; at++) {
        if (strncmp(at, "%s", 2) == 0) {
            /* A second look at a file does not know va_start() any more; see daemon/log.c. */
            /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
            words_text(stream, va_arg(arguments, const char *));
            at++;
        } else if (strncmp(at, number, sizeof(number) - 1) == 0) {
            /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
            fprintf(stream, number, va_arg(arguments, uint64_t));
            at += sizeof(number) - 2;
        } else {
            fputc(*at, stream);
        }
    }
    va_end(arguments);
}

void words_coloured(FILE *stream, bool colour, const char *sgr, const char *text)
{
    if (colour)
        fprintf(stream, "\033[%sm%s\033[0m", sgr, text);
    else
        fputs(text, stream);
}

void words_name(FILE *stream, const char *name, const char *label)
{
    words_text(stream, name);
    if (label && strcmp(name, label) != 0)
        words_print(stream, " (%s)", label);
}

void words_zone(FILE *stream, const struct policy *policy, size_t zone)
{
    words_name(stream, policy_zone_name(policy, zone), policy_zone_label(policy, zone));
}

void words_date(FILE *stream, struct date date)
{
    char text[DATE_TEXT_MAX];

    fputs(words_are_japanese() ? date_format_japanese(date, text) : date_format_iso(date, text),
          stream);
}

void words_instant(FILE *stream, const struct policy *policy, usec_t instant)
{
    cleanup_(timezone_leave) struct timezone_visit visit = {0};
    time_t time = instant / USEC_PER_SEC;
    struct tm tm;

    /* Where the zone is missing, UTC is better than nothing. */
    if (timezone_enter(&visit, policy->timezone) < 0 || !localtime_r(&time, &tm)) {
        char text[INSTANT_TEXT_MAX];

        fputs(instant_format(instant, text), stream);
        return;
    }
    words_date(stream, (struct date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday});
    fprintf(stream, " %02d:%02d", tm.tm_hour, tm.tm_min);
}

const char *words_hours(const struct schedule *schedule, char buffer[HOURS_MAX])
{
    char days[SCHEDULE_TEXT_MAX], hours[SCHEDULE_TEXT_MAX];
    bool has_hours = schedule_hours_format(schedule, hours) != NULL;

    snprintf(buffer, HOURS_MAX, has_hours ? "%s %s" : "%s",
             schedule_days_format(schedule, days) ? days : "every day", hours);
    return buffer;
}

const char *words_hindrance(enum flow_state state)
{
    static const char *const words[] = {
        [FLOW_STATE_DISABLED] = "disabled",
        [FLOW_STATE_EXPIRED] = "expired",
        [FLOW_STATE_SUSPENDED] = "suspended",
        [FLOW_STATE_CLOSED] = "outside its hours",
    };

    return state == FLOW_STATE_LIVE ? reason_to_string(REASON_ISOLATED) : words[state];
}

void words_override(FILE *stream, const struct policy *policy, const struct override *override)
{
    words_print(stream, "by %s since ", override->who ? override->who : "somebody");
    words_instant(stream, policy, override->since);
    if (override->until != USEC_NEVER) {
        fputs(" until ", stream);
        words_instant(stream, policy, override->until);
    }
    if (override->reason && override->reason[0])
        words_print(stream, ": %s", override->reason);
}

void words_place(FILE *stream, const struct sources *sources, struct location location)
{
    words_text(stream, sources_name(sources, location.source));
    fprintf(stream, ":%u", location.line);
}

/* What stands before item `i` of `n`. Returns false where the list ends there. */
static bool list_item(FILE *stream, size_t i, size_t n)
{
    if (i == LIST_SHOWN && n > LIST_SHOWN + 1) {
        fprintf(stream, " and %zu more", n - i);
        return false;
    }
    fputs(i > 0 ? ", " : "", stream);
    return true;
}

void words_ends(FILE *stream, const struct policy *policy, const struct end_name *names,
                size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (!list_item(stream, i, n_names))
            return;
        words_text(stream, policy_end_name(policy, &names[i]));
    }
}

static enum family a_family(const struct service_range *range)
{
    return range->families[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6;
}

/* The ranges of a service, each text once: `icmp` has a range of each family. */
static void write_meaning(FILE *stream, const struct service *service)
{
    char previous[SERVICE_TEXT_MAX] = "";

    for (size_t i = 0; i < service->n_ranges; i++) {
        const struct service_range *range = &service->ranges[i];
        char text[SERVICE_TEXT_MAX];

        service_range_format(range, a_family(range), text);
        if (strcmp(text, previous) != 0)
            fprintf(stream, "%s%s", i > 0 ? ", " : "", text);
        memcpy(previous, text, sizeof(previous));
    }
}

void words_service(FILE *stream, const struct service *service, bool meaning)
{
    words_text(stream, service->name);
    if (meaning && !service->literal) {
        fputs(" (", stream);
        write_meaning(stream, service);
        fputc(')', stream);
    }
}

void words_services(FILE *stream, const struct policy *policy, const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_services; i++) {
        if (!list_item(stream, i, flow->n_services))
            return;
        words_service(stream, &policy->services[flow->services[i]], true);
    }
}

void words_span(FILE *stream, enum family family, struct service_span span)
{
    char text[SERVICE_TEXT_MAX];
    bool more = true;

    while (more) {
        more = service_span_take(&span, family, text);
        fprintf(stream, more ? "%s, " : "%s", text);
    }
}
