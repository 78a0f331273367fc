/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every way around the ruleset is opened for real, found, closed again and no longer found; and
 * what is normal on a gateway is not taken for one: lib/observe/bypass.h.
 */

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <sys/socket.h>

#include "bypass_sample.h"
#include "checks.h"
#include "observe/bypass_private.h"
#include "policy/texts.h"

struct way {
    const char *code;
    const char *object;
    const char *prepare; /* or NULL */
    const char *open;
    const char *close;
};

#define TEMPLATE "tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel\n"

static const struct way ways[] = {
    {"bridged-zones", "br0", "ip link add br0 type bridge",
     "ip link set eth1 master br0\nip link set eth3 master br0", "ip link del dev br0"},
    {"bridged-zones", "br0", NULL, "ip link add br0 type bridge\nip link set eth1 master br0",
     "ip link set eth1 nomaster"},
    {"bridged-zones", "eth4",
     "ip link del eth4\nip link add eth4 type bridge\nip link set far3 master eth4\n"
     "ip link set eth4 up",
     "ip link set eth3 master eth4", "ip link set eth3 nomaster"},
    {"unnamed-interface", "x1", "ip link add x1 type veth peer name x2\nip link set x1 up",
     "ip link set x2 up", "ip link set x2 down"},
    {"unnamed-interface", "mac0", NULL,
     "ip link add mac0 link eth1 type macvlan\nip link set mac0 up", "ip link del dev mac0"},
    {"unnamed-interface", "trunk",
     "ip link del eth1\nip link add trunk type veth peer name far\nip link set trunk up\n"
     "ip link set far up\nip link add eth1 link trunk type macvlan\nip link set eth1 up",
     "ip address add 198.51.100.1/24 dev trunk", "ip address del 198.51.100.1/24 dev trunk"},
    {"misplaced-address", "eth1", NULL, "ip address add 10.2.0.2/24 dev eth1",
     "ip address del 10.2.0.2/24 dev eth1"},
    {"misplaced-address", "eth3", NULL, "ip address add fd00:1::2/64 dev eth3 nodad",
     "ip address del fd00:1::2/64 dev eth3"},
    {"misplaced-address", "eth2", NULL, "ip address add 203.0.113.2/24 dev eth2",
     "ip address del 203.0.113.2/24 dev eth2"},
    {"notrack", "inet other", NULL,
     "nft 'add table inet other; add chain inet other a; add rule inet other a counter notrack'",
     "nft flush chain inet other a"},
    {"notrack", "ip other", NULL,
     "nft 'add table ip other; add chain ip other a; add rule ip other a notrack'",
     "nft delete table ip other"},
    {"notrack", "ip6 other", NULL,
     "nft 'add table ip6 other; add chain ip6 other a; add rule ip6 other a notrack'",
     "nft delete table ip6 other"},
    {"notrack", "netdev other", NULL,
     "nft 'add table netdev other; add chain netdev other a; add rule netdev other a notrack'",
     "nft delete table netdev other"},
    {"notrack", "bridge other", NULL,
     "nft 'add table bridge other; add chain bridge other a; add rule bridge other a notrack'",
     "nft delete table bridge other"},
    {"tc-program", "eth1", "tc qdisc add dev eth1 clsact",
     "tc filter add dev eth1 ingress protocol ip u32 match u32 0 0 "
     "action mirred egress redirect dev eth3",
     "tc filter del dev eth1 ingress"},
    {"tc-program", "eth1", "tc qdisc add dev eth1 clsact",
     "tc filter add dev eth1 egress protocol ip u32 match u32 0 0 flowid 1:1",
     "tc filter del dev eth1 egress"},
    {"tc-program", "eth3", "tc qdisc add dev eth3 ingress",
     "tc filter add dev eth3 ingress protocol ip u32 match u32 0 0 flowid 1:1",
     "tc qdisc del dev eth3 ingress"},
    {"tc-program", "eth1",
     "tc qdisc add dev eth1 root handle 1: htb\n"
     "tc filter add dev eth1 parent 1: protocol ip u32 match u32 0 0 flowid 1:1",
     "tc filter add dev eth1 parent 1: protocol ip prio 7 u32 match u32 0 0 "
     "action mirred egress mirror dev eth3",
     "tc filter del dev eth1 parent 1: prio 7"},
    {"tc-program", "port",
     "ip link del eth4\nip link add eth4 type bridge\nip link set eth4 up\n"
     "ip link add port type veth peer name far\nip link set port master eth4 up\n"
     "tc qdisc add dev port clsact",
     "tc filter add dev port ingress protocol ip u32 match u32 0 0 flowid 1:1",
     "tc qdisc del dev port clsact"},
    {"forwarding-off", "net.ipv4.ip_forward", NULL, "echo 0 >/proc/sys/net/ipv4/ip_forward",
     "echo 1 >/proc/sys/net/ipv4/ip_forward"},
    {"forwarding-off", "net.ipv4.conf.eth2.forwarding", NULL,
     "echo 0 >/proc/sys/net/ipv4/conf/eth2/forwarding",
     "echo 1 >/proc/sys/net/ipv4/conf/eth2/forwarding"},
    {"source-routes", "net.ipv4.conf.eth1.accept_source_route",
     "echo 1 >/proc/sys/net/ipv4/conf/eth1/accept_source_route",
     "echo 1 >/proc/sys/net/ipv4/conf/all/accept_source_route",
     "echo 0 >/proc/sys/net/ipv4/conf/all/accept_source_route"},
    {"source-routes", "net.ipv4.conf.eth3.accept_source_route",
     "for i in 1 2 3 4; do echo 0 >/proc/sys/net/ipv4/conf/eth$i/accept_source_route; done\n"
     "echo 1 >/proc/sys/net/ipv4/conf/all/accept_source_route",
     "echo 1 >/proc/sys/net/ipv4/conf/eth3/accept_source_route",
     "echo 0 >/proc/sys/net/ipv4/conf/eth3/accept_source_route"},
    {"source-routes", "net.ipv6.conf.eth2.seg6_enabled",
     "echo 1 >/proc/sys/net/ipv6/conf/all/seg6_enabled",
     "echo 1 >/proc/sys/net/ipv6/conf/eth2/seg6_enabled",
     "echo 0 >/proc/sys/net/ipv6/conf/eth2/seg6_enabled"},
    {"source-routes", "net.ipv6.conf.eth4.rpl_seg_enabled",
     "echo 1 >/proc/sys/net/ipv6/conf/eth4/rpl_seg_enabled",
     "echo 1 >/proc/sys/net/ipv6/conf/all/rpl_seg_enabled",
     "echo 0 >/proc/sys/net/ipv6/conf/all/rpl_seg_enabled"},
    {"ipsec-policy", "server",
     "ip xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out " TEMPLATE
     "ip xfrm policy add src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd if_id 7 " TEMPLATE,
     "ip xfrm policy add src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd " TEMPLATE,
     "ip xfrm policy del src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd"},
    {"ipsec-policy", "world", NULL,
     "ip xfrm policy add src 0.0.0.0/0 dst 10.1.0.0/24 dir in " TEMPLATE, "ip xfrm policy flush"},
    {"alternative-name", "eth2", "ip link del eth2\nip link add wan0 type veth peer name far0\n",
     "ip link property add dev wan0 altname eth2", "ip link property del dev wan0 altname eth2"},
    {"own-address", "web", NULL, "ip address add 10.2.0.5/24 dev eth3",
     "ip address del 10.2.0.5/24 dev eth3"},
    {"own-address", "pc", NULL, "ip address add fd00:1::5/64 dev eth2 nodad",
     "ip address del fd00:1::5/64 dev eth2"},
    {"forwarding-off", "net.ipv6.conf.all.forwarding", NULL,
     "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
     "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"},
};

