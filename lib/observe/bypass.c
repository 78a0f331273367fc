/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ways around the ruleset that the interfaces themselves are: the rules match interface and
 * address, so they say nothing about packets that come by other interfaces, and nothing about
 * packets that a bridge passes on below them. What is normal on a gateway is no finding: trunks
 * that carry the zones' VLANs, ports of a zone's bridge or bond.
 */

#include "observe/bypass.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/diagram.h"
#include "kernel/forwarding.h"
#include "observe/bypass_private.h"

/* Interfaces stacked on each other: beyond that there is a loop of veth pairs, or no sense. */
#define DEPTH_MAX 8
#define MESSAGE_MAX 512
#define SETTING_MAX 128

int bypass_add(struct bypass_search *search, const char *code, const char *object,
               const char *format, ...)
{
    struct bypass bypass = {.code = code}, *added;
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    bypass.object = arena_string(search->arena, object);
    bypass.message = arena_string(search->arena, message);
    if (!bypass.object || !bypass.message)
        return -ENOMEM;

    added = arena_add(search->arena, &search->found.bypasses, &search->found.n_bypasses,
                      sizeof(bypass));
    if (!added)
        return -ENOMEM;
    *added = bypass;
    return 0;
}

int bypass_add_unknown(struct bypass_search *search, const char *object, int r)
{
    if (r == -ENOMEM)
        return r;
    return bypass_add(search, "unknown", object, "%s cannot be looked at: %s", object,
                      strerror(-r));
}

/* The zones of an interface, or NULL where the policy does not name it. */
static const struct segment *segment_of(const struct bypass_search *search, const struct link *link)
{
    const struct policy *policy = search->policy;

    for (size_t i = 0; i < policy->n_segments; i++)
        for (size_t j = 0; j < policy->segments[i].n_interfaces; j++)
            if (strcmp(policy->segments[i].interfaces[j], link->name) == 0)
                return &policy->segments[i];
    return NULL;
}

const struct link *bypass_link(const struct bypass_search *search, int index)
{
    for (size_t i = 0; i < links_count(search->links); i++)
        if (links_at(search->links, i)->index == index)
            return links_at(search->links, i);
    return NULL;
}

static bool is_bridge(const struct link *link)
{
    return strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "openvswitch") == 0;
}

static bool is_veth(const struct link *link)
{
    return strcmp(link->kind, "veth") == 0;
}

static bool carries_zone(const struct bypass_search *search, const struct link *link,
                         unsigned depth)
{
    const struct link *master = bypass_link(search, link->master);

    if (segment_of(search, link))
        return true;
    if (depth == 0)
        return false;
    if (master && carries_zone(search, master, depth - 1))
        return true;

    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *upper = links_at(search->links, i);

        if (upper->lower == link->index && !is_veth(upper) &&
            carries_zone(search, upper, depth - 1))
            return true;
    }
    return false;
}

bool bypass_carries_zone(const struct bypass_search *search, const struct link *link)
{
    return carries_zone(search, link, DEPTH_MAX);
}

/* The bridge itself, or the `i`th interface where that is a port of it; NULL where it is not. */
static const struct link *member_at(const struct bypass_search *search, const struct link *bridge,
                                    size_t i)
{
    const struct link *link = links_at(search->links, i);

    assert(link);
    return link == bridge || link->master == bridge->index ? link : NULL;
}

/* Two members of different zones are a finding; so is a zone's port of a bridge that is not itself
 * of that zone. */
static int find_in_bridge(struct bypass_search *search, const struct link *bridge)
{
    const struct segment *segment = NULL;
    const struct link *first = NULL;

    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *member = member_at(search, bridge, i);
        const struct segment *other = member ? segment_of(search, member) : NULL;

        if (!other)
            continue;
        if (segment && other != segment)
            return bypass_add(search, "bridged-zones", bridge->name,
                              "bridge %s joins %s of zone %s and %s of zone %s below the rules",
                              bridge->name, first->name, segment->name, member->name, other->name);
        segment = other;
        first = member;
    }
    if (!segment || segment_of(search, bridge))
        return 0;
    return bypass_add(search, "bridged-zones", bridge->name,
                      "%s of zone %s is a port of bridge %s, which passes packets below the rules",
                      first->name, segment->name, bridge->name);
}

