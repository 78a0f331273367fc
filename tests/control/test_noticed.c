/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What segd notices by itself and tells as a finding, as long as it holds: tables of others,
 * settings of the kernel, and a table of connections that has no room.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "calls.h"
#include "checks.h"
#include "kernel/netlink.h"
#include "sandbox.h"
#include "scene.h"
#include "wires.h"

#define PORT 5000

static const char policy[] = WIRES_POLICY "hosts:\n"
                                          "  left: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"
                                          "flows:\n"
                                          "  main: { from: left, to: b, services: [udp/5000] }\n";

/* `n` packets of the flow `main`. */
static void send_main(struct scene *scene, enum family family, unsigned n)
{
    struct frame frame = wires_udp(family, WIRE_A, WIRE_B, PORT);

    for (unsigned i = 0; i < n; i++)
        wires_pass(scene->lab, WIRE_A, WIRE_B, &frame, NULL);
}

/* Whether there is such a finding about the object, and none else of the code. */
static bool is_found(struct scene *scene, const char *code, const char *object)
{
    cleanup_(json_decrefp) json_t *status = calls_get(scene->segd, "GetStatus", NULL);
    const json_t *findings = json_object_get(status, "findings");

    ck_assert_ptr_null(find_text(findings, "code", "unknown"));
    return find_text(findings, "code", code) && find_text(findings, "object", object);
}

/* segd looks a moment after the change, or a little later: whoever waits asks until it has. */
static void wait_until(struct scene *scene, const char *code, const char *object, bool found)
{
    while (is_found(scene, code, object) != found)
        continue;
}

static void wait_until_found(struct scene *scene, const char *object, bool found)
{
    wait_until(scene, "others-drop", object, found);
}

START_TEST(what_other_tables_drop_is_told_until_they_go)
{
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    cleanup_(json_decrefp) json_t *verified = NULL;

    enter(&scene, policy);
    send_main(&scene, FAMILY_IPV4, 1);
    sandbox_nft("table ip fw { chain f { type filter hook forward priority 5; policy drop; }; }\n");
    wait_until_found(&scene, "table ip fw chain f hook forward", true);
    ck_assert(!wires_try(scene.lab, WIRE_A, &frame, NULL));
    verified = calls_get(scene.segd, "Verify", NULL);
    ck_assert_ptr_nonnull(find_text(json_object_get(verified, "findings"), "code", "others-drop"));

    sandbox_nft("add rule ip fw f accept\nchain ip fw f { policy accept; }\n");
    wait_until_found(&scene, "table ip fw chain f hook forward", false);
    send_main(&scene, FAMILY_IPV4, 1);

    sandbox_nft("insert rule ip fw f udp dport 5000 reject\n");
    wait_until_found(&scene, "table ip fw chain f hook forward", true);
    sandbox_nft("delete table ip fw\n");
    wait_until_found(&scene, "table ip fw chain f hook forward", false);
    send_main(&scene, FAMILY_IPV4, 1);
    ck_assert_int_eq(calls_repairs(scene.segd), 0);
}
END_TEST

static void set_link(const char *state)
{
    const char *const arguments[] = {"ip", "link", "set", "a0", state, NULL};

    ck_assert_int_eq(sandbox_run(arguments, NULL, NULL), 0);
}

/* segd answers until its log says it. */
static void wait_for_log(const struct scene *scene, const char *text)
{
    for (bool found = false; !found;) {
        cleanup_(freep) char *log = segd_log(scene->segd);

        found = strstr(log, text);
        calls_generation(scene->segd);
    }
}

START_TEST(interfaces_of_zones_that_come_and_go_are_told)
{
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(freep) char *log = NULL;

    enter(&scene, policy);
    log = segd_log(scene.segd);
    ck_assert_msg(!strstr(log, "interface a0"), "%s", log);
    set_link("down");
    wait_for_log(&scene, "warning: interface a0 is down");
    set_link("up");
    wait_for_log(&scene, "notice: interface a0 is up");
}
END_TEST

static void write_setting(const char *path, const char *value)
{
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(value, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* The kernel tells nobody of a change of such a setting. */
START_TEST(settings_are_looked_at_now_and_then)
{
    static const char all[] = "/proc/sys/net/ipv4/conf/all/accept_source_route";
    cleanup_(scene_clear) struct scene scene = {0};
    cleanup_(json_decrefp) json_t *verified = NULL;
    const json_t *finding;

    enter(&scene, policy);
    write_setting("/proc/sys/net/ipv4/conf/a1/accept_source_route", "1");
    write_setting(all, "1");
    wait_until(&scene, "source-routes", "net.ipv4.conf.a1.accept_source_route", true);
    verified = calls_get(scene.segd, "Verify", NULL);
    finding = find_text(json_object_get(verified, "findings"), "code", "source-routes");
    ck_assert_str_eq(json_string_value(json_object_get(finding, "severity")), "critical");
    write_setting(all, "0");
    wait_until(&scene, "source-routes", "net.ipv4.conf.a1.accept_source_route", false);
}
END_TEST

/* Bytes of the message of a connection, and of those that go at once. */
#define CONNECTION_ROOM 256
#define CONNECTIONS_AT_ONCE 1000
/* More than that take too much of the kernel's memory for a test. */
#define CONNECTIONS_MOST (1024 * 1024)

static void put_tuple(struct nlmsghdr *message, uint16_t type, uint32_t from, uint32_t to)
{
    struct nlattr *tuple = mnl_attr_nest_start(message, type);
    struct nlattr *part = mnl_attr_nest_start(message, CTA_TUPLE_IP);

    mnl_attr_put_u32(message, CTA_IP_V4_SRC, htonl(from));
    mnl_attr_put_u32(message, CTA_IP_V4_DST, htonl(to));
    mnl_attr_nest_end(message, part);
    part = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(1));
    mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(1));
    mnl_attr_nest_end(message, part);
    mnl_attr_nest_end(message, tuple);
}

