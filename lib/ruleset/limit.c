/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How much one source address may do by a flow. The first packet of a connection that a flow with a
 * limit approved goes through `limit/FLOW`, where each source has a budget of its own in a dynamic
 * set. A rule goes on where the packet is within the budget, so that all else is refused: what is
 * beyond it, and a source for which the set has no room. Later packets are of a connection that was
 * counted, and cost nothing.
 *
 * The rate comes first: what it refuses is not a connection. IPv6 sources are whole addresses, not
 * networks: a zone is often one /64, whose hosts would then share one budget.
 *
 * Numbers are in the names of the sets, since an element keeps those of the rule that made it: so
 * an edited limit gets a set of its own, and any other change leaves the sets and what they hold.
 * They also stay while the flow does not pass.
 */

#include <errno.h>

#include "policy/policy.h"
#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Sources of one flow and family that have a budget at a time. */
#define SOURCES_MAX 65536

static const enum field sources[FAMILIES] = {FIELD_CT_ORIG_SADDR, FIELD_CT_ORIG_SADDR6};

static bool has_limit(const struct flow *flow)
{
    return flow->enabled && (flow->limit.new > 0 || flow->limit.concurrent > 0);
}

bool compiler_limits(const struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->policy->n_flows; i++) {
        if (has_limit(&compiler->policy->flows[i]))
            return true;
    }
    return false;
}

static int add_budgets(struct compiler *compiler, const char *name, enum family family,
                       uint32_t lifetime)
{
    struct set *set;
    int r = ruleset_add_set(compiler->ruleset, name, KEY_TYPES(address_type(family)), SET_DATA_NONE,
                            &set);

    if (r < 0)
        return r;
    set->dynamic = true;
    set->size = SOURCES_MAX;
    set->timeout = lifetime > 0;
    set->lifetime = lifetime;
    return 0;
}

static int end_limit(struct compiler *compiler, const struct flow *flow)
{
    char refused[CHAIN_NAME_MAX];

    snprintf(refused, sizeof(refused), "%s/%s", reason_to_string(REASON_LIMITED), flow->name);
    return compiler_rule(compiler, statement_go(VERDICT_GOTO, refused));
}

/* A budget that was not used for the length of its unit is whole again, and need not be kept. */
static int compile_rate(struct compiler *compiler, const struct flow *flow, struct statement within)
{
    const struct limit *limit = &flow->limit;
    const char *unit = limit->per_seconds == 1    ? "second"
                       : limit->per_seconds == 60 ? "minute"
                                                  : "hour";
    uint32_t rate = compiler->widest_limits ? POLICY_LIMIT_MAX : limit->new;
    char set[CHAIN_NAME_MAX];
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        snprintf(set, sizeof(set), "limit/%s/%s/%u-per-%s", flow->name, family_word(family), rate,
                 unit);
        r = add_budgets(compiler, set, family, limit->per_seconds + 1);
        if (r == 0)
            r = compiler_rule(compiler,
                              statement_meter_rate(sources[family], set, rate, limit->per_seconds),
                              within);
    }
    return r < 0 ? r : end_limit(compiler, flow);
}

/* The kernel forgets a source when its last connection has ended. */
static int compile_concurrent(struct compiler *compiler, const struct flow *flow)
{
    uint32_t count = compiler->widest_limits ? POLICY_LIMIT_MAX : flow->limit.concurrent;
    char set[CHAIN_NAME_MAX];
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        snprintf(set, sizeof(set), "limit/%s/%s/%u-open", flow->name, family_word(family), count);
        r = add_budgets(compiler, set, family, 0);
        if (r == 0)
            r = compiler_rule(compiler, statement_meter_count(sources[family], set, count),
                              statement_verdict(VERDICT_RETURN));
    }
    return r < 0 ? r : end_limit(compiler, flow);
}

static int compile_limit(struct compiler *compiler, const struct flow *flow)
{
    const struct limit *limit = &flow->limit;
    char name[CHAIN_NAME_MAX], open[CHAIN_NAME_MAX];
    int r;

    snprintf(name, sizeof(name), "%s/%s", reason_to_string(REASON_LIMITED), flow->name);
    snprintf(open, sizeof(open), "limit/%s/open", flow->name);
    r = ruleset_add_counter(compiler->ruleset, name);
    if (r == 0)
        r = compiler_chain(compiler, "%s", name);
    if (r == 0)
        r = compiler_rule(compiler, statement_counter(name), compiler_refuse(REASON_LIMITED));

    if (r == 0)
        r = compiler_chain(compiler, "limit/%s", flow->name);
    if (r == 0 && limit->new > 0)
        r = compile_rate(compiler, flow,
                         limit->concurrent > 0 ? statement_go(VERDICT_GOTO, open)
                                               : statement_verdict(VERDICT_RETURN));
    if (r == 0 && limit->new > 0 && limit->concurrent > 0)
        r = compiler_chain(compiler, "%s", open);
    if (r == 0 && limit->concurrent > 0)
        r = compile_concurrent(compiler, flow);
    return r;
}

/* Only what passes now: what does not is counted as suspended and uses no budget. */
static int add_limited(struct compiler *compiler, size_t limited, const struct flow *flow)
{
    struct ruleset *ruleset = compiler->ruleset;
    char target[CHAIN_NAME_MAX];
    struct key key = {0};

    if (!compiler_is_live(compiler, flow))
        return 0;

    snprintf(target, sizeof(target), "limit/%s", flow->name);
    key_put(&key, &flow->id, sizeof(flow->id));
    return ruleset_add_element(ruleset, &ruleset->sets[limited],
                               &(struct element){
                                   .key = key.bytes,
                                   .verdict = VERDICT_JUMP,
                                   .target = target,
                                   .comment = flow->name,
                                   .location = flow->location,
                               });
}

int compile_limits(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    size_t limited = compiler->ruleset->n_sets;
    struct set *set;
    int r;

    if (!compiler_limits(compiler))
        return 0;
    r = ruleset_add_set(compiler->ruleset, RULESET_LIMITED, KEY_TYPES(DATATYPE_MARK),
                        SET_DATA_VERDICT, &set);
    if (r == 0)
        r = compile_drop(compiler, REASON_LIMITED, false);

    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        if (!has_limit(&policy->flows[i]))
            continue;
        r = add_limited(compiler, limited, &policy->flows[i]);
        if (r == 0)
            r = compile_limit(compiler, &policy->flows[i]);
    }
    return r;
}
