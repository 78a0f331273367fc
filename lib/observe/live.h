/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/nftables.h"

/* The element of the switchboard for the original direction of a flow, whose comment is the flow's
 * name; NULL where it has none, or there is no switchboard. */
const struct element *live_find(const struct set *live, uint32_t mark);

/* What the flows that pass now have carried, as the switchboard in the kernel counts it. */
struct live_count {
    uint32_t mark; /* id of the flow */
    struct nftables_count original, reply;
};

/* Sorted by mark. A zeroed structure is empty. */
struct live_counts {
    struct live_count *counts;
    size_t n_counts;
    size_t capacity;
};
void live_counts_clear(struct live_counts *counts);

/* Of the flows of a ruleset that was committed; NULL has none. Returns as nftables_read_known(). */
int live_counts_read(struct nftables *nftables, const struct ruleset *ruleset,
                     struct live_counts *ret_counts);
/* Of one flow; zeros where the kernel has it not. */
struct live_count live_counts_of(const struct live_counts *counts, uint32_t mark);
