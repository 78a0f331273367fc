/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "answer/policy_changes.h"
#include "record/wire.h"

/* The changes from one policy to another as the control socket and the audit log have them. */

/* Fills in `changed`, `changes`, `zones` and `objects`. Lists belong to the arena, texts to the
 * changes. `changes` may be NULL: there are none. Returns 0 or -ENOMEM. */
int changes_show(struct arena *arena, const struct policy_changes *changes,
                 struct change_reply *reply);

/* Adds to a detail of the audit log what happens to flows, with the numbers of their approvals, in
 * short. Returns 0 or -ENOMEM. */
int changes_add_to_detail(const struct policy_changes *changes, struct json_t *detail);
