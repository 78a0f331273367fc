/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Heads of packets, whole and cut off anywhere. */

#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "observe/packet_head.h"

#define IPV4(flags, protocol)                                                                      \
    0x45, 0, 0, 28, 0, 1, (flags) >> 8, (flags)&0xff, 64, (protocol), 0, 0, 10, 1, 0, 7, 10, 3, 0, 9
#define IPV4_OPTIONS(protocol)                                                                     \
    0x46, 0, 0, 32, 0, 1, 0, 0, 64, (protocol), 0, 0, 10, 1, 0, 7, 10, 3, 0, 9, 1, 1, 1, 0
#define IPV6(next)                                                                                 \
    0x60, 0, 0, 0, 0, 8, (next), 64, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xfd, 0,   \
        0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
#define PORTS 0x9c, 0x40, 0x01, 0xbb, 0, 8, 0, 0
#define PADDING(next) (next), 0, 1, 4, 0, 0, 0, 0
#define FRAGMENT(next, offset) (next), 0, (offset) >> 8, (offset)&0xff, 0, 0, 0, 1

static const struct {
    uint8_t bytes[80];
    size_t size, least; /* bytes; those without which there are no ports */
    struct packet_head expected;
} packets[] = {
#define V4(protocol_, source_, port_)                                                              \
    {                                                                                              \
        FAMILY_IPV4, protocol_, source_, port_, 0x0a010007, 0x0a030009                             \
    }
#define V6(protocol_, source_, port_)                                                              \
    {                                                                                              \
        FAMILY_IPV6, protocol_, source_, port_, 0, 0                                               \
    }
    {{IPV4(0, 6), PORTS}, 28, 24, V4(6, 40000, 443)},
    {{IPV4(0x2000, 17), PORTS}, 28, 24, V4(17, 40000, 443)}, /* the first fragment */
    {{IPV4(1, 17), PORTS}, 28, 0, V4(17, 0, 0)},             /* a later one */
    {{IPV4_OPTIONS(132), PORTS}, 32, 28, V4(132, 40000, 443)},
    {{IPV4(0, 1), 8, 0, 0, 0}, 24, 22, V4(1, 0, 0x800)},
    {{IPV4(0, 47), PORTS}, 28, 0, V4(47, 0, 0)},
    {{IPV6(17), PORTS}, 48, 44, V6(17, 40000, 443)},
    {{IPV6(0), PADDING(60), PADDING(6), PORTS}, 64, 60, V6(6, 40000, 443)},
    {{IPV6(44), FRAGMENT(17, 1), PORTS}, 56, 52, V6(17, 40000, 443)},
    {{IPV6(44), FRAGMENT(17, 8), PORTS}, 56, 0, V6(17, 0, 0)},
    {{IPV6(58), 129, 0, 0, 0, 0, 0, 0, 0}, 48, 42, V6(58, 0, 0x8100)},
    {{IPV6(51), PADDING(6), PORTS}, 56, 0, V6(51, 0, 0)}, /* AH is a service of its own */
};

static struct packet_head expected_of(size_t i)
{
    struct packet_head expected = packets[i].expected;

    if (expected.family == FAMILY_IPV6) {
        expected.source = address_from_bytes(FAMILY_IPV6, packets[i].bytes + 8);
        expected.destination = address_from_bytes(FAMILY_IPV6, packets[i].bytes + 24);
    }
    return expected;
}

static void assert_head(struct packet_head head, struct packet_head expected)
{
    ck_assert_int_eq(head.family, expected.family);
    ck_assert_uint_eq(head.protocol, expected.protocol);
    ck_assert_uint_eq(head.source_port, expected.source_port);
    ck_assert_uint_eq(head.port, expected.port);
    ck_assert(head.source == expected.source);
    ck_assert(head.destination == expected.destination);
}

START_TEST(head_of_a_packet_is_read)
{
    struct packet_head head;

    ck_assert_int_eq(packet_head_parse(packets[_i].bytes, packets[_i].size, &head), 0);
    assert_head(head, expected_of((size_t)_i));
}
END_TEST

/* On the heap, where a sanitizer sees what is read beyond the end. */
START_TEST(packet_that_is_cut_off_has_no_ports)
{
    size_t header = packets[_i].expected.family == FAMILY_IPV4 ? 20 : 40;

    for (size_t size = 0; size < packets[_i].size; size++) {
        struct packet_head head = {0}, expected = expected_of((size_t)_i);
        uint8_t *bytes = malloc(size > 0 ? size : 1);
        int r;

        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, packets[_i].bytes, size);
        r = packet_head_parse(bytes, size, &head);
        free(bytes);
        ck_assert_int_eq(r == 0, size >= header);
        if (r < 0)
            continue;
        if (size < packets[_i].least)
            expected.source_port = expected.port = 0;
        ck_assert(head.source == expected.source);
        ck_assert_uint_eq(head.port, expected.port);
        ck_assert_uint_eq(head.source_port, expected.source_port);
    }
}
END_TEST

START_TEST(other_versions_are_refused)
{
    const uint8_t bytes[40] = {0x55};
    struct packet_head head;

    ck_assert_int_lt(packet_head_parse(bytes, sizeof(bytes), &head), 0);
}
END_TEST

START_TEST(what_is_answered_has_its_ends_exchanged)
{
    struct packet_head head = {FAMILY_IPV4, 6, 443, 40000, 2, 1};
    struct packet_head echo = {FAMILY_IPV4, 1, 0, 0, 2, 1},
                       echo6 = {FAMILY_IPV6, 58, 0, 0x8100, 2, 1};

    assert_head(packet_head_answered(&head),
                (struct packet_head){FAMILY_IPV4, 6, 40000, 443, 1, 2});
    assert_head(packet_head_answered(&echo), (struct packet_head){FAMILY_IPV4, 1, 0, 0x800, 1, 2});
    assert_head(packet_head_answered(&echo6),
                (struct packet_head){FAMILY_IPV6, 58, 0, 0x8000, 1, 2});
}
END_TEST

void checks_add(TCase *tests)
{
    int n = (int)(sizeof(packets) / sizeof(packets[0]));

    tcase_add_loop_test(tests, head_of_a_packet_is_read, 0, n);
    tcase_add_loop_test(tests, packet_that_is_cut_off_has_no_ports, 0, n);
    tcase_add_test(tests, other_versions_are_refused);
    tcase_add_test(tests, what_is_answered_has_its_ends_exchanged);
}
