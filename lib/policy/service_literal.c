/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What services are made of. Of ICMP only the queries can be declared: replies follow the
 * connection of their query, and errors that of the packet they speak of, so a flow that names
 * them would either say nothing or open more than its author meant.
 */

#include "policy/service_literal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROTOCOL_ICMP 1
#define PROTOCOL_ICMPV6 58
#define ICMP_CODES 256

enum protocol_kind {
    PROTOCOL_WITH_PORTS, /* that connection tracking knows */
    PROTOCOL_WITHOUT_PORTS,
    PROTOCOL_UNTRACKED, /* has ports, but cannot be enforced by port */
};

/*
 * Linux gave up tracking DCCP in 6.16: to it all of DCCP between two hosts is one connection, so
 * one port would open each. It checks UDP-Lite with the protocol number of UDP (udplite_error() in
 * nf_conntrack_proto_udp.c) and calls every packet with a sound checksum invalid.
 */
static const struct protocol {
    const char *name;
    uint8_t number;
    enum protocol_kind kind;
    bool ipv4_only;
    /* Of one that is not tracked. */
    const char *problem;
    const char *remedy;
} protocols[] = {
    {"tcp", 6, PROTOCOL_WITH_PORTS},
    {"udp", 17, PROTOCOL_WITH_PORTS},
    {"sctp", 132, PROTOCOL_WITH_PORTS},
    {"igmp", 2, PROTOCOL_WITHOUT_PORTS, .ipv4_only = true},
    {"ipip", 4, PROTOCOL_WITHOUT_PORTS},
    {"gre", 47, PROTOCOL_WITHOUT_PORTS},
    {"esp", 50, PROTOCOL_WITHOUT_PORTS},
    {"ah", 51, PROTOCOL_WITHOUT_PORTS},
    {"ospf", 89, PROTOCOL_WITHOUT_PORTS},
    {"pim", 103, PROTOCOL_WITHOUT_PORTS},
    {"vrrp", 112, PROTOCOL_WITHOUT_PORTS},
    {"l2tp", 115, PROTOCOL_WITHOUT_PORTS},
    {"dccp", 33, PROTOCOL_UNTRACKED,
     .problem = "connection tracking of current kernels does not know the ports of dccp",
     .remedy = "approve the whole protocol with `protocol/33`"},
    {"udplite", 136, PROTOCOL_UNTRACKED,
     .problem = "connection tracking of current kernels takes packets of udplite for damaged",
     .remedy =
         "approve the whole protocol with `protocol/136`, for a kernel that does not track it"},
};

/* Queries that connection tracking takes as the beginning of a connection: type numbers in both
 * families, 0 where the family has none, and the highest code. */
static const struct {
    const char *name;
    uint8_t types[FAMILIES];
    uint8_t last_code;
} queries[] = {
    {"echo-request", {8, 128}, 0},
    {"timestamp-request", {13, 0}, 0},
    {"info-request", {15, 0}, 0},
    {"address-mask-request", {17, 0}, 0},
    {"node-information-query", {0, 139}, 2},
};

/* Types that people try and that need no flow. */
static const char *const followers[] = {
    "echo-reply",
    "destination-unreachable",
    "source-quench",
    "redirect",
    "router-advertisement",
    "router-solicitation",
    "time-exceeded",
    "parameter-problem",
    "timestamp-reply",
    "info-reply",
    "address-mask-reply",
    "packet-too-big",
    "neighbour-solicitation",
    "neighbour-advertisement",
    "neighbor-solicitation",
    "neighbor-advertisement",
    "node-information-reply",
};

static const uint8_t icmp_protocols[FAMILIES] = {PROTOCOL_ICMP, PROTOCOL_ICMPV6};

static int refuse(struct literal *literal, const char *problem, const char *remedy)
{
    literal->problem = problem;
    literal->remedy = remedy;
    return -EINVAL;
}

/* A decimal number without sign, spaces or leading zeros, up to 99999. */
static bool parse_number(const char *text, size_t length, unsigned *ret_number)
{
    unsigned number = 0;

    if (length == 0 || length > 5 || (length > 1 && text[0] == '0'))
        return false;

    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        number = number * 10 + (unsigned)(text[i] - '0');
    }

    *ret_number = number;
    return true;
}

/* The protocol of that name, in any case. */
static const struct protocol *find_named(const char *name, size_t length)
{
    for (size_t i = 0; i < ELEMENTS_OF(protocols); i++) {
        if (strlen(protocols[i].name) == length &&
            strncasecmp(name, protocols[i].name, length) == 0)
            return &protocols[i];
    }
    return NULL;
}

static const struct protocol *find_numbered(unsigned number)
{
    for (size_t i = 0; i < ELEMENTS_OF(protocols); i++) {
        if (protocols[i].number == number)
            return &protocols[i];
    }
    return NULL;
}

