/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the daemon tells is what was sent. Each packet is a frame that this test puts on a wire, so
 * that the number and the size of what passes and of what is refused are known, and the answers
 * over the control socket are compared with them.
 */

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/instant.h"
#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "scene.h"
#include "wires.h"

/* A frame of UDP carries eight bytes. */
#define UDP_BYTES (20 + 8 + 8)
#define UDP_BYTES6 (40 + 8 + 8)

#define PORT 5000
#define OTHER_PORT 6000

#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  left: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                      \
    "groups:\n"                                                                                    \
    "  right: { zone: b, members: [10.3.0.0/24, 'fd00:3::/64'] }\n"                                \
    "services:\n"                                                                                  \
    "  app: udp/5000\n"

#define FLOWS                                                                                      \
    "flows:\n"                                                                                     \
    "  main: { label: 業務, from: left, to: right, services: [app, tcp/8443-8443] }\n"           \
    "  other: { from: [b, c], to: left, services: [udp/6000] }\n"

static const char policy[] = WIRES_POLICY HOSTS FLOWS;

/* `n` packets of the flow `main`. */
static void send_main(struct scene *scene, enum family family, unsigned n)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    for (unsigned i = 0; i < n; i++)
        wires_pass(scene->lab, WIRE_A, WIRE_B, &frame, NULL);
}

static void answer_main(struct scene *scene, enum family family)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);
    struct frame answer = wires_answer(&frame);

    wires_pass(scene->lab, WIRE_B, WIRE_A, &answer, NULL);
}

/* The flow as GetFlows tells it; the caller owns it. */
static json_t *get_flow(const struct scene *scene, const char *name)
{
    json_t *reply = calls_get(scene->segd, "GetFlows", NULL);
    const json_t *flow = find_text(json_object_get(reply, "flows"), "name", name);
    json_t *copy;

    ck_assert_msg(flow, "there is no flow %s", name);
    copy = json_deep_copy(flow);
    ck_assert_ptr_nonnull(copy);
    json_decref(reply);
    return copy;
}

/* What GetCounters tells of the flow; zeros where it does not pass. */
static void assert_counters(const struct scene *scene, const char *name, const int *expected)
{
    static const char *const columns[] = {"original_packets", "original_bytes", "reply_packets",
                                          "reply_bytes"};
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetCounters", NULL);
    const json_t *names = json_object_get(reply, "names");
    size_t place = 0;

    while (place < json_array_size(names) &&
           strcmp(json_string_value(json_array_get(names, place)), name) != 0)
        place++;
    for (size_t i = 0; i < ELEMENTS_OF(columns); i++) {
        const json_t *column = json_object_get(reply, columns[i]);

        ck_assert_uint_eq(json_array_size(column), json_array_size(names));
        ck_assert_int_eq(json_integer_value(json_array_get(column, place)), expected[i]);
    }
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "generation")),
                     calls_generation(scene->segd));
}

/* What GetFlows tells of it, also while it does not pass. */
static void assert_carried(const struct scene *scene, const char *name, int packets, int bytes,
                           int reply_packets, int reply_bytes)
{
    cleanup_(json_decrefp) json_t *flow = get_flow(scene, name);

    assert_json(json_object_get(flow, "original"),
                json_pack("{s:i, s:i}", "packets", packets, "bytes", bytes));
    assert_json(json_object_get(flow, "reply"),
                json_pack("{s:i, s:i}", "packets", reply_packets, "bytes", reply_bytes));
}

static void assert_counts(const struct scene *scene, const char *name, int packets, int bytes,
                          int reply_packets, int reply_bytes)
{
    assert_carried(scene, name, packets, bytes, reply_packets, reply_bytes);
    assert_counters(scene, name, (int[]){packets, bytes, reply_packets, reply_bytes});
}