/* A connection of 10.9.0.0/16 and beyond, which makes no room for others. */
static void put_connection(char *buffer, uint32_t number)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;

    message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
    header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    *header = (struct nfgenmsg){.nfgen_family = AF_INET};
    put_tuple(message, CTA_TUPLE_ORIG, 0x0a090000 + number, 0x0afe0001);
    put_tuple(message, CTA_TUPLE_REPLY, 0x0afe0001, 0x0a090000 + number);
    mnl_attr_put_u32(message, CTA_TIMEOUT, htonl(3600));
    mnl_attr_put_u32(message, CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED));
}

/* Opens connections from `*n` on, up to `end` of them, as long as there is room. */
static void fill_table(struct netlink *netlink, uint32_t *n, uint32_t end)
{
    cleanup_(freep) char *buffer = calloc(CONNECTIONS_AT_ONCE, CONNECTION_ROOM);
    bool full = false;

    ck_assert_ptr_nonnull(buffer);
    while (*n < end && !full) {
        cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
        struct iovec vectors[CONNECTIONS_AT_ONCE];
        size_t bytes = 0, count = 0;

        for (; count < CONNECTIONS_AT_ONCE && *n < end; count++, ++*n) {
            char *room = buffer + count * CONNECTION_ROOM;

            put_connection(room, *n);
            vectors[count] = (struct iovec){room, ((struct nlmsghdr *)room)->nlmsg_len};
            bytes += vectors[count].iov_len;
        }
        ck_assert_int_eq(netlink_transact(netlink, vectors, count, bytes, &errors), 0);
        full = errors.n_errors > 0;
        ck_assert(!full || errors.errors[0].error == -ENOMEM);
    }
}

static void empty_table(struct netlink *netlink)
{
    char buffer[CONNECTION_ROOM] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;

    message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    *header = (struct nfgenmsg){.nfgen_family = AF_UNSPEC};
    ck_assert_int_eq(netlink_request(netlink, message, NULL, NULL), 0);
}

static uint32_t connections_max(void)
{
    FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_max", "re");
    uint32_t most;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%" SCNu32, &most), 1);
    fclose(file);
    return most;
}

/* Asserts that status tells of a full table. */
static void assert_table(const struct scene *scene, uint32_t most)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetStatus", NULL);
    const json_t *table = json_object_get(reply, "connections");

    ck_assert_int_eq(json_integer_value(json_object_get(table, "max")), most);
    ck_assert_int_ge(json_integer_value(json_object_get(table, "count")), most / 100 * 99);
}

/* Packets that were dropped before any rule, for lack of room. */
static json_int_t count_dropped(const struct scene *scene)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(scene->segd, "GetDrops", NULL);
    const json_t *tracking = json_object_get(reply, "tracking");

    ck_assert(json_is_object(tracking));
    return json_integer_value(json_object_get(tracking, "drop"));
}

/* What the kernel can follow no more does not reach the rules. */
START_TEST(a_table_without_room_is_told)
{
    static const char object[] = "net.netfilter.nf_conntrack_max";
    const uint32_t most = connections_max();
    cleanup_(scene_clear) struct scene scene = {0};
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct netlink netlink;
    json_int_t dropped;
    uint32_t n = 0;

    if (most == 0 || most > CONNECTIONS_MOST) {
        printf("SKIP: %" PRIu32 " connections are too many to try\n", most);
        return;
    }
    enter(&scene, policy);
    ck_assert_int_eq(netlink_open(&netlink), 0);
    fill_table(&netlink, &n, most / 10 * 7);
    send_main(&scene, FAMILY_IPV4, 1);
    ck_assert(!is_found(&scene, "connections-many", object));
    fill_table(&netlink, &n, most / 10 * 9);
    wait_until(&scene, "connections-many", object, true);
    ck_assert(!is_found(&scene, "connections-full", object));
    empty_table(&netlink);
    n = 0;
    fill_table(&netlink, &n, UINT32_MAX);
    assert_table(&scene, most);
    dropped = count_dropped(&scene);
    ck_assert(!wires_try(scene.lab, WIRE_A, &frame, NULL));
    ck_assert_int_gt(count_dropped(&scene), dropped);
    wait_until(&scene, "connections-full", object, true);
    empty_table(&netlink);
    netlink_close(&netlink);
    send_main(&scene, FAMILY_IPV4, 1);
    wait_until(&scene, "connections-full", object, false);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_other_tables_drop_is_told_until_they_go);
    tcase_add_test(tests, interfaces_of_zones_that_come_and_go_are_told);
    tcase_add_test(tests, settings_are_looked_at_now_and_then);
    tcase_add_test(tests, a_table_without_room_is_told);
}
