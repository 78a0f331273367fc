/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The collection of diagnostics. They are kept sorted by place while they are added, so that the
 * reader of a policy and the analyses after it may find them in any order and people still read
 * them from top to bottom. A broken file of 64 MiB could give millions: the collection is bounded,
 * and an error is never lost to warnings that came before it.
 */

#include "base/diagnostics.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"

#define DIAGNOSTICS_MAX 1000

struct diagnostics {
    struct diagnostic *list;
    size_t n_list;
    size_t capacity;
    /* Where the one added last stands; n_list where it was only counted. */
    size_t last;
    /* Added, by severity, whether kept or not. */
    size_t counts[SEVERITY_WARNING + 1];
    size_t n_warnings; /* that are kept */
};

int diagnostics_new(struct diagnostics **ret_diagnostics)
{
    struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));

    if (!diagnostics)
        return -ENOMEM;

    *ret_diagnostics = diagnostics;
    return 0;
}

static void diagnostic_clear(struct diagnostic *diagnostic)
{
    free(diagnostic->message);
    free(diagnostic->remedy);
    free(diagnostic->related_message);
    *diagnostic = (struct diagnostic){0};
}

void diagnostics_clear(struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->n_list; i++)
        diagnostic_clear(&diagnostics->list[i]);
    free(diagnostics->list);
    *diagnostics = (struct diagnostics){0};
}

struct diagnostics *diagnostics_free(struct diagnostics *diagnostics)
{
    if (!diagnostics)
        return NULL;

    diagnostics_clear(diagnostics);
    free(diagnostics);
    return NULL;
}

int location_compare(struct location a, struct location b)
{
    if (a.line == 0 || b.line == 0)
        return (a.line == 0) - (b.line == 0);
    return COMPARE(a.source, b.source) ?: COMPARE(a.line, b.line) ?: COMPARE(a.column, b.column);
}

/* After all that are at the same place, so that these stay in order of adding. */
static size_t diagnostics_position(const struct diagnostics *diagnostics, struct location location)
{
    return BISECT(diagnostics->n_list, i,
                  location_compare(diagnostics->list[i].location, location) <= 0);
}

static void diagnostics_drop_last_warning(struct diagnostics *diagnostics)
{
    for (size_t i = diagnostics->n_list; i-- > 0;) {
        struct diagnostic *diagnostic = &diagnostics->list[i];

        if (diagnostic->severity != SEVERITY_WARNING)
            continue;

        diagnostic_clear(diagnostic);
        diagnostics->n_list--;
        diagnostics->n_warnings--;
        memmove(diagnostic, diagnostic + 1, (diagnostics->n_list - i) * sizeof(*diagnostic));
        return;
    }
}

bool diagnostics_keeps(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->n_list < DIAGNOSTICS_MAX ||
           (severity == SEVERITY_ERROR && diagnostics->n_warnings > 0);
}

int diagnostics_add(struct diagnostics *diagnostics, enum severity severity, const char *code,
                    struct location location, const char *remedy, const char *format, ...)
{
    cleanup_(diagnostic_clear) struct diagnostic diagnostic = {
        .severity = severity, .code = code, .location = location};
    va_list arguments;
    size_t position;
    int r;

    diagnostics->counts[severity]++;
    if (!diagnostics_keeps(diagnostics, severity)) {
        diagnostics->last = diagnostics->n_list;
        return 0;
    }
    if (diagnostics->n_list == DIAGNOSTICS_MAX)
        diagnostics_drop_last_warning(diagnostics);

    va_start(arguments, format);
    r = vasprintf(&diagnostic.message, format, arguments);
    va_end(arguments);
    if (r < 0) {
        diagnostic.message = NULL;
        return -ENOMEM;
    }

    if (remedy) {
        diagnostic.remedy = strdup(remedy);
        if (!diagnostic.remedy)
            return -ENOMEM;
    }

    position = diagnostics_position(diagnostics, location);
    r = array_insert(&diagnostics->list, &diagnostics->n_list, &diagnostics->capacity, position,
                     &diagnostic, sizeof(diagnostic));
    if (r < 0)
        return r;

    diagnostics->n_warnings += severity == SEVERITY_WARNING;
    diagnostics->last = position;
    diagnostic = (struct diagnostic){0};
    return 0;
}

int diagnostics_relate(struct diagnostics *diagnostics, struct location related, const char *format,
                       ...)
{
    struct diagnostic *diagnostic;
    va_list arguments;
    char *message;
    int r;

    if (diagnostics->last == diagnostics->n_list)
        return 0;

    va_start(arguments, format);
    r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0)
        return -ENOMEM;

    diagnostic = &diagnostics->list[diagnostics->last];
    free(diagnostic->related_message);
    diagnostic->related_message = message;
    diagnostic->related = related;
    return 0;
}

size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->counts[severity];
}

size_t diagnostics_list(struct diagnostics *diagnostics, const struct diagnostic **ret_list)
{
    *ret_list = diagnostics->list;
    return diagnostics->n_list;
}