/* `why` NULL: it is live. */
static void assert_why(const struct scene *scene, const char *name, const char *why)
{
    cleanup_(json_decrefp) json_t *flow = get_flow(scene, name);
    const char *told = json_string_value(json_object_get(flow, "why"));

    ck_assert_int_eq(json_is_true(json_object_get(flow, "live")), why == NULL);
    ck_assert_pstr_eq(told, why);
}

START_TEST(flows_tell_what_they_carried_in_each_direction)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct nftables_count original, reply;

    enter(&scene, policy);
    assert_counts(&scene, "main", 0, 0, 0, 0);
    send_main(&scene, FAMILY_IPV4, 3);
    answer_main(&scene, FAMILY_IPV4);
    assert_counts(&scene, "main", 3, 3 * UDP_BYTES, 1, UDP_BYTES);
    send_main(&scene, FAMILY_IPV6, 2);
    assert_counts(&scene, "main", 5, 3 * UDP_BYTES + 2 * UDP_BYTES6, 1, UDP_BYTES);
    assert_counts(&scene, "other", 0, 0, 0, 0);

    /* As nft lists it. */
    ck_assert(segd_live("main", false, &original));
    ck_assert(segd_live("main", true, &reply));
    assert_counts(&scene, "main", (int)original.packets, (int)original.bytes, (int)reply.packets,
                  (int)reply.bytes);
}
END_TEST

START_TEST(flows_are_told_as_they_were_written)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    json_t *flows;

    enter(&scene, policy);
    reply = calls_get(scene.segd, "GetFlows", NULL);
    flows = json_object_get(reply, "flows");
    ck_assert_uint_eq(json_array_size(flows), 2);
    ck_assert_int_eq(json_object_del(json_array_get(flows, 0), "since"), 0);
    assert_json(json_array_get(flows, 0),
                json_pack("{s:s, s:s, s:[s], s:[s], s:[s, s], s:b, s:n, s:n, s:{s:i, s:i}, "
                          "s:{s:i, s:i}, s:n, s:n}",
                          "name", "main", "label", "業務", "from", "left", "to", "right",
                          "services", "app", "tcp/8443", "live", 1, "why", "until", "original",
                          "packets", 0, "bytes", 0, "reply", "packets", 0, "bytes", 0, "first",
                          "last"));
    assert_json(json_object_get(json_array_get(flows, 1), "from"), json_pack("[s, s]", "b", "c"));
    assert_json(json_object_get(json_array_get(flows, 1), "label"), json_string("other"));
}
END_TEST

START_TEST(what_a_zone_allows_within_itself_is_a_flow)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *flow = NULL;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_A_OTHER, 9);

    enter(&scene, "segd: 1\n"
                  "timezone: Asia/Tokyo\n"
                  "zones:\n"
                  "  a: { class: other, interfaces: [a0, a1], networks: [10.1.0.0/16, 10.2.0.0/16],"
                  " intra: allow }\n"
                  "flows:\n"
                  "  main: { from: gateway, to: a, services: [udp/5000] }\n"
                  "gateway: { protect: true }\n");
    wires_pass(scene.lab, WIRE_A, WIRE_A_OTHER, &frame, NULL);
    assert_counts(&scene, "intra:a", 1, UDP_BYTES, 0, 0);
    flow = get_flow(&scene, "intra:a");
    assert_json(json_object_get(flow, "from"), json_pack("[s]", "a"));
    assert_json(json_object_get(flow, "services"), json_pack("[s]", "any"));
    json_decref(flow);
    flow = get_flow(&scene, "main");
    assert_json(json_object_get(flow, "from"), json_pack("[s]", "gateway"));
}
END_TEST

/* Hours of the policy's day from now. */
static void format_hours(char *buffer, size_t size, usec_t now, int first, int last)
{
    time_t seconds = (time_t)(now / USEC_PER_SEC) + 9 * 3600;
    struct tm tokyo;

    ck_assert_ptr_nonnull(gmtime_r(&seconds, &tokyo));
    snprintf(buffer, size, "%02d:00-%02d:00", (tokyo.tm_hour + first) % 24,
             (tokyo.tm_hour + last) % 24);
}

