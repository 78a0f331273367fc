/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is the gateway's own: multicast and broadcast that the kernel gives back to it, groups that
 * a flow names, one of its addresses; and what passes below it, between the ports of a bridge.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/mroute.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 1900

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "gateway: { protect: true }\n"                                                                 \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [va], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [vb], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"
#define GROUPS                                                                                     \
    "  join: { from: gateway, to: b, services: [igmp] }\n"                                         \
    "  joined: { from: b, to: gateway, services: [igmp] }\n"

static const char *const interfaces[] = {"va", "vb"};
enum { A, B, N_HOSTS };

static void start(struct host *hosts)
{
    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
}

static unsigned index_of(const struct host *host, const char *interface)
{
    int home = host ? hosts_enter(host) : -1;
    unsigned index = if_nametoindex(interface);

    if (host)
        hosts_leave(home);
    ck_assert_uint_ne(index, 0);
    return index;
}

/* A socket of the host, or of the gateway, that sends to groups by `interface` and has joined. */
static int open_group(const struct host *host, enum family family, const char *interface,
                      const char *group)
{
    static const int on = 1;
    unsigned index = index_of(host, interface);
    int fd = hosts_udp(host, family, PORT);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    if (family == FAMILY_IPV4) {
        struct ip_mreqn request = {.imr_ifindex = (int)index};

        ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request)), 0);
        inet_pton(AF_INET, group, &request.imr_multiaddr);
        if (IN_MULTICAST(ntohl(request.imr_multiaddr.s_addr)))
            ck_assert_int_eq(
                setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)), 0);
    } else {
        struct ipv6_mreq request = {.ipv6mr_interface = index};

        inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr);
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)), 0);
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)),
                         0);
    }
    return fd;
}

struct group {
    enum family family;
    const char *address;
};

static const struct group groups[] = {
    {FAMILY_IPV4, "239.255.255.250"}, {FAMILY_IPV4, "224.0.0.251"}, {FAMILY_IPV4, "10.2.0.255"},
    {FAMILY_IPV6, "ff02::c"},         {FAMILY_IPV6, "ff05::c"},
};

START_TEST(what_the_kernel_gives_back_to_the_gateway_is_no_refusal)
{
    static const char policy[] =
        ZONES "flows:\n  m: { from: gateway, to: b, services: [udp/1900] }\n" GROUPS;
    const struct group *group = &groups[_i];
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int gateway, host;

    start(hosts);
    segd = segd_start(policy);
    host = open_group(&hosts[B], group->family, "eth0", group->address);
    gateway = open_group(NULL, group->family, "vb", group->address);
    for (unsigned i = 0; i < 2; i++) {
        char bytes[16];

        hosts_udp_send(gateway, group->family, group->address, PORT);
        ck_assert(hosts_readable(host, "no-flow/gateway/b", 0));
        ck_assert(hosts_readable(gateway, "no-flow/b/gateway", 0));
        ck_assert_int_eq(recv(host, bytes, sizeof(bytes), 0), 8);
        ck_assert_int_eq(recv(gateway, bytes, sizeof(bytes), 0), 8);
    }
    ck_assert_uint_eq(segd_dropped_total(), 0);
}
END_TEST

START_TEST(what_others_send_to_the_groups_of_the_gateway_is_judged)
{
    static const char policy[] =
        ZONES "flows:\n  m: { from: gateway, to: b, services: [udp/1900] }\n" GROUPS;
    const struct group *group = &groups[_i];
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int gateway, host;

    start(hosts);
    segd = segd_start(policy);
    host = open_group(&hosts[B], group->family, "eth0", group->address);
    gateway = open_group(NULL, group->family, "vb", group->address);
    hosts_udp_send(host, group->family, group->address, PORT);
    ck_assert(!hosts_readable(gateway, "no-flow/b/gateway", 0));
}
END_TEST

