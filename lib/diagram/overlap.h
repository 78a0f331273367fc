/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diagnostics.h"
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

/*
 * Tells for each loser whether anything is left of it: `shadowed` is an error, `overlap` a warning.
 * Every loser is told of, and what is called shadowed is. Finding out has a budget for all flows
 * together, which only thousands of flows that overlap in thousands of ways can use up. Then those
 * of which nothing has been found yet are called overlapped, and another warning,
 * `overlap-unsettled`, says so: some of them may be shadowed. Nothing else is left out.
 *
 * Returns 0, -EBADMSG where there was an error, or -ENOMEM.
 */
int overlaps_report(const struct overlaps *overlaps, const struct diagram *diagram,
                    struct diagnostics *diagnostics);
