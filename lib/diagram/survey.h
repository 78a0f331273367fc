/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "diagram/diagram.h"

/*
 * Marks in `owns`, which has an entry for each flow of the policy, the flows that own a packet by
 * the tables of the diagram. What is marked already is not looked for.
 *
 * What is marked does own one. What is not marked owns none, if 0 is returned; -E2BIG: more than
 * `steps` rows would have to be looked at, and flows that are not marked may own packets as well.
 * Or -ENOMEM.
 */
int survey_flows(const struct diagram *diagram, size_t steps, bool owns[]);
