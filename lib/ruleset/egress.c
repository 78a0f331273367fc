/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where a packet of an open connection may lead: out of an interface whose zones own its
 * destination. Only there is the switchboard asked without a look at the policy, so that a route
 * that moves takes no connection into another zone, or out of all of them. What returns from here
 * is judged like a first packet.
 *
 * After all hooks that ask, the destination is that of the machine that will get the packet: the
 * translation of destinations, and back from translated sources, is done in `prerouting`.
 */

#include <errno.h>

#include "ruleset/compiler.h"

static int compile_segment(struct compiler *compiler, struct set *egress, size_t segment)
{
    static const enum field destinations[FAMILIES] = {FIELD_IP_DADDR, FIELD_IP6_DADDR};
    const struct segment *carried = &compiler->policy->segments[segment];
    char buffer[SEGMENT_TEXT_MAX], chain[CHAIN_NAME_MAX];
    int r;

    snprintf(chain, sizeof(chain), "egress/%s", compiler_segment(compiler, segment, buffer));
    r = compiler_chain(compiler, "%s", chain);
    for (enum family family = 0; r == 0 && family < FAMILIES; family++)
        r = compiler_match_networks(compiler, segment, family, destinations[family],
                                    compiler_ask_live());

    for (size_t i = 0; r == 0 && i < carried->n_interfaces; i++) {
        struct key key = {0};

        key_put_name(&key, carried->interfaces[i]);
        r = ruleset_add_element(
            compiler->ruleset, egress,
            &(struct element){.key = key.bytes, .verdict = VERDICT_JUMP, .target = chain});
    }
    return r;
}

int compile_egress(struct compiler *compiler)
{
    struct set *egress;
    int r = ruleset_add_set(compiler->ruleset, "egress", KEY_TYPES(DATATYPE_IFNAME),
                            SET_DATA_VERDICT, &egress);

    for (size_t i = 0; r == 0 && i < compiler->policy->n_segments; i++)
        r = compile_segment(compiler, egress, i);
    return r;
}
