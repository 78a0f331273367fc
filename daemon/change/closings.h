/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "compiled/compiled.h"
#include "daemon/change/outcome.h"
#include "daemon/change/prepared.h"
#include "daemon/gateway.h"

/* Isolations and suspensions beside a policy that is about to be enforced. */

/* Whether there is any. */
bool closings_exist(const struct overrides *overrides);
/*
 * Carries them over to the compiled policy (policy/closings.h), and compiles anew what that
 * changes. `input` is what it was compiled from; its overrides are not used. `before` is the policy
 * enforced before, or NULL. Returns 0, 1 if the outcome says why not, or -errno.
 */
int closings_follow(const struct gateway *gateway, const struct compiled_input *input,
                    const struct policy *before, struct overrides *overrides,
                    struct outcome *outcome, struct compiled **compiled);
/*
 * Refuses a policy if a suspension would grow beyond SUSPENSION_HOLDS_MAX contents, or as many
 * other names: to forget one of them could open it, and each later policy is compared with all of
 * them. `overrides` are those that were carried over. It is for new policies only: a start enforces
 * what was decided. Returns 0, or 1 and the outcome says why.
 */
int closings_check(const struct gateway *gateway, const struct overrides *overrides,
                   struct outcome *outcome);
#define SUSPENSION_HOLDS_MAX 256
/* Fills in `closings` of the outcome: what the policy did to them. `overrides` are those that were
 * carried over, the gateway has them as they were. Returns 0 or -ENOMEM. */
int closings_show(const struct gateway *gateway, const struct overrides *overrides,
                  const struct policy *before, const struct compiled *compiled,
                  struct outcome *outcome);
/* Fills in `approved` of the outcome: live flows that approve part of what the flow of this name
 * approves, which is suspended. Returns 0 or -errno. */
int closings_find_approved(const struct compiled *compiled, const struct overrides *overrides,
                           const char *flow, struct outcome *outcome);
/* Reports closings whose names the enforced policy does not have. `prepared` is what was made of
 * it; NULL: only isolations have changed. */
void closings_report(struct gateway *gateway, const struct prepared *prepared);
