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

#include <errno.h>
#include <linux/rtnetlink.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Where nft's `priority raw` is: after defragmentation, before connection tracking. */
#define PRIORITY_RAW (-300)

static enum field source_field(enum family family)
{
    return family == FAMILY_IPV4 ? FIELD_IP_SADDR : FIELD_IP6_SADDR;
}

static bool segment_has_zone(const struct compiler *compiler, size_t segment, size_t zone)
{
    const struct segment *carried = &compiler->policy->segments[segment];

    for (size_t i = 0; i < carried->n_zones; i++) {
        if (carried->zones[i] == zone)
            return true;
    }
    return false;
}

/* Puts each address of a bound host of the segment into both sets. */
static int bind_hosts(struct compiler *compiler, size_t segment, enum family family,
                      const char *bound, const char *macs, const char *chain, size_t *ret_n)
{
    const struct policy *policy = compiler->policy;
    const enum datatype key[] = {address_type(family), DATATYPE_ETHER_ADDR};
    struct set *set;
    size_t n = 0;
    int r;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < policy->n_hosts; i++) {
            const struct host *host = &policy->hosts[i];

            for (size_t j = 0; j < host->n_addresses; j++) {
                struct key bytes = {0};

                if (!host->has_mac || host->addresses[j].family != family ||
                    !segment_has_zone(compiler, segment, host->zone))
                    continue;

                if (n++ == 0) {
                    r = ruleset_add_set(compiler->ruleset, pass == 0 ? bound : macs, key,
                                        pass == 0 ? 1 : 2,
                                        pass == 0 ? SET_DATA_VERDICT : SET_DATA_NONE, &set);
                    if (r < 0)
                        return r;
                }

                key_put_address(&bytes, family, host->addresses[j].address);
                if (pass == 1)
                    key_put(&bytes, host->mac.bytes, sizeof(host->mac.bytes));
                r = ruleset_add_element(compiler->ruleset, set,
                                        &(struct element){
                                            .key = bytes.bytes,
                                            .verdict = pass == 0 ? VERDICT_GOTO : VERDICT_NONE,
                                            .target = pass == 0 ? chain : NULL,
                                            .comment = host->name,
                                            .location = host->location,
                                        });
                if (r < 0)
                    return r;
            }
        }
        *ret_n = n;
        n = 0;
    }
    return 0;
}

/* The chain that a bound host's packets go through, before the segment's own chain. */
static int compile_bound(struct compiler *compiler, size_t segment, const char *name,
                         enum family family, bool *ret_bound)
{
    char bound[CHAIN_NAME_MAX], macs[CHAIN_NAME_MAX], chain[CHAIN_NAME_MAX];
    char counter[CHAIN_NAME_MAX];
    size_t n = 0;
    int r;

    snprintf(bound, sizeof(bound), "ingress/%.64s/bound/%s", name, family_word(family));
    snprintf(macs, sizeof(macs), "ingress/%.64s/macs/%s", name, family_word(family));
    snprintf(chain, sizeof(chain), "ingress/%.64s/mac/%s", name, family_word(family));

    r = bind_hosts(compiler, segment, family, bound, macs, chain, &n);
    if (r < 0)
        return r;
    *ret_bound = n > 0;
    if (n == 0)
        return 0;

    snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_MAC_MISMATCH), name);
    r = compiler_chain(compiler, "%s", chain);
    if (r == 0)
        r = compiler_rule(
            compiler,
            statement_lookup(FIELDS(source_field(family), FIELD_ETHER_SADDR), false, macs),
            statement_verdict(VERDICT_ACCEPT));
    if (r == 0)
        r = compiler_rule(compiler, statement_counter(counter),
                          compiler_refuse(REASON_MAC_MISMATCH));
    return r;
}

/* Sources that belong to a link and not to a zone. */
static int write_link_scope(struct compiler *compiler)
{
    const struct prefix link_local = {(ip_number)0xfe80 << 112, 10};
    const struct prefix unspecified = {0, 128};
    const struct prefix nobody = {0, 32}, everybody = {0xffffffff, 32};
    int r;

    r = compiler_rule(compiler, statement_match_prefix(FIELD_IP6_SADDR, FAMILY_IPV6, link_local),
                      statement_verdict(VERDICT_ACCEPT));
    if (r == 0)
        r = compiler_rule(compiler,
                          statement_match_prefix(FIELD_IP6_SADDR, FAMILY_IPV6, unspecified),
                          statement_verdict(VERDICT_ACCEPT));
    if (r == 0)
        r = compiler_rule(compiler, statement_match_prefix(FIELD_IP_SADDR, FAMILY_IPV4, nobody),
                          statement_match_prefix(FIELD_IP_DADDR, FAMILY_IPV4, everybody),
                          statement_verdict(VERDICT_ACCEPT));
    return r;
}

