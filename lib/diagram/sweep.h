/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diagram/diagram.h"
#include "diagram/overlaps.h"
#include "diagram/part.h"

/*
 * Divides what some parts cover, as destinations × services, into disjoint cells of which each
 * belongs to the first part that covers it.
 *
 * The sweep line goes along one axis. Between two borders of ranges on it the same parts apply;
 * what they have on the other axis goes into an interval map, the first part first. Neighbouring
 * stretches with equal maps are one. Along the destinations the cells have disjoint or equal
 * destinations, which is what the kernel's interval map is fast with; along the services there are
 * fewer cells where wide destinations overlap in many ways.
 */
enum sweep_axis {
    SWEEP_DESTINATIONS,
    SWEEP_SERVICES,
};

/* `cell` has no source. A negative return ends the sweep. */
typedef int (*sweep_handler)(const struct range_row *cell, void *userdata);

/*
 * `members` are indices of parts, ascending. Returns 0, -E2BIG where more than `*work` intervals
 * would have to be added or cells written (`*work` gets what is left), -ENOMEM, or what the handler
 * returned.
 */
int sweep_parts(const struct parts *parts, const uint32_t *members, size_t n_members,
                enum sweep_axis axis, size_t *work, struct overlaps *overlaps,
                sweep_handler handler, void *userdata);
