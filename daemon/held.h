/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/overrides.h"
#include "ruleset/ruleset.h"

/* What the kernel holds when the daemon starts. */
struct held {
    bool enforced;       /* there is a table of this name, and it is not dormant */
    bool is_ours;        /* this socket owned it ever since it was committed: nobody changed it */
    uint64_t generation; /* of the policy, as the table says; 0: it does not say */
    /* Isolations, with what they cut off and keep, and suspensions, with what they stop. */
    struct overrides closings;
    struct ruleset *ruleset; /* the table as dumped; NULL if there was none */
};
void held_clear(struct held *held);
/* Adds the isolations and suspensions that a dumped table holds. 0 or -ENOMEM. */
int held_find_closings(const struct ruleset *observed, struct overrides *closings);
