/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What tables of other owners do to packets that the policy approves. A packet passes only where
 * every base chain of its hook accepts it, so a chain of Docker, libvirt or another firewall that
 * can drop takes approved packets away without a word. There is one mark of a connection: a rule
 * that writes it overwrites the id of the flow. And a rule may send packets on by itself.
 *
 * What a base chain can do follows from its policy and from the rules that can be reached from it,
 * by jumps and verdict maps. Conditions of rules are not looked at: a chain that may drop something
 * is told, one that only accepts or translates is not. Flowtables and rules that take packets out
 * of connection tracking are found in the same dumps (bypass_tables.c).
 */

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_connmark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "kernel/nftables_private.h"
#include "observe/bypass_private.h"
#include "ruleset/compile.h"

/* NF_INET_INGRESS, which older headers do not have. */
#define HOOK_NUMBER_INGRESS 5
/* NFTA_HOOK_DEVS of Linux 5.5. */
#define HOOK_DEVICES 4
/* The kernel refuses chains that are nested deeper: NFT_JUMP_STACK_SIZE. */
#define NESTED_MAX 16

#define EFFECTS_DROPPING (EFFECT_DROP | EFFECT_REJECT | EFFECT_QUEUE)

/* `inet fw c forward`: a chain, or with `m` a verdict map. Chains and maps of one table may have
 * one name. */
#define NODE_TEXT_MAX (2 * NFT_NAME_MAXLEN + 16)
#define NODE_CHAIN 'c'
#define NODE_MAP 'm'

/* That a chain does something, or leads to a chain or map; or that a map does. */
struct fact {
    const char *node;
    unsigned effects;
    const char *to; /* or NULL */
};

struct base_chain {
    const char *node;
    const char *table; /* `inet fw` */
    const char *name;
    uint8_t family;
    uint32_t hook;
    bool policy_drop;
    bool of_zone; /* not of devices alone that carry no zone */
};

/* A verdict map whose elements are to be read. */
struct verdict_map {
    uint8_t family;
    const char *table; /* its name alone */
    const char *name;
};

struct others {
    struct bypass_search *search;
    struct fact *facts; /* texts: the search's arena */
    size_t n_facts, facts_capacity;
    struct base_chain *chains;
    size_t n_chains, chains_capacity;
    struct verdict_map *maps;
    size_t n_maps, maps_capacity;
    const char **dormant; /* tables that are switched off, as `inet fw` */
    size_t n_dormant, dormant_capacity;
    const char *map; /* the one whose elements are being read */
    /* Of the rule that is being read: the register that holds the mark of the connection, 0 where
     * none does, and the bits of it that differ from the mark. */
    uint32_t mark_register;
    uint32_t mark_bits;
};

static void others_clear(struct others *others)
{
    free(others->facts);
    free(others->chains);
    free(others->maps);
    free(others->dormant);
}

/* The node's text in the arena; NULL without memory. */
static const char *node_text(struct others *others, const char *table, char kind, const char *name)
{
    char text[NODE_TEXT_MAX + BYPASS_TABLE_TEXT_MAX];

    snprintf(text, sizeof(text), "%s %c %s", table, kind, name);
    return arena_string(others->search->arena, text);
}

static int add_fact(struct others *others, const char *node, unsigned effects, const char *to)
{
    struct fact fact = {node, effects, to};

    return array_append(&others->facts, &others->n_facts, &others->facts_capacity, &fact,
                        sizeof(fact));
}

/* Where the table is ours. */
static bool is_ours(uint8_t family, const char *table)
{
    return family == NFPROTO_INET && strcmp(table, RULESET_TABLE) == 0;
}

static uint8_t family_of(const struct nlmsghdr *message)
{
    return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
}

static int see_table(const struct nlmsghdr *message, void *userdata)
{
    struct others *others = userdata;
    char buffer[BYPASS_TABLE_TEXT_MAX];
    const char *table;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    if (!(attribute_u32(attributes_find(attributes_of(message), NFTA_TABLE_FLAGS)) &
          NFT_TABLE_F_DORMANT))
        return 0;
    table =
        arena_string(others->search->arena, bypass_table_text(message, NFTA_TABLE_NAME, buffer));
    return !table ? -ENOMEM
                  : array_append(&others->dormant, &others->n_dormant, &others->dormant_capacity,
                                 &table, sizeof(table));
}

