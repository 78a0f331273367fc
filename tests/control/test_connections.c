/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Connections are told as they are: each is opened here by frames on the wires, so that its flow,
 * its ends and what they see of each other are known.
 */

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "scene.h"
#include "wires.h"

#define PORT 5000
#define MANY 3000
/* Of one reply, and of an answer that has one reply. */
#define SLICE 128
#define ALONE 1000

#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  left: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                      \
    "  right: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"
#define MAIN                                                                                       \
    "  main: { label: 業務, from: left, to: right, services: [udp/5000],"                        \
    " approval: { number: R8-12, approver: suzuki } }\n"

static const char policy[] = WIRES_POLICY HOSTS "flows:\n" MAIN;
static const char without_main[] =
    WIRES_POLICY HOSTS "flows:\n  other: { from: a, to: b, services: [udp/1] }\n";
static const char beside_wide[] =
    WIRES_POLICY HOSTS "flows:\n" MAIN "  wide: { from: a, to: b, services: [udp/4000-6000] }\n";

/* A datagram of the flow `main` from this port. */
static void open_main(struct scene *scene, enum family family, uint16_t source_port)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    frame.source_port = source_port;
    wires_pass(scene->lab, WIRE_A, WIRE_B, &frame, NULL);
}

/* The list that GetConnections answers with; `parameters` as in calls_parameters(). */
static json_t *list(const struct scene *scene, const char *parameters)
{
    json_t *reply = calls_get(scene->segd, "GetConnections", calls_parameters(parameters));
    json_t *connections = json_incref(json_object_get(reply, "connections"));

    ck_assert_int_eq(json_integer_value(json_object_get(reply, "left_out")), 0);
    json_decref(reply);
    return connections;
}

static void assert_count(const struct scene *scene, const char *parameters, size_t n)
{
    cleanup_(json_decrefp) json_t *connections = list(scene, parameters);

    ck_assert_msg(json_array_size(connections) == n, "%s: %zu connections, not %zu", parameters,
                  json_array_size(connections), n);
}

/* Of the only connection, fields as they are expected; stolen. */
static void assert_only(const struct scene *scene, json_t *expected)
{
    cleanup_(json_decrefp) json_t *connections = list(scene, "{}");
    const json_t *connection = json_array_get(connections, 0);
    const char *key;
    json_t *value;

    ck_assert_uint_eq(json_array_size(connections), 1);
    json_object_foreach(expected, key, value)
        assert_json(json_object_get(connection, key), json_incref(value));
    json_decref(expected);
}

static json_t *endpoint(const char *address, int port)
{
    return json_pack("{s:s, s:i}", "address", address, "port", port);
}

static void switch_on(const char *setting)
{
    char command[128];

    snprintf(command, sizeof(command), "echo 1 >/proc/sys/net/netfilter/%s", setting);
    ck_assert_int_eq(sandbox_run((const char *const[]){"sh", "-c", command, NULL}, NULL, NULL), 0);
}

START_TEST(a_connection_has_flow_zones_and_ends)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV6, 1234);
    assert_only(&scene,
                json_pack("{s:s, s:s, s:s, s:b, s:n, s:s, s:s, s:s, s:o, s:o, s:n, s:n, s:n, s:b, "
                          "s:b, s:n}",
                          "flow", "main", "label", "業務", "approval", "R8-12", "live", 1, "why",
                          "from", "a", "to", "b", "service", "udp/5000", "source",
                          endpoint("fd00:1::7", 1234), "destination", endpoint("fd00:3::9", PORT),
                          "sent_to", "received_from", "state", "replied", 0, "counts", 0, "age"));
}
END_TEST

