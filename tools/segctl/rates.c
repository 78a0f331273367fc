/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The difference of two replies of GetCounters. Their names are in the same order unless something
 * was changed between them; then they are looked up. */

#include "rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/name_index.h"

void rates_clear(struct rates *rates)
{
    free(rates->rates);
    *rates = (struct rates){0};
}

/* The daemon may be compromised: lists of other lengths end with 0. */
static uint64_t at(const uint64_t *list, size_t n, size_t i)
{
    return i < n ? list[i] : 0;
}

static struct wire_count original_of(const struct counters_reply *reply, size_t i)
{
    return (struct wire_count){at(reply->original_packets, reply->n_original_packets, i),
                               at(reply->original_bytes, reply->n_original_bytes, i)};
}

static struct wire_count reply_of(const struct counters_reply *reply, size_t i)
{
    return (struct wire_count){at(reply->reply_packets, reply->n_reply_packets, i),
                               at(reply->reply_bytes, reply->n_reply_bytes, i)};
}

static double per_second(uint64_t before, uint64_t now, usec_t span)
{
    uint64_t more = now >= before ? now - before : now;

    return span > 0 ? (double)more * (double)USEC_PER_SEC / (double)span : 0;
}

static bool is_same_order(const struct counters_reply *a, const struct counters_reply *b)
{
    if (a->n_names != b->n_names)
        return false;
    for (size_t i = 0; i < a->n_names; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    }
    return true;
}

static int index_names(const struct counters_reply *reply, struct name_index *index)
{
    for (size_t i = 0; i < reply->n_names; i++) {
        if (name_index_add(index, reply->names[i], (uint32_t)i) == -ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

static void add_to_sum(struct rate *sum, const struct rate *rate)
{
    sum->original_packets += rate->original_packets;
    sum->original_bytes += rate->original_bytes;
    sum->reply_packets += rate->reply_packets;
    sum->reply_bytes += rate->reply_bytes;
    sum->bytes += rate->bytes;
}

int rates_of(const struct counters_reply *earlier, const struct counters_reply *later, usec_t span,
             struct rates *ret_rates)
{
    static const struct counters_reply none = {0};
    cleanup_(rates_clear) struct rates rates = {0};
    cleanup_(name_index_clear) struct name_index index = {0};
    const struct counters_reply *before = earlier ? earlier : &none;
    const bool same = is_same_order(before, later);

    rates.rates = calloc(later->n_names + 1, sizeof(*rates.rates));
    if (!rates.rates || (!same && index_names(before, &index) < 0))
        return -ENOMEM;
    for (size_t i = 0; i < later->n_names; i++) {
        uint32_t k = same ? (uint32_t)i : UINT32_MAX;
        struct wire_count original = original_of(later, i), reply = reply_of(later, i);
        struct wire_count original_before, reply_before;

        if (!same)
            name_index_find(&index, later->names[i], &k);
        original_before = original_of(before, k);
        reply_before = reply_of(before, k);
        span = earlier ? span : 0;
        rates.rates[rates.n_rates++] = (struct rate){
            .name = later->names[i],
            .original_packets = per_second(original_before.packets, original.packets, span),
            .original_bytes = per_second(original_before.bytes, original.bytes, span),
            .reply_packets = per_second(reply_before.packets, reply.packets, span),
            .reply_bytes = per_second(reply_before.bytes, reply.bytes, span),
            .bytes = original.bytes + reply.bytes,
        };
        add_to_sum(&rates.sum, &rates.rates[i]);
    }
    *ret_rates = rates;
    rates = (struct rates){0};
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct rate *)a)->name, ((const struct rate *)b)->name);
}

/* Equal ones by name, so that lines do not jump. */
static int descending(double a, double b, const void *rate_a, const void *rate_b)
{
    if (a != b)
        return a < b ? 1 : -1;
    return compare_names(rate_a, rate_b);
}

static int compare_bytes(const void *a, const void *b)
{
    const struct rate *of_a = a, *of_b = b;

    return descending(of_a->original_bytes + of_a->reply_bytes,
                      of_b->original_bytes + of_b->reply_bytes, a, b);
}

static int compare_packets(const void *a, const void *b)
{
    const struct rate *of_a = a, *of_b = b;

    return descending(of_a->original_packets + of_a->reply_packets,
                      of_b->original_packets + of_b->reply_packets, a, b);
}

static int compare_totals(const void *a, const void *b)
{
    const struct rate *of_a = a, *of_b = b;

    return descending((double)of_a->bytes, (double)of_b->bytes, a, b);
}

void rates_sort(struct rates *rates, enum rate_order order)
{
    static int (*const compare[])(const void *, const void *) = {
        [RATE_BYTES] = compare_bytes,
        [RATE_PACKETS] = compare_packets,
        [RATE_TOTAL] = compare_totals,
        [RATE_NAME] = compare_names,
    };

    if (rates->n_rates > 0)
        qsort(rates->rates, rates->n_rates, sizeof(*rates->rates), compare[order]);
}
