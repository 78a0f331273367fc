/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * Generations that the state folder keeps. Both return 0, 1 if the generation cannot be read (the
 * outcome says why), or -errno.
 */

/* The record of a generation. */
int kept_read(const struct gateway *gateway, uint64_t number, struct generation *ret_generation,
              struct outcome *outcome);
/* Its texts, and if `ret_policy` is not NULL, the policy that they describe. */
int kept_read_policy(const struct gateway *gateway, const struct generation *generation,
                     struct outcome *outcome, struct policy_texts *texts,
                     struct policy **ret_policy);
