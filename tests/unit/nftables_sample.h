/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * For the tests of lib/kernel: rulesets written by hand, with every kind of set and statement, and
 * short ways to apply and to read them back. Everything asserts.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "kernel/nftables.h"
#include "ruleset/statements.h"
#include "sandbox.h"

#define KEY(...)                                                                                   \
    ((const enum datatype[]){__VA_ARGS__}), ELEMENTS_OF(((enum datatype[]){__VA_ARGS__}))
#define RULE(ruleset, chain, ...)                                                                  \
    ck_assert_int_eq(ruleset_add_rule(ruleset, chain, (const struct statement[]){__VA_ARGS__},     \
                                      ELEMENTS_OF(((struct statement[]){__VA_ARGS__}))),           \
                     0)

/* A key being written: fields one after the other, each padded. */
struct sample_key {
    uint8_t bytes[64];
    size_t length;
};

static inline void sample_put(struct sample_key *key, const void *value, size_t length)
{
    memcpy(key->bytes + key->length, value, length);
    key->length += (length + 3) & ~(size_t)3;
}

static inline void sample_put_address(struct sample_key *key, const char *text)
{
    enum family family;
    ip_number address;
    uint8_t bytes[16];

    ck_assert_int_eq(address_parse(text, &family, &address), 0);
    address_to_bytes(family, address, bytes);
    sample_put(key, bytes, family_bits(family) / 8);
}

static inline void sample_put_service(struct sample_key *key, uint8_t protocol, uint16_t port)
{
    const uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};

    sample_put(key, &protocol, 1);
    sample_put(key, bytes, 2);
}

static inline void sample_put_name(struct sample_key *key, const char *name)
{
    char bytes[16] = {0};

    memcpy(bytes, name, strnlen(name, sizeof(bytes)));
    sample_put(key, bytes, sizeof(bytes));
}

static inline struct sample_key sample_live_key(uint8_t direction, uint32_t mark)
{
    struct sample_key key = {0};

    sample_put(&key, &direction, 1);
    sample_put(&key, &mark, 4);
    return key;
}

static inline struct set *sample_set(struct ruleset *ruleset, const char *name,
                                     const enum datatype *types, size_t n, enum set_data data)
{
    struct set *set;

    ck_assert_int_eq(ruleset_add_set(ruleset, name, types, n, data, &set), 0);
    return set;
}

static inline struct chain *sample_chain(struct ruleset *ruleset, const char *name, enum hook hook,
                                         int32_t priority)
{
    struct chain *chain;

    ck_assert_int_eq(ruleset_add_chain(ruleset, name, &chain), 0);
    chain->hook = hook;
    chain->priority = priority;
    chain->policy_drop = hook != HOOK_NONE;
    return chain;
}

static inline void sample_element(struct ruleset *ruleset, struct set *set,
                                  const struct sample_key *key, const struct sample_key *key_end,
                                  struct element element)
{
    element.key = key->bytes;
    element.key_end = key_end ? key_end->bytes : NULL;
    ck_assert_int_eq(ruleset_add_element(ruleset, set, &element), 0);
}

static inline struct set *sample_live(struct ruleset *ruleset)
{
    struct set *live =
        sample_set(ruleset, "live", KEY(DATATYPE_CT_DIR, DATATYPE_MARK), SET_DATA_VERDICT);

    live->timeout = true;
    live->counters = true;
    return live;
}

static inline void sample_flow(struct ruleset *ruleset, struct set *live, uint32_t mark,
                               const char *name, usec_t expires)
{
    for (uint8_t direction = 0; direction < 2; direction++) {
        struct sample_key key = sample_live_key(direction, mark);

        sample_element(ruleset, live, &key, NULL,
                       (struct element){.verdict = VERDICT_ACCEPT,
                                        .comment = name,
                                        .expires = expires,
                                        .location = {.line = mark, .column = 3}});
    }
}

static inline struct ruleset *sample_empty(void)
{
    struct ruleset *ruleset;

    ck_assert_int_eq(ruleset_new("segd", &ruleset), 0);
    return ruleset;
}

static inline struct nftables *sample_open(void)
{
    struct nftables *nftables;

    ck_assert_int_eq(nftables_open(&nftables), 0);
    return nftables;
}

/* Applies what it takes to get from `old` (may be NULL) to `new`; returns what nftables_apply()
 * does. */
