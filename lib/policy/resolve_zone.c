/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Zones: their classes, interfaces and networks. An address belongs to one zone at most: an address
 * that could come in by two zones could be forged into the other one's connections. Overlaps are
 * found by sorting all networks of the policy once.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "policy/resolver.h"
#include "policy/spelling.h"
#include "policy/store.h"

/* The longest name of an interface without the final NUL, IFNAMSIZ of <linux/if.h> less one. */
#define INTERFACE_NAME_MAX 15

#define IPV4(a, b, c, d) ((ip_number)(a) << 24 | (ip_number)(b) << 16 | (ip_number)(c) << 8 | (d))
#define IPV6(first_16_bits) ((ip_number)(first_16_bits) << 112)
#define IPV4_MAPPED ((ip_number)0xffff << 32)
#define IPV6_ABOVE(bits) (((ip_number)1 << (128 - (bits))) - 1)

/*
 * Addresses that no zone can own, since no host uses them to talk through a gateway: what claims
 * to come from one of them is forged, and what goes to one stays on its link. IANA IPv4 and IPv6
 * Special-Purpose Address Registries (RFC 6890), RFC 5771, RFC 4291.
 */
static const struct {
    enum family family;
    struct range range;
    const char *name;
} unusable[] = {
    {FAMILY_IPV4, {IPV4(0, 0, 0, 0), IPV4(0, 255, 255, 255)}, "0.0.0.0/8, \"this network\""},
    {FAMILY_IPV4, {IPV4(127, 0, 0, 0), IPV4(127, 255, 255, 255)}, "127.0.0.0/8, loopback"},
    {FAMILY_IPV4,
     {IPV4(224, 0, 0, 0), IPV4(255, 255, 255, 255)},
     "224.0.0.0/3, multicast and reserved"},
    {FAMILY_IPV6, {0, 1}, "::/127, unspecified and loopback"},
    {FAMILY_IPV6, {IPV4_MAPPED, IPV4_MAPPED | UINT32_MAX}, "::ffff:0:0/96, IPv4 within a host"},
    {FAMILY_IPV6, {IPV6(0xfe80), IPV6(0xfe80) + IPV6_ABOVE(10)}, "fe80::/10, link-local"},
    {FAMILY_IPV6, {IPV6(0xff00), ~(ip_number)0}, "ff00::/8, multicast"},
};

const char *unusable_network(enum family family, struct range range)
{
    for (size_t i = 0; i < ELEMENTS_OF(unusable); i++) {
        if (family == unusable[i].family && range.first <= unusable[i].range.last &&
            range.last >= unusable[i].range.first)
            return unusable[i].name;
    }
    return NULL;
}

static int resolve_any(struct resolver *resolver, const struct draft_text *text)
{
    int r;

    if (resolver->any && resolver->any_zone != resolver->n_zones) {
        r = report_error(&resolver->report, "second-any", text->location,
                         "write the networks of this zone out",
                         "a second zone has the network `any`");
        return report_related(&resolver->report, r, resolver->any->location, "the first is here");
    }

    resolver->any = text;
    resolver->any_zone = resolver->n_zones;
    resolver->zones[resolver->n_zones].any = true;
    return 0;
}

static int resolve_network(struct resolver *resolver, const struct draft_text *text)
{
    struct network network = {
        .zone = resolver->n_zones,
        .location = text->location,
        .text = text->text,
    };
    const char *name;
    int r;

    if (strcmp(text->text, "any") == 0)
        return resolve_any(resolver, text);

    r = resolve_range(resolver, text, &network.family, &network.range);
    if (r != 0)
        return r;

    name = unusable_network(network.family, network.range);
    if (name)
        return report_error(&resolver->report, "unusable-network", text->location,
                            "leave these addresses out; for all that no other zone owns, write "
                            "`any`",
                            "the network `%s` has addresses that no zone can own (%s)", text->text,
                            name);
    return array_append(&resolver->networks, &resolver->n_networks, &resolver->networks_capacity,
                        &network, sizeof(network));
}

static int resolve_networks(struct resolver *resolver, const struct draft_text *list)
{
    int result = 0;

    for (const struct draft_text *text = list; text; text = text->next)
        gather(&result, resolve_network(resolver, text));
    return result;
}

/* What stands for several names elsewhere: globs of shells and networkd, the last `+` of iptables,
 * the first `!` of both. The kernel allows all of them in a name, so that packets would be judged
 * by a name that no interface has. */
static bool is_pattern(const char *name)
{
    size_t length = strlen(name);

    return strpbrk(name, "*?[") || name[0] == '!' || (length > 0 && name[length - 1] == '+');
}

