/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/reason.h"
#include "policy/overrides.h"
#include "ruleset/ruleset.h"

/*
 * The part of the ruleset that isolates zones. It stands after the rest: base chains of the next
 * lower precedence, which see only what `forward`, `input` and `output` have accepted, with its
 * mark; so it drops all of an isolated zone's packets but those of the flows that were kept, needs
 * no look at the rest, and costs nothing where no zone is isolated. That is why it can be made and
 * committed without the policy: an isolation takes effect as fast with 50,000 flows as with none.
 *
 * What was closed by hand is there to be read back: the counter and the sets of an isolation have
 * names that begin with RULESET_ISOLATED and the zone, the set `…/kept` tells in comments which
 * flows go on, and a suspension leaves a counter RULESET_SUSPENSION with the name of its flow.
 */
#define RULESET_ISOLATED REASON_NAME_ISOLATED "/"
#define RULESET_KEPT "/kept"
#define RULESET_SUSPENSION "suspension/"

/*
 * `outline` is the policy or its outline; `live` the set RULESET_LIVE of the ruleset that it stands
 * beside, in which the marks of kept flows are found by their names (comments). Isolations of zones
 * that the outline does not have are left out. Without isolations and suspensions the result is an
 * empty ruleset. Returns 0 and a ruleset that the caller owns, or -ENOMEM.
 */
int isolation_compile(const struct policy *outline, const struct overrides *overrides,
                      const struct set *live, struct ruleset **ret_ruleset);

/* A ruleset of the objects of both, whose names differ. It borrows both and is freed before them.
 * Returns 0 or -ENOMEM. */
int ruleset_join(const struct ruleset *a, const struct ruleset *b, struct ruleset **ret_joined);
