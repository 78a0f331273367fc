/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/* Whether all isolations and suspensions keep their effect under the new policy. Suspensions are
 * checked only if the outcome has changes. Returns 0, 1 if one would end (the outcome says which),
 * or -errno. */
int closings_check(const struct gateway *gateway, const struct policy *new,
                   const struct overrides *overrides, struct outcome *outcome);
