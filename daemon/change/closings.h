/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"

/* Whether all that was closed by hand stays closed under the new policy. Suspensions are compared
 * where the outcome has changes. Returns 0, 1 where it would not (the outcome says what), or
 * -errno.
 */
int closings_check(const struct gateway *gateway, const struct policy *new,
                   const struct overrides *overrides, struct outcome *outcome);
