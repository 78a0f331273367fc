/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * What operators change without a new policy: isolations, suspensions, grants. They are kept in the
 * state, so they survive a restart, a reboot and the next policy.
 *
 * All return 0 with the outcome filled in, or a negative errno if the daemon itself failed (no
 * memory); then nothing has changed. Isolate, suspend and revoke close, and work without a disk.
 * The others open, and are refused if nothing can be written.
 */

int change_isolate(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome);
/* Refused if the actor isolated the zone, unless the actor is root, says `alone` and gives a
 * reason.
 */
int change_release(struct gateway *gateway, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome);
int change_suspend(struct gateway *gateway, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome);
int change_resume(struct gateway *gateway, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome);
/* The name in `wish` is ignored; on success the outcome's message is the name of the grant. */
int change_grant(struct gateway *gateway, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome);
/* What must last longer belongs into the policy. */
#define GRANT_SPAN_MAX (INT64_C(31) * 86400 * USEC_PER_SEC)
/* A limit, since each change parses all of them with the policy. */
#define GRANTS_MAX 64
int change_revoke(struct gateway *gateway, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome);
