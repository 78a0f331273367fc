/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Other people's tables are none of segd's business: they stay as they are, byte for byte, through
 * its whole life. And its own table is readable by the tool that everybody has: what nft lists, nft
 * loads, and lists as the same again.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "sandbox.h"
#include "wires.h"

#define OURS "table inet segd {"

static const char policy[] =
    WIRES_POLICY "hosts:\n"
                 "  bound: { zone: a, address: [10.1.0.50, 'fd00:1::50'],"
                 " mac: '02:5e:9d:aa:bb:cc', label: 税連携 }\n"
                 "  server: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"
                 "groups:\n"
                 "  some: { zone: a, members: [10.1.2.3-10.1.2.99, 10.2.0.0/24] }\n"
                 "flows:\n"
                 "  exact: { from: bound, to: server, services: [tcp/443], log: new }\n"
                 "  ranges: { from: some, to: b, services: [udp/1000-2000, tcp/7001] }\n"
                 "  ping: { from: a, to: [b, c], services: [icmp/echo-request] }\n"
                 "  dated: { from: a, to: c, services: [tcp/1-65535], expires: 2150-03-31 }\n"
                 "  past: { from: c, to: b, services: [esp, gre], expires: 2020-03-31 }\n";
static const char policy_protected[] =
    WIRES_POLICY "gateway: { protect: true }\n"
                 "flows:\n"
                 "  ping: { from: a, to: gateway, services: [icmp/echo-request] }\n"
                 "  dhcp: { from: a, to: gateway, services: [udp/67, udp/547] }\n"
                 "  web: { from: gateway, to: [b, c], services: [tcp/443] }\n";

/* One table of each family, with whatever else nft knows; also one that has our name. */
static const char foreign[] =
    "table inet filter {\n"
    "  counter web { packets 17 bytes 1717 }\n"
    "  quota monthly { over 10 mbytes used 3 mbytes }\n"
    "  set blocked { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.0/24 } }\n"
    "  map ports { type inet_service : verdict; elements = { 22 : accept, 23 : drop } }\n"
    "  chain input {\n"
    "    type filter hook input priority filter; policy accept;\n"
    "    tcp dport vmap @ports\n"
    "    ip saddr @blocked counter name \"web\" drop\n"
    "  }\n"
    "  chain live { }\n"
    "}\n"
    "table ip segd {\n"
    "  map live { type ipv4_addr : verdict; elements = { 192.0.2.1 : accept } }\n"
    "  chain forward { type filter hook forward priority -5; policy accept; }\n"
    "}\n"
    "table ip nat {\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority dstnat; policy accept;\n"
    "    ip daddr 198.51.100.1 dnat to 10.3.0.9\n"
    "  }\n"
    "}\n"
    "table ip6 other {\n"
    "  chain output { type filter hook output priority 10; policy accept; }\n"
    "}\n"
    "table bridge vlans {\n"
    "  chain forward { type filter hook forward priority 0; policy accept; }\n"
    "}\n"
    "table arp watch {\n"
    "  chain input { type filter hook input priority 0; policy accept; }\n"
    "}\n"
    "table netdev early {\n"
    "  chain ingress { type filter hook ingress device \"lo\" priority 0; policy accept; }\n"
    "}\n"
    "table inet segd2 {\n"
    "  flags dormant\n"
    "}\n";

static void list_foreign(char **ret_text)
{
    char *text = sandbox_nft_list("ruleset"), *ours = strstr(text, OURS);

    /* A table ends with the first brace at the beginning of a line. */
    if (ours) {
        char *end = strstr(ours, "\n}\n");

        ck_assert_ptr_nonnull(end);
        end += strlen("\n}\n");
        memmove(ours, end, strlen(end) + 1);
    }
    ck_assert_ptr_null(strstr(text, OURS));
    *ret_text = text;
}

static void foreign_is(const char *before)
{
    cleanup_(freep) char *now = NULL;

    list_foreign(&now);
    segd_same(before, now);
}

START_TEST(other_tables_are_left_alone)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *before = NULL;

    sandbox_enter();
    sandbox_nft(foreign);
    list_foreign(&before);
    ck_assert_ptr_nonnull(strstr(before, "table netdev early"));
    segd = segd_start(policy);
    foreign_is(before);
    segd_reload(segd, policy_protected);
    foreign_is(before);
    segd_reload_refused(segd, "nonsense");
    foreign_is(before);
    segd_reload(segd, policy);
    foreign_is(before);
    segd_stop(segd);
    foreign_is(before);
    segd_start_again(segd);
    foreign_is(before);
    ck_assert_int_eq(remove(segd_policy_path(segd)), 0);
    segd_kill(segd);
    segd_start_again(segd); /* the last good generation */
    foreign_is(before);
    segd_stop(segd);
    foreign_is(before);
    segd_free(segd);
    segd = segd_start(NULL); /* lockdown */
    foreign_is(before);
    segd_stop(segd);
    foreign_is(before);
}
END_TEST

static char *list_ours(void)
{
    char *text = sandbox_nft_list("table inet segd");

    segd_cut_owner(text);
    return text;
}

static void listing_loads_again(void)
{
    cleanup_(freep) char *listing = list_ours(), *again = NULL;

    sandbox_nft_check(listing);
    sandbox_enter();
    sandbox_nft(listing);
    again = list_ours();
    segd_cut_times(listing);
    segd_cut_times(again);
    segd_same(listing, again);
}

static const char *const policies[] = {policy, policy_protected, NULL};

START_TEST(listing_of_the_table_loads_again)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policies[_i]);

    /* Counters that count and connections that are open must not matter. */
    for (enum wire_number from = WIRE_A; from < N_WIRES; from++) {
        struct frame frame = wires_icmp(FAMILY_IPV4, from, WIRE_B, 8 * 256);

        wires_try(lab, from, &frame, NULL);
    }
    ck_assert_int_gt(segd_process(segd), 0);
    listing_loads_again();
}
END_TEST

START_TEST(listing_of_the_sample_city_loads_again)
{
    cleanup_(segd_freep) struct segd *segd = NULL;
    const char *sample = getenv("SAMPLE");

    ck_assert_ptr_nonnull(sample);
    sandbox_enter();
    segd = segd_start_at(sample);
    ck_assert_int_gt(segd_process(segd), 0);
    listing_loads_again();
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, other_tables_are_left_alone);
    tcase_add_loop_test(tests, listing_of_the_table_loads_again, 0, 3);
    tcase_add_test(tests, listing_of_the_sample_city_loads_again);
}
