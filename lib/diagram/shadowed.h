/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/diagnostics.h"
#include "diagram/diagram.h"
#include "diagram/overlaps.h"

/*
 * Reports each flow that lost packets in file order: as an error, `shadowed`, where it owns none at
 * any time of its life, else as a warning, `overlap`, unless the two are never live at one time.
 * `by_file` has the pairs of the diagram that are others in file order. Finding out has a budget
 * for all flows together, which only thousands of flows that overlap in thousands of ways can use
 * up. Then flows of which no packet has been found are reported as overlapped, and another warning,
 * `overlap-unsettled`, says that some of them may be shadowed.
 *
 * Returns 0, -EBADMSG where there was an error, or -ENOMEM.
 */
int shadowed_report(struct overlaps *overlaps, const struct diagram *diagram,
                    const struct diagram *by_file, struct diagnostics *diagnostics);
