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
    /* Of all that the policy points to, and of the store itself; NULL: somebody else's. */
    struct arena *arena;
    /* Who owns an address: sorted by range, disjoint. */
    const struct zone_range *zone_ranges[FAMILIES];
    size_t n_zone_ranges[FAMILIES];
};

/* The words of enumerated values, by value. */
extern const char *const zone_class_words[ZONE_CLASS_OTHER + 1];
extern const char *const policy_model_words[MODEL_BETA_PRIME + 1];
extern const char *const sanitize_method_words[SANITIZE_FILE + 1];

/*
 * Makes a policy of a draft, whose objects are freed on the way, in an arena, or if that is NULL in
 * one of its own. Returns 0 and a policy that the caller owns, -EBADMSG where errors were added to
 * `diagnostics`, or -ENOMEM.
 */
int resolve(struct draft *draft, struct arena *arena, struct diagnostics *diagnostics,
            struct policy **ret_policy);
