/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Another table may translate addresses. The policy speaks of the real ones, of the machines that
 * talk, and so are packets judged, in both directions; and revoking a flow reaches a connection
 * through the translation too.
 */

#include <check.h>
#include <stdlib.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"            \
    "  pub: { class: other, interfaces: [p0], networks: [192.0.2.0/24, '2001:db8:1::/48'] }\n"     \
    "hosts:\n"                                                                                     \
    "  client: { zone: a, address: [10.1.0.2, 'fd00:1::2'] }\n"                                    \
    "  server: { zone: b, address: [10.2.0.2, 'fd00:2::2'] }\n"                                    \
    "  public: { zone: pub, address: [192.0.2.80, '2001:db8:1::80'] }\n"

/* Of the real hosts and the real port; of the client as it looks behind SNAT nobody speaks. */
static const char policy[] = ZONES "flows:\n"
                                   "  main: { from: client, to: server, services: [tcp/7001] }\n";
static const char policy_renamed[] =
    ZONES "flows:\n"
          "  renamed: { from: client, to: server, services: [tcp/7001] }\n"
          "  more: { from: b, to: a, services: [udp/9] }\n";
/* What the client believes it talks to is not what it talks to. */
static const char policy_of_appearance[] =
    ZONES "flows:\n"
          "  main: { from: client, to: public, services: [tcp/80] }\n";

static const char *const translations[] = {
    "table ip nat {\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority dstnat;\n"
    "    ip daddr 192.0.2.80 tcp dport 80 dnat to 10.2.0.2:7001\n"
    "  }\n"
    "}\n"
    "table ip6 nat {\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority dstnat;\n"
    "    ip6 daddr 2001:db8:1::80 tcp dport 80 dnat to [fd00:2::2]:7001\n"
    "  }\n"
    "}\n",
    "table inet nat {\n"
    "  chain postrouting {\n"
    "    type nat hook postrouting priority srcnat;\n"
    "    oifname \"b0\" masquerade\n"
    "  }\n"
    "}\n",
    "table inet nat {\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority dstnat;\n"
    "    ip daddr 192.0.2.80 tcp dport 80 dnat ip to 10.2.0.2:7001\n"
    "    ip6 daddr 2001:db8:1::80 tcp dport 80 dnat ip6 to [fd00:2::2]:7001\n"
    "  }\n"
    "  chain postrouting {\n"
    "    type nat hook postrouting priority srcnat;\n"
    "    oifname \"b0\" masquerade random\n"
    "  }\n"
    "}\n",
};
#define N_TRANSLATIONS 3
#define SNAT_ALONE 1

static const char *const public_address[FAMILIES] = {"192.0.2.80", "2001:db8:1::80"};
static const char *const interfaces[] = {"a0", "b0"};

struct scene {
    enum family family;
    struct host hosts[2];
    const char *target;
    uint16_t port;
};

static void enter(struct scene *scene, int number)
{
    int translation = number % N_TRANSLATIONS;

    sandbox_enter();
    scene->family = (enum family)(number / N_TRANSLATIONS);
    hosts_new(interfaces, 2, scene->hosts);
    sandbox_nft(translations[translation]);
    scene->target = translation == SNAT_ALONE ? scene->hosts[1].address[scene->family]
                                              : public_address[scene->family];
    scene->port = translation == SNAT_ALONE ? 7001 : 80;
}

START_TEST(translated_connection_follows_its_flow)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct stream there, back;

    enter(&scene, _i);
    segd = segd_start(policy);
    hosts_connect(&scene.hosts[0], scene.family, scene.target, scene.port,
                  hosts_listen(&scene.hosts[1], scene.family, 7001), &there, &back);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    ck_assert_uint_ge(segd_passed("main", false), 5);
    ck_assert_uint_ge(segd_passed("main", true), 5);
    segd_reload(segd, policy_renamed);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    stream_nothing_lost(&there);
    stream_nothing_lost(&back);
    segd_reload(segd, policy_of_appearance);
    stream_stops(&there, "no-flow", "a", "b");
    stream_stops(&back, "no-flow", "a", "b");
    segd_reload(segd, policy);
    stream_receive_all(&there);
    stream_receive_all(&back);
}
END_TEST

/* Judged anew in the middle, from a packet of either direction alone. */
START_TEST(translated_connection_is_judged_anew_from_either_side)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct stream there, back;
    const char *wider = ZONES "flows:\n"
                              "  wide: { from: a, to: b, services: [tcp/7000-7001] }\n";

    enter(&scene, _i);
    segd = segd_start(policy);
    hosts_connect(&scene.hosts[0], scene.family, scene.target, scene.port,
                  hosts_listen(&scene.hosts[1], scene.family, 7001), &there, &back);
    segd_reload(segd, wider);
    stream_pass(&back, 5000);
    stream_pass(&there, 5000);
    segd_reload(segd, policy);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    stream_nothing_lost(&there);
    stream_nothing_lost(&back);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, translated_connection_follows_its_flow, 0,
                        FAMILIES * N_TRANSLATIONS);
    tcase_add_loop_test(tests, translated_connection_is_judged_anew_from_either_side, 0,
                        FAMILIES * N_TRANSLATIONS);
}
