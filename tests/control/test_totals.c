/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Counters never go back. Frames of a known number and size are sent through a flow, and through
 * what refuses them, and after each change of the policy, of overrides, of the daemon and of the
 * machine what GetFlows and GetDrops tell is the sum of all that was sent, to the byte.
 */

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/instant.h"
#include "calls.h"
#include "checks.h"
#include "daemon/record/totals.h"
#include "sandbox.h"
#include "wires.h"

/* A frame of UDP carries eight bytes. */
#define UDP_BYTES (20 + 8 + 8)
#define PORT 5000
#define REFUSED_PORT 4999

#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  client: { zone: a, address: 10.1.0.7 }\n"                                                   \
    "  server: { zone: b, address: 10.3.0.9 }\n"
#define FLOW(name, services, more)                                                                 \
    "flows:\n"                                                                                     \
    "  " name ": { from: client, to: server, services: [" services "]" more " }\n"
#define POLICY(name, services, more) WIRES_POLICY HOSTS FLOW(name, services, more)

/* From two zones, so that it is told by the direction of connections: by sets of their own. */
#define FROM_TWO                                                                                   \
    WIRES_POLICY HOSTS "  third: { zone: c, address: 10.4.0.7 }\n"                                 \
                       "flows:\n"                                                                  \
                       "  main: { from: [client, third], to: server, services: [udp/5000] }\n"

static const char policy[] = POLICY("main", "udp/5000", "");

struct scene {
    struct lab *lab;
    struct segd *segd;
    const char *flow;
    int sent, answered, refused;
    char since[INSTANT_TEXT_MAX];
};

static void scene_clear(struct scene *scene)
{
    segd_free(scene->segd);
    lab_free(scene->lab);
}

static json_t *get_flow(const struct scene *scene)
{
    json_t *reply = calls_get(scene->segd, "GetFlows", NULL);
    const json_t *flow = find_text(json_object_get(reply, "flows"), "name", scene->flow);
    json_t *copy;

    ck_assert_msg(flow, "there is no flow %s", scene->flow);
    copy = json_deep_copy(flow);
    json_decref(reply);
    return copy;
}

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

/* What is told is what was sent, and is counted from the same instant on as at first. */
static void assert_told(const struct scene *scene)
{
    cleanup_(json_decrefp) json_t *flow = get_flow(scene);
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetDrops", NULL);
    const json_t *drop = find_text(json_object_get(reply, "drops"), "reason", "no-flow");

    assert_json(json_object_get(flow, "original"),
                json_pack("{s:i, s:i}", "packets", scene->sent, "bytes", scene->sent * UDP_BYTES));
    assert_json(json_object_get(flow, "reply"), json_pack("{s:i, s:i}", "packets", scene->answered,
                                                          "bytes", scene->answered * UDP_BYTES));
    ck_assert_str_eq(text_of(flow, "since"), scene->since);
    ck_assert_str_ge(text_of(flow, "first"), scene->since);
    ck_assert_str_ge(text_of(flow, "last"), text_of(flow, "first"));
    ck_assert_int_eq(json_integer_value(json_object_get(drop, "packets")), scene->refused);
}

/* Frames both ways, another number each time, and some that are refused. */
static void send_some(struct scene *scene)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);
    struct frame refused = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, REFUSED_PORT);

    for (int i = 0; i < 3 + scene->sent % 4; i++, scene->sent++)
        wires_pass(scene->lab, WIRE_A, WIRE_B, &frame, NULL);
    for (int i = 0; i < 2; i++, scene->answered++)
        wires_pass(scene->lab, WIRE_B, WIRE_A, &answer, NULL);
    ck_assert(!wires_try(scene->lab, WIRE_A, &refused, NULL));
    scene->refused++;
    assert_told(scene);
}

static void enter(struct scene *scene)
{
    cleanup_(json_decrefp) json_t *flow = NULL;

    scene->lab = wires_new();
    scene->segd = segd_start(policy);
    scene->flow = "main";
    flow = get_flow(scene);
    snprintf(scene->since, sizeof(scene->since), "%s", text_of(flow, "since"));
    ck_assert(json_is_null(json_object_get(flow, "first")));
    send_some(scene);
}

static void apply(struct scene *scene, const char *flow, const char *text)
{
    calls_do(scene->segd, "Apply", calls_policy(text, 0));
    scene->flow = flow;
    assert_told(scene);
}

static void end_and_start(struct scene *scene, bool kill, bool boot)
{
    if (kill)
        segd_kill(scene->segd);
    else
        segd_stop(scene->segd);
    if (boot)
        sandbox_nft("delete table inet segd\n");
    segd_start_again(scene->segd);
    assert_told(scene);
}

