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

#include "kernel/elements.h"

/* What the kernel takes where no burst is given, NFT_LIMIT_PKT_BURST_DEFAULT. */
#define BURST_DEFAULT 5

enum source_kind {
    SOURCE_META,
    SOURCE_CT,
    SOURCE_CT_TUPLE,
    SOURCE_PAYLOAD,
    SOURCE_FIB,
    SOURCE_RT,
};

struct source {
    enum source_kind kind;
    uint32_t key;    /* of meta, ct and rt, base of a payload, result of a fib */
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
    [FIELD_IIF] = {SOURCE_META, NFT_META_IIF},
    [FIELD_OIF] = {SOURCE_META, NFT_META_OIF},
    [FIELD_CT_STATE] = {SOURCE_CT, NFT_CT_STATE},
    [FIELD_CT_STATUS] = {SOURCE_CT, NFT_CT_STATUS},
    [FIELD_CT_DIRECTION] = {SOURCE_CT, NFT_CT_DIRECTION},
    [FIELD_CT_MARK] = {SOURCE_CT, NFT_CT_MARK},
    [FIELD_CT_ZONE] = {SOURCE_CT, NFT_CT_ZONE},
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
    [FIELD_ICMPV6_QUOTED] = {SOURCE_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 14, NFPROTO_IPV6,
                             IPPROTO_ICMPV6},
    [FIELD_FIB_SADDR_TYPE] = {SOURCE_FIB, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_SADDR},
    [FIELD_FIB_DADDR_TYPE] = {SOURCE_FIB, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR},
    [FIELD_META_IPSEC] = {SOURCE_META, NFT_META_SECPATH},
    [FIELD_RT_IPSEC] = {SOURCE_RT, NFT_RT_XFRM},
};

