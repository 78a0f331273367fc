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

/*
 * Of several flows that cover a packet, the first in file order among those of the lowest rank owns
 * it. A flow is no longer preferred OWNERSHIP_LEAD before it ends, so that packets which another
 * live flow approves belong to that one before the kernel ends the first by its timeout.
 */
enum flow_rank {
    FLOW_RANK_LIVE,   /* live, and for longer than OWNERSHIP_LEAD */
    FLOW_RANK_ENDING, /* live for at most OWNERSHIP_LEAD */
    /* Not live: they own what no live flow covers, so that its refusal names a flow. */
    FLOW_RANK_CLOSED, /* suspended, or outside its schedule */
    FLOW_RANK_EXPIRED,
};
#define FLOW_RANKS 4
#define OWNERSHIP_LEAD (2 * USEC_PER_SEC)
/* The rank of an enabled flow. `states` NULL: every enabled flow is live for ever. */
enum flow_rank flow_states_rank(const struct flow_states *states, const struct flow *flow);

/* The first instant at which the state or the rank of a flow may be another one. */
usec_t flow_states_until(const struct flow_states *states);
