/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Rules read back. Statements cannot be had from expressions in general, but what matters is
 * whether a rule is the one that is wanted: so the wanted rule is lowered as for the kernel, and
 * where both do the same, the kernel's rule is that rule. Any other rule is foreign and keeps its
 * expressions as text.
 */

#include "kernel/dump.h"

#include <errno.h>
#include <string.h>

#include "kernel/expressions.h"
#include "kernel/nftnl.h"

/* The chain of that name among those just read, not yet sorted; NULL where there is none. */
static struct chain *dump_chain_of(struct dump *dump, const char *name)
{
    struct ruleset *ruleset = dump->ruleset;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        size_t index = (dump->chain + i) % ruleset->n_chains;

        if (strcmp(ruleset->chains[index].name, name) != 0)
            continue;
        if (index != dump->chain)
            dump->next = 0;
        dump->chain = index;
        return &ruleset->chains[index];
    }
    return NULL;
}

/* The rule as the kernel would hold it. NULL: no memory. */
static struct nftnl_rule *lower_rule(const struct rule *rule)
{
    cleanup_(nftnl_rule_freep) struct nftnl_rule *lowered = nftnl_rule_alloc();

    if (!lowered || expressions_add(lowered, rule) < 0)
        return NULL;
    return TAKE_PTR(lowered);
}

/* The next expected rule of the chain that does the same, or NULL. Rules come in the order in which
 * they are judged, so one that stands before an expected rule already found is not that rule. */
static int find_expected(struct dump *dump, const struct chain *expected,
                         const struct nftnl_rule *object, const struct rule **ret_rule)
{
    *ret_rule = NULL;
    for (size_t i = dump->next; i < expected->n_rules; i++) {
        cleanup_(nftnl_rule_freep) struct nftnl_rule *lowered = lower_rule(&expected->rules[i]);

        if (!lowered)
            return -ENOMEM;
        if (!expressions_equal(lowered, object))
            continue;
        *ret_rule = &expected->rules[i];
        dump->next = i + 1;
        return 0;
    }
    return 0;
}

static int add_foreign(struct dump *dump, struct chain *chain, const struct nftnl_rule *object)
{
    const char *text = expressions_text(dump->ruleset->arena, object);
    int r;

    if (!text)
        return -ENOMEM;
    r = ruleset_add_rule(dump->ruleset, chain, NULL, 0);
    if (r == 0)
        chain->rules[chain->n_rules - 1].foreign = text;
    return r;
}

int dump_rule(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_rule_freep) struct nftnl_rule *object = nftnl_rule_alloc();
    const struct chain *expected = NULL;
    const struct rule *rule = NULL;
    struct dump *dump = userdata;
    const char *table, *name;
    struct chain *chain;
    int r = 0;

    if (!object)
        return -ENOMEM;
    if (nftnl_rule_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    table = nftnl_rule_get_str(object, NFTNL_RULE_TABLE);
    name = nftnl_rule_get_str(object, NFTNL_RULE_CHAIN);
    if (!table || !name)
        return -EBADMSG;
    if (strcmp(table, dump->ruleset->table) != 0)
        return 0;

    /* A rule of a chain that was not there a moment ago: the generation id has changed too. */
    chain = dump_chain_of(dump, name);
    if (!chain)
        return -EINTR;
    if (dump->expected)
        expected = ruleset_find_chain(dump->expected, chain->name);

    if (expected)
        r = find_expected(dump, expected, object, &rule);
    if (r < 0)
        return r;
    if (!rule)
        return add_foreign(dump, chain, object);
    return ruleset_add_rule(dump->ruleset, chain, rule->statements, rule->n_statements);
}
