/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "diagram/diagram.h"
#include "observe/conntrack.h"
#include "policy/policy.h"
#include "ruleset/ruleset.h"

/*
 * What a new policy changes, flow by flow. Two flows are the same where their name is; a flow whose
 * name is new and whose content is that of one that goes was renamed. Content is what the digest of
 * a flow covers, and beside it what moves in time: `enabled`, `expires`, `schedule`, `limit`,
 * `log`.
 */
enum flow_change_kind {
    FLOW_ADDED,
    FLOW_REMOVED,
    FLOW_CHANGED,
    FLOW_RENAMED,
};
const char *flow_change_kind_to_string(enum flow_change_kind kind);

struct flow_change {
    enum flow_change_kind kind;
    char *name;   /* in the new policy, of a removed one in the old */
    char *before; /* of a renamed one: its old name; else NULL */
    char *label;
    char *detail; /* for people: what changed (`expires 2027-03-31 → 2028-03-31`), or NULL */
};

struct plan {
    struct flow_change *changes; /* removed, changed, renamed, added; each in order of the policy */
    size_t n_changes;
    size_t capacity;
    char **zones; /* the same for zones, as sentences (`zone school: networks changed`) */
    size_t n_zones;
    size_t zones_capacity;
    size_t cut; /* open connections that would be cut */
};

/* `old` may be NULL. Returns 0 and a plan that the caller owns and that borrows nothing, or
 * -ENOMEM. */
int plan_new(const struct policy *old, const struct policy *new, struct plan **ret_plan);
struct plan *plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan, plan_free)

/*
 * Counts into `plan->cut` the open connections that pass now and would not with the new ruleset:
 * those whose mark is in `live` of the old, and whose mark is not in `live` of the new and whose
 * packet no live flow of the new diagram owns. Zones of a connection are those of its addresses.
 * Returns 0 or -errno.
 */
int plan_count_cut(struct plan *plan, struct conntrack *conntrack, const struct ruleset *old,
                   const struct diagram *new_diagram, const struct ruleset *new);
