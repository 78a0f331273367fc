/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets. Those of a zone, a flow or none are in named counters, whose names hold the
 * reason and what follows it. Those of a pair of zones are in the elements of sets with the names
 * of reasons, by interfaces: here they become pairs of segments, each of which is the sum of its
 * interfaces.
 */

#include "observe/drop_counters.h"

#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "ruleset/compile.h"

/* Names of segments are those of the ruleset, and "" where it does not know the interface. */
struct pair_count {
    enum reason reason;
    const char *from, *to;
    struct nftables_count count;
};

struct reading {
    const struct set *interfaces;
    enum reason reason; /* of the set that is read */
    const char *set;    /* its name without the reason */
    struct pair_count *pairs;
    size_t n_pairs;
    size_t capacity;
    drop_counter_handler handler;
    void *userdata;
};

static void reading_clear(struct reading *reading)
{
    free(reading->pairs);
}

static int add_pair(struct reading *reading, enum reason reason, const char *from, const char *to,
                    struct nftables_count count)
{
    const struct pair_count pair = {reason, from, to, count};

    return array_append(&reading->pairs, &reading->n_pairs, &reading->capacity, &pair,
                        sizeof(pair));
}

static int take_named(const char *name, struct nftables_count count, void *userdata)
{
    struct reading *reading = userdata;
    char buffer[NFT_NAME_MAXLEN];
    struct drop_counter counter = {.name = name, .count = count};
    const char *rest;

    counter.reason = reason_of_counter(name, &rest);
    if (counter.reason == REASON_NONE)
        return 0;

    snprintf(buffer, sizeof(buffer), "%s", rest);
    switch (reason_detail(counter.reason)) {
    case REASON_DETAIL_NONE:
        break;
    case REASON_DETAIL_PAIR: /* of which pair is not known: the set had no room */
        return add_pair(reading, counter.reason, "", "", count);
    case REASON_DETAIL_ZONE:
        counter.from = *rest ? buffer : NULL;
        break;
    case REASON_DETAIL_FLOW:
        counter.flow = *rest ? buffer : NULL;
        break;
    }
    return reading->handler(&counter, reading->userdata);
}

static const char *segment_of(const struct reading *reading, const uint8_t *interface)
{
    const struct element *found =
        set_find_element(reading->interfaces, &(struct element){.key = interface});

    return found && found->comment ? found->comment : "";
}

static int take_pair(const uint8_t *key, size_t key_length, struct nftables_count count,
                     void *userdata)
{
    struct reading *reading = userdata;
    const char *a = segment_of(reading, key), *b = "gateway";

    if (key_length >= (size_t)2 * IFNAMSIZ)
        b = segment_of(reading, key + IFNAMSIZ);
    if (*a == '\0' || *b == '\0')
        a = b = "";
    return strcmp(reading->set, RULESET_FROM_GATEWAY) == 0
               ? add_pair(reading, reading->reason, b, a, count)
               : add_pair(reading, reading->reason, a, b, count);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair_count *x = a, *y = b;

    return COMPARE(x->reason, y->reason) ?: strcmp(x->from, y->from) ?: strcmp(x->to, y->to);
}

/* Hands out the sum of the pairs that are equal, the first of which is `*pair`. */
static int hand_out(const struct reading *reading, const struct pair_count *pair, size_t n)
{
    struct drop_counter counter = {.reason = pair->reason};
    char name[NFT_NAME_MAXLEN];

    for (size_t i = 0; i < n; i++) {
        counter.count.packets += pair[i].count.packets;
        counter.count.bytes += pair[i].count.bytes;
    }
    counter.name = reason_to_string(pair->reason);
    if (*pair->from) {
        snprintf(name, sizeof(name), "%s/%s/%s", counter.name, pair->from, pair->to);
        counter.name = name;
        counter.from = pair->from;
        counter.to = pair->to;
    }
    return reading->handler(&counter, reading->userdata);
}

static int hand_out_pairs(const struct reading *reading)
{
    struct pair_count *pairs = reading->pairs;
    int r = 0;

    if (reading->n_pairs > 1)
        qsort(pairs, reading->n_pairs, sizeof(*pairs), compare_pairs);
    for (size_t i = 0, n; r >= 0 && i < reading->n_pairs; i += n) {
        for (n = 1; i + n < reading->n_pairs && compare_pairs(&pairs[i], &pairs[i + n]) == 0;)
            n++;
        r = hand_out(reading, &pairs[i], n);
    }
    return r;
}

int drop_counters_read(struct nftables *nftables, const struct ruleset *ruleset,
                       drop_counter_handler handler, void *userdata)
{
    cleanup_(reading_clear) struct reading reading = {
        .interfaces = ruleset_find_set(ruleset, RULESET_INTERFACES),
        .handler = handler,
        .userdata = userdata,
    };
    int r = nftables_read_counters(nftables, RULESET_TABLE, take_named, &reading);

    for (size_t i = 0; r == 0 && reading.interfaces && i < ruleset->n_sets; i++) {
        const struct set *set = &ruleset->sets[i];

        reading.reason = reason_of_counter(set->name, &reading.set);
        if (!set->dynamic || reading.reason == REASON_NONE ||
            reason_detail(reading.reason) != REASON_DETAIL_PAIR)
            continue;
        reading.set = set->name + strlen(reason_to_string(reading.reason));
        r = nftables_read_elements(nftables, RULESET_TABLE, set->name, take_pair, &reading);
    }
    if (r == 0)
        r = hand_out_pairs(&reading);
    return r < 0 ? r : 0;
}

static int add_unlogged(const char *name, struct nftables_count count, void *userdata)
{
    uint64_t *packets = userdata;

    for (enum reason reason = REASON_NONE + 1; reason < REASONS; reason++)
        if (strcmp(name, reason_unlogged(reason)) == 0)
            *packets += count.packets;
    return 0;
}

int drop_counters_read_unlogged(struct nftables *nftables, uint64_t *ret_packets)
{
    uint64_t packets = 0;
    int r = nftables_read_counters(nftables, RULESET_TABLE, add_unlogged, &packets);

    if (r == 0)
        *ret_packets = packets;
    return r;
}
