/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "answer/explain.h"
#include "loaded.h"

/* A chain of another table, which can drop what the policy allows. */
struct other_chain {
    const char *table; /* `inet fw` */
    const char *chain;
    const char *message; /* what it can do */
};

/* Chains that what was asked for meets; NULL or empty if segd was not asked. */
struct other_chains {
    struct other_chain *chains;
    size_t n_chains;
    char *texts; /* what theirs point into; messages are the status's */
};
/* Those of the findings. Returns 0 or -ENOMEM. */
int other_chains_new(const struct status_reply *status, const struct explanation *explanation,
                     struct other_chains *ret_others);
void other_chains_clear(struct other_chains *others);

/* An answered question, as `segctl explain` tells it. */
struct explained {
    const struct sources *sources;
    const struct question *question;
    const struct explanation *explanation;
    /* In the other family; NULL if the question has no meaning in it. */
    const struct explanation *other;
    usec_t now; /* the instant it is judged at */
    struct other_chains others;
};

/* For people, to stdout. */
void explain_print(const struct explained *explained, bool colour);
/* { "verdict", "flow", "reason", … }, a new reference; NULL without memory. */
json_t *explain_to_json(const struct explained *explained);
