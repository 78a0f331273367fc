/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "diagram/diagram.h"

/*
 * What one flow contributes to one pair: sources × destinations × services of one family. Parts of
 * a pair are in the order of their flows, so that of two parts the one with the lower index owns
 * the packets that both cover.
 */
struct part {
    uint32_t
        flow; /* while a pair is built its position in the order of ownership, else its index */
    struct range_set sources;
    struct range_set destinations;
    struct service_span *spans; /* sorted, disjoint, not adjacent */
    size_t n_spans;
};

struct parts {
    struct part *parts;
    size_t n_parts;
    size_t capacity;
};

/*
 * Appends the part of a flow from one of its `from` ends to one of its `to` ends, unless it is
 * empty in this family. Returns 0 or -ENOMEM.
 */
int parts_add(struct parts *parts, const struct policy *policy, uint32_t flow,
              const struct flow_end *from, const struct flow_end *to, enum family family);
void parts_clear(struct parts *parts);

/* Number of points (source, destination, service); saturates at `limit`. */
size_t part_points(const struct part *part, size_t limit);
/* Rows that a class needs for the part: destination ranges times service spans. */
size_t part_weight(const struct part *part);
