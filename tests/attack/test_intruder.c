/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What somebody inside one zone may try with packets alone. A connection that passes is a door: the
 * tests look for who else can use it, and where else it may lead.
 */

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001

/* A flow that interfaces tell, and one of two zones on a side, that they do not. */
static const char *const policies[] = {
    WIRES_POLICY "flows:\n"
                 "  open: { from: a, to: b, services: [udp/7001] }\n",
    WIRES_POLICY "flows:\n"
                 "  open: { from: [a, c], to: b, services: [udp/7001] }\n",
};
#define N_POLICIES ((int)(sizeof(policies) / sizeof(policies[0])))
static const uint16_t unreachable[FAMILIES] = {3 * 256 + 1, 1 * 256};

static struct lab *start(int policy, struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    *ret_gateway = segd_start(policies[policy]);
    return lab;
}

/* Opens the connection by a packet in each direction. */
static void open_udp(struct lab *lab, enum family family)
{
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
}

START_TEST(third_zone_sends_no_errors_into_a_connection)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame quoted = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame error = wires_icmp(family, WIRE_C, WIRE_A, unreachable[family]);

    open_udp(lab, family);
    error.destination = quoted.source;
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &quoted}));
    error.destination = quoted.destination;
    quoted = wires_answer(&quoted);
    ck_assert(!wires_try(lab, WIRE_C, &error, &(struct frame_options){.quoted = &quoted}));
}
END_TEST

/* The address has a route of its own from now on. */
static void route_elsewhere(struct lab *lab, enum family family, ip_number address,
                            enum wire_number wire)
{
    ck_assert_int_eq(lab_add_route(lab, wire, family, (struct range){address, address}), 0);
}

/* The zone's wire fails and its route goes: the default route, or whatever is next, leads into
 * another zone. */
START_TEST(open_connection_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    open_udp(lab, family);
    route_elsewhere(lab, family, request.destination, WIRE_C);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/c");
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
}
END_TEST

START_TEST(answer_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    open_udp(lab, family);
    route_elsewhere(lab, family, request.source, WIRE_C);
    wires_drop(lab, WIRE_B, &answer, NULL, "no-flow/c/b");
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
}
END_TEST

/* What the answers of its other side would be, as far as the interface that it leaves by tells. */
START_TEST(open_connection_does_not_turn_back)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    open_udp(lab, family);
    route_elsewhere(lab, family, request.destination, WIRE_A);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/a");
    route_elsewhere(lab, family, request.source, WIRE_B);
    wires_drop(lab, WIRE_B, &answer, NULL, "no-flow/b/b");
}
END_TEST

START_TEST(open_connection_does_not_follow_a_route_out_of_all_zones)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);

    open_udp(lab, family);
    route_elsewhere(lab, family, request.destination, WIRE_STRAY);
    wires_drop(lab, WIRE_A, &request, NULL, "unknown-interface");
}
END_TEST

START_TEST(open_connection_follows_a_route_inside_its_zone)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&request);

    open_udp(lab, family);
    route_elsewhere(lab, family, request.source, WIRE_A_OTHER);
    wires_pass(lab, WIRE_B, WIRE_A_OTHER, &answer, NULL);
    wires_pass(lab, WIRE_A_OTHER, WIRE_B, &request, NULL);
}
END_TEST

START_TEST(error_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)(_i % FAMILIES);
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(_i / FAMILIES, &segd);
    struct frame quoted = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame error = wires_icmp(family, WIRE_B, WIRE_A, unreachable[family]);
    const struct frame_options quoting = {.quoted = &quoted};

    open_udp(lab, family);
    error.destination = quoted.source;
    wires_pass(lab, WIRE_B, WIRE_A, &error, &quoting);
    route_elsewhere(lab, family, quoted.source, WIRE_C);
    wires_drop(lab, WIRE_B, &error, &quoting, "no-flow/c/b");
}
END_TEST

#define GATEWAY_POLICY                                                                             \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"            \
    "  c: { class: other, interfaces: [c0], networks: [10.3.0.0/24, 'fd00:3::/64'] }\n"            \
    "gateway: { protect: true }\n"                                                                 \
    "flows:\n"                                                                                     \
    "  updates: { from: gateway, to: b, services: [tcp/7001] }\n"                                  \
    "  admin: { from: a, to: gateway, services: [tcp/7002, udp/7002] }\n"                          \
    "  open: { from: a, to: b, services: [udp/7001] }\n"