static int find_bridged(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++)
        if (is_bridge(links_at(search->links, i)))
            r = find_in_bridge(search, links_at(search->links, i));
    return r;
}

static bool is_link_local(const struct link_address *address)
{
    if (address->family == FAMILY_IPV4)
        return address->address >> 16 == 0xa9fe;
    return address->address >> 118 == 0x3fa;
}

static bool has_own_address(const struct link *link)
{
    for (size_t i = 0; i < link->n_addresses; i++)
        if (!is_link_local(&link->addresses[i]))
            return true;
    return false;
}

/* The far end of a zone's veth pair, held in this namespace. */
static bool is_peer_of_zone(const struct bypass_search *search, const struct link *link)
{
    const struct link *peer = is_veth(link) ? bypass_link(search, link->lower) : NULL;

    return peer && bypass_carries_zone(search, peer);
}

/* What comes in by a port is its master's. A VRF is no such master: rules see the port too. */
static bool is_port(const struct bypass_search *search, const struct link *link)
{
    const struct link *master = bypass_link(search, link->master);

    return link->master != 0 && !(master && strcmp(master->kind, "vrf") == 0);
}

static bool is_unnamed(const struct bypass_search *search, const struct link *link)
{
    if (!link->up || strcmp(link->name, "lo") == 0 || segment_of(search, link) ||
        is_port(search, link) || is_peer_of_zone(search, link))
        return false;
    return has_own_address(link) || !bypass_carries_zone(search, link);
}

static int find_unnamed(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);

        if (is_unnamed(search, link))
            r = bypass_add(search, "unnamed-interface", link->name,
                           "interface %s is up and in no zone", link->name);
    }
    return r;
}

static int judge_address(struct bypass_search *search, const struct link *link,
                         const struct segment *segment, const struct link_address *address)
{
    char text[ADDRESS_TEXT_MAX];
    size_t zone;

    if (is_link_local(address) ||
        !policy_zone_of_address(search->policy, address->family, address->address, &zone) ||
        segment_carries(search->policy, (size_t)(segment - search->policy->segments), zone))
        return 0;
    return bypass_add(search, "misplaced-address", link->name,
                      "%s of zone %s has address %s, which is of zone %s", link->name,
                      segment->name, address_format(address->family, address->address, text),
                      policy_zone_name(search->policy, zone));
}

static int find_misplaced(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct segment *segment = segment_of(search, link);

        for (size_t j = 0; r == 0 && segment && j < link->n_addresses; j++)
            r = judge_address(search, link, segment, &link->addresses[j]);
    }
    return r;
}

struct own_address {
    enum family family;
    ip_number address;
};

static int compare_own(const void *a, const void *b)
{
    const struct own_address *left = a, *right = b;

    return COMPARE(left->family, right->family) ?: COMPARE(left->address, right->address);
}

static int judge_host(struct bypass_search *search, const struct host *host,
                      const struct own_address *own, size_t n_own)
{
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *address = &host->addresses[i];
        const struct own_address wanted = {address->family, address->address};

        if (bsearch(&wanted, own, n_own, sizeof(*own), compare_own))
            return bypass_add(search, "own-address", host->name,
                              "host %s has %s, which is an address of the gateway itself: write "
                              "`zone: gateway`",
                              host->name, address_format(address->family, address->address, text));
    }
    return 0;
}

/* A packet to the gateway itself is judged as one to `gateway`, whatever zone its address lies in.
 */
