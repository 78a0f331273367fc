/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A thin layer over diagnostics whose results chain: `return report_error(…)` both adds the error
 * and returns that this was a mistake of the user and not of the machine.
 */

#include "policy/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int report_add(struct report *report, enum severity severity, const char *code,
                      struct location location, const char *remedy, const char *format,
                      va_list arguments) __attribute__((format(printf, 6, 0)));

static int report_add(struct report *report, enum severity severity, const char *code,
                      struct location location, const char *remedy, const char *format,
                      va_list arguments)
{
    cleanup_(freep) char *message = NULL;

    if (diagnostics_keeps(report->diagnostics, severity) &&
        vasprintf(&message, format, arguments) < 0) {
        message = NULL;
        return -ENOMEM;
    }
    return diagnostics_add(report->diagnostics, severity, code, location, remedy, "%s",
                           message ? message : "");
}

int report_error(struct report *report, const char *code, struct location location,
                 const char *remedy, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = report_add(report, SEVERITY_ERROR, code, location, remedy, format, arguments);
    va_end(arguments);
    return r < 0 ? r : REPORTED;
}

int report_warning(struct report *report, const char *code, struct location location,
                   const char *remedy, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = report_add(report, SEVERITY_WARNING, code, location, remedy, format, arguments);
    va_end(arguments);
    return r < 0 ? r : 0;
}

int report_related(struct report *report, int result, struct location related, const char *format,
                   ...)
{
    cleanup_(freep) char *message = NULL;
    va_list arguments;
    int r;

    if (result < 0)
        return result;

    va_start(arguments, format);
    r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0) {
        message = NULL;
        return -ENOMEM;
    }

    r = diagnostics_relate(report->diagnostics, related, "%s", message);
    return r < 0 ? r : result;
}

const char *remedy_printf(struct report *report, const char *format, ...)
{
    cleanup_(freep) char *text = NULL;
    va_list arguments;
    int length;

    if (!diagnostics_keeps(report->diagnostics, SEVERITY_ERROR))
        return NULL;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text = NULL;
        return NULL;
    }
    return arena_string(report->arena, text);
}
