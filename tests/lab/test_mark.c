/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The mark of connections, shared with another table by `mark-mask`: both keep their bits, and what
 * was revoked stays so.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "observe/conntrack.h"
#include "sandbox.h"

#define MASK 0xffff00ffU
#define THEIRS 0x0000ff00U

#define POLICY                                                                                     \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "gateway: { protect: true, mark-mask: 0xffff00ff }\n"                                          \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [va], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [vb], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"            \
    "flows:\n"                                                                                     \
    "  ping: { from: a, to: gateway, services: [icmp/echo-request] }\n"
static const char approved[] =
    POLICY "  x: { from: a, to: b, services: [udp/7001, tcp/7002], log: new,"
           " limit: { concurrent: 5 } }\n";
static const char revoked[] = POLICY;

/* Policy routing, as somebody else marks connections for it: before segd, and once more after. */
static const char others[] =
    "table inet other {\n"
    "    chain first { type filter hook prerouting priority -150;\n"
    "        ct state new ct mark set ct mark and 0xffff00ff or 0x0100; }\n"
    "    chain last { type filter hook postrouting priority 100;\n"
    "        ct mark set ct mark and 0xffff00ff or 0x0200; }\n"
    "}\n";

static const char *const interfaces[] = {"va", "vb"};
enum { A, B, N_HOSTS };

struct seen {
    uint16_t port;
    uint32_t mark;
};

static int see_mark(const struct conntrack_entry *connection, void *userdata)
{
    struct seen *seen = userdata;

    if (connection->port == seen->port)
        seen->mark = connection->mark;
    return 0;
}

/* The mark of the connection to the port, as far as the mask goes; 0: all of it. */
static uint32_t mark_of(uint16_t port, uint32_t mask)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = NULL;
    struct seen seen = {.port = port};

    ck_assert_int_eq(conntrack_open(&conntrack), 0);
    conntrack_set_mark_mask(conntrack, mask);
    ck_assert_int_eq(conntrack_dump(conntrack, see_mark, &seen), 0);
    return seen.mark;
}

START_TEST(both_keep_their_bits)
{
    enum family family = (enum family)_i;
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct host hosts[N_HOSTS];
    struct stream there, back;
    char bytes[16];
    int from, to;

    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    sandbox_nft(others);
    segd = segd_start(approved);
    from = hosts_udp(&hosts[A], family, 7000);
    to = hosts_udp(&hosts[B], family, 7001);
    for (unsigned i = 0; i < 2; i++) {
        hosts_udp_send(from, family, hosts[B].address[_i], 7001);
        ck_assert(hosts_readable(to, "no-flow/a/b", 0));
        ck_assert_int_eq(recv(to, bytes, sizeof(bytes), 0), 8);
        hosts_udp_send(to, family, hosts[A].address[_i], 7000);
        ck_assert(hosts_readable(from, "no-flow/a/b", 0));
        ck_assert_int_eq(recv(from, bytes, sizeof(bytes), 0), 8);
    }
    ck_assert_uint_eq(mark_of(7001, 0) & THEIRS, 0x0200);
    ck_assert_uint_ne(mark_of(7001, 0) & MASK, 0);
    ck_assert_uint_eq(mark_of(7001, MASK), mark_of(7001, 0) & MASK);
    ck_assert_uint_eq(segd_passed("x", false), 2);
    ck_assert_uint_eq(segd_passed("x", true), 2);
    ck_assert(hosts_ping(&hosts[A], family, hosts[A].gateway[_i], "no-flow/a/gateway"));

    hosts_connect(&hosts[A], family, hosts[B].address[_i], 7002,
                  hosts_listen(&hosts[B], family, 7002), &there, &back);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
    segd_reload(segd, revoked);
    stream_stops(&there, "no-flow", "a", "b");
    segd_reload(segd, approved);
    stream_receive_all(&there);
    ck_assert_uint_eq(mark_of(7002, 0) & THEIRS, 0x0200);
    ck_assert_uint_ne(mark_of(7002, MASK), 0);
}
END_TEST

START_TEST(the_table_is_what_nft_lists)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *listed = NULL, *again = NULL;

    segd = segd_enter(approved);
    listed = sandbox_nft_list("table inet segd");
    ck_assert_ptr_nonnull(strstr(listed, "ct mark & 0xffff00ff . iifname . oifname @live"));
    segd_reload(segd, approved);
    again = sandbox_nft_list("table inet segd");
    ck_assert_str_eq(listed, again);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, both_keep_their_bits, 0, FAMILIES);
    tcase_add_test(tests, the_table_is_what_nft_lists);
}
