/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A closing is of packets, not of names: whoever writes policies must not be able to open what
 * somebody closed by calling it something else. So a closing holds a name and what the name meant,
 * follows both from policy to policy, and only grows.
 */

#include "policy/closings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_list.h"
#include "policy/isolations.h"

/* All makers that are kept; somebody who isolates again and again takes the place of himself. */
#define MAKERS_MAX 32

/* Appends a copy of an element to a list of a record. */
static int append(const struct record_type *type, void *list, size_t *n, const void *element)
{
    char *grown, *old;

    memcpy(&old, list, sizeof(old));
    grown = reallocarray(old, *n + 1, type->size);
    if (!grown)
        return -ENOMEM;
    memcpy(list, &grown, sizeof(grown));
    if (record_copy(type, element, grown + *n * type->size) < 0)
        return -ENOMEM;
    (*n)++;
    return 0;
}

static int set_text(char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static int add_extent(struct override *isolation, const struct extent *extent)
{
    for (size_t i = 0; i < isolation->n_extents; i++) {
        if (extent_includes(&isolation->extents[i], extent) &&
            extent_includes(extent, &isolation->extents[i]))
            return 0;
    }
    return append(&extent_type, &isolation->extents, &isolation->n_extents, extent);
}

static bool shares_addresses(const struct address_set *addresses, const struct zone *zone)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        if (range_set_overlaps(&addresses->by_family[family], &zone->addresses.by_family[family]))
            return true;
    }
    return false;
}

static bool is_held(const struct override *isolation, const struct extent *extent)
{
    for (size_t i = 0; i < isolation->n_extents; i++) {
        if (extent_includes(&isolation->extents[i], extent))
            return true;
    }
    return false;
}

/*
 * Holds the networks of an extent also at the interfaces where the policy has them, whatever their
 * zone is called: hosts do not open by moving to another wire. As an extent of its own, so that
 * they are cut off from what was left behind, too.
 */
static int follow_networks(struct override *isolation, size_t number, const struct policy *policy)
{
    cleanup_(address_set_clear) struct address_set addresses = {0};
    int r = isolation->extents[number].any
                ? 0
                : extent_addresses(&isolation->extents[number], &addresses);

    for (size_t i = 0; r == 0 && i < policy->n_zones; i++) {
        const struct zone *zone = &policy->zones[i];
        const struct extent *extent = &isolation->extents[number];
        const struct extent moved = {
            .interfaces = (char **)zone->interfaces,
            .n_interfaces = zone->n_interfaces,
            .networks = extent->networks,
            .n_networks = extent->n_networks,
        };

        if (shares_addresses(&addresses, zone) && !is_held(isolation, &moved))
            r = append(&extent_type, &isolation->extents, &isolation->n_extents, &moved);
    }
    return r;
}

int isolation_extend(struct override *isolation, const struct policy *policy)
{
    const struct zone *zone = policy_zone_named(policy, isolation->name);
    struct extent extent = {0};
    int r = 0;

    if (zone)
        r = extent_of_zone(policy, (size_t)(zone - policy->zones), &extent);
    if (r == 0 && zone)
        r = add_extent(isolation, &extent);
    record_clear(&extent_type, &extent);
    for (size_t i = 0, n = isolation->n_extents; r == 0 && i < n; i++)
        r = follow_networks(isolation, i, policy);
    return r;
}

/* Takes a flow out of those that are kept. */
static void drop_kept(struct override *isolation, size_t i)
{
    free(isolation->keep[i]);
    isolation->keep[i] = isolation->keep[--isolation->n_keep];
    if (isolation->n_keep_ids > 0) {
        free(isolation->keep_ids[i]);
        isolation->keep_ids[i] = isolation->keep_ids[--isolation->n_keep_ids];
    }
}

static int add_maker(struct override *isolation, const struct maker *maker)
{
    for (size_t i = 0; i < isolation->n_makers; i++) {
        struct maker *there = &isolation->makers[i];

        if (there->uid != maker->uid || isolation->n_makers < MAKERS_MAX)
            continue;
        there->since = maker->since;
        return set_text(&there->reason, maker->reason);
    }
    return append(&maker_type, &isolation->makers, &isolation->n_makers, maker);
}

int isolation_tighten(struct override *isolation, const struct override *other)
{
    int r = 0;

    for (size_t i = isolation->n_keep; i-- > 0;) {
        if (i >= isolation->n_keep_ids ||
            !text_list_has(other->keep_ids, other->n_keep_ids, isolation->keep_ids[i]))
            drop_kept(isolation, i);
    }
    if (other->until > isolation->until)
        isolation->until = other->until;
    for (size_t i = 0; r == 0 && i < other->n_extents; i++)
        r = add_extent(isolation, &other->extents[i]);
    for (size_t i = 0; r == 0 && i < other->n_makers; i++)
        r = add_maker(isolation, &other->makers[i]);
    return r;
}

static int adopt_isolation(struct override *isolation, const struct override *held)
{
    struct override stricter = *held;

    /* The kernel does not know when it ends. Of names alone it holds no contents: a state of the
     * first version of segd is completed by closings_carry(). */
    stricter.until = isolation->until;
    if (isolation->n_keep > isolation->n_keep_ids)
        return 0;
    return isolation_tighten(isolation, &stricter);
}

