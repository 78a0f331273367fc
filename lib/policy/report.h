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

/* Add an error: REPORTED or -ENOMEM. A remedy may be NULL. */
int report_error(struct report *report, const char *code, struct location location,
                 const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Adds a warning: 0 or -ENOMEM. */
int report_warning(struct report *report, const char *code, struct location location,
                   const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Gives the second place of the diagnostic just added, passing on `result` of the adding. */
int report_related(struct report *report, int result, struct location related, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* A remedy that is made, not static: borrowed from the report, NULL without memory and where nobody
 * would see it. */
const char *remedy_printf(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
