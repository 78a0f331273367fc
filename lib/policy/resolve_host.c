/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hosts and groups: names for addresses inside one zone. That an address lies in its zone is
 * checked here, once; whoever uses a host or group later may rely on it.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "policy/resolver.h"
#include "policy/spelling.h"

/* An address or hardware address with the host that has it, for finding those that two have. */
struct claim {
    enum family family;
    ip_number number;
    size_t order; /* of the file */
    const struct known *host;
    struct location location;
};

struct claims {
    struct claim *claims;
    size_t n_claims;
    size_t capacity;
};

struct host_claims {
    struct claims addresses;
    struct claims macs;
};

static void host_claims_clear(struct host_claims *claims)
{
    free(claims->addresses.claims);
    free(claims->macs.claims);
}

static int add_claim(struct claims *claims, struct claim claim)
{
    claim.order = claims->n_claims;
    return array_append(&claims->claims, &claims->n_claims, &claims->capacity, &claim,
                        sizeof(claim));
}

/* Reports an address, or the first of a range, that is not in the zone. */
static int report_outside(struct resolver *resolver, const struct draft_text *text,
                          enum family family, ip_number address, const struct known *zone)
{
    const char *zone_name = resolver->zones[zone->index].name;
    size_t owner;
    int r;

    if (policy_zone_of_address(resolver->policy, family, address, &owner) && owner != zone->index)
        r = report_error(&resolver->report, "outside-zone", text->location,
                         remedy_printf(&resolver->report,
                                       "write `zone: %s`, or correct the address",
                                       resolver->zones[owner].name),
                         "`%s` is not in the networks of zone `%s` but in those of `%s`",
                         text->text, zone_name, resolver->zones[owner].name);
    else
        r = report_error(&resolver->report, "outside-zone", text->location,
                         "correct the address, or add its network to the zone",
                         "`%s` is not in the networks of zone `%s`", text->text, zone_name);
    return report_related(&resolver->report, r, zone->location, "zone `%s` is defined here",
                          zone_name);
}

static bool is_multicast(enum family family, ip_number address)
{
    return address >> (family_bits(family) - (family == FAMILY_IPV4 ? 4 : 8)) ==
           (family == FAMILY_IPV4 ? 0xe : 0xff);
}

static bool zone_includes(const struct resolver *resolver, const struct known *zone,
                          enum family family, struct range range)
{
    const struct range_set one = {.ranges = &range, .n_ranges = 1, .capacity = 1};

    return range_set_includes(&resolver->zones[zone->index].addresses.by_family[family], &one);
}

/* That the address can be one of the host's zone. A multicast group belongs to no zone: the zone is
 * where its members are. */
static int check_address(struct resolver *resolver, const struct draft_text *text,
                         const struct known *zone, const struct host_address *address)
{
    struct range range = {address->address, address->address};
    const char *unusable = unusable_network(address->family, range);
    bool link_local = address->family == FAMILY_IPV6 && address->address >> 118 == 0x3fa;

    if (is_multicast(address->family, address->address))
        return 0;
    if (zone->kind == KNOWN_ZONE)
        return zone_includes(resolver, zone, address->family, range)
                   ? 0
                   : report_outside(resolver, text, address->family, address->address, zone);
    if (!unusable || link_local)
        return 0;
    return report_error(&resolver->report, "unusable-address", text->location,
                        "write an address that the gateway has",
                        "`%s` cannot be an address of the gateway (%s)", text->text, unusable);
}

/* One address of a host, written after those it has. */
static int resolve_host_address(struct resolver *resolver, const struct draft_text *text,
                                const struct known *known, const struct known *zone,
                                struct host *host, struct host_address *addresses)
{
    struct host_address address;
    int r;

    r = resolve_address(resolver, text, &address.family, &address.address);
    if (r != 0)
        return r;
    r = zone ? check_address(resolver, text, zone, &address) : 0;
    if (r != 0)
        return r;

    for (size_t i = 0; i < host->n_addresses; i++) {
        if (addresses[i].family == address.family && addresses[i].address == address.address)
            return report_warning(&resolver->report, "redundant", text->location, "remove one",
                                  "address `%s` is given twice", text->text);
    }
    addresses[host->n_addresses++] = address;
    /* Groups of one address may have members in several zones. */
    if (is_multicast(address.family, address.address)) {
        host->multicast = true;
        return 0;
    }
    return add_claim(&resolver->claims->addresses, (struct claim){
                                                       .family = address.family,
                                                       .number = address.address,
                                                       .host = known,
                                                       .location = text->location,
                                                   });
}

