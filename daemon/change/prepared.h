/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "compiled/compiled.h"
#include "daemon/agenda.h"
#include "daemon/change/target.h"

/* What a commit needs of a policy, worked out before. A zeroed structure is empty. */
struct prepared {
    struct compiled *compiled; /* from another process: without sources, policy and diagram */
    struct policy_image image; /* of `compiled`; or empty */
    struct compiled *first;    /* what is committed before it (commit.c); or NULL */
    uint32_t *reused;          /* marks whose connections are deleted between the two */
    size_t n_reused;
    struct agenda agenda;
    char **unnamed; /* suspended flows that the policy does not have */
    size_t n_unnamed;
    char **renamed; /* flows that have another name now: before, and after, in turn */
    size_t n_renamed;
};
void prepared_clear(struct prepared *prepared);

/* `old` is the policy that a new generation replaces, or NULL. What was compiled moves. Returns 0,
 * 1 if the outcome says why not, or -errno. */
int prepared_fill(const struct gateway *gateway, const struct target *target,
                  const struct policy *old, struct outcome *outcome, struct compiled **compiled,
                  struct prepared *ret_prepared);
