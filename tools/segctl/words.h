/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/calendar.h"
#include "diagram/diagram.h"
#include "policy/overrides.h"
#include "policy/policy.h"
#include "policy/flow_state.h"

/*
 * Parts of a policy in the words that people read, written to a stream; shared by the commands, so
 * that one thing is always called the same. Errors stay in the stream.
 */

/* Whether messages are wanted in Japanese (LC_ALL, LC_MESSAGES, LANG). */
bool words_are_japanese(void);

/* Text of any origin, safe for a terminal. */
void words_text(FILE *stream, const char *text);
/* Columns that it takes. */
unsigned words_width(const char *text);
/* printf() whose texts, %s, are of any origin; what else it knows is PRIu64. */
void words_print(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `text` in the SGR `sgr` where `colour`; both are literals. */
void words_coloured(FILE *stream, bool colour, const char *sgr, const char *text);
/* `name (label)`; the label only where there is one. */
void words_name(FILE *stream, const char *name, const char *label);
/* A zone of the policy or the gateway. */
void words_zone(FILE *stream, const struct policy *policy, size_t zone);
/* `令和9年3月31日` or `2027-03-31`. */
void words_date(FILE *stream, struct date date);
/* A date and a time of day on the clocks of the policy's time zone. */
void words_instant(FILE *stream, const struct policy *policy, usec_t instant);
/* `mon-fri 08:30-17:15`. Returns `buffer`. */
#define HOURS_MAX (2 * SCHEDULE_TEXT_MAX)
const char *words_hours(const struct schedule *schedule, char buffer[HOURS_MAX]);
/* Why a flow does not pass: `expired`; `isolated` where it is live. */
const char *words_hindrance(enum flow_state state);
/* `by tanaka since 2026-11-23 02:11: ransomware`. */
void words_override(FILE *stream, const struct policy *policy, const struct override *override);
/* `file:line`. */
void words_place(FILE *stream, const struct sources *sources, struct location location);

/* Names of a `from` or `to`, the first few and how many more. */
void words_ends(FILE *stream, const struct policy *policy, const struct end_name *names,
                size_t n_names);
/* `https`, `tcp/8443`; with `meaning`, `https (tcp/443)`. */
void words_service(FILE *stream, const struct service *service, bool meaning);
/* The services of a flow, the first few and how many more. */
void words_services(FILE *stream, const struct policy *policy, const struct flow *flow);
/* `tcp/443`, `tcp/8000-8080`, `any`. */
void words_span(FILE *stream, enum family family, struct service_span span);