static const char *const interfaces[] = {"a0", "b0", "c0"};
enum { A, B, C, N_HOSTS };

/* The same for a host with a stack of its own: its address is behind c0 now. */
static void move_to_c(const struct host *hosts, int host, enum family family)
{
    char command[256];

    snprintf(command, sizeof(command), "route add %s via %s\n", hosts[host].address[family],
             hosts[C].address[family]);
    hosts_ip(NULL, command);
}

START_TEST(connection_of_the_gateway_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)_i;
    struct host hosts[N_HOSTS];
    struct stream out, out_back, in, in_back;
    cleanup_(segd_freep) struct segd *segd = NULL;

    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    segd = segd_start(GATEWAY_POLICY);
    hosts_connect(NULL, family, hosts[B].address[family], 7001,
                  hosts_listen(&hosts[B], family, 7001), &out, &out_back);
    hosts_connect(&hosts[A], family, hosts[A].gateway[family], 7002,
                  hosts_listen(NULL, family, 7002), &in, &in_back);
    stream_pass(&out, 5000);
    stream_pass(&in_back, 5000);
    move_to_c(hosts, B, family);
    stream_stops(&out, "no-flow", "gateway", "c");
    move_to_c(hosts, A, family);
    stream_stops(&in_back, "no-flow", "gateway", "c");
}
END_TEST

/* Of the process's network namespace. */
static void accept_source_routes(void)
{
    static const char *const ends[] = {"all", "default", "a0", "eth0"};

    for (size_t i = 0; i < ELEMENTS_OF(ends); i++) {
        char path[80];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/accept_source_route", ends[i]);
        file = fopen(path, "we");
        if (!file && i > 1) /* the gateway has the one, the host the other */
            continue;
        ck_assert_ptr_nonnull(file);
        ck_assert_int_gt(fputs("1", file), 0);
        ck_assert_int_eq(fclose(file), 0);
    }
}

/*
 * A connection to an address that the gateway has in another zone; its packets then ask to be sent
 * on into that zone. Connection tracking sees the gateway as their destination, and so do the
 * rules.
 */
START_TEST(connection_to_the_gateway_leads_nowhere_else)
{
    static const uint8_t via_gateway[] = {
        1 /* nothing */, 0x83 /* loose source route */, 7, 4, 10, 2, 0, 1};
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    uint8_t bytes[8];
    int in, at, home;

    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    accept_source_routes();
    home = hosts_enter(&hosts[B]);
    accept_source_routes();
    hosts_leave(home);
    segd = segd_start(GATEWAY_POLICY);

    in = hosts_udp_at(NULL, FAMILY_IPV4, hosts[B].gateway[FAMILY_IPV4], 7002);
    at = hosts_udp(&hosts[B], FAMILY_IPV4, 7002);
    home = hosts_udp(&hosts[A], FAMILY_IPV4, 7003);
    hosts_udp_send(home, FAMILY_IPV4, hosts[B].gateway[FAMILY_IPV4], 7002);
    ck_assert_int_eq(recv(in, bytes, sizeof(bytes), 0), sizeof(bytes));
    hosts_udp_send(in, FAMILY_IPV4, hosts[A].address[FAMILY_IPV4], 7003);
    ck_assert_int_eq(recv(home, bytes, sizeof(bytes), 0), sizeof(bytes));

    ck_assert_int_eq(setsockopt(home, IPPROTO_IP, IP_OPTIONS, via_gateway, sizeof(via_gateway)), 0);
    hosts_udp_send(home, FAMILY_IPV4, hosts[B].address[FAMILY_IPV4], 7002);
    ck_assert(!hosts_readable(at, "no-flow/a/b", 0));
}
END_TEST

