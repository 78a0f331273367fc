/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"
#include "diagram/diagram.h"
#include "ruleset/ruleset.h"

/*
 * The ruleset of a policy, as section "How a packet is judged" of docs/packet-path.md draws it.
 * Flows whose expiry lies at or before `now` are judged but not live. Names of sets and chains
 * follow from zones and addresses, so that a small change of policy is a small difference of
 * rulesets.
 *
 * Returns 0 and a ruleset that the caller owns (it borrows nothing), or -ENOMEM.
 */
int ruleset_compile(const struct diagram *diagram, usec_t now, struct ruleset **ret_ruleset);

/*
 * What holds where there is no policy to apply: nothing is forwarded, by nobody and to nobody. The
 * gateway's own traffic is left alone. Returns 0 or -ENOMEM.
 */
int ruleset_lockdown(struct ruleset **ret_ruleset);

/* The table's name in the kernel, and of its parts that others read. */
#define RULESET_TABLE "segd"
#define RULESET_LIVE "live"
/* NFLOG group of refused packets; the prefix is `segd REASON `, of new connections `segd new `. */
#define RULESET_LOG_GROUP 5