START_TEST(bytes_and_age_are_told_where_the_kernel_has_them)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);

    enter(&scene, policy);
    switch_on("nf_conntrack_acct");
    switch_on("nf_conntrack_timestamp");
    wires_pass(scene.lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(scene.lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(scene.lab, WIRE_B, WIRE_A, &answer, NULL);
    assert_only(&scene, json_pack("{s:b, s:b, s:{s:i, s:i}, s:{s:i, s:i}, s:i}", "replied", 1,
                                  "counts", 1, "original", "packets", 2, "bytes", 72, "reply",
                                  "packets", 1, "bytes", 36, "age", 1));
}
END_TEST

START_TEST(each_end_sees_what_translation_shows_it)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 80), arrived;
    size_t wire;

    enter(&scene, policy);
    sandbox_nft("add table ip n\n"
                "add chain ip n in { type nat hook prerouting priority -100; }\n"
                "add chain ip n out { type nat hook postrouting priority 100; }\n"
                "add rule ip n in ip daddr 10.3.0.200 udp dport 80 dnat to 10.3.0.9:5000\n"
                "add rule ip n out udp dport 5000 snat to 10.3.0.1:7777\n");
    frame.source_port = 1234;
    frame.destination = wires_address(FAMILY_IPV4, WIRE_B, 200);
    ck_assert_int_eq(lab_send(scene.lab, WIRE_A, &frame, NULL), 0);
    ck_assert_int_eq(lab_synchronise(scene.lab), 0);
    ck_assert_int_eq(lab_receive(scene.lab, 0, &arrived, &wire), 1);
    ck_assert_uint_eq(arrived.source_port, 7777);

    assert_only(&scene,
                json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "flow", "main", "source",
                          endpoint("10.1.0.7", 1234), "destination", endpoint("10.3.0.9", PORT),
                          "sent_to", endpoint("10.3.0.200", 80), "received_from",
                          endpoint("10.3.0.1", 7777), "service", "udp/5000"));
}
END_TEST

static const struct filter_case {
    const char *parameters;
    size_t n;
} filters[] = {
    {"{'zone': 'a'}", 2},
    {"{'zone': 'c'}", 0},
    {"{'zone': 'gateway'}", 0},
    {"{'flow': 'main'}", 2},
    {"{'host': 'left'}", 2},
    {"{'host': '10.3.0.9'}", 1},
    {"{'host': 'fd00:3::/64'}", 1},
    {"{'host': '10.3.0.10'}", 0},
    {"{'zone': 'b', 'flow': 'main', 'host': '10.1.0.7'}", 1},
    {"{'cut': true}", 0},
};

START_TEST(connections_are_chosen_by_zone_flow_and_host)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV4, 1);
    open_main(&scene, FAMILY_IPV6, 1);
    for (size_t i = 0; i < ELEMENTS_OF(filters); i++)
        assert_count(&scene, filters[i].parameters, filters[i].n);
}
END_TEST

START_TEST(a_connection_of_a_suspended_flow_is_marked_and_cut)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Suspend", calls_parameters("{'flow': 'main', 'reason': 'test'}"));
    assert_only(&scene,
                json_pack("{s:s, s:b, s:s}", "flow", "main", "live", 0, "why", "suspended"));
    assert_count(&scene, "{'cut': true, 'flow': 'main'}", 1);
    calls_do(scene.segd, "Resume", calls_parameters("{'flow': 'main'}"));
    assert_only(&scene, json_pack("{s:b, s:n}", "live", 1, "why"));
    assert_count(&scene, "{'cut': true}", 0);
}
END_TEST

START_TEST(a_connection_of_an_isolated_zone_is_marked_and_cut)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Isolate", calls_parameters("{'zone': 'b', 'reason': 'test'}"));
    assert_only(&scene, json_pack("{s:s, s:b, s:s}", "flow", "main", "live", 0, "why", "isolated"));
    assert_count(&scene, "{'cut': true, 'zone': 'b'}", 1);
}
END_TEST

START_TEST(a_connection_of_a_flow_that_an_isolation_keeps_is_live)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Isolate",
             calls_parameters("{'zone': 'b', 'reason': 'test', 'keep': ['main']}"));
    assert_only(&scene, json_pack("{s:b, s:n}", "live", 1, "why"));
    assert_count(&scene, "{'cut': true}", 0);
}
END_TEST

START_TEST(a_connection_of_a_flow_that_is_gone_is_removed)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    open_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Apply", calls_policy(without_main, 0));
    assert_only(&scene, json_pack("{s:n, s:b, s:s}", "flow", "live", 0, "why", "removed"));
    assert_count(&scene, "{'cut': true}", 1);
}
END_TEST

