/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Zones as the policy defines them, with the present state of their interfaces. */

#include <errno.h>

#include "base/address.h"
#include "daemon/control/method.h"
#include "policy/isolations.h"

static int add_prefix(struct arena *arena, char ***list, size_t *n, enum family family,
                      ip_number address, unsigned length)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(family, address, text);
    return method_add_text(arena, list, n, arena_printf(arena, "%s/%u", text, length));
}

static int add_interface(struct arena *arena, const struct gateway *gateway, const char *name,
                         struct wire_zone *zone)
{
    struct wire_interface *shown =
        arena_add(arena, &zone->interfaces, &zone->n_interfaces, sizeof(*shown));
    const struct link *link = gateway->links ? links_find(gateway->links, name) : NULL;
    int r = shown ? 0 : -ENOMEM;

    if (shown)
        *shown = (struct wire_interface){
            .name = (char *)name, .present = link != NULL, .up = link && link->up};
    for (size_t i = 0; r == 0 && link && i < link->n_addresses; i++)
        r = add_prefix(arena, &shown->addresses, &shown->n_addresses, link->addresses[i].family,
                       link->addresses[i].address, link->addresses[i].length);
    return r;
}

static const char *state_of(const struct wire_zone *zone)
{
    size_t up = 0;

    for (size_t i = 0; i < zone->n_interfaces; i++)
        up += zone->interfaces[i].up;
    return up == zone->n_interfaces ? "up" : up > 0 ? "partial" : "down";
}

static int add_range(struct arena *arena, struct wire_zone *zone, enum family family,
                     struct range range)
{
    struct prefix prefix;
    bool more = true;
    int r = 0;

    while (r == 0 && more) {
        more = range_take_prefix(&range, family_bits(family), &prefix);
        r = add_prefix(arena, &zone->networks, &zone->n_networks, family, prefix.address,
                       prefix.length);
    }
    return r;
}

static int add_networks(struct arena *arena, const struct zone *zone, struct wire_zone *shown)
{
    int r = 0;

    if (zone->any)
        return method_add_text(arena, &shown->networks, &shown->n_networks, "any");
    for (enum family family = 0; family < FAMILIES; family++) {
        const struct range_set *set = &zone->addresses.by_family[family];

        for (size_t i = 0; r == 0 && i < set->n_ranges; i++)
            r = add_range(arena, shown, family, set->ranges[i]);
    }
    return r;
}

static int fill_zone(struct arena *arena, const struct gateway *gateway,
                     const struct isolations *isolations, size_t index, struct wire_zone *shown)
{
    const struct zone *zone = &enforcement_outline(gateway->enforcement)->zones[index];
    int r = 0;

    shown->name = (char *)zone->name;
    shown->label = (char *)zone->label;
    shown->class = (char *)zone_class_to_string(zone->class);
    shown->isolated = isolations_touch(isolations, NULL, index);
    for (size_t i = 0; r == 0 && i < zone->n_interfaces; i++)
        r = add_interface(arena, gateway, zone->interfaces[i], shown);
    shown->state = (char *)state_of(shown);
    return r < 0 ? r : add_networks(arena, zone, shown);
}

int method_zones(struct arena *arena, const struct gateway *gateway, struct wire_zone **ret_list,
                 size_t *ret_n)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    cleanup_(isolations_freep) struct isolations *isolations = NULL;

    if (outline && isolations_new(&gateway->state.overrides, outline, &isolations) < 0)
        return -ENOMEM;
    for (size_t i = 0; outline && i < outline->n_zones; i++) {
        struct wire_zone *shown = arena_add(arena, ret_list, ret_n, sizeof(*shown));

        if (!shown || fill_zone(arena, gateway, isolations, i, shown) < 0)
            return -ENOMEM;
    }
    return 0;
}

int method_get_zones(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct zones_reply reply = {0};
    int r = arena_new(&arena);

    (void)parameters;
    if (r == 0)
        r = method_zones(arena, method_gateway(userdata), &reply.zones, &reply.n_zones);
    return r < 0 ? r : call_reply(call, &reply);
}
