/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The switchboard: which flows pass now, and by which ways. In `forward` the key is the mark with
 * the interfaces by which a packet comes and leaves: they tell at once that it flies between the
 * sides of its flow, and towards which of them, whoever opened the connection. So both directions
 * are counted, a route that moves finds no element, and a mark of one hook is none in another. With
 * an expiry the kernel removes elements itself.
 *
 * Where interfaces do not tell the sides, the key is the direction of the connection and the mark;
 * a map of its own for each hook, asked after the destination was compared.
 */

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <string.h>

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

/* More pairs of interfaces than this are more elements than a flow is worth. */
#define WAYS_MAX 64

const char *const ruleset_live_sets[RULESET_LIVE_SETS] = {
    RULESET_LIVE,     RULESET_LIVE RULESET_TO_GATEWAY,     RULESET_LIVE RULESET_FROM_GATEWAY,
    RULESET_DIRECTED, RULESET_DIRECTED RULESET_TO_GATEWAY, RULESET_DIRECTED RULESET_FROM_GATEWAY,
};

/* Of the sets above; those by direction stand three further on. */
enum { FORWARD, TO_GATEWAY, FROM_GATEWAY, DIRECTED };

bool ruleset_is_live(const struct set *set)
{
    for (size_t i = 0; i < RULESET_LIVE_SETS; i++)
        if (strcmp(set->name, ruleset_live_sets[i]) == 0)
            return true;
    return false;
}

uint32_t ruleset_live_mark(const struct set *set, const struct element *element)
{
    uint32_t mark;

    memcpy(&mark, element->key + (set->key[0] == DATATYPE_MARK ? 0 : sizeof(mark)), sizeof(mark));
    return mark;
}

static bool shares_interface(const struct zone *a, const struct zone *b)
{
    for (size_t i = 0; i < a->n_interfaces; i++)
        for (size_t j = 0; j < b->n_interfaces; j++)
            if (strcmp(a->interfaces[i], b->interfaces[j]) == 0)
                return true;
    return false;
}

/* Whether interfaces tell to which side of the flow a packet flies, and that it leaves where its
 * connection has its end: each side is one zone, on other interfaces than the other. */
static bool is_told_by_ways(const struct policy *policy, const struct flow *flow)
{
    const struct zone *from, *to;

    if (flow->n_from > 1 || flow->n_to > 1)
        return false;
    if (flow->from->zone == ZONE_GATEWAY || flow->to->zone == ZONE_GATEWAY)
        return true;

    from = &policy->zones[flow->from->zone];
    to = &policy->zones[flow->to->zone];
    return from->n_interfaces * to->n_interfaces <= WAYS_MAX && !shares_interface(from, to);
}

static bool asks_direction(const struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->policy->n_flows; i++) {
        const struct flow *flow = &compiler->policy->flows[i];

        if (flow->enabled && !is_told_by_ways(compiler->policy, flow))
            return true;
    }
    return false;
}

/* What all elements of a flow have. */
struct live_flow {
    struct compiler *compiler;
    struct set *sets; /* as in ruleset_live_sets */
    const struct flow *flow;
    usec_t timeout;
};

static void add_live(const struct live_flow *live, struct set *set, const struct key *key,
                     bool reply)
{
    compiler_element(live->compiler, set,
                     &(struct element){
                         .key = key->bytes,
                         .verdict = set->data == SET_DATA_VERDICT ? VERDICT_ACCEPT : VERDICT_NONE,
                         .reply = reply,
                         .comment = live->flow->name,
                         .expires = live->timeout,
                         .location = live->flow->location,
                     });
}

/* A way from one interface to another; `out` is NULL where the gateway is an end. */
static void add_way(const struct live_flow *live, struct set *set, const char *in, const char *out,
                    bool reply)
{
    struct key key = {0};

    key_put(&key, &live->flow->id, sizeof(live->flow->id));
    key_put_name(&key, in);
    if (out)
        key_put_name(&key, out);
    add_live(live, set, &key, reply);
}

