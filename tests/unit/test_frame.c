/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The packets of the lab: lab/frame.h. The kernel is the judge of what is written, in plain form
 * and bent; what is read is taken apart with mistrust.
 */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "lab_sample.h"

/* Each kind in each family: _i is kind * 2 + family. */
START_TEST(every_kind_of_packet_is_forwarded)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 7), seen;
    /* What the lab gives the ends of its wire 1. */
    static const struct mac far = {{0x02, 0x5e, 0x9d, 0, 1, 2}};
    static const struct mac gateway = {{0x02, 0x5e, 0x9d, 0, 1, 1}};

    sandbox_nft(valid_only);
    send_frame(lab, 0, &frame, NULL);
    seen = assert_arrives(lab, 1, 7);
    assert_same(&frame, &seen);
    ck_assert_mem_eq(&seen.destination_mac, &far, sizeof(far));
    ck_assert_mem_eq(&seen.source_mac, &gateway, sizeof(gateway));
    assert_nothing(lab);
}
END_TEST

START_TEST(a_wrong_checksum_is_seen_by_conntrack)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 8), seen;
    struct frame_options bad = {.bad_checksum = true};

    send_frame(lab, 0, &frame, &bad);
    seen = assert_arrives(lab, 1, 8);
    assert_same(&frame, &seen);
    sandbox_nft(valid_only);
    send_frame(lab, 0, &frame, &bad);
    assert_nothing(lab);
}
END_TEST

static const struct frame_options bent[] = {
    {.fragment_size = 8},
    {.fragment_size = 16},
    {.fragment_size = 1400, .padding = 3000},
    {.hop_by_hop = true},
    {.destination_options = true},
    {.authenticated = true},
    {.fragment_size = 8, .hop_by_hop = true},
    {.fragment_size = 8, .destination_options = true},
    {.fragment_size = 8, .hop_by_hop = true, .destination_options = true},
    {.padding = 1300},
};

/*
 * The kernel takes no IPv6 packet apart whose first fragment ends before its headers do: RFC 8200
 * forbids it. Connection tracking then calls it invalid.
 */
static bool headers_are_cut(const struct frame *frame, const struct frame_options *options)
{
    static const unsigned needed[] = {
        [FRAME_UDP] = 8, [FRAME_TCP] = 20, [FRAME_ICMP] = 1, [FRAME_OTHER] = 1};

    return frame->family == FAMILY_IPV6 && options->fragment_size > 0 &&
           options->fragment_size < needed[frame->kind] + (options->destination_options ? 8 : 0);
}

/* With connection tracking, which puts fragments together and splits them again, and without. */
START_TEST(bent_packets_are_forwarded_and_understood)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    size_t n_incomplete = 0;
    uint32_t tag = 100;

    for (unsigned tracked = 0; tracked < 2; tracked++) {
        for (unsigned i = 0; i < 8; i++) {
            struct frame frame = make_frame((enum family)(i % 2), (enum frame_kind)(i / 2), tag);
            struct frame seen;

            if (bent[_i].destination_options && frame.family == FAMILY_IPV4) {
                ck_assert_int_eq(lab_send(lab, 0, &frame, &bent[_i]), -EINVAL);
                continue;
            }
            send_frame(lab, 0, &frame, &bent[_i]);
            if (!tracked || !headers_are_cut(&frame, &bent[_i])) {
                seen = assert_arrives(lab, 1, tag);
                assert_same(&frame, &seen);
            } else if (frame.kind == FRAME_OTHER) {
                /* Of a protocol that it does not know it lets the first fragment through. */
                n_incomplete++;
            }
            assert_nothing(lab);
            tag++;
        }
        sandbox_nft(valid_only);
    }
    ck_assert_uint_eq(lab_count_incomplete(lab), n_incomplete);
}
END_TEST

START_TEST(a_lone_fragment_that_passes_is_counted)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame frame = make_frame((enum family)_i, FRAME_UDP, 9);

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook prerouting priority -500; policy accept;\n"
                "    ip frag-off & 0x1fff != 0 drop\n"
                "    frag frag-off != 0 drop\n"
                "  }\n"
                "}\n");
    send_frame(lab, 0, &frame, &(struct frame_options){.fragment_size = 8});
    assert_nothing(lab);
    ck_assert_uint_eq(lab_count_incomplete(lab), 1);
}
END_TEST

START_TEST(senseless_frames_are_refused)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame udp = make_frame(FAMILY_IPV6, FRAME_UDP, 1);
    struct frame other = make_frame(FAMILY_IPV6, FRAME_OTHER, 1);

    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.fragment_size = 12}), -EINVAL);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.fragment_size = 1480}),
                     -EMSGSIZE);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.padding = 1500}), -EMSGSIZE);
    ck_assert_int_eq(lab_send(lab, 0, &udp, &(struct frame_options){.quoted = &udp}), -EINVAL);
    other.protocol = 17;
    ck_assert_int_eq(lab_send(lab, 0, &other, NULL), -EINVAL);
    other.protocol = 44;
    ck_assert_int_eq(lab_send(lab, 0, &other, NULL), -EINVAL);
    assert_nothing(lab);
}
END_TEST

