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
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "diagram/diagram.h"
#include "kernel/attributes.h"
#include "observe/bypass_private.h"

/* Interfaces stacked on each other: beyond that there is a loop of veth pairs, or no sense. */
#define DEPTH_MAX 8
#define MESSAGE_MAX 512
#define REQUEST_MAX 256

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

const struct segment *bypass_segment(const struct bypass_search *search, const struct link *link)
{
    const struct policy *policy = search->policy;

    for (size_t i = 0; i < policy->n_segments; i++)
        for (size_t j = 0; j < policy->segments[i].n_interfaces; j++)
            if (strcmp(policy->segments[i].interfaces[j], link->name) == 0)
                return &policy->segments[i];
    return NULL;
}

bool bypass_is_bridge(const struct link *link)
{
    return strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "openvswitch") == 0;
}

static bool is_veth(const struct link *link)
{
    return strcmp(link->kind, "veth") == 0;
}

/* A zone's own interface that is a bridge or the port of one, or stands on a bridge, as VLAN
 * devices on a VLAN-aware bridge do. */
const struct link *bypass_zone_bridge(const struct bypass_search *search,
                                      const struct link **ret_link)
{
    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct link *bridge = links_find_index(search->links, link->master);

        if (!bypass_segment(search, link))
            continue;
        if (!bridge || !bypass_is_bridge(bridge))
            bridge = link;
        for (unsigned depth = 0; bridge && !bypass_is_bridge(bridge) && depth < DEPTH_MAX; depth++)
            bridge = is_veth(bridge) ? NULL : links_find_index(search->links, bridge->lower);
        if (bridge && bypass_is_bridge(bridge)) {
            *ret_link = link;
            return bridge;
        }
    }
    return NULL;
}

static bool carries_zone(const struct bypass_search *search, const struct link *link,
                         unsigned depth)
{
    const struct link *master = links_find_index(search->links, link->master);

    if (bypass_segment(search, link))
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
        const struct segment *other = member ? bypass_segment(search, member) : NULL;

        if (!other)
            continue;
        if (segment && other != segment)
            return bypass_add(search, "bridged-zones", bridge->name,
                              "bridge %s joins %s of zone %s and %s of zone %s below the rules",
                              bridge->name, first->name, segment->name, member->name, other->name);
        segment = other;
        first = member;
    }
    if (!segment || bypass_segment(search, bridge))
        return 0;
    return bypass_add(search, "bridged-zones", bridge->name,
                      "%s of zone %s is a port of bridge %s, which passes packets below the rules",
                      first->name, segment->name, bridge->name);
}

static int find_bridged(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++)
        if (bypass_is_bridge(links_at(search->links, i)))
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
    const struct link *peer = is_veth(link) ? links_find_index(search->links, link->lower) : NULL;

    return peer && bypass_carries_zone(search, peer);
}

static bool is_vrf(const struct link *link)
{
    return strcmp(link->kind, "vrf") == 0;
}

/* What comes in by a port is its master's. A VRF is no such master: rules see the port too. */
static bool is_port(const struct bypass_search *search, const struct link *link)
{
    const struct link *master = links_find_index(search->links, link->master);

    return link->master != 0 && !(master && is_vrf(master));
}

/* There the finding is that its name is missing beside that of its port. */
static bool is_vrf_of_zone(const struct bypass_search *search, const struct link *link)
{
    for (size_t i = 0; is_vrf(link) && i < links_count(search->links); i++) {
        const struct link *port = links_at(search->links, i);

        if (port->master == link->index && bypass_segment(search, port))
            return true;
    }
    return false;
}

