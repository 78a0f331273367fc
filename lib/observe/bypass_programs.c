/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs that see a packet before or after the rules do and may send it elsewhere: XDP, the
 * filters of tc, and BPF programs attached beside tc (tcx). They are asked for here, because
 * attaching one by a BPF link notifies nobody. A queueing discipline without filters passes
 * packets in the order it likes, but all of them: it is no finding.
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "observe/bypass_private.h"

#define ROUTE_REQUEST_MAX 256
#define TRIES_MAX 16

/* Of enum bpf_attach_type, since Linux 6.6; the headers may be older. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

static int see_xdp(const struct nlmsghdr *message, void *userdata)
{
    const struct nlattr *xdp =
        attributes_find(attributes_after(message, sizeof(struct ifinfomsg)), IFLA_XDP);

    if (attribute_u8(attributes_find(attributes_in(xdp), IFLA_XDP_ATTACHED)) != XDP_ATTACHED_NONE)
        *(bool *)userdata = true;
    return 0;
}

static int find_xdp(struct bypass_search *search, const struct link *link)
{
    char buffer[ROUTE_REQUEST_MAX];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
    bool attached = false;
    int r;

    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    info->ifi_index = link->index;
    r = netlink_request(&search->route, request, see_xdp, &attached);
    if (r == -ENODEV)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, link->name, r);
    if (!attached)
        return 0;
    return bypass_add(search, "xdp-program", link->name,
                      "an XDP program on %s sees packets before the rules", link->name);
}

/* Filters of `kind` act on packets by these attributes of theirs; without, they only classify. */
struct classifier {
    const char *kind;
    uint16_t action;
};

static const struct classifier classifiers[] = {
    {"basic", TCA_BASIC_ACT},   {"cgroup", TCA_CGROUP_ACT}, {"flow", TCA_FLOW_ACT},
    {"flower", TCA_FLOWER_ACT}, {"fw", TCA_FW_ACT},         {"matchall", TCA_MATCHALL_ACT},
    {"route", TCA_ROUTE4_ACT},  {"u32", TCA_U32_ACT},
};

/* A kind that is not in the table, like a BPF program, may do anything. */
static bool filter_acts(struct attributes attributes)
{
    const struct nlattr *options = attributes_find(attributes, TCA_OPTIONS);
    const char *name = attribute_string(attributes_find(attributes, TCA_KIND));

    for (size_t i = 0; name && i < ELEMENTS_OF(classifiers); i++)
        if (strcmp(name, classifiers[i].kind) == 0)
            return attributes_find(attributes_in(options), classifiers[i].action);
    return true;
}

struct filters {
    bool present;
    bool acting;
};

static int see_filter(const struct nlmsghdr *message, void *userdata)
{
    struct filters *filters = userdata;

    if (message->nlmsg_type != RTM_NEWTFILTER)
        return 0;
    filters->present = true;
    filters->acting =
        filters->acting || filter_acts(attributes_after(message, sizeof(struct tcmsg)));
    return 0;
}

/* One dump about interface `index`, or all. Returns 0 or -errno. */
static int dump_tc(struct bypass_search *search, uint16_t type, int index, uint32_t parent,
                   netlink_handler handler, void *userdata)
{
    char buffer[ROUTE_REQUEST_MAX];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct tcmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->tcm_ifindex = index;
    message->tcm_parent = parent;
    return netlink_request(&search->route, request, handler, userdata);
}

/* Where filters may hang: a queueing discipline, or one side of `clsact`. */
struct place {
    int index;
    uint32_t parent;
    bool classifies; /* filters there choose a class; only an action goes past that */
    const char *direction;
};

struct places {
    struct place *places;
    size_t n_places;
    size_t capacity;
};

static void places_clear(struct places *places)
{
    free(places->places);
}

static int add_place(struct places *places, struct place place)
{
    return array_append(&places->places, &places->n_places, &places->capacity, &place,
                        sizeof(place));
}

