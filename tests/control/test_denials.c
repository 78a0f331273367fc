/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who is refused what is told as it was sent: each packet is a frame that this test puts on a wire.
 * Packets come to segd by NFLOG, a little after they were refused, and so a follower is waited for.
 */

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/instant.h"
#include "calls.h"
#include "checks.h"
#include "observe/nflog.h"
#include "ruleset/compile.h"
#include "sandbox.h"
#include "wires.h"

static const char policy[] =
    WIRES_POLICY "flows:\n"
                 "  open: { from: a, to: b, services: [udp/7001] }\n"
                 "  past: { from: a, to: b, services: [udp/7004], expires: 2020-03-31 }\n";

struct scene {
    struct lab *lab;
    struct segd *segd;
    int follower;
};

static void scene_clear(struct scene *scene)
{
    close(scene->follower);
    segd_free(scene->segd);
    lab_free(scene->lab);
}

static void enter(struct scene *scene)
{
    scene->lab = wires_new();
    scene->segd = segd_start(policy);
    scene->follower = calls_send(scene->segd, "GetDenials", true, json_object());
}

static void send(struct scene *scene, enum wire_number wire, const struct frame *frame, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(lab_send(scene->lab, wire, frame, NULL), 0);
    ck_assert_int_eq(lab_synchronise(scene->lab), 0);
}

/* The counts of all denials of this reason from this zone, "" where it is none. */
static json_int_t sum(const json_t *denials, const char *reason, const char *from)
{
    json_int_t n = 0;
    const json_t *denial;
    size_t i;

    json_array_foreach(denials, i, denial)
    {
        const char *zone = json_string_value(json_object_get(denial, "from"));

        if (strcmp(json_string_value(json_object_get(denial, "reason")), reason) == 0 &&
            strcmp(zone ? zone : "", from) == 0)
            n += json_integer_value(json_object_get(denial, "count"));
    }
    return n;
}

/* Waits until a reply to the follower has so many of them. */
static void await(struct scene *scene, const char *reason, const char *from, json_int_t n)
{
    json_int_t seen = 0;

    while (seen < n) {
        cleanup_(freep) char *text = calls_receive(scene->follower, true);
        cleanup_(json_decrefp) json_t *reply = json_loads(text, 0, NULL);
        const json_t *parameters = json_object_get(reply, "parameters");

        ck_assert_msg(json_is_true(json_object_get(reply, "continues")), "%s", text);
        seen = sum(json_object_get(parameters, "denials"), reason, from);
    }
    ck_assert_int_eq(seen, n);
}

static json_t *denials(const struct scene *scene, const char *parameters)
{
    cleanup_(json_decrefp) json_t *reply =
        calls_get(scene->segd, "GetDenials", calls_parameters(parameters));

    return json_incref(json_object_get(reply, "denials"));
}

/* Asserts that there is this one, with all but its times. */
static void assert_denial(const struct scene *scene, json_t *expected)
{
    cleanup_(json_decrefp) json_t *list = denials(scene, "{}");
    const json_t *found =
        find_text(list, "reason", json_string_value(json_object_get(expected, "reason")));
    usec_t first, last;

    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(instant_parse(json_string_value(json_object_get(found, "first")), &first), 0);
    ck_assert_int_eq(instant_parse(json_string_value(json_object_get(found, "last")), &last), 0);
    ck_assert_int_le(first, last);
    json_object_del((json_t *)found, "first");
    json_object_del((json_t *)found, "last");
    assert_json(found, expected);
}

START_TEST(denials_tell_who_was_refused_what)
{
    cleanup_(scene_clear) struct scene scene = {.follower = -1};
    enum family family = (enum family)_i;
    bool is_ipv4 = family == FAMILY_IPV4;
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, 7002), forged = frame, past = frame;

    enter(&scene);
    past.port = 7004;
    send(&scene, WIRE_A, &frame, 3);
    send(&scene, WIRE_A, &past, 2);
    send(&scene, WIRE_C, &forged, 1);
    await(&scene, "spoofed", "c", 1);

    assert_denial(&scene,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "reason", "no-flow", "from",
                            "a", "to", "b", "source", is_ipv4 ? "10.1.0.7" : "fd00:1::7",
                            "destination", is_ipv4 ? "10.3.0.9" : "fd00:3::9", "service",
                            "udp/7002", "count", 3, "over", 0));
    assert_denial(&scene,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "reason", "suspended",
                            "from", "a", "to", "b", "source", is_ipv4 ? "10.1.0.7" : "fd00:1::7",
                            "destination", is_ipv4 ? "10.3.0.9" : "fd00:3::9", "service",
                            "udp/7004", "count", 2, "over", 0));
    assert_denial(&scene, json_pack("{s:s, s:s, s:n, s:s, s:s, s:s, s:i, s:i}", "reason", "spoofed",
                                    "from", "c", "to", "source", is_ipv4 ? "10.1.0.7" : "fd00:1::7",
                                    "destination", is_ipv4 ? "10.3.0.9" : "fd00:3::9", "service",
                                    "udp/7002", "count", 1, "over", 0));
}
END_TEST

static const struct {
    const char *parameters;
    size_t n;
} filters[] = {
    {"{}", 3},
    {"{'zone': 'a'}", 2},
    {"{'zone': 'b'}", 1},
    {"{'zone': 'c'}", 1},
    {"{'zone': 'gateway'}", 0},
    {"{'reason': 'spoofed'}", 1},
    {"{'reason': 'no-flow', 'zone': 'b'}", 1},
    {"{'reason': 'invalid'}", 0},
    {"{'seconds': 3600}", 3},
    {"{'limit': 2}", 2},
};

