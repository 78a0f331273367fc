/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An isolation outlives the policy in which its zone had a name, so it is kept as what the zone
 * was, and compared with the zones of any other policy. A policy may split or merge zones: each
 * extent that the isolation ever had is compared by itself, since two zones that were cut off from
 * each other must not become "within" because one policy called both by the same name.
 */

#include "policy/isolations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text_list.h"

/* What one extent has of a zone. */
struct share {
    bool any_whole; /* one of the zone's interfaces is `whole` in the extent */
    bool interface; /* one of them is in the extent */
    bool all;       /* the extent has all of the zone */
    bool some;      /* and some of it */
};

struct reach {
    const struct override *isolation;
    bool apart; /* of the extent */
    struct address_set addresses;
    struct share *zones;
};

struct isolations {
    const struct policy *policy;
    struct reach *reaches;
    size_t n_reaches;
    size_t capacity;
};

void address_set_clear(struct address_set *set)
{
    for (enum family family = 0; family < FAMILIES; family++)
        range_set_clear(&set->by_family[family]);
}

/* Appends a copy of the text to a list that has room for it. */
static int add_text(char **list, size_t *n, const char *text)
{
    list[*n] = strdup(text);
    return list[*n] ? (++*n, 0) : -ENOMEM;
}

/* Whether no other zone shares the interface. */
static bool is_whole(const struct policy *policy, const char *interface)
{
    for (size_t i = 0; i < policy->n_segments; i++) {
        const struct segment *segment = &policy->segments[i];

        for (size_t j = 0; j < segment->n_interfaces; j++) {
            if (strcmp(segment->interfaces[j], interface) == 0)
                return segment->n_zones == 1;
        }
    }
    return false;
}

/* Appends to a list that has room for it. */
static int add_networks(const struct address_set *addresses, struct extent *extent)
{
    int r = 0;

    for (enum family family = 0; family < FAMILIES; family++) {
        const struct range_set *set = &addresses->by_family[family];
        char text[ADDRESS_TEXT_MAX];

        for (size_t i = 0; r == 0 && i < set->n_ranges; i++)
            r = add_text(extent->networks, &extent->n_networks,
                         range_format(family, set->ranges[i], text));
    }
    return r;
}

static size_t count_ranges(const struct address_set *addresses)
{
    size_t n = 0;

    for (enum family family = 0; family < FAMILIES; family++)
        n += addresses->by_family[family].n_ranges;
    return n;
}

/* What the zone is in the policy. The caller clears it by record_clear(). */
static int extent_of_zone(const struct policy *policy, const struct zone *zone,
                          struct extent *ret_extent)
{
    struct extent extent = {
        .interfaces = calloc(zone->n_interfaces + 1, sizeof(char *)),
        .whole = calloc(zone->n_interfaces + 1, sizeof(char *)),
        .networks = calloc(count_ranges(&zone->addresses) + 1, sizeof(char *)),
        .any = zone->any,
    };
    int r = extent.interfaces && extent.whole && extent.networks ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < zone->n_interfaces; i++) {
        r = add_text(extent.interfaces, &extent.n_interfaces, zone->interfaces[i]);
        if (r == 0 && is_whole(policy, zone->interfaces[i]))
            r = add_text(extent.whole, &extent.n_whole, zone->interfaces[i]);
    }
    if (r == 0)
        r = add_networks(&zone->addresses, &extent);
    if (r < 0) {
        record_clear(&extent_type, &extent);
        return r;
    }
    *ret_extent = extent;
    return 0;
}

/* Whether all of `b` is in `a`. */
static bool includes_texts(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    for (size_t i = 0; i < n_b; i++) {
        if (!text_list_has(a, n_a, b[i]))
            return false;
    }
    return true;
}

/* Whether every packet with an end in `b` has that end in `a`. Networks do not matter where all
 * interfaces are whole; elsewhere those of both must be the same, or the answer is no. */
static bool extent_includes(const struct extent *a, const struct extent *b)
{
    bool by_address = b->n_whole < b->n_interfaces;

    if (!includes_texts(a->interfaces, a->n_interfaces, b->interfaces, b->n_interfaces) ||
        !includes_texts(a->whole, a->n_whole, b->whole, b->n_whole))
        return false;
    if (by_address && a->n_networks != b->n_networks)
        return false;
    /* Networks are in order, and an extent may have thousands of them. */
    for (size_t i = 0; by_address && i < b->n_networks; i++) {
        if (strcmp(a->networks[i], b->networks[i]) != 0)
            return false;
    }
    return true;
}

int extent_addresses(const struct extent *extent, struct address_set *addresses)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < extent->n_networks; i++) {
        enum family family;
        struct range range;

        if (address_parse_range(extent->networks[i], &family, &range) == 0)
            r = range_set_add(&addresses->by_family[family], range);
    }
    return r;
}