START_TEST(a_flow_names_one_group)
{
    static const char policy[] =
        ZONES "hosts:\n  ssdp: { zone: b, address: [239.255.255.250, 'ff05::c'] }\n"
              "flows:\n  m: { from: gateway, to: ssdp, services: [udp/1900] }\n" GROUPS;
    static const char *const named[] = {"239.255.255.250", "ff05::c"};
    static const char *const others[] = {"239.255.255.251", "ff05::d"};
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int gateway, host;

    start(hosts);
    segd = segd_start(policy);
    host = open_group(&hosts[B], (enum family)_i, "eth0", named[_i]);
    gateway = open_group(NULL, (enum family)_i, "vb", others[_i]);
    hosts_udp_send(gateway, (enum family)_i, named[_i], PORT);
    ck_assert(hosts_readable(host, "no-flow/gateway/b", 0));
    hosts_udp_send(gateway, (enum family)_i, others[_i], PORT);
    ck_assert(!hosts_readable(gateway, "no-flow/gateway/b", 0));
}
END_TEST

/* Has the kernel route the group from one wire to the other, as a multicast router tells it.
 * Returns the router's socket, or -1 for a kernel that cannot. */
static int route_group(const char *group, const char *source)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP), on = 1;
    struct mfcctl route = {.mfcc_parent = A, .mfcc_ttls = {[B] = 1}};

    ck_assert_int_ge(fd, 0);
    if (setsockopt(fd, IPPROTO_IP, MRT_INIT, &on, sizeof(on)) < 0) {
        ck_assert_int_eq(errno, ENOPROTOOPT);
        printf("SKIP: this kernel routes no multicast\n");
        close(fd);
        return -1;
    }
    for (unsigned i = 0; i < N_HOSTS; i++) {
        struct vifctl interface = {
            .vifc_vifi = (vifi_t)i,
            .vifc_flags = VIFF_USE_IFINDEX,
            .vifc_threshold = 1,
            .vifc_lcl_ifindex = (int)index_of(NULL, interfaces[i]),
        };

        ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, MRT_ADD_VIF, &interface, sizeof(interface)), 0);
    }
    inet_pton(AF_INET, group, &route.mfcc_mcastgrp);
    inet_pton(AF_INET, source, &route.mfcc_origin);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, MRT_ADD_MFC, &route, sizeof(route)), 0);
    return fd;
}

START_TEST(a_group_is_the_destination_of_a_routed_flow)
{
    static const char approved[] =
        ZONES "hosts:\n  ssdp: { zone: b, address: 239.255.255.250 }\n"
              "flows:\n  m: { from: a, to: ssdp, services: [udp/1900] }\n";
    static const char other[] =
        ZONES "hosts:\n  ssdp: { zone: b, address: 239.255.255.251 }\n"
              "flows:\n  m: { from: a, to: [ssdp, b], services: [udp/1900] }\n";
    cleanup_(closep) int router = -1;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    static const int hops = 4;
    int sender, receiver;
    char bytes[16];

    start(hosts);
    router = route_group("239.255.255.250", hosts[A].address[FAMILY_IPV4]);
    if (router < 0)
        return;
    segd = segd_start(approved);
    receiver = open_group(&hosts[B], FAMILY_IPV4, "eth0", "239.255.255.250");
    sender = open_group(&hosts[A], FAMILY_IPV4, "eth0", "239.255.255.252");
    ck_assert_int_eq(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)), 0);
    hosts_udp_send(sender, FAMILY_IPV4, "239.255.255.250", PORT);
    ck_assert(hosts_readable(receiver, "no-flow/a/b", 0));
    ck_assert_int_eq(recv(receiver, bytes, sizeof(bytes), 0), 8);
    segd_reload(segd, other);
    hosts_udp_send(sender, FAMILY_IPV4, "239.255.255.250", PORT);
    ck_assert(!hosts_readable(receiver, "no-flow/a/b", 0));
}
END_TEST

