/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diagnostics.h"

/*
 * How the parser and the resolver speak of mistakes. A function that meets one reports it and
 * returns REPORTED, so that its caller leaves out what is invalid and goes on with the rest; what
 * depends on something invalid is left out silently, so that one mistake gives one message.
 */
#define REPORTED 1

/* Combines results of steps that are all taken: no memory counts most, then what was reported. */
static inline void gather(int *result, int r)
{
    if (r < 0 || *result == 0)
        *result = *result < 0 ? *result : r;
}

struct report {
    struct diagnostics *diagnostics; /* borrowed */
    struct arena *arena;             /* borrowed; for the texts of remedies */
    unsigned n_suggestions;          /* names that were searched for one spelled alike */
};

/* What a diagnostics_*() function gave, as the result of a step that met a mistake. */
static inline int reported(int r)
{
    return r < 0 ? r : REPORTED;
}

/* Add an error: REPORTED or -ENOMEM. A remedy may be NULL. Further arguments are `code`,
 * `location`, `remedy` and a format, as those of diagnostics_add(). */
#define report_error(report, ...)                                                                  \
    reported(diagnostics_add((report)->diagnostics, SEVERITY_ERROR, __VA_ARGS__))
/* Adds a warning: 0 or -ENOMEM. */
#define report_warning(report, ...)                                                                \
    diagnostics_add((report)->diagnostics, SEVERITY_WARNING, __VA_ARGS__)
/* Gives the second place of the diagnostic just added, passing on `result` of the adding. */
#define report_related(report, result, ...)                                                        \
    ((result) < 0 ? (result) : diagnostics_relate((report)->diagnostics, __VA_ARGS__) ?: (result))
/* A remedy that is made, not static: borrowed from the report, NULL without memory and where nobody
 * would see it. */
#define remedy_printf(report, ...)                                                                 \
    (diagnostics_keeps((report)->diagnostics, SEVERITY_ERROR)                                      \
         ? arena_printf((report)->arena, __VA_ARGS__)                                              \
         : NULL)