/* The instant so many hours after the beginning of this one, as the daemon writes it. */
static const char *format_hour(usec_t now, int hours, char buffer[INSTANT_TEXT_MAX])
{
    usec_t hour = INT64_C(3600) * USEC_PER_SEC;

    return instant_format(now - now % hour + hours * hour, buffer);
}

START_TEST(flows_tell_why_they_do_not_pass_and_until_when)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *closed = NULL, *open = NULL, *ends = NULL;
    char later[32], around[32], text[2048], instant[INSTANT_TEXT_MAX];
    usec_t now = calendar_now();

    format_hours(later, sizeof(later), now, 6, 7);
    format_hours(around, sizeof(around), now, 23, 5);
    snprintf(text, sizeof(text),
             WIRES_POLICY HOSTS "flows:\n"
                                "  off: { from: a, to: b, services: [udp/1], enabled: false }\n"
                                "  past: { from: a, to: b, services: [udp/2],"
                                " expires: 2020-03-31 }\n"
                                "  closed: { from: a, to: b, services: [udp/3],"
                                " schedule: { hours: '%s' } }\n"
                                "  open: { from: a, to: b, services: [udp/4],"
                                " schedule: { hours: '%s' } }\n"
                                "  ends: { from: a, to: b, services: [udp/5],"
                                " expires: 2099-03-31 }\n",
             later, around);
    enter(&scene, text);
    assert_why(&scene, "off", "disabled");
    assert_why(&scene, "past", "expired");
    assert_why(&scene, "closed", "schedule");
    assert_why(&scene, "open", NULL);
    assert_why(&scene, "ends", NULL);

    closed = get_flow(&scene, "closed");
    assert_json(json_object_get(closed, "until"), json_string(format_hour(now, 6, instant)));
    open = get_flow(&scene, "open");
    assert_json(json_object_get(open, "until"), json_string(format_hour(now, 5, instant)));
    ends = get_flow(&scene, "ends");
    assert_json(json_object_get(ends, "until"), json_string("2099-03-31T15:00:00Z"));
}
END_TEST

START_TEST(a_suspended_flow_is_not_live)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    enter(&scene, policy);
    send_main(&scene, FAMILY_IPV4, 1);
    calls_do(scene.segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "test"));
    assert_why(&scene, "main", "suspended");
    assert_carried(&scene, "main", 1, UDP_BYTES, 0, 0);
    wires_drop(scene.lab, WIRE_A, &frame, NULL, "suspended/a/b");

    calls_do(scene.segd, "Resume", json_pack("{s:s}", "flow", "main"));
    assert_why(&scene, "main", NULL);
    send_main(&scene, FAMILY_IPV4, 2);
    assert_counts(&scene, "main", 3, 3 * UDP_BYTES, 0, 0);
}
END_TEST

/* Isolates zone b for an hour, keeping the flow where it is not NULL. */
static json_t *isolate_b(const struct scene *scene, const char *keep)
{
    return calls_get(scene->segd, "Isolate",
                     json_pack("{s:s, s:s, s:i, s:o}", "zone", "b", "reason", "不審な通信",
                               "seconds", 3600, "keep",
                               keep ? json_pack("[s]", keep) : json_array()));
}

START_TEST(an_isolated_flow_is_not_live_and_a_partly_isolated_one_is)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *flow = NULL, *reply = NULL;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame from_c = wires_udp(FAMILY_IPV4, WIRE_C, WIRE_A, OTHER_PORT);

    enter(&scene, policy);
    send_main(&scene, FAMILY_IPV4, 1);
    reply = isolate_b(&scene, NULL);
    assert_why(&scene, "main", "isolated");
    assert_why(&scene, "other", NULL);

    /* It has carried what it has, and ends with the isolation. */
    assert_counts(&scene, "main", 1, UDP_BYTES, 0, 0);
    flow = get_flow(&scene, "main");
    assert_json(json_object_get(flow, "until"),
                json_copy(json_object_get(json_object_get(reply, "override"), "until")));

    ck_assert(!wires_try(scene.lab, WIRE_A, &frame, NULL));
    from_c.destination = wires_address(FAMILY_IPV4, WIRE_A, 7);
    wires_pass(scene.lab, WIRE_C, WIRE_A, &from_c, NULL);
}
END_TEST