/* The first error is kept: after it nothing more is added. */
struct lowering {
    struct nftnl_rule *rule;
    struct nftnl_expr *expression; /* the last, which the rule owns; NULL after an error */
    int error;                     /* 0 or -ENOMEM */
    /* What the rule has tested so far. */
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

static void append(struct lowering *lowering, const char *name)
{
    lowering->expression = lowering->error == 0 ? nftnl_expr_alloc(name) : NULL;
    if (lowering->expression)
        nftnl_rule_add_expr(lowering->rule, lowering->expression);
    else
        lowering->error = -ENOMEM;
}

/* Sets an attribute of the last expression, as do the next two. */
static void put(struct lowering *lowering, uint16_t attribute, uint32_t number)
{
    if (lowering->expression)
        nftnl_expr_set_u32(lowering->expression, attribute, number);
}

static void put_bytes(struct lowering *lowering, uint16_t attribute, const void *bytes,
                      size_t length)
{
    if (lowering->expression &&
        nftnl_expr_set(lowering->expression, attribute, bytes, (uint32_t)length) < 0)
        lowering->error = -ENOMEM;
}

static void put_text(struct lowering *lowering, uint16_t attribute, const char *text)
{
    put_bytes(lowering, attribute, text, strlen(text) + 1);
}

/* Loads the first `length` bytes of a field. */
static void load(struct lowering *lowering, enum field field, size_t word, size_t length)
{
    static const char *const names[] = {
        [SOURCE_META] = "meta",       [SOURCE_CT] = "ct",   [SOURCE_CT_TUPLE] = "ct",
        [SOURCE_PAYLOAD] = "payload", [SOURCE_FIB] = "fib", [SOURCE_RT] = "rt",
    };
    const struct source *source = &sources[field];
    uint8_t direction = (uint8_t)source->offset;

    append(lowering, names[source->kind]);
    switch (source->kind) {
    case SOURCE_META:
        put(lowering, NFTNL_EXPR_META_KEY, source->key);
        put(lowering, NFTNL_EXPR_META_DREG, register_at(word));
        break;
    case SOURCE_CT_TUPLE:
        put_bytes(lowering, NFTNL_EXPR_CT_DIR, &direction, sizeof(direction));
        /* fall through */
    case SOURCE_CT:
        put(lowering, NFTNL_EXPR_CT_KEY, source->key);
        put(lowering, NFTNL_EXPR_CT_DREG, register_at(word));
        break;
    case SOURCE_PAYLOAD:
        put(lowering, NFTNL_EXPR_PAYLOAD_BASE, source->key);
        put(lowering, NFTNL_EXPR_PAYLOAD_OFFSET, source->offset);
        put(lowering, NFTNL_EXPR_PAYLOAD_LEN, (uint32_t)length);
        put(lowering, NFTNL_EXPR_PAYLOAD_DREG, register_at(word));
        break;
    case SOURCE_FIB:
        put(lowering, NFTNL_EXPR_FIB_RESULT, source->key);
        put(lowering, NFTNL_EXPR_FIB_FLAGS, source->offset);
        put(lowering, NFTNL_EXPR_FIB_DREG, register_at(word));
        break;
    case SOURCE_RT:
        put(lowering, NFTNL_EXPR_RT_KEY, source->key);
        put(lowering, NFTNL_EXPR_RT_DREG, register_at(word));
        break;
    }
}

static void compare(struct lowering *lowering, uint32_t operation, const void *value, size_t length)
{
    append(lowering, "cmp");
    put(lowering, NFTNL_EXPR_CMP_SREG, register_at(0));
    put(lowering, NFTNL_EXPR_CMP_OP, operation);
    put_bytes(lowering, NFTNL_EXPR_CMP_DATA, value, length);
}

/* (register & bits) ^ flipped */
static void combine(struct lowering *lowering, size_t word, const void *bits, const void *flipped,
                    size_t length)
{
    append(lowering, "bitwise");
    put(lowering, NFTNL_EXPR_BITWISE_SREG, register_at(word));
    put(lowering, NFTNL_EXPR_BITWISE_DREG, register_at(word));
    put(lowering, NFTNL_EXPR_BITWISE_LEN, (uint32_t)length);
    put_bytes(lowering, NFTNL_EXPR_BITWISE_MASK, bits, length);
    put_bytes(lowering, NFTNL_EXPR_BITWISE_XOR, flipped, length);
}

static void mask(struct lowering *lowering, size_t word, const void *bits, size_t length)
{
    static const uint8_t zero[16];

    combine(lowering, word, bits, zero, length);
}

static void require_byte(struct lowering *lowering, enum field field, uint8_t value,
                         uint8_t *tested)
{
    if (value == 0 || *tested == value)
        return;

    *tested = value;
    load(lowering, field, 0, sizeof(value));
    compare(lowering, NFT_CMP_EQ, &value, sizeof(value));
}

/* Other links than Ethernet have no hardware address where Ethernet has it. */
static void require_ether(struct lowering *lowering)
{
    static const uint16_t type = ARPHRD_ETHER;

    if (lowering->ether)
        return;

    append(lowering, "meta");
    lowering->ether = true;
    put(lowering, NFTNL_EXPR_META_KEY, NFT_META_IIFTYPE);
    put(lowering, NFTNL_EXPR_META_DREG, register_at(0));
    compare(lowering, NFT_CMP_EQ, &type, sizeof(type));
}

static void require(struct lowering *lowering, enum field field)
{
    require_byte(lowering, FIELD_NFPROTO, sources[field].nfproto, &lowering->nfproto);
    require_byte(lowering, FIELD_L4PROTO, sources[field].l4proto, &lowering->l4proto);
    if (sources[field].ether)
        require_ether(lowering);
}

/* Loads all fields of the statement side by side, from the first register on. */
static void load_fields(struct lowering *lowering, const struct statement *statement)
{
    size_t word = 0;

    for (size_t i = 0; i < statement->n_fields; i++)
        require(lowering, statement->fields[i]);

    for (size_t i = 0; i < statement->n_fields; i++) {
        size_t length = field_length(statement->fields[i]);

        load(lowering, statement->fields[i], word, length);
        if (statement->fields[i] == FIELD_CT_MARK && statement->mark_mask != 0)
            mask(lowering, word, &statement->mark_mask, length);
        word += (length + 3) / 4;
    }
}

static void lower_bits(struct lowering *lowering, const struct statement *statement)
{
    static const uint32_t none;

    load(lowering, statement->fields[0], 0, sizeof(none));
    mask(lowering, 0, statement->value, sizeof(none));
    compare(lowering, statement->negate ? NFT_CMP_EQ : NFT_CMP_NEQ, &none, sizeof(none));
}

/* Whole bytes of a prefix are compared alone, as nft does it; other prefixes need a mask. */
static void lower_prefix(struct lowering *lowering, const struct statement *statement)
{
    enum field field = statement->fields[0];
    uint32_t operation = statement->negate ? NFT_CMP_NEQ : NFT_CMP_EQ;
    size_t length = field_length(field), bytes = statement->prefix / 8u;
    uint8_t bits[16] = {0}, value[16] = {0};

    if (statement->prefix % 8 == 0) {
        load(lowering, field, 0, sources[field].kind == SOURCE_PAYLOAD ? bytes : length);
        compare(lowering, operation, statement->value, bytes);
        return;
    }

    memset(bits, 0xff, bytes);
    bits[bytes] = (uint8_t)(0xff << (8 - statement->prefix % 8));
    for (size_t i = 0; i < length; i++)
        value[i] = statement->value[i] & bits[i];

    load(lowering, field, 0, length);
    mask(lowering, 0, bits, length);
    compare(lowering, operation, value, length);
}

static void lower_match(struct lowering *lowering, const struct statement *statement)
{
    enum field field = statement->fields[0];
    size_t length = field_length(field);

    if (field == FIELD_CT_STATE || field == FIELD_CT_STATUS) {
        lower_bits(lowering, statement);
        return;
    }
    require(lowering, field);
    if (statement->prefix > 0 && statement->prefix < length * 8) {
        lower_prefix(lowering, statement);
        return;
    }

    load(lowering, field, 0, length);
    compare(lowering, statement->negate ? NFT_CMP_NEQ : NFT_CMP_EQ, statement->value, length);
    if (statement->negate)
        return;

    if (field == FIELD_NFPROTO)
        lowering->nfproto = statement->value[0];
    if (field == FIELD_L4PROTO)
        lowering->l4proto = statement->value[0];
}

/* Looks the fields up in a set, or in a map, whose data then is in `data_register`. */
static void lower_lookup(struct lowering *lowering, const struct statement *statement, bool is_map,
                         uint32_t data_register)
{
    load_fields(lowering, statement);
    append(lowering, "lookup");
    put(lowering, NFTNL_EXPR_LOOKUP_SREG, register_at(0));
    if (is_map)
        put(lowering, NFTNL_EXPR_LOOKUP_DREG, data_register);
    put(lowering, NFTNL_EXPR_LOOKUP_FLAGS, statement->negate ? NFT_LOOKUP_F_INV : 0);
    put_text(lowering, NFTNL_EXPR_LOOKUP_SET, statement->object);
}

static void lower_set_ct_mark(struct lowering *lowering, const struct statement *statement)
{
    lower_lookup(lowering, statement, true, register_at(0));
    append(lowering, "ct");
    put(lowering, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
    put(lowering, NFTNL_EXPR_CT_SREG, register_at(0));
}

static void lower_set_ct_number(struct lowering *lowering, const struct statement *statement)
{
    enum field field = statement->fields[0];

    append(lowering, "immediate");
    put(lowering, NFTNL_EXPR_IMM_DREG, register_at(0));
    put_bytes(lowering, NFTNL_EXPR_IMM_DATA, statement->value, field_length(field));
    append(lowering, "ct");
    put(lowering, NFTNL_EXPR_CT_KEY, sources[field].key);
    put(lowering, NFTNL_EXPR_CT_SREG, register_at(0));
}

/* As nft writes it: what is set is left by the mask, and flipped where it was not. */
static void lower_write_mark(struct lowering *lowering, const struct statement *statement)
{
    uint32_t kept = ~statement->mark_mask;

    load(lowering, FIELD_CT_MARK, 0, sizeof(kept));
    combine(lowering, 0, &kept, &statement->mark, sizeof(kept));
    append(lowering, "ct");
    put(lowering, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
    put(lowering, NFTNL_EXPR_CT_SREG, register_at(0));
}

static void lower_counter(struct lowering *lowering, const struct statement *statement)
{
    append(lowering, "objref");
    put(lowering, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    put_text(lowering, NFTNL_EXPR_OBJREF_IMM_NAME, statement->object);
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

static void lower_limit(struct lowering *lowering, const struct statement *statement)
{
    append(lowering, "limit");
    if (lowering->expression)
        fill_limit(lowering->expression, statement, 1);
}

/* A budget or counter for each key: `budget` is the expression that every element gets a copy of.
 */
static void lower_meter(struct lowering *lowering, const struct statement *statement,
                        uint32_t operation, struct nftnl_expr *budget)
{
    cleanup_(nftnl_expr_freep) struct nftnl_expr *owned = budget;

    if (!owned) {
        lowering->error = -ENOMEM;
        return;
    }
    load_fields(lowering, statement);
    append(lowering, "dynset");
    put(lowering, NFTNL_EXPR_DYNSET_SREG_KEY, register_at(0));
    put(lowering, NFTNL_EXPR_DYNSET_OP, operation);
    put_text(lowering, NFTNL_EXPR_DYNSET_SET_NAME, statement->object);
    if (lowering->expression)
        nftnl_expr_add_expr(lowering->expression, NFTNL_EXPR_DYNSET_EXPRESSIONS, TAKE_PTR(owned));
}

static void lower_meter_rate(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *limit = nftnl_expr_alloc("limit");

    if (limit)
        fill_limit(limit, statement, statement->per_seconds);
    lower_meter(lowering, statement, NFT_DYNSET_OP_UPDATE, limit);
}

static void lower_meter_count(struct lowering *lowering, const struct statement *statement)
{
    struct nftnl_expr *count = nftnl_expr_alloc("connlimit");

    if (count)
        nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_COUNT, statement->rate);
    lower_meter(lowering, statement, NFT_DYNSET_OP_ADD, count);
}

static void lower_tally(struct lowering *lowering, const struct statement *statement)
{
    lower_meter(lowering, statement, NFT_DYNSET_OP_ADD, nftnl_expr_alloc("counter"));
}

static void lower_log(struct lowering *lowering, const struct statement *statement)
{
    append(lowering, "log");
    put_bytes(lowering, NFTNL_EXPR_LOG_GROUP, &statement->group, sizeof(statement->group));
    if (statement->snaplen > 0)
        put(lowering, NFTNL_EXPR_LOG_SNAPLEN, statement->snaplen);
    if (statement->object)
        put_text(lowering, NFTNL_EXPR_LOG_PREFIX, statement->object);
}

static void lower_verdict(struct lowering *lowering, const struct statement *statement)
{
    append(lowering, "immediate");
    put(lowering, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    put(lowering, NFTNL_EXPR_IMM_VERDICT, (uint32_t)elements_verdict_codes[statement->verdict]);
    if (statement->object)
        put_text(lowering, NFTNL_EXPR_IMM_CHAIN, statement->object);
}

static void lower_reset(struct lowering *lowering, const struct statement *statement)
{
    (void)statement;
    append(lowering, "reject");
    put(lowering, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
}

static void lower_prohibit(struct lowering *lowering, const struct statement *statement)
{
    static const uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

    (void)statement;
    append(lowering, "reject");
    put(lowering, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
    put_bytes(lowering, NFTNL_EXPR_REJECT_CODE, &code, sizeof(code));
}

static void lower_set_lookup(struct lowering *lowering, const struct statement *statement)
{
    lower_lookup(lowering, statement, false, 0);
}

static void lower_verdict_map(struct lowering *lowering, const struct statement *statement)
{
    lower_lookup(lowering, statement, true, NFT_REG_VERDICT);
}

int expressions_add(struct nftnl_rule *target, const struct rule *rule)
{
    static void (*const lower[])(struct lowering *, const struct statement *) = {
        [STATEMENT_MATCH] = lower_match,
        [STATEMENT_LOOKUP] = lower_set_lookup,
        [STATEMENT_VERDICT_MAP] = lower_verdict_map,
        [STATEMENT_SET_CT_MARK] = lower_set_ct_mark,
        [STATEMENT_SET_CT_NUMBER] = lower_set_ct_number,
        [STATEMENT_WRITE_MARK] = lower_write_mark,
        [STATEMENT_COUNTER] = lower_counter,
        [STATEMENT_LIMIT] = lower_limit,
        [STATEMENT_METER_RATE] = lower_meter_rate,
        [STATEMENT_METER_COUNT] = lower_meter_count,
        [STATEMENT_TALLY] = lower_tally,
        [STATEMENT_LOG] = lower_log,
        [STATEMENT_VERDICT] = lower_verdict,
        [STATEMENT_RESET] = lower_reset,
        [STATEMENT_PROHIBIT] = lower_prohibit,
    };
    struct lowering lowering = {.rule = target};

    for (size_t i = 0; i < rule->n_statements; i++)
        lower[rule->statements[i].kind](&lowering, &rule->statements[i]);
    return lowering.error;
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

#define ATTRIBUTES_MAX 6
/* Expressions of a dynamic set's elements, NFT_SET_EXPR_MAX. */
#define COPIED_MAX 2

struct expression_row {
    const char *name;
    uint16_t attributes[ATTRIBUTES_MAX + 1]; /* up to a zero */
};

/*
 * Whether the kernel's rule is the one that was asked for. Compared attribute by attribute: the
 * text that libnftnl prints leaves out lengths, and a rule altered in those would pass for its
 * original. What is no part of a rule's meaning, such as the tokens a limit has left, is not in the
 * table below, and an expression that is not in it equals nothing.
 */
static const struct expression_row rows[] = {
    {"meta", {NFTNL_EXPR_META_KEY, NFTNL_EXPR_META_DREG, NFTNL_EXPR_META_SREG}},
    {"ct", {NFTNL_EXPR_CT_KEY, NFTNL_EXPR_CT_DIR, NFTNL_EXPR_CT_DREG, NFTNL_EXPR_CT_SREG}},
    {"payload",
     {NFTNL_EXPR_PAYLOAD_BASE, NFTNL_EXPR_PAYLOAD_OFFSET, NFTNL_EXPR_PAYLOAD_LEN,
      NFTNL_EXPR_PAYLOAD_DREG, NFTNL_EXPR_PAYLOAD_SREG}},
    {"fib", {NFTNL_EXPR_FIB_DREG, NFTNL_EXPR_FIB_RESULT, NFTNL_EXPR_FIB_FLAGS}},
    {"rt", {NFTNL_EXPR_RT_KEY, NFTNL_EXPR_RT_DREG}},
    {"cmp", {NFTNL_EXPR_CMP_SREG, NFTNL_EXPR_CMP_OP, NFTNL_EXPR_CMP_DATA}},
    {"bitwise",
     {NFTNL_EXPR_BITWISE_SREG, NFTNL_EXPR_BITWISE_DREG, NFTNL_EXPR_BITWISE_LEN,
      NFTNL_EXPR_BITWISE_MASK, NFTNL_EXPR_BITWISE_XOR, NFTNL_EXPR_BITWISE_DATA}},
    {"lookup",
     {NFTNL_EXPR_LOOKUP_SREG, NFTNL_EXPR_LOOKUP_DREG, NFTNL_EXPR_LOOKUP_SET,
      NFTNL_EXPR_LOOKUP_FLAGS}},
    {"objref",
     {NFTNL_EXPR_OBJREF_IMM_TYPE, NFTNL_EXPR_OBJREF_IMM_NAME, NFTNL_EXPR_OBJREF_SET_SREG,
      NFTNL_EXPR_OBJREF_SET_NAME}},
    {"limit",
     {NFTNL_EXPR_LIMIT_RATE, NFTNL_EXPR_LIMIT_UNIT, NFTNL_EXPR_LIMIT_BURST, NFTNL_EXPR_LIMIT_TYPE,
      NFTNL_EXPR_LIMIT_FLAGS}},
    {"counter", {0}},
    {"connlimit", {NFTNL_EXPR_CONNLIMIT_COUNT, NFTNL_EXPR_CONNLIMIT_FLAGS}},
    {"dynset",
     {NFTNL_EXPR_DYNSET_SREG_KEY, NFTNL_EXPR_DYNSET_SREG_DATA, NFTNL_EXPR_DYNSET_OP,
      NFTNL_EXPR_DYNSET_SET_NAME}},
    {"log",
     {NFTNL_EXPR_LOG_PREFIX, NFTNL_EXPR_LOG_GROUP, NFTNL_EXPR_LOG_SNAPLEN,
      NFTNL_EXPR_LOG_QTHRESHOLD, NFTNL_EXPR_LOG_LEVEL, NFTNL_EXPR_LOG_FLAGS}},
    {"immediate",
     {NFTNL_EXPR_IMM_DREG, NFTNL_EXPR_IMM_DATA, NFTNL_EXPR_IMM_VERDICT, NFTNL_EXPR_IMM_CHAIN}},
    {"reject", {NFTNL_EXPR_REJECT_TYPE, NFTNL_EXPR_REJECT_CODE}},
};

static bool attribute_equal(const struct nftnl_expr *a, const struct nftnl_expr *b,
                            uint16_t attribute)
{
    uint32_t length_a = 0, length_b = 0;
    const void *bytes_a, *bytes_b;

    if (nftnl_expr_is_set(a, attribute) != nftnl_expr_is_set(b, attribute))
        return false;
    if (!nftnl_expr_is_set(a, attribute))
        return true;

    bytes_a = nftnl_expr_get(a, attribute, &length_a);
    bytes_b = nftnl_expr_get(b, attribute, &length_b);
    return length_a == length_b && (length_a == 0 || memcmp(bytes_a, bytes_b, length_a) == 0);
}

static bool attributes_equal(const struct nftnl_expr *a, const struct nftnl_expr *b)
{
    const char *name = nftnl_expr_get_str(a, NFTNL_EXPR_NAME);

    if (strcmp(name, nftnl_expr_get_str(b, NFTNL_EXPR_NAME)) != 0)
        return false;

    for (size_t row = 0; row < ELEMENTS_OF(rows); row++) {
        if (strcmp(rows[row].name, name) != 0)
            continue;
        for (size_t i = 0; rows[row].attributes[i] != 0; i++)
            if (!attribute_equal(a, b, rows[row].attributes[i]))
                return false;
        return true;
    }
    return false;
}

/* What each element of a dynamic set gets a copy of. */
struct copied {
    const struct nftnl_expr *expressions[COPIED_MAX];
    size_t n_expressions;
};

static int collect_copied(struct nftnl_expr *expression, void *userdata)
{
    struct copied *copied = userdata;

    if (copied->n_expressions == COPIED_MAX)
        return -1;
    copied->expressions[copied->n_expressions++] = expression;
    return 0;
}

/* The kernel also writes a timeout and flags that are zero. */
static bool dynset_equal(const struct nftnl_expr *a, const struct nftnl_expr *b)
{
    struct copied copied_a = {0}, copied_b = {0};

    if (nftnl_expr_get_u64(a, NFTNL_EXPR_DYNSET_TIMEOUT) !=
            nftnl_expr_get_u64(b, NFTNL_EXPR_DYNSET_TIMEOUT) ||
        nftnl_expr_get_u32(a, NFTNL_EXPR_DYNSET_FLAGS) !=
            nftnl_expr_get_u32(b, NFTNL_EXPR_DYNSET_FLAGS) ||
        nftnl_expr_expr_foreach(a, collect_copied, &copied_a) < 0 ||
        nftnl_expr_expr_foreach(b, collect_copied, &copied_b) < 0 ||
        copied_a.n_expressions != copied_b.n_expressions)
        return false;

    for (size_t i = 0; i < copied_a.n_expressions; i++)
        if (!attributes_equal(copied_a.expressions[i], copied_b.expressions[i]))
            return false;
    return true;
}

static bool expression_equal(const struct nftnl_expr *a, const struct nftnl_expr *b)
{
    return attributes_equal(a, b) &&
           (strcmp(nftnl_expr_get_str(a, NFTNL_EXPR_NAME), "dynset") != 0 || dynset_equal(a, b));
}

bool expressions_equal(const struct nftnl_rule *a, const struct nftnl_rule *b)
{
    cleanup_(nftnl_expr_iter_destroyp) struct nftnl_expr_iter *iter_a = nftnl_expr_iter_create(a);
    cleanup_(nftnl_expr_iter_destroyp) struct nftnl_expr_iter *iter_b = nftnl_expr_iter_create(b);
    struct nftnl_expr *expression_a, *expression_b;

    /* Without memory the rule counts as changed, which is the safe side. */
    if (!iter_a || !iter_b)
        return false;

    do {
        expression_a = nftnl_expr_iter_next(iter_a);
        expression_b = nftnl_expr_iter_next(iter_b);
        if (!expression_a || !expression_b)
            return expression_a == expression_b;
    } while (expression_equal(expression_a, expression_b));
    return false;
}

const char *expressions_text(struct arena *arena, const struct nftnl_rule *rule)
{
    cleanup_(nftnl_expr_iter_destroyp) struct nftnl_expr_iter *iter = nftnl_expr_iter_create(rule);
    struct nftnl_expr *expression;
    const char *text = "";
    char buffer[1024];

    if (!iter)
        return NULL;

    while ((expression = nftnl_expr_iter_next(iter))) {
        buffer[0] = '\0';
        nftnl_expr_snprintf(buffer, sizeof(buffer), expression, NFTNL_OUTPUT_DEFAULT, 0);
        text = arena_printf(arena, "%s%s[ %s %s]", text, *text ? " " : "",
                            nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), buffer);
        if (!text)
            return NULL;
    }
    return text;
}
