/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Connection tracking knows one connection where two hosts send to each other with the same ports,
 * or without any, whoever asks: NTP, IKE, syslog, SIP, GRE, ESP. Where the flow that opened it is
 * taken away and one for the other direction is live, its packets pass from the next one on, and
 * those of the other side only after it. What is a reply to nothing still is no request.
 */

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "hosts.h"
#include "sandbox.h"
#include "segd.h"
#include "wires.h"

#define PORT 5060
#define OTHER_PORT 7000

#define HOSTS                                                                                      \
    "hosts:\n"                                                                                     \
    "  ha: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                                        \
    "  hb: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"
#define SERVICES "services: [udp/5060, tcp/5060, gre, esp]"
#define FLOWS WIRES_POLICY HOSTS "flows:\n"
#define NIGHTS ", schedule: { hours: [\"22:00-05:00\"] }"
/* Twenty flows more, which make of a source a class with a chain of its own. */
#define TWENTY                                                                                     \
    "  more: { from: hb, to: a, services: [udp/1, udp/3, udp/5, udp/7, udp/9, udp/11, udp/13,"     \
    " udp/15, udp/17, udp/19, udp/21, udp/23, udp/25, udp/27, udp/29, udp/31, udp/33, udp/35] }\n"

/* 2030-01-15 03:00 and 12:00 in Tokyo; the flows below end in 2031 at the latest. */
#define NIGHT (INT64_C(1894644000) * USEC_PER_SEC)
#define NOON (INT64_C(1894676400) * USEC_PER_SEC)
#define YEARS (INT64_C(730) * 24 * 3600 * USEC_PER_SEC)

/* How `ab` is taken away while `ba` stays: two policies and their instants. */
static const struct way {
    const char *before;
    usec_t at;
    const char *after;
    usec_t then;
    const char *reason;
} ways[] = {
    {"  ab: { from: ha, to: hb, " SERVICES " }\n", NOON, "", NOON, "no-flow"},
    {"  ab: { from: ha, to: hb, " SERVICES " }\n", NOON,
     "  ab: { from: ha, to: hb, " SERVICES ", enabled: false }\n", NOON, "no-flow"},
    {"  ab: { from: ha, to: hb, " SERVICES ", expires: 2031-03-31 }\n", NOON,
     "  ab: { from: ha, to: hb, " SERVICES ", expires: 2031-03-31 }\n", NOON + YEARS, "suspended"},
    {"  ab: { from: ha, to: hb, " SERVICES NIGHTS " }\n", NIGHT,
     "  ab: { from: ha, to: hb, " SERVICES NIGHTS " }\n", NOON, "suspended"},
    {"  ab: { from: a, to: b, " SERVICES " }\n", NOON,
     "  ab: { from: a, to: b, services: [udp/5061] }\n", NOON, "no-flow"},
};

/* In which tables `ba` is: a hash, an interval map, those of a class of sources. */
static const char *const opposites[] = {
    "  ba: { from: hb, to: ha, " SERVICES " }\n",
    "  ba: { from: b, to: a, " SERVICES " }\n",
    "  ba: { from: hb, to: a, " SERVICES " }\n" TWENTY,
};

/* Packets of either side that connection tracking takes for one connection. */
enum kind { KIND_UDP, KIND_TCP, KIND_GRE, KIND_ESP, KINDS };

static struct frame make_frame(enum family family, enum kind kind)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    frame.source_port = PORT;
    switch (kind) {
    case KIND_TCP:
        frame = wires_tcp(family, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN);
        frame.source_port = PORT;
        break;
    case KIND_GRE:
    case KIND_ESP:
        frame.kind = FRAME_OTHER;
        frame.protocol = kind == KIND_GRE ? IPPROTO_GRE : IPPROTO_ESP;
        frame.source_port = frame.port = 0;
        break;
    case KIND_UDP:
    case KINDS:
        break;
    }
    return frame;
}

