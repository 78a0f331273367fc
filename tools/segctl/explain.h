/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "answer/explain.h"
#include "loaded.h"

/* An answered question, as `segctl explain` tells it. */
struct explained {
    const struct sources *sources;
    const struct question *question;
    const struct explanation *explanation;
    /* In the other family; NULL if the question has no meaning in it. */
    const struct explanation *other;
    usec_t now; /* the instant it is judged at */
};

/* A group, a zone, or a host with several addresses of the family. */
bool explain_names_many(const struct asked_end *end);

/* The word at the start of a line: `approval` and a gap. */
#define EXPLAIN_FIELD_WIDTH 10
void explain_field(const char *name);
void explain_print_nearest(const struct explained *explained);
/* For people, to stdout. */
void explain_print(const struct explained *explained, bool colour);
/* { "verdict", "flow", "reason", … }, a new reference; NULL without memory. */
json_t *explain_to_json(const struct explained *explained);
