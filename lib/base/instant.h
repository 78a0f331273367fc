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
/* Returns 0, or -EINVAL for anything that is not written exactly so. */
int instant_parse(const char *text, usec_t *ret_instant);

/*
 * A span of time as people type it: a number and `s`, `m`, `h`, `d` or `w`, also several of them
 * (`1h30m`). Returns 0, -EINVAL, or -ERANGE for nothing at all and for more than a year.
 */
int span_parse(const char *text, usec_t *ret_span);
/* `2 min`, `3 h 20 min`, `12 days`: the two largest units. Returns `buffer`. */
#define SPAN_TEXT_MAX 48
const char *span_format(usec_t span, char buffer[SPAN_TEXT_MAX]);
