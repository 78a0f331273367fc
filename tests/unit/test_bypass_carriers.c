/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Carriers of packets that few kernels have are found in what such a kernel tells: files below
 * /proc as it writes them, and messages: lib/observe/bypass_carriers.c, bypass_tables.c and, for
 * VRF devices, bypass.c. What every kernel has is opened for real in test_bypass.c.
 */

#include <errno.h>
#include <linux/capability.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bypass_sample.h"
#include "checks.h"
#include "observe/bypass_private.h"
#include "policy/texts.h"

/* A folder that stands for /proc. */
struct scene {
    struct look look;
    char proc[32];
};

static void scene_clear(struct scene *scene)
{
    const char *const arguments[] = {"rm", "-r", scene->proc, NULL};
    cleanup_(freep) char *output = NULL;

    ck_assert_int_eq(sandbox_run(arguments, NULL, &output), 0);
    look_clear(&scene->look);
}

static void enter(struct scene *scene, const char *policy)
{
    sandbox_enter();
    run(GATEWAY);
    look_again(&scene->look, policy);
    strcpy(scene->proc, "/tmp/test_bypass.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scene->proc));
}

/* Writes a file below the folder, with the folders that it needs. */
static void put(const struct scene *scene, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", scene->proc, name);
    for (char *at = path + strlen(scene->proc) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
        *at = '/';
    }
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static struct bypass_search search_of(const struct scene *scene)
{
    return (struct bypass_search){.policy = scene->look.reading.policy,
                                  .links = scene->look.links,
                                  .proc = scene->proc,
                                  .arena = scene->look.arena};
}

/* The one finding of `find`, or NULL where there is none. */
static const struct bypass *found(const struct scene *scene, int (*find)(struct bypass_search *))
{
    struct bypass_search search = search_of(scene);

    ck_assert_int_eq(find(&search), 0);
    ck_assert_uint_le(search.found.n_bypasses, 1);
    return search.found.bypasses;
}

static void assert_bypass(const struct bypass *bypass, const char *code, const char *object,
                          const char *part)
{
    ck_assert_ptr_nonnull(bypass);
    ck_assert_str_eq(bypass->code, code);
    ck_assert_str_eq(bypass->object, object);
    ck_assert_msg(strstr(bypass->message, part), "%s", bypass->message);
}

#define IPVS                                                                                       \
    "IP Virtual Server version 1.2.1 (size=4096)\n"                                                \
    "Prot LocalAddress:Port Scheduler Flags\n"                                                     \
    "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
#define OPEN                                                                                       \
    "segd: 1\ntimezone: Asia/Tokyo\nzones:\n"                                                      \
    "  office: { class: other, interfaces: [eth1, eth2], networks: 10.1.0.0/16 }\n"                \
    "  server: { class: other, interfaces: [eth3, eth4], networks: any }\n" FLOW

START_TEST(virtual_servers_are_found_where_the_gateway_is_not_protected)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, OPEN);
    ck_assert_ptr_null(found(&scene, bypass_find_carriers));
    put(&scene, "net/ip_vs", IPVS);
    ck_assert_ptr_null(found(&scene, bypass_find_carriers));
    put(&scene, "net/ip_vs",
        IPVS "TCP  0A010001:0050 wlc \n"
             "  -> 0A020005:0050      Masq    1      0          0         \n"
             "  -> 0A020006:0050      Masq    1      0          0         \n"
             "FWM  00000001 rr persistent 300 FFFFFFFF\n");
    assert_bypass(found(&scene, bypass_find_carriers), "virtual-servers", "ipvs",
                  "2 virtual servers");

    look_again(&scene.look, ZONES FLOW);
    ck_assert_ptr_null(found(&scene, bypass_find_carriers));
    put(&scene, "sys/net/ipv4/vs/conntrack", "0\n");
    ck_assert_ptr_null(found(&scene, bypass_find_carriers));
    put(&scene, "sys/net/ipv4/vs/conntrack", "1\n");
    assert_bypass(found(&scene, bypass_find_carriers), "virtual-servers", "ipvs",
                  "set net.ipv4.vs.conntrack to 0");
}
END_TEST

static const struct bypass *judge_routes(const struct scene *scene,
                                         const struct bypass_routes *routes)
{
    struct bypass_search search = search_of(scene);

    ck_assert_int_eq(bypass_judge_routes(&search, routes), 0);
    ck_assert_uint_le(search.found.n_bypasses, 1);
    return search.found.bypasses;
}

static struct nlmsghdr *route_message(char *buffer, uint8_t family, uint8_t length)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

    message->nlmsg_type = RTM_NEWROUTE;
    route->rtm_family = family;
    route->rtm_dst_len = length;
    return message;
}

