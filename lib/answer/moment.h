/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/calendar.h"
#include "policy/isolations.h"
#include "policy/policy.h"
#include "policy/flow_state.h"

/*
 * A policy as it is at one instant, with what operators changed: which flows pass, and between
 * which of their zones. A zeroed structure is none.
 */
struct moment {
    const struct policy *policy; /* borrowed */
    struct flow_states *states;
    struct isolations *isolations;
};

/* It borrows both; `overrides` may be NULL. Returns 0, -ENOMEM, or -errno where the policy's time
 * zone cannot be read. */
int moment_init(struct moment *moment, const struct policy *policy,
                const struct overrides *overrides, usec_t now);
void moment_clear(struct moment *moment);

enum flow_state moment_flow_state(const struct moment *moment, const struct flow *flow);
/* Whether packets of the flow from one zone to the other pass: an isolation may still cut off some
 * of them. */
bool moment_passes(const struct moment *moment, const struct flow *flow, size_t from, size_t to);
/* Whether one does between any of its zones. */
bool moment_passes_somewhere(const struct moment *moment, const struct flow *flow);