static void set_range(struct literal *literal, uint8_t number, uint16_t first, uint16_t last)
{
    const struct protocol *protocol = find_numbered(number);
    bool ipv6 = !protocol || !protocol->ipv4_only;

    literal->ranges[0] = (struct service_range){number, number, first, last, {true, ipv6}};
    literal->n_ranges = 1;
}

static int parse_ports(const char *text, uint8_t protocol, struct literal *literal)
{
    const char *dash = strchr(text, '-');
    unsigned first, last;

    if (strcmp(text, "any") == 0) {
        set_range(literal, protocol, 0, UINT16_MAX);
        return 0;
    }

    if (!parse_number(text, dash ? (size_t)(dash - text) : strlen(text), &first) ||
        (dash && !parse_number(dash + 1, strlen(dash + 1), &last)))
        return refuse(literal, "its port is not a number",
                      "write a port (443), a range (1433-1434) or `any`");
    if (!dash)
        last = first;

    if (first == 0)
        return refuse(literal, "there is no port 0", "ports are 1 to 65535; all of them are `any`");
    if (first > UINT16_MAX || last > UINT16_MAX)
        return refuse(literal, "its port is too high", "ports are 1 to 65535");
    if (last < first)
        return refuse(literal, "its range of ports ends before it begins",
                      "write the lower port first");

    set_range(literal, protocol, (uint16_t)first, (uint16_t)last);
    return 0;
}

static void add_icmp(struct literal *literal, enum family family, unsigned first, unsigned last)
{
    struct service_range *range = &literal->ranges[literal->n_ranges++];

    *range = (struct service_range){
        .protocol_first = icmp_protocols[family],
        .protocol_last = icmp_protocols[family],
        .port_first = (uint16_t)first,
        .port_last = (uint16_t)last,
    };
    range->families[family] = true;
}

static int parse_icmp(const char *text, struct literal *literal)
{
    unsigned number = 0;
    bool numeric = parse_number(text, strlen(text), &number);

    if (strcmp(text, "any") == 0) {
        for (enum family family = 0; family < FAMILIES; family++)
            add_icmp(literal, family, 0, UINT16_MAX);
        return 0;
    }

    for (size_t i = 0; i < ELEMENTS_OF(queries); i++) {
        bool found = strcmp(text, queries[i].name) == 0;

        for (enum family family = 0; family < FAMILIES; family++)
            found |= numeric && number > 0 && number == queries[i].types[family];
        if (!found)
            continue;

        for (enum family family = 0; family < FAMILIES; family++) {
            unsigned first = queries[i].types[family] * ICMP_CODES;

            if (first > 0)
                add_icmp(literal, family, first, first + queries[i].last_code);
        }
        return 0;
    }

    for (size_t i = 0; i < ELEMENTS_OF(followers); i++)
        numeric |= strcmp(text, followers[i]) == 0;
    if (numeric)
        return refuse(literal, "replies and errors need no flow: they follow their connection",
                      "remove it; queries are echo-request, timestamp-request, info-request, "
                      "address-mask-request and node-information-query");
    return refuse(literal, "there is no such ICMP query",
                  "queries are echo-request, timestamp-request, info-request, "
                  "address-mask-request and node-information-query, all of them `any`");
}

static int parse_protocol(const char *text, struct literal *literal)
{
    const struct protocol *protocol;
    unsigned number;

    if (!parse_number(text, strlen(text), &number) || number > UINT8_MAX)
        return refuse(literal, "its protocol is not a number from 0 to 255",
                      "write the number that IANA gave the protocol, such as protocol/89");
    if (number == PROTOCOL_ICMP || number == PROTOCOL_ICMPV6)
        return refuse(literal, "ICMP is written by its queries",
                      "write `icmp/echo-request`, or `icmp/any`");
    protocol = find_numbered(number);
    if (protocol && protocol->kind == PROTOCOL_WITH_PORTS)
        return refuse(literal, "this protocol has ports",
                      "write it by name with its ports, such as `tcp/443` or `udp/any`");

    set_range(literal, (uint8_t)number, 0, UINT16_MAX);
    return 0;
}

static int parse_word(const char *text, struct literal *literal)
{
    const struct protocol *protocol = find_named(text, strlen(text));

    if (strcmp(text, "any") == 0) {
        set_range(literal, 0, 0, UINT16_MAX);
        literal->ranges[0].protocol_last = UINT8_MAX;
        return 0;
    }
    if (protocol && protocol->kind == PROTOCOL_WITHOUT_PORTS && strcmp(text, protocol->name) == 0) {
        set_range(literal, protocol->number, 0, UINT16_MAX);
        return 0;
    }
    if (protocol && protocol->kind == PROTOCOL_UNTRACKED)
        return refuse(literal, protocol->problem, protocol->remedy);
    if (service_literal_is_word(text))
        return refuse(literal, "a protocol with ports or types needs them",
                      "write them after a slash: `tcp/443`, `udp/any`, `icmp/echo-request`; and "
                      "write protocols in lower case");
    return -ENOENT;
}

