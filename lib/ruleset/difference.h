/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "ruleset/ruleset.h"

/*
 * What must be done to get from one ruleset to another, in an order the kernel accepts: in one
 * transaction, but for what goes and may still be looked up by packets that are under way, which
 * goes in two more. Pointers are borrowed from the two rulesets,
 * or are the difference's own.
 */
enum change_kind {
    CHANGE_DELETE_TABLE,    /* -                  with all that it holds */
    CHANGE_ADD_TABLE,       /* -                  or take over one that is there */
    CHANGE_FLUSH_CHAIN,     /* chain (old)        all its rules go */
    CHANGE_DELETE_ELEMENTS, /* set, elements (old) */
    CHANGE_DELETE_SET,      /* set (old)          */
    CHANGE_DELETE_CHAIN,    /* chain (old)        */
    CHANGE_DELETE_COUNTER,  /* counter (old)      */
    CHANGE_DELETE_FOREIGN,  /* foreign (old)      */
    CHANGE_ADD_COUNTER,     /* counter (new)      */
    CHANGE_ADD_CHAIN,       /* chain (new)        without its rules */
    CHANGE_ADD_SET,         /* set (new)          without its elements */
    CHANGE_ADD_ELEMENTS,    /* set, elements (new) */
    CHANGE_ADD_RULES,       /* chain (new)        all its rules, in order */
    CHANGE_RENEW_ELEMENTS,  /* set, elements (new) only expiry or comment differ: counters stay */
};

struct change {
    enum change_kind kind;
    const struct chain *chain;
    const struct set *set;
    const struct counter *counter;
    const struct foreign *foreign;
    /* Elements of `set` that the change is about. */
    const struct element **elements;
    size_t n_elements;
    /* The two rulesets that were compared; `held` is NULL where the kernel has no such table. */
    const struct ruleset *held;
    const struct ruleset *wanted;
};

/* What the change is about, in nft's words, a static string; and its name, NULL for the table. */
const char *change_object(const struct change *change, const char **ret_name);

/* The transactions, in their order. */
enum phase {
    PHASE_CHANGE, /* all but the following */
    PHASE_ROWS,   /* rows that go, where others stand in for them by now, perhaps elsewhere */
    PHASE_IDS,    /* ids that leave the switchboard: no row names them any more */
    PHASES,
};

struct difference {
    struct change *changes;
    size_t n_changes;
    size_t capacity;
    /* Of them so many for each transaction, one after the other. */
    size_t n_phase[PHASES];
    struct arena *arena; /* owns chains that have rules of both rulesets for a while */
};

/*
 * `old` is NULL where the kernel has no such table. A dormant one is deleted and added again, and
 * so is one that is to be owned and never was; an orphan that is to be owned is taken over as it
 * is, unless a base chain of it is missing or another. An empty difference means there is nothing
 * to do. Returns 0 and a difference that the caller owns and that borrows both rulesets, or
 * -ENOMEM.
 */
int difference_new(const struct ruleset *old, const struct ruleset *new,
                   struct difference **ret_difference);
struct difference *difference_free(struct difference *difference);
DEFINE_CLEANUP(struct difference, difference_free)
