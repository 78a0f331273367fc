/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * The only order in which anything becomes enforced. Whoever changes something makes a target,
 * which says what is to be; transaction_run() does the rest, in this order:
 *
 *   what opens    prepare, check, audit log, disk, kernel, note
 *   what closes   prepare, check, kernel, note, disk, audit log
 *
 * What opens is refused where it cannot be written down. What closes, and what time does, reaches
 * the kernel whatever the disk does; what could not be written is written later (gateway.h).
 */
struct target;

enum target_content {
    TARGET_POLICY,     /* texts, compiled with the overrides of `state` */
    TARGET_ISOLATIONS, /* the ruleset that is enforced, with the isolations of `state` beside it */
    TARGET_LOCKDOWN,   /* nothing is forwarded */
    TARGET_SAME,       /* nothing changes in the kernel */
};

struct target {
    enum target_content content;
    bool closes;       /* kernel first */
    bool is_start;     /* what was decided before is taken up again: nothing is refused for it */
    bool is_held;      /* at a start: the kernel holds this generation, as far as it tells */
    bool needs_grants; /* a grant that does not fit the policy is an error, not left out */

    struct actor actor;
    const char *action;    /* for the audit log; NULL: the caller writes the entry */
    const char *object;    /* or NULL; borrowed, as the two beside it */
    const char *reason;    /* or NULL */
    struct json_t *detail; /* the whole of what was asked, an object; or NULL */
    /* What else is to be written once the kernel has it; or NULL. */
    void (*write_evidence)(struct gateway *gateway, const struct target *target,
                           struct outcome *outcome);

    struct policy_texts texts;    /* of TARGET_POLICY */
    bool borrows_texts;           /* they are the caller's */
    struct generation generation; /* whose texts they are; number 0: of none */
    bool is_new;                  /* it is to be written */
    struct state state;           /* what the state is to be */
};

/* A target that changes nothing yet: the state as it is, the generation that is enforced. Returns 0
 * or -ENOMEM. */
int target_begin(const struct gateway *gateway, const struct actor *actor, const char *action,
                 struct target *ret_target);
void target_clear(struct target *target);
/* Reads the texts that are enforced into the target. Returns 0, 1 where they cannot be had (the
 * outcome says why) or -errno. */
int target_read_enforced(struct gateway *gateway, struct target *target, struct outcome *outcome);

/*
 * Makes the target what is enforced and kept. Of the target what was taken over is gone. Returns 0,
 * 1 where the outcome says why it was refused, or -errno where the daemon itself failed; with
 * anything but 0 what was enforced before is enforced, and the disk says so.
 */
int transaction_run(struct gateway *gateway, struct target *target, struct outcome *outcome);

/* Drops findings of the start that somebody's choice of a policy settles. */
void transaction_settle_start(struct gateway *gateway);

/* Rounded down to a second: instants that are kept have no more. */
static inline usec_t whole_second(usec_t instant)
{
    return instant - instant % USEC_PER_SEC;
}