static bool has_upper_case(const char *text, const char *end)
{
    for (; text < end; text++) {
        if (isupper((unsigned char)*text))
            return true;
    }
    return false;
}

int service_literal_parse(const char *text, struct literal *ret_literal)
{
    static const char in_lower_case[] = "write protocols in lower case: `tcp/443`";
    static const char known[] =
        "protocols with ports are tcp, udp and sctp; others are `icmp/…`, esp, ah, gre, ipip, "
        "ospf, vrrp, igmp, pim, l2tp and `protocol/NUMBER`";
    const char *slash = strchr(text, '/');
    const struct protocol *protocol;
    size_t length;

    *ret_literal = (struct literal){0};
    if (!slash)
        return parse_word(text, ret_literal);

    length = (size_t)(slash - text);
    protocol = find_named(text, length);
    if (length == 4 && memcmp(text, "icmp", 4) == 0)
        return parse_icmp(slash + 1, ret_literal);
    if (length == 8 && memcmp(text, "protocol", 8) == 0)
        return parse_protocol(slash + 1, ret_literal);
    if (length == 6 && strncasecmp(text, "icmpv6", 6) == 0)
        return refuse(ret_literal, "there is no protocol `icmpv6`",
                      "write `icmp/…`, which is ICMP in IPv4 and ICMPv6 in IPv6");
    if (protocol && protocol->kind == PROTOCOL_UNTRACKED)
        return refuse(ret_literal, protocol->problem, protocol->remedy);
    if (!protocol || memcmp(text, protocol->name, length) != 0)
        return refuse(ret_literal, "there is no such protocol",
                      has_upper_case(text, slash) ? in_lower_case : known);
    if (protocol->kind == PROTOCOL_WITHOUT_PORTS)
        return refuse(ret_literal, "this protocol has no ports", "write its name alone");
    return parse_ports(slash + 1, protocol->number, ret_literal);
}

bool service_literal_is_word(const char *text)
{
    static const char *const words[] = {"any", "icmp", "icmpv6", "protocol"};

    for (size_t i = 0; i < ELEMENTS_OF(words); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return find_named(text, strlen(text));
}

static void format_ports(const char *name, const struct service_range *range,
                         char buffer[SERVICE_TEXT_MAX])
{
    if (range->port_first == 0 && range->port_last == UINT16_MAX)
        snprintf(buffer, SERVICE_TEXT_MAX, "%s/any", name);
    else if (range->port_first == range->port_last)
        snprintf(buffer, SERVICE_TEXT_MAX, "%s/%u", name, range->port_first);
    else
        snprintf(buffer, SERVICE_TEXT_MAX, "%s/%u-%u", name, range->port_first, range->port_last);
}

/* Queries by name; what no literal can say, such as an echo reply, by type and code. */
static void format_icmp(const struct service_range *range, enum family family,
                        char buffer[SERVICE_TEXT_MAX])
{
    unsigned type = range->port_first / ICMP_CODES, code = range->port_first % ICMP_CODES;
    const char *query = range->port_first == 0 && range->port_last == UINT16_MAX ? "any" : NULL;

    for (size_t i = 0; i < ELEMENTS_OF(queries); i++) {
        if (type > 0 && queries[i].types[family] == type && code <= queries[i].last_code &&
            range->port_last <= range->port_first - code + queries[i].last_code)
            query = queries[i].name;
    }
    if (query)
        snprintf(buffer, SERVICE_TEXT_MAX, "icmp/%s", query);
    else if (range->port_first == range->port_last)
        snprintf(buffer, SERVICE_TEXT_MAX, "icmp/%u.%u", type, code);
    else
        snprintf(buffer, SERVICE_TEXT_MAX, "icmp/%u.%u-%u.%u", type, code,
                 range->port_last / ICMP_CODES, range->port_last % ICMP_CODES);
}

const char *service_range_format(const struct service_range *range, enum family family,
                                 char buffer[SERVICE_TEXT_MAX])
{
    unsigned first = range->protocol_first, last = range->protocol_last;
    const struct protocol *protocol = find_numbered(first);

    if (first == 0 && last == UINT8_MAX)
        snprintf(buffer, SERVICE_TEXT_MAX, "any");
    else if (first != last)
        snprintf(buffer, SERVICE_TEXT_MAX, "protocol/%u-%u", first, last);
    else if (first == icmp_protocols[family])
        format_icmp(range, family, buffer);
    else if (!protocol || protocol->kind == PROTOCOL_UNTRACKED)
        snprintf(buffer, SERVICE_TEXT_MAX, "protocol/%u", first);
    else if (protocol->kind == PROTOCOL_WITHOUT_PORTS)
        snprintf(buffer, SERVICE_TEXT_MAX, "%s", protocol->name);
    else
        format_ports(protocol->name, range, buffer);
    return buffer;
}
