/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/address.h"
#include "base/arena.h"
#include "base/cleanup.h"

/*
 * Addresses on their way into a set: gathered in any order, sorted and melted once at the end. A
 * set that grows by range_set_add() would move its tail for each of 65,536 members of a list.
 * A zeroed structure is the empty collection.
 */
struct collection {
    struct range *ranges[FAMILIES];
    size_t n_ranges[FAMILIES];
    size_t capacities[FAMILIES];
};

/* Return 0 or -ENOMEM. */
int collection_add(struct collection *collection, enum family family, struct range range);
int collection_add_set(struct collection *collection, const struct address_set *set);
/* Writes the set of all that was added, in memory of the arena: not to be cleared or changed. */
int collection_finish(struct collection *collection, struct arena *arena,
                      struct address_set *ret_set);
void collection_clear(struct collection *collection);