/* A host with more addresses is a group. */
#define HOST_ADDRESSES_MAX 64

static int resolve_host_addresses(struct resolver *resolver, const struct known *known,
                                  const struct known *zone, struct host *host)
{
    const struct draft_host *draft = (const struct draft_host *)known->object;
    struct host_address *addresses;
    size_t n = count_texts(draft->address);
    int result = 0;

    if (n > HOST_ADDRESSES_MAX)
        return report_error(&resolver->report, "too-long", draft->address->location,
                            "make it a group", "a host with %zu addresses; the most is %d", n,
                            HOST_ADDRESSES_MAX);

    addresses = arena_allocate(resolver->arena, n * sizeof(*addresses));
    if (!addresses)
        return -ENOMEM;

    for (const struct draft_text *text = draft->address; text; text = text->next)
        gather(&result, resolve_host_address(resolver, text, known, zone, host, addresses));

    host->addresses = addresses;
    for (size_t i = 0; result == 0 && host->multicast && i < host->n_addresses; i++) {
        assert(draft->address);
        if (!is_multicast(addresses[i].family, addresses[i].address))
            return report_error(&resolver->report, "mixed-addresses", draft->address->location,
                                "make a host of the groups, and one of the other addresses",
                                "host `%s` has multicast groups and other addresses", known->name);
    }
    return result;
}

static int compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mac));
}

/* One hardware address of a host, written after those it has. */
static int resolve_mac(struct resolver *resolver, const struct draft_text *text, struct mac *macs,
                       size_t *n_macs)
{
    static const struct mac none;
    struct mac mac;

    if (mac_parse(text->text, &mac) < 0)
        return report_text(&resolver->report, text, "a hardware address", "invalid-mac",
                           "write it as \"00:00:5e:00:53:11\"", "`%s` is not a hardware address",
                           text->text);
    if ((mac.bytes[0] & 1) || compare_macs(&mac, &none) == 0)
        return report_error(&resolver->report, "invalid-mac", text->location,
                            "write the address of the host's network card",
                            "`%s` is not the hardware address of one host", text->text);
    for (size_t i = 0; i < *n_macs; i++) {
        if (compare_macs(&macs[i], &mac) == 0)
            return report_warning(&resolver->report, "redundant", text->location, "remove one",
                                  "hardware address `%s` is given twice", text->text);
    }

    macs[(*n_macs)++] = mac;
    return 0;
}

/* The only hardware address of a host. The addresses of a cluster move among nodes, which may be
 * hosts too: nothing is odd about sharing one of several. */
static int claim_mac(struct resolver *resolver, const struct draft_text *text,
                     const struct known *known, const struct mac *mac)
{
    ip_number number = 0;

    for (size_t i = 0; i < sizeof(mac->bytes); i++)
        number = number << 8 | mac->bytes[i];
    return add_claim(&resolver->claims->macs,
                     (struct claim){.number = number, .host = known, .location = text->location});
}

/* Sorted, so that another order in the files is no other policy. */
static int resolve_macs(struct resolver *resolver, const struct known *known,
                        const struct known *zone, struct host *host)
{
    const struct draft_text *list = ((const struct draft_host *)known->object)->mac;
    size_t n = count_texts(list);
    struct mac *macs;
    int result = 0;

    if (n == 0)
        return 0;
    if (host->multicast || (zone && zone->kind == KNOWN_GATEWAY))
        return report_error(&resolver->report, "invalid-mac", list->location, "remove it",
                            "only a host of a zone has a hardware address that can be checked");
    if (n > HOST_MACS_MAX)
        return report_error(&resolver->report, "too-long", list->location,
                            "bind it to fewer, or to none",
                            "a host with %zu hardware addresses; the most is %d", n, HOST_MACS_MAX);

    macs = arena_allocate(resolver->arena, n * sizeof(*macs));
    if (!macs)
        return -ENOMEM;
    for (const struct draft_text *text = list; text; text = text->next)
        gather(&result, resolve_mac(resolver, text, macs, &host->n_macs));

    qsort(macs, host->n_macs, sizeof(*macs), compare_macs);
    host->macs = macs;
    if (host->n_macs == 1)
        gather(&result, claim_mac(resolver, list, known, &macs[0]));
    return result;
}

/* The zone that a host or group says it is in: NULL where that is not known for sure. */
static int resolve_zone_of(struct resolver *resolver, const struct draft_text *text, unsigned kinds,
                           struct known **ret_zone)
{
    *ret_zone = NULL;
    return text ? resolve_name(resolver, text, kinds, ret_zone) : REPORTED;
}

