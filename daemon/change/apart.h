/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/handover.h"

/*
 * Large policies that no worker prepares, as at a start: a child prepares them while segd waits, so
 * that the memory that takes is the child's, and segd has only what it enforces.
 */

/* As transaction_run(), which does all of it in its process. */
typedef int (*apart_run)(struct gateway *gateway, struct target *target, struct outcome *outcome);

/* Whether that is worth a child. */
bool apart_is_worth(const struct gateway *gateway, const struct target *target);
/* Returns 0 if it is done. -EAGAIN: it could not be prepared by a child, or is to be refused, or
 * there is something to tell of it; then it is to be run here. */
int apart_transaction(struct gateway *gateway, struct target *target, struct outcome *outcome,
                      apart_run run);