static struct frame make_answer(const struct frame *frame)
{
    struct frame answer = wires_answer(frame);

    answer.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    answer.tcp_acknowledgement = frame->tcp_sequence + 1;
    return answer;
}

static void commit(const char *one, const char *another, usec_t now)
{
    char policy[4096];

    snprintf(policy, sizeof(policy), FLOWS "%s%s", one, another);
    segd_commit(policy, now);
}

#define N_WAYS ((int)(sizeof(ways) / sizeof(ways[0])))
#define N_OPPOSITES ((int)(sizeof(opposites) / sizeof(opposites[0])))

START_TEST(other_side_passes_when_the_flow_that_opened_is_taken_away)
{
    enum family family = (enum family)(_i % 2);
    enum kind kind = (enum kind)(_i / 2 % KINDS);
    const struct way *way = &ways[_i / 2 / KINDS % N_WAYS];
    const char *ba = opposites[_i / 2 / KINDS / N_WAYS];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame(family, kind), back = make_answer(&there);
    char counter[64];

    snprintf(counter, sizeof(counter), "%s/a/b", way->reason);
    commit(way->before, ba, way->at);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    ck_assert_uint_eq(segd_passed("ab", true), 1);

    commit(way->after, ba, way->then);
    there.tcp_flags = FRAME_TCP_ACK;
    there.tcp_sequence++;
    there.tcp_acknowledgement = back.tcp_sequence + 1;
    wires_drop(lab, WIRE_A, &there, NULL, counter);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    ck_assert_uint_eq(segd_passed("ba", false), 2);
    ck_assert_uint_eq(segd_passed("ba", true), 1);
}
END_TEST

START_TEST(flow_that_is_turned_round_passes_at_once)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd =
        segd_start(FLOWS "  x: { from: ha, to: hb, " SERVICES " }\n");
    struct frame there = make_frame((enum family)_i, KIND_UDP), back = wires_answer(&there);

    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    segd_reload(segd, FLOWS "  x: { from: hb, to: ha, " SERVICES " }\n");
    wires_drop(lab, WIRE_A, &there, NULL, "no-flow/a/b");
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
}
END_TEST

static void operate(const struct segd *segd, const char *command, const char *flow)
{
    const char *const arguments[] = {
        getenv("SEGCTL"),       command, flow, "--reason", "test", "--socket",
        segd_socket_path(segd), NULL};
    cleanup_(freep) char *output = NULL;
    int code = sandbox_run(arguments, NULL, &output);

    ck_assert_msg(code == 0, "%s: exit code %d\n%s", command, code, output);
}

START_TEST(other_side_passes_when_the_flow_that_opened_is_suspended)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct frame there = make_frame((enum family)_i, KIND_UDP), back = wires_answer(&there);

    segd = segd_start(FLOWS "  ab: { from: ha, to: hb, " SERVICES " }\n"
                            "  ba: { from: hb, to: ha, " SERVICES " }\n");
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    operate(segd, "suspend", "ab");
    wires_drop(lab, WIRE_A, &there, NULL, "suspended/a/b");
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);

    operate(segd, "suspend", "ba");
    wires_drop(lab, WIRE_A, &there, NULL, "suspended/a/b");
    wires_drop(lab, WIRE_B, &back, NULL, "suspended/b/a");
    operate(segd, "resume", "ab");
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
}
END_TEST

/* A live flow that covers a packet as a reply comes before one that covers it as a request. */
START_TEST(reply_of_an_edited_flow_stays_a_reply)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame((enum family)_i, KIND_UDP), back = wires_answer(&there);

    commit("  ab: { from: ha, to: hb, " SERVICES " }\n", opposites[0], NOON);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    commit("  ab: { from: ha, to: hb, services: [udp/5060-5061] }\n", opposites[0], NOON);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    ck_assert_uint_eq(segd_passed("ab", true), 1);
    ck_assert_uint_eq(segd_passed("ba", true), 0);
}
END_TEST

