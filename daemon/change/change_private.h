/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/change.h"

/* What the files of changes share. Steps return 0, 1 where the outcome says why it ends here, or a
 * negative errno. */

/* One change on its way to a new generation. */
struct transition {
    const char *action;
    struct actor actor;
    struct generation generation;
    const struct policy_text *texts; /* borrowed */
    size_t n_texts;
    const struct overrides *overrides; /* borrowed */
    struct state candidate;            /* what the state will be */
};

/* From texts to rulesets; diagnostics and their sources go to the outcome. */
int change_prepare(struct manager *manager, const struct policy_text *texts, size_t n_texts,
                   const struct overrides *overrides, uint64_t generation, struct outcome *outcome,
                   struct compiled **ret_compiled);
/* The same, and every grant must fit the policy. */
int change_prepare_strictly(struct manager *manager, const struct policy_texts *texts,
                            const struct overrides *overrides, uint64_t generation,
                            struct outcome *outcome, struct compiled **ret_compiled);
/* The texts of a generation, and where `ret_policy` is not NULL what they mean. */
int change_read_policy(struct manager *manager, const struct generation *generation,
                       struct outcome *outcome, struct policy_texts *texts,
                       struct policy **ret_policy);
/* Of the policy files as they are now; empty where they cannot be read. */
void change_files_fingerprint(struct manager *manager, char buffer[SHA256_TEXT_MAX]);
/* Commits what was compiled, takes its times over, and lets the kernel forward where the policy
 * says so. `ret_cost` may be NULL. */
int change_commit(struct manager *manager, struct compiled *compiled, struct outcome *outcome,
                  struct nftables_cost *ret_cost);
/* change_isolated.c: whether each isolated zone of the old policy (NULL: there is none) stays cut
 * off in the new one: it has the zone, and no other zone that is not isolated has any of its
 * addresses behind any of its interfaces. */
int change_check_isolations(const struct policy *old, const struct policy *new,
                            const struct overrides *overrides, struct outcome *outcome);
/* change_reused.c: before the commit of a policy in which a flow has the number that another flow
 * of the old one had. `old` may be NULL. */
int change_commit_reused(struct manager *manager, const struct transition *change,
                         struct compiled *compiled, const struct policy *old,
                         struct outcome *outcome);
/* Keeps the overrides beside the policy too, from where a start takes them that finds no state. */
void change_note_overrides(struct manager *manager);
/* Rounded down to a second: instants that are kept have no more. */
static inline usec_t change_second(usec_t instant)
{
    return instant - instant % USEC_PER_SEC;
}
/* The clock, and where it is certainly wrong the last instant that was known. */
static inline usec_t change_now(const struct manager *manager)
{
    usec_t now = calendar_now(), over = manager->state.overrides.over;

    return over > now ? over : now;
}
/* Of this boot of the machine. */
void change_boot_id(char buffer[40]);
