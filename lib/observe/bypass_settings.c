/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Settings of the kernel decide too which packets the rules see: whether it forwards at all,
 * whether it gives them packets that a bridge passes on, and whether a sender may choose the way of
 * its packet; and how many connections it follows. A setting of a family or module that the kernel
 * does not have is off.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "kernel/forwarding.h"
#include "observe/bypass_private.h"

#define PATH_TEXT_MAX 512

static const char *const family_titles[] = {
    [FAMILY_IPV4] = "IPv4",
    [FAMILY_IPV6] = "IPv6",
};

int bypass_setting(const struct bypass_search *search, char name[BYPASS_SETTING_MAX],
                   const char *format, ...)
{
    char path[PATH_TEXT_MAX];
    bool on = false;
    va_list arguments;
    int r;

    va_start(arguments, format);
    vsnprintf(name, BYPASS_SETTING_MAX, format, arguments);
    va_end(arguments);
    snprintf(path, sizeof(path), "%s/sys/%s", search->proc, name);
    for (char *at = name; *(at += strcspn(at, "./")); at++)
        *at = *at == '/' ? '.' : '/';

    r = setting_read(path, &on);
    return r < 0 ? r : on;
}

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
static int judge_forwarding(struct bypass_search *search, enum family family, const char *path)
{
    char name[BYPASS_SETTING_MAX];
    int r = bypass_setting(search, name, "%s", path);

    if (r < 0 && r != -ENOENT)
        return bypass_add_unknown(search, name, r);
    if (r > 0)
        return 1;
    return bypass_add(search, "forwarding-off", name, "%s is off: the kernel forwards no %s", name,
                      family_titles[family]);
}

/* IPv4 is forwarded by interface; a new one takes over what is set for `default`. */
static int judge_interface(struct bypass_search *search, const struct link *link)
{
    char name[BYPASS_SETTING_MAX];
    int r = bypass_setting(search, name, "net/ipv4/conf/%s/forwarding", link->name);

    if (r == -ENOENT || r > 0)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, name, r);
    return bypass_add(search, "forwarding-off", name,
                      "%s is off: the kernel forwards no IPv4 that comes in by %s", name,
                      link->name);
}

/* Calls `judge` for each interface that the policy names. */
static int judge_zones_links(struct bypass_search *search,
                             int (*judge)(struct bypass_search *, const struct link *))
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++)
        if (bypass_segment(search, links_at(search->links, i)))
            r = judge(search, links_at(search->links, i));
    return r;
}

static int find_forwarding_ipv4(struct bypass_search *search)
{
    int r = judge_forwarding(search, FAMILY_IPV4, "net/ipv4/ip_forward");

    return r <= 0 ? r : judge_zones_links(search, judge_interface);
}

static int find_forwarding(struct bypass_search *search)
{
    int r = 0;

    if (policy_forwards(search->policy, FAMILY_IPV4))
        r = find_forwarding_ipv4(search);
    if (r == 0 && policy_forwards(search->policy, FAMILY_IPV6))
        r = judge_forwarding(search, FAMILY_IPV6, "net/ipv6/conf/all/forwarding");
    return r < 0 ? r : 0;
}

/* Hosts of two zones on one wire: the gateway itself tells one where the other is. Redirects are
 * sent where either of the two settings is on; the kernel has no such setting for IPv6. */
static int judge_redirects(struct bypass_search *search, const struct link *link)
{
    const char *const interfaces[] = {"all", link->name};
    const struct segment *segment = bypass_segment(search, link);
    char name[BYPASS_SETTING_MAX];
    int r = 0;

    if (segment->n_zones < 2)
        return 0;
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(interfaces); i++) {
        r = bypass_setting(search, name, "net/ipv4/conf/%s/send_redirects", interfaces[i]);
        if (r < 0 && r != -ENOENT)
            return bypass_add_unknown(search, name, r);
    }
    if (r <= 0)
        return 0;
    return bypass_add(search, "shared-redirects", link->name,
                      "net.ipv4.conf.%s.send_redirects or that of all is on: hosts of zones "
                      "%s and %s on %s are told to go around the gateway",
                      link->name, policy_zone_name(search->policy, segment->zones[0]),
                      policy_zone_name(search->policy, segment->zones[1]), link->name);
}

static int find_redirects(struct bypass_search *search)
{
    return judge_zones_links(search, judge_redirects);
}

/*
 * By these a packet to the gateway holds the addresses at which it goes on, and the gateway sends
 * it there. Each acts where it is on for `all` and for the interface by which the packet came:
 * IN_DEV_SOURCE_ROUTE() in include/linux/inetdevice.h; ipv6_srh_rcv() and ipv6_rpl_srh_rcv() in
 * net/ipv6/exthdrs.c, which take the lesser of the two. accept_source_route of IPv6 is not among
 * them: it is for headers of type 2 alone, whose next address must be the receiver's own.
 */
