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
 * What was closed by hand is there to be read back. Of an isolation there is a counter named
 * RULESET_ISOLATED and the zone; if it ends, another one with RULESET_UNTIL and the end in seconds
 * since 1970 after that; for each of its extents the sets of isolation_set_name(), with an
 * interface and addresses in each element, of which all addresses stand for a `whole` interface;
 * for one that is `apart` a counter with RULESET_APART and the number of the extent; and a set
 * `…/kept` with the marks of kept flows, whose comments are their names and contents. A suspension
 * leaves a counter RULESET_SUSPENSION with the name of its flow, for each content one with `/` and
 * the content after that, and for each other name one with RULESET_NAME and the name. A grant
 * leaves a counter RULESET_GRANT with its name.
 */
#define RULESET_ISOLATED REASON_NAME_ISOLATED "/"
#define RULESET_KEPT "/kept"
#define RULESET_UNTIL "/until/"
#define RULESET_APART "/apart/"
#define RULESET_SUSPENSION "suspension/"
#define RULESET_NAME "/name/"
#define RULESET_GRANT "grant/"

#define ISOLATION_NAME_MAX 128
/* The name of the set of an extent, counted from 0. */
void isolation_set_name(const char *zone, enum family family, size_t extent,
                        char name[ISOLATION_NAME_MAX]);

/*
 * `outline` is that of the policy, with whose marks kept flows are recognised. Without overrides
 * the result is an empty ruleset. Returns 0 and a ruleset that the caller owns, or -ENOMEM.
 */
int isolation_compile(const struct policy *outline, const struct overrides *overrides,
                      struct ruleset **ret_ruleset);

/* A ruleset of the objects of both, whose names differ. It borrows both and is freed before them.
 * Returns 0 or -ENOMEM. */
int ruleset_join(const struct ruleset *a, const struct ruleset *b, struct ruleset **ret_joined);
