/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/reason.h"
#include "kernel/nftables.h"

/* What the table in the kernel has counted of the packets it refused. */
struct drop_counter {
    enum reason reason;
    const char *name; /* of the counter */
    /* Names of segments and of a flow, as far as the counter is of one; else NULL. */
    const char *from, *to, *flow;
    struct nftables_count count;
};

/* The counter is borrowed until the handler returns. */
typedef int (*drop_counter_handler)(const struct drop_counter *counter, void *userdata);

/* Hands out each counter of refused packets once. Returns as nftables_read_counters(). */
int drop_counters_read(struct nftables *nftables, drop_counter_handler handler, void *userdata);
