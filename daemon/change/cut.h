/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/change/outcome.h"
#include "daemon/gateway.h"
#include "diagram/diagram.h"
#include "observe/connections.h"

/* Whether a flow that is in `live` approves the packets of a connection, whatever its mark is. */
bool cut_is_approved(const struct diagram *diagram, const struct live_sets *live,
                     const struct conntrack_entry *connection, const struct connection_view *view);

/*
 * Finds the open connections that pass now and would not with the new ruleset, counts them in the
 * outcome and keeps the first: those whose mark is
 * in `live` of the enforced ruleset and not of the new one, and whose packet no live flow of the
 * new diagram approves. The gateway's connections can be read. Returns 0 or -errno.
 */
int cut_find(const struct gateway *gateway, const struct diagram *new_diagram,
             const struct ruleset *new, struct outcome *outcome);
