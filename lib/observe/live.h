/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/nftables.h"
#include "ruleset/compile.h"

/* The sets of a ruleset that are the switchboard; borrowed. A ruleset of NULL has none. */
struct live_sets {
    const struct set *sets[RULESET_LIVE_SETS];
    size_t n_sets;
};
struct live_sets live_sets_of(const struct ruleset *ruleset);
/* How many elements they have. */
size_t live_sets_count(const struct ruleset *ruleset);
/* An element of the flow with this mark, whose comment is the flow's name; NULL where it does not
 * pass now. */
const struct element *live_find(const struct live_sets *live, uint32_t mark);
/* The same by the flow's name. Goes through all elements. Returns false where there is none. */
bool live_find_named(const struct live_sets *live, const char *flow, uint32_t *ret_mark);

/* What the flows that pass now have carried, as the switchboard in the kernel counts it. */
struct live_count {
    uint32_t mark;    /* id of the flow */
    const char *name; /* of the flow; borrowed from the ruleset */
    struct nftables_count original, reply;
};

/* In an order of marks. A zeroed structure is empty. */
struct live_counts {
    struct live_count *counts;
    size_t n_counts;
    size_t capacity;
};
void live_counts_clear(struct live_counts *counts);

/* Of the flows of a ruleset that was committed; NULL has none. Returns as nftables_read_known(). */
int live_counts_read(struct nftables *nftables, const struct ruleset *ruleset,
                     struct live_counts *ret_counts);
/* Reads part `part` of `n_parts`, about as large as the others, and adds it to `counts`: a flow may
 * be there several times until live_counts_join() has made one entry of them. */
int live_counts_add(struct nftables *nftables, const struct ruleset *ruleset, size_t part,
                    size_t n_parts, struct live_counts *counts);
void live_counts_join(struct live_counts *counts);
/* Of one flow; zeros where the kernel has it not. */
struct live_count live_counts_of(const struct live_counts *counts, uint32_t mark);
