/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"
#include "policy/texts.h"

/*
 * Changes of the policy, each of which makes a new generation, and comparisons. All return 0 with
 * the outcome filled in, or a negative errno if the daemon itself failed (no memory); then nothing
 * has changed.
 */

struct apply_request {
    const struct policy_text *texts; /* NULL: the files of the policy path */
    size_t n_texts;
    const char *reason; /* or NULL */
    usec_t confirm;     /* the change is undone after this time unless it is confirmed; 0: never */
    /* Number of the newest connection of the control socket; only a newer one may confirm. */
    uint64_t connections;
};
/* Texts that are enforced already make no generation and need no confirmation. Also used by SIGHUP
 * and at the start. */
int change_apply(struct gateway *gateway, const struct actor *actor,
                 const struct apply_request *request, struct outcome *ret_outcome);
/* Applies the policy of an earlier generation as a new one; 0: of the previous generation. */
int change_roll_back(struct gateway *gateway, const struct actor *actor, uint64_t generation,
                     const char *reason, struct outcome *ret_outcome);
/* Fills in what an apply of the texts would change, and the diagnostics; changes nothing. */
int change_plan(struct gateway *gateway, const struct policy_text *texts, size_t n_texts,
                struct outcome *ret_outcome);
/* Fills in what differs between two kept generations. */
int change_compare(struct gateway *gateway, uint64_t from, uint64_t to,
                   struct outcome *ret_outcome);

/* Reads the policy files. Returns 0, 1 if they cannot be read (the outcome says why), or -errno. */
int files_read(const struct gateway *gateway, struct policy_texts *ret_texts,
               struct outcome *outcome);
/* The fingerprint of the policy files; empty if they cannot be read. */
void files_fingerprint(const struct gateway *gateway, char buffer[SHA256_TEXT_MAX]);
