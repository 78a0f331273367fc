/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The types and fields of nftables that segd uses, as two tables: what nft calls them, how long
 * they are, and the number by which nft recognises the type of a set's key. The kernel stores that
 * number without reading it; it is what makes `nft list` print addresses instead of hex. The
 * numbers are those of `enum datatypes` in nftables' include/datatype.h, part of its stable
 * interface because every set in the kernel carries them.
 */

#include <assert.h>

#include "base/cleanup.h"
#include "ruleset/ruleset.h"

struct datatype_row {
    const char *name;
    size_t length;
    uint32_t number;
    bool host_order;
};

static const struct datatype_row datatypes[] = {
    [DATATYPE_IPV4_ADDR] = {"ipv4_addr", 4, 7},
    [DATATYPE_IPV6_ADDR] = {"ipv6_addr", 16, 8},
    [DATATYPE_ETHER_ADDR] = {"ether_addr", 6, 9},
    [DATATYPE_INET_PROTO] = {"inet_proto", 1, 12},
    [DATATYPE_INET_SERVICE] = {"inet_service", 2, 13},
    [DATATYPE_IFNAME] = {"ifname", 16, 41, true},
    [DATATYPE_CT_DIR] = {"ct_dir", 1, 27, true},
    [DATATYPE_MARK] = {"mark", 4, 19, true},
};

struct field_row {
    const char *name;
    size_t length;
    enum datatype type;
    bool typed;
};

static const struct field_row fields[] = {
    [FIELD_NFPROTO] = {"meta nfproto", 1, 0, false},
    [FIELD_L4PROTO] = {"meta l4proto", 1, DATATYPE_INET_PROTO, true},
    [FIELD_IIFNAME] = {"iifname", 16, DATATYPE_IFNAME, true},
    [FIELD_OIFNAME] = {"oifname", 16, DATATYPE_IFNAME, true},
    [FIELD_IIF] = {"iif", 4, 0, false},
    [FIELD_OIF] = {"oif", 4, 0, false},
    [FIELD_CT_STATE] = {"ct state", 4, 0, false},
    [FIELD_CT_STATUS] = {"ct status", 4, 0, false},
    [FIELD_CT_DIRECTION] = {"ct direction", 1, DATATYPE_CT_DIR, true},
    [FIELD_CT_MARK] = {"ct mark", 4, DATATYPE_MARK, true},
    [FIELD_CT_ZONE] = {"ct zone", 2, 0, false},
    [FIELD_CT_ORIG_SADDR] = {"ct original ip saddr", 4, DATATYPE_IPV4_ADDR, true},
    [FIELD_CT_ORIG_SADDR6] = {"ct original ip6 saddr", 16, DATATYPE_IPV6_ADDR, true},
    [FIELD_CT_REPL_SADDR] = {"ct reply ip saddr", 4, DATATYPE_IPV4_ADDR, true},
    [FIELD_CT_REPL_SADDR6] = {"ct reply ip6 saddr", 16, DATATYPE_IPV6_ADDR, true},
    [FIELD_IP_SADDR] = {"ip saddr", 4, DATATYPE_IPV4_ADDR, true},
    [FIELD_IP_DADDR] = {"ip daddr", 4, DATATYPE_IPV4_ADDR, true},
    [FIELD_IP6_SADDR] = {"ip6 saddr", 16, DATATYPE_IPV6_ADDR, true},
    [FIELD_IP6_DADDR] = {"ip6 daddr", 16, DATATYPE_IPV6_ADDR, true},
    [FIELD_ETHER_SADDR] = {"ether saddr", 6, DATATYPE_ETHER_ADDR, true},
    [FIELD_TH_SPORT] = {"th sport", 2, DATATYPE_INET_SERVICE, true},
    [FIELD_TH_DPORT] = {"th dport", 2, DATATYPE_INET_SERVICE, true},
    [FIELD_ICMPV6_TYPE] = {"icmpv6 type", 1, 0, false},
    [FIELD_ICMPV6_QUOTED] = {"@th,112,8", 1, 0, false},
    [FIELD_FIB_SADDR_TYPE] = {"fib saddr type", 4, 0, false},
    [FIELD_FIB_DADDR_TYPE] = {"fib daddr type", 4, 0, false},
    [FIELD_META_IPSEC] = {"meta ipsec", 1, 0, false},
    [FIELD_RT_IPSEC] = {"rt ipsec", 1, 0, false},
};

const char *datatype_name(enum datatype type)
{
    assert(type < ELEMENTS_OF(datatypes));
    return datatypes[type].name;
}

size_t datatype_length(enum datatype type)
{
    assert(type < ELEMENTS_OF(datatypes));
    return datatypes[type].length;
}

uint32_t datatype_number(enum datatype type)
{
    assert(type < ELEMENTS_OF(datatypes));
    return datatypes[type].number;
}

bool datatype_is_host_order(enum datatype type)
{
    assert(type < ELEMENTS_OF(datatypes));
    return datatypes[type].host_order;
}

size_t datatypes_length(const enum datatype *types, size_t n)
{
    size_t length = 0;

    for (size_t i = 0; i < n; i++)
        length += (datatype_length(types[i]) + 3) & ~(size_t)3;
    return length;
}

const char *field_name(enum field field)
{
    assert(field < ELEMENTS_OF(fields));
    return fields[field].name;
}

enum datatype field_type(enum field field)
{
    assert(field < ELEMENTS_OF(fields) && fields[field].typed);
    return fields[field].type;
}

size_t field_length(enum field field)
{
    assert(field < ELEMENTS_OF(fields));
    return fields[field].length;
}
