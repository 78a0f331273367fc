/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "diagram/overlap.h"

/*
 * A line on which flows paint ranges, the first flow first: what is painted stays. Strokes are
 * sorted and disjoint. A zeroed structure is an empty line.
 */
struct stroke {
    struct range range;
    uint32_t flow;
};

struct picture {
    struct stroke *strokes;
    size_t n_strokes;
    size_t capacity;
};

/* Paints where nothing has been painted yet; what was there is noted as the winner. 0 or -ENOMEM.
 */
int picture_paint(struct picture *picture, struct range range, uint32_t flow,
                  struct overlaps *overlaps);
bool picture_equal(const struct picture *a, const struct picture *b);
void picture_clear(struct picture *picture);
