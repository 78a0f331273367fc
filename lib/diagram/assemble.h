/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagram/class.h"
#include "diagram/diagram.h"

/*
 * Builds the diagram of some flows of a policy: of two that cover a packet the one that comes first
 * in `order` owns it. Its overlaps are noted in `build`, whose other fields the caller sets to what
 * may be used. `ret_by_file` (or NULL) gets a diagram of those pairs only in which another flow
 * owns a packet than the first in file order, as they would be in file order; by from, to, family.
 *
 * Returns 0, -ENOMEM, or -E2BIG as pair_build() with `build->culprit` an index into
 * policy->flows.
 */
int diagram_assemble(const struct policy *policy, const uint32_t *order, size_t n_order,
                     struct build *build, struct diagram **ret_diagram,
                     struct diagram **ret_by_file);