START_TEST(a_flow_that_an_isolation_keeps_is_live)
{
    cleanup_(scene_clear) struct scene scene = {0};

    enter(&scene, policy);
    json_decref(isolate_b(&scene, "main"));
    assert_why(&scene, "main", NULL);
    send_main(&scene, FAMILY_IPV4, 1);
    assert_counts(&scene, "main", 1, UDP_BYTES, 0, 0);
}
END_TEST

START_TEST(a_grant_is_a_flow_as_long_as_it_lasts)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *granted = NULL, *flow = NULL, *reply = NULL;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_C, 53);
    const json_t *override;
    const char *name;

    enter(&scene, policy);
    granted = calls_get(scene.segd, "Grant",
                        json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "left", "to", "c",
                                  "services", "udp/53", "seconds", 3600, "reason", "保守"));
    override = json_object_get(granted, "override");
    name = json_string_value(json_object_get(override, "name"));
    ck_assert_ptr_nonnull(name);

    wires_pass(scene.lab, WIRE_A, WIRE_C, &frame, NULL);
    assert_why(&scene, name, NULL);
    assert_counts(&scene, name, 1, UDP_BYTES, 0, 0);
    flow = get_flow(&scene, name);
    assert_json(json_object_get(flow, "until"), json_copy(json_object_get(override, "until")));
    assert_json(json_object_get(flow, "from"), json_pack("[s]", "left"));

    calls_do(scene.segd, "Revoke", json_pack("{s:s}", "grant", name));
    reply = calls_get(scene.segd, "GetFlows", NULL);
    ck_assert_ptr_null(find_text(json_object_get(reply, "flows"), "name", name));
    wires_drop(scene.lab, WIRE_A, &frame, NULL, "no-flow/a/c");
}
END_TEST

/* NULL is null. */
static json_t *drop(const char *reason, const char *from, const char *to, const char *flow,
                    int packets, int bytes)
{
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:i, s:i}", "reason", reason, "from", from, "to", to,
                     "flow", flow, "packets", packets, "bytes", bytes);
}

/* All drops, each as expected; the list is stolen. */
static void assert_drops(const struct scene *scene, json_t *expected)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetDrops", NULL);
    const json_t *drops = json_object_get(reply, "drops");

    ck_assert_uint_eq(json_array_size(drops), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        json_t *one = json_array_get(expected, i);
        const char *reason = json_string_value(json_object_get(one, "reason"));

        assert_json(find_text(drops, "reason", reason), json_incref(one));
    }
    json_decref(expected);
}

START_TEST(drops_are_counted_by_reason_and_zones)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame refused = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 9);
    struct frame spoofed = wires_udp(FAMILY_IPV4, WIRE_C, WIRE_B, 9);
    struct frame stray = wires_udp(FAMILY_IPV6, WIRE_STRAY, WIRE_B, 9);

    enter(&scene, policy);
    assert_drops(&scene, json_array());

    wires_drop(scene.lab, WIRE_A, &refused, NULL, "no-flow/a/b");
    wires_drop(scene.lab, WIRE_A, &refused, NULL, "no-flow/a/b");
    wires_drop(scene.lab, WIRE_A, &spoofed, NULL, "spoofed/a");
    wires_drop(scene.lab, WIRE_STRAY, &stray, NULL, "unknown-interface");
    assert_drops(&scene, json_pack("[o, o, o]", drop("no-flow", "a", "b", NULL, 2, 2 * UDP_BYTES),
                                   drop("spoofed", "a", NULL, NULL, 1, UDP_BYTES),
                                   drop("unknown-interface", NULL, NULL, NULL, 1, UDP_BYTES6)));
}
END_TEST

