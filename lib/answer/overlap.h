/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/policy.h"

/*
 * Whether some packet lies in both flows, of one policy or of two: its source, destination and
 * service. Neither expiry nor schedule, nor which of them owns it, matters. Returns 1, 0 or
 * -ENOMEM.
 */
int flows_overlap(const struct policy *policy, const struct flow *flow,
                  const struct policy *other_policy, const struct flow *other);
/* Whether every packet of the other flow, of the same policy, lies in this one; no where it takes
 * several services of this flow to cover one of the other. Returns 1, 0 or -ENOMEM. */
int flow_covers(const struct policy *policy, const struct flow *flow, const struct flow *other);
