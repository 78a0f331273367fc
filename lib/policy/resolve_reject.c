/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who is told that a packet was refused. Nothing is ever answered to the outside, which would learn
 * from it what there is: neither to a zone outside, nor on a wire that such a zone is on too, where
 * anybody may write any address.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/resolver.h"

static bool have_common_interface(const struct zone *a, const struct zone *b)
{
    for (size_t i = 0; i < a->n_interfaces; i++) {
        for (size_t j = 0; j < b->n_interfaces; j++) {
            if (strcmp(a->interfaces[i], b->interfaces[j]) == 0)
                return true;
        }
    }
    return false;
}

/* Another zone on a wire of this one, of all zones or of those outside; NULL where there is none.
 */
static const struct zone *find_neighbour(const struct resolver *resolver, const struct zone *zone,
                                         bool outside)
{
    for (size_t i = 0; i < resolver->n_zones; i++) {
        const struct zone *other = &resolver->zones[i];

        if (other != zone && (!outside || zone_is_outside(other)) &&
            have_common_interface(zone, other))
            return other;
    }
    return NULL;
}

static int check_sender(struct resolver *resolver, const struct zone *zone,
                        struct location location)
{
    const struct zone *outside =
        zone_is_outside(zone) ? zone : find_neighbour(resolver, zone, true);

    if (!outside)
        return 0;
    return report_error(&resolver->report, "reject-outside", location,
                        "take `reject` out: nothing is answered to the outside",
                        outside == zone ? "zone `%s` is outside: its packets are not answered"
                                        : "zone `%s` shares an interface with `%s`, which is "
                                          "outside: its packets are not answered",
                        zone->name, outside->name);
}

static int refuse_gateway(struct resolver *resolver, const struct draft_text *text)
{
    return report_error(&resolver->report, "reject-gateway", text->location,
                        "leave `reject` to what comes from zones",
                        "what the gateway itself sends is not answered");
}

int resolve_flow_reject(struct resolver *resolver, const struct draft_text *text,
                        const struct flow_end *from, size_t n_from, bool *ret_reject)
{
    int r = resolve_boolean(resolver, text, "reject", ret_reject);

    for (size_t i = 0; r == 0 && text && *ret_reject && i < n_from; i++) {
        r = from[i].zone == ZONE_GATEWAY
                ? refuse_gateway(resolver, text)
                : check_sender(resolver, &resolver->zones[from[i].zone], text->location);
    }
    return r;
}

/* The interfaces alone tell the pair of a packet that no flow covers. */
static int check_alone(struct resolver *resolver, const struct zone *zone, struct location location)
{
    const struct zone *other = find_neighbour(resolver, zone, false);

    if (!other)
        return 0;
    return report_error(&resolver->report, "reject-shared", location,
                        "give it an interface of its own, or write `reject: true` in flows",
                        "zone `%s` shares an interface with `%s`: their packets cannot be told "
                        "apart here",
                        zone->name, other->name);
}

static int resolve_receiver(struct resolver *resolver, const struct draft_text *text,
                            size_t *ret_zone)
{
    struct known *known;
    int r = resolve_name(resolver, text, KIND(KNOWN_GATEWAY) | KIND(KNOWN_ZONE), &known);

    if (r != 0)
        return r;
    if (known->kind == KNOWN_ZONE) {
        *ret_zone = known->index;
        return check_alone(resolver, &resolver->zones[known->index], text->location);
    }
    if (!resolver->policy->gateway_protect)
        return report_error(&resolver->report, "gateway-unprotected", text->location,
                            "add `gateway: { protect: true }`, or remove the entry",
                            "the gateway is not protected, so nothing to it is refused");
    *ret_zone = ZONE_GATEWAY;
    return 0;
}

static int resolve_sender(struct resolver *resolver, const struct draft_text *text,
                          size_t *ret_zone)
{
    struct known *known;
    const struct zone *zone;
    int r = resolve_name(resolver, text, KIND(KNOWN_GATEWAY) | KIND(KNOWN_ZONE), &known);

    if (r != 0)
        return r;
    if (known->kind == KNOWN_GATEWAY)
        return refuse_gateway(resolver, text);
    zone = &resolver->zones[known->index];
    *ret_zone = known->index;
    r = check_sender(resolver, zone, text->location);
    return r != 0 ? r : check_alone(resolver, zone, text->location);
}

/* `given` has a place for each pair of zones, the gateway after the others. */
static int resolve_reject(struct resolver *resolver, const struct draft_reject *draft, bool *given)
{
    struct reject *reject = &resolver->rejects[resolver->n_rejects];
    int result = draft->object.broken ? REPORTED : 0;
    bool *place;

    reject->location = draft->object.name->location;
    gather(&result, draft->from ? resolve_sender(resolver, draft->from, &reject->from) : REPORTED);
    gather(&result, draft->to ? resolve_receiver(resolver, draft->to, &reject->to) : REPORTED);
    if (result != 0)
        return result < 0 ? result : 0;

    place = &given[reject->from * (resolver->n_zones + 1) +
                   (reject->to == ZONE_GATEWAY ? resolver->n_zones : reject->to)];
    if (*place)
        return report_error(&resolver->report, "duplicate-reject", draft->object.name->location,
                            "remove one of the two", "`reject` has this pair of zones twice") < 0
                   ? -ENOMEM
                   : 0;
    *place = true;
    resolver->n_rejects++;
    return 0;
}

int resolve_rejects(struct resolver *resolver)
{
    cleanup_(freep) bool *given = calloc(resolver->n_zones + 1, resolver->n_zones + 1);
    const struct draft_list *list = &resolver->draft->rejects;

    resolver->rejects =
        arena_allocate(resolver->arena, list->n_objects * sizeof(*resolver->rejects));
    if (!given || !resolver->rejects)
        return -ENOMEM;

    for (const struct draft_object *object = list->first; object; object = object->next) {
        int r = resolve_reject(resolver, (const struct draft_reject *)object, given);

        if (r < 0)
            return r;
    }
    return 0;
}
