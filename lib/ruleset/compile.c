/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The frame of the ruleset: the base chains, how a packet gets from them to the chain of its pair,
 * and where refused packets end. Everything a packet can meet is in this order:
 *
 *   prerouting   does the source belong to the interface?                        ingress.c
 *   forward      open, and leads where it may (ingress.c): live mark → accept; else judge, which
 *                writes the mark; live → accept; else, of what flies against its connection, judge
 *                it as a request; live → accept; else drop
 *   input/output the same for the gateway itself, where it is protected
 *
 * A chain of a pair returns to the base chain when a flow owns the packet, and ends in
 * `end/no-flow…` when none does. So what comes back and is not live is approved but suspended. A
 * reply that no flow owns comes back too, without a mark.
 */

#include "ruleset/compile.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h> /* before linux/, which then leaves its names alone */
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/compiler.h"

/* Where nft's `priority filter` is. */
#define PRIORITY_FILTER 0

/* Pairs of interfaces that are counted one by one, for each reason. A host reaches no more than
 * those of the interface that it is on. */
#define TALLY_PAIRS_MAX 65536

/* Sets that have a pair of interfaces as their key; those of the gateway one: it has none itself.
 */
enum interface_set {
    BETWEEN,
    TO_GATEWAY,
    FROM_GATEWAY,
};

static const char *const set_suffixes[] = {"", RULESET_TO_GATEWAY, RULESET_FROM_GATEWAY};

static struct set *interface_set_add(struct compiler *compiler, const char *name,
                                     enum interface_set which, enum set_data data)
{
    static const enum datatype key[] = {DATATYPE_IFNAME, DATATYPE_IFNAME};
    char suffixed[CHAIN_NAME_MAX];

    snprintf(suffixed, sizeof(suffixed), "%s%s", name, set_suffixes[which]);
    return compiler_set(compiler, suffixed, key, which == BETWEEN ? 2 : 1, data);
}

static void pairs_add(struct compiler *compiler, struct set *set, const char *first,
                      const char *second, const char *chain)
{
    struct key key = {0};

    key_put_name(&key, first);
    if (second)
        key_put_name(&key, second);
    compiler_element(compiler, set,
                     &(struct element){.key = key.bytes, .target = chain, .verdict = VERDICT_GOTO});
}

static enum interface_set pair_set(const struct pair *pair)
{
    return pair->to == ZONE_GATEWAY     ? TO_GATEWAY
           : pair->from == ZONE_GATEWAY ? FROM_GATEWAY
                                        : BETWEEN;
}

/* Adds the interfaces of a pair. */
static void pairs_add_pair(struct compiler *compiler, struct set *set, const struct pair *pair,
                           const char *chain)
{
    const struct segment *segments = compiler->policy->segments;
    const struct segment *a = &segments[pair->from == ZONE_GATEWAY ? pair->to : pair->from];
    const struct segment *b = pair_set(pair) == BETWEEN ? &segments[pair->to] : NULL;

    for (size_t i = 0; i < a->n_interfaces; i++)
        for (size_t j = 0; j < (b ? b->n_interfaces : 1); j++)
            pairs_add(compiler, set, a->interfaces[i], b ? b->interfaces[j] : NULL, chain);
}

/* The maps that lead to the chains of pairs: `pairs/FAMILY…` to those of requests and replies,
 * `turned/FAMILY…` to those of requests against the direction of their connection. */
static void compile_pair_maps(struct compiler *compiler, const char *kind, const char *map,
                              enum interface_set which)
{
    const struct diagram *diagram = compiler->diagram;
    char name[CHAIN_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        struct set *set;

        snprintf(name, sizeof(name), "%s/%s", map, family_word(family));
        set = interface_set_add(compiler, name, which, SET_DATA_VERDICT);
        for (size_t i = 0; i < diagram->n_pairs; i++) {
            const struct pair *pair = &diagram->pairs[i];

            if (pair->family != family || pair_set(pair) != which)
                continue;
            compiler_pair_name(compiler, kind, pair, name);
            pairs_add_pair(compiler, set, pair, name);
        }
    }
}