static inline int sample_apply(struct nftables *nftables, const struct ruleset *old,
                               const struct ruleset *new, struct nftables_refusal *refusal,
                               struct nftables_cost *cost)
{
    cleanup_(difference_freep) struct difference *difference = NULL;

    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    return nftables_apply(nftables, new, difference, calendar_now(), refusal, cost);
}

static inline void sample_load(struct nftables *nftables, const struct ruleset *old,
                               const struct ruleset *new)
{
    struct nftables_refusal refusal = {0};
    int r = sample_apply(nftables, old, new, &refusal, NULL);

    ck_assert_msg(r == 0, "%d: %s: %s", r, refusal.what, strerror(-refusal.error));
}

static inline struct ruleset *sample_dump(struct nftables *nftables, const struct ruleset *expected)
{
    struct ruleset *dump;

    ck_assert_int_eq(nftables_dump(nftables, "segd", expected, &dump), 0);
    return dump;
}

/* The number of changes that lie between what the kernel holds and `wanted`. */
static inline size_t sample_drift(struct nftables *nftables, const struct ruleset *wanted)
{
    cleanup_(ruleset_freep) struct ruleset *dump = sample_dump(nftables, wanted);
    cleanup_(difference_freep) struct difference *difference = NULL;

    ck_assert_int_eq(difference_new(dump, wanted, &difference), 0);
    return difference->n_changes;
}

/* A ruleset of the shapes that a policy compiles to, all of them. */
static inline void sample_maps(struct ruleset *ruleset)
{
    struct sample_key key = {0}, key_end = {0};
    struct set *set;

    ck_assert_int_eq(ruleset_add_counter(ruleset, "no-flow/a/b"), 0);
    ck_assert_int_eq(ruleset_add_counter(ruleset, "spoofed/a"), 0);

    set = sample_live(ruleset);
    sample_flow(ruleset, set, 0x1001, "税連携 → eLTAX", 0);
    sample_flow(ruleset, set, 0x1002, "grant", calendar_now() + 3600 * USEC_PER_SEC);

    set = sample_set(ruleset, "no_flow", KEY(DATATYPE_IFNAME, DATATYPE_IFNAME), SET_DATA_COUNTER);
    sample_put_name(&key, "vlan110");
    sample_put_name(&key, "vlan.390");
    sample_element(ruleset, set, &key, NULL, (struct element){.target = "no-flow/a/b"});

    set = sample_set(ruleset, "refused", KEY(DATATYPE_IFNAME, DATATYPE_IFNAME), SET_DATA_NONE);
    set->dynamic = true;
    set->size = 65536;

    set = sample_set(ruleset, "log/no-flow", KEY(DATATYPE_IFNAME, DATATYPE_IFNAME), SET_DATA_NONE);
    set->dynamic = set->timeout = true;
    set->size = 65536;
    set->lifetime = 10;

    set = sample_set(ruleset, "pairs", KEY(DATATYPE_IFNAME, DATATYPE_IFNAME), SET_DATA_VERDICT);
    sample_element(ruleset, set, &key, NULL,
                   (struct element){.verdict = VERDICT_JUMP, .target = "a/b/ip"});

    set = sample_set(ruleset, "interfaces", KEY(DATATYPE_IFNAME), SET_DATA_NONE);
    sample_element(ruleset, set, &key, NULL, (struct element){0});

    set = sample_set(
        ruleset, "a/b/ip/exact",
        KEY(DATATYPE_IPV4_ADDR, DATATYPE_IPV4_ADDR, DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE),
        SET_DATA_MARK);
    key = key_end = (struct sample_key){0};
    sample_put_address(&key, "10.1.0.7");
    sample_put_address(&key, "10.2.0.9");
    sample_put_service(&key, 6, 443);
    sample_element(ruleset, set, &key, NULL, (struct element){.mark = 0x1001});

    set = sample_set(ruleset, "a/b/ip/ranges",
                     KEY(DATATYPE_IPV4_ADDR, DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE),
                     SET_DATA_MARK);
    set->interval = true;
    key = (struct sample_key){0};
    sample_put_address(&key, "10.2.0.0");
    sample_put_service(&key, 17, 1024);
    sample_put_address(&key_end, "10.2.3.255");
    sample_put_service(&key_end, 17, 65535);
    sample_element(ruleset, set, &key, &key_end,
                   (struct element){.mark = 0x1002, .location = {.line = 12}});
    key = (struct sample_key){0};
    sample_put_address(&key, "10.3.0.1");
    sample_put_service(&key, 6, 22);
    sample_element(ruleset, set, &key, &key, (struct element){.mark = 0x1002});
}

