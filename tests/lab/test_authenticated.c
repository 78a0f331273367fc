/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Packets behind an authentication header (AH, RFC 4302) are of protocol 51, whatever is behind it:
 * they pass where a flow has `ah`, in both directions, and open nothing for packets without the
 * header; nor do those open anything for them. Connection tracking knows nothing of the header in
 * IPv6. In IPv4 it is a protocol like any other, and all of this holds as well.
 */

#include <check.h>
#include <netinet/in.h>

#include "checks.h"
#include "sandbox.h"
#include "segd.h"
#include "wires.h"

#define PORT 443

#define AH_POLICY WIRES_POLICY "flows:\n  wrapped: { from: a, to: b, services: [ah] }\n"
#define BARE_POLICY                                                                                \
    WIRES_POLICY "flows:\n  bare: { from: a, to: b, services: [tcp/443, udp/443] }\n"
#define BOTH_POLICY                                                                                \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  wrapped: { from: a, to: b, services: [ah] }\n"                                 \
                 "  bare: { from: a, to: b, services: [tcp/443, udp/443] }\n"

static const struct frame_options wrapped = {.authenticated = true};
/* The header after others, and in fragments of its own. */
static const struct frame_options wrapped_deep = {
    .authenticated = true, .hop_by_hop = true, .destination_options = true, .fragment_size = 56};

static struct frame make_request(int number)
{
    enum family family = (enum family)(number % 2);

    return number / 2 == 0 ? wires_udp(family, WIRE_A, WIRE_B, PORT)
                           : wires_tcp(family, WIRE_A, WIRE_B, PORT, FRAME_TCP_SYN);
}

static struct frame make_reply(const struct frame *request)
{
    struct frame reply = wires_answer(request);

    reply.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    reply.tcp_acknowledgement = request->tcp_sequence + 1;
    return reply;
}

/* A reply of TCP to nothing is invalid, one of UDP a request that no flow covers. */
static void is_refused(struct lab *lab, enum wire_number in, const struct frame *frame,
                       const struct frame_options *options)
{
    uint64_t total = segd_dropped_total();

    ck_assert_msg(!wires_try(lab, in, frame, options), "a frame passed");
    ck_assert_uint_eq(segd_dropped_total(), total + 1);
}

START_TEST(ah_passes_both_ways_and_opens_nothing_without_it)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(AH_POLICY);
    struct frame request = make_request(_i), reply = make_reply(&request);

    is_refused(lab, WIRE_B, &reply, &wrapped);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/b");
    wires_pass(lab, WIRE_A, WIRE_B, &request, &wrapped);
    wires_pass(lab, WIRE_B, WIRE_A, &reply, &wrapped);
    wires_drop(lab, WIRE_A, &request, NULL, "no-flow/a/b");
    is_refused(lab, WIRE_B, &reply, NULL);
    ck_assert_uint_eq(segd_passed("wrapped", false), 1);
    ck_assert_uint_eq(segd_passed("wrapped", true), 1);

    /* Another id: both directions are judged anew. */
    segd_reload(segd, WIRES_POLICY "flows:\n  wrapped: { from: a, to: b, services: [ah, esp] }\n");
    wires_pass(lab, WIRE_B, WIRE_A, &reply, &wrapped);
    wires_pass(lab, WIRE_A, WIRE_B, &request, &wrapped);
    if (request.family == FAMILY_IPV6)
        wires_pass(lab, WIRE_B, WIRE_A, &reply, &wrapped_deep);
}
END_TEST

START_TEST(flow_without_ah_lets_no_ah_into_its_connections)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(BARE_POLICY);
    struct frame request = make_request(_i), reply = make_reply(&request);

    ck_assert_ptr_nonnull(segd);
    wires_drop(lab, WIRE_A, &request, &wrapped, "no-flow/a/b");
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &reply, NULL);
    wires_drop(lab, WIRE_A, &request, &wrapped, "no-flow/a/b");
    is_refused(lab, WIRE_B, &reply, &wrapped);
}
END_TEST

START_TEST(each_form_is_revoked_by_itself)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(BOTH_POLICY);
    struct frame request = make_request(_i), reply = make_reply(&request);

    wires_pass(lab, WIRE_A, WIRE_B, &request, &wrapped);
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    wires_pass(lab, WIRE_B, WIRE_A, &reply, &wrapped);
    wires_pass(lab, WIRE_B, WIRE_A, &reply, NULL);
    segd_reload(segd, BARE_POLICY);
    wires_drop(lab, WIRE_A, &request, &wrapped, "no-flow/a/b");
    wires_drop(lab, WIRE_B, &reply, &wrapped, "no-flow/a/b");
    wires_pass(lab, WIRE_B, WIRE_A, &reply, NULL);
}
END_TEST

/* Where a router cannot deliver what is behind the header, its sender is told. */
START_TEST(errors_about_ah_follow_its_connection)
{
    static const uint16_t too_large[FAMILIES] = {3 << 8 | 4, 2 << 8};
    enum family family = (enum family)_i;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(AH_POLICY);
    struct frame request = wires_udp(family, WIRE_A, WIRE_B, 0);
    struct frame error = wires_icmp(family, WIRE_B, WIRE_A, too_large[family]);
    const struct frame_options quoting = {.quoted = &request};

    ck_assert_ptr_nonnull(segd);
    request.kind = FRAME_OTHER;
    request.protocol = IPPROTO_AH;
    request.source_port = 0;
    wires_pass(lab, WIRE_A, WIRE_B, &request, NULL);
    error.destination = request.source;
    wires_pass(lab, WIRE_B, WIRE_A, &error, &quoting);
    error.source = wires_address(family, WIRE_C, 9);
    ck_assert(!wires_try(lab, WIRE_C, &error, &quoting));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, ah_passes_both_ways_and_opens_nothing_without_it, 0, 4);
    tcase_add_loop_test(tests, flow_without_ah_lets_no_ah_into_its_connections, 0, 4);
    tcase_add_loop_test(tests, each_form_is_revoked_by_itself, 0, 4);
    tcase_add_loop_test(tests, errors_about_ah_follow_its_connection, 0, FAMILIES);
}