/* What is counted when nothing passes: see docs/packet-path.md, "Refused packets". */
static const struct refusal {
    const char *flows;
    const char *there;
    const char *back;
} refusals[] = {
    {"  other: { from: a, to: b, services: [udp/9] }\n", "no-flow/a/b", "no-flow/a/b"},
    {"  other: { from: b, to: a, services: [udp/9] }\n", "no-flow/a/b", "no-flow/a/b"},
    {"  ab: { from: ha, to: hb, " SERVICES ", expires: 2020-03-31 }\n", "suspended/a/b",
     "suspended/a/b"},
    {"  ba: { from: hb, to: ha, " SERVICES ", expires: 2020-03-31 }\n", "no-flow/a/b",
     "suspended/b/a"},
    {"  ab: { from: ha, to: hb, " SERVICES ", expires: 2020-03-31 }\n"
     "  ba: { from: hb, to: ha, " SERVICES ", expires: 2020-03-31 }\n",
     "suspended/a/b", "suspended/b/a"},
};

START_TEST(refused_packets_are_counted_for_the_flow_or_the_side_that_opened)
{
    const struct refusal *refusal = &refusals[_i / 2];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame((enum family)(_i % 2), KIND_UDP), back = wires_answer(&there);

    commit("  ab: { from: ha, to: hb, " SERVICES " }\n", "", NOON);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    commit(refusal->flows, "", NOON);
    for (int i = 0; i < 2; i++) {
        wires_drop(lab, WIRE_A, &there, NULL, refusal->there);
        wires_drop(lab, WIRE_B, &back, NULL, refusal->back);
    }
}
END_TEST

/* The answer is to a port that the flow names, but from one that it does not. */
START_TEST(reply_is_no_request_of_a_flow_in_the_same_direction)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame((enum family)_i, KIND_UDP), back;

    there.port = OTHER_PORT;
    back = wires_answer(&there);
    commit("  ab: { from: ha, to: hb, services: [udp/7000] }\n", "", NOON);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    commit("  ab: { from: a, to: b, services: [udp/5060] }\n", "", NOON);
    wires_drop(lab, WIRE_B, &back, NULL, "no-flow/a/b");
    wires_drop(lab, WIRE_A, &there, NULL, "no-flow/a/b");
}
END_TEST

/* Inside a zone both hosts may be source and destination of rows of the same tables. */
START_TEST(reply_inside_a_zone_is_judged_by_its_own_source)
{
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame(family, KIND_UDP), back;

    there.destination = wires_address(family, WIRE_A_OTHER, 9);
    there.port = OTHER_PORT;
    back = wires_answer(&there);
    commit("  ab: { from: ha, to: a, services: [udp/7000] }\n", "", NOON);
    wires_pass(lab, WIRE_A, WIRE_A_OTHER, &there, NULL);
    wires_pass(lab, WIRE_A_OTHER, WIRE_A, &back, NULL);
    commit("  ab: { from: ha, to: a, services: [udp/5060] }\n",
           "  more: { from: ha, to: a, services: [udp/1, udp/3, udp/5, udp/7, udp/9, udp/11,"
           " udp/13, udp/15, udp/17, udp/19, udp/21, udp/23, udp/25, udp/27, udp/29] }\n",
           NOON);
    wires_drop(lab, WIRE_A_OTHER, &back, NULL, "no-flow/a/a");
    commit("  ab: { from: a, to: ha, services: [udp/5060] }\n", "", NOON);
    wires_drop(lab, WIRE_A, &there, NULL, "no-flow/a/a");
    wires_pass(lab, WIRE_A_OTHER, WIRE_A, &back, NULL);
    wires_pass(lab, WIRE_A, WIRE_A_OTHER, &there, NULL);
}
END_TEST

