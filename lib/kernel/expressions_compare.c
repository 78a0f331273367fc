/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whether the kernel's rule is the one that was asked for. Compared attribute by attribute: the
 * text that libnftnl prints leaves out lengths, and a rule altered in those would pass for its
 * original. What is no part of a rule's meaning, such as the tokens a limit has left, is not in the
 * table below, and an expression that is not in it equals nothing.
 */

#include "kernel/expressions.h"

#include <stdio.h>
#include <string.h>

#define ATTRIBUTES_MAX 6
/* Expressions of a dynamic set's elements, NFT_SET_EXPR_MAX. */
#define COPIED_MAX 2

struct expression_row {
    const char *name;
    uint16_t attributes[ATTRIBUTES_MAX];
    size_t n_attributes;
};

static const struct expression_row rows[] = {
    {"meta", {NFTNL_EXPR_META_KEY, NFTNL_EXPR_META_DREG, NFTNL_EXPR_META_SREG}, 3},
    {"ct", {NFTNL_EXPR_CT_KEY, NFTNL_EXPR_CT_DIR, NFTNL_EXPR_CT_DREG, NFTNL_EXPR_CT_SREG}, 4},
    {"payload",
     {NFTNL_EXPR_PAYLOAD_BASE, NFTNL_EXPR_PAYLOAD_OFFSET, NFTNL_EXPR_PAYLOAD_LEN,
      NFTNL_EXPR_PAYLOAD_DREG, NFTNL_EXPR_PAYLOAD_SREG},
     5},
    {"fib", {NFTNL_EXPR_FIB_DREG, NFTNL_EXPR_FIB_RESULT, NFTNL_EXPR_FIB_FLAGS}, 3},
    {"cmp", {NFTNL_EXPR_CMP_SREG, NFTNL_EXPR_CMP_OP, NFTNL_EXPR_CMP_DATA}, 3},
    {"bitwise",
     {NFTNL_EXPR_BITWISE_SREG, NFTNL_EXPR_BITWISE_DREG, NFTNL_EXPR_BITWISE_LEN,
      NFTNL_EXPR_BITWISE_MASK, NFTNL_EXPR_BITWISE_XOR, NFTNL_EXPR_BITWISE_DATA},
     6},
    {"lookup",
     {NFTNL_EXPR_LOOKUP_SREG, NFTNL_EXPR_LOOKUP_DREG, NFTNL_EXPR_LOOKUP_SET,
      NFTNL_EXPR_LOOKUP_FLAGS},
     4},
    {"objref",
     {NFTNL_EXPR_OBJREF_IMM_TYPE, NFTNL_EXPR_OBJREF_IMM_NAME, NFTNL_EXPR_OBJREF_SET_SREG,
      NFTNL_EXPR_OBJREF_SET_NAME},
     4},
    {"limit",
     {NFTNL_EXPR_LIMIT_RATE, NFTNL_EXPR_LIMIT_UNIT, NFTNL_EXPR_LIMIT_BURST, NFTNL_EXPR_LIMIT_TYPE,
      NFTNL_EXPR_LIMIT_FLAGS},
     5},
    {"connlimit", {NFTNL_EXPR_CONNLIMIT_COUNT, NFTNL_EXPR_CONNLIMIT_FLAGS}, 2},
    {"dynset",
     {NFTNL_EXPR_DYNSET_SREG_KEY, NFTNL_EXPR_DYNSET_SREG_DATA, NFTNL_EXPR_DYNSET_OP,
      NFTNL_EXPR_DYNSET_SET_NAME},
     4},
    {"log",
     {NFTNL_EXPR_LOG_PREFIX, NFTNL_EXPR_LOG_GROUP, NFTNL_EXPR_LOG_SNAPLEN,
      NFTNL_EXPR_LOG_QTHRESHOLD, NFTNL_EXPR_LOG_LEVEL, NFTNL_EXPR_LOG_FLAGS},
     6},
    {"immediate",
     {NFTNL_EXPR_IMM_DREG, NFTNL_EXPR_IMM_DATA, NFTNL_EXPR_IMM_VERDICT, NFTNL_EXPR_IMM_CHAIN},
     4},
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
        for (size_t i = 0; i < rows[row].n_attributes; i++)
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
