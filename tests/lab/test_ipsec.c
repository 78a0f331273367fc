/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A zone that requires IPsec, on one wire with the outside: in clear text nothing passes from its
 * addresses and nothing to them, also in connections that were open before.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"

#define POLICY(ipsec)                                                                              \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "gateway: { protect: true }\n"                                                                 \
    "zones:\n"                                                                                     \
    "  branch: { class: other, interfaces: [wan], networks: [10.99.0.0/24, 'fd00:99::/64']" ipsec  \
    " }\n"                                                                                         \
    "  internet: { class: external, interfaces: [wan], networks: [any] }\n"                        \
    "  office: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"       \
    "flows:\n"                                                                                     \
    "  in: { from: [branch, internet], to: office, services: [udp/7001] }\n"                       \
    "  out: { from: office, to: branch, services: [udp/7002] }\n"                                  \
    "  esp: { from: internet, to: gateway, services: [esp] }\n"                                    \
    "  pse: { from: gateway, to: internet, services: [esp] }\n"                                    \
    "  own: { from: gateway, to: branch, services: [udp/7003] }\n"

static const char required[] = POLICY(", ipsec: required");
static const char clear[] = POLICY("");

static const char *const interfaces[] = {"wan", "b0"};
enum { WAN, OFFICE, N_HOSTS };

static const char *const branch[FAMILIES] = {"10.99.0.2", "fd00:99::2"};

static void start(struct host *hosts)
{
    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    hosts_ip(&hosts[WAN],
             "addr add 10.99.0.2/32 dev eth0\naddr add fd00:99::2/128 dev eth0 nodad\n");
    hosts_ip(NULL, "route add 10.99.0.0/24 via 10.1.0.2\nroute add fd00:99::/64 via fd00:1::2\n");
}

/* What the host at the wire sends comes from the branch from now on. */
static void send_as_branch(const struct host *hosts)
{
    hosts_ip(&hosts[WAN], "route add 10.2.0.0/24 via 10.1.0.1 src 10.99.0.2\n"
                          "route add fd00:2::/64 via fd00:1::1 src fd00:99::2\n");
}

/* True where it arrives, false where it is refused as clear text. */
static bool passes(const struct host *from, const struct host *to, enum family family,
                   const char *address, uint16_t port)
{
    int socket = hosts_udp(to, family, port);
    uint64_t before = segd_dropped("clear-text/branch");

    hosts_udp_send(hosts_udp(from, family, 0), family, address, port);
    return hosts_readable(socket, "clear-text/branch", before);
}

START_TEST(clear_text_is_refused_in_both_directions)
{
    enum family family = (enum family)_i;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];

    start(hosts);
    segd = segd_start(required);
    ck_assert(passes(&hosts[WAN], &hosts[OFFICE], family, hosts[OFFICE].address[_i], 7001));
    ck_assert(!passes(&hosts[OFFICE], &hosts[WAN], family, branch[_i], 7002));
    ck_assert(!passes(NULL, &hosts[WAN], family, branch[_i], 7003));
    send_as_branch(hosts);
    ck_assert(!passes(&hosts[WAN], &hosts[OFFICE], family, hosts[OFFICE].address[_i], 7001));
    ck_assert_uint_eq(segd_dropped("clear-text/branch"), 3);
}
END_TEST

START_TEST(an_open_connection_ends_when_ipsec_is_required)
{
    enum family family = (enum family)_i;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    uint64_t before;
    char bytes[16];
    int from, to;

    start(hosts);
    send_as_branch(hosts);
    segd = segd_start(clear);
    from = hosts_udp(&hosts[WAN], family, 7009);
    to = hosts_udp(&hosts[OFFICE], family, 7001);
    hosts_udp_send(from, family, hosts[OFFICE].address[_i], 7001);
    ck_assert(hosts_readable(to, "no-flow/branch.internet/office", 0));
    ck_assert_int_eq(recv(to, bytes, sizeof(bytes), 0), 8);
    hosts_udp_send(to, family, branch[_i], 7009);
    ck_assert(hosts_readable(from, "no-flow/branch.internet/office", 0));
    ck_assert_int_eq(recv(from, bytes, sizeof(bytes), 0), 8);

    segd_reload(segd, required);
    before = segd_dropped("clear-text/branch");
    hosts_udp_send(from, family, hosts[OFFICE].address[_i], 7001);
    ck_assert(!hosts_readable(to, "clear-text/branch", before));
    before = segd_dropped("clear-text/branch");
    hosts_udp_send(to, family, branch[_i], 7009);
    ck_assert(!hosts_readable(from, "clear-text/branch", before));
}
END_TEST

#define KEYS                                                                                       \
    " proto esp spi %u mode tunnel"                                                                \
    " enc aes 0x00112233445566778899aabbccddeeff"                                                  \
    " auth sha256 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define STATES                                                                                     \
    "xfrm state add src 10.1.0.1 dst 10.1.0.2" KEYS "xfrm state add src 10.1.0.2 dst "             \
    "10.1.0.1" KEYS

static int tunnel_end(const struct host *host, const char *commands)
{
    static const char *const arguments[] = {"ip", "-batch", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int home = host ? hosts_enter(host) : -1, status;

    status = sandbox_run(arguments, commands, &output);
    if (host)
        hosts_leave(home);
    if (status != 0)
        printf("SKIP: this kernel has no ESP (%s)\n", output);
    return status;
}

#define TEMPLATE(source, destination)                                                              \
    " tmpl src " source " dst " destination " proto esp mode tunnel\n"
#define GATEWAY "10.1.0.1"
#define PEER "10.1.0.2"
#define THERE "src 10.99.0.0/24 dst 10.2.0.0/24"
#define BACK "src 10.2.0.0/24 dst 10.99.0.0/24"

START_TEST(what_comes_and_leaves_through_ipsec_passes)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    char states[1024];

    start(hosts);
    send_as_branch(hosts);
    snprintf(states, sizeof(states), STATES, 1, 2);
    if (tunnel_end(NULL, states) != 0 || tunnel_end(&hosts[WAN], states) != 0)
        return;
    hosts_ip(NULL, "xfrm policy add " THERE
                   " dir in" TEMPLATE(PEER, GATEWAY) "xfrm policy add " THERE " dir fwd" TEMPLATE(
                       PEER, GATEWAY) "xfrm policy add " BACK " dir out" TEMPLATE(GATEWAY, PEER));
    hosts_ip(&hosts[WAN], "xfrm policy add " BACK
                          " dir in" TEMPLATE(GATEWAY, PEER) "xfrm policy add " THERE
                                                            " dir out" TEMPLATE(PEER, GATEWAY));
    segd = segd_start(required);
    ck_assert(passes(&hosts[WAN], &hosts[OFFICE], FAMILY_IPV4, hosts[OFFICE].address[0], 7001));
    ck_assert(passes(&hosts[OFFICE], &hosts[WAN], FAMILY_IPV4, branch[0], 7002));
    ck_assert_uint_eq(segd_dropped_total(), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, clear_text_is_refused_in_both_directions, 0, FAMILIES);
    tcase_add_loop_test(tests, an_open_connection_ends_when_ipsec_is_required, 0, FAMILIES);
    tcase_add_test(tests, what_comes_and_leaves_through_ipsec_passes);
}