/* A third zone can neither turn a connection round nor take its mark away. */
START_TEST(errors_of_a_third_zone_leave_the_connection_alone)
{
    static const uint16_t unreachable[FAMILIES] = {3 << 8 | 1, 1 << 8 | 3};
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame there = make_frame(family, KIND_UDP), back = wires_answer(&there);
    struct frame error = wires_icmp(family, WIRE_C, WIRE_A, unreachable[family]);
    const struct frame_options quoting = {.quoted = &there};

    commit("  ab: { from: ha, to: hb, " SERVICES " }\n", opposites[0], NOON);
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
    commit("", opposites[0], NOON);
    wires_pass(lab, WIRE_B, WIRE_A, &back, NULL);
    error.destination = there.source;
    wires_drop(lab, WIRE_C, &error, &quoting, "no-flow/a/c");
    wires_pass(lab, WIRE_A, WIRE_B, &there, NULL);
}
END_TEST

#define GATEWAY                                                                                    \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "gateway: { protect: true }\n"                                                                 \
    "flows:\n"
#define OUT "  out: { from: gateway, to: a, services: [udp/5060] }\n"
#define IN "  in: { from: a, to: gateway, services: [udp/5060] }\n"

static const char *const wire[] = {"a0"};

/* Sends from one of two sockets to the other, of the gateway and of a host at a wire. */
struct peers {
    enum family family;
    struct host host;
    int gateway_socket, host_socket;
    bool link; /* by addresses of the link, IPv6 only */
};

static struct peers peers_new(int number)
{
    struct peers peers = {.family = number == 0 ? FAMILY_IPV4 : FAMILY_IPV6, .link = number == 2};

