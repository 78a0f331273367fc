/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Questions to a policy. Names are looked up by walking: those who ask by name are people, one
 * question at a time, and everything else has indices.
 */

#include "policy/policy.h"

#include <errno.h>
#include <string.h>

#include "base/string_table.h"
#include "policy/service_literal.h"
#include "policy/store.h"

struct policy *policy_free(struct policy *policy)
{
    if (policy)
        arena_free(((struct policy_store *)policy)->arena);
    return NULL;
}

const char *const zone_class_words[] = {
    [ZONE_CLASS_MYNUMBER] = "mynumber",     [ZONE_CLASS_LGWAN] = "lgwan",
    [ZONE_CLASS_INTERNET] = "internet",     [ZONE_CLASS_EDUCATION] = "education",
    [ZONE_CLASS_EXTERNAL] = "external",     [ZONE_CLASS_SANITIZER] = "sanitizer",
    [ZONE_CLASS_MANAGEMENT] = "management", [ZONE_CLASS_OTHER] = "other",
};
DEFINE_TO_STRING(zone_class, enum zone_class)

const char *const policy_model_words[] = {
    [MODEL_NONE] = "none", [MODEL_ALPHA] = "alpha",           [MODEL_ALPHA_PRIME] = "alpha-prime",
    [MODEL_BETA] = "beta", [MODEL_BETA_PRIME] = "beta-prime",
};
DEFINE_TO_STRING(policy_model, enum policy_model)

const char *const sanitize_method_words[] = {
    [SANITIZE_NONE] = "none",
    [SANITIZE_MAIL_TEXT] = "mail-text",
    [SANITIZE_SCREEN] = "screen",
    [SANITIZE_FILE] = "file",
};
DEFINE_TO_STRING(sanitize_method, enum sanitize_method)

const char *policy_zone_name(const struct policy *policy, size_t zone)
{
    return zone == ZONE_GATEWAY ? "gateway" : policy->zones[zone].name;
}

const char *policy_zone_label(const struct policy *policy, size_t zone)
{
    return zone == ZONE_GATEWAY ? "gateway" : policy->zones[zone].label;
}

/* Of objects whose first member is their name. */
static const void *find_named(const void *objects, size_t n_objects, size_t size, const char *name)
{
    for (const char *object = objects; n_objects > 0; object += size, n_objects--) {
        if (strcmp(*(const char *const *)(const void *)object, name) == 0)
            return object;
    }
    return NULL;
}

const struct zone *policy_zone_named(const struct policy *policy, const char *name)
{
    return policy ? find_named(policy->zones, policy->n_zones, sizeof(struct zone), name) : NULL;
}

const struct host *policy_host_named(const struct policy *policy, const char *name)
{
    return find_named(policy->hosts, policy->n_hosts, sizeof(struct host), name);
}

bool host_has_mac(const struct host *host, struct mac mac)
{
    for (size_t i = 0; i < host->n_macs; i++) {
        if (memcmp(&host->macs[i], &mac, sizeof(mac)) == 0)
            return true;
    }
    return false;
}

const struct group *policy_group_named(const struct policy *policy, const char *name)
{
    return find_named(policy->groups, policy->n_groups, sizeof(struct group), name);
}

const struct flow *policy_flow_named(const struct policy *policy, const char *name)
{
    return find_named(policy->flows, policy->n_flows, sizeof(struct flow), name);
}

const char *policy_end_name(const struct policy *policy, const struct end_name *name)
{
    switch (name->kind) {
    case END_GATEWAY:
        break;
    case END_ZONE:
        return policy->zones[name->index].name;
    case END_HOST:
        return policy->hosts[name->index].name;
    case END_GROUP:
        return policy->groups[name->index].name;
    }
    return "gateway";
}

/* Asked for each host, each expectation, and each packet that is explained or rehearsed. */
bool policy_zone_of_address(const struct policy *policy, enum family family, ip_number address,
                            size_t *ret_zone)
{
    const struct policy_store *store = (const struct policy_store *)policy;
    const struct zone_range *ranges = store->zone_ranges[family];
    size_t n_ranges = store->n_zone_ranges[family];
    size_t i = ranges_find(ranges, n_ranges, sizeof(*ranges), address);

    if (i == n_ranges || ranges[i].range.first > address)
        return false;

    *ret_zone = ranges[i].zone;
    return true;
}

static bool names_zone(const struct end_name *names, size_t n_names, size_t zone)
{
    for (size_t i = 0; i < n_names; i++) {
        if (names[i].kind == END_ZONE && names[i].index == zone)
            return true;
    }
    return false;
}

/*
 * What a host uses before it has an address, or within its link: RFC 2131 section 4.1 (DHCP comes
 * from 0.0.0.0 and is answered to 255.255.255.255), RFC 4861 section 4.1 (router solicitations may
 * come from ::), RFC 8415 section 7.1 (DHCPv6 goes to ff02::1:2); and groups: RFC 5771, RFC 4291
 * section 2.7.
 */
static int add_link_addresses(struct range_set *ranges, bool is_source, enum family family)
{
    static const ip_number link_local = (ip_number)0xfe80 << 112;
    static const ip_number all_ones = ~(ip_number)0;
    int r;

    if (family == FAMILY_IPV4) {
        if (is_source)
            return range_set_add(ranges, (struct range){0, 0});
        r = range_set_add(ranges, (struct range){0xffffffff, 0xffffffff});
        return r < 0 ? r : range_set_add(ranges, (struct range){0xe0000000, 0xefffffff});
    }

    r = range_set_add(ranges, (struct range){link_local, link_local | all_ones >> 10});
    if (r < 0)
        return r;
    if (is_source)
        return range_set_add(ranges, (struct range){0, 0});
    return range_set_add(ranges, (struct range){(ip_number)0xff << 120, all_ones});
}

