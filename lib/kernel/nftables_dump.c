/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The table as the kernel holds it, as a ruleset. Dumps are taken one after the other, and what
 * they say fits together only if the generation id was the same before the first and after the
 * last; else all is read again.
 *
 * What a ruleset cannot express (a set with a size, a chain of another type) is not left out: it is
 * read as something that equals nothing, so that a comparison with what is wanted finds it.
 */

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/attributes.h"
#include "kernel/batch.h"
#include "kernel/dump.h"
#include "kernel/elements.h"
#include "kernel/expressions.h"
#include "kernel/nftables_private.h"
#include "kernel/nftnl.h"
#include "kernel/objects.h"

/* Flags of a set that a ruleset expresses, and those that do not change what it does. */
#define SET_FLAGS_KNOWN                                                                            \
    (NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_TIMEOUT | NFT_SET_OBJECT | NFT_SET_CONCAT |          \
     NFT_SET_EXPR | NFT_SET_EVAL)

static bool is_text(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

static int dump_table_message(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const struct nlattr *flags = attributes_find(list, NFTA_TABLE_FLAGS);
    const struct nlattr *owner = attributes_find(list, NFTA_TABLE_OWNER);
    const struct dump *dump = userdata;
    struct ruleset *ruleset = dump->ruleset;
    uint32_t bits = flags ? attribute_u32(flags) : 0;

    ruleset->dormant = bits & NFT_TABLE_F_DORMANT;
    ruleset->owned = bits & TABLE_OWNER;
    ruleset->persists = bits & TABLE_PERSIST;
    ruleset->ours =
        ruleset->owned && owner && attribute_u32(owner) == netlink_port(&dump->nftables->netlink);
    ruleset->to_own = dump->nftables->own && !ruleset->ours;
    return 0;
}

static int dump_table(struct dump *dump)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, NFT_MSG_GETTABLE, 0);

    mnl_attr_put_strz(request, NFTA_TABLE_NAME, dump->ruleset->table);
    return netlink_request(&dump->nftables->netlink, request, dump_table_message, dump);
}

static int dump_request(struct dump *dump, uint16_t type, uint16_t table_attribute,
                        netlink_handler handler)
{
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = nftables_request_new(buffer, type, NLM_F_DUMP);

    mnl_attr_put_strz(request, table_attribute, dump->ruleset->table);
    return netlink_request(&dump->nftables->netlink, request, handler, dump);
}

static int dump_counter(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    const struct nlattr *table = attributes_find(list, NFTA_OBJ_TABLE);
    const struct nlattr *name = attributes_find(list, NFTA_OBJ_NAME);
    const struct nlattr *type = attributes_find(list, NFTA_OBJ_TYPE);
    struct dump *dump = userdata;

    if (!table || !name || !type || !is_text(attribute_string(table), dump->ruleset->table) ||
        attribute_u32(type) != NFT_OBJECT_COUNTER || !attribute_string(name))
        return 0;
    return ruleset_add_counter(dump->ruleset, attribute_string(name));
}

static int dump_chain(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_chain_freep) struct nftnl_chain *object = nftnl_chain_alloc();
    struct dump *dump = userdata;
    struct chain *chain;
    const char *name;
    int r;

    if (!object)
        return -ENOMEM;
    if (nftnl_chain_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    if (!is_text(nftnl_chain_get_str(object, NFTNL_CHAIN_TABLE), dump->ruleset->table))
        return 0;
    name = nftnl_chain_get_str(object, NFTNL_CHAIN_NAME);
    if (!name)
        return -EBADMSG;

    r = ruleset_add_chain(dump->ruleset, name, &chain);
    if (r < 0 || !is_text(nftnl_chain_get_str(object, NFTNL_CHAIN_TYPE), "filter"))
        return r;

    chain->hook = objects_hook(nftnl_chain_get_u32(object, NFTNL_CHAIN_HOOKNUM));
    chain->priority = nftnl_chain_get_s32(object, NFTNL_CHAIN_PRIO);
    chain->policy_drop = nftnl_chain_get_u32(object, NFTNL_CHAIN_POLICY) == NF_DROP;
    return 0;
}