static inline void sample_intervals(struct ruleset *ruleset)
{
    static const char *const intervals[][2] = {
        {"0.0.0.0", "9.255.255.255"},
        {"10.1.0.0", "10.1.0.255"},
        {"10.1.1.0", "10.1.1.0"},
        {"255.255.255.0", "255.255.255.255"},
    };
    struct sample_key key = {0}, key_end = {0};
    struct set *set;

    set = sample_set(ruleset, "a/b/ip/sources", KEY(DATATYPE_IPV4_ADDR), SET_DATA_VERDICT);
    set->interval = true;
    for (size_t i = 0; i < ELEMENTS_OF(intervals); i++) {
        key = key_end = (struct sample_key){0};
        sample_put_address(&key, intervals[i][0]);
        sample_put_address(&key_end, intervals[i][1]);
        sample_element(ruleset, set, &key, &key_end,
                       (struct element){.verdict = VERDICT_GOTO, .target = "a/b/ip/1"});
    }

    set = sample_set(
        ruleset, "six",
        KEY(DATATYPE_IPV6_ADDR, DATATYPE_IPV6_ADDR, DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE),
        SET_DATA_MARK);
    set->interval = true;
    key = key_end = (struct sample_key){0};
    sample_put_address(&key, "fd00:10::");
    sample_put_address(&key, "fd00:20::5");
    sample_put_service(&key, 6, 0);
    sample_put_address(&key_end, "fd00:10::ffff:ffff");
    sample_put_address(&key_end, "fd00:20::9");
    sample_put_service(&key_end, 6, 65535);
    sample_element(ruleset, set, &key, &key_end, (struct element){.mark = 0xffffffff});

    set = sample_set(ruleset, "macs", KEY(DATATYPE_IPV4_ADDR, DATATYPE_ETHER_ADDR), SET_DATA_NONE);
    key = (struct sample_key){0};
    sample_put_address(&key, "10.1.0.7");
    sample_put(&key, "\x00\x00\x5e\x00\x53\x11", 6);
    sample_element(ruleset, set, &key, NULL, (struct element){.comment = "tax-link"});

    set = sample_set(ruleset, "ports", KEY(DATATYPE_INET_SERVICE), SET_DATA_MARK);
    set->interval = true;
    key = key_end = (struct sample_key){0};
    sample_put(&key, "\x00\x16", 2);
    sample_put(&key_end, "\x00\x19", 2);
    sample_element(ruleset, set, &key, &key_end, (struct element){.mark = 7});
}

static inline struct set *sample_budgets(struct ruleset *ruleset, const char *name,
                                         enum datatype type, uint32_t lifetime)
{
    struct set *set = sample_set(ruleset, name, KEY(type), SET_DATA_NONE);

    set->dynamic = true;
    set->size = 3;
    set->timeout = lifetime > 0;
    set->lifetime = lifetime;
    return set;
}

/* What one source may do: sets whose elements rules add. */
static inline void sample_limits(struct ruleset *ruleset)
{
    struct chain *chain;

    sample_budgets(ruleset, "limit/web/ip/2-per-minute", DATATYPE_IPV4_ADDR, 61);
    sample_budgets(ruleset, "limit/web/ip6/2-open", DATATYPE_IPV6_ADDR, 0);
    chain = sample_chain(ruleset, "limit/web", HOOK_NONE, 0);
    RULE(ruleset, chain,
         statement_meter_rate(FIELDS(FIELD_CT_ORIG_SADDR), "limit/web/ip/2-per-minute", 2, 60),
         statement_verdict(VERDICT_RETURN));
    RULE(ruleset, chain, statement_meter_count(FIELD_CT_ORIG_SADDR6, "limit/web/ip6/2-open", 2),
         statement_verdict(VERDICT_RETURN));
    RULE(ruleset, chain, statement_match_first(), statement_verdict(VERDICT_DROP));
}

