/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "diagram/diagram.h"

/*
 * Marks in `owns`, which has an entry for each flow of the policy, the flows that own a packet by
 * the tables of the diagram. `instead` (or NULL) has pairs that are looked at in place of those of
 * the diagram. Flows that are marked already are not searched for.
 *
 * What is marked does own one. What is not marked owns none, if 0 is returned; -E2BIG: more than
 * `*steps` rows would have to be looked at, and flows that are not marked may own packets as well.
 * Or -ENOMEM. Those that are left of the steps are written back.
 */
int owners_find(const struct diagram *diagram, const struct diagram *instead, size_t *steps,
                bool owns[]);
/* What finding out is worth for all flows together, in rows looked at: less than a second. */
#ifndef OWNER_STEPS_MAX
#define OWNER_STEPS_MAX ((size_t)10 * 1000 * 1000)
#endif
