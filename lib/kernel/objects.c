/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables, chains, sets, named counters and rules as messages, through libnftnl's objects. What is
 * added must not be there yet (NLM_F_EXCL): a difference is computed from what the kernel holds,
 * and where that is no longer true the kernel shall refuse rather than mix two rulesets.
 *
 * Of the userdata by which nft describes a set to itself, only byte orders are written: without
 * them nft lists marks and single interface names the wrong way round. The rest follows from the
 * numbers of the types, and not every version of nft reads it.
 */

#include "kernel/objects.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "kernel/elements.h"
#include "kernel/expressions.h"
#include "kernel/nftnl.h"

/* Enough for all but rules: a few names of at most NFT_NAME_MAXLEN and small numbers. */
#define OBJECT_ROOM ((size_t)4096)
/* Bits of a type in the number of a concatenation, TYPE_BITS in nftables' datatype.h. */
#define TYPE_BITS 6
/* BYTEORDER_HOST_ENDIAN in nftables' datatype.h. */
#define NFT_BYTEORDER_HOST 1

/* Not exclusive: a table that is there gets the flags, as far as the kernel allows. */
int objects_add_table(struct batch *batch, const char *table, uint32_t flags,
                      const struct change *change)
{
    cleanup_(nftnl_table_freep) struct nftnl_table *object = nftnl_table_alloc();
    struct nlmsghdr *message;
    int r;

    if (!object || nftnl_table_set_str(object, NFTNL_TABLE_NAME, table) < 0)
        return -ENOMEM;
    nftnl_table_set_u32(object, NFTNL_TABLE_FAMILY, NFPROTO_INET);
    nftnl_table_set_u32(object, NFTNL_TABLE_FLAGS, flags);

    r = batch_start(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, OBJECT_ROOM, &message);
    if (r < 0)
        return r;
    nftnl_table_nlmsg_build_payload(message, object);
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

/* A message that names one object of the table, or the table alone, and no more. */
int objects_delete(struct batch *batch, const char *table, const struct change *change)
{
    static const struct removal {
        uint16_t type;
        uint16_t table_attribute;
        uint16_t name_attribute;
    } removals[] = {
        [CHANGE_DELETE_TABLE] = {NFT_MSG_DELTABLE, NFTA_TABLE_NAME, 0},
        [CHANGE_DELETE_CHAIN] = {NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
        [CHANGE_DELETE_SET] = {NFT_MSG_DELSET, NFTA_SET_TABLE, NFTA_SET_NAME},
        [CHANGE_DELETE_COUNTER] = {NFT_MSG_DELOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME},
        [CHANGE_DELETE_FOREIGN] = {NFT_MSG_DELOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME},
        /* Without the handle of a rule all rules of the chain go. */
        [CHANGE_FLUSH_CHAIN] = {NFT_MSG_DELRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
    };
    static const struct removal flowtable = {NFT_MSG_DELFLOWTABLE, NFTA_FLOWTABLE_TABLE,
                                             NFTA_FLOWTABLE_NAME};
    bool is_flowtable = change->foreign && change->foreign->type == 0;
    const struct removal *removal = is_flowtable ? &flowtable : &removals[change->kind];
    struct nlmsghdr *message;
    const char *name;
    int r = batch_start(batch, removal->type, 0, OBJECT_ROOM, &message);

    if (r < 0)
        return r;
    change_object(change, &name);
    mnl_attr_put_strz(message, removal->table_attribute, table);
    if (name)
        mnl_attr_put_strz(message, removal->name_attribute, name);
    if (change->kind == CHANGE_DELETE_COUNTER)
        mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htobe32(NFT_OBJECT_COUNTER));
    else if (change->foreign && !is_flowtable)
        mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htobe32(change->foreign->type));
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

int objects_flush_set(struct batch *batch, const char *table, const struct change *change,
                      uint16_t flags)
{
    struct nlmsghdr *message;
    int r = batch_start(batch, NFT_MSG_DELSETELEM, flags, OBJECT_ROOM, &message);

    if (r < 0)
        return r;
    /* Without a list, all elements go. */
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, change->set->name);
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

int objects_add_counter(struct batch *batch, const char *table, const struct change *change)
{
    cleanup_(nftnl_obj_freep) struct nftnl_obj *object = nftnl_obj_alloc();
    struct nlmsghdr *message;
    int r;

    if (!object)
        return -ENOMEM;
    nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, table);
    nftnl_obj_set_str(object, NFTNL_OBJ_NAME, change->counter->name);
    if (!nftnl_obj_get_str(object, NFTNL_OBJ_TABLE) || !nftnl_obj_get_str(object, NFTNL_OBJ_NAME))
        return -ENOMEM;
    nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
    nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_PKTS, 0);
    nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_BYTES, 0);

    r = batch_start(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL, OBJECT_ROOM, &message);
    if (r < 0)
        return r;
    nftnl_obj_nlmsg_build_payload(message, object);
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