static int compile_segment(struct compiler *compiler, size_t segment)
{
    char buffer[SEGMENT_TEXT_MAX], map[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];
    const char *name = compiler_segment(compiler, segment, buffer);
    bool bound[FAMILIES];
    int r;

    for (enum family family = 0; family < FAMILIES; family++) {
        r = compile_bound(compiler, segment, name, family, &bound[family]);
        if (r < 0)
            return r;
    }

    r = compiler_chain(compiler, "ingress/%s", name);
    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        if (bound[family]) {
            snprintf(map, sizeof(map), "ingress/%.64s/bound/%s", name, family_word(family));
            r = compiler_rule(compiler, statement_verdict_map(FIELDS(source_field(family)), map));
        }
        if (r == 0)
            r = compiler_match_networks(compiler, segment, family, source_field(family),
                                        statement_verdict(VERDICT_ACCEPT));
    }
    if (r == 0)
        r = write_link_scope(compiler);

    snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_SPOOFED), name);
    if (r == 0)
        r = compiler_rule(compiler, statement_counter(counter), compiler_refuse(REASON_SPOOFED));
    if (r == 0)
        r = ruleset_add_counter(compiler->ruleset, counter);
    if (r == 0 && (bound[FAMILY_IPV4] || bound[FAMILY_IPV6])) {
        snprintf(counter, sizeof(counter), "%s/%.64s", reason_to_string(REASON_MAC_MISMATCH), name);
        r = ruleset_add_counter(compiler->ruleset, counter);
    }
    return r;
}

static int add_ingress(struct compiler *compiler, struct set *ingress, const char *interface,
                       enum verdict verdict, const char *chain)
{
    struct key key = {0};

    key_put_name(&key, interface);
    return ruleset_add_element(
        compiler->ruleset, ingress,
        &(struct element){.key = key.bytes, .verdict = verdict, .target = chain});
}

static int compile_ingress_map(struct compiler *compiler)
{
    struct set *ingress;
    int r = ruleset_add_set(compiler->ruleset, "ingress", KEY_TYPES(DATATYPE_IFNAME),
                            SET_DATA_VERDICT, &ingress);

    if (r == 0)
        r = add_ingress(compiler, ingress, "lo", VERDICT_ACCEPT, NULL);

    for (size_t i = 0; i < compiler->policy->n_segments; i++) {
        const struct segment *segment = &compiler->policy->segments[i];
        char buffer[SEGMENT_TEXT_MAX], chain[CHAIN_NAME_MAX];

        snprintf(chain, sizeof(chain), "ingress/%s", compiler_segment(compiler, i, buffer));
        for (size_t j = 0; r == 0 && j < segment->n_interfaces; j++)
            r = add_ingress(compiler, ingress, segment->interfaces[j], VERDICT_GOTO, chain);
    }
    return r;
}

int compile_ingress(struct compiler *compiler)
{
    static const uint8_t local_types[] = {RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST};
    int r;

    for (size_t i = 0; i < compiler->policy->n_segments; i++) {
        r = compile_segment(compiler, i);
        if (r < 0)
            return r;
    }

    r = compile_ingress_map(compiler);
    if (r == 0)
        r = compiler_base_chain(compiler, "prerouting", HOOK_PREROUTING, PRIORITY_RAW);

    /* What comes in by an interface that no zone names goes nowhere but to the gateway itself, and
     * there too only where the gateway is not protected. */
    if (r == 0)
        r = compiler_rule(compiler, statement_verdict_map(FIELDS(FIELD_IIFNAME), "ingress"));
    if (compiler->policy->gateway_protect) {
        if (r == 0)
            r = compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, 58 /* ICMPv6 */),
                              statement_go(VERDICT_JUMP, "neighbour-discovery"));
    } else {
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(local_types); i++)
            r = compiler_rule(compiler, statement_match_fib_type(local_types[i]),
                              statement_verdict(VERDICT_ACCEPT));
    }
    if (r == 0)
        r = compiler_rule(compiler, compiler_refuse(REASON_UNKNOWN_INTERFACE));
    return r;
}
