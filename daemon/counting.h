/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/record/totals.h"
#include "observe/live.h"

/* The kernel's counters, found by what the ruleset says of them, as totals. */

/* Notes what was read of flows. */
void counting_note_flows(struct totals *totals, const struct live_counts *counts);
/* The total of a flow of which this was read. */
struct total counting_of_flow(const struct totals *totals, const char *flow,
                              const struct live_count *count);
/* Notes what has gone, as nftables_gone_handler. Elements have flow and direction in the ruleset in
 * force before; those that it has not are left out. */
void counting_note_gone(struct totals *totals, const struct ruleset *ruleset, const char *set,
                        const uint8_t *key, struct nftables_count count);

/* A counter of refused packets has its total under this letter and its name. */
#define COUNTING_DROPS "/"
/* Reads the counters of refused packets and notes them. Returns as drop_counters_read(). */
int counting_read_drops(struct totals *totals, struct nftables *nftables,
                        const struct ruleset *ruleset);
/* The same after a commit by which counters may be of other zones than before. */
int counting_move_drops(struct totals *totals, struct nftables *nftables,
                        const struct ruleset *ruleset);
