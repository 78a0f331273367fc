/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reading netlink: a message or attribute that does not fit what holds it ends the walk. */

#include "kernel/attributes.h"

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>

struct attributes attributes_in(const struct nlattr *nest)
{
    const char *payload = mnl_attr_get_payload(nest);

    return (struct attributes){payload, payload + mnl_attr_get_payload_len(nest)};
}

struct attributes attributes_of(const struct nlmsghdr *message)
{
    const char *payload = mnl_nlmsg_get_payload(message);
    size_t length = mnl_nlmsg_get_payload_len(message);

    if (length < sizeof(struct nfgenmsg))
        return (struct attributes){payload, payload};
    return (struct attributes){payload + sizeof(struct nfgenmsg), payload + length};
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

uint32_t attribute_u32(const struct nlattr *attribute)
{
    uint32_t value = 0;

    if (mnl_attr_get_payload_len(attribute) >= sizeof(value))
        memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
    return be32toh(value);
}

uint64_t attribute_u64(const struct nlattr *attribute)
{
    uint64_t value = 0;

    if (mnl_attr_get_payload_len(attribute) >= sizeof(value))
        memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
    return be64toh(value);
}

const char *attribute_string(const struct nlattr *attribute)
{
    const char *text = mnl_attr_get_payload(attribute);
    size_t length = mnl_attr_get_payload_len(attribute);

    return length > 0 && memchr(text, '\0', length) ? text : NULL;
}