/*
 * Refused packets are counted in sets with the interfaces that they came in and would leave by,
 * which rules fill: a pair of interfaces costs something when it is first refused, and zones
 * without flows between them cost nothing. Where the sets have no room, `REASON` counts.
 */
static void compile_tallies(struct compiler *compiler, enum interface_set which)
{
    for (enum reason reason = REASON_NONE + 1; reason < REASONS; reason++) {
        struct set *set;

        if (reason_detail(reason) != REASON_DETAIL_PAIR)
            continue;
        if (which == BETWEEN)
            compiler_counter(compiler, reason_to_string(reason));
        set = interface_set_add(compiler, reason_to_string(reason), which, SET_DATA_NONE);
        if (!set)
            continue;
        set->dynamic = true;
        set->size = TALLY_PAIRS_MAX;
    }
}

static void compile_pairs(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->diagram->n_pairs; i++)
        compile_pair(compiler, &compiler->diagram->pairs[i]);

    for (enum interface_set which = BETWEEN;
         which <= (compiler->policy->gateway_protect ? FROM_GATEWAY : BETWEEN); which++) {
        compile_pair_maps(compiler, "pair", "pairs", which);
        compile_pair_maps(compiler, "turned", "turned", which);
        compile_tallies(compiler, which);
    }
}

/* How a hook finds the pair of a packet, by direction. */
struct hook_shape {
    const char *name;
    enum hook hook;
    struct field_list fields[2];
    const char *suffixes[2]; /* of the maps */
    /* Where the replies to its requests are met, which is another hook on the gateway itself. */
    struct field_list replies;
    struct field_list ways; /* what the switchboard is asked for, */
    const char *live;       /* here, */
    const char *directed;   /* and by direction here */
};

static const uint8_t nfprotos[FAMILIES] = {2 /* NFPROTO_IPV4 */, 10 /* NFPROTO_IPV6 */};

static const struct hook_shape hook_shapes[] = {
    {
        "forward",
        HOOK_FORWARD,
        {{(const enum field[]){FIELD_IIFNAME, FIELD_OIFNAME}, 2},
         {(const enum field[]){FIELD_OIFNAME, FIELD_IIFNAME}, 2}},
        {"", ""},
        {(const enum field[]){FIELD_OIFNAME, FIELD_IIFNAME}, 2},
        {(const enum field[]){FIELD_CT_MARK, FIELD_IIFNAME, FIELD_OIFNAME}, 3},
        RULESET_LIVE,
        RULESET_DIRECTED,
    },
    {
        "input",
        HOOK_INPUT,
        {{(const enum field[]){FIELD_IIFNAME}, 1}, {(const enum field[]){FIELD_IIFNAME}, 1}},
        {RULESET_TO_GATEWAY, RULESET_FROM_GATEWAY},
        {(const enum field[]){FIELD_OIFNAME}, 1},
        {(const enum field[]){FIELD_CT_MARK, FIELD_IIFNAME}, 2},
        RULESET_LIVE RULESET_TO_GATEWAY,
        RULESET_DIRECTED RULESET_TO_GATEWAY,
    },
    {
        "output",
        HOOK_OUTPUT,
        {{(const enum field[]){FIELD_OIFNAME}, 1}, {(const enum field[]){FIELD_OIFNAME}, 1}},
        {RULESET_FROM_GATEWAY, RULESET_TO_GATEWAY},
        {(const enum field[]){FIELD_IIFNAME}, 1},
        {(const enum field[]){FIELD_CT_MARK, FIELD_OIFNAME}, 2},
        RULESET_LIVE RULESET_FROM_GATEWAY,
        RULESET_DIRECTED RULESET_FROM_GATEWAY,
    },
};