START_TEST(what_an_isolation_refuses_is_counted_by_its_zone)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    enter(&scene, policy);
    json_decref(isolate_b(&scene, NULL));
    wires_drop(scene.lab, WIRE_A, &frame, NULL, "isolated/b");
    assert_drops(&scene, json_pack("[o]", drop("isolated", "b", NULL, NULL, 1, UDP_BYTES)));
}
END_TEST

START_TEST(what_a_limit_refuses_is_counted_by_its_flow)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    enter(&scene, WIRES_POLICY
          "flows:\n"
          "  main: { from: a, to: b, services: [udp/5000], limit: { concurrent: 1 } }\n");
    wires_pass(scene.lab, WIRE_A, WIRE_B, &frame, NULL);
    frame.source_port++;
    wires_drop(scene.lab, WIRE_A, &frame, NULL, "limited/main");
    assert_drops(&scene, json_pack("[o]", drop("limited", NULL, NULL, "main", 1, UDP_BYTES)));
}
END_TEST

START_TEST(lockdown_has_no_flows_and_counts_what_it_refuses)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *flows = NULL, *zones = NULL, *status = NULL;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);

    enter(&scene, NULL);
    wires_drop(scene.lab, WIRE_A, &frame, NULL, "lockdown");
    flows = calls_get(scene.segd, "GetFlows", NULL);
    assert_json(flows, json_pack("{s:[]}", "flows"));
    zones = calls_get(scene.segd, "GetZones", NULL);
    assert_json(zones, json_pack("{s:[]}", "zones"));
    assert_drops(&scene, json_pack("[o]", drop("lockdown", NULL, NULL, NULL, 1, UDP_BYTES)));
    status = calls_get(scene.segd, "GetStatus", NULL);
    assert_json(json_object_get(status, "mode"), json_string("lockdown"));
    assert_json(json_object_get(status, "generation"), json_null());
}
END_TEST

START_TEST(zones_are_told_with_their_interfaces)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    const json_t *a, *d;

    enter(&scene, WIRES_POLICY
          "  d: { label: 未設置, class: lgwan, interfaces: [d0], networks: [10.9.0.0/16] }\n" HOSTS
              FLOWS);
    reply = calls_get(scene.segd, "GetZones", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "zones")), 4);
    a = find_text(json_object_get(reply, "zones"), "name", "a");
    assert_json(json_object_get(a, "state"), json_string("up"));
    assert_json(
        json_object_get(a, "networks"),
        json_pack("[s, s, s, s]", "10.1.0.0/16", "10.2.0.0/16", "fd00:1::/32", "fd00:2::/32"));
    ck_assert_uint_eq(json_array_size(json_object_get(a, "interfaces")), 2);
    ck_assert(
        json_is_true(json_object_get(json_array_get(json_object_get(a, "interfaces"), 1), "up")));

    d = find_text(json_object_get(reply, "zones"), "name", "d");
    assert_json(json_object_get(d, "label"), json_string("未設置"));
    assert_json(json_object_get(d, "class"), json_string("lgwan"));
    assert_json(json_object_get(d, "state"), json_string("down"));
    assert_json(json_object_get(d, "interfaces"), json_pack("[{s:s, s:b, s:b, s:[]}]", "name", "d0",
                                                            "present", 0, "up", 0, "addresses"));
}
END_TEST

