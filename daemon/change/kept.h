/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * Generations that the state folder keeps. The first three return 0, 1 if the generation cannot be
 * read (the outcome says why), or -errno. If only a copy could be read, that is a finding.
 */

/* The record of a generation. */
int kept_read_record(const struct gateway *gateway, uint64_t number, struct generation *generation,
                     struct outcome *outcome);

/* The texts of a generation, and if `ret_policy` is not NULL, the policy that they describe. */
int kept_read_policy(const struct gateway *gateway, const struct generation *generation,
                     struct outcome *outcome, struct policy_texts *texts,
                     struct policy **ret_policy);
/* The same of a number, and before it the record of the generation; the caller clears `generation`
 * also after an error. */
int kept_read(const struct gateway *gateway, uint64_t number, struct generation *generation,
              struct outcome *outcome, struct policy_texts *texts, struct policy **ret_policy);
/* The enforced policy without its grants: the image, if there is one, or what its texts describe.
 * policy_free() does what each of them needs. Not for generation 0. */
int kept_read_enforced(const struct gateway *gateway, struct outcome *outcome,
                       struct policy **ret_policy);
/* The image of the enforced policy; NULL if there is none. Borrowed until the next commit. */
const struct policy *kept_image(const struct gateway *gateway);
/* The policy of texts that were compiled before, without its diagnostics. Returns 0, -EBADMSG if it
 * has errors, or -ENOMEM. */
int kept_parse(const struct policy_texts *texts, struct policy **ret_policy);
