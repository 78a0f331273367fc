/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The switchboard: which flows pass now. Two elements a flow, one for each direction, so that both
 * are counted; with an expiry the kernel removes them itself. Its order of keys, direction first,
 * is that of the lookup.
 */

#include <linux/netfilter/nf_conntrack_tuple_common.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* Further ahead than this a flow gets no timeout: the kernel refuses one of some 584 years. Any
 * later commit gives it one when its time comes near. */
#define TIMEOUT_MAX (INT64_C(100) * 366 * 24 * 3600 * USEC_PER_SEC)

/* Whether the flow passes now, and the timeout of its elements: the instant at which it ends by
 * itself, 0 for none. */
static bool flow_is_live(const struct compiler *compiler, const struct flow *flow,
                         usec_t *ret_timeout)
{
    usec_t until;

    if (flow_states_of(compiler->states, flow, &until) != FLOW_STATE_LIVE)
        return false;

    *ret_timeout = until == USEC_NEVER || until - compiler->now > TIMEOUT_MAX ? 0 : until;
    return true;
}

bool compiler_is_live(const struct compiler *compiler, const struct flow *flow)
{
    usec_t timeout;

    return flow_is_live(compiler, flow, &timeout);
}

static void add_direction(struct compiler *compiler, struct set *live, const struct flow *flow,
                          uint8_t direction, usec_t timeout)
{
    struct key key = {0};

    key_put(&key, &direction, sizeof(direction));
    key_put(&key, &flow->id, sizeof(flow->id));
    compiler_element(compiler, live,
                     &(struct element){
                         .key = key.bytes,
                         .verdict = VERDICT_ACCEPT,
                         .comment = flow->name,
                         .expires = timeout,
                         .location = flow->location,
                     });
}

bool compiler_logs(const struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->policy->n_flows; i++) {
        if (compiler->policy->flows[i].enabled && compiler->policy->flows[i].log_new)
            return true;
    }
    return false;
}

static void add_logged(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    struct set *logged = compiler_set(compiler, "logged", KEY_TYPES(DATATYPE_MARK), SET_DATA_NONE);

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (flow->log_new && compiler_is_live(compiler, flow))
            compiler_add_mark(compiler, logged, flow, (struct element){0});
    }
}

void compile_live(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    struct set *live = compiler_set(compiler, RULESET_LIVE,
                                    KEY_TYPES(DATATYPE_CT_DIR, DATATYPE_MARK), SET_DATA_VERDICT);

    if (!live)
        return;
    live->timeout = true;
    live->counters = true;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        usec_t timeout;

        if (!flow_is_live(compiler, flow, &timeout))
            continue;

        add_direction(compiler, live, flow, IP_CT_DIR_ORIGINAL, timeout);
        add_direction(compiler, live, flow, IP_CT_DIR_REPLY, timeout);
    }

    if (compiler_logs(compiler))
        add_logged(compiler);
}

struct statement compiler_ask_live(void)
{
    return statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), RULESET_LIVE);
}