/* `judge/HOOK`: to the chain of the packet's pair. */
static void compile_judge(struct compiler *compiler, const struct hook_shape *shape)
{
    char map[CHAIN_NAME_MAX], end[CHAIN_NAME_MAX];

    compiler_chain(compiler, "judge/%s", shape->name);
    for (enum family family = 0; family < FAMILIES; family++) {
        for (uint8_t direction = 0; direction < 2; direction++) {
            snprintf(map, sizeof(map), "pairs/%s%s", family_word(family),
                     shape->suffixes[direction]);
            compiler_rule(compiler, statement_match_byte(FIELD_NFPROTO, false, nfprotos[family]),
                          statement_match_byte(FIELD_CT_DIRECTION, false, direction),
                          statement_verdict_map(shape->fields[direction], map));
        }
    }
    for (uint8_t direction = 0; direction < 2; direction++) {
        snprintf(end, sizeof(end), "end/no-flow%s", shape->suffixes[direction]);
        compiler_rule(compiler, statement_match_byte(FIELD_CT_DIRECTION, false, direction),
                      statement_go(VERDICT_GOTO, end));
    }
    compiler_rule(compiler, compiler_refuse(REASON_UNKNOWN_INTERFACE));
}

/*
 * `turned/HOOK`: packets against the direction of their connection, which no live flow approves as
 * replies, are judged as requests: by the pair that they fly between.
 */
static void compile_turned(struct compiler *compiler, const struct hook_shape *shape)
{
    char map[CHAIN_NAME_MAX], end[CHAIN_NAME_MAX];

    compiler_chain(compiler, "turned/%s", shape->name);
    for (enum family family = 0; family < FAMILIES; family++) {
        snprintf(map, sizeof(map), "turned/%s%s", family_word(family), shape->suffixes[0]);
        compiler_rule(compiler, statement_match_byte(FIELD_NFPROTO, false, nfprotos[family]),
                      statement_verdict_map(shape->fields[0], map));
    }
    snprintf(end, sizeof(end), "end/reply%s", shape->suffixes[0]);
    compiler_rule(compiler, statement_go(VERDICT_GOTO, end));
}

/* Adds the rules that refuse what matches and count it for the pair that the fields tell. */
static void refuse_for_pair(struct compiler *compiler, enum reason reason, struct statement match,
                            struct field_list fields, const char *suffix)
{
    char set[CHAIN_NAME_MAX];

    snprintf(set, sizeof(set), "%s%s", reason_to_string(reason), suffix);
    compiler_rule(compiler, match, statement_tally(fields, set), compiler_refuse(reason));
    compiler_rule(compiler, match, statement_counter(reason_to_string(reason)),
                  compiler_refuse(reason));
}

/*
 * Where packets end that the policy does not cover. A request is counted for the pair it flies
 * between, a reply for the pair of the side that opened the connection, also where it could have
 * been a request. A reply first goes back to its base chain, to be judged as a request; without a
 * mark, so that it is known from one whose flow is suspended. What is only related to a connection
 * leaves its mark alone: connection tracking does not look who sends it.
 */
static void compile_end_no_flow(struct compiler *compiler, const struct hook_shape *shape)
{
    const uint32_t mask = compiler->policy->mark_mask;
    const struct statement no_mark =
        mask != 0 ? statement_write_mark(mask, 0) : statement_put_ct_mark(0);
    const struct statement request =
        statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_ORIGINAL);
    const struct statement reply = statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_REPLY);
    const char *suffix = shape->suffixes[0];

    compiler_chain(compiler, "end/no-flow%s", suffix);
    if (shape->hook != HOOK_OUTPUT)
        compiler_reject(compiler, REASON_NO_FLOW, shape->fields[0], suffix);
    refuse_for_pair(compiler, REASON_NO_FLOW, request, shape->fields[0], suffix);
    compiler_rule(compiler, reply, statement_match_states(CT_STATE_ESTABLISHED), no_mark,
                  statement_verdict(VERDICT_RETURN));
    refuse_for_pair(compiler, REASON_NO_FLOW, reply, shape->replies, suffix);
    compiler_rule(compiler, compiler_refuse(REASON_UNKNOWN_INTERFACE));
}

