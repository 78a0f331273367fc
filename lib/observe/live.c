/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The counters of the switchboard. Each flow has elements there for each way that its packets may
 * take; here those of one direction are one again, found by the mark alone, since marks are what
 * policy, ruleset and connections have in common.
 */

#include "observe/live.h"

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct live_sets live_sets_of(const struct ruleset *ruleset)
{
    struct live_sets live = {0};

    for (size_t i = 0; i < RULESET_LIVE_SETS; i++) {
        const struct set *set = ruleset_find_set(ruleset, ruleset_live_sets[i]);

        if (set)
            live.sets[live.n_sets++] = set;
    }
    return live;
}

size_t live_sets_count(const struct ruleset *ruleset)
{
    const struct live_sets live = live_sets_of(ruleset);
    size_t n = 0;

    for (size_t i = 0; i < live.n_sets; i++)
        n += live.sets[i]->n_elements;
    return n;
}

const struct element *live_find(const struct live_sets *live, uint32_t mark)
{
    for (size_t i = 0; i < live->n_sets; i++) {
        const struct set *set = live->sets[i];
        /* Those by direction have two elements, of which one is original. */
        uint8_t key[2 * sizeof(mark)] = {IP_CT_DIR_ORIGINAL};
        size_t offset = set->key[0] == DATATYPE_MARK ? 0 : sizeof(mark);
        size_t length = offset + sizeof(mark), place;

        memcpy(key + offset, &mark, sizeof(mark));
        place = BISECT(set->n_elements, j, memcmp(set->elements[j].key, key, length) < 0);
        if (place < set->n_elements && memcmp(set->elements[place].key, key, length) == 0)
            return &set->elements[place];
    }
    return NULL;
}

bool live_find_named(const struct live_sets *live, const char *flow, uint32_t *ret_mark)
{
    for (size_t i = 0; i < live->n_sets; i++) {
        const struct set *set = live->sets[i];

        for (size_t j = 0; j < set->n_elements; j++) {
            const struct element *element = &set->elements[j];

            if (!element->comment || strcmp(element->comment, flow) != 0)
                continue;
            *ret_mark = ruleset_live_mark(set, element);
            return true;
        }
    }
    return false;
}

void live_counts_clear(struct live_counts *counts)
{
    free(counts->counts);
    *counts = (struct live_counts){0};
}

struct reading {
    struct live_counts *counts;
    const struct set *set;
};

static int add_element(const struct element *element, struct nftables_count count, void *userdata)
{
    const struct reading *reading = userdata;
    struct live_counts *counts = reading->counts;
    struct live_count entry = {ruleset_live_mark(reading->set, element), element->comment};

    *(element->reply ? &entry.reply : &entry.original) = count;
    return array_append(&counts->counts, &counts->n_counts, &counts->capacity, &entry,
                        sizeof(entry));
}

/* In the order in which a set has them, so that little is left to sort. */
static int compare_counts(const void *a, const void *b)
{
    const struct live_count *x = a, *y = b;

    return memcmp(&x->mark, &y->mark, sizeof(x->mark));
}

void live_counts_join(struct live_counts *counts)
{
    size_t n = 0;

    if (counts->n_counts > 0)
        qsort(counts->counts, counts->n_counts, sizeof(*counts->counts), compare_counts);
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

int live_counts_add(struct nftables *nftables, const struct ruleset *ruleset, size_t part,
                    size_t n_parts, struct live_counts *counts)
{
    const struct live_sets live = live_sets_of(ruleset);
    int r = 0;

    for (size_t i = 0; r == 0 && i < live.n_sets; i++) {
        const size_t n = live.sets[i]->n_elements, first = n * part / n_parts;
        struct set some = *live.sets[i];

        /* An empty set may have no array. */
        if (n > 0)
            some.elements += first;
        some.n_elements = n * (part + 1) / n_parts - first;
        r = nftables_read_known(nftables, RULESET_TABLE, &some, add_element,
                                &(struct reading){counts, live.sets[i]});
    }
    return r;
}

int live_counts_read(struct nftables *nftables, const struct ruleset *ruleset,
                     struct live_counts *ret_counts)
{
    cleanup_(live_counts_clear) struct live_counts counts = {0};
    int r = live_counts_add(nftables, ruleset, 0, 1, &counts);

    if (r < 0)
        return r;
    live_counts_join(&counts);
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