START_TEST(label_routes_are_found_where_labels_come_in)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct bypass_routes routes = {0};
    char buffer[256];

    enter(&scene, OPEN);
    put(&scene, "sys/net/mpls/conf/eth1/input", "1\n");
    put(&scene, "sys/net/mpls/conf/eth3/input", "0\n");
    ck_assert_ptr_null(judge_routes(&scene, &routes));

    ck_assert_int_eq(bypass_see_route(route_message(buffer, AF_MPLS, 20), &routes), 0);
    ck_assert_int_eq(bypass_see_route(route_message(buffer, AF_INET, 24), &routes), 0);
    ck_assert_int_eq(bypass_see_route(route_message(buffer, AF_INET6, 64), &routes), 0);
    ck_assert_uint_eq(routes.labels, 1);
    ck_assert_uint_eq(routes.segments, 0);
    assert_bypass(judge_routes(&scene, &routes), "label-routes", "net.mpls.conf.eth1.input",
                  "1 route of MPLS");

    put(&scene, "sys/net/mpls/conf/eth1/input", "0\n");
    ck_assert_ptr_null(judge_routes(&scene, &routes));
    /* Labels that come in by an interface of no zone are no way around: nothing of a zone does. */
    put(&scene, "sys/net/mpls/conf/lo/input", "1\n");
    ck_assert_ptr_null(judge_routes(&scene, &routes));
}
END_TEST

/* What the kernel sends of a route with two ways, the second by segment routing. */
START_TEST(segment_routing_is_found_in_one_of_several_ways)
{
    struct bypass_routes routes = {0};
    struct nlmsghdr *message;
    struct rtnexthop *way;
    struct nlattr *ways;
    char buffer[512];

    message = route_message(buffer, AF_INET6, 64);
    ways = mnl_attr_nest_start(message, RTA_MULTIPATH);
    for (unsigned i = 0; i < 2; i++) {
        way = mnl_nlmsg_get_payload_tail(message);
        *way = (struct rtnexthop){.rtnh_len = sizeof(*way)};
        message->nlmsg_len += (uint32_t)sizeof(*way);
        if (i == 0)
            continue;
        mnl_attr_put_u16(message, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL);
        way->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(message) - (const char *)way);
    }
    mnl_attr_nest_end(message, ways);
    ck_assert_int_eq(bypass_see_route(message, &routes), 0);
    ck_assert_uint_eq(routes.segments, 1);

    way->rtnh_len = 2;
    routes = (struct bypass_routes){0};
    ck_assert_int_eq(bypass_see_route(message, &routes), 0);
    ck_assert_uint_eq(routes.segments, 0);
    ck_assert_int_eq(bypass_see_route(mnl_nlmsg_put_header(buffer), &routes), -EBADMSG);
}
END_TEST

/* Whether a policy of IPsec with these properties is taken for one of zone `server`. */
static bool is_seen(const struct bypass_search *search, struct xfrm_userpolicy_info info,
                    bool template, uint32_t interface, uint32_t mark)
{
    struct bypass_ipsec ipsec = {.search = search};
    struct xfrm_user_tmpl required = {.family = AF_INET};
    struct xfrm_mark marked = {.v = mark, .m = mark};
    char buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = XFRM_MSG_NEWPOLICY;
    memcpy(mnl_nlmsg_put_extra_header(message, sizeof(info)), &info, sizeof(info));
    if (template)
        mnl_attr_put(message, XFRMA_TMPL, sizeof(required), &required);
    if (interface)
        mnl_attr_put_u32(message, XFRMA_IF_ID, interface);
    if (mark)
        mnl_attr_put(message, XFRMA_MARK, sizeof(marked), &marked);
    ck_assert_int_eq(bypass_see_ipsec_policy(message, &ipsec), 0);
    ck_assert(!ipsec.zones[0] && !ipsec.zones[2]);
    return ipsec.zones[1];
}

START_TEST(policies_of_ipsec_are_found_for_zones_that_need_them)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct xfrm_userpolicy_info info = {
        .sel = {.family = AF_INET, .prefixlen_s = 24, .prefixlen_d = 0}, .dir = XFRM_POLICY_FWD};
    struct bypass_search search;

    enter(&scene, ZONES FLOW);
    search = search_of(&scene);
    address_to_bytes(FAMILY_IPV4, (ip_number)0x0a020000, (uint8_t *)&info.sel.saddr);
    ck_assert(is_seen(&search, info, true, 0, 0));
    ck_assert(!is_seen(&search, info, false, 0, 0));
    ck_assert(!is_seen(&search, info, true, 7, 0));
    ck_assert(!is_seen(&search, info, true, 0, 7));
    info.action = XFRM_POLICY_BLOCK;
    ck_assert(!is_seen(&search, info, true, 0, 0));
    info.action = XFRM_POLICY_ALLOW;
    info.dir = XFRM_POLICY_OUT;
    ck_assert(!is_seen(&search, info, true, 0, 0));

    look_again(&scene.look,
               "segd: 1\ntimezone: Asia/Tokyo\nzones:\n"
               "  office: { class: other, interfaces: [eth1, eth2], networks: 10.1.0.0/16 }\n"
               "  server: { class: other, interfaces: [eth3, eth4], networks: 10.2.0.0/16, "
               "ipsec: required }\n" FLOW);
    search = search_of(&scene);
    info.dir = XFRM_POLICY_IN;
    ck_assert(!is_seen(&search, info, true, 0, 0));
}
END_TEST