static inline void sample_chains(struct ruleset *ruleset)
{
    const struct prefix prefix = {.address = 0x0a010000, .length = 24};
    struct chain *chain;

    chain = sample_chain(ruleset, "a/b/ip/1", HOOK_NONE, 0);
    RULE(ruleset, chain, statement_match_byte(FIELD_CT_DIRECTION, false, 0),
         statement_set_ct_mark(FIELDS(FIELD_CT_REPL_SADDR, FIELD_L4PROTO, FIELD_TH_DPORT),
                               "a/b/ip/ranges"),
         statement_verdict(VERDICT_RETURN));
    RULE(ruleset, chain, statement_go(VERDICT_GOTO, "drop/no-flow"));

    chain = sample_chain(ruleset, "a/b/ip", HOOK_NONE, 0);
    RULE(ruleset, chain,
         statement_set_ct_mark(
             FIELDS(FIELD_CT_ORIG_SADDR, FIELD_CT_REPL_SADDR, FIELD_L4PROTO, FIELD_TH_SPORT),
             "a/b/ip/exact"),
         statement_verdict(VERDICT_RETURN));
    RULE(ruleset, chain, statement_verdict_map(FIELDS(FIELD_CT_ORIG_SADDR), "a/b/ip/sources"));
    RULE(ruleset, chain,
         statement_set_ct_mark(
             FIELDS(FIELD_CT_ORIG_SADDR6, FIELD_CT_REPL_SADDR6, FIELD_L4PROTO, FIELD_TH_DPORT),
             "six"),
         statement_verdict(VERDICT_RETURN));

    chain = sample_chain(ruleset, "drop/no-flow", HOOK_NONE, 0);
    RULE(ruleset, chain, statement_tally(FIELDS(FIELD_IIFNAME, FIELD_OIFNAME), "refused"));
    RULE(ruleset, chain, statement_limit(100, 20), statement_log("segd no-flow ", 5, 128));
    RULE(ruleset, chain,
         statement_meter_rate(FIELDS(FIELD_IIFNAME, FIELD_OIFNAME), "log/no-flow", 50, 1),
         statement_log("segd no-flow ", 5, 128), statement_verdict(VERDICT_DROP));
    RULE(ruleset, chain, statement_verdict(VERDICT_DROP));

    chain = sample_chain(ruleset, "prerouting", HOOK_PREROUTING, -300);
    RULE(ruleset, chain, statement_match_fib_type(FIELD_FIB_DADDR_TYPE, 3),
         statement_verdict(VERDICT_ACCEPT));
    RULE(ruleset, chain, statement_match_fib_type(FIELD_FIB_SADDR_TYPE, 2),
         statement_match_byte(FIELD_META_IPSEC, false, 0), statement_verdict(VERDICT_DROP));
    RULE(ruleset, chain, statement_lookup(FIELDS(FIELD_IP_SADDR, FIELD_ETHER_SADDR), false, "macs"),
         statement_verdict(VERDICT_ACCEPT));
    RULE(ruleset, chain, statement_match_prefix(FIELD_IP_SADDR, FAMILY_IPV4, prefix),
         statement_verdict(VERDICT_ACCEPT));
    RULE(ruleset, chain, statement_counter("spoofed/a"));

    chain = sample_chain(ruleset, "forward", HOOK_FORWARD, 0);
    chain->location = (struct location){.line = 99};
    RULE(ruleset, chain, statement_match_states(CT_STATE_INVALID | CT_STATE_UNTRACKED),
         statement_go(VERDICT_GOTO, "drop/no-flow"));
    RULE(ruleset, chain, statement_lookup(FIELDS(FIELD_OIFNAME), true, "interfaces"),
         statement_go(VERDICT_GOTO, "drop/no-flow"));
    RULE(ruleset, chain, statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), "live"));
    RULE(ruleset, chain, statement_match_byte(FIELD_NFPROTO, false, 2),
         statement_verdict_map(FIELDS(FIELD_IIFNAME, FIELD_OIFNAME), "pairs"));
}

static inline struct ruleset *sample_gateway(void)
{
    struct ruleset *ruleset = sample_empty();

    sample_maps(ruleset);
    sample_intervals(ruleset);
    sample_limits(ruleset);
    sample_chains(ruleset);
    ruleset_finish(ruleset);
    return ruleset;
}

/* What most tests begin with: a sandbox of its own, a ruleset and a way to the kernel. */
struct sample {
    struct ruleset *wanted;
    struct nftables *nftables;
};

static inline struct sample sample_enter(void)
{
    sandbox_enter();
    return (struct sample){sample_gateway(), sample_open()};
}

static inline void sample_clear(struct sample *sample)
{
    ruleset_free(sample->wanted);
    nftables_close(sample->nftables);
}