START_TEST(status_is_all_in_one_look)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *status = NULL;
    const json_t *overrides;

    enter(&scene, policy);
    calls_do(scene.segd, "Suspend", json_pack("{s:s, s:s}", "flow", "other", "reason", "test"));
    json_decref(isolate_b(&scene, NULL));
    status = calls_get(scene.segd, "GetStatus", NULL);
    assert_json(json_object_get(status, "mode"), json_string("enforcing"));
    assert_json(json_object_get(status, "generation"), json_integer(1));
    assert_json(json_object_get(status, "flows"), json_integer(2));
    assert_json(json_object_get(status, "live"), json_integer(1));
    assert_json(json_object_get(status, "policy"), json_string(segd_policy_path(scene.segd)));
    ck_assert(json_is_true(
        json_object_get(find_text(json_object_get(status, "zones"), "name", "b"), "isolated")));

    overrides = json_object_get(status, "overrides");
    ck_assert_uint_eq(json_array_size(overrides), 2);
    assert_json(json_object_get(find_text(overrides, "kind", "isolation"), "reason"),
                json_string("不審な通信"));
    assert_json(json_object_get(find_text(overrides, "kind", "suspension"), "name"),
                json_string("other"));
}
END_TEST

/* A file of the evidence. */
static json_t *read_evidence(const struct scene *scene, const json_t *isolated, const char *name)
{
    const char *evidence = calls_evidence(scene->segd, isolated);
    char path[512];
    json_error_t error;
    json_t *json;

    calls_wait_evidence(scene->segd, evidence);
    snprintf(path, sizeof(path), "%s/%s", evidence, name);
    json = json_load_file(path, 0, &error);
    ck_assert_msg(json, "%s: %s", path, error.text);
    return json;
}

START_TEST(evidence_has_the_connections_that_were_cut)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *isolated = NULL, *connections = NULL, *counters = NULL;
    const json_t *connection, *flow;

    enter(&scene, policy);
    send_main(&scene, FAMILY_IPV4, 3);
    answer_main(&scene, FAMILY_IPV4);
    isolated = isolate_b(&scene, NULL);

    connections = read_evidence(&scene, isolated, "connections.json");
    ck_assert_uint_eq(json_array_size(json_object_get(connections, "connections")), 1);
    connection = json_array_get(json_object_get(connections, "connections"), 0);
    assert_json(json_object_get(connection, "flow"), json_string("main"));
    assert_json(json_object_get(connection, "source"), json_string("10.1.0.7"));
    assert_json(json_object_get(connection, "service"), json_string("udp/5000"));
    assert_json(json_object_get(connection, "cut"), json_true());
    assert_json(json_object_get(connections, "closed"),
                json_copy(json_object_get(isolated, "closed")));

    counters = read_evidence(&scene, isolated, "counters.json");
    flow = find_text(json_object_get(counters, "flows"), "flow", "main");
    assert_json(json_object_get(flow, "original"),
                json_pack("{s:i, s:i}", "packets", 3, "bytes", 3 * UDP_BYTES));
    assert_json(json_object_get(flow, "reply"),
                json_pack("{s:i, s:i}", "packets", 1, "bytes", UDP_BYTES));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, flows_tell_what_they_carried_in_each_direction);
    tcase_add_test(tests, flows_are_told_as_they_were_written);
    tcase_add_test(tests, what_a_zone_allows_within_itself_is_a_flow);
    tcase_add_test(tests, flows_tell_why_they_do_not_pass_and_until_when);
    tcase_add_test(tests, a_suspended_flow_is_not_live);
    tcase_add_test(tests, an_isolated_flow_is_not_live_and_a_partly_isolated_one_is);
    tcase_add_test(tests, a_flow_that_an_isolation_keeps_is_live);
    tcase_add_test(tests, a_grant_is_a_flow_as_long_as_it_lasts);
    tcase_add_test(tests, drops_are_counted_by_reason_and_zones);
    tcase_add_test(tests, what_an_isolation_refuses_is_counted_by_its_zone);
    tcase_add_test(tests, what_a_limit_refuses_is_counted_by_its_flow);
    tcase_add_test(tests, lockdown_has_no_flows_and_counts_what_it_refuses);
    tcase_add_test(tests, zones_are_told_with_their_interfaces);
    tcase_add_test(tests, status_is_all_in_one_look);
    tcase_add_test(tests, evidence_has_the_connections_that_were_cut);
}
