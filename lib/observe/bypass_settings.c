/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Settings of the kernel that decide which packets the rules see: whether it forwards at all, and
 * whether it gives them packets that a bridge passes on. A setting of a family or module that the
 * kernel does not have is off.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/forwarding.h"
#include "observe/bypass_private.h"

#define SETTING_MAX 128

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
        if (bypass_segment(search, links_at(search->links, i)))
            r = judge_interface(search, links_at(search->links, i));
    return r;
}

int bypass_find_forwarding(struct bypass_search *search)
{
    int r = 0;

    if (policy_forwards(search->policy, FAMILY_IPV4))
        r = find_forwarding_ipv4(search);
    if (r == 0 && policy_forwards(search->policy, FAMILY_IPV6))
        r = judge_forwarding(search, FAMILY_IPV6, "/proc/sys/net/ipv6/conf/all/forwarding",
                             "net.ipv6.conf.all.forwarding");
    return r < 0 ? r : 0;
}

/* True where a zone's interface is a bridge or in one. */
static bool zone_is_bridged(const struct bypass_search *search)
{
    for (size_t i = 0; i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);
        const struct link *master = bypass_link(search, link->master);

        if (bypass_segment(search, link) &&
            (bypass_is_bridge(link) || (master && bypass_is_bridge(master))))
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

int bypass_find_bridge_netfilter(struct bypass_search *search)
{
    int r;

    if (!zone_is_bridged(search))
        return 0;
    r = judge_bridge_netfilter(search, "bridge-nf-call-iptables", FAMILY_IPV4);
    if (r == 0)
        r = judge_bridge_netfilter(search, "bridge-nf-call-ip6tables", FAMILY_IPV6);
    return r;
}