static bool is_zone_device(const struct others *others, const struct nlattr *attribute)
{
    const char *name = attribute_string(attribute);
    const struct link *link = name ? links_find(others->search->links, name) : NULL;

    return link && bypass_carries_zone(others->search, link);
}

/* True where the hook is not one of devices, or a device of a zone is among them. */
static bool hook_is_of_zone(const struct others *others, struct attributes hook)
{
    const struct nlattr *device = attributes_find(hook, NFTA_HOOK_DEV);
    struct attributes devices = attributes_in(attributes_find(hook, HOOK_DEVICES));
    bool any = device != NULL;

    if (device && is_zone_device(others, device))
        return true;
    while ((device = attributes_next(&devices))) {
        any = true;
        if (is_zone_device(others, device))
            return true;
    }
    return !any;
}

static int see_chain(const struct nlmsghdr *message, void *userdata)
{
    struct others *others = userdata;
    char table[BYPASS_TABLE_TEXT_MAX];
    struct attributes attributes = attributes_of(message);
    const struct nlattr *hook = attributes_find(attributes, NFTA_CHAIN_HOOK);
    const struct nlattr *policy = attributes_find(attributes, NFTA_CHAIN_POLICY);
    const char *name = attribute_string(attributes_find(attributes, NFTA_CHAIN_NAME));
    struct base_chain chain;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg) || !name)
        return -EBADMSG;
    if (!hook || is_ours(family_of(message), bypass_string_of(attributes, NFTA_CHAIN_TABLE)))
        return 0;

    bypass_table_text(message, NFTA_CHAIN_TABLE, table);
    chain = (struct base_chain){
        .node = node_text(others, table, NODE_CHAIN, name),
        .table = arena_string(others->search->arena, table),
        .name = arena_string(others->search->arena, name),
        .family = family_of(message),
        .hook = attribute_u32(attributes_find(attributes_in(hook), NFTA_HOOK_HOOKNUM)),
        .policy_drop = policy && attribute_u32(policy) == NF_DROP,
        .of_zone = hook_is_of_zone(others, attributes_in(hook)),
    };
    if (!chain.node || !chain.table || !chain.name)
        return -ENOMEM;
    return array_append(&others->chains, &others->n_chains, &others->chains_capacity, &chain,
                        sizeof(chain));
}

/* What a verdict does, of a rule or of an element of a map. */
static int add_verdict(struct others *others, const char *node, const char *table,
                       const struct nlattr *data)
{
    struct attributes verdict =
        attributes_in(attributes_find(attributes_in(data), NFTA_DATA_VERDICT));
    const struct nlattr *attribute = attributes_find(verdict, NFTA_VERDICT_CODE);
    const char *chain = attribute_string(attributes_find(verdict, NFTA_VERDICT_CHAIN));
    int32_t code = (int32_t)attribute_u32(attribute);
    const char *to;

    if (!attribute)
        return 0;
    if ((code == NFT_JUMP || code == NFT_GOTO) && chain) {
        to = node_text(others, table, NODE_CHAIN, chain);
        return to ? add_fact(others, node, 0, to) : -ENOMEM;
    }
    if (code < 0)
        return 0;
    code &= NF_VERDICT_MASK;
    return code == NF_DROP    ? add_fact(others, node, EFFECT_DROP, NULL)
           : code == NF_QUEUE ? add_fact(others, node, EFFECT_QUEUE, NULL)
                              : 0;
}