#define HOSTED                                                                                     \
    ZONES "hosts:\n"                                                                               \
          "  pc: { zone: office, address: [10.1.0.5, 'fd00:1::5'] }\n"                             \
          "  web: { zone: server, address: 10.2.0.5 }\n"                                           \
          "  own: { zone: gateway, address: [10.1.0.1, 'fd00:1::1'] }\n" FLOW

START_TEST(a_way_around_is_found_until_it_is_closed)
{
    cleanup_(look_clear) struct look look = {0};
    const struct way *way = &ways[_i];

    sandbox_enter();
    run(GATEWAY);
    if (way->prepare)
        run(way->prepare);
    assert_found(&look, HOSTED, NULL, NULL);
    run(way->open);
    assert_found(&look, HOSTED, way->code, way->object);
    run(way->close);
    assert_found(&look, HOSTED, NULL, NULL);
}
END_TEST

/* What may look like a way around and is none. */
static const char *const normal[] = {
    "ip link add x1 type veth peer name x2\nip link set x1 up",
    "ip link add br0 type bridge",
    "ip link set far1 down",
    "ip address add 169.254.7.7/16 dev eth1\nip address add fe80::77/64 dev eth3 nodad",
    "ip address add 10.1.7.7/24 dev eth2\nip address add 10.2.0.7/32 dev lo",
    "ip link del eth1\nip link add trunk type veth peer name far\nip link set trunk up\n"
    "ip link set far up\nip link add eth1 link trunk type macvlan\nip link set eth1 up",
    "ip link del eth4\nip link add eth4 type bridge\nip link add port type veth peer name x2\n"
    "ip link set port master eth4 up\nip link set x2 up\nip link set eth4 up\n"
    "ip link del dev x2",
    "tc qdisc add dev eth1 clsact\ntc qdisc add dev eth3 root tbf rate 1mbit burst 10k latency 9ms",
    "tc qdisc add dev far1 clsact\n"
    "tc filter add dev far1 ingress protocol ip u32 match u32 0 0 flowid 1:1",
    "nft 'add table inet other; add chain inet other a; add rule inet other a ct mark set 1 drop'",
    "ip link del eth1",
};

