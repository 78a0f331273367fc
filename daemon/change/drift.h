/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/gateway.h"
#include "observe/watch.h"

/* What others changed in the table, found by comparing the kernel with what was committed. */

/* Repairs the table in one transaction and reports it. Returns 0, or -errno if that failed, which
 * becomes a finding; `*ret_is_new` tells whether the finding is new. */
int drift_repair(struct gateway *gateway, const struct watched *by, bool *ret_is_new);
/* At a start, before the same generation is committed over the one that the kernel holds: reports
 * what differs. */
void drift_note(struct gateway *gateway, const struct compiled *compiled);