int policy_end_addresses(const struct policy *policy, const struct flow *flow,
                         const struct flow_end *end, bool is_source, size_t other_zone,
                         enum family family, struct range_set *ret_ranges)
{
    const struct end_name *names = is_source ? flow->from_names : flow->to_names;
    size_t n_names = is_source ? flow->n_from_names : flow->n_to_names;
    cleanup_(range_set_clear) struct range_set ranges = {0};
    int r;

    bool on_link = other_zone == ZONE_GATEWAY || (flow->implicit && other_zone == end->zone);

    (void)policy;

    r = range_set_add_set(&ranges, &end->addresses.by_family[family]);
    if (r == 0 && on_link && end->zone != ZONE_GATEWAY && names_zone(names, n_names, end->zone))
        r = add_link_addresses(&ranges, is_source, family);
    if (r < 0)
        return r;

    *ret_ranges = ranges;
    ranges = (struct range_set){0};
    return 0;
}

static bool names_ports(const struct service *service, uint8_t protocol)
{
    for (size_t i = 0; i < service->n_ranges; i++) {
        const struct service_range *range = &service->ranges[i];

        if (range->protocol_first <= protocol && range->protocol_last >= protocol &&
            (range->port_first > 0 || range->port_last < UINT16_MAX))
            return true;
    }
    return false;
}

const struct location *policy_first_reject(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].enabled && policy->flows[i].reject)
            return &policy->flows[i].location;
    }
    return policy->n_rejects > 0 ? &policy->rejects[0].location : NULL;
}

bool zone_is_outside(const struct zone *zone)
{
    return zone->class == ZONE_CLASS_EXTERNAL || zone->any;
}

const struct zone *policy_zone_with_ipsec(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].ipsec)
            return &policy->zones[i];
    return NULL;
}

const struct flow *policy_flow_with_ports(const struct policy *policy, uint8_t protocol)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        for (size_t j = 0; flow->enabled && j < flow->n_services; j++) {
            if (names_ports(&policy->services[flow->services[j]], protocol))
                return flow;
        }
    }
    return NULL;
}

static int first_address(const struct address_set *set, enum family family, ip_number *ret_address)
{
    if (set->by_family[family].n_ranges == 0)
        return -EAFNOSUPPORT;

    *ret_address = set->by_family[family].ranges[0].first;
    return 0;
}

static int host_first_address(const struct host *host, enum family family, ip_number *ret_address)
{
    for (size_t i = 0; i < host->n_addresses; i++) {
        if (host->addresses[i].family == family) {
            *ret_address = host->addresses[i].address;
            return 0;
        }
    }
    return -EAFNOSUPPORT;
}

static int find_named_end(const struct policy *policy, const char *name, enum family family,
                          size_t *ret_zone, ip_number *ret_address)
{
    const struct host *host = policy_host_named(policy, name);
    const struct group *group = host ? NULL : policy_group_named(policy, name);
    const struct zone *zone = host || group ? NULL : policy_zone_named(policy, name);

    if (!host && !group && !zone)
        return -ENOENT;
    *ret_zone = host ? host->zone : group ? group->zone : (size_t)(zone - policy->zones);
    if (host)
        return host_first_address(host, family, ret_address);
    return first_address(group ? &group->addresses : &zone->addresses, family, ret_address);
}

int policy_find_end(const struct policy *policy, const char *text, enum family family,
                    size_t *ret_zone, ip_number *ret_address)
{
    enum family text_family;
    ip_number address = 0;
    size_t zone;
    int r;

    if (strcmp(text, "gateway") == 0) {
        zone = ZONE_GATEWAY;
    } else if (address_parse(text, &text_family, &address) == 0) {
        if (text_family != family)
            return -EAFNOSUPPORT;
        if (!policy_zone_of_address(policy, family, address, &zone))
            return -ENOENT;
    } else {
        r = find_named_end(policy, text, family, &zone, &address);
        if (r < 0)
            return r;
    }

    *ret_zone = zone;
    *ret_address = address;
    return 0;
}

static int copy_ranges(const struct service_range *ranges, size_t n_ranges,
                       struct service_range **ret_ranges, size_t *ret_n_ranges)
{
    struct service_range *copy = calloc(n_ranges, sizeof(*copy));

    if (!copy)
        return -ENOMEM;

    memcpy(copy, ranges, n_ranges * sizeof(*copy));
    *ret_ranges = copy;
    *ret_n_ranges = n_ranges;
    return 0;
}

int policy_find_service(const struct policy *policy, const char *text,
                        struct service_range **ret_ranges, size_t *ret_n_ranges)
{
    struct literal literal;
    int r;

    for (size_t i = 0; i < policy->n_services; i++) {
        const struct service *service = &policy->services[i];

        if (!service->literal && strcmp(service->name, text) == 0)
            return copy_ranges(service->ranges, service->n_ranges, ret_ranges, ret_n_ranges);
    }

    r = service_literal_parse(text, &literal);
    if (r < 0)
        return r;
    return copy_ranges(literal.ranges, literal.n_ranges, ret_ranges, ret_n_ranges);
}
