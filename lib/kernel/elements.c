/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Elements on their way to the kernel. A ruleset has a few hundred rules and some 100,000 elements,
 * so elements alone are written straight into the message, attribute by attribute: an object of
 * libnftnl for each would be allocated in several pieces just to be copied and freed again.
 *
 * An interval of a set with one field is two elements, its first key and the first key after it
 * (marked as end); of a set with several fields it is one element with two keys.
 */

#include "kernel/elements.h"

#include <endian.h>
#include <errno.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "kernel/attributes.h"

#define KEY_MAX ((size_t)64)
#define COMMENT_MAX ((size_t)NFTNL_UDATA_COMMENT_MAXLEN)
/* Two keys, a chain or object (NFT_NAME_MAXLEN 256), a comment and the small ones; twice, for the
 * two ends of an interval. */
#define ELEMENT_ROOM ((size_t)2 * 1024)

const int elements_verdict_codes[] = {
    [VERDICT_NONE] = NFT_CONTINUE, [VERDICT_ACCEPT] = NF_ACCEPT, [VERDICT_DROP] = NF_DROP,
    [VERDICT_RETURN] = NFT_RETURN, [VERDICT_JUMP] = NFT_JUMP,    [VERDICT_GOTO] = NFT_GOTO,
};

size_t elements_key_length(const struct set *set)
{
    return set->n_key == 1 ? datatype_length(set->key[0]) : set->key_length;
}

size_t elements_comment_length(const char *comment)
{
    size_t length = strlen(comment);

    if (length <= COMMENT_MAX)
        return length;

    length = COMMENT_MAX;
    while (length > 0 && ((unsigned char)comment[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static bool has_pairs(const struct set *set)
{
    return set->interval && set->n_key == 1;
}

/* Writes the key that follows `key`; false where `key` is the last of all. */
static bool key_after(const uint8_t *key, size_t length, uint8_t *ret_key)
{
    memcpy(ret_key, key, length);
    for (size_t i = length; i > 0; i--)
        if (++ret_key[i - 1] != 0)
            return true;
    return false;
}

static void put_value(struct nlmsghdr *message, uint16_t type, const void *value, size_t length)
{
    struct nlattr *nest = mnl_attr_nest_start(message, type);

    mnl_attr_put(message, NFTA_DATA_VALUE, length, value);
    mnl_attr_nest_end(message, nest);
}

static void put_verdict(struct nlmsghdr *message, const struct element *element)
{
    struct nlattr *data = mnl_attr_nest_start(message, NFTA_SET_ELEM_DATA);
    struct nlattr *verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

    mnl_attr_put_u32(message, NFTA_VERDICT_CODE,
                     htobe32((uint32_t)elements_verdict_codes[element->verdict]));
    if (element->target)
        mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, element->target);
    mnl_attr_nest_end(message, verdict);
    mnl_attr_nest_end(message, data);
}

static void put_data(struct nlmsghdr *message, const struct set *set, const struct element *element)
{
    switch (set->data) {
    case SET_DATA_NONE:
        break;
    case SET_DATA_VERDICT:
        put_verdict(message, element);
        break;
    case SET_DATA_MARK:
        put_value(message, NFTA_SET_ELEM_DATA, &element->mark, sizeof(element->mark));
        break;
    case SET_DATA_COUNTER:
        mnl_attr_put_strz(message, NFTA_SET_ELEM_OBJREF, element->target);
        break;
    }
}

/* A comment the way nft writes it: type, length with the final NUL, text. */
static void put_comment(struct nlmsghdr *message, const char *comment)
{
    uint8_t bytes[2 + COMMENT_MAX + 1];
    size_t length = elements_comment_length(comment);

    bytes[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
    bytes[1] = (uint8_t)(length + 1);
    memcpy(bytes + 2, comment, length);
    bytes[2 + length] = '\0';
    mnl_attr_put(message, NFTA_SET_ELEM_USERDATA, length + 3, bytes);
}

static void put_count(struct nlmsghdr *message, struct nftables_count count)
{
    struct nlattr *expression = mnl_attr_nest_start(message, NFTA_SET_ELEM_EXPR);
    struct nlattr *data;

    mnl_attr_put_strz(message, NFTA_EXPR_NAME, "counter");
    data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    mnl_attr_put_u64(message, NFTA_COUNTER_BYTES, htobe64(count.bytes));
    mnl_attr_put_u64(message, NFTA_COUNTER_PACKETS, htobe64(count.packets));
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, expression);
}

void elements_put_keys(struct nlmsghdr *message, const struct set *set,
                       const struct element *element)
{
    size_t length = elements_key_length(set);

    put_value(message, NFTA_SET_ELEM_KEY, element->key, length);
    /* Of a single point, too: nft pairs the keys of such a set when it lists them. */
    if (set->interval && set->n_key > 1)
        put_value(message, NFTA_SET_ELEM_KEY_END, element->key_end, length);
}

/* What a new element has beside its keys. A set that counts gives each a counter by itself; only
 * one that goes on from an older count needs it spelled out. */
static void put_new(struct nlmsghdr *message, const struct elements_command *command,
                    const struct set *set, const struct element *element,
                    const struct nftables_count *count)
{
    put_data(message, set, element);
    if (element->expires != 0)
        mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT,
                         htobe64((uint64_t)(element->expires - command->now + 999) / 1000));
    if (element->comment)
        put_comment(message, element->comment);
    if (count)
        put_count(message, *count);
}

static void put_interval_end(struct nlmsghdr *message, const struct set *set,
                             const struct element *element)
{
    size_t length = elements_key_length(set);
    uint8_t after[KEY_MAX];
    struct nlattr *nest;

    if (!key_after(element->key_end, length, after))
        return;

    nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    put_value(message, NFTA_SET_ELEM_KEY, after, length);
    mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htobe32(NFT_SET_ELEM_INTERVAL_END));
    mnl_attr_nest_end(message, nest);
}

static void put_element(struct nlmsghdr *message, const struct elements_command *command,
                        const struct change *change, size_t index)
{
    const struct element *element = change->elements[index];
    bool is_new = command->type == NFT_MSG_NEWSETELEM;
    struct nlattr *nest;

    if (is_new && element->expires != 0 && element->expires <= command->now)
        return;

    nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    elements_put_keys(message, change->set, element);
    if (is_new)
        put_new(message, command, change->set, element,
                command->counts ? &command->counts[index] : NULL);
    mnl_attr_nest_end(message, nest);

    if (has_pairs(change->set))
        put_interval_end(message, change->set, element);
}

int elements_add(struct batch *batch, const struct elements_command *command,
                 const struct change *change)
{
    struct nlmsghdr *message;
    struct nlattr *list;
    size_t first, next = 0;
    int r;

    while (next < change->n_elements) {
        r = batch_start(batch, command->type, command->flags, BATCH_MESSAGE_MAX, &message);
        if (r < 0)
            return r;
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, command->table);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, change->set->name);
        list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);

        for (first = next; next < change->n_elements; next++) {
            if (message->nlmsg_len + ELEMENT_ROOM > BATCH_MESSAGE_MAX)
                break;
            put_element(message, command, change, next);
        }
        mnl_attr_nest_end(message, list);

        if (mnl_attr_get_payload_len(list) == 0)
            continue;
        r = batch_add(batch, message, (struct batch_origin){change, first, next - first});
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct nlattr *key_value(const struct nlattr *element)
{
    return attributes_find(
        attributes_in(attributes_find(attributes_in(element), NFTA_SET_ELEM_KEY)), NFTA_DATA_VALUE);
}

