/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Zones as they are now: what the policy says of them, and what the kernel says of their
 * interfaces. */

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "daemon/control/method.h"

static json_t *addresses_json(const struct link *link)
{
    json_t *array = json_array();

    for (size_t i = 0; array && link && i < link->n_addresses; i++) {
        const struct link_address *address = &link->addresses[i];
        char text[ADDRESS_TEXT_MAX];

        address_format(address->family, address->address, text);
        if (json_array_append_new(array, json_sprintf("%s/%u", text, address->length)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *interfaces_json(const struct gateway *gateway, const struct zone *zone,
                               size_t *ret_up)
{
    json_t *array = json_array();

    *ret_up = 0;
    for (size_t i = 0; array && i < zone->n_interfaces; i++) {
        const struct link *link =
            gateway->links ? links_find(gateway->links, zone->interfaces[i]) : NULL;
        json_t *json =
            json_pack("{s:s, s:b, s:b, s:o}", "name", zone->interfaces[i], "present", link != NULL,
                      "up", link && link->up, "addresses", addresses_json(link));

        *ret_up += link && link->up;
        if (json_array_append_new(array, json) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int add_prefixes(json_t *array, enum family family, struct range range)
{
    struct prefix prefix;
    bool more;

    do {
        char text[ADDRESS_TEXT_MAX];

        more = range_take_prefix(&range, family_bits(family), &prefix);
        address_format(family, prefix.address, text);
        if (json_array_append_new(array, json_sprintf("%s/%u", text, prefix.length)) < 0)
            return -1;
    } while (more);
    return 0;
}

static json_t *networks_json(const struct zone *zone)
{
    json_t *array = json_array();

    if (zone->any)
        return json_array_append_new(array, json_string("any")) < 0 ? NULL : array;
    for (enum family family = 0; array && family < FAMILIES; family++) {
        const struct range_set *set = &zone->addresses.by_family[family];

        for (size_t i = 0; i < set->n_ranges; i++) {
            if (add_prefixes(array, family, set->ranges[i]) < 0) {
                json_decref(array);
                return NULL;
            }
        }
    }
    return array;
}

static json_t *zone_json(const struct gateway *gateway, const struct zone *zone)
{
    size_t up;
    json_t *interfaces = interfaces_json(gateway, zone, &up);
    const char *state = up == zone->n_interfaces ? "up" : up > 0 ? "partial" : "down";

    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:b}", "name", zone->name, "label",
                     zone->label, "class", zone_class_to_string(zone->class), "state", state,
                     "interfaces", interfaces, "networks", networks_json(zone), "isolated",
                     overrides_find(&gateway->state.overrides, OVERRIDE_ISOLATION, zone->name) !=
                         NULL);
}

json_t *method_zones(const struct gateway *gateway)
{
    const struct policy *outline = enforcement_outline(gateway->enforcement);
    json_t *array = json_array();

    for (size_t i = 0; array && outline && i < outline->n_zones; i++) {
        if (json_array_append_new(array, zone_json(gateway, &outline->zones[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
