/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A gateway that protects itself: what comes for it and what it sends is judged like everything
 * else, and the link under it stays alive. Stacks are real, so ARP and neighbour discovery happen
 * before every first packet.
 */

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"
#define PROTECT "gateway: { protect: true }\n"

static const char protected_policy[] =
    ZONES PROTECT "flows:\n"
                  "  ping: { from: a, to: gateway, services: [icmp/echo-request] }\n"
                  "  admin: { from: a, to: gateway, services: [tcp/7001, udp/7001] }\n"
                  "  updates: { from: gateway, to: b, services: [tcp/7002, udp/7002] }\n";
static const char without_flows[] =
    ZONES PROTECT "flows:\n"
                  "  other: { from: a, to: b, services: [udp/9] }\n";
static const char unprotected_policy[] = ZONES "flows:\n"
                                               "  other: { from: a, to: b, services: [udp/9] }\n";

static const char *const interfaces[] = {"a0", "b0", "stray0"};
enum { A, B, STRAY, N_HOSTS };

static void start(struct host *hosts)
{
    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
}

START_TEST(declared_ping_reaches_the_gateway)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;

    start(hosts);
    segd = segd_start(protected_policy);
    ck_assert(hosts_ping(&hosts[A], (enum family)_i, hosts[A].gateway[_i], "no-flow/a/gateway"));
    /* To its address on another side too: it is the gateway all the same. */
    ck_assert(hosts_ping(&hosts[A], (enum family)_i, hosts[B].gateway[_i], "no-flow/a/gateway"));
    ck_assert_uint_ge(segd_passed("ping", false), 2);
    ck_assert_uint_ge(segd_passed("ping", true), 2);
    ck_assert(!hosts_ping(&hosts[B], (enum family)_i, hosts[B].gateway[_i], "no-flow/b/gateway"));
    ck_assert(
        !hosts_ping(&hosts[STRAY], (enum family)_i, hosts[STRAY].gateway[_i], "unknown-interface"));
}
END_TEST

START_TEST(declared_connections_work_in_both_directions)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct stream in, in_back, out, out_back;

    start(hosts);
    segd = segd_start(protected_policy);
    hosts_connect(&hosts[A], family, hosts[A].gateway[_i], 7001, hosts_listen(NULL, family, 7001),
                  &in, &in_back);
    stream_pass(&in, 5000);
    stream_pass(&in_back, 5000);
    hosts_connect(NULL, family, hosts[B].address[_i], 7002, hosts_listen(&hosts[B], family, 7002),
                  &out, &out_back);
    stream_pass(&out, 5000);
    stream_pass(&out_back, 5000);
    ck_assert_uint_ge(segd_passed("admin", false), 5);
    ck_assert_uint_ge(segd_passed("updates", true), 5);
    segd_reload(segd, without_flows);
    stream_stops(&in, "no-flow", "a", "gateway");
    stream_stops(&in_back, "no-flow", "a", "gateway");
    stream_stops(&out, "no-flow", "b", "gateway");
    stream_stops(&out_back, "no-flow", "b", "gateway");
    segd_reload(segd, protected_policy);
    stream_receive_all(&in);
    stream_receive_all(&out);
}
END_TEST

START_TEST(undeclared_packets_do_not_reach_or_leave_the_gateway)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    int socket;
    uint64_t before;

    start(hosts);
    segd = segd_start(protected_policy);
    socket = hosts_udp(NULL, family, 7001);
    before = segd_dropped("no-flow/b/gateway");
    hosts_udp_send(hosts_udp(&hosts[B], family, 0), family, hosts[B].gateway[_i], 7001);
    ck_assert(!hosts_readable(socket, "no-flow/b/gateway", before));
    socket = hosts_udp(NULL, family, 7009);
    before = segd_dropped("no-flow/a/gateway");
    hosts_udp_send(hosts_udp(&hosts[A], family, 0), family, hosts[A].gateway[_i], 7009);
    ck_assert(!hosts_readable(socket, "no-flow/a/gateway", before));
    socket = hosts_udp(&hosts[A], family, 7002);
    before = segd_dropped("no-flow/gateway/a");
    hosts_udp_send(hosts_udp(NULL, family, 0), family, hosts[A].address[_i], 7002);
    ck_assert(!hosts_readable(socket, "no-flow/gateway/a", before));
    socket = hosts_udp(&hosts[STRAY], family, 7002);
    before = segd_dropped("unknown-interface");
    hosts_udp_send(hosts_udp(NULL, family, 0), family, hosts[STRAY].address[_i], 7002);
    ck_assert(!hosts_readable(socket, "unknown-interface", before));
}
END_TEST

