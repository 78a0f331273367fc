/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A change of policy reaches connections that are open: what is no longer approved stops at its
 * next packet, and what still is goes on without the loss of a single packet. Connections here are
 * real TCP between real stacks, in both families; TCP itself tells whether a packet was lost.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"

#define PORT 7001
#define OTHER_PORT 7002

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"            \
    "hosts:\n"                                                                                     \
    "  client: { zone: a, address: [10.1.0.2, 'fd00:1::2'] }\n"                                    \
    "  server: { zone: b, address: [10.2.0.2, 'fd00:2::2'] }\n"
#define MAIN_FLOW "  main: { from: client, to: server, services: [tcp/7001] }\n"
#define OTHER_FLOW "  other: { from: client, to: server, services: [tcp/7002] }\n"

static const char *const policy_with = ZONES "flows:\n" MAIN_FLOW OTHER_FLOW;
static const char *const policy_without = ZONES "flows:\n" OTHER_FLOW;

static const char *const interfaces[] = {"a0", "b0"};

struct scene {
    enum family family;
    struct host hosts[2];
    struct segd *segd;
    struct stream there; /* client to server */
    struct stream back;
};

/* Loop tests number the families. */
static struct scene open_scene(int family)
{
    struct scene scene = {.family = (enum family)family};
    int listener;

    sandbox_enter();
    hosts_new(interfaces, 2, scene.hosts);
    scene.segd = segd_start(policy_with);
    listener = hosts_listen(&scene.hosts[1], scene.family, PORT);
    hosts_connect(&scene.hosts[0], scene.family, scene.hosts[1].address[family], PORT, listener,
                  &scene.there, &scene.back);
    stream_pass(&scene.there, 5000);
    stream_pass(&scene.back, 5000);
    return scene;
}

static void scene_clear(struct scene *scene)
{
    segd_free(scene->segd);
}

/* Both directions go on, and TCP never had to send anything again. */
static void goes_on(struct scene *scene)
{
    stream_pass(&scene->there, 5000);
    stream_pass(&scene->back, 5000);
    stream_nothing_lost(&scene->there);
    stream_nothing_lost(&scene->back);
}

START_TEST(connection_stops_when_its_flow_leaves_the_policy)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
}
END_TEST

START_TEST(connection_stops_for_replies_when_its_flow_leaves_the_policy)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, policy_without);
    stream_stops(&scene.back, "no-flow", "a", "b");
}
END_TEST

START_TEST(revoked_connection_is_counted_by_who_opened_it)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
    stream_stops(&scene.back, "no-flow", "a", "b");
    ck_assert_uint_gt(segd_dropped("no-flow/a/b"), 0);
    ck_assert_uint_eq(segd_dropped("no-flow/b/a"), 0);
}
END_TEST

START_TEST(connection_stops_when_its_flow_is_disabled)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, ZONES "flows:\n"
                                  "  main: { from: client, to: server, services: [tcp/7001],"
                                  " enabled: false }\n" OTHER_FLOW);
    stream_stops(&scene.there, "no-flow", "a", "b");
    stream_stops(&scene.back, "no-flow", "a", "b");
}
END_TEST

START_TEST(connection_stops_when_its_flow_has_expired)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, ZONES "flows:\n"
                                  "  main: { from: client, to: server, services: [tcp/7001],"
                                  " expires: 2020-03-31 }\n" OTHER_FLOW);
    stream_stops(&scene.there, "suspended", "a", "b");
    stream_stops(&scene.back, "suspended", "a", "b");
}
END_TEST

START_TEST(connection_stops_when_its_flow_is_narrowed)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, ZONES "flows:\n"
                                  "  main: { from: client, to: server, services: [tcp/7003] }\n");
    stream_stops(&scene.there, "no-flow", "a", "b");
    stream_stops(&scene.back, "no-flow", "a", "b");
}
END_TEST

START_TEST(connection_goes_on_when_its_flow_comes_back)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    segd_reload(scene.segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
    segd_reload(scene.segd, policy_with);
    stream_receive_all(&scene.there);
    stream_pass(&scene.back, 5000);
}
END_TEST

/* A TCP that was cut from the start is picked up by policy, not by memory. */
START_TEST(no_connection_opens_after_its_flow_has_left)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);
    int socket;
    uint64_t before;

    segd_reload(scene.segd, policy_without);
    socket = hosts_udp(&scene.hosts[1], scene.family, PORT);
    before = segd_dropped("no-flow/a/b");
    hosts_udp_send(hosts_udp(&scene.hosts[0], scene.family, 0), scene.family,
                   scene.hosts[1].address[_i], PORT);
    ck_assert(!hosts_readable(socket, "no-flow/a/b", before));
}
END_TEST