/*
 * Where replies end that are not approved as replies nor as requests. A request that a flow covers
 * without being live has been told from them before.
 */
static void compile_end_reply(struct compiler *compiler, const struct hook_shape *shape)
{
    compiler_chain(compiler, "end/reply%s", shape->suffixes[0]);
    refuse_for_pair(compiler, REASON_NO_FLOW, statement_match_mark(false, 0), shape->fields[1],
                    shape->suffixes[1]);
    refuse_for_pair(compiler, REASON_SUSPENDED, statement_match_mark(true, 0), shape->fields[1],
                    shape->suffixes[1]);
    compiler_rule(compiler, compiler_refuse(REASON_UNKNOWN_INTERFACE));
}

/* `end/HOOK/REASON` counts a packet for the pair it flies between: an invalid one has no direction,
 * and a reply that is suspended is so as a request. */
static void compile_end(struct compiler *compiler, const struct hook_shape *shape,
                        enum reason reason)
{
    char set[CHAIN_NAME_MAX];

    snprintf(set, sizeof(set), "%s%s", reason_to_string(reason), shape->suffixes[0]);
    compiler_chain(compiler, "end/%s/%s", shape->name, reason_to_string(reason));
    if (reason == REASON_SUSPENDED && shape->hook != HOOK_OUTPUT)
        compiler_reject(compiler, reason, shape->fields[0], shape->suffixes[0]);
    compiler_rule(compiler, statement_tally(shape->fields[0], set), compiler_refuse(reason));
    compiler_rule(compiler, statement_counter(reason_to_string(reason)), compiler_refuse(reason));
}

/* Packets by interfaces that no zone names. */
static void refuse_strangers(struct compiler *compiler, enum field interface)
{
    compiler_rule(compiler, statement_lookup(FIELDS(interface), true, RULESET_INTERFACES),
                  compiler_refuse(REASON_UNKNOWN_INTERFACE));
}

/* What comes before connections, and what always works on the gateway itself. */
static void compile_hook_head(struct compiler *compiler, const struct hook_shape *shape)
{
    enum field interface = shape->hook == HOOK_INPUT ? FIELD_IIFNAME : FIELD_OIFNAME;

    if (shape->hook == HOOK_FORWARD) {
        compiler_refuse_clear_exit(compiler);
        if (!compiler->policy->gateway_protect)
            refuse_strangers(compiler, FIELD_IIFNAME);
        return;
    }

    compiler_rule(compiler, statement_match_name(interface, false, "lo"),
                  statement_verdict(VERDICT_ACCEPT));
    compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, IPPROTO_ICMPV6),
                  statement_go(VERDICT_JUMP, "neighbour-discovery"));
    if (shape->hook == HOOK_INPUT)
        refuse_strangers(compiler, FIELD_IIFNAME);
    else
        compiler_refuse_clear_exit(compiler);
}

static struct statement ask_ways(const struct hook_shape *shape)
{
    return statement_lookup(shape->ways, false, shape->live);
}

static struct statement ask_direction(const struct hook_shape *shape)
{
    return statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), shape->directed);
}

/* The switchboard for packets that the policy has judged just now. */
static void pass_live(struct compiler *compiler, const struct hook_shape *shape)
{
    compiler_rule(compiler, ask_ways(shape), statement_verdict(VERDICT_ACCEPT));
    if (compiler->asks_direction)
        compiler_rule(compiler, ask_direction(shape));
}

/*
 * The switchboard for packets of open connections, in these states. Where interfaces do not tell
 * what is the flow's, the destination must lie where the packet leaves.
 */
