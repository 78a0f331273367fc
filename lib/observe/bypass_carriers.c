/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Other parts of the kernel that carry packets. Virtual servers of IPVS send on from `input`; label
 * routes of MPLS send on below all rules; routes of segment routing (SRv6) unpack a packet that the
 * rules have judged by its outer addresses. And packets that policies of IPsec let in only
 * encrypted pass in clear text as soon as nobody keeps these policies.
 */

#include <errno.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "observe/bypass_private.h"

#define REQUEST_MAX 256
#define TRIES_MAX 16
#define PATH_TEXT_MAX 512

/* The lines of the file that begin a virtual server; below each are its real servers, indented, and
 * before all stand two lines of titles: ip_vs_info_seq_show() in the kernel. */
static size_t count_virtual_servers(FILE *file)
{
    char line[256];
    size_t n = 0;

    while (fgets(line, sizeof(line), file))
        if (line[0] != ' ' &&
            strncmp(line, "IP Virtual Server", strlen("IP Virtual Server")) != 0 &&
            strncmp(line, "Prot ", strlen("Prot ")) != 0)
            n++;
    return n;
}

/*
 * With protection input judges what comes to a virtual server, and output what it sends on: outside
 * of connection tracking, which is refused, or as a packet of the connection that input approved
 * (IP_VS_CONN_F_NFCT in the kernel).
 */
static int find_virtual_servers(struct bypass_search *search)
{
    char path[PATH_TEXT_MAX], name[BYPASS_SETTING_MAX];
    bool protects = search->policy->gateway_protect;
    size_t n;
    FILE *file;
    int r = 0;

    if (protects && bypass_setting(search, name, "net/ipv4/vs/conntrack") <= 0)
        return 0;
    snprintf(path, sizeof(path), "%s/net/ip_vs", search->proc);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : bypass_add_unknown(search, path, -errno);
    n = count_virtual_servers(file);
    if (ferror(file))
        r = bypass_add_unknown(search, path, -EIO);
    fclose(file);
    if (r < 0 || n == 0)
        return r;
    return bypass_add(
        search, "virtual-servers", "ipvs",
        "IPVS sends packets to %zu virtual server%s of the gateway on to other hosts, "
        "%s; %s, or take them away (ipvsadm --clear)",
        n, n == 1 ? "" : "s",
        protects ? "and flows to `gateway` approve all of their way" : "and no rule judges them",
        protects ? "set net.ipv4.vs.conntrack to 0" : "write `gateway: { protect: true }`");
}

/* Copies what an attribute holds, where it holds that much. The numbers here are in host order. */
static void copy_attribute(const struct nlattr *attribute, void *value, size_t size)
{
    if (attribute && mnl_attr_get_payload_len(attribute) == size)
        memcpy(value, mnl_attr_get_payload(attribute), size);
}

static bool is_segment_route(struct attributes attributes)
{
    uint16_t type = LWTUNNEL_ENCAP_NONE;

    copy_attribute(attributes_find(attributes, RTA_ENCAP_TYPE), &type, sizeof(type));
    return type == LWTUNNEL_ENCAP_SEG6_LOCAL;
}

/* Each way of a route with several has attributes of its own. */
static bool has_segment_way(const struct nlattr *ways)
{
    const char *at = ways ? mnl_attr_get_payload(ways) : NULL;
    size_t left = ways ? mnl_attr_get_payload_len(ways) : 0;
    struct rtnexthop way;
    size_t step;

    while (left >= sizeof(way)) {
        memcpy(&way, at, sizeof(way));
        if (way.rtnh_len < sizeof(way) || way.rtnh_len > left)
            return false;
        if (is_segment_route((struct attributes){at + sizeof(way), at + way.rtnh_len}))
            return true;
        step = (size_t)RTNH_ALIGN(way.rtnh_len);
        at += step;
        left = step < left ? left - step : 0;
    }
    return false;
}

int bypass_see_route(const struct nlmsghdr *message, void *userdata)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    struct attributes attributes = attributes_after(message, sizeof(*route));
    struct bypass_routes *routes = userdata;
    const struct nlattr *destination = attributes_find(attributes, RTA_DST);

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*route))
        return -EBADMSG;
    if (route->rtm_family == AF_MPLS)
        routes->labels++;
    if (route->rtm_family != AF_INET6 ||
        !(is_segment_route(attributes) ||
          has_segment_way(attributes_find(attributes, RTA_MULTIPATH))))
        return 0;

    if (routes->segments++ > 0)
        return 0;
    routes->segment = (struct prefix){.length = route->rtm_dst_len};
    if (destination && mnl_attr_get_payload_len(destination) == sizeof(struct in6_addr))
        routes->segment.address =
            address_from_bytes(FAMILY_IPV6, mnl_attr_get_payload(destination));
    return 0;
}

/* A family that the kernel does not have is answered with the routes of all. */
static int dump_routes(struct netlink *netlink, uint8_t family, struct bypass_routes *routes)
{
    struct bypass_routes before = *routes;
    char buffer[REQUEST_MAX];
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));

        request->nlmsg_type = RTM_GETROUTE;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        route->rtm_family = family;
        *routes = before;
        r = netlink_request(netlink, request, bypass_see_route, routes);
    }
    return r;
}

/* A packet with a label comes in where `input` is on. */
static int judge_labels(struct bypass_search *search, size_t n_routes)
{
    char name[BYPASS_SETTING_MAX];
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++) {
        const struct link *link = links_at(search->links, i);

        if (!bypass_carries_zone(search, link))
            continue;
        r = bypass_setting(search, name, "net/mpls/conf/%s/input", link->name);
        if (r > 0)
            r = bypass_add(search, "label-routes", name,
                           "%s is on: %zu route%s of MPLS carr%s packets that come in by %s past "
                           "the rules; set it to 0",
                           name, n_routes, n_routes == 1 ? "" : "s", n_routes == 1 ? "ies" : "y",
                           link->name);
        else
            r = r == -ENOENT || r == 0 ? 0 : bypass_add_unknown(search, name, r);
    }
    return r;
}