/* What still approves the connection, in words that are not those it was opened under. */
static const char *const approvals[] = {
    /* as it was */
    ZONES "flows:\n" MAIN_FLOW OTHER_FLOW,
    /* renamed */
    ZONES "flows:\n"
          "  renamed: { from: client, to: server, services: [tcp/7001] }\n" OTHER_FLOW,
    /* in another order */
    ZONES "flows:\n" OTHER_FLOW MAIN_FLOW,
    /* the other flow has gone */
    ZONES "flows:\n" MAIN_FLOW,
    /* the other flow has changed */
    ZONES "flows:\n" MAIN_FLOW "  other: { from: server, to: client, services: [udp/9] }\n",
    /* one more flow in front */
    ZONES "flows:\n"
          "  more: { from: b, to: a, services: [udp/1-1000] }\n" MAIN_FLOW OTHER_FLOW,
    /* a label, a purpose, an approval: nothing that a packet could tell */
    ZONES "flows:\n"
          "  main: { from: client, to: server, services: [tcp/7001], label: 税連携,"
          " purpose: 試験, approval: { number: 第12号 } }\n" OTHER_FLOW,
    /* logged now */
    ZONES "flows:\n"
          "  main: { from: client, to: server, services: [tcp/7001], log: new }\n" OTHER_FLOW,
    /* another meaning that covers the connection too: wider ports, wider ends */
    ZONES "flows:\n"
          "  main: { from: client, to: server, services: [tcp/7000-7009] }\n",
    ZONES "flows:\n"
          "  main: { from: a, to: b, services: [tcp/7001] }\n" OTHER_FLOW,
    /* a flow in front takes it over */
    ZONES "flows:\n"
          "  first: { from: a, to: server, services: [tcp/1-65535] }\n",
    /* it expires, but not yet */
    ZONES "flows:\n"
          "  main: { from: client, to: server, services: [tcp/7001], expires: 2150-03-31 }"
          "\n" OTHER_FLOW,
    /* the gateway protects itself */
    ZONES "gateway: { protect: true }\nflows:\n" MAIN_FLOW,
    /* a host that nobody uses, and a group instead of the host */
    ZONES "  unused: { zone: a, address: 10.1.0.9 }\n"
          "groups:\n"
          "  everybody: { zone: a, members: [10.1.0.0/25, 'fd00:1::/80'] }\n"
          "flows:\n"
          "  main: { from: everybody, to: server, services: [tcp/7001] }\n",
};
#define N_APPROVALS ((int)(sizeof(approvals) / sizeof(approvals[0])))

START_TEST(connection_goes_on_without_loss_while_it_is_still_approved)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i / N_APPROVALS);

    segd_reload(scene.segd, approvals[_i % N_APPROVALS]);
    goes_on(&scene);
    segd_reload(scene.segd, policy_with);
    goes_on(&scene);
}
END_TEST

START_TEST(connection_goes_on_without_loss_through_reloads_under_way)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);
    int ready = 0;

    for (int i = 0; i < 2 * N_APPROVALS; i++) {
        const char *answer = NULL;

        segd_write_policy(scene.segd, approvals[i % N_APPROVALS]);
        segd_signal_reload(scene.segd);
        do {
            goes_on(&scene);
            answer = segd_notification(scene.segd, false);
        } while (!answer || !strstr(answer, "READY=1"));
        ck_assert_ptr_null(strstr(answer, "refused"));
        ready++;
    }
    ck_assert_int_eq(ready, 2 * N_APPROVALS);
    goes_on(&scene);
}
END_TEST

/* What it counted under the old name is added to its totals: control/test_totals. */
START_TEST(a_renamed_flow_counts_under_its_new_name)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);

    ck_assert_uint_gt(segd_passed("main", false), 5);
    segd_reload(scene.segd, approvals[1]);
    goes_on(&scene);
    ck_assert_uint_gt(segd_passed("renamed", false), 5);
    ck_assert_uint_gt(segd_passed("renamed", true), 5);
}
END_TEST

/* Revoking one of two connections between the same hosts leaves the other alone. */
START_TEST(other_connection_of_the_same_hosts_goes_on)
{
    cleanup_(scene_clear) struct scene scene = open_scene(_i);
    struct stream there, back;
    int listener;

    listener = hosts_listen(&scene.hosts[1], scene.family, OTHER_PORT);
    hosts_connect(&scene.hosts[0], scene.family, scene.hosts[1].address[_i], OTHER_PORT, listener,
                  &there, &back);
    stream_pass(&there, 100);
    segd_reload(scene.segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    stream_nothing_lost(&there);
    stream_nothing_lost(&back);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, connection_stops_when_its_flow_leaves_the_policy, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_stops_for_replies_when_its_flow_leaves_the_policy, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, revoked_connection_is_counted_by_who_opened_it, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_stops_when_its_flow_is_disabled, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_stops_when_its_flow_has_expired, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_stops_when_its_flow_is_narrowed, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_goes_on_when_its_flow_comes_back, 0, FAMILIES);
    tcase_add_loop_test(tests, no_connection_opens_after_its_flow_has_left, 0, FAMILIES);
    tcase_add_loop_test(tests, connection_goes_on_without_loss_while_it_is_still_approved, 0,
                        FAMILIES * N_APPROVALS);
    tcase_add_loop_test(tests, connection_goes_on_without_loss_through_reloads_under_way, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, a_renamed_flow_counts_under_its_new_name, 0, FAMILIES);
    tcase_add_loop_test(tests, other_connection_of_the_same_hosts_goes_on, 0, FAMILIES);
}