START_TEST(changes_of_the_policy_take_nothing_away)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    apply(&scene, "main", POLICY("main", "udp/5000, tcp/1", ""));
    send_some(&scene);
    apply(&scene, "main", POLICY("main", "udp/5000", ", enabled: false"));
    apply(&scene, "main", policy);
    send_some(&scene);
    apply(&scene, "main", POLICY("main", "udp/5000", ", expires: 2099-12-31"));
    send_some(&scene);
    apply(&scene, "other", POLICY("other", "udp/5000", ", expires: 2099-12-31"));
    send_some(&scene);
    apply(&scene, "other", POLICY("other", "udp/5000", ""));
    send_some(&scene);
    calls_verify(scene.segd);
}
END_TEST

START_TEST(sets_that_go_take_nothing_away)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    for (int i = 0; i < 2; i++) {
        apply(&scene, "main", FROM_TWO);
        send_some(&scene);
        apply(&scene, "main", policy);
        send_some(&scene);
    }
}
END_TEST

static json_int_t refused(const struct scene *scene, const char *reason, const char *from)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetDrops", NULL);
    const json_t *drop;
    size_t i;

    json_array_foreach(json_object_get(reply, "drops"), i, drop)
    {
        if (strcmp(text_of(drop, "reason"), reason) == 0 &&
            strcmp(text_of(drop, "from"), from) == 0)
            return json_integer_value(json_object_get(drop, "packets"));
    }
    return 0;
}

START_TEST(the_end_of_an_isolation_leaves_what_it_refused)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    enter(&scene);
    for (int i = 1; i <= 3; i++) {
        calls_do(scene.segd, "Isolate", json_pack("{s:s, s:s}", "zone", "b", "reason", "x"));
        wires_drop(scene.lab, WIRE_A, &frame, NULL, "isolated/b");
        scene.sent++; /* the flow approves it */
        calls_do(scene.segd, "Release",
                 json_pack("{s:s, s:s, s:b}", "zone", "b", "reason", "y", "alone", 1));
        ck_assert_int_eq(refused(&scene, "isolated", "b"), i);
    }
    send_some(&scene);
}
END_TEST

/* Wire a1 becomes one of zone c. */
START_TEST(what_was_refused_stays_with_the_zones_of_then)
{
    static const char moved[] =
        "segd: 1\n"
        "timezone: Asia/Tokyo\n"
        "zones:\n"
        "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"
        "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16] }\n"
        "  c: { class: other, interfaces: [a1], networks: [10.2.0.0/16] }\n" HOSTS FLOW(
            "main", "udp/5000", "");
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A_OTHER, WIRE_B, REFUSED_PORT);

    enter(&scene);
    ck_assert(!wires_try(scene.lab, WIRE_A_OTHER, &frame, NULL));
    scene.refused++;
    apply(&scene, "main", moved);
    ck_assert_int_eq(refused(&scene, "no-flow", "c"), 0);
    ck_assert(!wires_try(scene.lab, WIRE_A_OTHER, &frame, NULL));
    ck_assert_int_eq(refused(&scene, "no-flow", "c"), 1);
    send_some(&scene);
    apply(&scene, "main", policy);
    ck_assert_int_eq(refused(&scene, "no-flow", "c"), 1);
    send_some(&scene);
    end_and_start(&scene, false, true);
    ck_assert_int_eq(refused(&scene, "no-flow", "c"), 1);
}
END_TEST

START_TEST(a_suspension_takes_nothing_away)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    calls_do(scene.segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "x"));
    assert_told(&scene);
    calls_do(scene.segd, "Resume", json_pack("{s:s}", "flow", "main"));
    send_some(&scene);
}
END_TEST

START_TEST(a_restart_takes_nothing_away)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    for (int i = 0; i < 3; i++) {
        end_and_start(&scene, false, false);
        send_some(&scene);
        end_and_start(&scene, true, false);
        send_some(&scene);
    }
}
END_TEST

START_TEST(a_boot_after_an_orderly_stop_takes_nothing_away)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    for (int i = 0; i < 3; i++) {
        end_and_start(&scene, false, true);
        send_some(&scene);
    }
}
END_TEST

/* What the file has of a flow; it is replaced as a whole. */
static struct both_counts read_file(const struct scene *scene, const char *flow)
{
    cleanup_(closep) int directory =
        open(segd_state_path(scene->segd), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_(totals_freep) struct totals *totals = NULL;
    const struct both_counts none = {0};

    ck_assert_int_eq(totals_new(&totals), 0);
    ck_assert_int_eq(totals_read(totals, directory), 0);
    return totals_of(totals, flow, &none).counts;
}

/* What goes is written at once, and a crash of the machine takes nothing of it away. */
START_TEST(what_a_change_took_out_of_the_kernel_is_soon_on_the_disk)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene);
    for (int i = 0; i < 3; i++) {
        calls_do(scene.segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "x"));
        while (read_file(&scene, "main").original.packets < (uint64_t)scene.sent)
            calls_do(scene.segd, "GetStatus", NULL);
        scene.refused = (int)read_file(&scene, "/no-flow/a/b").original.packets;
        end_and_start(&scene, true, true);
        calls_do(scene.segd, "Resume", json_pack("{s:s}", "flow", "main"));
        send_some(&scene);
    }
}
END_TEST

