/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What hosts say to a protected gateway before they have an address, and what the link needs
 * whatever the policy: DHCP passes where a flow declares it and only there, neighbour discovery
 * always, and neither opens anything between zones.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"
#include "wires.h"

#define PROTECTED WIRES_POLICY "gateway: { protect: true }\nflows:\n"

static const char without[] = PROTECTED "  other: { from: a, to: b, services: [udp/9] }\n";
static const char with[] =
    PROTECTED "  request: { from: a, to: gateway, services: [udp/67, udp/547] }\n"
              "  offer: { from: gateway, to: a, services: [udp/68, udp/546] }\n";

static const uint16_t server_port[FAMILIES] = {67, 547};
static const uint16_t client_port[FAMILIES] = {68, 546};
static const char *const nobody[FAMILIES] = {"0.0.0.0", "fe80::7"};
static const char *const everybody[FAMILIES] = {"255.255.255.255", "ff02::1"};

/* DISCOVER, or SOLICIT to the group of all nodes, which every stack has joined. */
static struct frame request(enum family family)
{
    return (struct frame){
        .family = family,
        .kind = FRAME_UDP,
        .source = wires_parse(nobody[family]),
        .destination = wires_parse(everybody[family]),
        .source_port = client_port[family],
        .port = server_port[family],
        .destination_mac = family == FAMILY_IPV4
                               ? (struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
                               : (struct mac){{0x33, 0x33, 0, 0, 0, 1}},
    };
}

static bool received(int socket)
{
    char bytes[64];

    return recv(socket, bytes, sizeof(bytes), MSG_DONTWAIT) > 0;
}

static struct lab *start(const char *policy, struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    ck_assert_int_eq(
        lab_add_address(lab, WIRE_A, FAMILY_IPV4, wires_address(FAMILY_IPV4, WIRE_A, 1), 16), 0);
    ck_assert_int_eq(lab_add_address(lab, WIRE_A, FAMILY_IPV6, wires_parse("fe80::1"), 64), 0);
    *ret_gateway = segd_start(policy);
    return lab;
}

static void send_frame(struct lab *lab, enum wire_number wire, const struct frame *frame)
{
    ck_assert_int_eq(lab_send(lab, wire, frame, NULL), 0);
    ck_assert_int_eq(lab_synchronise(lab), 0);
}

START_TEST(request_without_address_reaches_the_gateway_where_declared)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct lab *lab = start(without, &segd);
    struct frame frame = request(family);
    int socket = hosts_udp(NULL, family, server_port[_i]);
    uint64_t before = segd_dropped("no-flow/a/gateway");

    send_frame(lab, WIRE_A, &frame);
    ck_assert(!received(socket));
    ck_assert_uint_eq(segd_dropped("no-flow/a/gateway"), before + 1);
    segd_reload(segd, with);
    send_frame(lab, WIRE_A, &frame);
    ck_assert(received(socket));
    ck_assert_uint_eq(segd_passed("request", false), 1);
    /* Zone b has declared none. */
    frame.source_port++;
    send_frame(lab, WIRE_B, &frame);
    ck_assert(!received(socket));
    send_frame(lab, WIRE_STRAY, &frame);
    ck_assert(!received(socket));
    ck_assert_uint_ge(segd_dropped("unknown-interface"), 1);
    lab_free(lab);
}
END_TEST

/* A DHCP server's answer to a host that has no address yet. */
START_TEST(answer_to_everybody_leaves_the_gateway_where_declared)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct lab *lab = start(without, &segd);
    int socket = hosts_udp(NULL, family, server_port[_i]);
    uint32_t payload[2] = {htonl(FRAME_MAGIC), htonl(77)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(68)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(546)};
    const void *to = _i == FAMILY_IPV4 ? (const void *)&v4 : (const void *)&v6;
    socklen_t length = _i == FAMILY_IPV4 ? sizeof(v4) : sizeof(v6);
    struct frame seen;
    size_t wire;

    v4.sin_addr.s_addr = INADDR_BROADCAST;
    ck_assert_int_eq(inet_pton(AF_INET6, "ff02::1", &v6.sin6_addr), 1);
    v6.sin6_scope_id = if_nametoindex("a0");
    ck_assert_int_eq(setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, "a0", 3), 0);

    ck_assert_int_eq(sendto(socket, payload, sizeof(payload), 0, to, length), -1);
    ck_assert_int_eq(errno, EPERM);
    segd_reload(segd, with);
    ck_assert_int_eq(sendto(socket, payload, sizeof(payload), 0, to, length), sizeof(payload));
    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &seen, &wire), 1);
    ck_assert_uint_eq(wire, WIRE_A);
    ck_assert_uint_eq(seen.port, client_port[_i]);
    ck_assert_uint_eq(segd_passed("offer", false), 1);
    lab_free(lab);
}
END_TEST

/* Source addresses of a link are nobody's pass to another zone. */
START_TEST(link_addresses_are_not_forwarded)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    enum family family = (enum family)_i;
    struct lab *lab = start(PROTECTED "  open: { from: a, to: b, services: [udp/7001] }\n"
                                      "  request: { from: a, to: gateway, services: [udp/67] }\n",
                            &segd);
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, 7001);

    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    frame.source = wires_parse(nobody[_i]);
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    frame.source = wires_parse(family == FAMILY_IPV4 ? "169.254.7.7" : "::");
    ck_assert(!wires_try(lab, WIRE_A, &frame, NULL));
    lab_free(lab);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, request_without_address_reaches_the_gateway_where_declared, 0,
                        FAMILIES);
    tcase_add_loop_test(tests, answer_to_everybody_leaves_the_gateway_where_declared, 0, FAMILIES);
    tcase_add_loop_test(tests, link_addresses_are_not_forwarded, 0, FAMILIES);
}