START_TEST(a_connection_is_tracked_by_its_own_packets)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame syn = make_frame((enum family)_i, FRAME_TCP, 1), reply = syn, data = syn;

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook forward priority 0; policy drop;\n"
                "    ct state established accept\n"
                "    iifname vlan110 tcp flags syn accept\n"
                "  }\n"
                "}\n");
    reply.source = syn.destination;
    reply.destination = syn.source;
    reply.source_port = syn.port;
    reply.port = syn.source_port;
    reply.tcp_flags = FRAME_TCP_SYN | FRAME_TCP_ACK;
    reply.tcp_sequence = 1000;
    reply.tcp_acknowledgement = syn.tcp_sequence + 1;
    reply.tag = 2;
    data.tcp_flags = FRAME_TCP_ACK;
    data.tcp_sequence = syn.tcp_sequence + 1;
    data.tcp_acknowledgement = 1001;
    data.tag = 3;

    send_frame(lab, 1, &reply, NULL);
    assert_nothing(lab);
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    send_frame(lab, 0, &syn, NULL);
    assert_arrives(lab, 1, 1);
    send_frame(lab, 1, &reply, NULL);
    assert_arrives(lab, 0, 2);
    send_frame(lab, 0, &data, NULL);
    assert_arrives(lab, 1, 3);

    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    send_frame(lab, 1, &reply, NULL);
    assert_nothing(lab);
}
END_TEST

START_TEST(an_icmp_error_is_related_to_what_it_quotes)
{
    cleanup_(lab_freep) struct lab *lab = enter_and_furnish();
    struct frame udp = make_frame((enum family)_i, FRAME_UDP, 1), error = udp, seen;

    sandbox_nft("table inet t {\n"
                "  chain c {\n"
                "    type filter hook forward priority 0; policy drop;\n"
                "    iifname vlan110 accept\n"
                "    ct state related accept\n"
                "  }\n"
                "}\n");
    error.kind = FRAME_ICMP;
    error.source = udp.destination;
    error.destination = udp.source;
    error.port = _i == FAMILY_IPV4 ? 3 * 256 + 3 : 1 * 256 + 4;
    error.source_port = 0;
    error.tag = 2;

    send_frame(lab, 1, &error, &(struct frame_options){.quoted = &udp});
    assert_nothing(lab);
    send_frame(lab, 0, &udp, NULL);
    assert_arrives(lab, 1, 1);
    send_frame(lab, 1, &error, &(struct frame_options){.quoted = &udp});
    seen = assert_arrives(lab, 0, 2);
    assert_same(&error, &seen);
}
END_TEST

/* Whatever comes from a wire is read within its bounds, which the sanitizer watches. */
START_TEST(damaged_packets_are_read_safely)
{
    struct frame frame = make_frame((enum family)(_i % 2), (enum frame_kind)(_i / 2), 7), seen;
    struct frame_options options = {.hop_by_hop = true, .destination_options = _i % 2 == 1};
    uint8_t bytes[FRAME_BYTES_MAX];
    struct frame_packet packet;
    struct frame_body body;
    size_t offset = 0, size;

    ck_assert_int_eq(frame_build(&frame, &options, &body), 0);
    size = frame_write(&frame, &options, &body, 1, &offset, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact + 1, bytes, cut);
        ck_assert_int_eq(frame_split(exact + 1, cut, &packet), -EBADMSG);
        free(exact);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint8_t *exact = malloc(size);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, size);
        exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (frame_split(exact, size, &packet) == 0)
            frame_read(&packet, &seen);
        free(exact);
    }
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, every_kind_of_packet_is_forwarded, 0, 8);
    /* Not FRAME_OTHER, which has no checksum. */
    tcase_add_loop_test(tests, a_wrong_checksum_is_seen_by_conntrack, 0, 6);
    tcase_add_loop_test(tests, bent_packets_are_forwarded_and_understood, 0, ELEMENTS_OF(bent));
    tcase_add_loop_test(tests, a_lone_fragment_that_passes_is_counted, 0, FAMILIES);
    tcase_add_test(tests, senseless_frames_are_refused);
    tcase_add_loop_test(tests, a_connection_is_tracked_by_its_own_packets, 0, FAMILIES);
    tcase_add_loop_test(tests, an_icmp_error_is_related_to_what_it_quotes, 0, FAMILIES);
    tcase_add_loop_test(tests, damaged_packets_are_read_safely, 0, 8);
}
