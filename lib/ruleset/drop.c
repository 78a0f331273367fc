/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where refused packets end, a chain for each reason, which writes some of them to NFLOG; and the
 * one kind of packet that is never refused on the gateway itself: neighbour discovery.
 *
 * How many are written is bounded for each pair of interfaces and each reason by itself, so that a
 * flood from one zone does not hide what is refused between others.
 */

#include <netinet/icmp6.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Types of neighbour discovery (RFC 4861) and of multicast listener discovery (RFC 2710, RFC 3810),
 * without which switches do not deliver it. */
static const uint8_t link_types[] = {
    130, /* multicast listener query */
    131, /* multicast listener report */
    132, /* multicast listener done */
    ND_ROUTER_SOLICIT,
    ND_ROUTER_ADVERT,
    ND_NEIGHBOR_SOLICIT,
    ND_NEIGHBOR_ADVERT,
    ND_REDIRECT,
    143, /* multicast listener report, version 2 */
};

void compile_neighbour_discovery(struct compiler *compiler, const char *name)
{
    compiler_chain(compiler, "%s", name);
    for (size_t i = 0; i < ELEMENTS_OF(link_types); i++)
        compiler_rule(compiler, statement_match_byte(FIELD_ICMPV6_TYPE, false, link_types[i]),
                      statement_verdict(VERDICT_ACCEPT));
}

struct statement compiler_refuse(enum reason reason)
{
    return statement_go(VERDICT_GOTO, reason_chain(reason));
}

/* Interfaces that a packet has where it is refused. */
enum {
    LOG_BETWEEN = 1, /* both */
    LOG_IN = 2,      /* it came in: before routing, and for the gateway */
    LOG_OUT = 4,     /* it would leave: from the gateway */
};

static unsigned log_ways(const struct compiler *compiler, enum reason reason)
{
    bool protect = compiler->policy && compiler->policy->gateway_protect;

    switch (reason) {
    case REASON_NONE:
        break;
    case REASON_SPOOFED:
    case REASON_MAC_MISMATCH:
        return LOG_IN;
    case REASON_UNKNOWN_INTERFACE:
    case REASON_CLEAR_TEXT:
        return LOG_BETWEEN | LOG_IN | (protect ? LOG_OUT : 0);
    case REASON_NO_FLOW:
    case REASON_SUSPENDED:
    case REASON_INVALID:
    case REASON_LIMITED:
    case REASON_ISOLATED:
        return LOG_BETWEEN | (protect ? LOG_IN | LOG_OUT : 0);
    case REASON_LOCKDOWN:
        return LOG_BETWEEN;
    }
    return 0;
}

/* nft lists an empty name of an interface and does not read it again, so that a packet without one
 * of the two needs a set of its own. */
static const struct log_set {
    unsigned way;
    const char *suffix;
    struct field_list fields;
} log_sets[] = {
    {LOG_IN, "/in", {(const enum field[]){FIELD_IIFNAME}, 1}},
    {LOG_OUT, "/out", {(const enum field[]){FIELD_OIFNAME}, 1}},
    {LOG_BETWEEN, "", {(const enum field[]){FIELD_IIFNAME, FIELD_OIFNAME}, 2}},
};

static void add_log_sets(struct compiler *compiler, enum reason reason)
{
    static const enum datatype key[] = {DATATYPE_IFNAME, DATATYPE_IFNAME};
    unsigned ways = log_ways(compiler, reason);
    char name[CHAIN_NAME_MAX];

    for (size_t i = 0; i < ELEMENTS_OF(log_sets); i++) {
        struct set *set;

        if (!(ways & log_sets[i].way))
            continue;
        snprintf(name, sizeof(name), "%s%s", reason_log_set(reason), log_sets[i].suffix);
        set = compiler_set(compiler, name, key, log_sets[i].fields.n_fields, SET_DATA_NONE);
        if (!set)
            return;
        set->dynamic = true;
        set->size = DROP_LOG_PAIRS_MAX;
        set->timeout = true;
        set->lifetime = DROP_LOG_LIFETIME;
    }
}

/* Writes to `statements` what tells packets of this way from those of the others that the reason
 * has. Returns how many. */
static size_t match_way(unsigned way, unsigned ways, struct statement *statements)
{
    size_t n = 0;

    if (way == LOG_IN && ways != LOG_IN)
        statements[n++] = statement_match_no_interface(FIELD_OIF, false);
    if (way == LOG_OUT)
        statements[n++] = statement_match_no_interface(FIELD_IIF, false);
    if (way == LOG_BETWEEN && (ways & LOG_OUT))
        statements[n++] = statement_match_no_interface(FIELD_IIF, true);
    if (way == LOG_BETWEEN && (ways & LOG_IN))
        statements[n++] = statement_match_no_interface(FIELD_OIF, true);
    return n;
}

void compiler_log_drop(struct compiler *compiler, enum reason reason, struct statement end)
{
    unsigned ways = log_ways(compiler, reason);
    char name[CHAIN_NAME_MAX];

    for (size_t i = 0; i < ELEMENTS_OF(log_sets); i++) {
        struct statement statements[STATEMENTS_MAX];
        size_t n = match_way(log_sets[i].way, ways, statements);

        if (!(ways & log_sets[i].way))
            continue;
        snprintf(name, sizeof(name), "%s%s", reason_log_set(reason), log_sets[i].suffix);
        statements[n++] = statement_meter_rate(log_sets[i].fields, name, DROP_LOG_RATE, 1);
        statements[n++] =
            statement_log(reason_log_prefix(reason), RULESET_LOG_GROUP, DROP_LOG_SNAPLEN);
        statements[n++] =
            statement_log(reason_log_prefix(reason), RULESET_OWN_LOG_GROUP, DROP_LOG_SNAPLEN);
        statements[n++] = end;
        compiler_rule_list(compiler, statements, n);
    }
    compiler_rule(compiler, statement_counter(reason_unlogged(reason)), end);
}

void compile_drop(struct compiler *compiler, enum reason reason)
{
    compiler_chain(compiler, "%s", reason_chain(reason));
    /* Where a counter has a detail, the rule that refuses the packet counts it. */
    if (reason_detail(reason) == REASON_DETAIL_NONE) {
        compiler_counter(compiler, reason_to_string(reason));
        compiler_rule(compiler, statement_counter(reason_to_string(reason)));
    }
    add_log_sets(compiler, reason);
    compiler_counter(compiler, reason_unlogged(reason));
    compiler_log_drop(compiler, reason, statement_verdict(VERDICT_DROP));
}

void compile_drops(struct compiler *compiler)
{
    /* The others come with what refuses for them: limits, isolations, the lockdown. */
    for (enum reason reason = REASON_NO_FLOW; reason <= REASON_UNKNOWN_INTERFACE; reason++)
        compile_drop(compiler, reason);
}