/* Targets of iptables, as nftables holds them. Its own DROP and jumps are verdicts. */
static unsigned target_effects(struct attributes data)
{
    static const struct {
        const char *name;
        unsigned effects;
    } targets[] = {{"REJECT", EFFECT_REJECT},
                   {"NFQUEUE", EFFECT_QUEUE},
                   {"TARPIT", EFFECT_DROP},
                   {"TEE", EFFECT_SEND}};
    const char *name = bypass_string_of(data, NFTA_TARGET_NAME);
    const struct nlattr *attribute = attributes_find(data, NFTA_TARGET_INFO);
    size_t at = attribute_u32(attributes_find(data, NFTA_TARGET_REV)) < 2
                    ? offsetof(struct xt_connmark_tginfo1, mode)
                    : offsetof(struct xt_connmark_tginfo2, mode);

    for (size_t i = 0; i < ELEMENTS_OF(targets); i++)
        if (strcmp(name, targets[i].name) == 0)
            return targets[i].effects;
    if (strcmp(name, "CONNMARK") != 0 || !attribute || mnl_attr_get_payload_len(attribute) <= at)
        return 0;
    return ((const uint8_t *)mnl_attr_get_payload(attribute))[at] == XT_CONNMARK_RESTORE
               ? 0
               : EFFECT_MARK;
}

unsigned bypass_expression_effects(const struct nlattr *expression)
{
    struct attributes attributes = attributes_in(expression);
    struct attributes data = attributes_in(attributes_find(attributes, NFTA_EXPR_DATA));
    const char *name = bypass_string_of(attributes, NFTA_EXPR_NAME);

    if (strcmp(name, "reject") == 0)
        return EFFECT_REJECT;
    if (strcmp(name, "queue") == 0)
        return EFFECT_QUEUE;
    if (strcmp(name, "fwd") == 0 || strcmp(name, "dup") == 0)
        return EFFECT_SEND;
    if (strcmp(name, "target") == 0)
        return target_effects(data);
    return strcmp(name, "ct") == 0 && attributes_find(data, NFTA_CT_SREG) &&
                   attribute_u32(attributes_find(data, NFTA_CT_KEY)) == NFT_CT_MARK
               ? EFFECT_MARK
               : 0;
}

/* Marks in registers are in host order. */
static uint32_t register_value(const struct nlattr *attribute)
{
    const struct nlattr *value = attributes_find(attributes_in(attribute), NFTA_DATA_VALUE);
    uint32_t number = 0;

    if (value && mnl_attr_get_payload_len(value) == sizeof(number))
        memcpy(&number, mnl_attr_get_payload(value), sizeof(number));
    return number;
}

/* Follows which bits of the mark a rule is about to change. What is not understood changes all. */
static void follow_mark(struct others *others, const struct nlattr *expression)
{
    static const char *const neutral[] = {"cmp", "counter", "limit", "log"};
    struct attributes attributes = attributes_in(expression);
    struct attributes data = attributes_in(attributes_find(attributes, NFTA_EXPR_DATA));
    const char *name = bypass_string_of(attributes, NFTA_EXPR_NAME);

    for (size_t i = 0; i < ELEMENTS_OF(neutral); i++)
        if (strcmp(name, neutral[i]) == 0)
            return;
    if (strcmp(name, "ct") == 0 && attributes_find(data, NFTA_CT_SREG))
        return;
    if (strcmp(name, "ct") == 0 &&
        attribute_u32(attributes_find(data, NFTA_CT_KEY)) == NFT_CT_MARK) {
        others->mark_register = attribute_u32(attributes_find(data, NFTA_CT_DREG));
        others->mark_bits = 0;
    } else if (strcmp(name, "bitwise") == 0 && others->mark_register != 0 &&
               attribute_u32(attributes_find(data, NFTA_BITWISE_SREG)) == others->mark_register &&
               attribute_u32(attributes_find(data, NFTA_BITWISE_DREG)) == others->mark_register &&
               attributes_find(data, NFTA_BITWISE_MASK) &&
               attributes_find(data, NFTA_BITWISE_XOR)) {
        others->mark_bits |= ~register_value(attributes_find(data, NFTA_BITWISE_MASK)) |
                             register_value(attributes_find(data, NFTA_BITWISE_XOR));
    } else {
        others->mark_register = 0;
    }
}

