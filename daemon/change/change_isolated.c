/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An isolation is of a zone by its name. A policy that calls the zone otherwise, or gives its
 * networks to another one, would end the isolation without a word, and without a second person. It
 * is refused: whoever wants that releases the zone first.
 */

#include <string.h>

#include "daemon/change/change_private.h"

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
                       "zone `%s` is isolated, and this policy does not have it; release it first",
                       zone);
}

static int check_zone(const struct zone *zone, const struct policy *new,
                      const struct overrides *overrides, struct outcome *outcome)
{
    for (size_t i = 0; i < new->n_zones; i++) {
        const struct zone *other = &new->zones[i];

        if (!is_isolated(overrides, other) && share_interface(zone, other) &&
            share_addresses(zone, other))
            return outcome_set(outcome, OUTCOME_REFUSED,
                               "zone `%s` is isolated, and this policy gives addresses of it to "
                               "zone `%s`, which is not; release it first",
                               zone->name, other->name);
    }
    return 0;
}

int change_check_isolations(const struct policy *old, const struct policy *new,
                            const struct overrides *overrides, struct outcome *outcome)
{
    int r = 0;

    for (size_t i = 0; r == 0 && overrides && i < overrides->n_overrides; i++) {
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