/* Sends a first packet that is larger than what b0 takes; the socket is told what comes of it. */
static int send_large(const struct host *host, enum family family, const char *address)
{
    static const uint8_t bytes[1400];
    int socket = hosts_udp(host, family, 0), on = 1, probe = IP_PMTUDISC_PROBE;
    bool ipv4 = family == FAMILY_IPV4;
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    const struct sockaddr *to =
        ipv4 ? (const struct sockaddr *)&to4 : (const struct sockaddr *)&to6;

    ck_assert_int_eq(setsockopt(socket, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                                ipv4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on)),
                     0);
    ck_assert_int_eq(setsockopt(socket, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                                ipv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe, sizeof(probe)),
                     0);
    ck_assert_int_eq(inet_pton(ipv4 ? AF_INET : AF_INET6, address,
                               ipv4 ? (void *)&to4.sin_addr : (void *)&to6.sin6_addr),
                     1);
    ck_assert_int_eq(sendto(socket, bytes, sizeof(bytes), 0, to, ipv4 ? sizeof(to4) : sizeof(to6)),
                     sizeof(bytes));
    return socket;
}

/* What the gateway says of a packet of zone a is for zone a. */
START_TEST(error_of_the_gateway_does_not_follow_a_route_into_another_zone)
{
    enum family family = (enum family)_i;
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    int socket;

    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    hosts_ip(NULL, "link set b0 mtu 1300\n");
    segd = segd_start(GATEWAY_POLICY);
    socket = send_large(&hosts[A], family, hosts[B].address[family]);
    ck_assert(hosts_readable(socket, "no-flow/a/gateway", 0));
    move_to_c(hosts, A, family);
    socket = send_large(&hosts[A], family, hosts[B].address[family]);
    ck_assert(!hosts_readable(socket, "no-flow/c/gateway", 0));
    ck_assert_uint_eq(segd_dropped_total(), 1);
}
END_TEST

START_TEST(mark_of_a_foreign_table_approves_nothing_new)
{
    enum family family = (enum family)_i;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(0, &segd);
    cleanup_(freep) char *listing = segd_list();
    struct frame other = wires_udp(family, WIRE_C, WIRE_B, PORT);
    const char *live = strstr(listing, "set live {");
    char foreign[256];

    ck_assert_ptr_nonnull(live);
    snprintf(foreign, sizeof(foreign),
             "table inet foreign {\n"
             " chain marker { type filter hook prerouting priority mangle\n ct mark set %.10s\n }\n"
             "}\n",
             strstr(live, "0x"));
    sandbox_nft(foreign);
    wires_drop(lab, WIRE_C, &other, NULL, "no-flow/c/b");
    other = wires_udp(family, WIRE_A, WIRE_B, PORT + 1);
    wires_drop(lab, WIRE_A, &other, NULL, "no-flow/a/b");
    open_udp(lab, family);
}
END_TEST

/*
 * The digests of these two meet in 32 bits: `aa` goes by name first and has the digest as its id,
 * `bb` another one, until `aa` is revoked.
 */
START_TEST(revoked_connection_does_not_live_on_under_the_id_of_another_flow)
{
    static const char head[] = WIRES_POLICY "hosts:\n"
                                            "  ha: { zone: a, address: 10.1.0.7 }\n"
                                            "  hb: { zone: b, address: 10.3.0.9 }\n"
                                            "flows:\n"
                                            "  bb: { from: ha, to: hb, services: [tcp/8204] }\n";
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct frame request = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 13913);
    struct frame answer = wires_answer(&request);
    char both[1024];

    snprintf(both, sizeof(both), "%s  aa: { from: ha, to: hb, services: [udp/13913] }\n", head);
    segd = segd_start(both);
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    segd_reload(segd, head);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_B, &answer, NULL, "no-flow/a/b");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, third_zone_sends_no_errors_into_a_connection, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, open_connection_does_not_follow_a_route_into_another_zone, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, answer_does_not_follow_a_route_into_another_zone, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, open_connection_does_not_turn_back, 0, N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, open_connection_does_not_follow_a_route_out_of_all_zones, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, open_connection_follows_a_route_inside_its_zone, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, error_does_not_follow_a_route_into_another_zone, 0,
                        N_POLICIES * FAMILIES);
    tcase_add_loop_test(tests, connection_of_the_gateway_does_not_follow_a_route_into_another_zone,
                        0, FAMILIES);
    tcase_add_test(tests, connection_to_the_gateway_leads_nowhere_else);
    tcase_add_loop_test(tests, error_of_the_gateway_does_not_follow_a_route_into_another_zone, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, mark_of_a_foreign_table_approves_nothing_new, 0, FAMILIES);
    tcase_add_test(tests, revoked_connection_does_not_live_on_under_the_id_of_another_flow);
}
