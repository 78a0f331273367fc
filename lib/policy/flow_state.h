/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"
#include "policy/policy.h"

/* Whether a flow passes at an instant, and why not. Isolations are of zones, not of flows, and have
 * no part in it. */
enum flow_state {
    FLOW_STATE_LIVE,
    FLOW_STATE_DISABLED,  /* `enabled: false` */
    FLOW_STATE_EXPIRED,   /* its last day is over */
    FLOW_STATE_SUSPENDED, /* by an operator */
    FLOW_STATE_CLOSED,    /* outside its schedule */
};
/* `live`, `disabled`, `expired`, `suspended`, `schedule`: static strings. */
const char *flow_state_to_string(enum flow_state state);

/*
 * How the policy's flows stand at one instant: asked for many flows, so each schedule is looked up
 * once. It borrows the policy and the overrides (which may be NULL).
 */
struct flow_states;
/* Returns 0, -ENOMEM, or -errno where the time zone cannot be read. */
int flow_states_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
                    struct flow_states **ret_states);
struct flow_states *flow_states_free(struct flow_states *states);
DEFINE_CLEANUP(struct flow_states, flow_states_free)

/* The state of one of the policy's flows, and in `*ret_until` (which may be NULL) the instant at
 * which it may be another one; USEC_NEVER where only people change it. */
enum flow_state flow_states_of(const struct flow_states *states, const struct flow *flow,
                               usec_t *ret_until);
/* The first such instant of all flows. */
usec_t flow_states_until(const struct flow_states *states);
