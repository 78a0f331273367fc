/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"
#include "record/wire.h"
#include "screen.h"

/*
 * Parts of the daemon's replies as people read them. The daemon knows the policy's time zone and
 * people look at their own clock: instants are shown in the zone of the terminal.
 */

/* `2026-11-23 02:11`, `令和8年11月23日 02:11`; `never` for USEC_NEVER, `?` for 0. Returns
 * `buffer`. */
#define WHEN_MAX 96
const char *reply_when(usec_t instant, char buffer[WHEN_MAX]);
/* Seconds as `3 h 20 min`; `less than a second`. Returns `buffer`. */
const char *reply_span(int64_t seconds, char *buffer);

/* `1234 (5.6 MB)`: packets and bytes. Returns `buffer`. */
#define REPLY_COUNT_MAX 64
const char *reply_count(const struct wire_count *count, char buffer[REPLY_COUNT_MAX]);

/* The first digits of a SHA-256, which is what people compare by eye, as glyphs like all that the
 * daemon sends, which may be compromised. */
void reply_write_digest(FILE *stream, const char *digest);
/* `tanaka (uid 1000)`; `segd itself (boot)`. */
void reply_write_actor(FILE *stream, const struct actor *actor);
/* Texts with a comma between. */
void reply_write_list(FILE *stream, char *const *list, size_t n);
/* The first few and how many more, for a cell of a table, which `--json` has in full. The caller
 * frees it; NULL without memory. */
char *reply_list_text(char *const *list, size_t n);
/* A label that says more than the name, else an empty text. */
const char *reply_label(const char *name, const char *label);

/* A row of a table from one of the records. Returns 0 or -ENOMEM. */
typedef int (*reply_row)(struct table *table, const void *record);
struct reply_columns {
    size_t n;
    const char *const *titles;
    const enum table_align *aligns; /* NULL: all left */
    const uint8_t *drops; /* as table_fit() leaves them out where the terminal is narrow; or NULL */
};
#define REPLY_COLUMNS(titles_, aligns_, drops_)                                                    \
    {                                                                                              \
        ELEMENTS_OF(titles_), titles_, aligns_, drops_                                             \
    }
/* The records as a table, a row each, as wide as the screen, or the sentence where there is none.
 * Returns 0 or -ENOMEM. */
int reply_print_table(const struct reply_columns *columns, const void *records, size_t n_records,
                      size_t size, reply_row add, const char *none, const struct screen *screen);

/* Diagnostics as `check` prints them, to stderr. Returns 0 or -ENOMEM. */
int reply_print_diagnostics(const struct wire_diagnostic *list, size_t n);
/* What changes from one policy to another, for people: a line for each flow and object, and one for
 * each key that differs; last what changes nothing for packets. */
void reply_print_changes(const struct change_reply *reply, bool colour);
/* What the policy does to isolations and suspensions, a line for each that it changes. */
void reply_print_closings(const struct change_reply *reply);
/* An override in one line. */
void reply_write_override(FILE *stream, const struct override *override, bool colour);
/* An override in a few lines, with how to end it. */
void reply_print_override(const struct override *override, bool colour);
