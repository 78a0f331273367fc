/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where refused packets end, a chain for each reason, which writes some of them to NFLOG; and the
 * one kind of packet that is never refused on the gateway itself: neighbour discovery.
 */

#include <netinet/icmp6.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Types of neighbour discovery (RFC 4861) and of multicast listener discovery (RFC 2710, RFC 3810),
 * without which switches do not deliver it. */
static const uint8_t link_types[] = {
    130, /* multicast listener query */
    131, /* multicast listener report */
    132, /* multicast listener done */
    ND_ROUTER_SOLICIT,
    ND_ROUTER_ADVERT,
    ND_NEIGHBOR_SOLICIT,
    ND_NEIGHBOR_ADVERT,
    ND_REDIRECT,
    143, /* multicast listener report, version 2 */
};

void compile_neighbour_discovery(struct compiler *compiler, const char *name)
{
    compiler_chain(compiler, "%s", name);
    for (size_t i = 0; i < ELEMENTS_OF(link_types); i++)
        compiler_rule(compiler, statement_match_byte(FIELD_ICMPV6_TYPE, false, link_types[i]),
                      statement_verdict(VERDICT_ACCEPT));
}

struct statement compiler_refuse(enum reason reason)
{
    return statement_go(VERDICT_GOTO, reason_chain(reason));
}

void compiler_log_drop(struct compiler *compiler, enum reason reason)
{
    compiler_rule(compiler, statement_limit(DROP_LOG_RATE, DROP_LOG_BURST),
                  statement_log(reason_log_prefix(reason), RULESET_LOG_GROUP, DROP_LOG_SNAPLEN));
}

void compile_drop(struct compiler *compiler, enum reason reason)
{
    compiler_chain(compiler, "%s", reason_chain(reason));
    /* Where a counter has a detail, the rule that refuses the packet counts it. */
    if (reason_detail(reason) == REASON_DETAIL_NONE) {
        compiler_counter(compiler, reason_to_string(reason));
        compiler_rule(compiler, statement_counter(reason_to_string(reason)));
    }
    compiler_log_drop(compiler, reason);
    compiler_rule(compiler, statement_verdict(VERDICT_DROP));
}

void compile_drops(struct compiler *compiler)
{
    /* The others come with what refuses for them: limits, isolations, the lockdown. */
    for (enum reason reason = REASON_NO_FLOW; reason <= REASON_UNKNOWN_INTERFACE; reason++)
        compile_drop(compiler, reason);
}
