/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "compiled/compiled.h"
#include "kernel/nftables.h"
#include "policy/overrides.h"

/*
 * What is enforced: the ruleset that was committed last, and the ways to another. It is the only
 * part of the daemon that changes the kernel.
 */
struct enforcement;

/*
 * Opens the kernel of the current network namespace. `fd` is a socket that an earlier process of
 * this daemon left in systemd's file-descriptor store, which may own the table, or -1; it is taken
 * over. Returns 0, -EPERM, -EOPNOTSUPP with `*ret_missing` the sentence that says what the kernel
 * lacks, or -errno.
 */
int enforcement_new(int fd, struct enforcement **ret_enforcement, const char **ret_missing);
/* The same, and what went wrong is logged. */
int enforcement_open(int fd, struct enforcement **ret_enforcement);
/* Lets go of the kernel; what is enforced stays enforced. Returns NULL. */
struct enforcement *enforcement_free(struct enforcement *enforcement);
DEFINE_CLEANUP(struct enforcement, enforcement_free)

const struct nftables_features *enforcement_features(const struct enforcement *enforcement);
/* For counters; borrowed. And the socket to be kept for the next process. */
struct nftables *enforcement_nftables(struct enforcement *enforcement);
int enforcement_fd(const struct enforcement *enforcement);
/* Whether the kernel keeps others from changing the table. */
bool enforcement_owns(const struct enforcement *enforcement);

/* What the kernel holds when the daemon begins. */
struct held {
    bool enforced;       /* a table of this name is in force */
    uint64_t generation; /* which, as far as it tells; 0: it does not */
    /* Isolations, with the flows that they keep, and suspensions. */
    struct overrides closings;
    struct ruleset *ruleset; /* as it was dumped; NULL where there was none */
};
void held_clear(struct held *held);
/* Whether a flow of this name passes there. */
bool held_has_live(const struct held *held, const char *flow);
/* Returns 0 or -errno. */
int enforcement_read_held(struct enforcement *enforcement, struct held *ret_held);

/*
 * Commits what was compiled, and takes over its rulesets and outline. Returns 0, or with what was
 * enforced before still enforced
 *   -EREMOTEIO  the kernel refused it; `*ret_refusal` says what
 *   -ENOMEM, -errno
 */
int enforcement_commit(struct enforcement *enforcement, struct compiled *compiled,
                       struct nftables_refusal *ret_refusal, struct nftables_cost *ret_cost);

/* Commits other isolations beside the ruleset that is enforced, without the policy. Returns as
 * enforcement_commit(), -ENODATA where no policy is enforced. */
int enforcement_isolate(struct enforcement *enforcement, const struct overrides *overrides,
                        struct nftables_refusal *ret_refusal);

/* Nothing is forwarded from now on. Returns as enforcement_commit(). */
int enforcement_lock_down(struct enforcement *enforcement, struct nftables_refusal *ret_refusal);

/* Of the policy that is enforced; NULL in lockdown. Borrowed until the next commit. */
const struct policy *enforcement_outline(const struct enforcement *enforcement);
/* The ruleset as committed, without isolations; NULL before the first commit. Borrowed. */
const struct ruleset *enforcement_ruleset(const struct enforcement *enforcement);

/* True where nobody else has changed any table since the last commit: then the kernel surely holds
 * what was committed. */
bool enforcement_stands(struct enforcement *enforcement);
/* The clock was set: timeouts in the kernel no longer mean what was committed. The next commit
 * takes the difference from what the kernel holds. */
void enforcement_distrust(struct enforcement *enforcement);
/* The transaction that made this generation id was another table's affair. */
void enforcement_pass_over(struct enforcement *enforcement, uint32_t generation);

/* Called for each object in which the kernel differs from what was committed. */
typedef int (*enforcement_handler)(const char *object, const char *message, void *userdata);
/* Dumps the kernel and compares; `*ret_n` differences were given to the handler (which may be
 * NULL). Changes nothing. Returns 0, the handler's return, or -errno. */
int enforcement_verify(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n);
/* The same for what was compiled and is not committed yet. */
int enforcement_compare(struct enforcement *enforcement, const struct compiled *compiled,
                        enforcement_handler handler, void *userdata, size_t *ret_n);
/* The same, and then makes the kernel hold what was committed again, in one transaction. */
int enforcement_repair(struct enforcement *enforcement, enforcement_handler handler, void *userdata,
                       size_t *ret_n);
