/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Connections are read and forgotten as they are: lib/observe/conntrack.h. */

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "checks.h"
#include "nftables_sample.h"
#include "observe/conntrack.h"

#define LOOPBACK ((ip_number)0x7f000001)

/* Tracks everything; two ports have a mark. 127.0.0.2 is 127.0.0.1. */
static const char tracking[] =
    "add table inet t\n"
    "add chain inet t output { type filter hook output priority 0; }\n"
    "add map inet t marks { type inet_service : mark; elements = { 5001 : 5001, 5002 : 5002 }; }\n"
    "add rule inet t output ct direction original ct mark set th dport map @marks\n"
    "add table ip n\n"
    "add chain ip n output { type nat hook output priority -100; }\n"
    "add rule ip n output ip daddr 127.0.0.2 udp dport 5002 dnat to 127.0.0.1:7777\n";

static struct conntrack *open_conntrack(void)
{
    struct conntrack *conntrack;

    sandbox_enter();
    sandbox_nft(tracking);
    ck_assert_int_eq(conntrack_open(&conntrack), 0);
    return conntrack;
}

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    ck_assert_int_eq(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

static void send_datagram(uint16_t from, const char *to, uint16_t port)
{
    cleanup_(closep) int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = address_of("127.0.0.1", from), address = address_of(to, port);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
}

static void send_datagram6(uint16_t port)
{
    cleanup_(closep) int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
}

struct seen {
    uint16_t port; /* 0: any */
    uint8_t protocol;
    size_t n;
    struct conntrack_entry last;
};

static int see(const struct conntrack_entry *connection, void *userdata)
{
    struct seen *seen = userdata;

    if ((seen->port != 0 && connection->port != seen->port) ||
        (seen->protocol != 0 && connection->protocol != seen->protocol))
        return 0;
    seen->last = *connection;
    seen->n++;
    return 0;
}

static struct conntrack_entry find_one(struct conntrack *conntrack, uint8_t protocol, uint16_t port)
{
    struct seen seen = {.port = port, .protocol = protocol};

    ck_assert_int_eq(conntrack_dump(conntrack, see, &seen), 0);
    ck_assert_uint_eq(seen.n, 1);
    return seen.last;
}

static size_t count_all(struct conntrack *conntrack)
{
    struct seen seen = {0};

    ck_assert_int_eq(conntrack_dump(conntrack, see, &seen), 0);
    return seen.n;
}

START_TEST(datagrams_are_seen_with_their_mark)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_entry connection;

    send_datagram(1024, "127.0.0.1", 5001);
    connection = find_one(conntrack, IPPROTO_UDP, 5001);
    ck_assert_int_eq(connection.family, FAMILY_IPV4);
    ck_assert(connection.source == LOOPBACK);
    ck_assert(connection.destination == LOOPBACK);
    ck_assert_uint_eq(connection.source_port, 1024);
    ck_assert_uint_eq(connection.mark, 5001);
    ck_assert_uint_ne(connection.status & IPS_CONFIRMED, 0);
    ck_assert_uint_gt(connection.timeout, 0);
    ck_assert_ptr_null(connection.state);
}
END_TEST

START_TEST(who_answers_is_behind_the_translation)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_entry connection;

    send_datagram(1025, "127.0.0.2", 5002);
    connection = find_one(conntrack, IPPROTO_UDP, 7777);
    ck_assert(connection.destination == LOOPBACK);
    ck_assert_uint_eq(connection.source_port, 1025);
    ck_assert_uint_ne(connection.status & IPS_DST_NAT, 0);
    ck_assert(connection.sent_to == LOOPBACK + 1);
    ck_assert_uint_eq(connection.sent_to_port, 5002);
    ck_assert(connection.received_from == LOOPBACK);
    ck_assert_uint_eq(connection.received_from_port, 1025);
}
END_TEST

START_TEST(ends_see_each_other_where_nothing_is_translated)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_entry connection;

    send_datagram(1026, "127.0.0.3", 5001);
    connection = find_one(conntrack, IPPROTO_UDP, 5001);
    ck_assert(connection.sent_to == connection.destination);
    ck_assert_uint_eq(connection.sent_to_port, connection.port);
    ck_assert(connection.received_from == connection.source);
    ck_assert_uint_eq(connection.received_from_port, connection.source_port);
}
END_TEST

START_TEST(the_beginning_is_told_where_the_kernel_notes_it)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    static const char *const on[] = {
        "sh", "-c", "echo 1 >/proc/sys/net/netfilter/nf_conntrack_timestamp", NULL};
    usec_t before;

    send_datagram(1024, "127.0.0.1", 5001);
    ck_assert_int_eq(find_one(conntrack, IPPROTO_UDP, 5001).began, 0);

    ck_assert_int_eq(sandbox_run(on, NULL, NULL), 0);
    before = calendar_now();
    send_datagram(1024, "127.0.0.1", 5005);
    ck_assert_int_ge(find_one(conntrack, IPPROTO_UDP, 5005).began, before);
    ck_assert_int_le(find_one(conntrack, IPPROTO_UDP, 5005).began, calendar_now());
}
END_TEST

