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

#include "ruleset/compiler.h"

static void compile_segment(struct compiler *compiler, struct set *egress, size_t segment)
{
    const struct segment *carried = &compiler->policy->segments[segment];
    char buffer[SEGMENT_TEXT_MAX], chain[CHAIN_NAME_MAX];

    snprintf(chain, sizeof(chain), "egress/%s", compiler_segment(compiler, segment, buffer));
    compiler_chain(compiler, "%s", chain);
    for (enum family family = 0; family < FAMILIES; family++)
        compiler_match_networks(compiler, segment, family, destination_field(family),
                                compiler_ask_live());

    for (size_t i = 0; i < carried->n_interfaces; i++)
        compiler_add_name(compiler, egress, carried->interfaces[i],
                          (struct element){.verdict = VERDICT_JUMP, .target = chain});
}

void compile_egress(struct compiler *compiler)
{
    struct set *egress =
        compiler_set(compiler, "egress", KEY_TYPES(DATATYPE_IFNAME), SET_DATA_VERDICT);

    for (size_t i = 0; i < compiler->policy->n_segments; i++)
        compile_segment(compiler, egress, i);
}