    sandbox_enter();
    hosts_new(wire, 1, &peers.host);
    peers.gateway_socket = hosts_udp(NULL, peers.family, PORT);
    peers.host_socket = hosts_udp(&peers.host, peers.family, PORT);
    if (peers.link) {
        hosts_ip(NULL, "addr add fe80::1/64 dev a0 nodad\n");
        hosts_ip(&peers.host, "addr add fe80::2/64 dev eth0 nodad\n");
        strcpy(peers.host.gateway[FAMILY_IPV6], "fe80::1");
        strcpy(peers.host.address[FAMILY_IPV6], "fe80::2");
        ck_assert_int_eq(setsockopt(peers.gateway_socket, SOL_SOCKET, SO_BINDTODEVICE, "a0", 3), 0);
        ck_assert_int_eq(setsockopt(peers.host_socket, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
    }
    return peers;
}

static bool arrives(struct peers *peers, bool from_gateway, const char *counter)
{
    int from = from_gateway ? peers->gateway_socket : peers->host_socket;
    int to = from_gateway ? peers->host_socket : peers->gateway_socket;
    const char *address =
        from_gateway ? peers->host.address[peers->family] : peers->host.gateway[peers->family];
    uint64_t before = segd_dropped(counter), total = segd_dropped_total();
    char buffer[16];

    hosts_udp_send(from, peers->family, address, PORT);
    if (!hosts_readable(to, counter, before)) {
        ck_assert_uint_eq(segd_dropped_total(), total + 1);
        return false;
    }
    ck_assert_int_eq(recv(to, buffer, sizeof(buffer), 0), 8);
    return true;
}

START_TEST(gateway_passes_when_the_flow_to_it_is_taken_away)
{
    struct peers peers = peers_new(_i);

    segd_commit(GATEWAY IN OUT, NOON);
    ck_assert(arrives(&peers, false, "no-flow/a/gateway"));
    ck_assert(arrives(&peers, true, "no-flow/gateway/a"));
    segd_commit(GATEWAY OUT, NOON);
    ck_assert(!arrives(&peers, false, "no-flow/a/gateway"));
    ck_assert(arrives(&peers, true, "no-flow/gateway/a"));
    ck_assert(arrives(&peers, false, "no-flow/a/gateway"));
    segd_commit(GATEWAY "  other: { from: a, to: gateway, services: [udp/9] }\n", NOON);
    ck_assert(!arrives(&peers, false, "no-flow/a/gateway"));
    ck_assert(!arrives(&peers, true, "no-flow/a/gateway"));
}
END_TEST

START_TEST(host_passes_when_the_flow_from_the_gateway_is_taken_away)
{
    struct peers peers = peers_new(_i);

    segd_commit(GATEWAY IN OUT, NOON);
    ck_assert(arrives(&peers, true, "no-flow/gateway/a"));
    ck_assert(arrives(&peers, false, "no-flow/a/gateway"));
    segd_commit(GATEWAY IN, NOON);
    ck_assert(!arrives(&peers, true, "no-flow/gateway/a"));
    ck_assert(arrives(&peers, false, "no-flow/a/gateway"));
    ck_assert(arrives(&peers, true, "no-flow/gateway/a"));
    segd_commit(GATEWAY "  other: { from: a, to: gateway, services: [udp/9] }\n", NOON);
    ck_assert(!arrives(&peers, true, "no-flow/gateway/a"));
    ck_assert(!arrives(&peers, false, "no-flow/gateway/a"));
}
END_TEST

/* The gateway's addresses are all addresses: a row could be met from the wrong side. */
START_TEST(reply_of_or_to_the_gateway_is_no_request_of_the_other)
{
    static const char *const opening[] = {
        GATEWAY "  out: { from: gateway, to: a, services: [udp/7000] }\n",
        GATEWAY "  in: { from: a, to: gateway, services: [udp/7000] }\n",
    };
    static const char *const same_direction[] = {GATEWAY OUT, GATEWAY IN};
    static const char *const counters[] = {"no-flow/gateway/a", "no-flow/a/gateway"};
    enum family family = (enum family)(_i % 2);
    int number = _i / 2, opener, other;
    const char *there, *back;
    struct host host;

    sandbox_enter();
    hosts_new(wire, 1, &host);
    opener = hosts_udp(number == 0 ? NULL : &host, family, PORT);
    other = hosts_udp(number == 0 ? &host : NULL, family, OTHER_PORT);
    there = number == 0 ? host.address[family] : host.gateway[family];
    back = number == 0 ? host.gateway[family] : host.address[family];

    segd_commit(opening[number], NOON);
    hosts_udp_send(opener, family, there, OTHER_PORT);
    ck_assert(hosts_readable(other, counters[number], 0));
    segd_commit(same_direction[number], NOON);
    hosts_udp_send(other, family, back, PORT);
    ck_assert(!hosts_readable(opener, counters[number], 0));
    ck_assert_uint_eq(segd_dropped_total(), 1);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, other_side_passes_when_the_flow_that_opened_is_taken_away, 0,
                        2 * KINDS * N_WAYS * N_OPPOSITES);
    tcase_add_loop_test(tests, flow_that_is_turned_round_passes_at_once, 0, FAMILIES);
    tcase_add_loop_test(tests, other_side_passes_when_the_flow_that_opened_is_suspended, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, reply_of_an_edited_flow_stays_a_reply, 0, FAMILIES);
    tcase_add_loop_test(tests, refused_packets_are_counted_for_the_flow_or_the_side_that_opened, 0,
                        2 * (int)(sizeof(refusals) / sizeof(refusals[0])));
    tcase_add_loop_test(tests, reply_is_no_request_of_a_flow_in_the_same_direction, 0, FAMILIES);
    tcase_add_loop_test(tests, reply_inside_a_zone_is_judged_by_its_own_source, 0, FAMILIES);
    tcase_add_loop_test(tests, errors_of_a_third_zone_leave_the_connection_alone, 0, FAMILIES);
    tcase_add_loop_test(tests, gateway_passes_when_the_flow_to_it_is_taken_away, 0, 3);
    tcase_add_loop_test(tests, host_passes_when_the_flow_from_the_gateway_is_taken_away, 0, 3);
    tcase_add_loop_test(tests, reply_of_or_to_the_gateway_is_no_request_of_the_other, 0,
                        2 * FAMILIES);
}
