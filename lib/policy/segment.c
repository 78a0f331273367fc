/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Segments: the interfaces of the policy, grouped by the set of zones that each of them carries. In
 * order of the first interface of each, so that where no interface is shared, segments are zones.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compare.h"
#include "policy/resolver.h"

/* An interface of one zone; several with one name are one interface. */
struct attachment {
    const char *interface;
    size_t zone;
    size_t order; /* of the policy */
};

/* One interface with its zones. */
struct carrier {
    const char *interface;
    size_t order;
    const size_t *zones;
    size_t n_zones;
};

static int compare_attachments(const void *a, const void *b)
{
    const struct attachment *left = a, *right = b;

    return strcmp(left->interface, right->interface) ?: COMPARE(left->order, right->order);
}

static int compare_zones(const struct carrier *left, const struct carrier *right)
{
    for (size_t i = 0; i < left->n_zones && i < right->n_zones; i++) {
        if (left->zones[i] != right->zones[i])
            return COMPARE(left->zones[i], right->zones[i]);
    }
    return COMPARE(left->n_zones, right->n_zones);
}

static int compare_carriers(const void *a, const void *b)
{
    const struct carrier *left = a, *right = b;

    return compare_zones(left, right) ?: COMPARE(left->order, right->order);
}

/* The interfaces of all zones, sorted by name, in zone order where a name repeats. */
static size_t attach(const struct resolver *resolver, struct attachment *attachments)
{
    size_t n = 0;

    for (size_t i = 0; i < resolver->n_zones; i++) {
        for (size_t j = 0; j < resolver->zones[i].n_interfaces; j++) {
            attachments[n] = (struct attachment){resolver->zones[i].interfaces[j], i, n};
            n++;
        }
    }
    qsort(attachments, n, sizeof(*attachments), compare_attachments);
    return n;
}

/* One carrier for each run of one name. `zones` has room for one entry per attachment. */
static size_t carry(const struct attachment *attachments, size_t n, struct carrier *carriers,
                    size_t *zones)
{
    size_t n_carriers = 0;

    for (size_t i = 0; i < n; i++) {
        zones[i] = attachments[i].zone;
        if (i > 0 && strcmp(attachments[i].interface, attachments[i - 1].interface) == 0)
            carriers[n_carriers - 1].n_zones++;
        else
            carriers[n_carriers++] =
                (struct carrier){attachments[i].interface, attachments[i].order, zones + i, 1};
    }
    return n_carriers;
}

static char *join_names(const struct resolver *resolver, const struct carrier *carrier)
{
    size_t size = 1;
    char *name, *end;

    for (size_t i = 0; i < carrier->n_zones; i++)
        size += strlen(resolver->zones[carrier->zones[i]].name) + 1;
    name = end = arena_allocate(resolver->arena, size);
    if (!name)
        return NULL;

    for (size_t i = 0; i < carrier->n_zones; i++) {
        if (i > 0)
            *end++ = '.';
        end = stpcpy(end, resolver->zones[carrier->zones[i]].name);
    }
    return name;
}

/* The carriers `first` to before `end` have the same zones. */
static int make_segment(const struct resolver *resolver, const struct carrier *carriers, size_t n,
                        struct segment *segment)
{
    const char **interfaces = arena_allocate(resolver->arena, n * sizeof(*interfaces));

    segment->name = join_names(resolver, &carriers[0]);
    segment->zones = arena_copy(resolver->arena, carriers[0].zones,
                                carriers[0].n_zones * sizeof(*segment->zones));
    if (!interfaces || !segment->name || !segment->zones)
        return -ENOMEM;

    for (size_t i = 0; i < n; i++)
        interfaces[i] = carriers[i].interface;
    segment->n_zones = carriers[0].n_zones;
    segment->interfaces = interfaces;
    segment->n_interfaces = n;
    return 0;
}

/* What comes in by the wire shows its zone by its address alone, and outside anybody may write any
 * address. */
static int warn_of_outside(struct resolver *resolver, const struct segment *segment)
{
    const struct zone *zones = resolver->zones, *outside = NULL;
    int r = 0;

    for (size_t i = 0; i < segment->n_zones; i++)
        if (zone_is_outside(&zones[segment->zones[i]]))
            outside = &zones[segment->zones[i]];
    for (size_t i = 0; r >= 0 && outside && i < segment->n_zones; i++) {
        const struct zone *zone = &zones[segment->zones[i]];

        if (zone_is_outside(zone) || zone->ipsec)
            continue;
        r = report_warning(&resolver->report, "outside-on-one-wire", zone->location,
                           "give it an interface of its own, or write `ipsec: required`",
                           "zone `%s` shares interface `%s` with `%s`, which is outside: who "
                           "forges an address there has the rights of `%s`",
                           zone->name, segment->interfaces[0], outside->name, zone->name);
    }
    return r < 0 ? r : 0;
}

int resolve_segments(struct resolver *resolver)
{
    size_t n = resolver->n_interfaces, n_carriers, n_segments = 0;
    cleanup_(freep) struct attachment *attachments = calloc(n + 1, sizeof(*attachments));
    cleanup_(freep) struct carrier *carriers = calloc(n + 1, sizeof(*carriers));
    cleanup_(freep) size_t *zones = calloc(n + 1, sizeof(*zones));
    struct segment *segments = arena_allocate(resolver->arena, n * sizeof(*segments));
    int r;

    if (!attachments || !carriers || !zones || !segments)
        return -ENOMEM;

    n = attach(resolver, attachments);
    n_carriers = carry(attachments, n, carriers, zones);
    qsort(carriers, n_carriers, sizeof(*carriers), compare_carriers);

    for (size_t i = 0, end; i < n_carriers; i = end) {
        for (end = i + 1; end < n_carriers; end++) {
            if (compare_zones(&carriers[i], &carriers[end]) != 0)
                break;
        }
        r = make_segment(resolver, carriers + i, end - i, &segments[n_segments]);
        if (r == 0)
            r = warn_of_outside(resolver, &segments[n_segments++]);
        if (r < 0)
            return r;
    }

    resolver->policy->segments = segments;
    resolver->policy->n_segments = n_segments;
    return 0;
}
