/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each statement becomes a short run of expressions that pass values through registers. What a
 * field implies (an IPv4 address: that the packet is IPv4) is tested first and once per rule, as
 * nft does it; without these tests nft would list raw payload offsets instead of names, and the
 * rule would read foreign headers. Registers are counted in words of 4 bytes and start anew with
 * each statement: no statement leaves a value for the next, as nft itself writes rules, so that
 * every version of it lists them.
 */

#include "kernel/expressions.h"

#include <errno.h>
#include <netinet/in.h> /* before linux/, which then leaves its names alone */
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

/* What the kernel takes where no burst is given, NFT_LIMIT_PKT_BURST_DEFAULT. */
#define BURST_DEFAULT 5

enum source_kind {
    SOURCE_META,
    SOURCE_CT,
    SOURCE_CT_TUPLE,
    SOURCE_PAYLOAD,
    SOURCE_FIB,
};

struct source {
    enum source_kind kind;
    uint32_t key;    /* of meta and ct, base of a payload, result of a fib */
    uint32_t offset; /* of a payload; direction of a ct tuple; flags of a fib */
    /* What must be tested before; 0 for nothing. */
    uint8_t nfproto;
    uint8_t l4proto;
    bool ether;
};

static const struct source sources[] = {
    [FIELD_NFPROTO] = {SOURCE_META, NFT_META_NFPROTO},
    [FIELD_L4PROTO] = {SOURCE_META, NFT_META_L4PROTO},
    [FIELD_IIFNAME] = {SOURCE_META, NFT_META_IIFNAME},
    [FIELD_OIFNAME] = {SOURCE_META, NFT_META_OIFNAME},
    [FIELD_CT_STATE] = {SOURCE_CT, NFT_CT_STATE},
    [FIELD_CT_STATUS] = {SOURCE_CT, NFT_CT_STATUS},
    [FIELD_CT_DIRECTION] = {SOURCE_CT, NFT_CT_DIRECTION},
    [FIELD_CT_MARK] = {SOURCE_CT, NFT_CT_MARK},
    [FIELD_CT_ORIG_SADDR] = {SOURCE_CT_TUPLE, NFT_CT_SRC_IP, IP_CT_DIR_ORIGINAL},
    [FIELD_CT_ORIG_SADDR6] = {SOURCE_CT_TUPLE, NFT_CT_SRC_IP6, IP_CT_DIR_ORIGINAL},
    [FIELD_CT_REPL_SADDR] = {SOURCE_CT_TUPLE, NFT_CT_SRC_IP, IP_CT_DIR_REPLY},
    [FIELD_CT_REPL_SADDR6] = {SOURCE_CT_TUPLE, NFT_CT_SRC_IP6, IP_CT_DIR_REPLY},
    [FIELD_IP_SADDR] = {SOURCE_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 12, NFPROTO_IPV4},
    [FIELD_IP_DADDR] = {SOURCE_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 16, NFPROTO_IPV4},
    [FIELD_IP6_SADDR] = {SOURCE_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 8, NFPROTO_IPV6},
    [FIELD_IP6_DADDR] = {SOURCE_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 24, NFPROTO_IPV6},
    [FIELD_ETHER_SADDR] = {SOURCE_PAYLOAD, NFT_PAYLOAD_LL_HEADER, 6, .ether = true},
    [FIELD_TH_SPORT] = {SOURCE_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0},
    [FIELD_TH_DPORT] = {SOURCE_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 2},
    [FIELD_ICMPV6_TYPE] = {SOURCE_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NFPROTO_IPV6,
                           IPPROTO_ICMPV6},
    [FIELD_FIB_DADDR_TYPE] = {SOURCE_FIB, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR},
};

/* What the rule has tested so far. */
struct lowering {
    struct nftnl_rule *rule;
    uint8_t nfproto;
    uint8_t l4proto;
    bool ether;
};

/* The kernel's number of the register that begins at a word. A register of 16 bytes and its first
 * word are the same place; the kernel always dumps the former. */
static uint32_t register_at(size_t word)
{
    return (uint32_t)(word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word);
}

/* Appends an expression, which the rule owns. NULL: no memory. */
static struct nftnl_expr *append(struct lowering *lowering, const char *name)
{
    struct nftnl_expr *expression = nftnl_expr_alloc(name);

    if (expression)
        nftnl_rule_add_expr(lowering->rule, expression);
    return expression;
}