static bool element_has_key(const struct set *set, const struct element *element,
                            const struct nlattr *value)
{
    size_t length = elements_key_length(set);
    const void *key = mnl_attr_get_payload(value);
    uint8_t after[KEY_MAX];

    if (mnl_attr_get_payload_len(value) != length)
        return false;
    if (memcmp(element->key, key, length) == 0)
        return true;
    return has_pairs(set) && key_after(element->key_end, length, after) &&
           memcmp(after, key, length) == 0;
}

const struct element *elements_find(const struct nlmsghdr *message,
                                    const struct batch_origin *origin, uint32_t offset)
{
    const struct nlattr *list =
        attributes_find(attributes_of(message), NFTA_SET_ELEM_LIST_ELEMENTS);
    struct attributes attributes;
    const struct nlattr *attribute;
    const struct nlattr *value = NULL;

    if (!list || offset == 0)
        return NULL;

    attributes = attributes_in(list);
    while ((attribute = attributes_next(&attributes)))
        if ((const char *)message + offset < attributes.at) {
            value = key_value(attribute);
            break;
        }
    if (!value || (const char *)attribute > (const char *)message + offset)
        return NULL;

    for (size_t i = origin->first; i < origin->first + origin->n; i++)
        if (element_has_key(origin->change->set, origin->change->elements[i], value))
            return origin->change->elements[i];
    return NULL;
}