/* Only element counters are known as expressions of a set. */
static int see_set_expression(struct nftnl_expr *expression, void *userdata)
{
    struct set *set = userdata;

    set->counters = is_text(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter");
    return set->counters ? 0 : -1;
}

static enum set_data set_data_of(const struct nftnl_set *object, uint32_t flags)
{
    if (flags & NFT_SET_OBJECT)
        return SET_DATA_COUNTER;
    if (!(flags & NFT_SET_MAP))
        return SET_DATA_NONE;
    return nftnl_set_get_u32(object, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT ? SET_DATA_VERDICT
                                                                              : SET_DATA_MARK;
}

/* True where the set is one that a ruleset can express; else it equals none. */
static bool describe_set(const struct nftnl_set *object, struct set *set)
{
    uint32_t flags = nftnl_set_get_u32(object, NFTNL_SET_FLAGS);
    uint32_t key = nftnl_set_get_u32(object, NFTNL_SET_KEY_TYPE);
    uint64_t timeout = nftnl_set_get_u64(object, NFTNL_SET_TIMEOUT);

    if (objects_key_types(key, set->key, &set->n_key) < 0 || flags & ~(uint32_t)SET_FLAGS_KNOWN ||
        timeout % 1000 != 0 || timeout / 1000 > UINT32_MAX)
        return false;
    set->dynamic = flags & NFT_SET_EVAL;
    set->size = nftnl_set_get_u32(object, NFTNL_SET_DESC_SIZE);
    set->lifetime = (uint32_t)(timeout / 1000);
    if (!set->dynamic && (set->size > 0 || set->lifetime > 0))
        return false;

    set->key_length = datatypes_length(set->key, set->n_key);
    set->data = set_data_of(object, flags);
    set->interval = flags & NFT_SET_INTERVAL;
    set->timeout = flags & NFT_SET_TIMEOUT;
    if (set->data == SET_DATA_MARK &&
        nftnl_set_get_u32(object, NFTNL_SET_DATA_TYPE) != datatype_number(DATATYPE_MARK))
        return false;
    if (set->data == SET_DATA_COUNTER &&
        nftnl_set_get_u32(object, NFTNL_SET_OBJ_TYPE) != NFT_OBJECT_COUNTER)
        return false;
    return nftnl_set_expr_foreach(object, see_set_expression, set) >= 0 &&
           nftnl_set_get_u32(object, NFTNL_SET_KEY_LEN) == elements_key_length(set);
}

static int dump_set(const struct nlmsghdr *message, void *userdata)
{
    cleanup_(nftnl_set_freep) struct nftnl_set *object = nftnl_set_alloc();
    struct dump *dump = userdata;
    struct set *set, seen = {0};
    const char *name;
    bool known;
    int r;

    if (!object)
        return -ENOMEM;
    if (nftnl_set_nlmsg_parse(message, object) < 0)
        return -EBADMSG;
    /* A set without a name of its own belongs to a rule, which then is foreign. */
    if (!is_text(nftnl_set_get_str(object, NFTNL_SET_TABLE), dump->ruleset->table) ||
        nftnl_set_get_u32(object, NFTNL_SET_FLAGS) & NFT_SET_ANONYMOUS)
        return 0;

    name = nftnl_set_get_str(object, NFTNL_SET_NAME);
    if (!name)
        return -EBADMSG;
    known = describe_set(object, &seen);
    r = ruleset_add_set(dump->ruleset, name, seen.key, known ? seen.n_key : 0, seen.data, &set);
    if (r < 0 || !known)
        return r;
    set->interval = seen.interval;
    set->timeout = seen.timeout;
    set->counters = seen.counters;
    set->dynamic = seen.dynamic;
    set->size = seen.size;
    set->lifetime = seen.lifetime;
    return 0;
}

/* Everything but rules' meaning and elements, which stand in files of their own. */
static int dump_objects(struct dump *dump)
{
    int r = dump_table(dump);

    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, dump_counter);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETSET, NFTA_SET_TABLE, dump_set);
    for (size_t i = 0; r == 0 && i < dump->ruleset->n_sets; i++)
        r = dump_elements(dump, &dump->ruleset->sets[i]);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, dump_chain);
    if (r == 0)
        r = dump_request(dump, NFT_MSG_GETRULE, NFTA_RULE_TABLE, dump_rule);
    return r;
}

/* Waits until no commit is under way: a transaction without content needs the kernel's turn too. */
static int wait_for_commits(struct nftables *nftables)
{
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(batch_freep) struct batch *batch = NULL;
    int r = batch_new(&nftables->netlink, &batch);

    return r < 0 ? r : batch_commit(batch, &errors);
}

static bool has_duplicates(const struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->n_sets; i++) {
        const struct set *set = &ruleset->sets[i];

        for (size_t j = 1; j < set->n_elements; j++)
            if (element_compare(set, &set->elements[j - 1], &set->elements[j]) == 0)
                return true;
    }
    return false;
}

/* Returns -EINTR where something changed meanwhile. */
static int dump_once(struct nftables *nftables, const char *table, const struct ruleset *expected,
                     struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct dump dump = {.nftables = nftables, .expected = expected, .now = calendar_now()};
    uint32_t before, after;
    int r = ruleset_new(table, &ruleset), end;

    if (r < 0)
        return r;
    r = nftables_generation(nftables, &before);
    if (r == 0)
        r = wait_for_commits(nftables);
    if (r < 0)
        return r;

    dump.ruleset = ruleset;
    r = dump_objects(&dump);
    end = nftables_generation(nftables, &after);
    if (end < 0)
        return end;
    if (before != after)
        return -EINTR;
    if (r < 0)
        return r;

    ruleset_finish(ruleset);
    if (has_duplicates(ruleset))
        return -EINTR;
    r = dump_reconcile(&dump);
    if (r < 0)
        return r;

    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

int nftables_dump(struct nftables *nftables, const char *table, const struct ruleset *expected,
                  struct ruleset **ret_ruleset)
{
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++)
        r = dump_once(nftables, table, expected, ret_ruleset);
    return r == -EINTR ? -EAGAIN : r;
}
