/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets that are answered. Their rules stand before those that only drop, and lead to
 * `reject/REASON`, which logs as `drop/REASON` does and then answers, as often as the limit of all
 * answers allows. Only a request is answered: what flies against its connection comes from a host
 * that did not ask for it.
 */

#include <netinet/in.h> /* before linux/, which then leaves its names alone */
#include <linux/netfilter/nf_conntrack_tuple_common.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Answers per second, to all senders together. */
#define REJECT_RATE 50
#define REJECT_BURST 50

#define REJECT_CHAIN "reject" /* a word of nft, and so the name of no chain by itself */
#define REJECT_FLOWS "rejects/flows"

/* A rehearsal looks at what is sent on, and answers would only be in its way. */
static bool answers(const struct compiler *compiler)
{
    return !compiler->rehearsal && policy_first_reject(compiler->policy);
}

static void add_pairs(struct compiler *compiler, struct set *set, const struct reject *reject)
{
    const struct policy *policy = compiler->policy;
    const struct zone *from = &policy->zones[reject->from];
    const struct zone *to = reject->to == ZONE_GATEWAY ? NULL : &policy->zones[reject->to];

    for (size_t i = 0; i < from->n_interfaces; i++) {
        for (size_t j = 0; j < (to ? to->n_interfaces : 1); j++) {
            struct key key = {0};

            key_put_name(&key, from->interfaces[i]);
            if (to)
                key_put_name(&key, to->interfaces[j]);
            compiler_element(compiler, set, &(struct element){.key = key.bytes});
        }
    }
}

static void add_sets(struct compiler *compiler)
{
    static const enum datatype key[] = {DATATYPE_IFNAME, DATATYPE_IFNAME};
    const struct policy *policy = compiler->policy;

    for (size_t to_gateway = 0; to_gateway < (policy->gateway_protect ? 2 : 1); to_gateway++) {
        struct set *set = compiler_set(compiler, to_gateway ? "rejects/to-gateway" : "rejects", key,
                                       2 - to_gateway, SET_DATA_NONE);

        for (size_t i = 0; i < policy->n_rejects; i++)
            if ((policy->rejects[i].to == ZONE_GATEWAY) == (to_gateway == 1))
                add_pairs(compiler, set, &policy->rejects[i]);
    }
}

static void add_flows(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    struct set *set = compiler_set(compiler, REJECT_FLOWS, KEY_TYPES(DATATYPE_MARK), SET_DATA_NONE);

    for (size_t i = 0; i < policy->n_flows; i++)
        if (policy->flows[i].enabled && policy->flows[i].reject)
            compiler_add_mark(compiler, set, &policy->flows[i],
                              (struct element){.comment = policy->flows[i].name});
}

void compile_rejects(struct compiler *compiler)
{
    static const enum reason reasons[] = {REASON_NO_FLOW, REASON_SUSPENDED};

    if (!answers(compiler))
        return;
    add_sets(compiler);
    add_flows(compiler);

    compiler_chain(compiler, REJECT_CHAIN "/answer");
    compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, IPPROTO_TCP),
                  statement_reset());
    compiler_rule(compiler, statement_prohibit());
    compiler_chain(compiler, REJECT_CHAIN "/limit");
    compiler_rule(compiler, statement_limit(REJECT_RATE, REJECT_BURST),
                  statement_go(VERDICT_GOTO, REJECT_CHAIN "/answer"));
    compiler_rule(compiler, statement_verdict(VERDICT_DROP));

    for (size_t i = 0; i < ELEMENTS_OF(reasons); i++) {
        compiler_chain(compiler, REJECT_CHAIN "/%s", reason_to_string(reasons[i]));
        compiler_log_drop(compiler, reasons[i], statement_go(VERDICT_GOTO, REJECT_CHAIN "/limit"));
    }
}

void compiler_reject(struct compiler *compiler, enum reason reason, struct field_list interfaces,
                     const char *suffix)
{
    const struct statement request =
        statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_ORIGINAL);
    char tally[CHAIN_NAME_MAX], pairs[CHAIN_NAME_MAX], end[CHAIN_NAME_MAX];

    if (!answers(compiler))
        return;
    snprintf(tally, sizeof(tally), "%s%s", reason_to_string(reason), suffix);
    snprintf(pairs, sizeof(pairs), "rejects%s", suffix);
    snprintf(end, sizeof(end), REJECT_CHAIN "/%s", reason_to_string(reason));

    compiler_rule(compiler, request, statement_lookup(interfaces, false, pairs),
                  statement_tally(interfaces, tally), statement_go(VERDICT_GOTO, end));
    if (reason == REASON_SUSPENDED)
        compiler_rule(compiler, request,
                      statement_lookup(FIELDS(FIELD_CT_MARK), false, REJECT_FLOWS),
                      statement_tally(interfaces, tally), statement_go(VERDICT_GOTO, end));
}

void compiler_pass_resets(struct compiler *compiler)
{
    const struct statement match[] = {
        statement_match_states(CT_STATE_RELATED),
        statement_match_byte(FIELD_CT_DIRECTION, false, IP_CT_DIR_REPLY),
        statement_match_byte(FIELD_L4PROTO, false, IPPROTO_TCP),
    };

    if (!answers(compiler))
        return;
    for (enum family family = 0; family < FAMILIES; family++)
        compiler_at_home(compiler, family, FIELDS(FIELD_OIFNAME, destination_field(family)), match,
                         ELEMENTS_OF(match), statement_verdict(VERDICT_ACCEPT));
}