static bool is_held(const struct override *isolation, const struct extent *extent)
{
    for (size_t i = 0; i < isolation->n_extents; i++) {
        if (extent_includes(&isolation->extents[i], extent))
            return true;
    }
    return false;
}

/* Whether there is room for another extent of its kind; if not, also the one that takes it in. */
static bool has_room(const struct override *isolation, const struct extent *extent,
                     struct extent **ret_taker)
{
    size_t n = 0;

    for (size_t i = 0; i < isolation->n_extents; i++) {
        struct extent *there = &isolation->extents[i];

        if (there->any != extent->any)
            continue;
        if (n++ == 0 || !(*ret_taker)->apart)
            *ret_taker = there;
    }
    return n < EXTENTS_MAX;
}

static int add_missing(char ***list, size_t *n, char *const *texts, size_t n_texts)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_texts; i++)
        if (!text_list_has(*list, *n, texts[i]))
            r = text_list_add(list, n, texts[i]);
    return r;
}

/*
 * Has the taker hold all of the other extent, whose texts may be its own. Since what was cut off
 * from each other must not get into one extent together, nothing within it goes on.
 */
static int take_in(struct extent *taker, const struct extent *extent)
{
    cleanup_(address_set_clear) struct address_set addresses = {0};
    struct extent merged = {0};
    int r = extent_addresses(taker, &addresses);

    if (r == 0)
        r = extent_addresses(extent, &addresses);
    if (r == 0)
        merged.networks = calloc(count_ranges(&addresses) + 1, sizeof(char *));
    if (r < 0 || !merged.networks)
        return -ENOMEM;
    r = add_networks(&addresses, &merged);
    if (r == 0)
        r = add_missing(&taker->interfaces, &taker->n_interfaces, extent->interfaces,
                        extent->n_interfaces);
    if (r == 0)
        r = add_missing(&taker->whole, &taker->n_whole, extent->whole, extent->n_whole);
    if (r < 0) {
        record_clear(&extent_type, &merged);
        return r;
    }
    for (size_t i = 0; i < taker->n_networks; i++)
        free(taker->networks[i]);
    free(taker->networks);
    taker->networks = merged.networks;
    taker->n_networks = merged.n_networks;
    taker->apart = true;
    return 0;
}

static int append_extent(struct override *isolation, const struct extent *extent)
{
    struct extent *grown, *taker = NULL;

    if (!has_room(isolation, extent, &taker))
        return take_in(taker, extent);
    grown = reallocarray(isolation->extents, isolation->n_extents + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    isolation->extents = grown;
    if (record_copy(&extent_type, extent, &grown[isolation->n_extents]) < 0)
        return -ENOMEM;
    isolation->n_extents++;
    return 0;
}

int isolation_add_extent(struct override *isolation, const struct extent *extent)
{
    for (size_t i = 0; i < isolation->n_extents; i++) {
        struct extent *there = &isolation->extents[i];

        if (!extent_includes(there, extent) || !(there->apart || extent_includes(extent, there)))
            continue;
        there->apart |= extent->apart;
        return 0;
    }
    return append_extent(isolation, extent);
}

static bool shares_addresses(const struct address_set *addresses, const struct zone *zone)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        if (range_set_overlaps(&addresses->by_family[family], &zone->addresses.by_family[family]))
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
            .apart = extent->apart,
        };

        if (shares_addresses(&addresses, zone) && !is_held(isolation, &moved))
            r = append_extent(isolation, &moved);
    }
    return r;
}

int isolation_extend(struct override *isolation, const struct policy *policy)
{
    const struct zone *zone = policy_zone_named(policy, isolation->name);
    struct extent extent = {0};
    int r = 0;

    if (zone)
        r = extent_of_zone(policy, zone, &extent);
    if (r == 0 && zone)
        r = isolation_add_extent(isolation, &extent);
    record_clear(&extent_type, &extent);
    for (size_t i = 0, n = isolation->n_extents; r == 0 && i < n; i++)
        r = follow_networks(isolation, i, policy);
    return r;
}

int isolation_in_policy(const struct override *isolation, const struct policy *policy,
                        struct override *ret_copy)
{
    struct override copy = {0};
    int r = record_copy(&override_type, isolation, &copy);

    if (r == 0)
        r = isolation_extend(&copy, policy);
    if (r < 0) {
        record_clear(&override_type, &copy);
        return r;
    }
    *ret_copy = copy;
    return 0;
}

struct isolations *isolations_free(struct isolations *isolations)
{
    if (!isolations)
        return NULL;

    for (size_t i = 0; i < isolations->n_reaches; i++) {
        address_set_clear(&isolations->reaches[i].addresses);
        free(isolations->reaches[i].zones);
    }
    free(isolations->reaches);
    free(isolations);
    return NULL;
}