static int resolve_host(struct resolver *resolver, struct known *known)
{
    const struct draft_host *draft = (const struct draft_host *)known->object;
    struct host *host = &resolver->hosts[resolver->n_hosts];
    struct known *zone = NULL;
    int result = 0;

    *host = (struct host){
        .name = known->name,
        .label = known->name,
        .location = known->location,
    };
    gather(&result, keep_text(resolver, draft->label, &host->label));
    gather(&result,
           resolve_zone_of(resolver, draft->zone, KIND(KNOWN_ZONE) | KIND(KNOWN_GATEWAY), &zone));
    gather(&result, resolve_host_addresses(resolver, known, zone, host));
    gather(&result, resolve_macs(resolver, known, zone, host));
    if (result < 0)
        return result;
    if (result == REPORTED || known->broken)
        return 0;
    assert(zone);

    host->zone = zone->kind == KNOWN_GATEWAY ? ZONE_GATEWAY : zone->index;
    known->index = (uint32_t)resolver->n_hosts++;
    return 0;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *left = a, *right = b;

    return COMPARE(left->family, right->family)
               ?: COMPARE(left->number, right->number) ?: COMPARE(left->order, right->order);
}

/* Reports what two hosts claim, at the later of them. */
static int check_claims(struct resolver *resolver, const struct claims *claims, bool macs)
{
    int r;

    if (claims->n_claims > 1)
        qsort(claims->claims, claims->n_claims, sizeof(*claims->claims), compare_claims);

    for (size_t i = 1; i < claims->n_claims; i++) {
        const struct claim *first = &claims->claims[i - 1], *second = &claims->claims[i];

        if (first->family != second->family || first->number != second->number ||
            first->host == second->host)
            continue;
        if (macs)
            r = report_warning(&resolver->report, "shared-mac", second->location,
                               "give each host its own, or make one host of both",
                               "hosts `%s` and `%s` have the same hardware address",
                               first->host->name, second->host->name);
        else
            r = report_error(&resolver->report, "shared-address", second->location,
                             "make one host of both, or correct one of the addresses",
                             "hosts `%s` and `%s` have the same address", first->host->name,
                             second->host->name);
        r = report_related(&resolver->report, r, first->location, "`%s` has it here",
                           first->host->name);
        if (r < 0)
            return r;
    }
    return 0;
}

int resolve_hosts(struct resolver *resolver)
{
    cleanup_(host_claims_clear) struct host_claims claims = {0};
    size_t n_hosts = resolver->draft->hosts.n_objects;
    int r;

    resolver->hosts = arena_allocate(resolver->arena, n_hosts * sizeof(*resolver->hosts));
    if (!resolver->hosts)
        return -ENOMEM;

    resolver->claims = &claims;
    r = resolve_each(resolver, KNOWN_HOST, resolve_host);
    if (r == 0)
        r = check_claims(resolver, &claims.addresses, false);
    if (r == 0)
        r = check_claims(resolver, &claims.macs, true);
    resolver->claims = NULL;
    draft_list_clear(&resolver->draft->hosts);
    return r;
}

int collect_host(const struct host *host, struct collection *collection)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < host->n_addresses; i++)
        r = collection_add(collection, host->addresses[i].family,
                           (struct range){host->addresses[i].address, host->addresses[i].address});
    return r;
}

/* A member that is the name of a host. */
static int resolve_member_host(struct resolver *resolver, const struct draft_text *text,
                               const struct known *zone, struct collection *collection)
{
    const struct host *host;
    struct known *known;
    int r;

    r = resolve_name(resolver, text, KIND(KNOWN_HOST), &known);
    if (r != 0)
        return r;

    host = &resolver->hosts[known->index];
    if (host->multicast || host->zone == ZONE_GATEWAY)
        return report_error(&resolver->report, "wrong-member", text->location,
                            "name it in the flow, beside the group",
                            host->multicast ? "`%s` is a multicast group, not a host of the zone"
                                            : "`%s` is an address of the gateway, not of a zone",
                            text->text);
    if (zone && host->zone != zone->index) {
        r = report_error(&resolver->report, "outside-zone", text->location,
                         "a group has members of one zone; make a group for each",
                         "host `%s` is in zone `%s`, not in `%s`", text->text,
                         resolver->zones[host->zone].name, resolver->zones[zone->index].name);
        return report_related(&resolver->report, r, host->location, "`%s` is defined here",
                              text->text);
    }

    return collect_host(host, collection);
}

