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

/* For people, to stdout. */
void explain_print(const struct explained *explained, bool colour);
/* { "verdict", "flow", "reason", … }, a new reference; NULL without memory. */
json_t *explain_to_json(const struct explained *explained);
