/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"
#include "policy/policy.h"

/* Whether a flow passes at an instant, and why not. Isolations are of zones, not of flows, and have
 * no part in it. */
enum standing {
    STANDING_LIVE,
    STANDING_DISABLED,  /* `enabled: false` */
    STANDING_EXPIRED,   /* its last day is over */
    STANDING_SUSPENDED, /* by an operator */
    STANDING_CLOSED,    /* outside its schedule */
};
/* `live`, `disabled`, `expired`, `suspended`, `schedule`: static strings. */
const char *standing_to_string(enum standing standing);

/*
 * How the policy's flows stand at one instant: asked for many flows, so each schedule is looked up
 * once. It borrows the policy and the overrides (which may be NULL).
 */
struct standings;
/* Returns 0, -ENOMEM, or -errno where the time zone cannot be read. */
int standings_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
                  struct standings **ret_standings);
struct standings *standings_free(struct standings *standings);
DEFINE_CLEANUP(struct standings, standings_free)

/* The standing of one of the policy's flows, and in `*ret_until` (which may be NULL) the instant at
 * which it may be another one; USEC_NEVER where only people change it. */
enum standing standings_of(const struct standings *standings, const struct flow *flow,
                           usec_t *ret_until);
/* The first such instant of all flows. */
usec_t standings_until(const struct standings *standings);
