/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "compiled/compiled.h"
#include "daemon/held.h"
#include "daemon/record/totals.h"
#include "kernel/nftables.h"
#include "policy/overrides.h"

/*
 * What is enforced: the rulesets that were committed last, and how others are committed. It is the
 * only part of the daemon that changes nftables.
 */
struct enforcement;

/*
 * Opens nftables of the current network namespace. `fd` is the socket that an earlier process of
 * this daemon left in systemd's file-descriptor store and that may own the table, or -1; it is used
 * or closed. Logs errors. Returns 0, -EPERM, -EOPNOTSUPP if the kernel lacks something, or -errno.
 */
int enforcement_open(int fd, struct enforcement **ret_enforcement);
/* What is enforced stays enforced. Returns NULL. */
struct enforcement *enforcement_free(struct enforcement *enforcement);
DEFINE_CLEANUP(struct enforcement, enforcement_free)

const struct nftables_features *enforcement_features(const struct enforcement *enforcement);
/* What flows have counted whose elements a commit deletes, or counters of refused packets, is added
 * to these totals from now on. Borrowed. */
void enforcement_count(struct enforcement *enforcement, struct totals *totals);
/* Borrowed, to read counters. And the socket, which is kept for the next process. */
struct nftables *enforcement_nftables(struct enforcement *enforcement);
int enforcement_fd(const struct enforcement *enforcement);
/* In a child of this process: leaves the socket, which only this process may use, and opens one to
 * read by if `reads`; else nothing may ask the kernel any more. Returns 0 or -errno. */
int enforcement_enter_child(struct enforcement *enforcement, bool reads);
/* Whether the kernel keeps others from changing the table. */
bool enforcement_owns(const struct enforcement *enforcement);

/* Whether a flow of this name is live in the ruleset, which may be NULL. */
bool enforcement_has_live(const struct ruleset *ruleset, const char *flow);
/* Returns 0 or -errno. */
int enforcement_read_held(struct enforcement *enforcement, struct held *ret_held);

/*
 * Commits what was compiled, and takes its rulesets and outline. Returns 0, or with nothing changed
 *   -EREMOTEIO  the kernel refused something; `*ret_refusal` says what
 *   -ENOMEM, -errno
 */
int enforcement_commit(struct enforcement *enforcement, struct compiled *compiled,
                       struct nftables_refusal *ret_refusal, struct nftables_cost *ret_cost);

/*
 * Takes the table that this socket owns as what was committed, without the policy of which it was
 * made; `outline` is its outline and moves, `overrides` are those that it holds. Returns 0 or
 * -errno.
 */
int enforcement_hold(struct enforcement *enforcement, struct policy *outline,
                     const struct overrides *overrides);

/* Commits other isolations and leaves the ruleset of the policy as it is. Returns as
 * enforcement_commit(), or -ENODATA if no policy is enforced. */
int enforcement_isolate(struct enforcement *enforcement, const struct overrides *overrides,
                        struct nftables_refusal *ret_refusal);

/*
 * Deletes from the switchboard what the kernel ends by `until` anyway: of an element that the
 * kernel ends by itself nobody is told what it had counted. Comes so long before that instant.
 * Returns 0 or as enforcement_commit().
 */
#define ENFORCEMENT_LEAD (USEC_PER_SEC / 20)
int enforcement_end_by(struct enforcement *enforcement, usec_t until);

/* Commits a ruleset that forwards nothing. Returns as enforcement_commit(). */
int enforcement_lock_down(struct enforcement *enforcement, struct nftables_refusal *ret_refusal);

/* The content of a flow that is live in the enforced policy. Returns false if it is not live. */
bool enforcement_content_of(const struct enforcement *enforcement, const char *flow,
                            char content[FLOW_CONTENT_TEXT_MAX]);

/* The outline of the policy that is enforced; NULL in lockdown. Borrowed until the next commit. */
const struct policy *enforcement_outline(const struct enforcement *enforcement);
/* The ruleset as committed, without isolations; NULL before the first commit. Borrowed. */
const struct ruleset *enforcement_ruleset(const struct enforcement *enforcement);

/* Whether nobody else has changed any table since the last commit: then the kernel certainly holds
 * what was committed. */
bool enforcement_is_unchanged(struct enforcement *enforcement);
/* The clock was set, so timeouts in the kernel no longer end at the instants that were committed.
 * The next commit takes the difference from what the kernel holds. */
void enforcement_distrust(struct enforcement *enforcement);
/* The transaction that made this generation id changed another table only. */
void enforcement_skip(struct enforcement *enforcement, uint32_t generation);

/* Called for each object that differs in the kernel from what was committed. */
typedef int (*enforcement_handler)(const char *object, const char *message, void *userdata);
/* Dumps the table and compares; calls the handler, which may be NULL, for each of the `*ret_n`
 * differences. Changes nothing. Returns 0, the handler's return, or -errno. */
int enforcement_verify(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n);
/* The same for a policy that was compiled and is not committed yet. */
int enforcement_compare(struct enforcement *enforcement, const struct compiled *compiled,
                        enforcement_handler handler, void *userdata, size_t *ret_n);
/* The same for what was committed, and then repairs the table in one transaction. */
int enforcement_repair(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n);
