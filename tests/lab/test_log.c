/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is refused is told to whoever listens to the log group, with its reason, and at a bounded
 * rate; so are new connections of flows that ask for it. Nobody listening changes nothing.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "checks.h"
#include "segd.h"
#include "observe/drop_counters.h"
#include "ruleset/compile.h"
#include "sandbox.h"
#include "wires.h"

#define PREFIX_MAX 128

static const char policy[] =
    WIRES_POLICY "hosts:\n"
                 "  bound: { zone: a, address: [10.1.0.50, 'fd00:1::50'],"
                 " mac: '02:5e:9d:aa:bb:cc' }\n"
                 "flows:\n"
                 "  open: { from: a, to: b, services: [udp/7001] }\n"
                 "  told: { from: a, to: b, services: [udp/7003], log: new }\n"
                 "  past: { from: a, to: b, services: [udp/7004], expires: 2020-03-31 }\n";

static void configure(struct mnl_socket *socket, uint16_t attribute, size_t size, const void *value)
{
    uint8_t buffer[256] = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *family;
    ssize_t n;

    header->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
    family->version = NFNETLINK_V0;
    family->res_id = htons(RULESET_LOG_GROUP);
    mnl_attr_put(header, attribute, size, value);
    ck_assert_int_gt(mnl_socket_sendto(socket, header, header->nlmsg_len), 0);
    n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    ck_assert_int_gt(n, 0);
    ck_assert_int_ge(mnl_cb_run(buffer, (size_t)n, 0, 0, NULL, NULL), 0);
}

static struct mnl_socket *listen_to_log(void)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    struct nfulnl_msg_config_cmd bind = {NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode mode = {.copy_range = htonl(0xffff),
                                          .copy_mode = NFULNL_COPY_PACKET};
    uint32_t each = htonl(1);

    ck_assert_ptr_nonnull(socket);
    ck_assert_int_eq(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), 0);
    configure(socket, NFULA_CFG_CMD, sizeof(bind), &bind);
    configure(socket, NFULA_CFG_MODE, sizeof(mode), &mode);
    configure(socket, NFULA_CFG_QTHRESH, sizeof(each), &each);
    return socket;
}

/* A packet in the log. */
struct logged {
    char prefix[PREFIX_MAX];
    unsigned in; /* index of the interface that it came in by */
};

static int keep_attribute(const struct nlattr *attribute, void *data)
{
    struct logged *logged = data;

    if (mnl_attr_get_type(attribute) == NFULA_PREFIX)
        snprintf(logged->prefix, PREFIX_MAX, "%s", mnl_attr_get_str(attribute));
    if (mnl_attr_get_type(attribute) == NFULA_IFINDEX_INDEV)
        logged->in = ntohl(mnl_attr_get_u32(attribute));
    return MNL_CB_OK;
}

static int keep_message(const struct nlmsghdr *header, void *data)
{
    return mnl_attr_parse(header, sizeof(struct nfgenmsg), keep_attribute, data);
}

/* The next packet in the log; false where there is none. */
static bool read_log(struct mnl_socket *socket, struct logged *logged)
{
    uint8_t buffer[16384];
    ssize_t n;

    /* ENOBUFS says once that more came than this socket had room for. */
    do
        n = recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer), MSG_DONTWAIT);
    while (n < 0 && errno == ENOBUFS);

    *logged = (struct logged){0};
    if (n < 0) {
        ck_assert_int_eq(errno, EAGAIN);
        return false;
    }
    ck_assert_int_ge(mnl_cb_run(buffer, (size_t)n, 0, 0, keep_message, logged), 0);
    return true;
}

static void logs(struct lab *lab, struct mnl_socket *socket, enum wire_number wire,
                 const struct frame *frame, const char *expected)
{
    struct logged logged;

    wires_try(lab, wire, frame, NULL);
    ck_assert_msg(read_log(socket, &logged), "nothing is logged as %s", expected);
    ck_assert_str_eq(logged.prefix, expected);
    ck_assert(!read_log(socket, &logged));
}

static struct lab *start(struct segd **ret_gateway)
{
    struct lab *lab = wires_new();

    *ret_gateway = segd_start(policy);
    return lab;
}

