/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Names for what the kernel counts: a flow has elements for each of its ways, which come and go
 * with its id, and a pair of zones the elements of its interfaces.
 */

#include "daemon/counting.h"

#include <linux/netfilter/nf_tables.h>
#include <stdio.h>

#include "observe/drop_counters.h"
#include "ruleset/compile.h"

void counting_note_flows(struct totals *totals, const struct live_counts *counts)
{
    for (size_t i = 0; i < counts->n_counts; i++) {
        const struct live_count *count = &counts->counts[i];

        /* An element that somebody else made need not have a name. */
        if (count->name)
            totals_note_read(totals, count->name,
                             &(struct both_counts){count->original, count->reply});
    }
}

struct total counting_of_flow(const struct totals *totals, const char *flow,
                              const struct live_count *count)
{
    return totals_of(totals, flow, &(struct both_counts){count->original, count->reply});
}

/* The name of a total, cut off where it is longer than any that the kernel takes. */
static const char *drop_name(const char *counter, char buffer[NFT_NAME_MAXLEN])
{
    snprintf(buffer, NFT_NAME_MAXLEN, COUNTING_DROPS "%s", counter);
    return buffer;
}

void counting_note_gone(struct totals *totals, const struct ruleset *ruleset, const char *set,
                        const uint8_t *key, struct nftables_count count)
{
    const struct set *known = key && ruleset ? ruleset_find_set(ruleset, set) : NULL;
    const struct element *element = NULL;
    char buffer[NFT_NAME_MAXLEN];
    const char *rest;

    if (known && ruleset_is_live(known))
        element = set_find_element(known, &(struct element){.key = key});
    if (element && element->comment)
        totals_note_gone(totals, element->comment,
                         &(struct both_counts){
                             .original = element->reply ? (struct nftables_count){0} : count,
                             .reply = element->reply ? count : (struct nftables_count){0},
                         });
    if (!key && reason_of_counter(set, &rest) != REASON_NONE)
        totals_note_gone(totals, drop_name(set, buffer), &(struct both_counts){.original = count});
}

static int note_drop(const struct drop_counter *counter, void *userdata)
{
    char buffer[NFT_NAME_MAXLEN];

    totals_note_read(userdata, drop_name(counter->name, buffer),
                     &(struct both_counts){.original = counter->count});
    return 0;
}

int counting_read_drops(struct totals *totals, struct nftables *nftables,
                        const struct ruleset *ruleset)
{
    return drop_counters_read(nftables, ruleset, note_drop, totals);
}

static int move_drop(const struct drop_counter *counter, void *userdata)
{
    char buffer[NFT_NAME_MAXLEN];

    totals_note_moved(userdata, drop_name(counter->name, buffer),
                      &(struct both_counts){.original = counter->count});
    return 0;
}

int counting_move_drops(struct totals *totals, struct nftables *nftables,
                        const struct ruleset *ruleset)
{
    totals_note_lost(totals, COUNTING_DROPS);
    return drop_counters_read(nftables, ruleset, move_drop, totals);
}
