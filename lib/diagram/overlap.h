/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"

/*
 * Which flows lost packets to earlier ones while a policy was compiled. `winners` has an entry for
 * each flow: the first earlier flow that took something from it, or NO_FLOW.
 */
struct overlaps {
    uint32_t *winners;
    size_t n_flows;
};

int overlaps_init(struct overlaps *overlaps, size_t n_flows);
void overlaps_clear(struct overlaps *overlaps);
/* Notes that `winner` owns packets that `loser` covers too; nothing where they are the same. */
void overlaps_note(struct overlaps *overlaps, uint32_t loser, uint32_t winner);