static int resolve_member_range(struct resolver *resolver, const struct draft_text *text,
                                const struct known *zone, struct collection *collection)
{
    enum family family;
    struct range range;
    int r;

    r = resolve_range(resolver, text, &family, &range);
    if (r != 0)
        return r;
    if (zone && !zone_includes(resolver, zone, family, range))
        return report_outside(resolver, text, family, range.first, zone);
    return collection_add(collection, family, range);
}

static int resolve_member(struct resolver *resolver, const struct draft_text *text,
                          const struct known *zone, struct collection *collection)
{
    int r = address_parse_range(text->text, &(enum family){0}, &(struct range){0});

    if (r < 0 && (!looks_like_address(text->text) || names_find(&resolver->ends, text->text)))
        return resolve_member_host(resolver, text, zone, collection);
    return resolve_member_range(resolver, text, zone, collection);
}

/* All addresses of a list. */
static int resolve_listed(struct resolver *resolver, const struct draft_text *name,
                          const struct known *zone, struct collection *collection)
{
    const struct draft_addresses *list;
    int r, result = 0;

    r = resolve_list_name(resolver, name, &list);
    if (r != 0)
        return r;
    for (const struct draft_text *text = list->texts; text; text = text->next)
        gather(&result, resolve_member_range(resolver, text, zone, collection));
    return result;
}

static int resolve_lists_of(struct resolver *resolver, const struct draft_text *names,
                            const struct known *zone, struct group *group,
                            struct collection *collection)
{
    const char **lists = arena_allocate(resolver->arena, count_texts(names) * sizeof(*lists));
    int r, result = 0;

    if (!lists)
        return -ENOMEM;
    for (const struct draft_text *name = names; name; name = name->next) {
        r = resolve_listed(resolver, name, zone, collection);
        if (r == 0)
            r = keep_text(resolver, name, &lists[group->n_lists++]);
        gather(&result, r);
    }
    group->lists = lists;
    return result;
}

/* The canonical form has all of them as `members`. */
static int check_listed(struct resolver *resolver, const struct draft_group *draft,
                        const struct group *group)
{
    size_t n = group->addresses.by_family[FAMILY_IPV4].n_ranges +
               group->addresses.by_family[FAMILY_IPV6].n_ranges;

    if (group->n_lists == 0 || n <= POLICY_LIST_MAX)
        return 0;
    return report_error(&resolver->report, "too-long", draft->members_from->location,
                        "make two groups of it", "a group of %zu addresses; the most is %d", n,
                        POLICY_LIST_MAX);
}

static int resolve_members(struct resolver *resolver, const struct draft_group *draft,
                           const struct known *zone, struct group *group)
{
    cleanup_(collection_clear) struct collection collection = {0};
    int result = 0;

    if (!draft->members && !draft->members_from)
        return draft->object.broken
                   ? REPORTED
                   : report_error(&resolver->report, "missing-key", group->location,
                                  "add `members:` or `members-from:`",
                                  "group `%s` has no `members`", group->name);

    for (const struct draft_text *text = draft->members; text; text = text->next)
        gather(&result, resolve_member(resolver, text, zone, &collection));
    gather(&result, resolve_lists_of(resolver, draft->members_from, zone, group, &collection));
    if (result == 0)
        result = collection_finish(&collection, resolver->arena, &group->addresses);
    return result == 0 ? check_listed(resolver, draft, group) : result;
}

static int resolve_group(struct resolver *resolver, struct known *known)
{
    const struct draft_group *draft = (const struct draft_group *)known->object;
    struct group *group = &resolver->groups[resolver->n_groups];
    struct known *zone = NULL;
    int result = 0;

    *group = (struct group){
        .name = known->name,
        .label = known->name,
        .location = known->location,
    };
    gather(&result, keep_text(resolver, draft->label, &group->label));
    gather(&result, resolve_zone_of(resolver, draft->zone, KIND(KNOWN_ZONE), &zone));
    gather(&result, resolve_members(resolver, draft, zone, group));
    if (result < 0)
        return result;
    if (result == REPORTED || known->broken)
        return 0;
    assert(zone);

    group->zone = zone->index;
    known->index = (uint32_t)resolver->n_groups++;
    return 0;
}

int resolve_groups(struct resolver *resolver)
{
    size_t n_groups = resolver->draft->groups.n_objects;
    int r;

    resolver->groups = arena_allocate(resolver->arena, n_groups * sizeof(*resolver->groups));
    if (!resolver->groups)
        return -ENOMEM;

    r = resolve_each(resolver, KNOWN_GROUP, resolve_group);
    draft_list_clear(&resolver->draft->groups);
    draft_list_clear(&resolver->draft->addresses);
    return r;
}