static int see_discipline(const struct nlmsghdr *message, void *userdata)
{
    const struct tcmsg *info = mnl_nlmsg_get_payload(message);
    struct places *places = userdata;
    const char *kind;
    int r = 0;

    if (message->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(message) < sizeof(*info))
        return 0;
    kind = attribute_string(attributes_find(attributes_after(message, sizeof(*info)), TCA_KIND));
    if (!kind)
        return -EBADMSG;

    if (strcmp(kind, "clsact") == 0)
        r = add_place(places,
                      (struct place){info->tcm_ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
                                     false, "leave"});
    else if (strcmp(kind, "ingress") != 0) {
        /* One without a handle can be asked for only where it is the root. */
        if (info->tcm_handle == 0 && info->tcm_parent != TC_H_ROOT)
            return 0;
        return add_place(places,
                         (struct place){info->tcm_ifindex, info->tcm_handle, true, "leave"});
    }
    return r < 0 ? r
                 : add_place(places, (struct place){info->tcm_ifindex,
                                                    TC_H_MAKE(TC_H_INGRESS, TC_H_MIN_INGRESS),
                                                    false, "enter"});
}

static int judge_place(struct bypass_search *search, const struct place *place)
{
    const struct link *link = links_find_index(search->links, place->index);
    struct filters filters = {0};
    int r = -EINTR;

    if (!link || !bypass_carries_zone(search, link))
        return 0;
    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        filters = (struct filters){0};
        r = dump_tc(search, RTM_GETTFILTER, place->index, place->parent, see_filter, &filters);
    }
    if (r == -ENODEV)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, link->name, r);
    if (!(place->classifies ? filters.acting : filters.present))
        return 0;
    return bypass_add(search, "tc-program", link->name, "filters of tc act on packets that %s %s",
                      place->direction, link->name);
}

static int find_tc(struct bypass_search *search)
{
    cleanup_(places_clear) struct places places = {0};
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        places.n_places = 0;
        r = dump_tc(search, RTM_GETQDISC, 0, 0, see_discipline, &places);
    }
    /* A kernel without tc has nothing to hide there. */
    if (r == -EOPNOTSUPP)
        return 0;
    if (r < 0)
        return bypass_add_unknown(search, "filters of tc", r);

    for (size_t i = 0; r == 0 && i < places.n_places; i++)
        r = judge_place(search, &places.places[i]);
    return r;
}

/* Programs beside tc on one side of an interface. Returns their number, or -errno. */
static int count_tcx(const struct link *link, uint32_t type)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    /* Shares its place with target_ifindex, which older headers lack. */
    attributes.query.target_fd = (uint32_t)link->index;
    attributes.query.attach_type = type;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes)) < 0)
        return -errno;
    return (int)attributes.query.prog_cnt;
}

/* Returns 1 where no interface can be looked at, and one finding says so for all. */
static int find_tcx(struct bypass_search *search, const struct link *link)
{
    int enter = count_tcx(link, TCX_INGRESS);
    int leave = enter < 0 ? enter : count_tcx(link, TCX_EGRESS);
    int r;

    /* A kernel that does not know what is asked for does not have it: EINVAL, ENOSYS. */
    if (leave == -ENODEV || leave == -EINVAL || leave == -ENOSYS)
        return 0;
    if (leave < 0) {
        r = bypass_add_unknown(search, "BPF programs on interfaces", leave);
        return r < 0 ? r : 1;
    }
    if (enter + leave == 0)
        return 0;
    return bypass_add(search, "tc-program", link->name, "a BPF program acts on packets that %s %s",
                      enter > 0 ? "enter" : "leave", link->name);
}

static int find_on_interfaces(struct bypass_search *search,
                              int (*find)(struct bypass_search *, const struct link *))
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < links_count(search->links); i++)
        if (bypass_carries_zone(search, links_at(search->links, i)))
            r = find(search, links_at(search->links, i));
    return r < 0 ? r : 0;
}

int bypass_find_programs(struct bypass_search *search)
{
    int r = netlink_open_protocol(&search->route, NETLINK_ROUTE);

    if (r < 0)
        return bypass_add_unknown(search, "programs on interfaces", r);

    r = find_on_interfaces(search, find_xdp);
    if (r == 0)
        r = find_tc(search);
    if (r == 0)
        r = find_on_interfaces(search, find_tcx);
    netlink_close(&search->route);
    return r;
}
