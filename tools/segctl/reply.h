/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Parts of the daemon's replies as people read them. The daemon knows the policy's time zone and
 * people look at their own clock: instants are shown in the zone of the terminal.
 */

/* An RFC 3339 instant as `2026-11-23 02:11`, `令和8年11月23日 02:11`; `never` for an empty text,
 * `?` where it is none. Returns `buffer`. */
#define WHEN_MAX 96
const char *reply_when(const char *instant, char buffer[WHEN_MAX]);
/* Seconds as `3 h 20 min`; `less than a second`. Returns `buffer`. */
const char *reply_span(json_int_t seconds, char *buffer);
/* Seconds from the instant until now; 0 where it is none or in the future. */
json_int_t reply_age(const char *instant);

/* The text under the key, and the first digits of one that is a SHA-256: what people compare by
 * eye. Both as glyphs, like all that the daemon tells: it may have been taken over. */
void reply_write(FILE *stream, const json_t *json, const char *key);
void reply_write_digest(FILE *stream, const json_t *json, const char *key);
/* `tanaka (uid 1000)`; `segd itself (boot)`. */
void reply_write_actor(FILE *stream, const json_t *actor);
/* A list of texts with a comma between. */
void reply_write_list(FILE *stream, const json_t *list);
/* The first few and how many more, for a cell of a table, which `--json` has in full. The caller
 * frees it; NULL without memory. */
char *reply_list_text(const json_t *list);

/* Diagnostics as `check` prints them, to stderr. Returns 0 or -ENOMEM. */
int reply_print_diagnostics(const json_t *diagnostics);
/* What changes from one policy to another, for people: a line for each flow and object, and one for
 * each key that differs; last what changes nothing for packets. */
void reply_print_changes(const json_t *reply, bool colour);
/* An override in a few lines, with how to end it. */
void reply_print_override(const json_t *override, bool colour);