START_TEST(a_flow_names_one_address_of_the_gateway)
{
    static const char policy[] =
        ZONES "hosts:\n  gw-a: { zone: gateway, address: [10.1.0.1, 'fd00:1::1'] }\n"
              "flows:\n  s: { from: a, to: gw-a, services: [icmp/echo-request] }\n"
              "  out: { from: gw-a, to: a, services: [udp/7001] }\n";
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int socket;

    start(hosts);
    segd = segd_start(policy);
    ck_assert(hosts_ping(&hosts[A], (enum family)_i, hosts[A].gateway[_i], "no-flow/a/gateway"));
    ck_assert(!hosts_ping(&hosts[A], (enum family)_i, hosts[B].gateway[_i], "no-flow/a/gateway"));
    socket = hosts_udp(&hosts[A], (enum family)_i, 7001);
    hosts_udp_send(hosts_udp(NULL, (enum family)_i, 0), (enum family)_i, hosts[A].address[_i],
                   7001);
    ck_assert(hosts_readable(socket, "no-flow/gateway/a", 0));
}
END_TEST

#define WIRES_PROTECTED WIRES_POLICY "gateway: { protect: true }\nflows:\n"

/* A switch that asks who is in which group may have no address of its own. */
START_TEST(a_query_from_no_address_passes_where_igmp_is_approved)
{
    static const char approved[] =
        WIRES_PROTECTED "  q: { from: b, to: gateway, services: igmp }\n";
    static const char other[] = WIRES_PROTECTED "  q: { from: a, to: gateway, services: igmp }\n";
    const struct frame query = {
        .family = FAMILY_IPV4,
        .kind = FRAME_OTHER,
        .protocol = IPPROTO_IGMP,
        .source = 0,
        .destination = 0xe0000001,
        .destination_mac = {{0x01, 0x00, 0x5e, 0, 0, 1}},
    };
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(approved);

    ck_assert(!wires_try(lab, WIRE_B, &query, NULL));
    ck_assert_uint_eq(segd_passed("q", false), 1);
    ck_assert_uint_eq(segd_dropped_total(), 0);
    segd_reload(segd, other);
    ck_assert(!wires_try(lab, WIRE_B, &query, NULL));
    ck_assert_uint_eq(segd_dropped("no-flow/b/gateway"), 1);
}
END_TEST

/* Nobody on the wire speaks as the gateway, in a conversation that it has itself. */
START_TEST(an_address_of_the_gateway_is_forged)
{
    static const char policy[] =
        WIRES_PROTECTED "  in: { from: b, to: gateway, services: udp/5353 }\n"
                        "  out: { from: gateway, to: b, services: udp/5353 }\n";
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct frame frame = wires_udp(FAMILY_IPV6, WIRE_B, WIRE_A, 5353);

    ck_assert_int_eq(system("ip address add fd00:3::77/64 dev b0 nodad"), 0);
    segd = segd_start(policy);
    frame.destination = wires_parse("ff02::1");
    frame.destination_mac = (struct mac){{0x33, 0x33, 0, 0, 0, 1}};
    ck_assert(!wires_try(lab, WIRE_B, &frame, NULL));
    ck_assert_uint_eq(segd_dropped_total(), 0);
    ck_assert_uint_eq(segd_passed("in", false), 1);
    frame.source = wires_parse("fd00:3::77");
    wires_drop(lab, WIRE_B, &frame, NULL, "spoofed/b");
}
END_TEST

#define BRIDGE "/proc/sys/net/bridge/bridge-nf-call-"

static void write_setting(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, 1), 1);
    close(fd);
}

/* Host A and B at two ports of one bridge, whose packets the kernel gives to the rules. */
static bool start_bridge(struct host *hosts)
{
    start(hosts);
    hosts_ip(NULL, "link add br0 type bridge\nlink set va master br0\nlink set vb master br0\n"
                   "link set br0 up\naddr add 10.9.0.1/24 dev br0\n");
    hosts_ip(&hosts[A], "addr flush dev eth0\naddr add 10.9.0.2/24 dev eth0\n"
                        "addr add fd00:9::2/64 dev eth0 nodad\n");
    hosts_ip(&hosts[B], "addr flush dev eth0\naddr add 10.9.0.3/24 dev eth0\n"
                        "addr add fd00:9::3/64 dev eth0 nodad\n");
    if (access(BRIDGE "iptables", F_OK) < 0) {
        printf("SKIP: this kernel has no bridge-nf\n");
        return false;
    }
    write_setting(BRIDGE "iptables", "1");
    write_setting(BRIDGE "ip6tables", "1");
    return true;
}

