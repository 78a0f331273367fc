/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"
#include "policy/texts.h"

/*
 * Changes of the policy, each to a new generation, and what they would be. All return 0 with the
 * outcome filled in, or a negative errno where the daemon itself failed (no memory), with nothing
 * changed.
 */

struct apply_request {
    const struct policy_text *texts; /* NULL: the files of the policy path */
    size_t n_texts;
    const char *reason; /* or NULL */
    usec_t confirm;     /* it goes back after so long unless it is confirmed; 0: for good */
    /* Number of the newest connection of the control socket; one that is newer may confirm. */
    uint64_t connections;
};
/* Texts that are enforced already make no generation, and nothing waits to be confirmed. Also
 * SIGHUP and the start of the daemon. */
int change_apply(struct gateway *gateway, const struct actor *actor,
                 const struct apply_request *request, struct outcome *ret_outcome);
/* An earlier generation's policy as a new generation; 0: that of the one before. */
int change_roll_back(struct gateway *gateway, const struct actor *actor, uint64_t generation,
                     const char *reason, struct outcome *ret_outcome);
/* What would change. Fills in plan and diagnostics; changes nothing. */
int change_plan(struct gateway *gateway, const struct policy_text *texts, size_t n_texts,
                struct outcome *ret_outcome);
/* The plan from one kept generation to another. */
int change_compare(struct gateway *gateway, uint64_t from, uint64_t to,
                   struct outcome *ret_outcome);

/* The policy files as they are now. Returns 0, 1 where they cannot be read (the outcome says why),
 * or -errno. */
int files_read(const struct gateway *gateway, struct policy_texts *ret_texts,
               struct outcome *outcome);
/* Their fingerprint; empty where they cannot be read. */
void files_fingerprint(const struct gateway *gateway, char buffer[SHA256_TEXT_MAX]);
