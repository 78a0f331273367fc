/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/change/outcome.h"
#include "record/wire.h"

/* Changes from one policy to another, for the control socket and the audit log. */

/* Fills in `changed`, `changes`, `zones` and `objects`. Lists belong to the arena, texts are
 * borrowed from `changes`, which may be NULL: there are none. Returns 0 or -ENOMEM. */
int changes_show(struct arena *arena, const struct policy_changes *changes,
                 struct change_reply *reply);

/* Adds a summary of what happens to flows, with the numbers of their approvals, and to closings, to
 * the detail of an audit entry. Returns 0 or -ENOMEM. */
int changes_add_to_detail(const struct outcome *outcome, struct json_t *detail);
