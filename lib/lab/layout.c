/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The map of the lab. Base routes follow from the policy alone; single addresses are remembered as
 * they come into use, and only those that lie elsewhere than their network need a route of their
 * own. Everything is in the order of the policy, of asking or of addresses, so the same policy
 * gives the same lab each time.
 */

#include "lab/layout.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"

/* How many addresses of a network are tried for one that is not in use. */
#define TRIES_MAX 4096

#define IPV4(a, b, c, d)                                                                           \
    ((ip_number)(a) << 24 | (ip_number)(b) << 16 | (ip_number)(c) << 8 | (ip_number)(d))
#define IPV6(first) ((ip_number)(first) << 112)

/* A prefix of a zone's networks. */
struct route {
    struct range range;
    size_t zone;
    size_t wire;
};

struct routes {
    struct route *routes; /* sorted, disjoint; without those of the zone with `any` */
    size_t n_routes;
    size_t capacity;
};

/* A single address and where it lies. */
struct place {
    enum family family;
    ip_number address;
    bool used;                /* by a probe; then `wire` is where it lies */
    bool moved;               /* it lies elsewhere than its network */
    bool separated;           /* it must stay where it is */
    const struct host *bound; /* the host whose hardware addresses it must come from, or NULL */
    size_t wire;
};

struct layout {
    const struct policy *policy;
    struct range_set unusable[FAMILIES];
    const char **interfaces;
    size_t n_interfaces;
    size_t **zone_wires; /* for each zone its wires, policy->zones[i].n_interfaces of them */
    struct routes routes[FAMILIES];
    void *places;             /* a tree of them, see tsearch(3) */
    size_t next_any;          /* the interface whose turn it is */
    ip_number *own[FAMILIES]; /* the gateway's addresses by wire */
};

int layout_unusable(enum family family, struct range_set *ret_addresses)
{
    static const struct range unusable[FAMILIES][3] = {
        {{IPV4(0, 0, 0, 0), IPV4(0, 255, 255, 255)},
         {IPV4(127, 0, 0, 0), IPV4(127, 255, 255, 255)},
         {IPV4(224, 0, 0, 0), IPV4(255, 255, 255, 255)}},
        {{0, UINT64_MAX}, {IPV6(0xfe80), IPV6(0xfec0) - 1}, {IPV6(0xff00), ~(ip_number)0}},
    };
    cleanup_(range_set_clear) struct range_set set = {0};

    for (size_t i = 0; i < ELEMENTS_OF(unusable[family]); i++) {
        int r = range_set_add(&set, unusable[family][i]);

        if (r < 0)
            return r;
    }
    *ret_addresses = set;
    set = (struct range_set){0};
    return 0;
}

bool layout_can_use(const struct layout *layout, enum family family, ip_number address)
{
    return !range_set_contains(&layout->unusable[family], address);
}

static int name_interfaces(struct layout *layout)
{
    const struct policy *policy = layout->policy;
    size_t n = 0;

    for (size_t i = 0; i < policy->n_segments; i++)
        n += policy->segments[i].n_interfaces;
    layout->interfaces = calloc(n, sizeof(*layout->interfaces));
    if (!layout->interfaces)
        return -ENOMEM;

    /* An interface is in one segment only. */
    for (size_t i = 0; i < policy->n_segments; i++) {
        for (size_t j = 0; j < policy->segments[i].n_interfaces; j++)
            layout->interfaces[layout->n_interfaces++] = policy->segments[i].interfaces[j];
    }
    return 0;
}

static size_t find_interface(const struct layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->n_interfaces; i++) {
        if (strcmp(layout->interfaces[i], name) == 0)
            return i;
    }
    return 0;
}

static int connect_zones(struct layout *layout)
{
    const struct policy *policy = layout->policy;

    layout->zone_wires = calloc(policy->n_zones, sizeof(*layout->zone_wires));
    if (!layout->zone_wires)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone *zone = &policy->zones[i];

        layout->zone_wires[i] = calloc(zone->n_interfaces, sizeof(**layout->zone_wires));
        if (!layout->zone_wires[i])
            return -ENOMEM;
        for (size_t j = 0; j < zone->n_interfaces; j++)
            layout->zone_wires[i][j] = find_interface(layout, zone->interfaces[j]);
    }
    return 0;
}

