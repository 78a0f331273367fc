/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ends of flows: what the names of a `from` or `to` list mean, by zone. Most lists have one name,
 * and many flows have the same one; what one name means is made once and shared.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compare.h"
#include "policy/resolver.h"

#define END_KINDS (KIND(KNOWN_GATEWAY) | KINDS_OF_ENDS)

static const enum end_kind end_kinds[] = {
    [KNOWN_GATEWAY] = END_GATEWAY,
    [KNOWN_ZONE] = END_ZONE,
    [KNOWN_HOST] = END_HOST,
    [KNOWN_GROUP] = END_GROUP,
};

static size_t end_zone(const struct resolver *resolver, const struct known *known)
{
    switch (end_kinds[known->kind]) {
    case END_GATEWAY:
        break;
    case END_ZONE:
        return known->index;
    case END_HOST:
        return resolver->hosts[known->index].zone;
    case END_GROUP:
        return resolver->groups[known->index].zone;
    }
    return ZONE_GATEWAY;
}

/* The set that zones and groups have already; NULL for others. */
static const struct address_set *end_set(const struct resolver *resolver, const struct known *known)
{
    if (known->kind == KNOWN_ZONE)
        return &resolver->zones[known->index].addresses;
    return known->kind == KNOWN_GROUP ? &resolver->groups[known->index].addresses : NULL;
}

static int collect_end(const struct resolver *resolver, const struct known *known,
                       struct collection *collection)
{
    const struct address_set *set = end_set(resolver, known);
    int r = 0;

    if (set)
        return collection_add_set(collection, set);
    if (known->kind == KNOWN_HOST)
        return collect_host(&resolver->hosts[known->index], collection);

    for (enum family family = 0; r == 0 && family < FAMILIES; family++)
        r = collection_add(collection, family, family_all(family));
    return r;
}

/* What one name means alone, made at its first use. */
static int share_end(struct resolver *resolver, struct known *known,
                     const struct flow_end **ret_end)
{
    cleanup_(collection_clear) struct collection collection = {0};
    const struct address_set *set = end_set(resolver, known);
    struct flow_end *end;
    int r = 0;

    if (!known->end) {
        end = arena_allocate(resolver->arena, sizeof(*end));
        if (!end)
            return -ENOMEM;

        end->zone = end_zone(resolver, known);
        if (set)
            end->addresses = *set;
        else
            r = collect_end(resolver, known, &collection);
        if (r == 0 && !set)
            r = collection_finish(&collection, resolver->arena, &end->addresses);
        if (r < 0)
            return r;
        known->end = end;
    }

    *ret_end = known->end;
    return 0;
}

struct listed {
    struct known *known;
    size_t zone;
};

static int compare_listed(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;

    return COMPARE(left->zone, right->zone) ?: COMPARE(left->known, right->known);
}

/* Melts the names of each zone, by which they are sorted, into one end. */
static int merge_ends(struct resolver *resolver, struct listed *listed, size_t n_listed,
                      struct resolved_ends *ends)
{
    struct flow_end *merged;
    size_t n_zones = 1, n = 0;
    int r;

    for (size_t i = 1; i < n_listed; i++)
        n_zones += listed[i].zone != listed[i - 1].zone;

    merged = arena_allocate(resolver->arena, n_zones * sizeof(*merged));
    if (!merged)
        return -ENOMEM;

    for (size_t i = 0; i < n_listed; n++) {
        cleanup_(collection_clear) struct collection collection = {0};
        size_t zone = listed[i].zone;

        for (; i < n_listed && listed[i].zone == zone; i++) {
            r = collect_end(resolver, listed[i].known, &collection);
            if (r < 0)
                return r;
        }
        merged[n].zone = zone;
        r = collection_finish(&collection, resolver->arena, &merged[n].addresses);
        if (r < 0)
            return r;
    }

    ends->ends = merged;
    ends->n_ends = n_zones;
    return 0;
}

/* What is asked of a name as an end of a flow. */
static int check_end(struct resolver *resolver, const struct draft_text *text,
                     const struct known *known, bool is_source)
{
    if (end_zone(resolver, known) == ZONE_GATEWAY && !resolver->policy->gateway_protect)
        return report_error(&resolver->report, "gateway-unprotected", text->location,
                            "add `gateway: { protect: true }`, or remove the flow",
                            "the gateway is not protected, so this would enforce nothing");
    if (is_source && known->kind == KNOWN_HOST && resolver->hosts[known->index].multicast)
        return report_error(&resolver->report, "multicast-source", text->location,
                            "name who sends to the group",
                            "`%s` is a multicast group, and nothing comes from one", text->text);
    return 0;
}

/* Looks the names up, in order. */
static int list_names(struct resolver *resolver, const struct draft_text *list, bool is_source,
                      struct listed *listed, struct end_name *names)
{
    size_t n = 0;
    int r, result = 0;

    for (const struct draft_text *text = list; text; text = text->next) {
        struct known *known;

        r = resolve_name(resolver, text, END_KINDS, &known);
        if (r == 0)
            r = check_end(resolver, text, known, is_source);
        gather(&result, r);
        if (r != 0)
            continue;
        names[n] = (struct end_name){end_kinds[known->kind], known->index};
        listed[n++] = (struct listed){known, end_zone(resolver, known)};
    }
    return result;
}

static int resolve_many(struct resolver *resolver, const struct draft_text *list, bool is_source,
                        size_t n, struct resolved_ends *ends)
{
    cleanup_(freep) struct listed *listed = calloc(n, sizeof(*listed));
    struct end_name *names = arena_allocate(resolver->arena, n * sizeof(*names));
    int r;

    if (!listed || !names)
        return -ENOMEM;

    r = list_names(resolver, list, is_source, listed, names);
    if (r != 0)
        return r;

    qsort(listed, n, sizeof(*listed), compare_listed);
    for (size_t i = 1; i < n; i++) {
        if (listed[i].known == listed[i - 1].known)
            return report_error(&resolver->report, "duplicate-item", list->location,
                                "remove one of the two", "the list has a name twice");
    }

    ends->names = names;
    ends->n_names = n;
    return merge_ends(resolver, listed, n, ends);
}

int resolve_ends(struct resolver *resolver, const struct draft_text *list, bool is_source,
                 struct resolved_ends *ret_ends)
{
    struct listed listed = {0};
    struct end_name name, *names;
    size_t n = count_texts(list);
    int r;

    if (n > 1)
        return resolve_many(resolver, list, is_source, n, ret_ends);

    r = list_names(resolver, list, is_source, &listed, &name);
    if (r != 0)
        return r;
    assert(listed.known);

    names = arena_copy(resolver->arena, &name, sizeof(name));
    if (!names)
        return -ENOMEM;

    ret_ends->names = names;
    ret_ends->n_names = 1;
    ret_ends->n_ends = 1;
    return share_end(resolver, listed.known, &ret_ends->ends);
}