int bypass_judge_routes(struct bypass_search *search, const struct bypass_routes *routes)
{
    char object[ADDRESS_TEXT_MAX];
    int r = routes->labels > 0 ? judge_labels(search, routes->labels) : 0;

    if (r < 0 || routes->segments == 0)
        return r;
    range_format(FAMILY_IPV6, prefix_range(routes->segment, 128), object);
    return bypass_add(
        search, "segment-routes", object,
        "segment routing (seg6local) unpacks packets to %s, or sends them on, after the "
        "rules judged their outer addresses%s; take such routes away",
        object, routes->segments == 1 ? "" : ", and there are more such routes");
}

static int find_routes(struct bypass_search *search)
{
    cleanup_(netlink_close) struct netlink netlink = {0};
    struct bypass_routes routes = {0};
    char name[BYPASS_SETTING_MAX];
    int r = netlink_open_protocol(&netlink, NETLINK_ROUTE);

    if (r == 0)
        r = dump_routes(&netlink, AF_INET6, &routes);
    /* Without labels there is no MPLS, or nothing that it forwards. */
    if (r == 0 && bypass_setting(search, name, "net/mpls/platform_labels") > 0)
        r = dump_routes(&netlink, AF_MPLS, &routes);
    return r < 0 ? bypass_add_unknown(search, "routes", r) : bypass_judge_routes(search, &routes);
}

/* True where the policy says of packets from the zone's addresses that they must be encrypted. Of
 * any address at all it speaks only for the zone that has the rest of them. */
static bool policy_is_of_zone(const struct xfrm_selector *selector, const struct zone *zone)
{
    enum family family = selector->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
    unsigned bits = family_bits(family);
    struct prefix prefix = {.address =
                                address_from_bytes(family, (const uint8_t *)&selector->saddr),
                            .length = selector->prefixlen_s};
    struct range range = prefix_range(prefix, bits);

    return selector->prefixlen_s == 0
               ? zone->any
               : range_set_overlaps(&zone->addresses.by_family[family],
                                    &(struct range_set){.ranges = &range, .n_ranges = 1});
}

/*
 * Policies with the number of an `xfrm` interface, or the mark by which a VTI device finds its own,
 * belong to an interface of IPsec: what comes in by another is not taken for it.
 */
static bool is_of_interface(struct attributes attributes)
{
    struct xfrm_mark mark = {0};
    uint32_t id = 0;

    copy_attribute(attributes_find(attributes, XFRMA_IF_ID), &id, sizeof(id));
    copy_attribute(attributes_find(attributes, XFRMA_MARK), &mark, sizeof(mark));
    return id != 0 || mark.m != 0;
}

int bypass_see_ipsec_policy(const struct nlmsghdr *message, void *userdata)
{
    const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(message);
    struct attributes attributes = attributes_after(message, sizeof(*info));
    struct bypass_ipsec *ipsec = userdata;
    const struct policy *policy = ipsec->search->policy;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
        return -EBADMSG;
    if ((info->dir != XFRM_POLICY_IN && info->dir != XFRM_POLICY_FWD) ||
        info->action != XFRM_POLICY_ALLOW || !attributes_find(attributes, XFRMA_TMPL) ||
        (info->sel.family != AF_INET && info->sel.family != AF_INET6) ||
        info->sel.prefixlen_s > (info->sel.family == AF_INET ? 32 : 128) ||
        is_of_interface(attributes))
        return 0;
    for (size_t i = 0; i < policy->n_zones; i++)
        if (!policy->zones[i].ipsec && policy_is_of_zone(&info->sel, &policy->zones[i]))
            ipsec->zones[i] = true;
    return 0;
}

static int dump_ipsec_policies(struct netlink *netlink, struct bypass_ipsec *ipsec)
{
    char buffer[REQUEST_MAX];
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

        mnl_nlmsg_put_extra_header(request, sizeof(struct xfrm_userpolicy_id));
        request->nlmsg_type = XFRM_MSG_GETPOLICY;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        memset(ipsec->zones, 0, sizeof(ipsec->zones));
        r = netlink_request(netlink, request, bypass_see_ipsec_policy, ipsec);
    }
    return r;
}

static int find_ipsec_policies(struct bypass_search *search)
{
    cleanup_(netlink_close) struct netlink netlink = {0};
    struct bypass_ipsec ipsec = {.search = search};
    int r = netlink_open_protocol(&netlink, NETLINK_XFRM);

    if (r == 0)
        r = dump_ipsec_policies(&netlink, &ipsec);
    /* A kernel without IPsec has no such policies. */
    if (r == -EPROTONOSUPPORT)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, "policies of IPsec", r);
    for (size_t i = 0; r == 0 && i < search->policy->n_zones; i++) {
        const char *zone = search->policy->zones[i].name;

        if (ipsec.zones[i])
            r = bypass_add(search, "ipsec-policy", zone,
                           "only policies of IPsec in the kernel keep clear packets from addresses "
                           "of zone %s out, and once these are gone such packets pass; write "
                           "`ipsec: required` for the zone, or use an xfrm interface or WireGuard",
                           zone);
    }
    return r;
}

int bypass_find_carriers(struct bypass_search *search)
{
    int r = find_virtual_servers(search);

    if (r == 0)
        r = find_routes(search);
    return r == 0 ? find_ipsec_policies(search) : r;
}