/* Loads the first `length` bytes of a field. */
static int load(struct lowering *lowering, enum field field, size_t word, size_t length)
{
    static const char *const names[] = {
        [SOURCE_META] = "meta",       [SOURCE_CT] = "ct",   [SOURCE_CT_TUPLE] = "ct",
        [SOURCE_PAYLOAD] = "payload", [SOURCE_FIB] = "fib",
    };
    const struct source *source = &sources[field];
    struct nftnl_expr *expression = append(lowering, names[source->kind]);

    if (!expression)
        return -ENOMEM;

    switch (source->kind) {
    case SOURCE_META:
        nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, source->key);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, register_at(word));
        break;
    case SOURCE_CT_TUPLE:
        nftnl_expr_set_u8(expression, NFTNL_EXPR_CT_DIR, (uint8_t)source->offset);
        /* fall through */
    case SOURCE_CT:
        nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_KEY, source->key);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_DREG, register_at(word));
        break;
    case SOURCE_PAYLOAD:
        nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, source->key);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, source->offset);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, (uint32_t)length);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, register_at(word));
        break;
    case SOURCE_FIB:
        nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_RESULT, source->key);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_FLAGS, source->offset);
        nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_DREG, register_at(word));
        break;
    }
    return 0;
}

static int compare(struct lowering *lowering, uint32_t operation, const void *value, size_t length)
{
    struct nftnl_expr *expression = append(lowering, "cmp");

    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, register_at(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, operation);
    return nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, value, (uint32_t)length) < 0 ? -ENOMEM
                                                                                        : 0;
}

static int mask(struct lowering *lowering, const void *bits, size_t length)
{
    static const uint8_t zero[16];
    struct nftnl_expr *expression = append(lowering, "bitwise");

    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, register_at(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, register_at(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, (uint32_t)length);
    if (nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, bits, (uint32_t)length) < 0 ||
        nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, zero, (uint32_t)length) < 0)
        return -ENOMEM;
    return 0;
}

static int require_nfproto(struct lowering *lowering, uint8_t nfproto)
{
    int r;

    if (nfproto == 0 || lowering->nfproto == nfproto)
        return 0;

    lowering->nfproto = nfproto;
    r = load(lowering, FIELD_NFPROTO, 0, sizeof(nfproto));
    return r < 0 ? r : compare(lowering, NFT_CMP_EQ, &nfproto, sizeof(nfproto));
}

static int require_l4proto(struct lowering *lowering, uint8_t l4proto)
{
    int r;

    if (l4proto == 0 || lowering->l4proto == l4proto)
        return 0;

    lowering->l4proto = l4proto;
    r = load(lowering, FIELD_L4PROTO, 0, sizeof(l4proto));
    return r < 0 ? r : compare(lowering, NFT_CMP_EQ, &l4proto, sizeof(l4proto));
}

/* Other links than Ethernet have no hardware address where Ethernet has it. */
static int require_ether(struct lowering *lowering)
{
    static const uint16_t type = ARPHRD_ETHER;
    struct nftnl_expr *expression;

    if (lowering->ether)
        return 0;

    expression = append(lowering, "meta");
    if (!expression)
        return -ENOMEM;
    lowering->ether = true;
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, NFT_META_IIFTYPE);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, register_at(0));
    return compare(lowering, NFT_CMP_EQ, &type, sizeof(type));
}

static int require(struct lowering *lowering, enum field field)
{
    int r = require_nfproto(lowering, sources[field].nfproto);

    if (r == 0)
        r = require_l4proto(lowering, sources[field].l4proto);
    if (r == 0 && sources[field].ether)
        r = require_ether(lowering);
    return r;
}

/* Loads all fields of the statement side by side, from the first register on. */
static int load_fields(struct lowering *lowering, const struct statement *statement)
{
    size_t word = 0;
    int r;

    for (size_t i = 0; i < statement->n_fields; i++) {
        r = require(lowering, statement->fields[i]);
        if (r < 0)
            return r;
    }

    for (size_t i = 0; i < statement->n_fields; i++) {
        size_t length = field_length(statement->fields[i]);

        r = load(lowering, statement->fields[i], word, length);
        if (r < 0)
            return r;
        word += (length + 3) / 4;
    }
    return 0;
}