/* Whether an expression that writes the mark changes bits in which segd keeps ids. */
static bool changes_ours(const struct others *others, const struct nlattr *expression)
{
    struct attributes attributes = attributes_in(expression);
    struct attributes data = attributes_in(attributes_find(attributes, NFTA_EXPR_DATA));
    const struct nlattr *info = attributes_find(data, NFTA_TARGET_INFO);
    uint32_t mask = others->search->policy->mark_mask, bits = UINT32_MAX;
    struct xt_connmark_tginfo1 connmark;

    if (info && mnl_attr_get_payload_len(info) >= sizeof(connmark)) {
        memcpy(&connmark, mnl_attr_get_payload(info), sizeof(connmark));
        bits = connmark.ctmask | connmark.ctmark;
    } else if (others->mark_register != 0 &&
               attribute_u32(attributes_find(data, NFTA_CT_SREG)) == others->mark_register) {
        bits = others->mark_bits;
    }
    return bits & (mask != 0 ? mask : UINT32_MAX);
}

static int see_expression(struct others *others, const char *node, const char *table,
                          const struct nlattr *expression)
{
    struct attributes attributes = attributes_in(expression);
    struct attributes data = attributes_in(attributes_find(attributes, NFTA_EXPR_DATA));
    const char *name = bypass_string_of(attributes, NFTA_EXPR_NAME);
    unsigned effects;

    if (strcmp(name, "immediate") == 0)
        return add_verdict(others, node, table, attributes_find(data, NFTA_IMMEDIATE_DATA));
    if (strcmp(name, "lookup") == 0) {
        const struct nlattr *into = attributes_find(data, NFTA_LOOKUP_DREG);
        const char *to;

        if (!into || attribute_u32(into) != NFT_REG_VERDICT)
            return 0;
        to = node_text(others, table, NODE_MAP, bypass_string_of(data, NFTA_LOOKUP_SET));
        return to ? add_fact(others, node, 0, to) : -ENOMEM;
    }
    effects = bypass_expression_effects(expression);
    if (effects == EFFECT_MARK && !changes_ours(others, expression))
        effects = 0;
    return effects ? add_fact(others, node, effects, NULL) : 0;
}

static int see_flowtable(const struct nlmsghdr *message, void *userdata)
{
    return bypass_see_flowtable(message, ((struct others *)userdata)->search);
}

static int see_rule(const struct nlmsghdr *message, void *userdata)
{
    struct others *others = userdata;
    struct attributes attributes = attributes_of(message);
    struct attributes expressions =
        attributes_in(attributes_find(attributes, NFTA_RULE_EXPRESSIONS));
    const struct nlattr *expression;
    char table[BYPASS_TABLE_TEXT_MAX];
    const char *node;
    int r = bypass_see_rule(message, others->search);

    if (r < 0 || is_ours(family_of(message), bypass_string_of(attributes, NFTA_RULE_TABLE)))
        return r;
    bypass_table_text(message, NFTA_RULE_TABLE, table);
    node = node_text(others, table, NODE_CHAIN, bypass_string_of(attributes, NFTA_RULE_CHAIN));
    if (!node)
        return -ENOMEM;
    others->mark_register = 0;
    while (r == 0 && (expression = attributes_next(&expressions))) {
        follow_mark(others, expression);
        r = see_expression(others, node, table, expression);
    }
    return r;
}

static int see_set(const struct nlmsghdr *message, void *userdata)
{
    struct others *others = userdata;
    struct attributes attributes = attributes_of(message);
    struct verdict_map map;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    if (!(attribute_u32(attributes_find(attributes, NFTA_SET_FLAGS)) & NFT_SET_MAP) ||
        attribute_u32(attributes_find(attributes, NFTA_SET_DATA_TYPE)) != NFT_DATA_VERDICT ||
        is_ours(family_of(message), bypass_string_of(attributes, NFTA_SET_TABLE)))
        return 0;
    map = (struct verdict_map){
        .family = family_of(message),
        .table = arena_string(others->search->arena, bypass_string_of(attributes, NFTA_SET_TABLE)),
        .name = arena_string(others->search->arena, bypass_string_of(attributes, NFTA_SET_NAME)),
    };
    if (!map.table || !map.name)
        return -ENOMEM;
    return array_append(&others->maps, &others->n_maps, &others->maps_capacity, &map, sizeof(map));
}

