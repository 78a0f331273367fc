/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "policy/draft.h"
#include "policy/policy.h"

/* One range of addresses and the zone that owns it. */
struct zone_range {
    struct range range;
    size_t zone;
};

/* A policy with what its users need not see. */
struct policy_store {
    struct policy policy; /* first: a policy is converted to its store by a cast */
    struct arena *arena;  /* of all that the policy points to, and of the store itself */
    /* Who owns an address: sorted by range, disjoint. */
    const struct zone_range *zone_ranges[FAMILIES];
    size_t n_zone_ranges[FAMILIES];
};

/*
 * Makes a policy of a draft, whose objects are freed on the way. Returns 0 and a policy that the
 * caller owns, -EBADMSG where errors were added to `diagnostics`, or -ENOMEM.
 */
int resolve(struct draft *draft, struct diagnostics *diagnostics, struct policy **ret_policy);

/*
 * Parses the sources from `first` on as one policy. `ends` is NULL, or for each of these sources
 * the instant at which all of its flows end, 0 where the text itself says. Where something is
 * missing (not `complete`) mistakes are reported, and there is no policy. Returns as policy_read().
 */
int policy_parse_sources(const struct sources *sources, size_t first, const usec_t *ends,
                         bool complete, struct diagnostics *diagnostics,
                         struct policy **ret_policy);

/*
 * Adds the `size` bytes of one more text to `*total`. Returns 0, a positive value where they are
 * more than a policy may have, which was reported and is not added, or -ENOMEM.
 */
int policy_check_size(struct diagnostics *diagnostics, const char *name, size_t size,
                      size_t *total);
