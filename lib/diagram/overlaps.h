/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which flows lost packets to earlier ones while a policy was compiled. `winners` has an entry for
 * each flow: the first earlier flow that took something from it, or NO_FLOW.
 */
struct overlaps {
    uint32_t *winners;
    size_t n_flows;
    /* The flows by their position while a diagram is built, borrowed; NULL: in file order. */
    const uint32_t *order;
    bool inverted; /* since it was reset, a flow won over one that comes before it in the file */
};

int overlaps_init(struct overlaps *overlaps, size_t n_flows);
void overlaps_clear(struct overlaps *overlaps);
/*
 * Notes that `winner` owns packets that `loser` covers too, both as positions in the order; nothing
 * where they are the same. Of the two the later one in the file is noted to lose.
 */
void overlaps_note(struct overlaps *overlaps, uint32_t loser, uint32_t winner);