START_TEST(what_another_flow_approves_is_not_cut)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, beside_wide);
    open_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Suspend", calls_parameters("{'flow': 'main', 'reason': 'test'}"));
    assert_only(&scene, json_pack("{s:b, s:s}", "live", 0, "why", "suspended"));
    assert_count(&scene, "{'cut': true}", 0);
    /* And it passes. */
    open_main(&scene, FAMILY_IPV4, 1);
    assert_only(&scene, json_pack("{s:s, s:b}", "flow", "wide", "live", 1));
}
END_TEST

/* Reads all replies. Returns how many connections they have; each has at most SLICE. */
static size_t count_streamed(const struct scene *scene, size_t *ret_replies)
{
    cleanup_(closep) int fd = calls_send(scene->segd, "GetConnections", true, json_object());
    bool continues = true;
    size_t n = 0;

    *ret_replies = 0;
    while (continues) {
        cleanup_(freep) char *text = calls_receive(fd, true);
        cleanup_(json_decrefp) json_t *reply = json_loads(text, 0, NULL);
        const json_t *parameters = json_object_get(reply, "parameters");
        size_t size = json_array_size(json_object_get(parameters, "connections"));

        ck_assert_ptr_nonnull(parameters);
        ck_assert_uint_le(size, SLICE);
        ck_assert_int_eq(json_integer_value(json_object_get(parameters, "left_out")), 0);
        n += size;
        ++*ret_replies;
        continues = json_is_true(json_object_get(reply, "continues"));
    }
    return n;
}

START_TEST(many_connections_come_in_several_replies)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    size_t replies;

    enter(&scene, policy);
    for (uint16_t i = 1; i <= MANY; i++)
        open_main(&scene, FAMILY_IPV4, i);
    ck_assert_uint_eq(count_streamed(&scene, &replies), MANY);
    ck_assert_uint_eq(replies, (MANY + SLICE - 1) / SLICE);

    reply = calls_get(scene.segd, "GetConnections", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "connections")), ALONE);
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "left_out")), MANY - ALONE);
}
END_TEST

/* What segd knew when the worker began is what all replies tell, and others are answered. */
START_TEST(a_client_that_does_not_read_holds_nobody_up)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(closep) int fd = -1;

    enter(&scene, policy);
    for (uint16_t i = 1; i <= MANY; i++)
        open_main(&scene, FAMILY_IPV4, i);
    fd = calls_send(scene.segd, "GetConnections", true, json_object());
    free(calls_receive(fd, true));
    calls_do(scene.segd, "Suspend", calls_parameters("{'flow': 'main', 'reason': 'test'}"));
    assert_count(&scene, "{'host': '10.3.0.10'}", 0);
}
END_TEST

/* Frames of one connection while it is cut, and when each was sent. */
#define BEFORE 200 /* and as many after it */
#define FRAMES_MAX 200000

struct stream {
    struct lab *lab;
    usec_t *sent; /* by tag */
    uint32_t n_sent;
    uint32_t n_arrived;
    usec_t last; /* when the last one was sent that arrived */
};

static void take_arrived(struct stream *stream)
{
    struct frame frame;
    size_t wire;

    while (lab_receive(stream->lab, 0, &frame, &wire) == 1) {
        ck_assert_uint_lt(frame.tag, stream->n_sent);
        stream->n_arrived++;
        if (stream->sent[frame.tag] > stream->last)
            stream->last = stream->sent[frame.tag];
    }
}

static void send_some(struct stream *stream, unsigned n)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_lt(stream->n_sent, FRAMES_MAX);
        frame.tag = stream->n_sent;
        stream->sent[stream->n_sent++] = calendar_now();
        ck_assert_int_eq(lab_send(stream->lab, WIRE_A, &frame, NULL), 0);
    }
    ck_assert_int_eq(lab_synchronise(stream->lab), 0);
    take_arrived(stream);
}

/* `closed` of a reply, to the microsecond. */
static usec_t parse_exact(const char *text)
{
    char seconds[INSTANT_TEXT_MAX] = {0};
    unsigned fraction;
    usec_t instant;

    ck_assert_uint_eq(strlen(text), strlen("2026-11-23T02:11:00.123456Z"));
    memcpy(seconds, text, strlen("2026-11-23T02:11:00"));
    strcat(seconds, "Z");
    ck_assert_int_eq(instant_parse(seconds, &instant), 0);
    ck_assert_int_eq(sscanf(text + strlen("2026-11-23T02:11:00"), ".%06uZ", &fraction), 1);
    return instant + fraction;
}

