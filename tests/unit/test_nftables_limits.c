/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sets that rules add to: what the packets left in them is no part of a ruleset, but how they are
 * made and what the rules do with them is.
 */

#include "checks.h"
#include "nftables_sample.h"

/* The rules of limit/web written anew by nft. */
#define RATE "limit rate 2/minute burst 2 packets"
#define COUNT "ct count 2"
#define SETS ""
#define SET(name, type)                                                                            \
    "delete set inet segd limit/web/" name "\nadd set inet segd limit/web/" name " { " type " }\n"
#define ANEW(sets, rate, count)                                                                    \
    ("flush chain inet segd limit/web\n" sets "add rule inet segd limit/web "                      \
     "update @limit/web/ip/2-per-minute { ct original ip saddr " rate " } return\n"                \
     "add rule inet segd limit/web add @limit/web/ip6/2-open { ct original ip6 saddr " count       \
     " } return\n"                                                                                 \
     "add rule inet segd limit/web ct status ! confirmed drop")

static const char *const tamperings[] = {
    ANEW(SETS, "limit rate 3/minute burst 2 packets", COUNT),
    ANEW(SETS, "limit rate 2/hour burst 2 packets", COUNT),
    ANEW(SETS, "limit rate 2/minute burst 3 packets", COUNT),
    ANEW(SETS, "limit rate over 2/minute burst 2 packets", COUNT),
    ANEW(SETS, "timeout 5s " RATE, COUNT),
    ANEW(SETS, RATE " counter", COUNT),
    ANEW(SETS, "counter", COUNT),
    ANEW(SETS, RATE, "ct count 3"),
    ANEW(SETS, RATE, "ct count over 2"),
    ANEW(SET("ip/2-per-minute", "type ipv4_addr; size 4; flags timeout,dynamic; timeout 61s;"),
         RATE, COUNT),
    ANEW(SET("ip/2-per-minute", "type ipv4_addr; size 3; flags timeout,dynamic; timeout 5s;"), RATE,
         COUNT),
    ANEW(SET("ip6/2-open", "type ipv6_addr; size 4; flags dynamic;"), RATE, COUNT),
};

static struct nftables *load(struct ruleset **ret_wanted)
{
    struct nftables *nftables;

    sandbox_enter();
    *ret_wanted = sample_gateway();
    nftables = sample_open();
    sample_load(nftables, NULL, *ret_wanted);
    return nftables;
}

START_TEST(tampering_is_seen_and_repaired)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = load(&wanted);

    sandbox_nft(tamperings[_i]);
    ck_assert_uint_gt(sample_drift(nftables, wanted), 0);

    dump = sample_dump(nftables, wanted);
    sample_load(nftables, dump, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
}
END_TEST

#define ADD_BUDGETS                                                                                \
    "add element inet segd limit/web/ip/2-per-minute { 192.0.2.1 " RATE " }\n"                     \
    "add element inet segd limit/web/ip6/2-open { 2001:db8::1 " COUNT " }"

/* Nor does it matter that nft wrote the rules. */
START_TEST(budgets_of_sources_are_no_drift)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = load(&wanted);

    sandbox_nft(ANEW(SETS, RATE, COUNT));
    sandbox_nft(ADD_BUDGETS);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    dump = sample_dump(nftables, NULL);
    ck_assert_uint_eq(ruleset_find_set(dump, "limit/web/ip/2-per-minute")->n_elements, 0);
    ck_assert(ruleset_find_set(dump, "limit/web/ip6/2-open")->dynamic);
}
END_TEST

/* Rules are written anew around the sets, which are not touched. */
START_TEST(repair_of_a_rule_keeps_the_budgets)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = load(&wanted);
    cleanup_(freep) char *listing = NULL;

    sandbox_nft(ADD_BUDGETS);
    sandbox_nft("add rule inet segd limit/web accept");
    dump = sample_dump(nftables, wanted);
    sample_load(nftables, dump, wanted);
    listing = sandbox_nft_list("ruleset");
    ck_assert_msg(strstr(listing, "192.0.2.1 " RATE), "%s", listing);
    ck_assert_msg(strstr(listing, "2001:db8::1 " COUNT), "%s", listing);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, tampering_is_seen_and_repaired, 0, (int)ELEMENTS_OF(tamperings));
    tcase_add_test(tests, budgets_of_sources_are_no_drift);
    tcase_add_test(tests, repair_of_a_rule_keeps_the_budgets);
}
