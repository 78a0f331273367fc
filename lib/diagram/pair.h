/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagram/budget.h"
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
void pair_clear(struct pair *pair);

/* The flow that owns the packet in this pair, and how it was found. */
struct decision pair_decide(const struct pair *pair, ip_number source, ip_number destination,
                            service_number service);
/* Whether the packet is a point of the pair, which is asked before all else. */
bool pair_has_point(const struct pair *pair, ip_number source, ip_number destination,
                    service_number service);