/* A suspension that holds all the contents of another, under whatever name, or one of its name. */
static struct override *find_suspension(struct overrides *overrides, const struct override *wanted)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        struct override *override = &overrides->overrides[i];
        bool all = override->kind == OVERRIDE_SUSPENSION && wanted->n_ids > 0;

        for (size_t j = 0; all && j < wanted->n_ids; j++)
            all = suspension_holds(override, wanted->ids[j]);
        if (all)
            return override;
    }
    return (struct override *)overrides_find(overrides, OVERRIDE_SUSPENSION, wanted->name);
}

int closings_adopt(struct overrides *overrides, const struct override *closing)
{
    struct override *known =
        closing->kind == OVERRIDE_SUSPENSION
            ? find_suspension(overrides, closing)
            : (struct override *)overrides_find(overrides, closing->kind, closing->name);
    int r = 0;

    if (!known) {
        r = overrides_add(overrides, closing);
        return r < 0 ? r : 1;
    }
    if (closing->kind == OVERRIDE_ISOLATION)
        return adopt_isolation(known, closing);
    for (size_t i = 0; r == 0 && i < closing->n_ids; i++) {
        if (!suspension_holds(known, closing->ids[i]))
            r = text_list_add(&known->ids, &known->n_ids, closing->ids[i]);
    }
    return r;
}

/* Gives names that were kept alone their contents. */
static int complete_kept(struct override *isolation, const struct policy *before,
                         const struct policy *policy)
{
    if (isolation->n_keep_ids > 0)
        return 0;
    for (size_t i = isolation->n_keep; i-- > 0;) {
        const struct flow *flow = before ? policy_flow_named(before, isolation->keep[i]) : NULL;

        if (!flow)
            flow = policy_flow_named(policy, isolation->keep[i]);
        if (!flow)
            drop_kept(isolation, i);
    }
    for (size_t i = 0; i < isolation->n_keep; i++) {
        const struct flow *flow = before ? policy_flow_named(before, isolation->keep[i]) : NULL;
        char content[FLOW_CONTENT_TEXT_MAX];
        int r;

        if (!flow)
            flow = policy_flow_named(policy, isolation->keep[i]);
        r = text_list_add(&isolation->keep_ids, &isolation->n_keep_ids,
                          flow_content_format(flow->digest, content));
        if (r < 0)
            return r;
    }
    return 0;
}

static int carry_isolation(struct override *isolation, const struct policy *before,
                           const struct policy *policy)
{
    int r = complete_kept(isolation, before, policy);

    if (r == 0 && isolation->n_extents == 0 && before)
        r = isolation_extend(isolation, before);
    return r < 0 ? r : isolation_extend(isolation, policy);
}

/* A flow of the policy that has a content of the suspension. */
static const struct flow *find_held(const struct policy *policy, const struct override *suspension)
{
    for (size_t i = 0; suspension->n_ids > 0 && i < policy->n_flows; i++) {
        char content[FLOW_CONTENT_TEXT_MAX];

        if (suspension_holds(suspension, flow_content_format(policy->flows[i].digest, content)))
            return &policy->flows[i];
    }
    return NULL;
}

/* Whether a flow of this content, under another name, was neither suspended nor disabled. */
static bool was_open(const struct policy *before, const struct overrides *overrides,
                     const struct flow *flow)
{
    for (size_t i = 0; before && i < before->n_flows; i++) {
        const struct flow *old = &before->flows[i];

        if (memcmp(old->digest, flow->digest, sizeof(flow->digest)) == 0 && old->enabled &&
            strcmp(old->name, flow->name) != 0 && !overrides_suspension_of(overrides, old))
            return true;
    }
    return false;
}

static int carry_suspension(struct overrides *overrides, struct override *suspension,
                            const struct policy *before, const struct policy *policy)
{
    const struct flow *named = policy_flow_named(policy, suspension->name);
    const struct flow *old = before ? policy_flow_named(before, suspension->name) : NULL;
    const struct flow *held;
    char content[FLOW_CONTENT_TEXT_MAX];
    int r = 0;

    if (suspension->n_ids == 0 && old)
        r = text_list_add(&suspension->ids, &suspension->n_ids,
                          flow_content_format(old->digest, content));
    if (r < 0 ||
        (named && suspension_holds(suspension, flow_content_format(named->digest, content))))
        return r;

    held = find_held(policy, suspension);
    if (named && !(held && was_open(before, overrides, named)))
        return text_list_add(&suspension->ids, &suspension->n_ids, content);
    if (held && !overrides_find(overrides, OVERRIDE_SUSPENSION, held->name))
        return set_text(&suspension->name, held->name);
    return 0;
}

int closings_carry(struct overrides *overrides, const struct policy *before,
                   const struct policy *policy)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        struct override *override = &overrides->overrides[i];

        if (override->kind == OVERRIDE_ISOLATION)
            r = carry_isolation(override, before, policy);
        else if (override->kind == OVERRIDE_SUSPENSION)
            r = carry_suspension(overrides, override, before, policy);
    }
    return r;
}
