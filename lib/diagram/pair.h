/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagram/class.h"
#include "diagram/diagram.h"
#include "diagram/overlap.h"
#include "diagram/part.h"

/*
 * Builds the tables of a pair whose from, to and family are set, from its parts. Returns 0,
 * -ENOMEM, or -E2BIG where the budget is not enough, with `*ret_culprit` a flow in the thick of
 * what overlaps.
 */
int pair_build(struct pair *pair, const struct parts *parts, struct overlaps *overlaps,
               struct budget *budget, uint32_t *ret_culprit);