static int find_own_addresses(struct bypass_search *search)
{
    cleanup_(freep) struct own_address *own = NULL;
    size_t n_own = 0, capacity = 0;
    int r = 0;

    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);

        for (size_t j = 0; r == 0 && j < link->n_addresses; j++) {
            struct own_address address = {link->addresses[j].family, link->addresses[j].address};

            r = array_append(&own, &n_own, &capacity, &address, sizeof(address));
        }
    }
    if (n_own == 0)
        return r;
    qsort(own, n_own, sizeof(*own), compare_own);
    for (size_t i = 0; r == 0 && i < search->policy->n_hosts; i++)
        if (search->policy->hosts[i].zone != ZONE_GATEWAY)
            r = judge_host(search, &search->policy->hosts[i], own, n_own);
    return r;
}

/*
 * Settings of the kernel decide too which packets the rules see: whether it forwards at all, and
 * whether it gives them packets that a bridge passes on. A setting of a family or module that the
 * kernel does not have is off.
 */

static const char *const family_titles[] = {
    [FAMILY_IPV4] = "IPv4",
    [FAMILY_IPV6] = "IPv6",
};

static bool service_in_family(const struct policy *policy, const struct flow *flow,
                              enum family family)
{
    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &policy->services[flow->services[i]];

        for (size_t j = 0; j < service->n_ranges; j++)
            if (service->ranges[j].families[family])
                return true;
    }
    return false;
}

static bool end_forwards(const struct flow_end *ends, size_t n_ends, enum family family)
{
    for (size_t i = 0; i < n_ends; i++)
        if (ends[i].zone != ZONE_GATEWAY && ends[i].addresses.by_family[family].n_ranges > 0)
            return true;
    return false;
}

static bool flow_forwards(const struct policy *policy, const struct flow *flow, enum family family)
{
    return flow->enabled && end_forwards(flow->from, flow->n_from, family) &&
           end_forwards(flow->to, flow->n_to, family) && service_in_family(policy, flow, family);
}

/* An outline knows no flows; there, two zones that have addresses of the family may need it. */
static bool policy_forwards(const struct policy *policy, enum family family)
{
    size_t n_zones = 0;

    for (size_t i = 0; i < policy->n_flows; i++)
        if (flow_forwards(policy, &policy->flows[i], family))
            return true;
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].addresses.by_family[family].n_ranges > 0)
            n_zones++;
    return policy->n_flows == 0 && n_zones >= 2;
}

/* Returns 1 where the family is forwarded, 0 where not or where a finding says that this is
 * unknown, or -ENOMEM. */
static int judge_forwarding(struct bypass_search *search, enum family family, const char *path,
                            const char *name)
{
    bool on = false;
    int r = setting_read(path, &on);

    if (r == -ENOENT)
        r = 0;
    if (r < 0)
        return bypass_add_unknown(search, name, r);
    if (on)
        return 1;
    return bypass_add(search, "forwarding-off", name, "%s is off: the kernel forwards no %s", name,
                      family_titles[family]);
}

/* IPv4 is forwarded by interface; a new one takes over what is set for `default`. */
static int judge_interface(struct bypass_search *search, const struct link *link)
{
    char path[SETTING_MAX], name[SETTING_MAX];
    bool on = false;
    int r;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", link->name);
    snprintf(name, sizeof(name), "net.ipv4.conf.%s.forwarding", link->name);
    r = setting_read(path, &on);
    if (r == -ENOENT || (r == 0 && on))
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, name, r);
    return bypass_add(search, "forwarding-off", name,
                      "%s is off: the kernel forwards no IPv4 that comes in by %s", name,
                      link->name);
}

static int find_forwarding_ipv4(struct bypass_search *search)
{
    int r = judge_forwarding(search, FAMILY_IPV4, "/proc/sys/net/ipv4/ip_forward",
                             "net.ipv4.ip_forward");

    if (r <= 0)
        return r;
    r = 0;
    for (size_t i = 0; r == 0 && i < links_count(search->links); i++)
        if (segment_of(search, links_at(search->links, i)))
            r = judge_interface(search, links_at(search->links, i));
    return r;
}

