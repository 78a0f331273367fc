/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Counters never go back. Frames of a known number and size are sent through a flow, and through
 * what refuses them, and after each change of the policy, of overrides, of the daemon and of the
 * machine what GetFlows and GetDrops tell is the sum of all that was sent, to the byte.
 */

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/instant.h"
#include "calls.h"
#include "checks.h"
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
    assert_json(drop ? json_object_get(drop, "packets") : NULL, json_integer(scene->refused));
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
    tcase_add_test(tests, a_suspension_takes_nothing_away);
    tcase_add_test(tests, a_restart_takes_nothing_away);
    tcase_add_test(tests, a_boot_after_an_orderly_stop_takes_nothing_away);
    tcase_add_test(tests, a_damaged_file_begins_anew_and_is_told);
}