START_TEST(what_is_normal_is_not_found)
{
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    run(normal[_i]);
    assert_found(&look, ZONES FLOW, NULL, NULL);
}
END_TEST

/* What comes in by a port is its bridge's, so that one finding is enough. */
START_TEST(a_port_of_an_unnamed_bridge_is_no_finding_of_its_own)
{
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    run("ip link add br0 type bridge\nip link add mac0 link eth1 type macvlan\n"
        "ip link set mac0 master br0 up\nip link set br0 up\n");
    assert_found(&look, ZONES FLOW, "unnamed-interface", "br0");
    ck_assert_uint_eq(look.found.n_bypasses, 1);
}
END_TEST

#define ALL "/proc/sys/net/ipv4/conf/all/send_redirects"
#define SHARED "/proc/sys/net/ipv4/conf/eth4/send_redirects"

/* Hosts of two zones on one wire are told by the gateway itself to go around it. */
START_TEST(redirects_on_a_shared_wire_are_found)
{
    static const char policy[] =
        "segd: 1\ntimezone: Asia/Tokyo\nzones:\n"
        "  office: { class: other, interfaces: [eth1, eth2], networks: [10.1.0.0/24, "
        "'fd00:1::/64'] "
        "}\n"
        "  server: { class: other, interfaces: [eth3], networks: [10.2.0.0/24] }\n"
        "  one: { class: other, interfaces: [eth4], networks: [203.0.113.0/24] }\n"
        "  two: { class: other, interfaces: [eth4], networks: [198.51.100.0/24] }\n" FLOW;
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY "echo 0 >" ALL "\necho 1 >" SHARED "\n");
    assert_found(&look, policy, "shared-redirects", "eth4");
    ck_assert_uint_eq(look.found.n_bypasses, 1);
    run("echo 0 >" SHARED "\n");
    assert_found(&look, policy, NULL, NULL);
    run("echo 1 >" ALL "\n");
    assert_found(&look, policy, "shared-redirects", "eth4");
}
END_TEST

START_TEST(ipv6_need_not_be_forwarded_without_a_flow)
{
    static const char hosts[] =
        ZONES "hosts:\n"
              "  pc: { zone: office, address: 10.1.0.5 }\n"
              "flows:\n  web: { from: pc, to: server, services: tcp/443 }\n";
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    run("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding\n");
    assert_found(&look, hosts, NULL, NULL);
    run("echo 0 >/proc/sys/net/ipv4/ip_forward\n");
    assert_found(&look, hosts, "forwarding-off", "net.ipv4.ip_forward");
}
END_TEST