/* As dev_valid_name() of the kernel, and without what our own rules could not name. */
static int check_interface(struct resolver *resolver, const struct draft_text *text)
{
    struct report *report = &resolver->report;
    const char *name = text->text;
    int r;

    r = spelling_check_width(report, text->location, "name of an interface", name);
    if (r != 0)
        return r;
    if (strlen(name) > INTERFACE_NAME_MAX)
        return report_error(
            report, "invalid-interface", text->location, "look at the names that `ip link` shows",
            "`%s` is too long for an interface; the most is %d bytes", name, INTERFACE_NAME_MAX);
    if (strcmp(name, "lo") == 0)
        return report_error(report, "invalid-interface", text->location, "remove it",
                            "the loopback interface belongs to no zone");
    if (is_pattern(name))
        return report_error(report, "invalid-interface", text->location,
                            "write every interface out; one may be named before it exists",
                            "interface names have no wildcards: `%s`", name);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || name[strcspn(name, "/: \t%\"\\")])
        return report_error(report, "invalid-interface", text->location,
                            "look at the names that `ip link` shows",
                            "`%s` cannot be the name of an interface", name);
    return 0;
}

static int resolve_interfaces(struct resolver *resolver, const struct draft_text *list,
                              struct zone *zone)
{
    const char **interfaces =
        arena_allocate(resolver->arena, count_texts(list) * sizeof(*interfaces));
    size_t n = 0;
    int r, result = 0;

    if (!interfaces)
        return -ENOMEM;
    for (const struct draft_text *text = list; text; text = text->next) {
        bool again = false;

        r = check_interface(resolver, text);
        if (r == 0 && ++resolver->n_interfaces == POLICY_INTERFACES_MAX + 1)
            r = report_error(&resolver->report, "too-many", text->location,
                             "join links of one zone in a bridge, or divide the zones among "
                             "several gateways",
                             "more than %d interfaces in all zones together",
                             POLICY_INTERFACES_MAX);
        for (size_t i = 0; r == 0 && i < n && n <= POLICY_INTERFACES_MAX; i++)
            again |= strcmp(interfaces[i], text->text) == 0;
        if (again)
            r = report_warning(&resolver->report, "redundant", text->location, "remove one",
                               "interface `%s` is given twice", text->text);
        else if (r == 0)
            r = keep_text(resolver, text, &interfaces[n++]);
        if (r < 0)
            return r;
        gather(&result, r);
    }

    zone->interfaces = interfaces;
    zone->n_interfaces = n;
    return result;
}

static int resolve_class(struct resolver *resolver, const struct draft_text *text,
                         struct zone *zone)
{
    size_t class = 0;
    int r = resolve_word(resolver, text, "class", zone_class_words, ELEMENTS_OF(zone_class_words),
                         &class);

    zone->class = (enum zone_class) class;
    return r;
}

static int resolve_intra(struct resolver *resolver, const struct draft_text *text,
                         struct zone *zone)
{
    int r = resolve_switch(resolver, text, "intra", "deny", "allow", &zone->intra_allow);

    if (r != 0 || !zone->intra_allow || zone->n_interfaces != 1)
        return r;
    return report_warning(&resolver->report, "same-interface", text->location, NULL,
                          "zone `%s` has one interface, so nothing within it crosses the gateway",
                          zone->name);
}

static int resolve_ipsec(struct resolver *resolver, const struct draft_text *text,
                         struct zone *zone)
{
    static const char *const words[] = {"required"};
    size_t word = 0;

    zone->ipsec = text != NULL;
    return resolve_word(resolver, text, "ipsec", words, ELEMENTS_OF(words), &word);
}

static int resolve_zone(struct resolver *resolver, struct known *known)
{
    const struct draft_zone *draft = (const struct draft_zone *)known->object;
    struct zone *zone = &resolver->zones[resolver->n_zones];
    int result = 0;

    *zone = (struct zone){
        .name = known->name,
        .label = known->name,
        .location = known->location,
    };
    gather(&result, keep_text(resolver, draft->label, &zone->label));
    gather(&result, resolve_class(resolver, draft->class, zone));
    gather(&result, resolve_interfaces(resolver, draft->interfaces, zone));
    gather(&result, resolve_networks(resolver, draft->networks));
    gather(&result, resolve_intra(resolver, draft->intra, zone));
    gather(&result, resolve_ipsec(resolver, draft->ipsec, zone));
    if (result < 0)
        return result;

    /* A broken zone keeps its place in the array, for its networks; nothing can refer to it. */
    if (result == 0 && !known->broken)
        known->index = (uint32_t)resolver->n_zones;
    resolver->n_zones++;
    return 0;
}

static int compare_networks(const void *a, const void *b)
{
    const struct network *left = a, *right = b;

    return COMPARE(left->family, right->family)
               ?: COMPARE(left->range.first, right->range.first)
               ?: COMPARE(right->range.last, left->range.last)
               ?: location_compare(left->location, right->location);
}

/* Reports two networks with an address in common, at the one that was written later. */
static int report_overlap(struct resolver *resolver, const struct network *a,
                          const struct network *b)
{
    const struct network *first = location_compare(a->location, b->location) < 0 ? a : b;
    const struct network *second = first == a ? b : a;
    int r;

    if (first->zone == second->zone)
        r = report_warning(&resolver->report, "redundant", second->location,
                           "remove one of the two", "the networks `%s` and `%s` overlap",
                           first->text, second->text);
    else
        r = report_error(&resolver->report, "overlapping-zones", second->location,
                         "an address belongs to one zone: give each zone networks of its own",
                         "the network `%s` overlaps `%s` of zone `%s`", second->text, first->text,
                         resolver->zones[first->zone].name);
    return report_related(&resolver->report, r, first->location, "`%s` stands here", first->text);
}