static struct share share_of(const struct extent *extent, const struct address_set *addresses,
                             const struct zone *zone)
{
    struct share share = {.all = true};
    bool includes = true, overlaps = false;

    for (enum family family = 0; family < FAMILIES; family++) {
        const struct range_set *ours = &addresses->by_family[family];
        const struct range_set *theirs = &zone->addresses.by_family[family];

        includes = includes && range_set_includes(ours, theirs);
        overlaps = overlaps || range_set_overlaps(ours, theirs);
    }
    for (size_t i = 0; i < zone->n_interfaces; i++) {
        bool whole = text_list_has(extent->whole, extent->n_whole, zone->interfaces[i]);
        bool there = text_list_has(extent->interfaces, extent->n_interfaces, zone->interfaces[i]);

        share.any_whole |= whole;
        share.interface |= there;
        share.all = share.all && (whole || (there && includes));
    }
    share.some = share.any_whole || (share.interface && overlaps);
    return share;
}

static int add_reach(struct isolations *isolations, const struct override *isolation,
                     const struct extent *extent)
{
    const struct policy *policy = isolations->policy;
    struct reach *reach;
    int r = array_reserve(&isolations->reaches, &isolations->capacity, isolations->n_reaches + 1,
                          sizeof(*isolations->reaches));

    if (r < 0)
        return r;
    reach = &isolations->reaches[isolations->n_reaches++];
    *reach = (struct reach){.isolation = isolation,
                            .apart = extent->apart,
                            .zones = calloc(policy->n_zones + 1, sizeof(*reach->zones))};
    if (!reach->zones)
        return -ENOMEM;
    r = extent_addresses(extent, &reach->addresses);
    for (size_t i = 0; r == 0 && i < policy->n_zones; i++)
        reach->zones[i] = share_of(extent, &reach->addresses, &policy->zones[i]);
    return r;
}

static int add_isolation(struct isolations *isolations, const struct override *isolation)
{
    struct override present = {0};
    int r = isolation_in_policy(isolation, isolations->policy, &present);

    for (size_t i = 0; r == 0 && i < present.n_extents; i++)
        r = add_reach(isolations, isolation, &present.extents[i]);
    record_clear(&override_type, &present);
    return r;
}

int isolations_new(const struct overrides *overrides, const struct policy *policy,
                   struct isolations **ret_isolations)
{
    cleanup_(isolations_freep) struct isolations *isolations = calloc(1, sizeof(*isolations));
    int r = 0;

    if (!isolations)
        return -ENOMEM;
    isolations->policy = policy;
    for (size_t i = 0; overrides && r == 0 && i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].kind == OVERRIDE_ISOLATION)
            r = add_isolation(isolations, &overrides->overrides[i]);
    }
    if (r < 0)
        return r;
    *ret_isolations = TAKE_PTR(isolations);
    return 0;
}

static bool is_within(const struct reach *reach, const struct isolation_end *end)
{
    const struct share *share;

    if (end->zone == ZONE_GATEWAY)
        return false;
    share = &reach->zones[end->zone];
    if (!end->has_address)
        return share->all;
    return share->any_whole ||
           (share->interface && address_set_contains(&reach->addresses, end->family, end->address));
}

/* Whether nothing of the end is within. */
static bool is_outside(const struct reach *reach, const struct isolation_end *end)
{
    if (end->zone == ZONE_GATEWAY)
        return true;
    return end->has_address ? !is_within(reach, end) : !reach->zones[end->zone].some;
}

static bool is_kept(const struct override *isolation, const struct flow *flow)
{
    char content[FLOW_CONTENT_TEXT_MAX];

    return isolation->n_keep_ids > 0 && text_list_has(isolation->keep_ids, isolation->n_keep_ids,
                                                      flow_content_format(flow->digest, content));
}

const struct override *isolations_cut(const struct isolations *isolations, const struct flow *flow,
                                      const struct isolation_end *from,
                                      const struct isolation_end *to)
{
    for (size_t i = 0; i < isolations->n_reaches; i++) {
        const struct reach *reach = &isolations->reaches[i];

        if (((is_within(reach, from) && (reach->apart || is_outside(reach, to))) ||
             ((reach->apart || is_outside(reach, from)) && is_within(reach, to))) &&
            !is_kept(reach->isolation, flow))
            return reach->isolation;
    }
    return NULL;
}

const struct override *isolations_of(const struct isolations *isolations,
                                     const struct isolation_end *end)
{
    for (size_t i = 0; i < isolations->n_reaches; i++) {
        if (is_within(&isolations->reaches[i], end))
            return isolations->reaches[i].isolation;
    }
    return NULL;
}

bool isolations_touch(const struct isolations *isolations, const struct override *isolation,
                      size_t zone)
{
    for (size_t i = 0; i < isolations->n_reaches; i++) {
        const struct reach *reach = &isolations->reaches[i];

        if ((!isolation || reach->isolation == isolation) && reach->zones[zone].some)
            return true;
    }
    return false;
}