static const struct {
    const char *family;
    const char *setting;
    const char *what;
} source_routes[] = {
    {"ipv4", "accept_source_route", "source routes of IPv4"},
    {"ipv6", "seg6_enabled", "segment routing of IPv6"},
    {"ipv6", "rpl_seg_enabled", "source routes of RPL"},
};

static int find_source_route(struct bypass_search *search, const char *family, const char *setting,
                             const char *what)
{
    char name[BYPASS_SETTING_MAX];
    int r = bypass_setting(search, name, "net/%s/conf/all/%s", family, setting);

    if (r <= 0)
        return r == 0 || r == -ENOENT ? 0 : bypass_add_unknown(search, name, r);
    r = 0;
    for (size_t i = 0; r == 0 && i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);

        if (!bypass_segment(search, link))
            continue;
        r = bypass_setting(search, name, "net/%s/conf/%s/%s", family, link->name, setting);
        if (r > 0)
            r = bypass_add(search, "source-routes", name,
                           "%s and that of all are on: with %s a host at %s chooses where the "
                           "gateway sends a packet that is addressed to it; set either to 0",
                           name, what, link->name);
        else if (r < 0)
            r = r == -ENOENT ? 0 : bypass_add_unknown(search, name, r);
    }
    return r;
}

static int find_source_routes(struct bypass_search *search)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(source_routes); i++)
        r = find_source_route(search, source_routes[i].family, source_routes[i].setting,
                              source_routes[i].what);
    return r;
}

/* On a VLAN-aware bridge a frame has no tag yet where it came in by an access port, so that the
 * rules are given it as one of the bridge itself (setup_pre_routing() of br_netfilter). */
static int judge_bridge_netfilter(struct bypass_search *search, const char *path,
                                  enum family family)
{
    const struct link *link = NULL, *bridge = bypass_zone_bridge(search, &link);
    char name[BYPASS_SETTING_MAX];
    int r;

    if (!bridge)
        return 0;
    r = bypass_setting(search, name, "%s", path);
    if (r == -ENOENT || r == 0)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, name, r);
    if (bridge == link || bridge->index == link->master)
        return bypass_add(search, "bridge-netfilter", name,
                          "%s is on: bridged %s is given to the rules for forwarded packets", name,
                          family_titles[family]);
    return bypass_add(search, "bridge-netfilter", name,
                      "%s is on: %s that comes in by an access port of bridge %s is judged as a "
                      "packet of %s, not of %s, and refused as unknown-interface; set it to 0",
                      name, family_titles[family], bridge->name, bridge->name, link->name);
}

static int find_bridge_netfilter(struct bypass_search *search)
{
    int r = judge_bridge_netfilter(search, "net/bridge/bridge-nf-call-iptables", FAMILY_IPV4);

    if (r == 0)
        r = judge_bridge_netfilter(search, "net/bridge/bridge-nf-call-ip6tables", FAMILY_IPV6);
    return r;
}

/* A number below /proc/sys/net/netfilter. Returns 0, -ENOENT where the kernel has none, or -errno.
 */
static int read_number(const struct bypass_search *search, const char *name, uint64_t *ret_number)
{
    char path[PATH_TEXT_MAX];
    FILE *file;
    int n;

    snprintf(path, sizeof(path), "%s/sys/net/netfilter/%s", search->proc, name);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    n = fscanf(file, "%" SCNu64, ret_number);
    fclose(file);
    return n == 1 ? 0 : -EIO;
}

/* The kernel drops the first packet of each connection for which its table has no room, before any
 * rule is asked. A full table has a little room now and then, as connections end. */
static int find_full_table(struct bypass_search *search)
{
    static const char setting[] = "net.netfilter.nf_conntrack_max";
    uint64_t count = 0, most = 0;
    int r = read_number(search, "nf_conntrack_count", &count);

    if (r == 0)
        r = read_number(search, "nf_conntrack_max", &most);
    if (r < 0)
        return r == -ENOENT ? 0 : bypass_add_unknown(search, setting, r);
    if (most == 0 || count < most / 100 * 80)
        return 0;
    if (count < most / 100 * 99)
        return bypass_add(search, "connections-many", setting,
                          "more than 80 %% of the %" PRIu64 " connections are open that the kernel "
                          "can follow (%s); with more than that it drops new ones",
                          most, setting);
    return bypass_add(search, "connections-full", setting,
                      "the %" PRIu64 " connections are open that the kernel can follow (%s): it "
                      "drops new ones, whatever the policy approves",
                      most, setting);
}

int bypass_find_settings(struct bypass_search *search)
{
    static int (*const finders[])(struct bypass_search *) = {
        find_forwarding, find_bridge_netfilter, find_redirects, find_source_routes, find_full_table,
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(finders); i++)
        r = finders[i](search);
    return r;
}
