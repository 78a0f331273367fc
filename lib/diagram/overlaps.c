/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Compilation only notes which flow takes something from which. Whether a flow that loses packets
 * keeps any is for the finished diagram to say.
 */

#include "diagram/overlaps.h"

#include <errno.h>
#include <stdlib.h>

#include "diagram/diagram.h"

int overlaps_init(struct overlaps *overlaps, size_t n_flows)
{
    overlaps->winners = malloc((n_flows > 0 ? n_flows : 1) * sizeof(*overlaps->winners));
    if (!overlaps->winners)
        return -ENOMEM;

    overlaps->n_flows = n_flows;
    overlaps->order = NULL;
    overlaps->inverted = false;
    for (size_t i = 0; i < n_flows; i++)
        overlaps->winners[i] = NO_FLOW;
    return 0;
}

void overlaps_clear(struct overlaps *overlaps)
{
    free(overlaps->winners);
    *overlaps = (struct overlaps){0};
}

void overlaps_note(struct overlaps *overlaps, uint32_t loser, uint32_t winner)
{
    uint32_t later = overlaps->order ? overlaps->order[loser] : loser;
    uint32_t earlier = overlaps->order ? overlaps->order[winner] : winner;

    if (later < earlier) {
        uint32_t swap = later;

        later = earlier;
        earlier = swap;
        overlaps->inverted = true;
    }
    if (later != earlier && earlier < overlaps->winners[later])
        overlaps->winners[later] = earlier;
}
