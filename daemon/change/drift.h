/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"
#include "observe/watch.h"

/* What others changed in the table, found by comparing the kernel with what was committed. */

/* Puts it right in one transaction, and tells. Returns 0, or -errno where it could not be, which is
 * a finding; `*ret_is_new` tells whether it was not one already. */
int drift_repair(struct gateway *gateway, const struct watched *by, bool *ret_is_new);
/* At a start, before what is compiled is committed over the generation that the kernel holds: tells
 * what differs. */
void drift_note(struct gateway *gateway, const struct compiled *compiled);
