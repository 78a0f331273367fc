/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which packets may claim to come from where, judged before connection tracking sees them: the
 * source address must belong to a zone on the interface, and the hardware address to the host where
 * the policy binds it. Otherwise somebody in one zone could speak inside a connection of another,
 * which connection tracking would call established.
 *
 * Link-local and unspecified sources pass here, as neighbour discovery and DHCP need them: they
 * never get further than the gateway itself, since no flow between zones has them.
 */

#include <netinet/icmp6.h>
#include <netinet/in.h> /* before linux/, which then leaves its names alone */
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Where nft's `priority raw` is: after defragmentation, before connection tracking. */
#define PRIORITY_RAW (-300)

/* The number of AH, so that who lists connections may guess what it is for. */
#define AUTHENTICATED_ZONE 51

/* An address of a bound host: alone, with the chain to go to, or with each of its hardware
 * addresses. */
static void bind_address(struct compiler *compiler, struct set *set, const struct host *host,
                         const struct host_address *address, const char *chain)
{
    size_t n = chain ? 1 : host->n_macs;

    for (size_t i = 0; i < n; i++) {
        struct key key = {0};

        key_put_address(&key, address->family, address->address);
        if (!chain)
            key_put(&key, host->macs[i].bytes, sizeof(host->macs[i].bytes));
        compiler_element(compiler, set,
                         &(struct element){
                             .key = key.bytes,
                             .verdict = chain ? VERDICT_GOTO : VERDICT_NONE,
                             .target = chain,
                             .comment = host->name,
                             .location = host->location,
                         });
    }
}

/* Puts the addresses of the bound hosts of the segment into a set: a map with a chain, else with
 * their hardware addresses. Returns how many they are; without any there is no set. */
static size_t bind_hosts(struct compiler *compiler, size_t segment, enum family family,
                         const char *name, const char *chain)
{
    const struct policy *policy = compiler->policy;
    const enum datatype key[] = {address_type(family), DATATYPE_ETHER_ADDR};
    struct set *set = NULL;
    size_t n = 0;

    for (size_t i = 0; i < policy->n_hosts; i++) {
        const struct host *host = &policy->hosts[i];

        for (size_t j = 0; j < host->n_addresses; j++) {
            if (host->n_macs == 0 || host->addresses[j].family != family ||
                !segment_carries(policy, segment, host->zone))
                continue;

            if (n++ == 0)
                set = compiler_set(compiler, name, key, chain ? 1 : 2,
                                   chain ? SET_DATA_VERDICT : SET_DATA_NONE);
            bind_address(compiler, set, host, &host->addresses[j], chain);
        }
    }
    return n;
}

/* The chain that a bound host's packets go through, before the segment's own chain. */
static bool compile_bound(struct compiler *compiler, size_t segment, const char *name,
                          enum family family)
{
    char bound[CHAIN_NAME_MAX], macs[CHAIN_NAME_MAX], chain[CHAIN_NAME_MAX];
    char counter[CHAIN_NAME_MAX];

    snprintf(bound, sizeof(bound), "ingress/%.64s/bound/%s", name, family_word(family));
    snprintf(macs, sizeof(macs), "ingress/%.64s/macs/%s", name, family_word(family));
    snprintf(chain, sizeof(chain), "ingress/%.64s/mac/%s", name, family_word(family));

    if (bind_hosts(compiler, segment, family, bound, chain) == 0)
        return false;
    bind_hosts(compiler, segment, family, macs, NULL);

    snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_MAC_MISMATCH), name);
    compiler_chain(compiler, "%s", chain);
    compiler_rule(compiler,
                  statement_lookup(FIELDS(source_field(family), FIELD_ETHER_SADDR), false, macs),
                  statement_verdict(VERDICT_ACCEPT));
    compiler_rule(compiler, statement_counter(counter), compiler_refuse(REASON_MAC_MISMATCH));
    return true;
}

