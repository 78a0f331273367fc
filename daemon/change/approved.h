/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/record/generation.h"
#include "policy/policy.h"

/*
 * What two policies have in common, if of one of them only digests are left. Both return 0, -ENOMEM
 * or -errno.
 */

/* Digests of all that the policy approves. */
int approved_read(const struct policy *policy, struct approved *ret_approved);

/*
 * Fills in the names of the flows of `policy`, sorted, that are among those of `approved` with all
 * that they say. There are none if anything else differs: zones, hardware addresses, the gateway.
 * The names are borrowed from the policy, the array is the caller's.
 */
int approved_in_common(const struct approved *approved, const struct policy *policy,
                       char ***ret_names, size_t *ret_n);
