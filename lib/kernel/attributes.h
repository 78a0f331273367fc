/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Walking netlink attributes, with every length checked: what comes from a socket is input.
 *
 *     struct attributes list = attributes_in(nest);
 *     while ((attribute = attributes_next(&list)))
 */
struct attributes {
    const char *at;
    const char *end;
};

/* The attributes inside a nested one, none in NULL; those of a message after its header of
 * nfnetlink; and those after another header, of so many bytes. */
struct attributes attributes_in(const struct nlattr *nest);
struct attributes attributes_of(const struct nlmsghdr *message);
struct attributes attributes_after(const struct nlmsghdr *message, size_t header);
/* The next whole attribute, or NULL. */
const struct nlattr *attributes_next(struct attributes *attributes);
/* The attribute of that type, or NULL. */
const struct nlattr *attributes_find(struct attributes attributes, uint16_t type);

/*
 * The messages of what a socket received, in the same way:
 *
 *     struct messages messages = messages_in(buffer, size);
 *     while ((message = messages_next(&messages)))
 *
 * Lengths are unsigned here, unlike in libmnl's mnl_nlmsg_ok().
 */
struct messages {
    const char *at;
    const char *end;
};
struct messages messages_in(const void *bytes, size_t size);
/* The next whole message, or NULL. */
const struct nlmsghdr *messages_next(struct messages *messages);

/* Values; 0 or NULL where the attribute is NULL or too short for one. Netfilter sends big-endian
 * numbers. */
uint8_t attribute_u8(const struct nlattr *attribute);
uint16_t attribute_u16(const struct nlattr *attribute);
uint32_t attribute_u32(const struct nlattr *attribute);
uint64_t attribute_u64(const struct nlattr *attribute);
const char *attribute_string(const struct nlattr *attribute);
