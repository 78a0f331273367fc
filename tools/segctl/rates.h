/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"
#include "record/wire.h"

/* What flows carry in a second, from two replies of GetCounters. */
struct rate {
    const char *name; /* borrowed from the later reply */
    double original_packets, original_bytes, reply_packets, reply_bytes; /* in a second */
    uint64_t bytes;                                                      /* so far, both ways */
};

enum rate_order {
    RATE_BYTES,   /* in a second, both ways */
    RATE_PACKETS, /* the same */
    RATE_TOTAL,   /* bytes so far */
    RATE_NAME,
};

struct rates {
    struct rate *rates;
    size_t n_rates;
    struct rate sum; /* without a name */
};
void rates_clear(struct rates *rates);

/*
 * `span` is the time between the replies. A flow that the earlier one does not have, or whose
 * counter is less than it was, began anew: what it has carried counts for the span. Without an
 * earlier reply (NULL) all rates are 0. Returns 0 or -ENOMEM.
 */
int rates_of(const struct counters_reply *earlier, const struct counters_reply *later, usec_t span,
             struct rates *ret_rates);
/* The largest first; names in the order of letters. */
void rates_sort(struct rates *rates, enum rate_order order);
