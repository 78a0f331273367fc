/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is known of the interfaces. Messages are applied in the order in which the kernel sent them,
 * each with all of a link or one address, so that one applied twice changes nothing: a dump and the
 * notifications that overlap with it end in the same state.
 */

#include "observe/link_table.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"

/* The kernel's MODULE_NAME_LEN, which bounds the names of kinds. */
#define KIND_MAX 64

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

/* `link` points to the texts and addresses beside it. */
struct link_entry {
    struct link link;
    char name[IFNAMSIZ];
    char kind[KIND_MAX];
    size_t capacity; /* of addresses */
};

static struct link_entry *entry_free(struct link_entry *entry)
{
    if (!entry)
        return NULL;

    free(entry->link.addresses);
    free(entry);
    return NULL;
}

void link_table_clear(struct link_table *table)
{
    for (size_t i = 0; i < table->n_entries; i++)
        entry_free(table->entries[i]);
    free(table->entries);
    *table = (struct link_table){0};
}

const struct link *link_table_at(const struct link_table *table, size_t i)
{
    return &table->entries[i]->link;
}

/* Where the index is, or where it would have to be. */
static size_t table_place(const struct link_table *table, int index)
{
    return BISECT(table->n_entries, i, table->entries[i]->link.index < index);
}

static struct link_entry *table_find(const struct link_table *table, int index)
{
    size_t place = table_place(table, index);

    if (place == table->n_entries || table->entries[place]->link.index != index)
        return NULL;
    return table->entries[place];
}

static int table_add(struct link_table *table, int index, struct link_entry **ret_entry)
{
    struct link_entry *entry = calloc(1, sizeof(*entry));
    int r;

    if (!entry)
        return -ENOMEM;
    r = array_insert(&table->entries, &table->n_entries, &table->capacity,
                     table_place(table, index), &entry, sizeof(struct link_entry *));
    if (r < 0) {
        free(entry);
        return r;
    }

    entry->link.index = index;
    entry->link.name = entry->name;
    entry->link.kind = entry->kind;
    *ret_entry = entry;
    return 0;
}

static int table_remove(struct link_table *table, int index)
{
    size_t place = table_place(table, index);

    if (!table_find(table, index))
        return 0;

    entry_free(table->entries[place]);
    table->n_entries--;
    memmove(table->entries + place, table->entries + place + 1,
            (table->n_entries - place) * sizeof(struct link_entry *));

    /* The kernel does not notify when the link below, or the peer, moves to another namespace. */
    for (size_t i = 0; i < table->n_entries; i++)
        if (table->entries[i]->link.lower == index)
            table->entries[i]->link.lower = 0;
    return 1;
}

/* All but the addresses. */
static bool facts_equal(const struct link *a, const struct link *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 && a->up == b->up &&
           a->master == b->master && a->lower == b->lower &&
           memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->xdp == b->xdp;
}

