/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Transport headers of the lab: that connection tracking takes each as what it claims to be, with
 * the kernel as the judge, and that a checksum is right and not merely unchecked.
 */

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "lab/lab.h"
#include "sandbox.h"

#define SOURCE_PORT 40000
#define PORT 443

static const char *const names[] = {"vlan110", "vlan210"};

/* Only what opens a connection in one direction and answers in the other. */
static const char tracked_only[] = "table inet t {\n"
                                   "  chain c {\n"
                                   "    type filter hook forward priority 0; policy drop;\n"
                                   "    iifname vlan110 ct state new accept\n"
                                   "    iifname vlan210 ct state established accept\n"
                                   "  }\n"
                                   "}\n";

static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_AH};

/* Wire n has 10.n.0.0/16 and fd00:n::/32. */
static ip_number address_on(size_t wire, enum family family)
{
    if (family == FAMILY_IPV4)
        return (ip_number)10 << 24 | (ip_number)wire << 16 | 7;
    return (ip_number)(0xfd000000 | wire) << 96 | 7;
}

static struct lab *furnish(void)
{
    struct lab *lab = NULL;

    sandbox_enter();
    ck_assert_int_eq(lab_new(names, ELEMENTS_OF(names), &lab), 0);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        for (enum family family = 0; family < FAMILIES; family++) {
            ip_number address = address_on(i, family);

            ck_assert_int_eq(lab_add_route(lab, i, family, (struct range){address, address}), 0);
        }
    }
    return lab;
}

static struct frame make_frame(enum family family, uint8_t protocol)
{
    return (struct frame){
        .family = family,
        .kind = frame_kind_of(family, protocol),
        .protocol = protocol,
        .source = address_on(0, family),
        .destination = address_on(1, family),
        .source_port = protocol == IPPROTO_AH ? 0 : SOURCE_PORT,
        .port = protocol == IPPROTO_AH ? 0 : PORT,
        .tcp_flags = FRAME_TCP_SYN,
        .tcp_sequence = 0x12345678,
        .tag = 1,
    };
}

static struct frame answer_to(const struct frame *frame)
{
    struct frame answer = *frame;

    answer.source = frame->destination;
    answer.destination = frame->source;
    answer.source_port = frame->port;
    answer.port = frame->source_port;
    answer.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    answer.tcp_sequence = 0x87654321;
    answer.tcp_acknowledgement = frame->tcp_sequence + 1 + 8;
    answer.tag = 2;
    return answer;
}

static bool has_flags(const struct frame *frame)
{
    return frame->protocol == IPPROTO_TCP || frame->protocol == IPPROTO_SCTP;
}

static bool has_internet_checksum(const struct frame *frame)
{
    return frame->protocol != IPPROTO_SCTP && frame->protocol != IPPROTO_AH;
}

static void assert_passes(struct lab *lab, size_t from, size_t to, const struct frame *frame)
{
    struct frame seen;
    size_t wire;

    ck_assert_int_eq(lab_send(lab, from, frame, NULL), 0);
    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_msg(lab_receive(lab, 0, &seen, &wire) == 1, "protocol %u, tag %u: nothing came",
                  frame->protocol, frame->tag);
    ck_assert_uint_eq(wire, to);
    ck_assert_uint_eq(seen.tag, frame->tag);
    ck_assert_uint_eq(seen.protocol, frame->protocol);
    ck_assert_uint_eq(seen.source_port, frame->source_port);
    ck_assert_uint_eq(seen.port, frame->port);
    if (has_flags(frame))
        ck_assert_uint_eq(seen.tcp_flags, frame->tcp_flags);
}

static void assert_nothing(struct lab *lab)
{
    struct frame frame;
    size_t wire;

    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &wire), 0);
}

/* _i is protocol * 2 + family. */
START_TEST(connection_tracking_sees_a_connection_and_its_answer)
{
    cleanup_(lab_freep) struct lab *lab = furnish();
    struct frame frame = make_frame((enum family)(_i % 2), protocols[_i / 2]);
    struct frame answer = answer_to(&frame);

    sandbox_nft(tracked_only);
    ck_assert_int_eq(lab_send(lab, 1, &answer, NULL), 0);
    assert_nothing(lab);
    assert_passes(lab, 0, 1, &frame);
    assert_passes(lab, 1, 0, &answer);
}
END_TEST

