/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/target.h"

/* Flows that an isolation keeps; a limit, since this and every later change look up each. */
#define ISOLATION_KEEP_MAX 256

/*
 * After an isolation has been committed: also keeps the flows that the flows of `asked` cover, in a
 * commit of its own. `isolated` says who asked, for which zone and why, and `asked` with which
 * flows to keep; `before` is what the isolation was before that, or NULL: it keeps no more than
 * that did. If it fails, the journal says so.
 */
void covered_keep(struct gateway *gateway, const struct target *isolated,
                  const struct override *asked, const struct override *before);
