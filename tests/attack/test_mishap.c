/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What goes wrong without a packet: foreign hands on the table, and policies that are valid and yet
 * strain the kernel. A valid policy is enforced; nothing else is an answer.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001] }\n";

static void assert_enforced(struct lab *lab)
{
    struct frame approved = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame other = wires_udp(FAMILY_IPV4, WIRE_C, WIRE_B, PORT);

    wires_pass(lab, WIRE_A, WIRE_B, &approved, NULL);
    wires_drop(lab, WIRE_C, &other, NULL, "no-flow/c/b");
}

/* Empty; with chains and rules as ours, all open; with what segd never writes. */
static const char *const dormant_tables[] = {
    "table inet segd { flags dormant; }\n",
    ("table inet segd {\n"
     "  flags dormant\n"
     "  counter no-flow/a/b { packets 7 bytes 77 }\n"
     "  chain prerouting { type filter hook prerouting priority -300; policy accept; accept; }\n"
     "  chain forward { type filter hook forward priority 0; policy accept; accept; }\n"
     "}\n"),
    ("table inet segd {\n"
     "  flags dormant\n"
     "  set live { type ipv4_addr; size 7; elements = { 192.0.2.1 } }\n"
     "  chain forward { type nat hook postrouting priority 0; policy accept; }\n"
     "  chain foreign { ip saddr @live accept; }\n"
     "}\n"),
};

START_TEST(dormant_table_is_replaced_at_the_start)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;

    sandbox_nft(dormant_tables[_i]);
    segd = segd_start(policy);
    assert_enforced(lab);
}
END_TEST

static const char *const damages[] = {
    "delete table inet segd\n",
    "delete table inet segd; add table inet segd { flags dormant ; }\n",
    "insert rule inet segd forward accept\n",
    "delete chain inet segd forward\n",
};
#define N_DAMAGES ((int)(sizeof(damages) / sizeof(damages[0])))

START_TEST(damage_while_segd_runs_is_refused_by_the_kernel)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    cleanup_(freep) char *answer = NULL;

    ck_assert_int_ne(sandbox_nft_try(damages[_i], &answer), 0);
    ck_assert_msg(strstr(answer, "Operation not permitted"), "%s", answer);
    assert_enforced(lab);
    segd_reload(segd, policy);
    assert_enforced(lab);
}
END_TEST

START_TEST(damage_while_segd_is_dead_is_repaired_at_the_start)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    segd_kill(segd);
    sandbox_nft(damages[_i]);
    segd_start_again(segd);
    assert_enforced(lab);
}
END_TEST

/* People write this for "no end". */
START_TEST(expiry_at_the_end_of_the_calendar_is_enforced)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd =
        segd_start(WIRES_POLICY "flows:\n"
                                "  open: { from: a, to: b, services: [udp/7001],"
                                " expires: 9999-12-31 }\n");

    (void)segd;
    assert_enforced(lab);
}
END_TEST

/* A point of an interval map: of it nft must not make one range with the element after it. */
START_TEST(point_among_ranges_lists_and_loads_again)
{
    cleanup_(freep) char *listing = NULL;
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(lab_freep) struct lab *lab = wires_new();

    (void)lab;
    segd = segd_start(WIRES_POLICY "hosts:\n"
                                   "  ha: { zone: a, address: 10.1.0.7 }\n"
                                   "  hb: { zone: b, address: 10.3.0.9 }\n"
                                   "flows:\n"
                                   "  f1: { from: ha, to: hb, services: [tcp/1-100] }\n"
                                   "  f2: { from: ha, to: hb, services: [any] }\n");
    listing = sandbox_nft_list("table inet segd");
    segd_cut_owner(listing);
    ck_assert_ptr_nonnull(strstr(listing, "10.1.0.7 . 10.3.0.9 . tcp . 1-100 : "));
    sandbox_nft_check(listing);
}
END_TEST

/*
 * Many hosts with flows of their own inside networks inside networks: each network's flows are too
 * many to be copied to the hosts, so the chain of one ends in that of the next.
 */
#define HOSTS 100
#define NETWORKS 14

static void write_nested_policy(FILE *stream)
{
    fputs("segd: 1\n"
          "zones:\n"
          "  a: { class: other, interfaces: [a0], networks: [10.0.0.0/8] }\n"
          "  b: { class: other, interfaces: [b0], networks: [20.0.0.0/8] }\n"
          "groups:\n",
          stream);
    for (int i = 0; i < HOSTS + NETWORKS; i++) {
        bool host = i < HOSTS;

        fprintf(stream, "  s%d: { zone: a, members: [10.0.0.%d/%d] }\n", i, host ? i + 1 : 0,
                host ? 32 : 25 - (i - HOSTS));
        fprintf(stream, "  d%d: { zone: b, members: [", i);
        for (int j = 0; j < (host ? 20 : 200); j++)
            fprintf(stream, "%s20.%d.%d.0/25", j > 0 ? ", " : "", host ? i + 1 : j % 100 + 1,
                    host ? j : 128 + j / 100 + 2 * (i - HOSTS));
        fputs("] }\n", stream);
    }
    fputs("flows:\n", stream);
    for (int i = 0; i < HOSTS + NETWORKS; i++)
        fprintf(stream, "  f%d: { from: s%d, to: d%d, services: [tcp/%d] }\n", i, i, i, 1000 + i);
}

START_TEST(networks_inside_networks_are_enforced)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *text = NULL;
    cleanup_(freep) char *log = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)lab;
    ck_assert_ptr_nonnull(stream);
    write_nested_policy(stream);
    ck_assert_int_eq(fclose(stream), 0);
    segd = segd_start(text);
    log = segd_log(segd);
    ck_assert_msg(!strstr(log, "refused"), "%.1000s", log);
}
END_TEST

/* The gateway tells a sender that its first packet is too large; else it would never know. */
START_TEST(first_packet_too_large_is_answered_where_the_gateway_is_protected)
{
    static const char *const narrow[] = {"ip", "link", "set", "b0", "mtu", "1300", NULL};
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    struct frame large = wires_udp(FAMILY_IPV6, WIRE_A, WIRE_B, PORT);
    char text[1024];

    ck_assert_int_eq(
        lab_add_address(lab, WIRE_A, FAMILY_IPV6, wires_address(FAMILY_IPV6, WIRE_A, 1), 128), 0);
    ck_assert_int_eq(sandbox_run(narrow, NULL, NULL), 0);
    snprintf(text, sizeof(text), "%sgateway: { protect: true }\n", policy);
    segd = segd_start(text);
    ck_assert(wires_try(lab, WIRE_A, &large, &(struct frame_options){.padding = 1380}));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, dormant_table_is_replaced_at_the_start, 0, 3);
    tcase_add_loop_test(tests, damage_while_segd_runs_is_refused_by_the_kernel, 0, N_DAMAGES);
    tcase_add_loop_test(tests, damage_while_segd_is_dead_is_repaired_at_the_start, 0, N_DAMAGES);
    tcase_add_test(tests, expiry_at_the_end_of_the_calendar_is_enforced);
    tcase_add_test(tests, point_among_ranges_lists_and_loads_again);
    tcase_add_test(tests, networks_inside_networks_are_enforced);
    tcase_add_test(tests, first_packet_too_large_is_answered_where_the_gateway_is_protected);
}
