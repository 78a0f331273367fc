/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"

/*
 * Adds what the isolation cuts off in the policy, or its outline, as far as it does not hold it
 * yet: what the zone of its name is; and its networks at the interfaces at which the policy has
 * them, but for those of a zone of `any`. Returns 0 or -ENOMEM.
 */
int isolation_extend(struct override *isolation, const struct policy *policy);
/* A copy with this extended. The caller clears it by record_clear(). Returns 0 or -ENOMEM. */
int isolation_in_policy(const struct override *isolation, const struct policy *policy,
                        struct override *ret_copy);
/*
 * Adds a copy of the extent, if there is none like it. Each costs every packet some lookups, and
 * each change of the policy may bring one, so beyond EXTENTS_MAX those of `any` and those of
 * networks are merged into one each, which cuts off all that they did and more. Returns 0 or
 * -ENOMEM; after an error the isolation may be cleared only.
 */
int isolation_add_extent(struct override *isolation, const struct extent *extent);
#define EXTENTS_MAX 16
/* The addresses of its networks; the caller frees them, also after an error. Returns 0 or -ENOMEM.
 */
int extent_addresses(const struct extent *extent, struct address_set *addresses);
void address_set_clear(struct address_set *set);

/*
 * What the isolations cut off of the zones of one policy (isolation_extend()). A packet is cut off
 * if exactly one of its ends lies in an extent and its flow is not kept: what stays within the
 * extent goes on, unless it is `apart`. The gateway is in no extent, so a zone that is isolated is
 * cut off from it too.
 */
struct isolations;
/* It borrows both; `overrides` may be NULL: there are none. Returns 0 or -ENOMEM. */
int isolations_new(const struct overrides *overrides, const struct policy *policy,
                   struct isolations **ret_isolations);
struct isolations *isolations_free(struct isolations *isolations);
DEFINE_CLEANUP(struct isolations, isolations_free)

/* One end of packets: one address of a zone, or each of them. */
struct isolation_end {
    size_t zone; /* or ZONE_GATEWAY */
    bool has_address;
    enum family family;
    ip_number address;
};
/* The isolation that cuts off all packets of the flow between two ends; NULL: there is none, or
 * some of the packets are not cut off. */
const struct override *isolations_cut(const struct isolations *isolations, const struct flow *flow,
                                      const struct isolation_end *from,
                                      const struct isolation_end *to);
/* The first isolation that holds all of an end; NULL where none does. */
const struct override *isolations_of(const struct isolations *isolations,
                                     const struct isolation_end *end);
/* Whether this isolation (NULL: any) holds some of the zone. */
bool isolations_touch(const struct isolations *isolations, const struct override *isolation,
                      size_t zone);