static int see_elements(const struct nlmsghdr *message, void *userdata)
{
    struct others *others = userdata;
    struct attributes elements =
        attributes_in(attributes_find(attributes_of(message), NFTA_SET_ELEM_LIST_ELEMENTS));
    const struct nlattr *element;
    char table[BYPASS_TABLE_TEXT_MAX];
    int r = 0;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return -EBADMSG;
    bypass_table_text(message, NFTA_SET_ELEM_LIST_TABLE, table);
    while (r == 0 && (element = attributes_next(&elements)))
        r = add_verdict(others, others->map, table,
                        attributes_find(attributes_in(element), NFTA_SET_ELEM_DATA));
    return r;
}

/* The same lists in every try, where a dump has to be started over. */
static int dump(struct others *others, uint16_t type, const struct verdict_map *map,
                netlink_handler handler)
{
    size_t found = others->search->found.n_bypasses;
    struct others before = *others;
    char buffer[REQUEST_MAX];
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++) {
        struct nlmsghdr *request = nftables_request_new(buffer, type, NLM_F_DUMP);
        struct nfgenmsg *header = mnl_nlmsg_get_payload(request);

        header->nfgen_family = map ? map->family : NFPROTO_UNSPEC;
        if (map) {
            mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, map->table);
            mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, map->name);
        }
        others->n_facts = before.n_facts;
        others->n_chains = before.n_chains;
        others->n_maps = before.n_maps;
        others->n_dormant = before.n_dormant;
        others->search->found.n_bypasses = found;
        r = netlink_request(&others->search->nftables->netlink, request, handler, others);
    }
    return r;
}

/* A map that has gone meanwhile leads nowhere. */
static int dump_map(struct others *others, const struct verdict_map *map)
{
    char table[BYPASS_TABLE_TEXT_MAX];
    int r;

    snprintf(table, sizeof(table), "%s %s", bypass_family_name(map->family), map->table);
    others->map = node_text(others, table, NODE_MAP, map->name);
    if (!others->map)
        return -ENOMEM;
    r = dump(others, NFT_MSG_GETSETELEM, map, see_elements);
    return r == -ENOENT ? 0 : r;
}

static int compare_facts(const void *a, const void *b)
{
    return strcmp(((const struct fact *)a)->node, ((const struct fact *)b)->node);
}

static int read_others(struct others *others)
{
    int r = dump(others, NFT_MSG_GETFLOWTABLE, NULL, see_flowtable);

    if (r == 0)
        r = dump(others, NFT_MSG_GETTABLE, NULL, see_table);
    if (r == 0)
        r = dump(others, NFT_MSG_GETCHAIN, NULL, see_chain);
    if (r == 0)
        r = dump(others, NFT_MSG_GETRULE, NULL, see_rule);
    if (r == 0)
        r = dump(others, NFT_MSG_GETSET, NULL, see_set);
    for (size_t i = 0; r == 0 && i < others->n_maps; i++)
        r = dump_map(others, &others->maps[i]);
    if (r == 0 && others->n_facts > 0)
        qsort(others->facts, others->n_facts, sizeof(*others->facts), compare_facts);
    return r;
}

/* All that a node can do, with what it leads to. A fact that was followed is forgotten: what it
 * adds is in `*effects` already. */
static void follow(struct others *others, const char *node, bool *followed, unsigned depth,
                   unsigned *effects)
{
    size_t first = BISECT(others->n_facts, i, strcmp(others->facts[i].node, node) < 0);

    for (size_t i = first; i < others->n_facts && strcmp(others->facts[i].node, node) == 0; i++) {
        if (followed[i])
            continue;
        followed[i] = true;
        *effects |= others->facts[i].effects;
        if (others->facts[i].to && depth > 0)
            follow(others, others->facts[i].to, followed, depth - 1, effects);
    }
}

static bool is_dormant(const struct others *others, const char *table)
{
    for (size_t i = 0; i < others->n_dormant; i++)
        if (strcmp(others->dormant[i], table) == 0)
            return true;
    return false;
}

