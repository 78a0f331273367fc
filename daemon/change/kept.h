/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/*
 * Generations as the state folder keeps them. Both return 0, 1 where they cannot be had (the
 * outcome says why), -ENOMEM or -errno.
 */

/* The record of a generation. */
int kept_read(const struct gateway *gateway, uint64_t number, struct generation *ret_generation,
              struct outcome *outcome);
/* Its texts, and where `ret_policy` is not NULL what they mean. */
int kept_read_policy(const struct gateway *gateway, const struct generation *generation,
                     struct outcome *outcome, struct policy_texts *texts,
                     struct policy **ret_policy);
