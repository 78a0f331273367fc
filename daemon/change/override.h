/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * What operators change beside the policy: isolations, suspensions, grants. They are kept in the
 * state, not in generations, so that they outlive a restart, a reboot and the next policy.
 *
 * All return 0 with the outcome filled in, or a negative errno where the daemon itself failed (no
 * memory), with nothing changed. Isolate, suspend and revoke close: they need no disk. The others
 * open: without one they are refused.
 */

int change_isolate(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome);
/* Each flow that is kept is looked for among all, by this change and every one after it. */
#define ISOLATION_KEEP_MAX 256
/* Refused where the actor isolated the zone, unless root says `alone` and why. */
int change_release(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome);
int change_suspend(struct gateway *gateway, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome);
int change_resume(struct gateway *gateway, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome);
/* `wish->name` is filled in here; the outcome's message is the name. */
int change_grant(struct gateway *gateway, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome);
/* A grant is for days, not for ever. */
#define GRANT_SPAN_MAX (INT64_C(31) * 86400 * USEC_PER_SEC)
/* Each is parsed with the policy at every change. */
#define GRANTS_MAX 64
int change_revoke(struct gateway *gateway, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome);
