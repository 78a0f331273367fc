/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/reason.h"
#include "kernel/nftables.h"

/* What the table in the kernel has counted of the packets it refused. */
struct drop_counter {
    enum reason reason;
    /* `REASON`, with as much of zone, pair of zones or flow as is known: `no-flow/lgwan/office`. */
    const char *name;
    /* Names of segments and of a flow, as far as the counter is of one; else NULL. */
    const char *from, *to, *flow;
    struct nftables_count count;
};

/* The counter is borrowed until the handler returns. */
typedef int (*drop_counter_handler)(const struct drop_counter *counter, void *userdata);

/*
 * Hands out each counter of refused packets once; those of pairs of zones where a packet was
 * refused, the others always. `ruleset` is the one that was committed, which knows the segments of
 * interfaces; where it is NULL no pairs are read. Packets by an interface that it does not name any
 * more are in the counter without zones.
 *
 * Returns as nftables_read_counters(), or -ENOMEM.
 */
int drop_counters_read(struct nftables *nftables, const struct ruleset *ruleset,
                       drop_counter_handler handler, void *userdata);

/* Refused packets that the table did not write to NFLOG because there were too many. Returns as
 * nftables_read_counters(). */
int drop_counters_read_unlogged(struct nftables *nftables, uint64_t *ret_packets);
