/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Services as people write them: lib/policy/service_literal.h, through policy_find_service(). */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "policy/policy.h"
#include "tests/reading.h"

struct literal_case {
    const char *text;
    int result;
    size_t n_ranges;
    struct service_range ranges[2];
    const char *canonical;
};

#define BOTH                                                                                       \
    {                                                                                              \
        true, true                                                                                 \
    }
#define ONLY_IPV4                                                                                  \
    {                                                                                              \
        true, false                                                                                \
    }
#define ONLY_IPV6                                                                                  \
    {                                                                                              \
        false, true                                                                                \
    }

static const struct literal_case literal_cases[] = {
    {"tcp/443", 0, 1, {{6, 6, 443, 443, BOTH}}, "tcp/443"},
    {"udp/5000-5010", 0, 1, {{17, 17, 5000, 5010, BOTH}}, "udp/5000-5010"},
    {"sctp/any", 0, 1, {{132, 132, 0, 65535, BOTH}}, "sctp/any"},
    {"protocol/33", 0, 1, {{33, 33, 0, 65535, BOTH}}, "protocol/33"},
    {"protocol/136", 0, 1, {{136, 136, 0, 65535, BOTH}}, "protocol/136"},
    {"icmp/echo-request",
     0,
     2,
     {{1, 1, 2048, 2048, ONLY_IPV4}, {58, 58, 32768, 32768, ONLY_IPV6}},
     "icmp/echo-request"},
    {"icmp/8",
     0,
     2,
     {{1, 1, 2048, 2048, ONLY_IPV4}, {58, 58, 32768, 32768, ONLY_IPV6}},
     "icmp/echo-request"},
    {"icmp/128",
     0,
     2,
     {{1, 1, 2048, 2048, ONLY_IPV4}, {58, 58, 32768, 32768, ONLY_IPV6}},
     "icmp/echo-request"},
    {"icmp/timestamp-request",
     0,
     1,
     {{1, 1, 13 * 256, 13 * 256, ONLY_IPV4}},
     "icmp/timestamp-request"},
    {"icmp/15", 0, 1, {{1, 1, 15 * 256, 15 * 256, ONLY_IPV4}}, "icmp/info-request"},
    {"icmp/17", 0, 1, {{1, 1, 17 * 256, 17 * 256, ONLY_IPV4}}, "icmp/address-mask-request"},
    {"icmp/node-information-query",
     0,
     1,
     {{58, 58, 139 * 256, 139 * 256 + 2, ONLY_IPV6}},
     "icmp/node-information-query"},
    {"icmp/any", 0, 2, {{1, 1, 0, 65535, ONLY_IPV4}, {58, 58, 0, 65535, ONLY_IPV6}}, "icmp/any"},
    {"esp", 0, 1, {{50, 50, 0, 65535, BOTH}}, "esp"},
    {"igmp", 0, 1, {{2, 2, 0, 65535, ONLY_IPV4}}, "igmp"},
    {"protocol/50", 0, 1, {{50, 50, 0, 65535, BOTH}}, "esp"},
    {"protocol/2", 0, 1, {{2, 2, 0, 65535, ONLY_IPV4}}, "igmp"},
    {"protocol/0", 0, 1, {{0, 0, 0, 65535, BOTH}}, "protocol/0"},
    {"protocol/255", 0, 1, {{255, 255, 0, 65535, BOTH}}, "protocol/255"},
    {"any", 0, 1, {{0, 255, 0, 65535, BOTH}}, "any"},
    {"https", 0, 1, {{6, 6, 443, 443, BOTH}}, "tcp/443"},
    {"telephone", -ENOENT, 0, {{0}}, NULL},
    {"", -ENOENT, 0, {{0}}, NULL},
    {"tcp", -EINVAL, 0, {{0}}, NULL},
    {"tcp/", -EINVAL, 0, {{0}}, NULL},
    {"tcp/0", -EINVAL, 0, {{0}}, NULL},
    {"tcp/65536", -EINVAL, 0, {{0}}, NULL},
    {"tcp/4294967739", -EINVAL, 0, {{0}}, NULL},
    {"tcp/0443", -EINVAL, 0, {{0}}, NULL},
    {"tcp/+443", -EINVAL, 0, {{0}}, NULL},
    {"tcp/ 443", -EINVAL, 0, {{0}}, NULL},
    {"tcp/443-", -EINVAL, 0, {{0}}, NULL},
    {"tcp/-443", -EINVAL, 0, {{0}}, NULL},
    {"tcp/443-442", -EINVAL, 0, {{0}}, NULL},
    {"tcp/1-2-3", -EINVAL, 0, {{0}}, NULL},
    {"/443", -EINVAL, 0, {{0}}, NULL},
    {"dccp/1", -EINVAL, 0, {{0}}, NULL},
    {"dccp/any", -EINVAL, 0, {{0}}, NULL},
    {"dccp", -EINVAL, 0, {{0}}, NULL},
    {"DCCP/1", -EINVAL, 0, {{0}}, NULL},
    {"udplite/5004-5006", -EINVAL, 0, {{0}}, NULL},
    {"udplite", -EINVAL, 0, {{0}}, NULL},
    {"protocol/132", -EINVAL, 0, {{0}}, NULL},
    {"esp/1", -EINVAL, 0, {{0}}, NULL},
    {"icmp/0", -EINVAL, 0, {{0}}, NULL},
    {"icmp/echo-reply", -EINVAL, 0, {{0}}, NULL},
    {"protocol/6", -EINVAL, 0, {{0}}, NULL},
    {"protocol/256", -EINVAL, 0, {{0}}, NULL},
};

START_TEST(a_service_is_protocols_and_ports_of_its_families)
{
    const struct literal_case *c = &literal_cases[_i];
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(freep) struct service_range *ranges = NULL;
    const struct policy *policy = read_valid(&reading, ZONES HOSTS);
    char text[SERVICE_TEXT_MAX];
    size_t n_ranges;

    ck_assert_int_eq(policy_find_service(policy, c->text, &ranges, &n_ranges), c->result);
    if (c->result < 0)
        return;

    ck_assert_uint_eq(n_ranges, c->n_ranges);
    for (size_t i = 0; i < n_ranges; i++) {
        const struct service_range *expected = &c->ranges[i];
        enum family family = expected->families[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6;

        ck_assert_uint_eq(ranges[i].protocol_first, expected->protocol_first);
        ck_assert_uint_eq(ranges[i].protocol_last, expected->protocol_last);
        ck_assert_uint_eq(ranges[i].port_first, expected->port_first);
        ck_assert_uint_eq(ranges[i].port_last, expected->port_last);
        ck_assert_int_eq(ranges[i].families[FAMILY_IPV4], expected->families[FAMILY_IPV4]);
        ck_assert_int_eq(ranges[i].families[FAMILY_IPV6], expected->families[FAMILY_IPV6]);
        ck_assert_str_eq(service_range_format(&ranges[i], family, text), c->canonical);
    }
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, a_service_is_protocols_and_ports_of_its_families, 0,
                        (int)ELEMENTS_OF(literal_cases));
}