START_TEST(refused_packet_is_logged_with_its_reason)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct mnl_socket *socket = listen_to_log();
    enum family family = (enum family)_i;
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, 7002);

    logs(lab, socket, WIRE_A, &frame, "segd no-flow ");
    logs(lab, socket, WIRE_C, &frame, "segd spoofed ");
    logs(lab, socket, WIRE_STRAY, &frame, "segd unknown-interface ");
    frame.port = 7004;
    logs(lab, socket, WIRE_A, &frame, "segd suspended ");
    frame = wires_tcp(family, WIRE_A, WIRE_B, 7001, FRAME_TCP_SYN | FRAME_TCP_ACK);
    logs(lab, socket, WIRE_A, &frame, "segd invalid ");
    frame.source =
        family == FAMILY_IPV4 ? wires_parse("10.1.0.50") : wires_address(family, WIRE_A, 0x50);
    logs(lab, socket, WIRE_A, &frame, "segd mac-mismatch ");
    mnl_socket_close(socket);
}
END_TEST

START_TEST(new_connection_is_logged_where_its_flow_asks)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct mnl_socket *socket = listen_to_log();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7003), answer;
    struct logged logged;

    logs(lab, socket, WIRE_A, &frame, "segd new ");
    /* Only the first packet is logged, also where nobody answers. */
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    answer = wires_answer(&frame);
    wires_pass(lab, WIRE_B, WIRE_A, &answer, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    frame.port = 7001;
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    ck_assert(!read_log(socket, &logged));
    mnl_socket_close(socket);
}
END_TEST

static uint64_t read_unlogged(void)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    uint64_t packets;

    ck_assert_int_eq(nftables_open(&nftables), 0);
    ck_assert_int_eq(drop_counters_read_unlogged(nftables, &packets), 0);
    return packets;
}

/* A flood of refusals is counted to the last packet, and logged no faster than the bound: 50 a
 * second after the first 50. What is not logged is counted, too. */
START_TEST(log_is_bounded_and_counters_are_not)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct mnl_socket *socket = listen_to_log();
    struct frame frame = wires_udp((enum family)_i, WIRE_A, WIRE_B, 7002);
    struct logged logged;
    unsigned n_logged = 0;
    usec_t began = calendar_clock(CLOCK_MONOTONIC), seconds;

    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(lab_send(lab, WIRE_A, &frame, NULL), 0);
    ck_assert_int_eq(lab_synchronise(lab), 0);
    seconds = (calendar_clock(CLOCK_MONOTONIC) - began) / USEC_PER_SEC + 1;
    while (read_log(socket, &logged))
        n_logged++;
    ck_assert_uint_gt(n_logged, 0);
    ck_assert_int_le(n_logged, 50 + 50 * seconds);
    ck_assert_uint_eq(segd_dropped("no-flow/a/b"), 5000);
    ck_assert_uint_eq(read_unlogged(), 5000 - n_logged);
    mnl_socket_close(socket);
}
END_TEST

/* Each pair of interfaces and each reason has a budget of its own. */
START_TEST(flood_between_two_zones_hides_no_other_refusal)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = start(&segd);
    struct mnl_socket *socket = listen_to_log();
    enum family family = (enum family)_i;
    struct frame flood = wires_udp(family, WIRE_A, WIRE_B, 7002);
    struct frame other = wires_udp(family, WIRE_C, WIRE_B, 7002);
    struct frame suspended = wires_udp(family, WIRE_A, WIRE_B, 7004);
    struct logged logged;
    unsigned n_suspended = 0, n_other = 0, c0 = if_nametoindex("c0");

    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(lab_send(lab, WIRE_A, &flood, NULL), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(lab_send(lab, WIRE_C, &other, NULL), 0);
        ck_assert_int_eq(lab_send(lab, WIRE_A, &suspended, NULL), 0);
    }
    ck_assert_int_eq(lab_synchronise(lab), 0);
    ck_assert_uint_eq(segd_dropped("no-flow/a/b"), 2000);

    while (read_log(socket, &logged)) {
        n_other += logged.in == c0;
        n_suspended += strcmp(logged.prefix, "segd suspended ") == 0;
    }
    ck_assert_uint_eq(n_suspended, 20);
    ck_assert_uint_eq(n_other, 20);
    mnl_socket_close(socket);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, refused_packet_is_logged_with_its_reason, 0, FAMILIES);
    tcase_add_loop_test(tests, new_connection_is_logged_where_its_flow_asks, 0, FAMILIES);
    tcase_add_loop_test(tests, log_is_bounded_and_counters_are_not, 0, FAMILIES);
    tcase_add_loop_test(tests, flood_between_two_zones_hides_no_other_refusal, 0, FAMILIES);
}
