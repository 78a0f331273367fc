/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads the one header that decides the form of a page. Prometheus sends four types with weights;
 * which of them it means most differs from version to version.
 */

#include "accept.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t"

/* Part of the header. */
struct span {
    const char *text;
    size_t length;
};

static bool equals(struct span span, const char *word)
{
    return span.length == strlen(word) && strncasecmp(span.text, word, span.length) == 0;
}

/* The part up to the delimiter, without spaces around it; `*rest` goes on after the delimiter, or
 * is NULL at the end. */
static struct span next(const char **rest, char delimiter, const char *end)
{
    const char *start = *rest + strspn(*rest, SPACE);
    const char *stop = memchr(*rest, delimiter, (size_t)(end - *rest));
    struct span span = {start, 0};

    *rest = stop ? stop + 1 : NULL;
    if (!stop)
        stop = end;
    while (stop > start && strchr(SPACE, stop[-1]))
        stop--;
    span.length = stop > start ? (size_t)(stop - start) : 0;
    return span;
}

/* Which form a range of types asks for, if it is of one, and with which weight. */
static void read_range(struct span range, double weights[2])
{
    const char *rest = range.text, *end = range.text + range.length;
    const struct span type = next(&rest, ';', end);
    enum exposition_form form = EXPOSITION_PROMETHEUS;
    double weight = 1;

    if (equals(type, "application/openmetrics-text"))
        form = EXPOSITION_OPENMETRICS;
    else if (!equals(type, "text/plain") && !equals(type, "text/*") && !equals(type, "*/*"))
        return;
    while (rest) {
        const struct span parameter = next(&rest, ';', end);

        if (parameter.length > 2 && strncasecmp(parameter.text, "q=", 2) == 0)
            weight = strtod(parameter.text + 2, NULL);
        else if (form == EXPOSITION_OPENMETRICS && parameter.length > 8 &&
                 strncasecmp(parameter.text, "version=", 8) == 0 &&
                 !equals(parameter, "version=1.0.0"))
            return;
    }
    if (weight > weights[form])
        weights[form] = weight;
}

enum exposition_form accept_form(const char *header)
{
    double weights[2] = {0, 0};
    const char *rest = header;

    while (rest)
        read_range(next(&rest, ',', header + strlen(header)), weights);
    return weights[EXPOSITION_OPENMETRICS] > 0 &&
                   weights[EXPOSITION_OPENMETRICS] >= weights[EXPOSITION_PROMETHEUS]
               ? EXPOSITION_OPENMETRICS
               : EXPOSITION_PROMETHEUS;
}