START_TEST(connection_tracking_sees_a_wrong_checksum)
{
    cleanup_(lab_freep) struct lab *lab = furnish();
    struct frame frame = make_frame((enum family)(_i % 2), protocols[_i / 2]);

    if (frame.protocol == IPPROTO_AH)
        return;
    sandbox_nft(tracked_only);
    ck_assert_int_eq(
        lab_send(lab, 0, &frame, &(struct frame_options){.bad_checksum = true, .padding = 3}), 0);
    assert_nothing(lab);
    ck_assert_int_eq(lab_send(lab, 0, &frame, &(struct frame_options){.padding = 4}), 0);
    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_int_eq(lab_receive(lab, 0, &frame, &(size_t){0}), 1);
}
END_TEST

/* The sum over a packet with a right Internet checksum is zero, whoever looks. */
START_TEST(an_internet_checksum_is_right)
{
    struct frame frame = make_frame((enum family)(_i % 2), protocols[_i / 2]);
    size_t n = family_bits(frame.family) / 8;
    uint8_t addresses[32];
    struct frame_body body;
    uint32_t sum;

    if (!has_internet_checksum(&frame))
        return;
    for (unsigned bad = 0; bad < 2; bad++) {
        ck_assert_int_eq(
            frame_build(&frame, &(struct frame_options){.bad_checksum = bad == 1}, &body), 0);
        address_to_bytes(frame.family, frame.source, addresses);
        address_to_bytes(frame.family, frame.destination, addresses + n);
        sum = frame_sum((uint32_t)body.length + frame.protocol, addresses, 2 * n);
        sum = frame_sum(sum, body.bytes, body.length);
        if (bad)
            ck_assert_uint_ne(frame_checksum(sum), 0);
        else
            ck_assert_uint_eq(frame_checksum(sum), 0);
    }
}
END_TEST

/* RFC 3720, appendix B.4, and the check value of the CRC catalogues. */
START_TEST(crc32c_gives_the_published_values)
{
    uint8_t bytes[32] = {0};

    ck_assert_uint_eq(frame_crc32c((const uint8_t *)"123456789", 9), 0xe3069283);
    ck_assert_uint_eq(frame_crc32c(bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    ck_assert_uint_eq(frame_crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    ck_assert_uint_eq(frame_crc32c(bytes, sizeof(bytes)), 0x46dd794e);
}
END_TEST

/* Whatever comes from a wire is read within its bounds, which the sanitizer watches. */
START_TEST(damaged_headers_are_read_safely)
{
    struct frame frame = make_frame((enum family)(_i % 2), protocols[_i / 2]), seen;
    struct frame_packet packet = {.frame = {.family = frame.family}};
    struct frame_body body;

    ck_assert_int_eq(frame_build(&frame, NULL, &body), 0);
    packet.next_header = frame.protocol;
    for (size_t size = 0; size <= body.length; size++) {
        for (size_t bit = 0; bit < size * 8 + 1; bit++) {
            uint8_t *exact = malloc(size + 1);

            ck_assert_ptr_nonnull(exact);
            memcpy(exact + 1, body.bytes, size);
            if (bit < size * 8)
                exact[1 + bit / 8] ^= (uint8_t)(1 << bit % 8);
            packet.body = exact + 1;
            packet.length = size;
            ck_assert(frame_read(&packet, &seen) < 0 || size == body.length);
            free(exact);
        }
    }
}
END_TEST

void checks_add(TCase *tests)
{
    const int n = 2 * ELEMENTS_OF(protocols);

    sandbox_require();
    tcase_add_loop_test(tests, connection_tracking_sees_a_connection_and_its_answer, 0, n);
    tcase_add_loop_test(tests, connection_tracking_sees_a_wrong_checksum, 0, n);
    tcase_add_loop_test(tests, an_internet_checksum_is_right, 0, n);
    tcase_add_test(tests, crc32c_gives_the_published_values);
    tcase_add_loop_test(tests, damaged_headers_are_read_safely, 0, n);
}