/* What is said of port eth3 of VRF device `red`, where these are the interfaces of two zones. */
static const struct bypass *judge_vrf(struct scene *scene, const char *one, const char *two)
{
    const struct link vrf = {.index = 90, .name = "red", .kind = "vrf"};
    const struct link port = {.index = 91, .name = "eth3", .kind = "", .master = 90};
    struct bypass_search search;
    char policy[512];

    snprintf(policy, sizeof(policy),
             "segd: 1\ntimezone: Asia/Tokyo\nzones:\n"
             "  office: { class: other, interfaces: [%s], networks: 10.1.0.0/16 }\n"
             "  server: { class: other, interfaces: [%s], networks: 10.2.0.0/16 }\n" FLOW,
             one, two);
    look_again(&scene->look, policy);
    search = search_of(scene);
    ck_assert_int_eq(bypass_judge_vrf(&search, &vrf, &port), 0);
    return search.found.bypasses;
}

START_TEST(a_vrf_device_belongs_to_the_zone_of_its_ports)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, OPEN);
    ck_assert_ptr_null(judge_vrf(&scene, "eth1", "eth3, red"));
    ck_assert_ptr_null(judge_vrf(&scene, "eth1", "eth2"));
    ck_assert_ptr_null(judge_vrf(&scene, "eth1, red, eth3", "eth2, red, eth3"));
    assert_bypass(judge_vrf(&scene, "eth1", "eth3"), "vrf-not-in-zone", "eth3", "VRF device red");
    assert_bypass(judge_vrf(&scene, "eth1, red", "eth3"), "vrf-not-in-zone", "eth3",
                  "VRF device red");
    assert_bypass(judge_vrf(&scene, "eth1, red", "eth3, red"), "shared-vrf", "red",
                  "zones office and server");
}
END_TEST

START_TEST(tables_of_the_older_iptables_are_named)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, OPEN);
    ck_assert_ptr_null(found(&scene, bypass_find_legacy));
    put(&scene, "net/ip_tables_names", "");
    put(&scene, "net/ip6_tables_names", "nat\n");
    ck_assert_ptr_null(found(&scene, bypass_find_legacy));
    put(&scene, "net/ip_tables_names", "nat\nraw\nfilter\n");
    assert_bypass(found(&scene, bypass_find_legacy), "legacy-tables", "iptables", "(filter, raw)");
    put(&scene, "net/ip_tables_names", "nat\n");
    put(&scene, "net/ip6_tables_names", "security\nmangle\n");
    assert_bypass(found(&scene, bypass_find_legacy), "legacy-tables", "ip6tables",
                  "(mangle, security)");
}
END_TEST

/* As segd is where systemd runs it: root's files cannot be opened. */
static void give_up_files(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
    data[0].effective &= ~((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH));
    ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(modules_tell_of_tables_whose_names_are_hidden)
{
    cleanup_(scene_clear) struct scene scene = {0};
    char path[64];

    enter(&scene, OPEN);
    give_up_files();
    put(&scene, "net/ip_tables_names", "filter\n");
    snprintf(path, sizeof(path), "%s/net/ip_tables_names", scene.proc);
    ck_assert_int_eq(chmod(path, 0), 0);
    put(&scene, "modules", "iptable_nat 16384 0 - Live 0x0\nip6table_raw 16384 0 - Live 0x0\n");
    ck_assert_ptr_null(found(&scene, bypass_find_legacy));
    put(&scene, "modules", "iptable_filter 16384 1 - Live 0x0\n");
    assert_bypass(found(&scene, bypass_find_legacy), "legacy-tables", "iptables",
                  "modules for tables");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, virtual_servers_are_found_where_the_gateway_is_not_protected);
    tcase_add_test(tests, label_routes_are_found_where_labels_come_in);
    tcase_add_test(tests, segment_routing_is_found_in_one_of_several_ways);
    tcase_add_test(tests, policies_of_ipsec_are_found_for_zones_that_need_them);
    tcase_add_test(tests, a_vrf_device_belongs_to_the_zone_of_its_ports);
    tcase_add_test(tests, tables_of_the_older_iptables_are_named);
    tcase_add_test(tests, modules_tell_of_tables_whose_names_are_hidden);
}
