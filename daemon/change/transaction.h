/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * The only way in which anything becomes enforced. The caller makes a target, which says what is to
 * be enforced; transaction_run() does the rest, in this order:
 *
 *   what opens    prepare, check, audit log, disk, kernel, note
 *   what closes   prepare, check, kernel, note, disk, audit log
 *
 * What opens is refused if it cannot be written. What closes, and what time does, reaches the
 * kernel in any case; what could not be written is written later (gateway.h).
 */
struct target;

enum target_content {
    TARGET_POLICY,     /* texts, compiled with the overrides of `state` */
    TARGET_ISOLATIONS, /* the enforced ruleset stays; the isolations of `state` replace the others
                        */
    TARGET_LOCKDOWN,   /* nothing is forwarded */
    TARGET_SAME,       /* nothing changes in the kernel */
};

struct target {
    enum target_content content;
    bool closes;   /* kernel first */
    bool is_start; /* an earlier decision is enforced again, without comparing and checking it */
    bool is_held;  /* at a start: the table says that it holds this generation */
    bool needs_grants; /* a grant that does not fit the policy is an error; else it is left out */

    struct actor actor;
    const char *action;    /* for the audit log; NULL: the caller writes the entry */
    const char *object;    /* or NULL; borrowed, like `action` and `reason` */
    const char *reason;    /* or NULL */
    const char *suspends;  /* the flow of a suspension that begins; or NULL */
    struct json_t *detail; /* all that was asked for, an object; or NULL */
    /* Writes evidence after the commit; or NULL. */
    void (*write_evidence)(struct gateway *gateway, const struct target *target,
                           struct outcome *outcome);

    struct policy_texts texts;    /* of TARGET_POLICY */
    bool borrows_texts;           /* they belong to the caller */
    struct generation generation; /* that has these texts; number 0: none */
    bool is_new;                  /* the generation is new and must be written */
    struct state state;           /* the new state */
};

/* A target with a copy of the present state, which changes nothing yet. Returns 0 or -ENOMEM. */
int target_begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 struct target *ret_target);
void target_clear(struct target *target);
/* Reads the enforced texts and their generation into the target. Returns 0, 1 if they cannot be
 * read (the outcome says why) or -errno. */
int target_read_enforced(struct gateway *gateway, struct target *target, struct outcome *outcome);

/*
 * Enforces and keeps the target; its generation, state and texts move to the gateway. Returns 0, 1
 * if the outcome says why it was refused, or -errno if the daemon itself failed. Unless it returns
 * 0, nothing has changed in the kernel or on the disk.
 */
int transaction_run(struct gateway *gateway, struct target *target, struct outcome *outcome);

/* Drops the findings of the start that are settled when an operator chooses a policy. */
void transaction_settle_start(struct gateway *gateway);

/* Rounded down to a second, since files hold no fractions. */
static inline usec_t whole_second(usec_t instant)
{
    return instant - instant % USEC_PER_SEC;
}