START_TEST(denials_are_filtered)
{
    cleanup_(scene_clear) struct scene scene = {.follower = -1};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);
    struct frame stray = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_STRAY, 7002);
    cleanup_(json_decrefp) json_t *latest = NULL;

    enter(&scene);
    send(&scene, WIRE_A, &frame, 1);
    send(&scene, WIRE_A, &stray, 1);
    send(&scene, WIRE_C, &frame, 1);
    await(&scene, "spoofed", "c", 1);
    for (size_t i = 0; i < ELEMENTS_OF(filters); i++) {
        cleanup_(json_decrefp) json_t *list = denials(&scene, filters[i].parameters);

        ck_assert_msg(json_array_size(list) == filters[i].n, "%s: %zu", filters[i].parameters,
                      json_array_size(list));
    }
    calls_refused(scene.segd, "GetDenials", calls_parameters("{'zone': 'none'}"), "NotFound");
    calls_refused(scene.segd, "GetDenials", calls_parameters("{'reason': 'none'}"), "NotFound");

    /* The latest comes first. */
    send(&scene, WIRE_A, &frame, 1);
    await(&scene, "no-flow", "a", 2);
    latest = denials(&scene, "{'limit': 1}");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(latest, 0), "reason")),
                     "no-flow");
}
END_TEST

/* A reply is told as the request of the side that opened the connection, where the kernel tells
 * which packets are replies. */
START_TEST(refused_reply_is_told_as_what_it_answers)
{
    cleanup_(scene_clear) struct scene scene = {.follower = -1};
    cleanup_(nflog_closep) struct nflog *nflog = NULL;
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7001);
    struct frame answer = wires_answer(&frame);
    const char *client = _i == FAMILY_IPV4 ? "10.1.0.7" : "fd00:1::7";
    const char *server = _i == FAMILY_IPV4 ? "10.3.0.9" : "fd00:3::9";
    bool told;

    enter(&scene);
    ck_assert_int_eq(nflog_open(RULESET_OWN_LOG_GROUP + 1, &nflog), 0);
    told = nflog_tells_replies(nflog);
    wires_pass(scene.lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(scene.lab, WIRE_B, WIRE_A, &answer, NULL);
    calls_do(scene.segd, "Suspend", json_pack("{s:s, s:s}", "flow", "open", "reason", "test"));
    send(&scene, WIRE_B, &answer, 1);
    await(&scene, "suspended", told ? "a" : "b", 1);
    assert_denial(&scene,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "reason", "suspended",
                            "from", told ? "a" : "b", "to", told ? "b" : "a", "source",
                            told ? client : server, "destination", told ? server : client,
                            "service", told ? "udp/7001" : "udp/40000", "count", 1, "over", 0));
}
END_TEST

/* A flood to ever other ports hides nothing of another zone, and each of its packets is counted:
 * as told, as not logged, or as lost. */
START_TEST(flood_hides_no_other_denial_and_all_is_counted)
{
    cleanup_(scene_clear) struct scene scene = {.follower = -1};
    cleanup_(json_decrefp) json_t *reply = NULL;
    struct frame flood = wires_udp((enum family)_i, WIRE_A, WIRE_B, 8000);
    struct frame other = wires_udp((enum family)_i, WIRE_C, WIRE_B, 7002);
    json_int_t told;

    enter(&scene);
    for (uint16_t i = 0; i < 4000; i++) {
        flood.port = 8000 + i;
        ck_assert_int_eq(lab_send(scene.lab, WIRE_A, &flood, NULL), 0);
        if (i % 400 == 0)
            ck_assert_int_eq(lab_send(scene.lab, WIRE_C, &other, NULL), 0);
    }
    ck_assert_int_eq(lab_synchronise(scene.lab), 0);
    await(&scene, "no-flow", "c", 10);

    reply = calls_get(scene.segd, "GetDenials", NULL);
    told = sum(json_object_get(reply, "denials"), "no-flow", "a");
    ck_assert_int_gt(told, 0);
    ck_assert_int_eq(told + json_integer_value(json_object_get(reply, "unlogged")) +
                         json_integer_value(json_object_get(reply, "lost")),
                     4000);
}
END_TEST

/* The kernel gives a group of NFLOG to one listener. */
START_TEST(group_that_somebody_else_has_is_told)
{
    cleanup_(scene_clear) struct scene scene = {.follower = -1};
    cleanup_(nflog_closep) struct nflog *nflog = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;

    scene.lab = wires_new();
    ck_assert_int_eq(nflog_open(RULESET_OWN_LOG_GROUP, &nflog), 0);
    scene.segd = segd_start(policy);
    reply = calls_get(scene.segd, "GetDenials", NULL);
    ck_assert(json_is_null(json_object_get(reply, "since")));
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "denials")), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, denials_tell_who_was_refused_what, 0, FAMILIES);
    tcase_add_test(tests, denials_are_filtered);
    tcase_add_test(tests, group_that_somebody_else_has_is_told);
    tcase_add_loop_test(tests, refused_reply_is_told_as_what_it_answers, 0, FAMILIES);
    tcase_add_loop_test(tests, flood_hides_no_other_denial_and_all_is_counted, 0, FAMILIES);
}