START_TEST(loopback_works)
{
    static const char *const loopback[FAMILIES] = {"127.0.0.1", "::1"};
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct stream there, back;
    int listener;

    start(hosts);
    segd = segd_start(without_flows);
    listener = hosts_listen(NULL, family, 7001);
    hosts_connect(NULL, family, loopback[_i], 7001, listener, &there, &back);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    /* The gateway's own address is loopback for itself. */
    hosts_connect(NULL, family, hosts[A].gateway[_i], 7001, listener, &there, &back);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    stream_nothing_lost(&there);
    stream_nothing_lost(&back);
}
END_TEST

START_TEST(unprotected_gateway_is_reachable)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;

    start(hosts);
    segd = segd_start(unprotected_policy);
    for (int i = A; i < N_HOSTS; i++)
        ck_assert(hosts_ping(&hosts[i], family, hosts[i].gateway[_i], "unknown-interface"));
    ck_assert(hosts_ping(NULL, family, hosts[B].address[_i], "unknown-interface"));
}
END_TEST

/* Protection begins for connections that are open, too. */
START_TEST(open_connection_stops_when_protection_begins)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct stream kept, kept_back, cut, cut_back;

    start(hosts);
    segd = segd_start(unprotected_policy);
    hosts_connect(&hosts[A], family, hosts[A].gateway[_i], 7001, hosts_listen(NULL, family, 7001),
                  &kept, &kept_back);
    hosts_connect(&hosts[B], family, hosts[B].gateway[_i], 7009, hosts_listen(NULL, family, 7009),
                  &cut, &cut_back);
    segd_reload(segd, protected_policy);
    stream_pass(&kept, 5000);
    stream_pass(&kept_back, 5000);
    stream_nothing_lost(&kept);
    stream_nothing_lost(&kept_back);
    stream_stops(&cut, "no-flow", "b", "gateway");
    stream_stops(&cut_back, "no-flow", "b", "gateway");
    segd_reload(segd, unprotected_policy);
    stream_receive_all(&cut);
}
END_TEST

/* A closed port says so, within the connection that asked. */
START_TEST(errors_of_the_gateway_itself_pass_as_related)
{
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    int socket, on = 1, error = 0;
    socklen_t length = sizeof(error);
    uint64_t before;

    start(hosts);
    segd = segd_start(protected_policy);
    socket = hosts_udp(&hosts[A], family, 0);
    ck_assert_int_eq(family == FAMILY_IPV4
                         ? setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof(on))
                         : setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)),
                     0);
    before = segd_dropped("no-flow/a/gateway");
    hosts_udp_send(socket, family, hosts[A].gateway[_i], 7001);
    ck_assert(hosts_readable(socket, "no-flow/a/gateway", before));
    ck_assert_int_eq(getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    ck_assert_int_eq(error, ECONNREFUSED);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, declared_ping_reaches_the_gateway, 0, FAMILIES);
    tcase_add_loop_test(tests, declared_connections_work_in_both_directions, 0, FAMILIES);
    tcase_add_loop_test(tests, undeclared_packets_do_not_reach_or_leave_the_gateway, 0, FAMILIES);
    tcase_add_loop_test(tests, loopback_works, 0, FAMILIES);
    tcase_add_loop_test(tests, unprotected_gateway_is_reachable, 0, FAMILIES);
    tcase_add_loop_test(tests, open_connection_stops_when_protection_begins, 0, FAMILIES);
    tcase_add_loop_test(tests, errors_of_the_gateway_itself_pass_as_related, 0, FAMILIES);
}
