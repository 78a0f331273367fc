/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of segd, seen from the packets: what it does to them when it starts, reloads, is given
 * nonsense, ends, is killed, and comes back.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char policy[] =
    ZONES "flows:\n"
          "  main: { from: a, to: b, services: [tcp/7001, udp/7001] }\n"
          "  dated: { from: a, to: b, services: [tcp/7002], expires: 2150-03-31 }\n";
static const char policy_without[] =
    ZONES "flows:\n"
          "  dated: { from: a, to: b, services: [tcp/7002], expires: 2150-03-31 }\n";

static const char *const interfaces[] = {"a0", "b0"};
struct scene {
    struct host hosts[2];
    struct stream there;
    struct stream back;
};

static void enter(struct scene *scene)
{
    sandbox_enter();
    hosts_new(interfaces, 2, scene->hosts);
}

static void open_connection(struct scene *scene, int family)
{
    hosts_connect(&scene->hosts[0], (enum family)family, scene->hosts[1].address[family], 7001,
                  hosts_listen(&scene->hosts[1], (enum family)family, 7001), &scene->there,
                  &scene->back);
    stream_pass(&scene->there, 5000);
    stream_pass(&scene->back, 5000);
}

static void goes_on(struct scene *scene)
{
    stream_pass(&scene->there, 5000);
    stream_pass(&scene->back, 5000);
    stream_nothing_lost(&scene->there);
    stream_nothing_lost(&scene->back);
}

/* Approved: main. Not approved: UDP to port 7009, which is counted as no-flow/a/b. */
static void is_enforced(const struct scene *scene)
{
    int socket = hosts_udp(&scene->hosts[1], FAMILY_IPV4, 7009);
    uint64_t before = segd_dropped("no-flow/a/b");

    hosts_udp_send(hosts_udp(&scene->hosts[0], FAMILY_IPV4, 0), FAMILY_IPV4,
                   scene->hosts[1].address[FAMILY_IPV4], 7009);
    ck_assert(!hosts_readable(socket, "no-flow/a/b", before));
    socket = hosts_udp(&scene->hosts[1], FAMILY_IPV6, 7001);
    before = segd_dropped("no-flow/a/b");
    hosts_udp_send(hosts_udp(&scene->hosts[0], FAMILY_IPV6, 0), FAMILY_IPV6,
                   scene->hosts[1].address[FAMILY_IPV6], 7001);
    ck_assert(hosts_readable(socket, "no-flow/a/b", before));
}

START_TEST(invalid_policy_leaves_what_runs_and_says_where)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL, *after = NULL, *log = NULL;
    char place[256];

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, _i);
    before = segd_list();
    segd_reload_refused(segd, ZONES "flows:\n"
                                    "  main: { from: a, to: nowhere, services: [tcp/1] }\n");
    after = segd_list();
    segd_same(before, after);
    goes_on(&scene);
    is_enforced(&scene);
    log = segd_log(segd);
    snprintf(place, sizeof(place), "%s:7:24: error:", segd_policy_path(segd));
    ck_assert_msg(strstr(log, place), "no %s in:\n%s", place, log);
    ck_assert_ptr_nonnull(strstr(log, "nowhere"));
    /* And it is not stuck. */
    segd_reload(segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
}
END_TEST

START_TEST(missing_policy_on_reload_leaves_what_runs)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, _i);
    ck_assert_int_eq(remove(segd_policy_path(segd)), 0);
    segd_signal_reload(segd);
    ck_assert_ptr_nonnull(strstr(segd_wait_ready(segd), "refused"));
    goes_on(&scene);
    is_enforced(&scene);
    segd_reload(segd, policy);
    goes_on(&scene);
}
END_TEST

START_TEST(rules_outlive_segd)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL, *after = NULL;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, _i % FAMILIES);
    before = segd_list();
    if (_i < FAMILIES)
        segd_stop(segd);
    else
        segd_kill(segd);
    after = segd_list();
    segd_same(before, after);
    goes_on(&scene);
    is_enforced(&scene);
}
END_TEST

/* Not even a handle of the kernel's objects is another one. */
START_TEST(restart_changes_nothing)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL, *after = NULL;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, _i);
    segd_stop(segd);
    before = segd_list();
    segd_start_again(segd);
    after = segd_list();
    segd_same(before, after);
    ck_assert_uint_ge(segd_passed("main", false), 5);
    goes_on(&scene);
    is_enforced(&scene);
    segd_reload(segd, policy_without);
    stream_stops(&scene.there, "no-flow", "a", "b");
}
END_TEST

/* What the kernel holds was decided; a file that nobody applied was not. */
START_TEST(restart_goes_on_with_what_the_kernel_holds)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL, *after = NULL;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, _i % FAMILIES);
    if (_i < FAMILIES)
        segd_stop(segd);
    else
        segd_kill(segd);
    before = segd_list();
    segd_write_policy(segd, policy_without);
    segd_start_again(segd);
    after = segd_list();
    segd_same(before, after);
    goes_on(&scene);
    segd_signal_reload(segd);
    ck_assert_ptr_nonnull(strstr(segd_wait_ready(segd), "STATUS=Enforcing generation 2"));
    stream_stops(&scene.there, "no-flow", "a", "b");
}
END_TEST