static void add_ways(const struct live_flow *live)
{
    const struct policy *policy = live->compiler->policy;
    bool from_gateway = live->flow->from->zone == ZONE_GATEWAY;
    bool to_gateway = live->flow->to->zone == ZONE_GATEWAY;
    const struct zone *a =
        &policy->zones[from_gateway ? live->flow->to->zone : live->flow->from->zone];
    const struct zone *b = from_gateway || to_gateway ? NULL : &policy->zones[live->flow->to->zone];

    for (size_t i = 0; i < a->n_interfaces; i++) {
        if (!b) {
            add_way(live, &live->sets[TO_GATEWAY], a->interfaces[i], NULL, from_gateway);
            add_way(live, &live->sets[FROM_GATEWAY], a->interfaces[i], NULL, to_gateway);
        }
        for (size_t j = 0; b && j < b->n_interfaces; j++) {
            add_way(live, &live->sets[FORWARD], a->interfaces[i], b->interfaces[j], false);
            add_way(live, &live->sets[FORWARD], b->interfaces[j], a->interfaces[i], true);
        }
    }
}

static void add_directions(const struct live_flow *live, struct set *set)
{
    static const uint8_t directions[] = {IP_CT_DIR_ORIGINAL, IP_CT_DIR_REPLY};

    for (size_t i = 0; i < ELEMENTS_OF(directions); i++) {
        struct key key = {0};

        key_put(&key, &directions[i], sizeof(directions[i]));
        key_put(&key, &live->flow->id, sizeof(live->flow->id));
        add_live(live, set, &key, directions[i] == IP_CT_DIR_REPLY);
    }
}

/* In each hook whose packets may be the flow's. */
static void add_directed(const struct live_flow *live)
{
    const struct flow *flow = live->flow;
    bool from_gateway = flow_ends_have_gateway(flow->from, flow->n_from);
    bool to_gateway = flow_ends_have_gateway(flow->to, flow->n_to);

    if (flow->n_from > from_gateway && flow->n_to > to_gateway)
        add_directions(live, &live->sets[DIRECTED + FORWARD]);
    if (from_gateway || to_gateway) {
        add_directions(live, &live->sets[DIRECTED + TO_GATEWAY]);
        add_directions(live, &live->sets[DIRECTED + FROM_GATEWAY]);
    }
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

static void add_set(struct compiler *compiler, size_t which)
{
    static const enum datatype directed[] = {DATATYPE_CT_DIR, DATATYPE_MARK};
    static const enum datatype ways[] = {DATATYPE_MARK, DATATYPE_IFNAME, DATATYPE_IFNAME};
    struct set *set = which >= DIRECTED ? compiler_set(compiler, ruleset_live_sets[which], directed,
                                                       2, SET_DATA_VERDICT)
                                        : compiler_set(compiler, ruleset_live_sets[which], ways,
                                                       which == FORWARD ? 3 : 2, SET_DATA_NONE);

    if (!set)
        return;
    set->timeout = true;
    set->counters = true;
}

void compile_live(struct compiler *compiler)
{
    const struct policy *policy = compiler->policy;
    size_t first = compiler->ruleset->n_sets;

    compiler->asks_direction = asks_direction(compiler);
    for (size_t i = 0; i < (compiler->asks_direction ? RULESET_LIVE_SETS : DIRECTED); i++)
        add_set(compiler, i);
    if (compiler->error < 0)
        return;

    for (size_t i = 0; i < policy->n_flows; i++) {
        struct live_flow live = {.compiler = compiler,
                                 .sets = &compiler->ruleset->sets[first],
                                 .flow = &policy->flows[i]};

        if (!flow_is_live(compiler, live.flow, &live.timeout))
            continue;
        if (is_told_by_ways(policy, live.flow))
            add_ways(&live);
        else
            add_directed(&live);
    }

    if (compiler_logs(compiler))
        add_logged(compiler);
}