static bool is_unnamed(const struct bypass_search *search, const struct link *link)
{
    if (!link->up || strcmp(link->name, "lo") == 0 || bypass_segment(search, link) ||
        is_port(search, link) || is_peer_of_zone(search, link) || is_vrf_of_zone(search, link))
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

/*
 * A packet passes prerouting twice, as one of the port and then as one of its VRF device, and is
 * forwarded as from the VRF device to a port (vrf_l3_rcv() in the kernel). So both belong to the
 * zone. A VRF device of several zones says of a packet no more than that it is of one of them: an
 * ICMP error that a third of them forges for a connection of two others would pass.
 */
int bypass_judge_vrf(struct bypass_search *search, const struct link *vrf, const struct link *port)
{
    const struct segment *above = bypass_segment(search, vrf);
    const struct segment *segment = bypass_segment(search, port);

    if (!segment || above == segment)
        return 0;
    if (above && above->n_zones > 1)
        return bypass_add(search, "shared-vrf", vrf->name,
                          "VRF device %s is of zones %s and %s, so that the rules cannot tell "
                          "their packets apart; give each zone a VRF device of its own",
                          vrf->name, policy_zone_name(search->policy, above->zones[0]),
                          policy_zone_name(search->policy, above->zones[1]));
    return bypass_add(search, "vrf-not-in-zone", port->name,
                      "what comes in by %s of zone %s is forwarded as from its VRF device %s, "
                      "which is not in the same zone, and refused; name both in `interfaces:`, and "
                      "give each zone a VRF device of its own",
                      port->name, segment->name, vrf->name);
}

/* The gateway's own packets pass output as of the VRF device first, outside of connection tracking
 * (vrf_nf_set_untracked() in the kernel), and then as of the port. */
static int judge_vrf_output(struct bypass_search *search, const struct link *vrf)
{
    if (!search->policy->gateway_protect)
        return 0;
    return bypass_add(search, "vrf-output", vrf->name,
                      "with `protect: true` what the gateway itself sends through VRF device %s is "
                      "refused as invalid; have its services outside of the VRF, or leave "
                      "`protect` off",
                      vrf->name);
}

static int find_vrfs(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct link *master = links_find_index(search->links, link->master);

        if (is_vrf_of_zone(search, link))
            r = judge_vrf_output(search, link);
        if (r == 0 && master && is_vrf(master))
            r = bypass_judge_vrf(search, master, link);
    }
    return r;
}

/* The first name of an interface, in a message about it. */
static int see_name(const struct nlmsghdr *message, void *userdata)
{
    snprintf(userdata, IFNAMSIZ, "%s",
             bypass_string_of(attributes_after(message, sizeof(struct ifinfomsg)), IFLA_IFNAME));
    return 0;
}

static int judge_name(struct bypass_search *search, struct netlink *netlink, const char *zone,
                      const char *written)
{
    char buffer[REQUEST_MAX], name[IFNAMSIZ] = "";
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    int r;

    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_ALT_IFNAME, written);
    r = netlink_request(netlink, request, see_name, name);
    if (r < 0)
        return r == -ENODEV ? 0 : bypass_add_unknown(search, written, r);
    /* It may have come, or been renamed, only now. */
    if (strcmp(name, written) == 0)
        return 0;
    return bypass_add(search, "alternative-name", written,
                      "%s of zone %s is another name of %s, and the rules know that one alone: "
                      "write %s in `interfaces:`",
                      written, zone, name, name);
}

/* Rules match the name that is first: an alternative one is never met, and what comes in there is
 * of no zone. */
static int find_alternative_names(struct bypass_search *search)
{
    cleanup_(netlink_close) struct netlink netlink = {0};
    const struct policy *policy = search->policy;
    int r = netlink_open_protocol(&netlink, NETLINK_ROUTE);

    if (r < 0)
        return bypass_add_unknown(search, "names of interfaces", r);
    for (size_t i = 0; i < policy->n_segments; i++)
        for (size_t j = 0; r == 0 && j < policy->segments[i].n_interfaces; j++)
            if (!links_find(search->links, policy->segments[i].interfaces[j]))
                r = judge_name(search, &netlink, policy->segments[i].name,
                               policy->segments[i].interfaces[j]);
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
        const struct segment *segment = bypass_segment(search, link);

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

int bypasses_find(const struct policy *outline, const struct links *links,
                  struct nftables *nftables, struct arena *arena, struct bypasses *ret_bypasses)
{
    static int (*const finders[])(struct bypass_search *) = {
        find_bridged,
        find_unnamed,
        find_misplaced,
        find_own_addresses,
        find_vrfs,
        find_alternative_names,
        bypass_find_legacy,
        bypass_find_others,
        bypass_find_programs,
        bypass_find_settings,
        bypass_find_carriers,
    };
    struct bypass_search search = {
        .policy = outline, .links = links, .nftables = nftables, .proc = "/proc", .arena = arena};
    int r;

    for (size_t i = 0; i < ELEMENTS_OF(finders); i++) {
        r = finders[i](&search);
        if (r < 0)
            return r;
    }

    *ret_bypasses = search.found;
    return 0;
}