START_TEST(an_outline_needs_what_its_zones_may_need)
{
    cleanup_(policy_freep) struct policy *outline = NULL;
    cleanup_(look_clear) struct look look = {0};
    struct bypasses found;

    sandbox_enter();
    run(GATEWAY);
    look_again(&look, ZONES FLOW);
    ck_assert_int_eq(policy_outline(look.reading.policy, &outline), 0);
    ck_assert_int_eq(bypasses_find(outline, look.links, look.nftables, look.arena, &found), 0);
    ck_assert_uint_eq(found.n_bypasses, 0);
    run("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding\n");
    ck_assert_int_eq(bypasses_find(outline, look.links, look.nftables, look.arena, &found), 0);
    ck_assert_uint_eq(found.n_bypasses, 1);
    ck_assert_str_eq(found.bypasses[0].object, "net.ipv6.conf.all.forwarding");
}
END_TEST

START_TEST(bridged_packets_given_to_the_rules_are_found)
{
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    if (access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) < 0) {
        printf("SKIP: this kernel has no bridge-nf (%s)\n", strerror(errno));
        return;
    }
    run("ip link add br0 type bridge\necho 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
    run("ip link del dev br0\nip link del eth4\nip link add eth4 type bridge\n");
    assert_found(&look, ZONES FLOW, "bridge-netfilter", "net.bridge.bridge-nf-call-ip6tables");
    run("echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables\n"
        "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables\n");
    assert_found(&look, ZONES FLOW, "bridge-netfilter", "net.bridge.bridge-nf-call-iptables");
    run("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);

    /* Above a bridge, as VLAN devices on one are. */
    run("ip link del eth4\nip link add br0 type bridge\n"
        "ip link add eth4 link br0 type macvlan\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
    run("echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables\n");
    assert_found(&look, ZONES FLOW, "bridge-netfilter", "net.bridge.bridge-nf-call-iptables");
    ck_assert_ptr_nonnull(strstr(look.found.bypasses[0].message, "unknown-interface"));
}
END_TEST

#define FLOWTABLE "add flowtable inet other fast { hook ingress priority 0; devices = { eth1 }; }\n"

START_TEST(a_flowtable_is_found)
{
    cleanup_(freep) char *output = NULL;
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY);
    sandbox_nft("add table inet other\n");
    if (sandbox_nft_try(FLOWTABLE, &output) != 0) {
        ck_assert_msg(strstr(output, "No such file or directory") ||
                          strstr(output, "not supported"),
                      "%s", output);
        printf("SKIP: this kernel has no flowtables:\n%s", output);
        return;
    }
    assert_found(&look, ZONES FLOW, "flowtable", "inet other");
    sandbox_nft("delete flowtable inet other fast\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
}
END_TEST

static struct nlmsghdr *crafted(char *buffer, uint8_t family)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    header->nfgen_family = family;
    return message;
}

/* What a kernel with flowtables sends. */
START_TEST(a_flowtable_is_read_from_its_message)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct bypass_search search = {0};
    struct nlmsghdr *message;
    char buffer[512];

    ck_assert_int_eq(arena_new(&arena), 0);
    search.arena = arena;
    message = crafted(buffer, NFPROTO_IPV4);
    mnl_attr_put_strz(message, NFTA_FLOWTABLE_TABLE, "other");
    mnl_attr_put_strz(message, NFTA_FLOWTABLE_NAME, "fast");
    ck_assert_int_eq(bypass_see_flowtable(message, &search), 0);
    ck_assert_uint_eq(search.found.n_bypasses, 1);
    ck_assert_str_eq(search.found.bypasses[0].code, "flowtable");
    ck_assert_str_eq(search.found.bypasses[0].object, "ip other");
    ck_assert_ptr_nonnull(strstr(search.found.bypasses[0].message, "fast"));

    message = mnl_nlmsg_put_header(buffer);
    ck_assert_int_eq(bypass_see_flowtable(message, &search), -EBADMSG);
    ck_assert_int_eq(bypass_see_rule(message, &search), -EBADMSG);
}
END_TEST

