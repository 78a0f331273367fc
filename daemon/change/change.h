/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/manager.h"
#include "daemon/record/actor.h"
#include "policy/overrides.h"
#include "policy/texts.h"

/*
 * The ways in which what is enforced changes. Each is one transaction: everything is prepared and
 * checked, then the audit log is told that it begins, then it is written to the disk, then the
 * kernel commits it, which is the last step that can fail; and where it does, the disk is put back.
 */

/*
 * All return 0 with the outcome filled in, or a negative errno where the daemon itself failed
 * (no memory), with nothing changed. Reasons may be NULL where the text says nothing else.
 */

/* The texts as a new generation; `texts` NULL: the files of the policy path. `confirm` 0: for good.
 * Also SIGHUP and the start of the daemon. */
int change_apply(struct manager *manager, const struct actor *actor,
                 const struct policy_text *texts, size_t n_texts, const char *reason,
                 usec_t confirm, struct outcome *ret_outcome);
/* An earlier generation's policy as a new generation; 0: that of the one before. */
int change_roll_back(struct manager *manager, const struct actor *actor, uint64_t generation,
                     const char *reason, struct outcome *ret_outcome);
/* Refused over the connection that applied. */
int change_confirm(struct manager *manager, const struct actor *actor, struct outcome *ret_outcome);
/* Nobody confirmed in time. */
int change_unconfirmed(struct manager *manager);
/* What would change. Fills in plan and diagnostics; changes nothing. */
int change_plan(struct manager *manager, const struct policy_text *texts, size_t n_texts,
                struct outcome *ret_outcome);
/* The plan from one kept generation to another. */
int change_compare(struct manager *manager, uint64_t from, uint64_t to,
                   struct outcome *ret_outcome);

int change_isolate(struct manager *manager, const struct actor *actor, const char *zone,
                   const char *reason, usec_t span, const char *const *keep, size_t n_keep,
                   struct outcome *ret_outcome);
/* Refused where the actor isolated the zone, unless root says `alone` and why. */
int change_release(struct manager *manager, const struct actor *actor, const char *zone,
                   const char *reason, bool alone, struct outcome *ret_outcome);
int change_suspend(struct manager *manager, const struct actor *actor, const char *flow,
                   const char *reason, struct outcome *ret_outcome);
int change_resume(struct manager *manager, const struct actor *actor, const char *flow,
                  const char *reason, struct outcome *ret_outcome);
/* `wish->name` is filled in here. */
int change_grant(struct manager *manager, const struct actor *actor, const struct grant_wish *wish,
                 usec_t span, struct outcome *ret_outcome);
/* A grant is for days, not for ever. */
#define GRANT_SPAN_MAX (INT64_C(31) * 86400 * USEC_PER_SEC)
/* Each is parsed with the policy at every change. */
#define GRANTS_MAX 64
/* Each flow that is kept is looked for among all, by this change and every one after it. */
#define ISOLATION_KEEP_MAX 256
int change_revoke(struct manager *manager, const struct actor *actor, const char *grant,
                  const char *reason, struct outcome *ret_outcome);

/* Nothing but time has gone by: what expired goes, what its schedule opens comes, overrides that
 * ended go. Also after the clock was set. */
int change_by_time(struct manager *manager);
