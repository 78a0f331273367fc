/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reading netlink: a message or attribute that does not fit what holds it ends the walk. */

#include "kernel/attributes.h"

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>

struct attributes attributes_in(const struct nlattr *nest)
{
    const char *payload = nest ? mnl_attr_get_payload(nest) : NULL;

    return (struct attributes){payload, nest ? payload + mnl_attr_get_payload_len(nest) : NULL};
}

struct attributes attributes_after(const struct nlmsghdr *message, size_t header)
{
    const char *payload = mnl_nlmsg_get_payload(message);
    size_t length = mnl_nlmsg_get_payload_len(message);

    if (length < header)
        return (struct attributes){payload, payload};
    return (struct attributes){payload + header, payload + length};
}

struct attributes attributes_of(const struct nlmsghdr *message)
{
    return attributes_after(message, sizeof(struct nfgenmsg));
}

const struct nlattr *attributes_next(struct attributes *attributes)
{
    const struct nlattr *attribute = (const struct nlattr *)attributes->at;
    ptrdiff_t left = attributes->end - attributes->at;

    if (left < (ptrdiff_t)sizeof(*attribute) || !mnl_attr_ok(attribute, (int)left))
        return NULL;

    attributes->at = (const char *)mnl_attr_next(attribute);
    return attribute;
}

const struct nlattr *attributes_find(struct attributes attributes, uint16_t type)
{
    const struct nlattr *attribute;

    while ((attribute = attributes_next(&attributes)))
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

struct messages messages_in(const void *bytes, size_t size)
{
    const char *at = bytes;

    return (struct messages){at, at + size};
}

const struct nlmsghdr *messages_next(struct messages *messages)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)messages->at;
    size_t left = (size_t)(messages->end - messages->at), length;

    if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
        message->nlmsg_len > left)
        return NULL;

    length = ((size_t)message->nlmsg_len + MNL_ALIGNTO - 1) & ~(size_t)(MNL_ALIGNTO - 1);
    messages->at += length < left ? length : left;
    return message;
}

/* Copies the first bytes of the attribute, none where it has not so many. */
static void copy_value(const struct nlattr *attribute, void *value, size_t size)
{
    if (attribute && mnl_attr_get_payload_len(attribute) >= size)
        memcpy(value, mnl_attr_get_payload(attribute), size);
}

uint8_t attribute_u8(const struct nlattr *attribute)
{
    uint8_t value = 0;

    copy_value(attribute, &value, sizeof(value));
    return value;
}

uint16_t attribute_u16(const struct nlattr *attribute)
{
    uint16_t value = 0;

    copy_value(attribute, &value, sizeof(value));
    return be16toh(value);
}

uint32_t attribute_u32(const struct nlattr *attribute)
{
    uint32_t value = 0;

    copy_value(attribute, &value, sizeof(value));
    return be32toh(value);
}

uint64_t attribute_u64(const struct nlattr *attribute)
{
    uint64_t value = 0;

    copy_value(attribute, &value, sizeof(value));
    return be64toh(value);
}

const char *attribute_string(const struct nlattr *attribute)
{
    const char *text = attribute ? mnl_attr_get_payload(attribute) : NULL;
    size_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

    return length > 0 && memchr(text, '\0', length) ? text : NULL;
}