static int routes_add(struct routes *routes, struct range range, size_t zone)
{
    const struct route route = {range, zone, 0};

    return array_append(&routes->routes, &routes->n_routes, &routes->capacity, &route,
                        sizeof(route));
}

static ip_number range_size(struct range range)
{
    return range.last - range.first;
}

/* Halves the largest of the routes from `first` on. Returns 1, or 0 where all are single. */
static int split_largest(struct routes *routes, size_t first)
{
    size_t largest = first;
    struct range range, upper;
    int r;

    for (size_t i = first; i < routes->n_routes; i++) {
        if (range_size(routes->routes[i].range) > range_size(routes->routes[largest].range))
            largest = i;
    }
    range = routes->routes[largest].range;
    if (range.first == range.last)
        return 0;

    upper = (struct range){range.first + range_size(range) / 2 + 1, range.last};
    r = routes_add(routes, upper, routes->routes[largest].zone);
    if (r < 0)
        return r;
    routes->routes[largest].range.last = upper.first - 1;
    return 1;
}

static int compare_routes(const void *a, const void *b)
{
    const struct route *x = a, *y = b;

    return COMPARE(x->range.first, y->range.first);
}

static void sort_routes(struct routes *routes, size_t first)
{
    if (routes->n_routes - first > 1)
        qsort(routes->routes + first, routes->n_routes - first, sizeof(*routes->routes),
              compare_routes);
}

static int route_zone(struct layout *layout, size_t zone, enum family family)
{
    const struct range_set *addresses = &layout->policy->zones[zone].addresses.by_family[family];
    size_t n_wires = layout->policy->zones[zone].n_interfaces;
    struct routes *routes = &layout->routes[family];
    size_t first = routes->n_routes;
    int r = 1;

    for (size_t i = 0; i < addresses->n_ranges; i++) {
        struct range range = addresses->ranges[i];
        struct prefix prefix;
        bool more;

        do {
            more = range_take_prefix(&range, family_bits(family), &prefix);
            r = routes_add(routes, prefix_range(prefix, family_bits(family)), zone);
            if (r < 0)
                return r;
        } while (more);
    }
    if (routes->n_routes == first)
        return 0;

    while (r >= 0 && routes->n_routes - first < n_wires) {
        r = split_largest(routes, first);
        if (r == 0)
            break;
    }
    if (r < 0)
        return r;
    sort_routes(routes, first);
    for (size_t i = first; i < routes->n_routes; i++)
        routes->routes[i].wire = layout->zone_wires[zone][(i - first) % n_wires];
    return 0;
}

static int make_routes(struct layout *layout)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        for (size_t i = 0; i < layout->policy->n_zones; i++) {
            int r = layout->policy->zones[i].any ? 0 : route_zone(layout, i, family);

            if (r < 0)
                return r;
        }
        sort_routes(&layout->routes[family], 0);
    }
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return COMPARE(x->family, y->family) ?: COMPARE(x->address, y->address);
}

/* The place of the address; NULL where there is none. */
static struct place *find_place(const struct layout *layout, enum family family, ip_number address)
{
    const struct place key = {.family = family, .address = address};
    struct place *const *found = tfind(&key, &layout->places, compare_places);

    return found ? *found : NULL;
}

/* The same, but new where there was none. Returns 0 or -ENOMEM. */
static int get_place(struct layout *layout, enum family family, ip_number address,
                     struct place **ret_place)
{
    struct place *place = find_place(layout, family, address);

    if (!place) {
        place = calloc(1, sizeof(*place));
        if (!place)
            return -ENOMEM;
        place->family = family;
        place->address = address;
        if (!tsearch(place, &layout->places, compare_places)) {
            free(place);
            return -ENOMEM;
        }
    }

    *ret_place = place;
    return 0;
}

/* No host's address is the gateway's; some hosts' hardware addresses are known. */
static int note_hosts(struct layout *layout)
{
    const struct policy *policy = layout->policy;

    for (size_t i = 0; i < policy->n_hosts; i++) {
        const struct host *host = &policy->hosts[i];

        for (size_t j = 0; j < host->n_addresses; j++) {
            struct place *place;
            int r =
                get_place(layout, host->addresses[j].family, host->addresses[j].address, &place);

            if (r < 0)
                return r;
            place->bound = host->n_macs > 0 ? host : NULL;
        }
    }
    return 0;
}