static int lower_bits(struct lowering *lowering, const struct statement *statement)
{
    static const uint32_t none;
    int r = load(lowering, statement->fields[0], 0, sizeof(none));

    if (r == 0)
        r = mask(lowering, statement->value, sizeof(none));
    if (r == 0)
        r = compare(lowering, statement->negate ? NFT_CMP_EQ : NFT_CMP_NEQ, &none, sizeof(none));
    return r;
}

/* Whole bytes of a prefix are compared alone, as nft does it; other prefixes need a mask. */
static int lower_prefix(struct lowering *lowering, const struct statement *statement)
{
    enum field field = statement->fields[0];
    uint32_t operation = statement->negate ? NFT_CMP_NEQ : NFT_CMP_EQ;
    size_t length = field_length(field), bytes = statement->prefix / 8u;
    uint8_t bits[16] = {0}, value[16] = {0};
    int r;

    if (statement->prefix % 8 == 0) {
        r = load(lowering, field, 0, sources[field].kind == SOURCE_PAYLOAD ? bytes : length);
        return r < 0 ? r : compare(lowering, operation, statement->value, bytes);
    }

    memset(bits, 0xff, bytes);
    bits[bytes] = (uint8_t)(0xff << (8 - statement->prefix % 8));
    for (size_t i = 0; i < length; i++)
        value[i] = statement->value[i] & bits[i];

    r = load(lowering, field, 0, length);
    if (r == 0)
        r = mask(lowering, bits, length);
    if (r == 0)
        r = compare(lowering, operation, value, length);
    return r;
}

static int lower_match(struct lowering *lowering, const struct statement *statement)
{
    enum field field = statement->fields[0];
    size_t length = field_length(field);
    int r;

    if (field == FIELD_CT_STATE || field == FIELD_CT_STATUS)
        return lower_bits(lowering, statement);

    r = require(lowering, field);
    if (r < 0)
        return r;
    if (statement->prefix > 0 && statement->prefix < length * 8)
        return lower_prefix(lowering, statement);

    r = load(lowering, field, 0, length);
    if (r == 0)
        r = compare(lowering, statement->negate ? NFT_CMP_NEQ : NFT_CMP_EQ, statement->value,
                    length);
    if (r < 0 || statement->negate)
        return r;

    if (field == FIELD_NFPROTO)
        lowering->nfproto = statement->value[0];
    if (field == FIELD_L4PROTO)
        lowering->l4proto = statement->value[0];
    return 0;
}

/* Looks the fields up in a set, or in a map, whose data then is in `data_register`. */
static int lower_lookup(struct lowering *lowering, const struct statement *statement, bool is_map,
                        uint32_t data_register)
{
    struct nftnl_expr *expression;
    int r = load_fields(lowering, statement);

    if (r < 0)
        return r;
    expression = append(lowering, "lookup");
    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, register_at(0));
    if (is_map)
        nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_DREG, data_register);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS,
                       statement->negate ? NFT_LOOKUP_F_INV : 0);
    return nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, statement->object) < 0 ? -ENOMEM
                                                                                        : 0;
}

static int lower_set_ct_mark(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *expression;
    int r = lower_lookup(lowering, statement, true, register_at(0));

    if (r < 0)
        return r;
    expression = append(lowering, "ct");
    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_SREG, register_at(0));
    return 0;
}

static int lower_counter(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *expression = append(lowering, "objref");

    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    return nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_IMM_NAME, statement->object) < 0
               ? -ENOMEM
               : 0;
}

static int lower_counter_map(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *expression;
    int r = load_fields(lowering, statement);

    if (r < 0)
        return r;
    expression = append(lowering, "objref");
    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_SET_SREG, register_at(0));
    return nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_SET_NAME, statement->object) < 0
               ? -ENOMEM
               : 0;
}

