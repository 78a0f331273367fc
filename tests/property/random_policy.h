/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"
#include "policy/policy.h"
#include "tests/random.h"

/*
 * Random policies in a small world, so that flows overlap, nest and repeat: three zones of sixteen
 * addresses in each family, one zone that owns the rest, perhaps a shared interface, perhaps a
 * protected gateway. Flows are named f0, f1, … in file order. Of most policies some flows expire or
 * have a schedule.
 */
#define RANDOM_FLOWS_MAX 40

/* The days on which flows expire, more than a week apart, and the hours in which they are open. */
extern const char *const random_expiries[3];
extern const char *const random_schedules[3];

/*
 * The policy's text, owned by the caller; flows whose entry in `disabled` is true are written with
 * `enabled: false`. The same seed gives the same text but for that.
 */
char *random_policy_text(uint64_t seed, const bool disabled[RANDOM_FLOWS_MAX]);

/*
 * Reads and compiles the policy of a seed. Flows that the diagram calls shadowed are disabled and
 * the rest is compiled again; `shadowed` says which. Fails the running test where anything else is
 * wrong with the policy.
 */
struct random_case {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct policy *policy; /* without the shadowed flows */
    usec_t now;            /* an instant at which some are live and some are not */
    struct flow_states *states;
    struct diagram *diagram;
    bool shadowed[RANDOM_FLOWS_MAX];
};
void random_case_make(uint64_t seed, struct random_case *ret_case);
void random_case_clear(struct random_case *random_case);

/* A packet that is likely to be near the borders of the policy's flows. */
struct packet random_packet(const struct policy *policy, struct random *random);