int layout_new(const struct policy *policy, struct layout **ret_layout)
{
    cleanup_(layout_freep) struct layout *layout = calloc(1, sizeof(*layout));
    int r;

    if (!layout)
        return -ENOMEM;
    layout->policy = policy;

    r = name_interfaces(layout);
    for (enum family family = 0; r == 0 && family < FAMILIES; family++)
        r = layout_unusable(family, &layout->unusable[family]);
    if (r == 0)
        r = connect_zones(layout);
    if (r == 0)
        r = make_routes(layout);
    if (r == 0)
        r = note_hosts(layout);
    if (r < 0)
        return r;

    *ret_layout = TAKE_PTR(layout);
    return 0;
}

struct layout *layout_free(struct layout *layout)
{
    if (!layout)
        return NULL;

    for (size_t i = 0; layout->zone_wires && i < layout->policy->n_zones; i++)
        free(layout->zone_wires[i]);
    free(layout->zone_wires);
    for (enum family family = 0; family < FAMILIES; family++) {
        free(layout->routes[family].routes);
        free(layout->own[family]);
        range_set_clear(&layout->unusable[family]);
    }
    tdestroy(layout->places, free);
    free(layout->interfaces);
    free(layout);
    return NULL;
}

const char *const *layout_interfaces(const struct layout *layout, size_t *ret_n)
{
    *ret_n = layout->n_interfaces;
    return layout->interfaces;
}

bool layout_wire_carries(const struct layout *layout, size_t wire, size_t zone)
{
    for (size_t i = 0; i < layout->policy->zones[zone].n_interfaces; i++) {
        if (layout->zone_wires[zone][i] == wire)
            return true;
    }
    return false;
}

size_t layout_zone_wire(const struct layout *layout, size_t zone)
{
    return layout->zone_wires[zone][0];
}

static const struct route *find_route(const struct routes *routes, ip_number address)
{
    size_t found = BISECT(routes->n_routes, i, routes->routes[i].range.last < address);

    return found < routes->n_routes && routes->routes[found].range.first <= address
               ? &routes->routes[found]
               : NULL;
}

/* The zone of an address and the wire of the network it is in. */
static bool find_base(const struct layout *layout, enum family family, ip_number address,
                      size_t *ret_zone, size_t *ret_wire)
{
    const struct route *route = find_route(&layout->routes[family], address);

    if (route) {
        *ret_zone = route->zone;
        *ret_wire = route->wire;
        return true;
    }
    if (!policy_zone_of_address(layout->policy, family, address, ret_zone))
        return false;
    *ret_wire = layout_zone_wire(layout, *ret_zone);
    return true;
}

bool layout_find(const struct layout *layout, enum family family, ip_number address,
                 size_t *ret_wire)
{
    const struct place *place = find_place(layout, family, address);
    size_t zone;

    if (place && place->moved) {
        *ret_wire = place->wire;
        return true;
    }
    return find_base(layout, family, address, &zone, ret_wire);
}

/* Takes an address into use, with the wire where it lies now. */
static int settle(struct layout *layout, enum family family, ip_number address,
                  struct place **ret_place)
{
    struct place *place;
    size_t zone, wire;
    int r = get_place(layout, family, address, &place);

    if (r < 0)
        return r;
    *ret_place = place;
    if (place->used || !find_base(layout, family, address, &zone, &wire))
        return 0;

    place->used = true;
    place->wire = wire;
    if (layout->policy->zones[zone].any && !find_route(&layout->routes[family], address)) {
        place->wire = layout->zone_wires[zone][layout->next_any];
        place->moved = place->wire != wire;
        layout->next_any = (layout->next_any + 1) % layout->policy->zones[zone].n_interfaces;
    }
    return 0;
}

int layout_use(struct layout *layout, enum family family, ip_number address)
{
    struct place *place;

    return settle(layout, family, address, &place);
}

/* Moves the address to the zone's wire that comes after the one where it lies. */
static void move(const struct layout *layout, size_t zone, struct place *place)
{
    size_t n = layout->policy->zones[zone].n_interfaces, i = 0;

    while (i < n && layout->zone_wires[zone][i] != place->wire)
        i++;
    place->wire = layout->zone_wires[zone][(i + 1) % n];
    place->moved = true;
}