static const int hook_numbers[] = {
    [HOOK_NONE] = -1,
    [HOOK_PREROUTING] = NF_INET_PRE_ROUTING,
    [HOOK_INPUT] = NF_INET_LOCAL_IN,
    [HOOK_FORWARD] = NF_INET_FORWARD,
    [HOOK_OUTPUT] = NF_INET_LOCAL_OUT,
};

enum hook objects_hook(uint32_t number)
{
    for (size_t i = HOOK_NONE + 1; i < ELEMENTS_OF(hook_numbers); i++)
        if ((uint32_t)hook_numbers[i] == number)
            return (enum hook)i;
    return HOOK_NONE;
}

int objects_add_chain(struct batch *batch, const char *table, const struct change *change)
{
    cleanup_(nftnl_chain_freep) struct nftnl_chain *object = nftnl_chain_alloc();
    const struct chain *chain = change->chain;
    struct nlmsghdr *message;
    int r;

    if (!object || nftnl_chain_set_str(object, NFTNL_CHAIN_TABLE, table) < 0 ||
        nftnl_chain_set_str(object, NFTNL_CHAIN_NAME, chain->name) < 0)
        return -ENOMEM;
    if (chain->hook != HOOK_NONE) {
        if (nftnl_chain_set_str(object, NFTNL_CHAIN_TYPE, "filter") < 0)
            return -ENOMEM;
        nftnl_chain_set_u32(object, NFTNL_CHAIN_HOOKNUM, (uint32_t)hook_numbers[chain->hook]);
        nftnl_chain_set_s32(object, NFTNL_CHAIN_PRIO, chain->priority);
        nftnl_chain_set_u32(object, NFTNL_CHAIN_POLICY, chain->policy_drop ? NF_DROP : NF_ACCEPT);
    }

    r = batch_start(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, OBJECT_ROOM, &message);
    if (r < 0)
        return r;
    nftnl_chain_nlmsg_build_payload(message, object);
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

/* A concatenation has TYPE_BITS for each of its types. */
static uint32_t key_number(const enum datatype *types, size_t n)
{
    uint32_t number = 0;

    for (size_t i = 0; i < n; i++)
        number = number << TYPE_BITS | datatype_number(types[i]);
    return number;
}

int objects_key_types(uint32_t number, enum datatype *ret_types, size_t *ret_n)
{
    enum datatype reversed[FIELDS_MAX];
    size_t n = 0, type;

    for (; number != 0; number >>= TYPE_BITS) {
        for (type = 0; type <= DATATYPE_MARK; type++)
            if (datatype_number((enum datatype)type) == (number & ((1u << TYPE_BITS) - 1)))
                break;
        if (type > DATATYPE_MARK || n == FIELDS_MAX)
            return -EINVAL;
        reversed[n++] = (enum datatype)type;
    }
    if (n == 0)
        return -EINVAL;

    for (size_t i = 0; i < n; i++)
        ret_types[i] = reversed[n - 1 - i];
    *ret_n = n;
    return 0;
}

/* The kernel splits the key of a concatenation with intervals into its fields, so it must know how
 * long each of them is; else it answers EINVAL. */
static int describe_concatenation(struct nftnl_set *object, const struct set *set)
{
    uint8_t lengths[FIELDS_MAX];

    for (size_t i = 0; i < set->n_key; i++)
        lengths[i] = (uint8_t)datatype_length(set->key[i]);
    return nftnl_set_set_data(object, NFTNL_SET_DESC_CONCAT, lengths, (uint32_t)set->n_key) < 0
               ? -ENOMEM
               : 0;
}

static uint32_t describe_data(struct nftnl_set *object, enum set_data data)
{
    switch (data) {
    case SET_DATA_NONE:
        return 0;
    case SET_DATA_VERDICT:
        nftnl_set_set_u32(object, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
        nftnl_set_set_u32(object, NFTNL_SET_DATA_LEN, 0);
        return NFT_SET_MAP;
    case SET_DATA_MARK:
        nftnl_set_set_u32(object, NFTNL_SET_DATA_TYPE, datatype_number(DATATYPE_MARK));
        nftnl_set_set_u32(object, NFTNL_SET_DATA_LEN, (uint32_t)datatype_length(DATATYPE_MARK));
        return NFT_SET_MAP;
    case SET_DATA_COUNTER:
        nftnl_set_set_u32(object, NFTNL_SET_OBJ_TYPE, NFT_OBJECT_COUNTER);
        return NFT_SET_OBJECT;
    }
    return 0;
}

/* The fields of a concatenation each have the byte order of their type. */
static int describe_byte_orders(struct nftnl_set *object, const struct set *set)
{
    cleanup_(nftnl_udata_buf_freep) struct nftnl_udata_buf *userdata =
        nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    bool key = set->n_key == 1 && datatype_is_host_order(set->key[0]);
    bool data = set->data == SET_DATA_MARK;

    if (!userdata)
        return -ENOMEM;
    if (!key && !data)
        return 0;

    if (key)
        nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_KEYBYTEORDER, NFT_BYTEORDER_HOST);
    if (data)
        nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_DATABYTEORDER, NFT_BYTEORDER_HOST);
    return nftnl_set_set_data(object, NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata),
                              nftnl_udata_buf_len(userdata)) < 0
               ? -ENOMEM
               : 0;
}