/* Sources that belong to a link and not to a zone. */
static void write_link_scope(struct compiler *compiler)
{
    const struct prefix link_local = {(ip_number)0xfe80 << 112, 10};
    const struct prefix unspecified = {0, 128};
    const struct prefix nobody = {0, 32}, everybody = {0xffffffff, 32};
    const struct prefix link_groups = {0xe0000000, 24}; /* RFC 5771 section 4 */

    compiler_rule(compiler, statement_match_prefix(FIELD_IP6_SADDR, FAMILY_IPV6, link_local),
                  statement_verdict(VERDICT_ACCEPT));
    compiler_rule(compiler, statement_match_prefix(FIELD_IP6_SADDR, FAMILY_IPV6, unspecified),
                  statement_verdict(VERDICT_ACCEPT));
    compiler_rule(compiler, statement_match_prefix(FIELD_IP_SADDR, FAMILY_IPV4, nobody),
                  statement_match_prefix(FIELD_IP_DADDR, FAMILY_IPV4, everybody),
                  statement_verdict(VERDICT_ACCEPT));
    /* A switch that asks for groups may have no address: RFC 4541 section 2.1.1. */
    compiler_rule(compiler, statement_match_prefix(FIELD_IP_SADDR, FAMILY_IPV4, nobody),
                  statement_match_byte(FIELD_L4PROTO, false, IPPROTO_IGMP),
                  statement_match_prefix(FIELD_IP_DADDR, FAMILY_IPV4, link_groups),
                  statement_verdict(VERDICT_ACCEPT));
}

/*
 * What the gateway sends to groups and to all, the kernel gives back to its own programs, by the
 * interface that it leaves. Only such packets have a connection here already, before connection
 * tracking: `output` has judged them, whatever address they are from. What has none and is from an
 * address of the gateway was forged by somebody on the wire. (For IPv4 the kernel refuses that
 * itself.)
 */
static void write_own(struct compiler *compiler, const char *counter)
{
    const struct prefix groups = {(ip_number)0xff << 120, 8};

    compiler_rule(compiler, statement_match_prefix(FIELD_IP6_DADDR, FAMILY_IPV6, groups),
                  statement_match_states(CT_STATE_INVALID),
                  statement_match_fib_type(FIELD_FIB_SADDR_TYPE, RTN_LOCAL),
                  statement_counter(counter), compiler_refuse(REASON_SPOOFED));
}

/*
 * Packets behind an IPv6 authentication header. Connection tracking looks behind it and would take
 * them for packets of the connection inside; nftables does not, and judges them as protocol 51. In
 * a zone of connection tracking of their own they open connections of their own, and nothing that
 * is approved in one of the two forms passes in the other. What an ICMPv6 error quotes is looked up
 * in the zone of the error.
 */
static void compile_authenticated(struct compiler *compiler)
{
    compiler_chain(compiler, "authenticated/errors");
    for (uint8_t type = ICMP6_DST_UNREACH; type <= ICMP6_PARAM_PROB; type++)
        compiler_rule(compiler, statement_match_byte(FIELD_ICMPV6_TYPE, false, type),
                      statement_match_byte(FIELD_ICMPV6_QUOTED, false, IPPROTO_AH),
                      statement_set_ct_zone(AUTHENTICATED_ZONE));
}

static void find_authenticated(struct compiler *compiler)
{
    compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, IPPROTO_AH),
                  statement_match_byte(FIELD_NFPROTO, false, 10 /* NFPROTO_IPV6 */),
                  statement_set_ct_zone(AUTHENTICATED_ZONE));
    compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, IPPROTO_ICMPV6),
                  statement_go(VERDICT_JUMP, "authenticated/errors"));
}

static void compile_segment(struct compiler *compiler, size_t segment)
{
    char buffer[SEGMENT_TEXT_MAX], map[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];
    const char *name = compiler_segment(compiler, segment, buffer);
    bool bound[FAMILIES];

    for (enum family family = 0; family < FAMILIES; family++)
        bound[family] = compile_bound(compiler, segment, name, family);

    compiler_chain(compiler, "ingress/%s", name);
    compiler_refuse_clear_ingress(compiler, segment);
    snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_SPOOFED), name);
    if (compiler->policy->gateway_protect)
        write_own(compiler, counter);
    for (enum family family = 0; family < FAMILIES; family++) {
        if (bound[family]) {
            snprintf(map, sizeof(map), "ingress/%.64s/bound/%s", name, family_word(family));
            compiler_rule(compiler, statement_verdict_map(FIELDS(source_field(family)), map));
        }
        compiler_match_networks(compiler, segment, family, source_field(family),
                                statement_verdict(VERDICT_ACCEPT));
        if (family == FAMILY_IPV4)
            find_authenticated(compiler);
    }
    write_link_scope(compiler);

    compiler_rule(compiler, statement_match_states(CT_STATE_NEW | CT_STATE_ESTABLISHED),
                  statement_verdict(VERDICT_ACCEPT));
    compiler_rule(compiler, statement_counter(counter), compiler_refuse(REASON_SPOOFED));
    compiler_counter(compiler, counter);
    if (bound[FAMILY_IPV4] || bound[FAMILY_IPV6]) {
        snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_MAC_MISMATCH), name);
        compiler_counter(compiler, counter);
    }
}