int layout_separate(struct layout *layout, enum family family, ip_number a, ip_number b)
{
    struct place *first = NULL, *second = NULL;
    size_t zone, wire;
    int r = settle(layout, family, a, &first);

    if (r == 0)
        r = settle(layout, family, b, &second);
    if (r < 0)
        return r;
    if (a == b || !find_base(layout, family, a, &zone, &wire) ||
        layout->policy->zones[zone].n_interfaces < 2)
        return 0;

    if (first->wire == second->wire && !second->separated)
        move(layout, zone, second);
    else if (first->wire == second->wire && !first->separated)
        move(layout, zone, first);
    if (first->wire != second->wire)
        first->separated = second->separated = true;
    return 0;
}

/* The first address of the range that is not in use, counted from its second one. */
static bool find_free(const struct layout *layout, enum family family, struct range range,
                      ip_number *ret_address)
{
    for (ip_number i = 1; i <= TRIES_MAX && i <= range_size(range); i++) {
        if (!find_place(layout, family, range.first + i)) {
            *ret_address = range.first + i;
            return true;
        }
    }
    return false;
}

static bool choose_own(const struct layout *layout, size_t wire, enum family family,
                       ip_number *ret_address)
{
    const struct routes *routes = &layout->routes[family];

    for (size_t i = 0; i < routes->n_routes; i++) {
        if (routes->routes[i].wire == wire &&
            find_free(layout, family, routes->routes[i].range, ret_address))
            return true;
    }
    return false;
}

int layout_finish(struct layout *layout)
{
    /* Where a network is full, an address of no network does as well: only the source is judged. */
    static const struct range fallback[FAMILIES] = {
        {IPV4(169, 254, 1, 0), IPV4(169, 254, 252, 255)},
        {(ip_number)0xfd5e009d << 96, ((ip_number)0xfd5e009e << 96) - 1},
    };

    for (enum family family = 0; family < FAMILIES; family++) {
        layout->own[family] = calloc(layout->n_interfaces, sizeof(*layout->own[family]));
        if (!layout->own[family])
            return -ENOMEM;

        for (size_t wire = 0; wire < layout->n_interfaces; wire++) {
            ip_number *own = &layout->own[family][wire];
            struct place *place;
            int r;

            if (!choose_own(layout, wire, family, own) &&
                !find_free(layout, family, fallback[family], own))
                *own = fallback[family].last;
            r = get_place(layout, family, *own, &place);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

ip_number layout_gateway_address(const struct layout *layout, size_t wire, enum family family)
{
    return layout->own[family][wire];
}

const struct host *layout_bound_host(const struct layout *layout, enum family family,
                                     ip_number address)
{
    const struct place *place = find_place(layout, family, address);

    return place ? place->bound : NULL;
}

static int build_any(const struct layout *layout, struct lab *lab)
{
    for (size_t i = 0; i < layout->policy->n_zones; i++) {
        const struct zone *zone = &layout->policy->zones[i];

        for (enum family family = 0; zone->any && family < FAMILIES; family++) {
            int r = lab_add_route(lab, layout_zone_wire(layout, i), family, family_all(family));

            if (r < 0)
                return r;
        }
    }
    return 0;
}

struct building {
    struct lab *lab;
    int r;
};

static void build_place(const void *node, VISIT visit, void *userdata)
{
    const struct place *place = *(struct place *const *)node;
    struct range single = {place->address, place->address};
    struct building *building = userdata;

    if ((visit == postorder || visit == leaf) && building->r == 0 && place->moved)
        building->r = lab_add_route(building->lab, place->wire, place->family, single);
}

int layout_build(const struct layout *layout, struct lab *lab)
{
    struct building building = {.lab = lab};
    int r = build_any(layout, lab);

    for (enum family family = 0; family < FAMILIES; family++) {
        const struct routes *routes = &layout->routes[family];

        for (size_t i = 0; r == 0 && i < routes->n_routes; i++)
            r = lab_add_route(lab, routes->routes[i].wire, family, routes->routes[i].range);
        for (size_t wire = 0; r == 0 && wire < layout->n_interfaces; wire++)
            r = lab_add_address(lab, wire, family, layout->own[family][wire],
                                (uint8_t)family_bits(family));
    }
    if (r < 0)
        return r;

    twalk_r(layout->places, build_place, &building);
    return building.r;
}