static size_t see_target(const char *target, uint16_t flags)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct xt_ct_target_info information = {.flags = flags};
    struct bypass_search search = {0};
    struct nlattr *list, *element, *data;
    struct nlmsghdr *message;
    char buffer[512];

    ck_assert_int_eq(arena_new(&arena), 0);
    search.arena = arena;
    message = crafted(buffer, NFPROTO_IPV4);
    mnl_attr_put_strz(message, NFTA_RULE_TABLE, "raw");
    mnl_attr_put_strz(message, NFTA_RULE_CHAIN, "PREROUTING");
    list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
    element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message, NFTA_EXPR_NAME, "target");
    data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    mnl_attr_put_strz(message, NFTA_TARGET_NAME, target);
    mnl_attr_put(message, NFTA_TARGET_INFO, sizeof(information), &information);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, element);
    mnl_attr_nest_end(message, list);

    /* Two rules of one table are one finding. */
    ck_assert_int_eq(bypass_see_rule(message, &search), 0);
    ck_assert_int_eq(bypass_see_rule(message, &search), 0);
    return search.found.n_bypasses;
}

START_TEST(a_rule_of_iptables_is_read_from_its_message)
{
    ck_assert_uint_eq(see_target("CT", XT_CT_NOTRACK), 1);
    ck_assert_uint_eq(see_target("NOTRACK", 0), 1);
    ck_assert_uint_eq(see_target("CT", 0), 0);
    ck_assert_uint_eq(see_target("LOG", XT_CT_NOTRACK), 0);
}
END_TEST

/* Asking for the table makes the kernel set it up, as the older iptables does. */
START_TEST(a_table_of_the_older_iptables_is_found)
{
    cleanup_(look_clear) struct look look = {0};
    cleanup_(closep) int fd = -1;
    struct ipt_getinfo information = {.name = "raw"};
    socklen_t length = sizeof(information);

    sandbox_enter();
    run(GATEWAY);
    fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    ck_assert_int_ge(fd, 0);
    if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &information, &length) < 0) {
        ck_assert(errno == ENOPROTOOPT || errno == ENOENT);
        printf("SKIP: this kernel has no older iptables (%s)\n", strerror(errno));
        return;
    }
    assert_found(&look, ZONES FLOW, "legacy-tables", "iptables");
}
END_TEST

/* A route that unpacks: the inner packet was never judged. */
START_TEST(a_route_of_segment_routing_is_found)
{
    static const char *const add[] = {"ip",    "-6",        "route",  "add",     "fd00:99::/64",
                                      "encap", "seg6local", "action", "End.DT6", "table",
                                      "main",  "dev",       "eth1",   NULL};
    cleanup_(freep) char *output = NULL;
    cleanup_(look_clear) struct look look = {0};

    sandbox_enter();
    run(GATEWAY "ip -6 route add fd00:98::/64 dev eth1\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
    if (sandbox_run(add, NULL, &output) != 0) {
        ck_assert_msg(strstr(output, "not supported"), "%s", output);
        printf("SKIP: this kernel has no SRv6: %s", output);
        return;
    }
    assert_found(&look, ZONES FLOW, "segment-routes", "fd00:99::/64");
    run("ip -6 route del fd00:99::/64 dev eth1\n");
    assert_found(&look, ZONES FLOW, NULL, NULL);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, a_way_around_is_found_until_it_is_closed, 0, (int)ELEMENTS_OF(ways));
    tcase_add_loop_test(tests, what_is_normal_is_not_found, 0, (int)ELEMENTS_OF(normal));
    tcase_add_test(tests, a_port_of_an_unnamed_bridge_is_no_finding_of_its_own);
    tcase_add_test(tests, redirects_on_a_shared_wire_are_found);
    tcase_add_test(tests, ipv6_need_not_be_forwarded_without_a_flow);
    tcase_add_test(tests, an_outline_needs_what_its_zones_may_need);
    tcase_add_test(tests, bridged_packets_given_to_the_rules_are_found);
    tcase_add_test(tests, a_flowtable_is_found);
    tcase_add_test(tests, a_flowtable_is_read_from_its_message);
    tcase_add_test(tests, a_rule_of_iptables_is_read_from_its_message);
    tcase_add_test(tests, a_table_of_the_older_iptables_is_found);
    tcase_add_test(tests, a_route_of_segment_routing_is_found);
}
