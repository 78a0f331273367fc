/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "compiled/compiled.h"
#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/* What a change is to make enforced. */

enum target_content {
    TARGET_POLICY,     /* texts, compiled with the overrides of `state` */
    TARGET_ISOLATIONS, /* the enforced ruleset stays; the isolations of `state` replace the others
                        */
    TARGET_LOCKDOWN,   /* nothing is forwarded */
    TARGET_SAME,       /* nothing changes in the kernel */
};

struct target {
    enum target_content content;
    bool closes;      /* kernel first */
    bool is_start;    /* an earlier decision is enforced again, without comparing and checking it */
    bool is_held;     /* at a start: the table says that it holds this generation */
    bool is_chosen;   /* an operator chose what is enforced already */
    bool keeps_state; /* `state` is what it was */
    bool needs_grant; /* that a grant, `object`, does not fit the policy is an error */

    struct actor actor;
    const char *action;    /* for the audit log; NULL: the caller writes the entry */
    const char *object;    /* or NULL; borrowed, like `action` and `reason` */
    const char *reason;    /* or NULL */
    const char *suspends;  /* the flow of a suspension that begins; or NULL */
    struct json_t *detail; /* all that was asked for, an object; or NULL */
    /* Begins to write evidence after the commit; or NULL. */
    void (*write_evidence)(struct gateway *gateway, const struct target *target,
                           struct outcome *outcome);

    struct policy_texts texts;    /* of TARGET_POLICY */
    bool borrows_texts;           /* they belong to the caller */
    struct generation generation; /* that has these texts; number 0: none */
    bool is_new;                  /* the generation is new and must be written */
    uint64_t stage;               /* of a new generation: where its texts wait */
    struct state state;           /* the new state */
};

/* A target with a copy of the present state, which changes nothing yet. Returns 0 or -ENOMEM. */
int target_begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 struct target *ret_target);
void target_clear(struct target *target);
/* Reads the enforced texts and their generation into the target. Returns 0, 1 if they cannot be
 * read (the outcome says why) or -errno. */
int target_read_enforced(struct gateway *gateway, struct target *target, struct outcome *outcome);

/* The target's texts with these overrides. Borrows from both. */
struct compiled_input target_input(const struct target *target, const struct overrides *overrides);

/* Rounded down to a second, since files hold no fractions. */
static inline usec_t whole_second(usec_t instant)
{
    return instant - instant % USEC_PER_SEC;
}