/* Compares each network with the one before it that reaches farthest: one that reaches less far
 * overlaps it only where the farthest does too. */
static int check_overlaps(struct resolver *resolver)
{
    struct network *networks = resolver->networks;
    size_t farthest = 0;
    int r;

    if (resolver->n_networks > 1)
        qsort(networks, resolver->n_networks, sizeof(*networks), compare_networks);

    for (size_t i = 1; i < resolver->n_networks; i++) {
        if (networks[i].family == networks[farthest].family &&
            networks[i].range.first <= networks[farthest].range.last) {
            r = report_overlap(resolver, &networks[farthest], &networks[i]);
            if (r < 0)
                return r;
        }
        if (networks[i].family != networks[farthest].family ||
            networks[i].range.last > networks[farthest].range.last)
            farthest = i;
    }
    return 0;
}

/* All that can be owned and no network names. */
static int collect_rest(const struct resolver *resolver, struct collection *collection)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        cleanup_(range_set_clear) struct range_set rest = {0};
        cleanup_(range_set_clear) struct range_set taken = {0};
        int r = range_set_add(&rest, family_all(family));

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(unusable); i++) {
            if (unusable[i].family == family)
                r = range_set_add(&taken, unusable[i].range);
        }
        for (size_t i = 0; r == 0 && i < resolver->n_networks; i++) {
            if (resolver->networks[i].family == family)
                r = range_set_add(&taken, resolver->networks[i].range);
        }
        if (r == 0)
            r = range_set_subtract(&rest, &taken);
        for (size_t i = 0; r == 0 && i < rest.n_ranges; i++)
            r = collection_add(collection, family, rest.ranges[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The addresses of one zone from the networks of all, which are sorted by address. */
static int finish_addresses(struct resolver *resolver, struct collection *collections)
{
    int r;

    for (size_t i = 0; i < resolver->n_networks; i++) {
        const struct network *network = &resolver->networks[i];

        r = collection_add(&collections[network->zone], network->family, network->range);
        if (r < 0)
            return r;
    }
    if (resolver->any) {
        r = collect_rest(resolver, &collections[resolver->any_zone]);
        if (r < 0)
            return r;
    }

    for (size_t i = 0; i < resolver->n_zones; i++) {
        r = collection_finish(&collections[i], resolver->arena, &resolver->zones[i].addresses);
        if (r < 0)
            return r;
    }
    return 0;
}

static int compare_zone_ranges(const void *a, const void *b)
{
    const struct zone_range *left = a, *right = b;

    return COMPARE(left->range.first, right->range.first);
}

/* Who owns an address: the ranges of all zones in one sorted array per family. */
static int finish_owners(struct resolver *resolver)
{
    struct policy_store *store = (struct policy_store *)resolver->policy;

    for (enum family family = 0; family < FAMILIES; family++) {
        struct zone_range *ranges;
        size_t n_ranges = 0;

        for (size_t i = 0; i < resolver->n_zones; i++)
            n_ranges += resolver->zones[i].addresses.by_family[family].n_ranges;
        ranges = arena_allocate(resolver->arena, n_ranges * sizeof(*ranges));
        if (!ranges)
            return -ENOMEM;

        n_ranges = 0;
        for (size_t i = 0; i < resolver->n_zones; i++) {
            const struct range_set *set = &resolver->zones[i].addresses.by_family[family];

            for (size_t j = 0; j < set->n_ranges; j++)
                ranges[n_ranges++] = (struct zone_range){set->ranges[j], i};
        }
        if (n_ranges > 1)
            qsort(ranges, n_ranges, sizeof(*ranges), compare_zone_ranges);

        store->zone_ranges[family] = ranges;
        store->n_zone_ranges[family] = n_ranges;
    }
    return 0;
}

int resolve_zones(struct resolver *resolver)
{
    size_t n_zones = resolver->draft->zones.n_objects;
    struct collection *collections;
    int r;

    if (n_zones == 0)
        return report_error(&resolver->report, "missing-key", (struct location){0, 1, 1},
                            "add `zones:` with the zones of the gateway",
                            "the policy has no zones");

    resolver->zones = arena_allocate(resolver->arena, n_zones * sizeof(*resolver->zones));
    if (!resolver->zones)
        return -ENOMEM;

    r = resolve_each(resolver, KNOWN_ZONE, resolve_zone);
    if (r == 0)
        r = check_overlaps(resolver);
    if (r < 0)
        return r;

    collections = calloc(resolver->n_zones, sizeof(*collections));
    if (!collections)
        return -ENOMEM;

    r = finish_addresses(resolver, collections);
    for (size_t i = 0; i < resolver->n_zones; i++)
        collection_clear(&collections[i]);
    free(collections);
    return r < 0 ? r : finish_owners(resolver);
}