static const char *hook_name(const struct base_chain *chain)
{
    static const char *const names[] = {
        [NF_INET_PRE_ROUTING] = "prerouting",   [NF_INET_LOCAL_IN] = "input",
        [NF_INET_FORWARD] = "forward",          [NF_INET_LOCAL_OUT] = "output",
        [NF_INET_POST_ROUTING] = "postrouting", [HOOK_NUMBER_INGRESS] = "ingress",
    };

    if (chain->family == NFPROTO_NETDEV)
        return chain->hook == NF_NETDEV_INGRESS ? "ingress" : "egress";
    return chain->hook < ELEMENTS_OF(names) ? names[chain->hook] : "other";
}

static bool has_family(const struct policy *policy, enum family family)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (policy->zones[i].addresses.by_family[family].n_ranges > 0)
            return true;
    return false;
}

/* Whether packets that the policy approves meet the chain. Without protection what the gateway
 * itself sends and receives is for another firewall to judge. */
static bool meets_approved(const struct others *others, const struct base_chain *chain)
{
    const struct policy *policy = others->search->policy;
    const struct link *link;

    switch (chain->family) {
    case NFPROTO_IPV4:
        if (!has_family(policy, FAMILY_IPV4))
            return false;
        break;
    case NFPROTO_IPV6:
        if (!has_family(policy, FAMILY_IPV6))
            return false;
        break;
    case NFPROTO_INET:
        break;
    case NFPROTO_BRIDGE:
        return bypass_zone_bridge(others->search, &link);
    case NFPROTO_NETDEV:
        return chain->of_zone;
    default:
        return false;
    }
    if (chain->hook == NF_INET_LOCAL_IN || chain->hook == NF_INET_LOCAL_OUT)
        return policy->gateway_protect;
    return chain->of_zone;
}

static int report_chain(const struct others *others, const struct base_chain *chain,
                        unsigned effects)
{
    const char *table = chain->table, *hook = hook_name(chain);
    char object[NODE_TEXT_MAX + BYPASS_TABLE_TEXT_MAX];
    bool drops = (effects & EFFECTS_DROPPING) || chain->policy_drop;
    int r = 0;

    snprintf(object, sizeof(object), BYPASS_CHAIN_FORMAT, table, chain->name, hook);
    if (drops && meets_approved(others, chain))
        r = bypass_add(others->search, BYPASS_OTHERS_DROP, object,
                       "chain %s of table %s (hook %s) may drop what the policy approves: %s%s%s",
                       chain->name, table, hook, chain->policy_drop ? "its policy is drop" : "",
                       chain->policy_drop && (effects & EFFECTS_DROPPING) ? ", and " : "",
                       effects & EFFECT_DROP     ? "a rule drops"
                       : effects & EFFECT_REJECT ? "a rule rejects"
                       : effects & EFFECT_QUEUE  ? "a rule gives packets to a program (queue)"
                                                 : "");
    if (r == 0 && (effects & EFFECT_MARK))
        r = bypass_add(others->search, "others-mark", object,
                       "a rule that chain %s of table %s (hook %s) leads to writes the mark of "
                       "connections, which holds the id of the flow that approved them",
                       chain->name, table, hook);
    if (r == 0 && (effects & EFFECT_SEND) && chain->of_zone)
        r = bypass_add(
            others->search, "others-send", object,
            "a rule that chain %s of table %s (hook %s) leads to sends packets, or copies "
            "of them, on by itself (fwd, dup), whatever the policy says",
            chain->name, table, hook);
    return r;
}

static int judge_chains(struct others *others)
{
    cleanup_(freep) bool *followed = calloc(others->n_facts + 1, sizeof(*followed));
    int r = 0;

    if (!followed)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < others->n_chains; i++) {
        unsigned effects = 0;

        if (is_dormant(others, others->chains[i].table))
            continue;
        memset(followed, 0, others->n_facts * sizeof(*followed));
        follow(others, others->chains[i].node, followed, NESTED_MAX, &effects);
        r = report_chain(others, &others->chains[i], effects);
    }
    return r;
}

int bypass_find_others(struct bypass_search *search)
{
    cleanup_(others_clear) struct others others = {.search = search};
    int r = read_others(&others);

    if (r == -ENOMEM)
        return r;
    return r < 0 ? bypass_add_unknown(search, "tables of others", r) : judge_chains(&others);
}