START_TEST(the_table_tells_how_full_it_is)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_table table;

    ck_assert_int_eq(conntrack_read_table(conntrack, &table), 0);
    ck_assert_uint_eq(table.count, 0);
    ck_assert_uint_gt(table.max, 0);
    for (uint16_t i = 0; i < 7; i++)
        send_datagram((uint16_t)(10000 + i), "127.0.0.1", 5001);
    ck_assert_int_eq(conntrack_read_table(conntrack, &table), 0);
    ck_assert_uint_eq(table.count, 7);
}
END_TEST

START_TEST(both_families_are_seen)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_entry connection;

    send_datagram(1024, "127.0.0.1", 5001);
    send_datagram6(5003);
    connection = find_one(conntrack, IPPROTO_UDP, 5003);
    ck_assert_int_eq(connection.family, FAMILY_IPV6);
    ck_assert(connection.source == 1);
    ck_assert(connection.destination == 1);
    ck_assert_uint_eq(count_all(conntrack), 2);
}
END_TEST

START_TEST(state_of_tcp_is_told)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    cleanup_(closep) int server = socket(AF_INET, SOCK_STREAM, 0);
    cleanup_(closep) int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = address_of("127.0.0.1", 5004);

    ck_assert_int_eq(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(server, 1), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_str_eq(find_one(conntrack, IPPROTO_TCP, 5004).state, "ESTABLISHED");
}
END_TEST

static void send_echo(uint16_t id)
{
    cleanup_(closep) int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons(id)};

    echo.checksum = (uint16_t) ~(ICMP_ECHO + htons(id));
    ck_assert_int_eq(
        sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&address, sizeof(address)),
        sizeof(echo));
}

START_TEST(icmp_has_type_and_identifier)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    struct conntrack_entry connection;

    send_echo(4711);
    connection = find_one(conntrack, IPPROTO_ICMP, ICMP_ECHO << 8);
    ck_assert_uint_eq(connection.source_port, 4711);
}
END_TEST

START_TEST(counts_are_told_where_the_kernel_counts)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    static const char *const on[] = {"sh", "-c",
                                     "echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct", NULL};
    struct conntrack_entry connection;

    send_datagram(1024, "127.0.0.1", 5001);
    ck_assert(!find_one(conntrack, IPPROTO_UDP, 5001).counts);

    ck_assert_int_eq(sandbox_run(on, NULL, NULL), 0);
    send_datagram(1024, "127.0.0.1", 5005);
    connection = find_one(conntrack, IPPROTO_UDP, 5005);
    ck_assert(connection.counts);
    ck_assert_uint_eq(connection.original_packets, 1);
    ck_assert_uint_eq(connection.original_bytes, 29);
    ck_assert_uint_eq(connection.reply_packets, 0);
}
END_TEST

static int stop(const struct conntrack_entry *connection, void *userdata)
{
    (void)connection;
    ++*(unsigned *)userdata;
    return -ECANCELED;
}

START_TEST(handler_ends_the_walk)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();
    unsigned n = 0;

    for (uint16_t i = 0; i < 1000; i++)
        send_datagram((uint16_t)(10000 + i), "127.0.0.1", 5001);
    ck_assert_int_eq(conntrack_dump(conntrack, stop, &n), -ECANCELED);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(count_all(conntrack), 1000);
}
END_TEST

START_TEST(deletion_by_mark_spares_all_others)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = open_conntrack();

    for (uint16_t i = 0; i < 200; i++)
        send_datagram((uint16_t)(10000 + i), "127.0.0.1", 5001);
    for (uint16_t i = 0; i < 3; i++)
        send_datagram((uint16_t)(10000 + i), "127.0.0.1", 5002);
    send_datagram6(5001);
    send_echo(1);
    ck_assert_uint_eq(count_all(conntrack), 205);

    ck_assert_int_eq(conntrack_delete_mark(conntrack, 5001), 201);
    ck_assert_uint_eq(count_all(conntrack), 4);
    ck_assert_int_eq(conntrack_delete_mark(conntrack, 5001), 0);
    ck_assert_int_eq(conntrack_delete_mark(conntrack, 5002), 3);
    ck_assert_int_eq(conntrack_delete_mark(conntrack, 0), 1);
    ck_assert_uint_eq(count_all(conntrack), 0);
}
END_TEST

START_TEST(connections_need_the_privilege)
{
    struct conntrack *conntrack = NULL;

    sandbox_become_user();
    ck_assert_int_eq(conntrack_open(&conntrack), -EPERM);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, datagrams_are_seen_with_their_mark);
    tcase_add_test(tests, who_answers_is_behind_the_translation);
    tcase_add_test(tests, ends_see_each_other_where_nothing_is_translated);
    tcase_add_test(tests, the_beginning_is_told_where_the_kernel_notes_it);
    tcase_add_test(tests, the_table_tells_how_full_it_is);
    tcase_add_test(tests, both_families_are_seen);
    tcase_add_test(tests, state_of_tcp_is_told);
    tcase_add_test(tests, icmp_has_type_and_identifier);
    tcase_add_test(tests, counts_are_told_where_the_kernel_counts);
    tcase_add_test(tests, handler_ends_the_walk);
    tcase_add_test(tests, deletion_by_mark_spares_all_others);
    tcase_add_test(tests, connections_need_the_privilege);
}