static void compile_ingress_map(struct compiler *compiler)
{
    struct set *ingress =
        compiler_set(compiler, "ingress", KEY_TYPES(DATATYPE_IFNAME), SET_DATA_VERDICT);

    compiler_add_name(compiler, ingress, "lo", (struct element){.verdict = VERDICT_ACCEPT});
    for (size_t i = 0; i < compiler->policy->n_segments; i++) {
        const struct segment *segment = &compiler->policy->segments[i];
        char buffer[SEGMENT_TEXT_MAX], chain[CHAIN_NAME_MAX];

        snprintf(chain, sizeof(chain), "ingress/%s", compiler_segment(compiler, i, buffer));
        for (size_t j = 0; j < segment->n_interfaces; j++)
            compiler_add_name(compiler, ingress, segment->interfaces[j],
                              (struct element){.verdict = VERDICT_GOTO, .target = chain});
    }
}

void compile_ingress(struct compiler *compiler)
{
    static const uint8_t local_types[] = {RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST};

    for (size_t i = 0; i < compiler->policy->n_segments; i++)
        compile_segment(compiler, i);
    compile_ingress_map(compiler);
    compiler_base_chain(compiler, "prerouting", HOOK_PREROUTING, PRIORITY_RAW, true);

    /* What comes in by an interface that no zone names goes nowhere but to the gateway itself, and
     * there too only where the gateway is not protected. */
    compiler_rule(compiler, statement_verdict_map(FIELDS(FIELD_IIFNAME), "ingress"));
    if (compiler->policy->gateway_protect) {
        compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, 58 /* ICMPv6 */),
                      statement_go(VERDICT_JUMP, "neighbour-discovery"));
    } else {
        for (size_t i = 0; i < ELEMENTS_OF(local_types); i++)
            compiler_rule(compiler, statement_match_fib_type(FIELD_FIB_DADDR_TYPE, local_types[i]),
                          statement_verdict(VERDICT_ACCEPT));
    }
    compiler_rule(compiler, compiler_refuse(REASON_UNKNOWN_INTERFACE));

    /* What the gateway itself sends, protected or not: answers to it are looked up by the same
     * rules. */
    compile_authenticated(compiler);
    compiler_base_chain(compiler, "authenticated", HOOK_OUTPUT, PRIORITY_RAW, false);
    find_authenticated(compiler);
}

/*
 * Where a packet of an open connection may lead whose flow the interfaces do not tell: out of an
 * interface whose zones own its destination. Only there is the switchboard asked without a look at
 * the policy, so that a route that moves takes no connection into another zone, or out of all of
 * them. What returns from here is judged like a first packet.
 *
 * After all hooks that ask, the destination is that of the machine that will get the packet: the
 * translation of destinations, and back from translated sources, is done in `prerouting`.
 */
static void compile_exit(struct compiler *compiler, struct set *egress, size_t segment)
{
    const struct segment *carried = &compiler->policy->segments[segment];
    char buffer[SEGMENT_TEXT_MAX], chain[CHAIN_NAME_MAX];

    snprintf(chain, sizeof(chain), "egress/%s", compiler_segment(compiler, segment, buffer));
    compiler_chain(compiler, "%s", chain);
    for (enum family family = 0; family < FAMILIES; family++)
        compiler_match_networks(
            compiler, segment, family, destination_field(family),
            statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), RULESET_DIRECTED));

    for (size_t i = 0; i < carried->n_interfaces; i++)
        compiler_add_name(compiler, egress, carried->interfaces[i],
                          (struct element){.verdict = VERDICT_JUMP, .target = chain});
}

void compile_egress(struct compiler *compiler)
{
    struct set *egress;

    if (!compiler->asks_direction)
        return;
    egress = compiler_set(compiler, "egress", KEY_TYPES(DATATYPE_IFNAME), SET_DATA_VERDICT);
    for (size_t i = 0; i < compiler->policy->n_segments; i++)
        compile_exit(compiler, egress, i);
}