/* Closes in a child, while this process sends. Returns `closed`. */
static usec_t cut(struct scene *scene, struct stream *stream, const char *method,
                  const char *parameters)
{
    char text[INSTANT_TEXT_MAX] = {0};
    int fds[2], status = -1;
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        json_t *reply = calls_get(scene->segd, method, calls_parameters(parameters));
        const char *closed = json_string_value(json_object_get(reply, "closed"));

        _exit(write(fds[1], closed, strlen(closed)) < 0);
    }
    while (waitpid(child, &status, WNOHANG) == 0)
        send_some(stream, 10);
    ck_assert_int_eq(status, 0);
    ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
    close(fds[0]);
    close(fds[1]);
    return parse_exact(text);
}

static const char *const cuts[][2] = {
    {"Suspend", "{'flow': 'main', 'reason': 'test'}"},
    {"Isolate", "{'zone': 'b', 'reason': 'test'}"},
};
#define SUSPENSIONS 20

/* Nothing of what is sent after the instant in the receipt arrives; what is sent before does, up to
 * shortly before it. */
START_TEST(of_a_cut_connection_nothing_passes_after_the_receipt)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) usec_t *sent = calloc(FRAMES_MAX, sizeof(*sent));

    enter(&scene, policy);
    for (unsigned i = 0; i < (_i == 0 ? SUSPENSIONS : 1); i++) {
        struct stream stream = {.lab = scene.lab, .sent = sent};
        usec_t closed;

        send_some(&stream, BEFORE);
        ck_assert_uint_eq(stream.n_arrived, BEFORE);
        closed = cut(&scene, &stream, cuts[_i][0], cuts[_i][1]);
        send_some(&stream, BEFORE);
        ck_assert_int_gt(stream.last, 0);
        ck_assert_msg(stream.last <= closed, "%s: a frame passed %d us after it", cuts[_i][0],
                      (int)(stream.last - closed));
        ck_assert_uint_le(stream.n_arrived, stream.n_sent - BEFORE);
        assert_count(&scene, "{'cut': true}", 1);
        if (_i == 0)
            calls_do(scene.segd, "Resume", calls_parameters("{'flow': 'main'}"));
    }
}
END_TEST

START_TEST(a_plan_names_the_connections_that_it_would_cut)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    json_t *texts = calls_policy(without_main, 0), *connections;

    enter(&scene, policy);
    for (uint16_t i = 1; i <= 103; i++)
        open_main(&scene, FAMILY_IPV4, i);
    json_object_del(texts, "reason");
    reply = calls_get(scene.segd, "Plan", texts);
    connections = json_object_get(reply, "connections");
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "cut")), 103);
    ck_assert_uint_eq(json_array_size(connections), 100);
    assert_json(json_object_get(json_array_get(connections, 0), "flow"), json_string("main"));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, of_a_cut_connection_nothing_passes_after_the_receipt, 0,
                        (int)ELEMENTS_OF(cuts));
    tcase_add_test(tests, a_plan_names_the_connections_that_it_would_cut);
    tcase_add_test(tests, a_connection_has_flow_zones_and_ends);
    tcase_add_test(tests, bytes_and_age_are_told_where_the_kernel_has_them);
    tcase_add_test(tests, each_end_sees_what_translation_shows_it);
    tcase_add_test(tests, connections_are_chosen_by_zone_flow_and_host);
    tcase_add_test(tests, a_connection_of_a_suspended_flow_is_marked_and_cut);
    tcase_add_test(tests, a_connection_of_an_isolated_zone_is_marked_and_cut);
    tcase_add_test(tests, a_connection_of_a_flow_that_an_isolation_keeps_is_live);
    tcase_add_test(tests, a_connection_of_a_flow_that_is_gone_is_removed);
    tcase_add_test(tests, what_another_flow_approves_is_not_cut);
    tcase_add_test(tests, many_connections_come_in_several_replies);
    tcase_add_test(tests, a_client_that_does_not_read_holds_nobody_up);
}
