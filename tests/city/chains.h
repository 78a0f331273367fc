/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "policy/policy.h"

/*
 * What chains of flows reach from some addresses, host by host: each end of a flow that is reached
 * reaches its other end. It is generous: a list or group is reached as a whole where one address
 * of it is.
 */
enum chain_direction {
    CHAIN_AS_INITIATED, /* from initiator to responder only */
    CHAIN_EITHER_WAY,   /* also by what a responder hands out when asked */
};

struct chains {
    struct address_set reached;
    bool gateway; /* the gateway itself is */
};

bool address_set_includes(const struct address_set *set, const struct address_set *other);
bool address_set_overlaps(const struct address_set *set, const struct address_set *other);

/* Starts from every address of the zones of a class. The caller owns what is in `*ret_chains`. */
void chains_follow(const struct policy *policy, enum zone_class from,
                   enum chain_direction direction, struct chains *ret_chains);
void chains_clear(struct chains *chains);
/* Fails the test where an address of the zone is reached. */
void chains_assert_not_reached(const struct chains *chains, const struct policy *policy,
                               const struct zone *zone);