static int describe_set(struct nftnl_set *object, const char *table, const struct set *set)
{
    uint32_t flags = describe_data(object, set->data);
    struct nftnl_expr *counter;

    if (nftnl_set_set_str(object, NFTNL_SET_TABLE, table) < 0 ||
        nftnl_set_set_str(object, NFTNL_SET_NAME, set->name) < 0)
        return -ENOMEM;
    nftnl_set_set_u32(object, NFTNL_SET_ID, 1);
    nftnl_set_set_u32(object, NFTNL_SET_KEY_TYPE, key_number(set->key, set->n_key));
    nftnl_set_set_u32(object, NFTNL_SET_KEY_LEN, (uint32_t)elements_key_length(set));

    if (set->timeout)
        flags |= NFT_SET_TIMEOUT;
    if (set->interval)
        flags |= NFT_SET_INTERVAL;
    if (set->interval && set->n_key > 1) {
        flags |= NFT_SET_CONCAT;
        if (describe_concatenation(object, set) < 0)
            return -ENOMEM;
    }
    if (set->dynamic)
        flags |= NFT_SET_EVAL;
    nftnl_set_set_u32(object, NFTNL_SET_FLAGS, flags);
    if (set->size > 0)
        nftnl_set_set_u32(object, NFTNL_SET_DESC_SIZE, set->size);
    if (set->lifetime > 0)
        nftnl_set_set_u64(object, NFTNL_SET_TIMEOUT, set->lifetime * (uint64_t)1000);
    if (describe_byte_orders(object, set) < 0)
        return -ENOMEM;

    if (!set->counters)
        return 0;
    counter = nftnl_expr_alloc("counter");
    if (!counter)
        return -ENOMEM;
    nftnl_set_add_expr(object, counter);
    return 0;
}

int objects_add_set(struct batch *batch, const char *table, const struct change *change)
{
    cleanup_(nftnl_set_freep) struct nftnl_set *object = nftnl_set_alloc();
    struct nlmsghdr *message;
    int r;

    if (!object || describe_set(object, table, change->set) < 0)
        return -ENOMEM;

    r = batch_start(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, OBJECT_ROOM, &message);
    if (r < 0)
        return r;
    nftnl_set_nlmsg_build_payload(message, object);
    return batch_add(batch, message, (struct batch_origin){.change = change});
}

static int add_rule(struct batch *batch, const char *table, const struct change *change,
                    size_t index)
{
    cleanup_(nftnl_rule_freep) struct nftnl_rule *object = nftnl_rule_alloc();
    const struct rule *rule = &change->chain->rules[index];
    struct nlmsghdr *message;
    int r;

    if (!object || nftnl_rule_set_str(object, NFTNL_RULE_TABLE, table) < 0 ||
        nftnl_rule_set_str(object, NFTNL_RULE_CHAIN, change->chain->name) < 0)
        return -ENOMEM;
    r = expressions_add(object, rule);
    if (r < 0)
        return r;

    r = batch_start(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, expressions_room(rule),
                    &message);
    if (r < 0)
        return r;
    nftnl_rule_nlmsg_build_payload(message, object);
    return batch_add(batch, message, (struct batch_origin){change, index, 1});
}

int objects_add_rules(struct batch *batch, const char *table, const struct change *change)
{
    int r;

    for (size_t i = 0; i < change->chain->n_rules; i++) {
        r = add_rule(batch, table, change, i);
        if (r < 0)
            return r;
    }
    return 0;
}
