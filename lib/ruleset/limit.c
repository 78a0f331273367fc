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

static void add_budgets(struct compiler *compiler, const char *name, enum family family,
                        uint32_t lifetime)
{
    struct set *set = compiler_set(compiler, name, KEY_TYPES(address_type(family)), SET_DATA_NONE);

    if (!set)
        return;
    set->dynamic = true;
    set->size = SOURCES_MAX;
    set->timeout = lifetime > 0;
    set->lifetime = lifetime;
}

static void end_limit(struct compiler *compiler, const struct flow *flow)
{
    char refused[CHAIN_NAME_MAX];

    snprintf(refused, sizeof(refused), "%s/%s", reason_to_string(REASON_LIMITED), flow->name);
    compiler_rule(compiler, statement_go(VERDICT_GOTO, refused));
}

/* A budget that was not used for the length of its unit is whole again, and need not be kept. */
static void compile_rate(struct compiler *compiler, const struct flow *flow,
                         struct statement within)
{
    const struct limit *limit = &flow->limit;
    const char *unit = limit->per_seconds == 1    ? "second"
                       : limit->per_seconds == 60 ? "minute"
                                                  : "hour";
    uint32_t rate = compiler->rehearsal ? POLICY_LIMIT_MAX : limit->new;
    char set[CHAIN_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        snprintf(set, sizeof(set), "limit/%s/%s/%u-per-%s", flow->name, family_word(family), rate,
                 unit);
        add_budgets(compiler, set, family, limit->per_seconds + 1);
        compiler_rule(compiler,
                      statement_meter_rate((struct field_list){&sources[family], 1}, set, rate,
                                           limit->per_seconds),
                      within);
    }
    end_limit(compiler, flow);
}

/* The kernel forgets a source when its last connection has ended. */
static void compile_concurrent(struct compiler *compiler, const struct flow *flow)
{
    uint32_t count = compiler->rehearsal ? POLICY_LIMIT_MAX : flow->limit.concurrent;
    char set[CHAIN_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        snprintf(set, sizeof(set), "limit/%s/%s/%u-open", flow->name, family_word(family), count);
        add_budgets(compiler, set, family, 0);
        compiler_rule(compiler, statement_meter_count(sources[family], set, count),
                      statement_verdict(VERDICT_RETURN));
    }
    end_limit(compiler, flow);
}

static void compile_limit(struct compiler *compiler, const struct flow *flow)
{
    const struct limit *limit = &flow->limit;
    char name[CHAIN_NAME_MAX], open[CHAIN_NAME_MAX];

    snprintf(name, sizeof(name), "%s/%s", reason_to_string(REASON_LIMITED), flow->name);
    snprintf(open, sizeof(open), "limit/%s/open", flow->name);
    compiler_counter(compiler, name);
    compiler_chain(compiler, "%s", name);
    compiler_rule(compiler, statement_counter(name), compiler_refuse(REASON_LIMITED));

    compiler_chain(compiler, "limit/%s", flow->name);
    if (limit->new > 0)
        compile_rate(compiler, flow,
                     limit->concurrent > 0 ? statement_go(VERDICT_GOTO, open)
                                           : statement_verdict(VERDICT_RETURN));
    if (limit->new > 0 && limit->concurrent > 0)
        compiler_chain(compiler, "%s", open);
    if (limit->concurrent > 0)
        compile_concurrent(compiler, flow);
}

void compile_limits(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    char target[CHAIN_NAME_MAX];
    struct set *limited;

    if (!compiler_limits(compiler))
        return;
    limited = compiler_set(compiler, RULESET_LIMITED, KEY_TYPES(DATATYPE_MARK), SET_DATA_VERDICT);
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        /* Only what passes now: what does not is counted as suspended and uses no budget. */
        if (!has_limit(flow) || !compiler_is_live(compiler, flow))
            continue;
        snprintf(target, sizeof(target), "limit/%s", flow->name);
        compiler_add_mark(compiler, limited, flow,
                          (struct element){.verdict = VERDICT_JUMP, .target = target});
    }

    compile_drop(compiler, REASON_LIMITED);

    for (size_t i = 0; i < policy->n_flows; i++)
        if (has_limit(&policy->flows[i]))
            compile_limit(compiler, &policy->flows[i]);
}
