/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The counters of the switchboard. Each flow has two elements there, one for each direction; here
 * the two are one again, found by the mark alone, since marks are what policy, ruleset and
 * connections have in common.
 */

#include "observe/live.h"

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ruleset/compile.h"

/* A key is the direction, padded to 4 bytes, and the mark in host order. */
#define MARK_OFFSET 4
#define KEY_LENGTH 8

const struct element *live_find(const struct set *live, uint32_t mark)
{
    uint8_t key[KEY_LENGTH] = {IP_CT_DIR_ORIGINAL};

    memcpy(key + MARK_OFFSET, &mark, sizeof(mark));
    return set_find_element(live, &(struct element){.key = key});
}

void live_counts_clear(struct live_counts *counts)
{
    free(counts->counts);
    *counts = (struct live_counts){0};
}

static int add_element(const uint8_t *key, size_t key_length, struct nftables_count count,
                       void *userdata)
{
    struct live_counts *counts = userdata;
    struct live_count entry = {0};

    if (key_length != KEY_LENGTH)
        return 0;

    memcpy(&entry.mark, key + MARK_OFFSET, sizeof(entry.mark));
    *(key[0] == IP_CT_DIR_ORIGINAL ? &entry.original : &entry.reply) = count;
    return array_append(&counts->counts, &counts->n_counts, &counts->capacity, &entry,
                        sizeof(entry));
}

static int compare_counts(const void *a, const void *b)
{
    const struct live_count *x = a, *y = b;

    return (x->mark > y->mark) - (x->mark < y->mark);
}

/* Makes one entry of the two directions. */
static void join_directions(struct live_counts *counts)
{
    size_t n = 0;

    for (size_t i = 0; i < counts->n_counts; i++) {
        const struct live_count *entry = &counts->counts[i];
        struct live_count *last = n > 0 ? &counts->counts[n - 1] : NULL;

        if (!last || last->mark != entry->mark) {
            counts->counts[n++] = *entry;
            continue;
        }
        last->original.packets += entry->original.packets;
        last->original.bytes += entry->original.bytes;
        last->reply.packets += entry->reply.packets;
        last->reply.bytes += entry->reply.bytes;
    }
    counts->n_counts = n;
}

int live_counts_read(struct nftables *nftables, const struct ruleset *ruleset,
                     struct live_counts *ret_counts)
{
    const struct set *live = ruleset_find_set(ruleset, RULESET_LIVE);
    cleanup_(live_counts_clear) struct live_counts counts = {0};
    int r = 0;

    if (live)
        r = nftables_read_known(nftables, RULESET_TABLE, live, add_element, &counts);
    if (r < 0)
        return r;
    if (counts.n_counts > 0)
        qsort(counts.counts, counts.n_counts, sizeof(*counts.counts), compare_counts);
    join_directions(&counts);

    *ret_counts = counts;
    counts = (struct live_counts){0};
    return 0;
}

struct live_count live_counts_of(const struct live_counts *counts, uint32_t mark)
{
    const struct live_count key = {.mark = mark}, *found = NULL;

    if (counts->n_counts > 0)
        found = bsearch(&key, counts->counts, counts->n_counts, sizeof(*counts->counts),
                        compare_counts);
    return found ? *found : key;
}