static void pass_open(struct compiler *compiler, const struct hook_shape *shape, uint32_t states)
{
    const struct statement match = statement_match_states(states);

    compiler_rule(compiler, match, ask_ways(shape), statement_verdict(VERDICT_ACCEPT));
    if (!compiler->asks_direction)
        return;
    switch (shape->hook) {
    case HOOK_NONE:
    case HOOK_PREROUTING:
        break;
    case HOOK_INPUT:
        compiler_rule(compiler, match, ask_direction(shape));
        break;
    case HOOK_FORWARD:
        compiler_rule(compiler, match, statement_verdict_map(FIELDS(FIELD_OIFNAME), "egress"));
        break;
    case HOOK_OUTPUT:
        for (enum family family = 0; family < FAMILIES; family++) {
            compiler_at_home(compiler, family, FIELDS(FIELD_OIFNAME, destination_field(family)),
                             &match, 1, ask_direction(shape));
        }
        break;
    }
}

/*
 * An ICMP error, or the first packet that a helper expects, belongs to a connection without being
 * of it: connection tracking does not look who sends it. It follows the mark of its connection
 * where it comes by the interface of the side that it speaks for; otherwise a third zone could
 * speak inside a connection of two others. Each packet meets the rules of its family and direction.
 */
static void compile_related(struct compiler *compiler, const struct hook_shape *shape)
{
    static const enum field sources[FAMILIES][2] = {
        {FIELD_CT_ORIG_SADDR, FIELD_CT_REPL_SADDR},
        {FIELD_CT_ORIG_SADDR6, FIELD_CT_REPL_SADDR6},
    };

    compiler_chain(compiler, "related/%s", shape->name);
    for (enum family family = 0; family < FAMILIES; family++)
        for (uint8_t direction = 0; direction < 2; direction++)
            compiler_not_at_home(compiler, family,
                                 FIELDS(FIELD_IIFNAME, sources[family][direction]),
                                 statement_match_byte(FIELD_CT_DIRECTION, false, direction),
                                 statement_verdict(VERDICT_RETURN));
    pass_open(compiler, shape, CT_STATE_RELATED);
}

static const struct prefix link_local = {(ip_number)0xfe80 << 112, 10};

/*
 * The gateway's errors about a connection go back to a sender whose address was checked when its
 * packet came. The kernel writes those about a first packet (too large, too many hops) before
 * `forward` has judged it, so there is no mark to follow. A sender by an address of its link talks
 * to the gateway alone, whose connections have one.
 */
static void compile_own_errors(struct compiler *compiler, const struct hook_shape *shape)
{
    static const uint8_t protocols[FAMILIES] = {IPPROTO_ICMP, IPPROTO_ICMPV6};

    for (enum family family = 0; family < FAMILIES; family++) {
        const struct statement match[] = {
            statement_match_states(CT_STATE_RELATED),
            statement_match_byte(FIELD_L4PROTO, false, protocols[family]),
        };

        compiler_at_home(compiler, family, FIELDS(FIELD_OIFNAME, destination_field(family)), match,
                         ELEMENTS_OF(match), statement_verdict(VERDICT_ACCEPT));
    }
    if (compiler->asks_direction)
        compiler_rule(compiler, statement_match_states(CT_STATE_RELATED),
                      statement_match_prefix(FIELD_IP6_DADDR, FAMILY_IPV6, link_local),
                      ask_direction(shape));
}

/*
 * An address of a link is in no zone's networks, so `homes` does not know it. Where the gateway
 * answers one, and interfaces do not tell the flow, each packet is judged anew. Where the gateway
 * opened the connection it follows the mark: which link it means is its own choice, and the flow
 * may be one of the other side by now.
 */
static void compile_own_links(struct compiler *compiler, const struct hook_shape *shape)
{
    if (!compiler->asks_direction)
        return;
    compiler_rule(compiler, statement_match_states(CT_STATE_ESTABLISHED),
                  statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_ORIGINAL),
                  statement_match_prefix(FIELD_IP6_DADDR, FAMILY_IPV6, link_local),
                  ask_direction(shape));
}