static const char *const tampering[] = {
    "insert rule inet segd forward accept\n",
    "flush chain inet segd forward\n",
    "flush set inet segd live\n",
    "delete table inet segd\n",
    "flush ruleset\n",
    "add chain inet segd forward { policy accept; }\n",
    "delete table inet segd; add table inet segd { flags dormant; }\n",
    "flush chain inet segd prerouting\n",
};
#define N_TAMPERING ((int)(sizeof(tampering) / sizeof(tampering[0])))

/* Ended, segd owns nothing: the table is an orphan. */
START_TEST(restart_repairs_what_somebody_changed)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, FAMILY_IPV4);
    if (_i < N_TAMPERING)
        segd_stop(segd);
    else
        segd_kill(segd);
    sandbox_nft(tampering[_i % N_TAMPERING]);
    segd_start_again(segd);
    is_enforced(&scene);
    stream_pass(&scene.there, 5000);
}
END_TEST

START_TEST(others_change_nothing_while_segd_runs)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL, *after = NULL, *answer = NULL;
    int status;

    enter(&scene);
    segd = segd_start(policy);
    open_connection(&scene, FAMILY_IPV4);
    before = segd_list();
    status = sandbox_nft_try(tampering[_i], &answer);
    after = segd_list();
    segd_same(before, after);
    /* To `flush ruleset` the kernel says yes, and spares what is owned. */
    if (strstr(tampering[_i], "flush ruleset"))
        ck_assert_int_eq(status, 0);
    else
        ck_assert_msg(status != 0 && strstr(answer, "Operation not permitted"), "%s", answer);
    segd_reload(segd, policy);
    is_enforced(&scene);
    stream_pass(&scene.there, 5000);
}
END_TEST

/* No file, no YAML, no policy: in each case nothing passes, and the gateway can be reached. */
START_TEST(without_a_policy_nothing_is_forwarded)
{
    static const char *const policies[] = {NULL, "", "segd: [", "segd: 1\n",
                                           ZONES "flows: { x: { from: a } }\n"};
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)(_i % FAMILIES);
    struct stream there, back;
    uint64_t before;

    enter(&scene);
    open_connection(&scene, (int)family);
    segd = segd_start(policies[_i / FAMILIES]);
    before = segd_dropped_total();
    stream_send(&scene.there, 100);
    do
        ck_assert(!stream_arrives(&scene.there));
    while (segd_dropped_total() == before);
    hosts_connect(&scene.hosts[0], family, scene.hosts[0].gateway[family], 7005,
                  hosts_listen(NULL, family, 7005), &there, &back);
    stream_pass(&there, 100);
    hosts_connect(NULL, family, scene.hosts[1].address[family], 7006,
                  hosts_listen(&scene.hosts[1], family, 7006), &there, &back);
    stream_pass(&back, 100);
    segd_reload(segd, policy);
    stream_receive_all(&scene.there);
    is_enforced(&scene);
}
END_TEST
#define N_WITHOUT (5 * FAMILIES)

START_TEST(first_start_judges_connections_that_are_open)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct stream there, back;

    enter(&scene);
    open_connection(&scene, _i);
    hosts_connect(&scene.hosts[0], (enum family)_i, scene.hosts[1].address[_i], 7009,
                  hosts_listen(&scene.hosts[1], (enum family)_i, 7009), &there, &back);
    segd = segd_start(policy);
    goes_on(&scene);
    stream_stops(&there, "no-flow", "a", "b");
    stream_stops(&back, "no-flow", "a", "b");
}
END_TEST

/* A policy that takes its time, so that READY said too early would come first. */
START_TEST(ready_is_said_when_the_kernel_has_the_policy)
{
    struct scene scene;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *text = NULL;
    struct nftables_count count;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(file);
    fputs(policy, file);
    for (int port = 1; port <= 5000; port++)
        fprintf(file, "  f%d: { from: a, to: b, services: [tcp/%d] }\n", port, 10000 + port);
    ck_assert_int_eq(fclose(file), 0);
    enter(&scene);
    segd = segd_start(text);
    ck_assert(segd_live("f5000", true, &count));
    is_enforced(&scene);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, invalid_policy_leaves_what_runs_and_says_where, 0, FAMILIES);
    tcase_add_loop_test(tests, missing_policy_on_reload_leaves_what_runs, 0, FAMILIES);
    tcase_add_loop_test(tests, rules_outlive_segd, 0, 2 * FAMILIES);
    tcase_add_loop_test(tests, restart_changes_nothing, 0, FAMILIES);
    tcase_add_loop_test(tests, restart_goes_on_with_what_the_kernel_holds, 0, 2 * FAMILIES);
    tcase_add_loop_test(tests, restart_repairs_what_somebody_changed, 0, 2 * N_TAMPERING);
    tcase_add_loop_test(tests, others_change_nothing_while_segd_runs, 0, N_TAMPERING);
    tcase_add_loop_test(tests, without_a_policy_nothing_is_forwarded, 0, N_WITHOUT);
    tcase_add_loop_test(tests, first_start_judges_connections_that_are_open, 0, FAMILIES);
    tcase_add_test(tests, ready_is_said_when_the_kernel_has_the_policy);
}
