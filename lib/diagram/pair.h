/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagram/class.h"
#include "diagram/diagram.h"

/*
 * Builds the tables of a pair whose from, to and family are set, from the parts of `build`. Returns
 * 0, -ENOMEM, or -E2BIG where more rows or work would be needed than is left.
 */
int pair_build(struct pair *pair, struct build *build);