/*
 * Neighbour discovery between the ports of a bridge, which the kernel gives to the rules for
 * forwarded packets where br_netfilter is on: by the bridge, in and out. It is of no connection,
 * so that no mark can tell of it.
 */
static void compile_bridged_discovery(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;

    for (size_t i = 0; i < policy->n_segments; i++) {
        const struct segment *segment = &policy->segments[i];

        if (segment->n_zones > 1 || !policy->zones[segment->zones[0]].intra_allow)
            continue;
        for (size_t j = 0; j < segment->n_interfaces; j++)
            compiler_rule(compiler, statement_match_states(CT_STATE_UNTRACKED),
                          statement_match_name(FIELD_IIFNAME, false, segment->interfaces[j]),
                          statement_match_name(FIELD_OIFNAME, false, segment->interfaces[j]),
                          statement_match_byte(FIELD_L4PROTO, false, IPPROTO_ICMPV6),
                          statement_go(VERDICT_JUMP, "neighbour-discovery"));
    }
}

static bool allows_intra(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].intra_allow)
            return true;
    return false;
}

/* Packets of open connections, and what is not for the policy to judge. */
static void compile_hook_open(struct compiler *compiler, const struct hook_shape *shape)
{
    /* What the gateway itself says of a connection needs no check of its side. */
    bool trusted = shape->hook == HOOK_OUTPUT;
    char name[CHAIN_NAME_MAX];

    pass_open(compiler, shape,
              trusted ? CT_STATE_ESTABLISHED | CT_STATE_RELATED : CT_STATE_ESTABLISHED);

    snprintf(name, sizeof(name), "related/%s", shape->name);
    if (trusted) {
        compile_own_errors(compiler, shape);
        compiler_pass_resets(compiler);
        compile_own_links(compiler, shape);
    } else {
        compiler_rule(compiler, statement_match_states(CT_STATE_RELATED),
                      statement_go(VERDICT_JUMP, name));
    }
    if (shape->hook != HOOK_INPUT)
        refuse_strangers(compiler, FIELD_OIFNAME);

    /* The gateway's own that the kernel gives back (ingress.c): `output` has judged and counted it.
     */
    if (shape->hook == HOOK_INPUT)
        compiler_rule(compiler, statement_match_states(CT_STATE_NEW),
                      statement_match_fib_type(FIELD_FIB_SADDR_TYPE, RTN_LOCAL),
                      statement_match_mark(true, 0), statement_verdict(VERDICT_ACCEPT));

    if (shape->hook == HOOK_FORWARD)
        compile_bridged_discovery(compiler);

    snprintf(name, sizeof(name), "end/%s/%s", shape->name, reason_to_string(REASON_INVALID));
    compiler_rule(compiler, statement_match_states(CT_STATE_INVALID | CT_STATE_UNTRACKED),
                  statement_go(VERDICT_GOTO, name));
}

static void compile_hook(struct compiler *compiler, const struct hook_shape *shape)
{
    char judge[64], turned[64], suspended[64];

    snprintf(judge, sizeof(judge), "judge/%s", shape->name);
    snprintf(turned, sizeof(turned), "turned/%s", shape->name);
    snprintf(suspended, sizeof(suspended), "end/%s/%s", shape->name,
             reason_to_string(REASON_SUSPENDED));

    compile_judge(compiler, shape);
    compile_turned(compiler, shape);
    compile_end_no_flow(compiler, shape);
    compile_end_reply(compiler, shape);
    compile_end(compiler, shape, REASON_SUSPENDED);
    compile_end(compiler, shape, REASON_INVALID);
    if (shape->hook != HOOK_OUTPUT)
        compile_related(compiler, shape);
    compiler_base_chain(compiler, shape->name, shape->hook, PRIORITY_FILTER, true);
    compile_hook_head(compiler, shape);
    compile_hook_open(compiler, shape);
    compiler_rule(compiler, statement_go(VERDICT_JUMP, judge));
    if (compiler_limits(compiler))
        compiler_rule(compiler, statement_match_first(),
                      statement_verdict_map(FIELDS(FIELD_CT_MARK), RULESET_LIMITED));
    if (compiler_logs(compiler))
        compiler_rule(compiler, statement_match_first(),
                      statement_lookup(FIELDS(FIELD_CT_MARK), false, "logged"),
                      statement_limit(NEW_LOG_RATE, NEW_LOG_BURST),
                      statement_log("segd new ", RULESET_LOG_GROUP, DROP_LOG_SNAPLEN));
    pass_live(compiler, shape);
    compiler_rule(compiler, statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_REPLY),
                  statement_go(VERDICT_JUMP, turned));
    pass_live(compiler, shape);
    compiler_rule(compiler, statement_go(VERDICT_GOTO, suspended));
}

