/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An isolation names its zone. A policy that renames the zone, or gives its networks to another
 * zone, would end the isolation unnoticed, and without a second person. The same is true of a
 * suspended flow that a policy renames. Both policies are refused: release the zone or resume the
 * flow first.
 */

#include "daemon/change/closings.h"

#include <string.h>

#include "daemon/change/kept.h"

static bool is_isolated(const struct overrides *overrides, const struct zone *zone)
{
    return overrides_find(overrides, OVERRIDE_ISOLATION, zone->name);
}

static bool share_interface(const struct zone *a, const struct zone *b)
{
    for (size_t i = 0; i < a->n_interfaces; i++) {
        for (size_t j = 0; j < b->n_interfaces; j++) {
            if (strcmp(a->interfaces[i], b->interfaces[j]) == 0)
                return true;
        }
    }
    return false;
}

static bool share_addresses(const struct zone *a, const struct zone *b)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        if (range_set_overlaps(&a->addresses.by_family[family], &b->addresses.by_family[family]))
            return true;
    }
    return false;
}

static int check_name(const char *zone, const struct policy *new, struct outcome *outcome)
{
    if (policy_zone_named(new, zone))
        return 0;
    return outcome_set(outcome, OUTCOME_REFUSED,
                       "zone `%s` is isolated, but this policy does not have it; release it first",
                       zone);
}

static int check_zone(const struct zone *zone, const struct policy *new,
                      const struct overrides *overrides, struct outcome *outcome)
{
    for (size_t i = 0; i < new->n_zones; i++) {
        const struct zone *other = &new->zones[i];

        if (!is_isolated(overrides, other) && share_interface(zone, other) &&
            share_addresses(zone, other))
            return outcome_set(
                outcome, OUTCOME_REFUSED,
                "zone `%s` is isolated, but this policy gives some of its addresses to "
                "zone `%s`, which is not isolated; release it first",
                zone->name, other->name);
    }
    return 0;
}

/* The new policy must have each isolated zone, and may not give its addresses on its interfaces to
 * a zone that is not isolated. */
static int check_isolations(const struct policy *old, const struct policy *new,
                            const struct overrides *overrides, struct outcome *outcome)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];
        const struct zone *zone = old ? policy_zone_named(old, override->name) : NULL;

        if (override->kind != OVERRIDE_ISOLATION)
            continue;
        r = check_name(override->name, new, outcome);
        if (r == 0 && zone)
            r = check_zone(zone, new, overrides, outcome);
    }
    return r;
}

/* A suspended flow would pass under another name. */
static int check_suspensions(const struct overrides *overrides,
                             const struct policy_changes *changes, struct outcome *outcome)
{
    for (size_t i = 0; changes && i < changes->n_changes; i++) {
        const struct policy_change *renamed = &changes->changes[i];

        if (renamed->kind == POLICY_RENAMED &&
            overrides_find(overrides, OVERRIDE_SUSPENSION, renamed->before) &&
            !overrides_find(overrides, OVERRIDE_SUSPENSION, renamed->name))
            return outcome_set(outcome, OUTCOME_REFUSED,
                               "flow `%s` is suspended, but would pass under its new name `%s`; "
                               "resume it first",
                               renamed->before, renamed->name);
    }
    return 0;
}

int closings_check(const struct gateway *gateway, const struct policy *new,
                   const struct overrides *overrides, struct outcome *outcome)
{
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(outcome_clear) struct outcome ignored = {0};
    cleanup_(policy_freep) struct policy *last = NULL;
    const struct policy *old = enforcement_outline(gateway->enforcement);
    int r = 0;

    /* After a boot nothing is enforced yet: compare with the generation that was enforced. */
    if (!old && gateway->state.generation > 0 && overrides->n_overrides > 0)
        r = kept_read(gateway, gateway->state.generation, &generation, &ignored, &texts, &last);
    if (r < 0)
        return r;
    r = check_isolations(old ? old : last, new, overrides, outcome);
    return r == 0 ? check_suspensions(overrides, outcome->changes, outcome) : r;
}