static void fill_limit(struct nftnl_expr *expression, const struct statement *statement,
                       uint64_t per_seconds)
{
    nftnl_expr_set_u64(expression, NFTNL_EXPR_LIMIT_RATE, statement->rate);
    nftnl_expr_set_u64(expression, NFTNL_EXPR_LIMIT_UNIT, per_seconds);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_BURST,
                       statement->burst > 0 ? statement->burst : BURST_DEFAULT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

static int lower_limit(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *expression = append(lowering, "limit");

    if (!expression)
        return -ENOMEM;

    fill_limit(expression, statement, 1);
    return 0;
}

/* A budget for each key: `budget` is the expression that every element gets a copy of. */
static int lower_meter(struct lowering *lowering, const struct statement *statement,
                       uint32_t operation, struct nftnl_expr *budget)
{
    cleanup_(nftnl_expr_freep) struct nftnl_expr *owned = budget;
    struct nftnl_expr *expression;
    int r;

    if (!owned)
        return -ENOMEM;
    r = load_fields(lowering, statement);
    if (r < 0)
        return r;
    expression = append(lowering, "dynset");
    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_SREG_KEY, register_at(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_OP, operation);
    nftnl_expr_add_expr(expression, NFTNL_EXPR_DYNSET_EXPRESSIONS, TAKE_PTR(owned));
    return nftnl_expr_set_str(expression, NFTNL_EXPR_DYNSET_SET_NAME, statement->object) < 0
               ? -ENOMEM
               : 0;
}

static int lower_meter_rate(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *limit = nftnl_expr_alloc("limit");

    if (limit)
        fill_limit(limit, statement, statement->per_seconds);
    return lower_meter(lowering, statement, NFT_DYNSET_OP_UPDATE, limit);
}

static int lower_meter_count(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *count = nftnl_expr_alloc("connlimit");

    if (count)
        nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_COUNT, statement->rate);
    return lower_meter(lowering, statement, NFT_DYNSET_OP_ADD, count);
}

static int lower_log(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *expression = append(lowering, "log");

    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u16(expression, NFTNL_EXPR_LOG_GROUP, statement->group);
    if (statement->snaplen > 0)
        nftnl_expr_set_u32(expression, NFTNL_EXPR_LOG_SNAPLEN, statement->snaplen);
    if (statement->object &&
        nftnl_expr_set_str(expression, NFTNL_EXPR_LOG_PREFIX, statement->object) < 0)
        return -ENOMEM;
    return 0;
}

static int lower_verdict(struct lowering *lowering, const struct statement *statement)
{
    static const int codes[] = {
        [VERDICT_NONE] = NFT_CONTINUE, [VERDICT_ACCEPT] = NF_ACCEPT, [VERDICT_DROP] = NF_DROP,
        [VERDICT_RETURN] = NFT_RETURN, [VERDICT_JUMP] = NFT_JUMP,    [VERDICT_GOTO] = NFT_GOTO,
    };
    struct nftnl_expr *expression = append(lowering, "immediate");

    if (!expression)
        return -ENOMEM;

    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, (uint32_t)codes[statement->verdict]);
    if (statement->object &&
        nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, statement->object) < 0)
        return -ENOMEM;
    return 0;
}

static int lower(struct lowering *lowering, const struct statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_MATCH:
        return lower_match(lowering, statement);
    case STATEMENT_LOOKUP:
        return lower_lookup(lowering, statement, false, 0);
    case STATEMENT_VERDICT_MAP:
        return lower_lookup(lowering, statement, true, NFT_REG_VERDICT);
    case STATEMENT_SET_CT_MARK:
        return lower_set_ct_mark(lowering, statement);
    case STATEMENT_COUNTER:
        return lower_counter(lowering, statement);
    case STATEMENT_COUNTER_MAP:
        return lower_counter_map(lowering, statement);
    case STATEMENT_LIMIT:
        return lower_limit(lowering, statement);
    case STATEMENT_METER_RATE:
        return lower_meter_rate(lowering, statement);
    case STATEMENT_METER_COUNT:
        return lower_meter_count(lowering, statement);
    case STATEMENT_LOG:
        return lower_log(lowering, statement);
    case STATEMENT_VERDICT:
        return lower_verdict(lowering, statement);
    }
    return -EINVAL;
}

int expressions_add(struct nftnl_rule *target, const struct rule *rule)
{
    struct lowering lowering = {.rule = target};
    int r;

    for (size_t i = 0; i < rule->n_statements; i++) {
        r = lower(&lowering, &rule->statements[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A statement takes at most a dependency of each kind, a load of each field and three expressions
 * of its own, none of them longer than 128 bytes without the names in it. */
size_t expressions_room(const struct rule *rule)
{
    size_t room = 1024;

    for (size_t i = 0; i < rule->n_statements; i++) {
        room += (6 + FIELDS_MAX + 3) * (size_t)128;
        if (rule->statements[i].object)
            room += strlen(rule->statements[i].object);
    }
    return room;
}