static int find_forwarding(struct bypass_search *search)
{
    int r = 0;

    if (policy_forwards(search->policy, FAMILY_IPV4))
        r = find_forwarding_ipv4(search);
    if (r == 0 && policy_forwards(search->policy, FAMILY_IPV6))
        r = judge_forwarding(search, FAMILY_IPV6, "/proc/sys/net/ipv6/conf/all/forwarding",
                             "net.ipv6.conf.all.forwarding");
    return r < 0 ? r : 0;
}

/* Redirects are sent where either of the two settings is on. Returns 1 where they are, 0 where not
 * or where a finding says that this is unknown, or -ENOMEM. */
static int sends_redirects(struct bypass_search *search, const char *interface)
{
    const char *const names[] = {"all", interface};
    char path[SETTING_MAX];
    bool on = false;

    for (size_t i = 0; !on && i < ELEMENTS_OF(names); i++) {
        int r;

        snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/send_redirects", names[i]);
        r = setting_read(path, &on);
        if (r < 0 && r != -ENOENT)
            return bypass_add_unknown(search, path, r);
    }
    return on;
}

/* Hosts of two zones on one wire: the gateway itself tells one where the other is. The kernel has
 * no such setting for IPv6. */
static int find_shared_redirects(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct segment *segment = segment_of(search, link);

        if (!segment || segment->n_zones < 2)
            continue;
        r = sends_redirects(search, link->name);
        if (r > 0)
            r = bypass_add(search, "shared-redirects", link->name,
                           "net.ipv4.conf.%s.send_redirects or that of all is on: hosts of zones "
                           "%s and %s on %s are told to go around the gateway",
                           link->name, policy_zone_name(search->policy, segment->zones[0]),
                           policy_zone_name(search->policy, segment->zones[1]), link->name);
    }
    return r < 0 ? r : 0;
}

bool bypass_zone_is_bridged(const struct bypass_search *search)
{
    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct link *master = bypass_link(search, link->master);

        if (segment_of(search, link) && (is_bridge(link) || (master && is_bridge(master))))
            return true;
    }
    return false;
}

static int judge_bridge_netfilter(struct bypass_search *search, const char *setting,
                                  enum family family)
{
    char path[SETTING_MAX], name[SETTING_MAX];
    bool on = false;
    int r;

    snprintf(path, sizeof(path), "/proc/sys/net/bridge/%s", setting);
    snprintf(name, sizeof(name), "net.bridge.%s", setting);
    r = setting_read(path, &on);
    if (r == -ENOENT || (r == 0 && !on))
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, name, r);
    return bypass_add(search, "bridge-netfilter", name,
                      "%s is on: bridged %s is given to the rules for forwarded packets", name,
                      family_titles[family]);
}

static int find_bridge_netfilter(struct bypass_search *search)
{
    int r;

    if (!bypass_zone_is_bridged(search))
        return 0;
    r = judge_bridge_netfilter(search, "bridge-nf-call-iptables", FAMILY_IPV4);
    if (r == 0)
        r = judge_bridge_netfilter(search, "bridge-nf-call-ip6tables", FAMILY_IPV6);
    return r;
}

int bypasses_find(const struct policy *outline, const struct links *links,
                  struct nftables *nftables, struct arena *arena, struct bypasses *ret_bypasses)
{
    static int (*const finders[])(struct bypass_search *) = {
        find_bridged,          find_unnamed,          find_misplaced,       find_own_addresses,
        bypass_find_legacy,    bypass_find_others,    bypass_find_programs, find_forwarding,
        find_bridge_netfilter, find_shared_redirects,
    };
    struct bypass_search search = {
        .policy = outline, .links = links, .nftables = nftables, .arena = arena};
    int r;

    for (size_t i = 0; i < ELEMENTS_OF(finders); i++) {
        r = finders[i](&search);
        if (r < 0)
            return r;
    }

    *ret_bypasses = search.found;
    return 0;
}