static void compile_interfaces(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    struct set *set =
        compiler_set(compiler, RULESET_INTERFACES, KEY_TYPES(DATATYPE_IFNAME), SET_DATA_NONE);
    char buffer[SEGMENT_TEXT_MAX];

    for (size_t i = 0; i < policy->n_segments; i++) {
        const struct segment *segment = &policy->segments[i];

        const char *name = compiler_segment(compiler, i, buffer);

        for (size_t j = 0; j < segment->n_interfaces; j++)
            compiler_add_name(compiler, set, segment->interfaces[j],
                              (struct element){.comment = name});
    }
}

int ruleset_compile(const struct diagram *diagram, const struct ruleset_options *options,
                    struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct compiler compiler = {
        .diagram = diagram,
        .policy = diagram->policy,
        .now = options->now,
        .rehearsal = options->rehearsal,
    };
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    int r = flow_states_new(diagram->policy, options->overrides, options->now, &states);

    if (r == 0)
        r = ruleset_new(RULESET_TABLE, &ruleset);
    if (r < 0)
        return r;
    compiler.states = states;
    compiler.ruleset = ruleset;

    /* Within the transaction that commits it: a daemon that was killed between the kernel's answer
     * and its own note learns from the table which of two generations it is. */
    if (options->generation != 0)
        compiler_chain(&compiler, RULESET_GENERATION "%" PRIu64, options->generation);
    compile_drops(&compiler);
    compile_live(&compiler);
    compile_limits(&compiler);
    compile_interfaces(&compiler);
    if (compiler.policy->gateway_protect || allows_intra(compiler.policy))
        compile_neighbour_discovery(&compiler, "neighbour-discovery");
    compile_networks(&compiler);
    compile_clear_text(&compiler);
    compile_ingress(&compiler);
    compile_egress(&compiler);
    compile_marks(&compiler);
    compile_pairs(&compiler);
    compile_rejects(&compiler);

    for (size_t i = 0; i < (compiler.policy->gateway_protect ? 3 : 1); i++)
        compile_hook(&compiler, &hook_shapes[i]);
    if (compiler.error < 0)
        return compiler.error;

    ruleset_finish(ruleset);
    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

int ruleset_lockdown(struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct compiler compiler = {0};
    int r = ruleset_new(RULESET_TABLE, &ruleset);

    if (r < 0)
        return r;
    compiler.ruleset = ruleset;

    compile_drop(&compiler, REASON_LOCKDOWN);
    compiler_base_chain(&compiler, "forward", HOOK_FORWARD, PRIORITY_FILTER, true);
    compiler_rule(&compiler, compiler_refuse(REASON_LOCKDOWN));
    if (compiler.error < 0)
        return compiler.error;

    ruleset_finish(ruleset);
    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

uint64_t ruleset_generation(const struct ruleset *ruleset)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        const char *name = ruleset->chains[i].name;
        unsigned long long number;
        char *end;

        if (strncmp(name, RULESET_GENERATION, strlen(RULESET_GENERATION)) != 0)
            continue;
        errno = 0;
        number = strtoull(name + strlen(RULESET_GENERATION), &end, 10);
        if (errno == 0 && *end == '\0' && number > newest)
            newest = number;
    }
    return newest;
}
