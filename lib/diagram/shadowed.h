/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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
 * Marks in `owns`, which has an entry for each flow of the policy, the flows that own a packet by
 * the tables of the diagram. Flows that are marked already are not searched for.
 *
 * What is marked does own one. What is not marked owns none, if 0 is returned; -E2BIG: more than
 * `steps` rows would have to be looked at, and flows that are not marked may own packets as well.
 * Or -ENOMEM.
 */
int shadowed_find_owners(const struct diagram *diagram, size_t steps, bool owns[]);

/*
 * Reports each flow that lost packets: as an error, `shadowed`, where it owns none, else as a
 * warning, `overlap`. Finding out has a budget for all flows together, which only thousands of
 * flows that overlap in thousands of ways can use up. Then flows of which no packet has been found
 * are reported as overlapped, and another warning, `overlap-unsettled`, says that some of them may
 * be shadowed.
 *
 * Returns 0, -EBADMSG where there was an error, or -ENOMEM.
 */
int shadowed_report(const struct overlaps *overlaps, const struct diagram *diagram,
                    struct diagnostics *diagnostics);