#define BRIDGED                                                                                    \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  l: { class: other, interfaces: [br0], networks: [10.9.0.0/24, 'fd00:9::/64'], intra: %s "   \
    "}\n"                                                                                          \
    "  r: { class: other, interfaces: [r0], networks: [10.8.0.0/24] }\n"

static struct segd *start_bridged(const char *intra)
{
    char policy[1024];

    snprintf(policy, sizeof(policy), BRIDGED, intra);
    return segd_start(policy);
}

START_TEST(bridged_neighbours_find_each_other)
{
    static const char *const addresses[] = {"10.9.0.3", "fd00:9::3"};
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int socket;

    if (!start_bridge(hosts))
        return;
    segd = start_bridged("allow");
    socket = hosts_udp(&hosts[B], (enum family)_i, 7001);
    hosts_udp_send(hosts_udp(&hosts[A], (enum family)_i, 0), (enum family)_i, addresses[_i], 7001);
    ck_assert(hosts_readable(socket, "invalid/l/l", 0));
    ck_assert_uint_eq(segd_dropped("no-flow/l/l"), 0);
}
END_TEST

/* From no address to all, as a host does that has none yet; and the answer. */
START_TEST(bridged_dhcp_passes)
{
    static const int on = 1;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int client, server;

    if (!start_bridge(hosts))
        return;
    segd = start_bridged("allow");
    hosts_ip(&hosts[A], "addr del 10.9.0.2/24 dev eth0\nroute add default dev eth0\n");
    client = hosts_udp(&hosts[A], FAMILY_IPV4, 68);
    server = hosts_udp(&hosts[B], FAMILY_IPV4, 67);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    ck_assert_int_eq(setsockopt(server, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
    ck_assert_int_eq(setsockopt(server, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
    hosts_udp_send(client, FAMILY_IPV4, "255.255.255.255", 67);
    ck_assert(hosts_readable(server, "no-flow/l/l", 0));
    hosts_udp_send(server, FAMILY_IPV4, "255.255.255.255", 68);
    ck_assert(hosts_readable(client, "no-flow/l/l", 0));
    ck_assert_uint_eq(segd_dropped("no-flow/l/l"), 0);
}
END_TEST

START_TEST(nothing_bridged_passes_without_intra)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    int socket;

    if (!start_bridge(hosts))
        return;
    segd = start_bridged("deny");
    socket = hosts_udp(&hosts[B], FAMILY_IPV6, 7001);
    hosts_udp_send(hosts_udp(&hosts[A], FAMILY_IPV6, 0), FAMILY_IPV6, "fd00:9::3", 7001);
    ck_assert(!hosts_readable(socket, "invalid/l/l", 0));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, what_the_kernel_gives_back_to_the_gateway_is_no_refusal, 0,
                        (int)ELEMENTS_OF(groups));
    tcase_add_loop_test(tests, what_others_send_to_the_groups_of_the_gateway_is_judged, 0,
                        (int)ELEMENTS_OF(groups));
    tcase_add_loop_test(tests, a_flow_names_one_group, 0, FAMILIES);
    tcase_add_test(tests, a_group_is_the_destination_of_a_routed_flow);
    tcase_add_loop_test(tests, a_flow_names_one_address_of_the_gateway, 0, FAMILIES);
    tcase_add_test(tests, a_query_from_no_address_passes_where_igmp_is_approved);
    tcase_add_test(tests, an_address_of_the_gateway_is_forged);
    tcase_add_loop_test(tests, bridged_neighbours_find_each_other, 0, FAMILIES);
    tcase_add_test(tests, bridged_dhcp_passes);
    tcase_add_test(tests, nothing_bridged_passes_without_intra);
}