static void view_data(struct element_view *view, const struct nlattr *data)
{
    const struct nlattr *value = attributes_find(attributes_in(data), NFTA_DATA_VALUE);
    const struct nlattr *verdict = attributes_find(attributes_in(data), NFTA_DATA_VERDICT);
    const struct nlattr *code = attributes_find(attributes_in(verdict), NFTA_VERDICT_CODE);

    if (value && mnl_attr_get_payload_len(value) == sizeof(view->mark))
        memcpy(&view->mark, mnl_attr_get_payload(value), sizeof(view->mark));
    for (size_t i = 0; code && i < ELEMENTS_OF(elements_verdict_codes); i++)
        if ((uint32_t)elements_verdict_codes[i] == attribute_u32(code))
            view->verdict = (enum verdict)i;
    view->chain = attribute_string(attributes_find(attributes_in(verdict), NFTA_VERDICT_CHAIN));
}

static void view_comment(struct element_view *view, const struct nlattr *attribute)
{
    const uint8_t *bytes = mnl_attr_get_payload(attribute);
    size_t left = mnl_attr_get_payload_len(attribute);

    while (left >= 2 && left - 2 >= bytes[1]) {
        size_t length = bytes[1];

        if (bytes[0] == NFTNL_UDATA_SET_ELEM_COMMENT && length > 0 && bytes[1 + length] == '\0')
            view->comment = (const char *)bytes + 2;
        bytes += 2 + length;
        left -= 2 + length;
    }
}

bool elements_count(struct attributes counter, struct nftables_count *ret_count)
{
    const struct nlattr *packets = attributes_find(counter, NFTA_COUNTER_PACKETS);
    const struct nlattr *bytes = attributes_find(counter, NFTA_COUNTER_BYTES);

    if (!packets || !bytes)
        return false;
    *ret_count = (struct nftables_count){attribute_u64(packets), attribute_u64(bytes)};
    return true;
}

static void view_expression(struct element_view *view, const struct nlattr *expression)
{
    const char *name = attribute_string(attributes_find(attributes_in(expression), NFTA_EXPR_NAME));
    struct attributes data =
        attributes_in(attributes_find(attributes_in(expression), NFTA_EXPR_DATA));

    if (name && strcmp(name, "counter") == 0)
        view->counts = elements_count(data, &view->count);
}

static int view_element(struct element_view *view, const struct nlattr *element)
{
    const struct nlattr *key = NULL, *key_end = NULL;
    struct attributes list = attributes_in(element);
    const struct nlattr *attribute;

    *view = (struct element_view){0};
    while ((attribute = attributes_next(&list))) {
        switch (mnl_attr_get_type(attribute)) {
        case NFTA_SET_ELEM_KEY:
            key = attributes_find(attributes_in(attribute), NFTA_DATA_VALUE);
            break;
        case NFTA_SET_ELEM_KEY_END:
            key_end = attributes_find(attributes_in(attribute), NFTA_DATA_VALUE);
            break;
        case NFTA_SET_ELEM_FLAGS:
            view->interval_end = attribute_u32(attribute) & NFT_SET_ELEM_INTERVAL_END;
            break;
        case NFTA_SET_ELEM_DATA:
            view_data(view, attribute);
            break;
        case NFTA_SET_ELEM_OBJREF:
            view->object = attribute_string(attribute);
            break;
        case NFTA_SET_ELEM_EXPIRATION:
            view->expires = true;
            view->expires_msec = attribute_u64(attribute);
            break;
        case NFTA_SET_ELEM_USERDATA:
            view_comment(view, attribute);
            break;
        case NFTA_SET_ELEM_EXPR:
            view_expression(view, attribute);
            break;
        }
    }
    if (!key || mnl_attr_get_payload_len(key) > KEY_MAX)
        return -EBADMSG;
    view->key = mnl_attr_get_payload(key);
    view->key_length = mnl_attr_get_payload_len(key);
    if (key_end && mnl_attr_get_payload_len(key_end) == view->key_length)
        view->key_end = mnl_attr_get_payload(key_end);
    return 0;
}

int elements_each(const struct nlmsghdr *message, void *userdata)
{
    const struct element_walk *walk = userdata;
    struct attributes attributes =
        attributes_in(attributes_find(attributes_of(message), NFTA_SET_ELEM_LIST_ELEMENTS));
    const struct nlattr *attribute;
    struct element_view view;
    int r;

    while ((attribute = attributes_next(&attributes))) {
        r = view_element(&view, attribute);
        if (r == 0)
            r = walk->handler(&view, walk->userdata);
        if (r < 0)
            return r;
    }
    return 0;
}