/* Sends frames of the flow, all of which must come out, until nobody can write to `go_on` any more;
 * then tells to `told` how many. */
static _Noreturn void stream(const struct scene *scene, int go_on, int told)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct pollfd ended = {.fd = go_on};
    int n = 0;

    do {
        if (!wires_try(scene->lab, WIRE_A, &frame, NULL))
            _exit(EXIT_FAILURE);
        n++;
    } while (poll(&ended, 1, 0) == 0);
    _exit(file_write_all(told, &n, sizeof(n)) < 0);
}

#define CHANGES 30

static json_int_t scrape(const struct scene *scene)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetCounters", NULL);

    ck_assert_uint_eq(json_array_size(json_object_get(reply, "names")), 1);
    return json_integer_value(json_array_get(json_object_get(reply, "original_packets"), 0));
}

START_TEST(changes_while_packets_pass_lose_none_and_no_reading_goes_back)
{
    static const char *const policies[] = {POLICY("main", "udp/5000, tcp/1", ""), policy};
    cleanup_(scene_clear) struct scene scene = {0};
    json_int_t before = 0, now;
    int go_on[2], told[2], status, n = 0;
    pid_t process;

    enter(&scene);
    ck_assert_int_eq(pipe2(go_on, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
    process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        close(go_on[1]);
        stream(&scene, go_on[0], told[1]);
    }
    for (int i = 0; i < CHANGES; i++) {
        calls_do(scene.segd, "Apply", calls_policy(policies[i % 2], 0));
        for (int j = 0; j < 3; j++, before = now) {
            now = scrape(&scene);
            ck_assert_int_ge(now, before);
        }
    }
    close(go_on[1]);
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_msg(status == 0, "packets were lost");
    ck_assert_int_eq(read(told[0], &n, sizeof(n)), sizeof(n));
    ck_assert_int_gt(n, CHANGES);
    scene.sent += n;
    assert_told(&scene);
    close(go_on[0]);
    close(told[0]);
    close(told[1]);
}
END_TEST

/* How many packets a grant of a second let pass; and how many are in the file. */
static uint64_t pass_for_a_second(struct scene *scene, uint64_t *ret_told)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);
    cleanup_(freep) char *grant = NULL;
    uint64_t n = 0;

    calls_do(scene->segd, "Grant",
             json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.7", "to", "10.3.0.9",
                       "services", "udp/7002", "seconds", 1, "reason", "test"));
    grant = calls_last_override(scene->segd);
    while (wires_try(scene->lab, WIRE_A, &frame, NULL))
        n++;
    segd_stop(scene->segd);
    *ret_told = read_file(scene, grant).original.packets;
    segd_start_again(scene->segd);
    return n;
}

/* The last packet before the end is counted too, unless the machine is so slow that segd comes
 * later than the end. */
START_TEST(what_ends_by_time_is_counted_to_its_end)
{
    cleanup_(scene_clear) struct scene scene = {0};
    uint64_t n = 1, told = 0;

    enter(&scene);
    for (int tries = 0; tries < 10 && told != n; tries++) {
        n = pass_for_a_second(&scene, &told);
        ck_assert_uint_le(told, n);
    }
    ck_assert_uint_gt(n, 10);
    ck_assert_uint_eq(told, n);
}
END_TEST

START_TEST(a_damaged_file_begins_anew_and_is_told)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *flow = NULL;
    char path[512];
    int fd;

    enter(&scene);
    segd_stop(scene.segd);
    snprintf(path, sizeof(path), "%s/counters", segd_state_path(scene.segd));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 200), 1);
    close(fd);
    sandbox_nft("delete table inet segd\n");
    segd_start_again(scene.segd);

    calls_finding(scene.segd, "counters-damaged", true);
    flow = get_flow(&scene);
    ck_assert_str_ge(text_of(flow, "since"), scene.since);
    assert_json(json_object_get(flow, "original"),
                json_pack("{s:i, s:i}", "packets", 0, "bytes", 0));
    segd_stop(scene.segd);
    segd_start_again(scene.segd);
    calls_finding(scene.segd, "counters-damaged", false);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, changes_of_the_policy_take_nothing_away);
    tcase_add_test(tests, sets_that_go_take_nothing_away);
    tcase_add_test(tests, the_end_of_an_isolation_leaves_what_it_refused);
    tcase_add_test(tests, what_was_refused_stays_with_the_zones_of_then);
    tcase_add_test(tests, a_suspension_takes_nothing_away);
    tcase_add_test(tests, a_restart_takes_nothing_away);
    tcase_add_test(tests, a_boot_after_an_orderly_stop_takes_nothing_away);
    tcase_add_test(tests, what_a_change_took_out_of_the_kernel_is_soon_on_the_disk);
    tcase_add_test(tests, changes_while_packets_pass_lose_none_and_no_reading_goes_back);
    tcase_add_test(tests, what_ends_by_time_is_counted_to_its_end);
    tcase_add_test(tests, a_damaged_file_begins_anew_and_is_told);
}