static bool has_xdp(struct nlattr *attribute)
{
    static const struct nla_policy policy[IFLA_XDP_MAX + 1] = {
        [IFLA_XDP_ATTACHED] = {.type = NLA_U8},
    };
    struct nlattr *attributes[IFLA_XDP_MAX + 1];

    return attribute && nla_parse_nested(attributes, IFLA_XDP_MAX, attribute, policy) == 0 &&
           attributes[IFLA_XDP_ATTACHED] &&
           nla_get_u8(attributes[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
}

static void copy_kind(struct nlattr *attribute, char kind[KIND_MAX])
{
    static const struct nla_policy policy[IFLA_INFO_MAX + 1] = {
        [IFLA_INFO_KIND] = {.type = NLA_STRING},
    };
    struct nlattr *attributes[IFLA_INFO_MAX + 1];

    if (attribute && nla_parse_nested(attributes, IFLA_INFO_MAX, attribute, policy) == 0 &&
        attributes[IFLA_INFO_KIND])
        nla_strlcpy(kind, attributes[IFLA_INFO_KIND], KIND_MAX);
}

/* Fills `seen`, whose texts and index are set up already. */
static int read_link(struct nlmsghdr *message, struct link_entry *seen)
{
    static const struct nla_policy policy[IFLA_MAX + 1] = {
        [IFLA_IFNAME] = {.type = NLA_STRING}, [IFLA_MASTER] = {.type = NLA_U32},
        [IFLA_LINK] = {.type = NLA_U32},      [IFLA_LINKINFO] = {.type = NLA_NESTED},
        [IFLA_XDP] = {.type = NLA_NESTED},
    };
    const struct ifinfomsg *info = nlmsg_data(message);
    struct nlattr *attributes[IFLA_MAX + 1];
    struct link *link = &seen->link;

    if (nlmsg_parse(message, sizeof(*info), attributes, IFLA_MAX, policy) < 0 ||
        !attributes[IFLA_IFNAME])
        return -EBADMSG;

    nla_strlcpy(seen->name, attributes[IFLA_IFNAME], sizeof(seen->name));
    copy_kind(attributes[IFLA_LINKINFO], seen->kind);
    link->up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_LOWER_UP);
    if (attributes[IFLA_MASTER])
        link->master = (int)nla_get_u32(attributes[IFLA_MASTER]);
    /* With a namespace id the index is one of another namespace. */
    if (attributes[IFLA_LINK] && !attributes[IFLA_LINK_NETNSID])
        link->lower = (int)nla_get_u32(attributes[IFLA_LINK]);
    if (attributes[IFLA_ADDRESS])
        nla_memcpy(link->mac, attributes[IFLA_ADDRESS], sizeof(link->mac));
    link->xdp = has_xdp(attributes[IFLA_XDP]);
    return 0;
}

static int take_new_link(struct link_table *table, struct nlmsghdr *message, int index)
{
    struct link_entry seen = {.link = {.index = index}};
    struct link_entry *entry = table_find(table, index);
    int r;

    seen.link.name = seen.name;
    seen.link.kind = seen.kind;
    r = read_link(message, &seen);
    if (r < 0)
        return r;
    if (entry && facts_equal(&entry->link, &seen.link))
        return 0;
    if (!entry) {
        r = table_add(table, index, &entry);
        if (r < 0)
            return r;
    }

    memcpy(entry->name, seen.name, sizeof(entry->name));
    memcpy(entry->kind, seen.kind, sizeof(entry->kind));
    memcpy(entry->link.mac, seen.link.mac, sizeof(entry->link.mac));
    entry->link.up = seen.link.up;
    entry->link.master = seen.link.master;
    entry->link.lower = seen.link.lower;
    entry->link.xdp = seen.link.xdp;
    return 1;
}

static int take_link(struct link_table *table, struct nlmsghdr *message)
{
    const struct ifinfomsg *info = nlmsg_data(message);

    if (!nlmsg_valid_hdr(message, sizeof(*info)))
        return -EBADMSG;
    /* A bridge reports its ports in messages of its own family: `deleted` then means that the port
     * left the bridge. */
    if (info->ifi_family != AF_UNSPEC)
        return 0;
    if (message->nlmsg_type == RTM_DELLINK)
        return table_remove(table, info->ifi_index);
    return take_new_link(table, message, info->ifi_index);
}

static int compare_addresses(const struct link_address *a, const struct link_address *b)
{
    return COMPARE(a->family, b->family) ?: COMPARE(a->address, b->address)
               ?: COMPARE(a->length, b->length);
}

static bool addresses_equal(const struct link *a, const struct link *b)
{
    if (a->n_addresses != b->n_addresses)
        return false;
    for (size_t i = 0; i < a->n_addresses; i++)
        if (compare_addresses(&a->addresses[i], &b->addresses[i]) != 0)
            return false;
    return true;
}

static int add_address(struct link_entry *entry, size_t place, const struct link_address *address)
{
    struct link *link = &entry->link;
    int r = array_insert(&link->addresses, &link->n_addresses, &entry->capacity, place, address,
                         sizeof(*address));

    return r < 0 ? r : 1;
}

static int remove_address(struct link_entry *entry, size_t place)
{
    struct link *link = &entry->link;

    link->n_addresses--;
    memmove(link->addresses + place, link->addresses + place + 1,
            (link->n_addresses - place) * sizeof(*link->addresses));
    return 1;
}

/* Returns 1, 0 where the address is of a family that is not kept here, or -EBADMSG. */
static int read_address(struct nlmsghdr *message, struct link_address *ret_address)
{
    const struct ifaddrmsg *info = nlmsg_data(message);
    struct nlattr *attributes[IFA_MAX + 1], *own;
    enum family family;

    if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
        return 0;
    family = info->ifa_family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;

    if (nlmsg_parse(message, sizeof(*info), attributes, IFA_MAX, NULL) < 0)
        return -EBADMSG;
    /* On a point-to-point link IFA_ADDRESS is the other end. */
    own = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
    if (!own || nla_len(own) != (int)(family_bits(family) / 8) ||
        info->ifa_prefixlen > family_bits(family))
        return -EBADMSG;

    *ret_address = (struct link_address){.family = family,
                                         .address = address_from_bytes(family, nla_data(own)),
                                         .length = info->ifa_prefixlen};
    return 1;
}

static int take_address(struct link_table *table, struct nlmsghdr *message)
{
    const struct ifaddrmsg *info = nlmsg_data(message);
    struct link_address address;
    struct link_entry *entry;
    size_t place = 0;
    bool present;
    int r;

    if (!nlmsg_valid_hdr(message, sizeof(*info)))
        return -EBADMSG;
    entry = table_find(table, (int)info->ifa_index);
    if (!entry)
        return 0;
    r = read_address(message, &address);
    if (r <= 0)
        return r;

    while (place < entry->link.n_addresses &&
           compare_addresses(&entry->link.addresses[place], &address) < 0)
        place++;
    present = place < entry->link.n_addresses &&
              compare_addresses(&entry->link.addresses[place], &address) == 0;
    if (message->nlmsg_type == RTM_NEWADDR)
        return present ? 0 : add_address(entry, place, &address);
    return present ? remove_address(entry, place) : 0;
}

int link_table_take(struct link_table *table, struct nlmsghdr *message)
{
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return take_link(table, message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return take_address(table, message);
    default:
        return 0;
    }
}

bool link_table_equal(const struct link_table *a, const struct link_table *b)
{
    if (a->n_entries != b->n_entries)
        return false;
    for (size_t i = 0; i < a->n_entries; i++) {
        const struct link *x = &a->entries[i]->link, *y = &b->entries[i]->link;

        if (x->index != y->index || !facts_equal(x, y) || !addresses_equal(x, y))
            return false;
    }
    return true;
}
