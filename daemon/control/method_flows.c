/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The method GetFlows: whether each flow passes now and until when, and how much it has carried.
 * The policy is read from its image; if there is none, or there are grants, from the texts of the
 * enforced generation with the grants after them, so that this shows what was committed to the
 * kernel. GetCounters needs the ruleset alone,
 * which is in memory.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/reason.h"
#include "daemon/change/kept.h"
#include "daemon/child.h"
#include "daemon/counting.h"
#include "daemon/control/method.h"
#include "observe/live.h"
#include "policy/flow_state.h"
#include "policy/isolations.h"

/* What is needed to show a flow. */
struct flows {
    const struct policy *policy;
    const struct totals *totals;
    const struct overrides *overrides;
    struct flow_states *states;
    struct live_counts counts;
    struct isolations *isolations;
};

static void flows_clear(struct flows *flows)
{
    flow_states_free(flows->states);
    isolations_free(flows->isolations);
    live_counts_clear(&flows->counts);
}

/*
 * Reading the counters is 2 us of the kernel's work for each element, so that of a large policy is
 * shared: a child of the worker reads the second half, and hands its entries over through a pipe.
 * It has the addresses of the worker, so the names in them are those of the worker too.
 */
#define SHARED_MIN 4096
#define RECEIVED_AT_ONCE 4096

static _Noreturn void send_half(struct gateway *gateway, int fd, pid_t worker)
{
    struct nftables *nftables = enforcement_nftables(gateway->enforcement);
    struct live_counts counts = {0};
    int r = child_follow(worker);

    if (r == 0)
        r = nftables_enter_child(nftables, true);
    if (r == 0)
        r = live_counts_add(nftables, enforcement_ruleset(gateway->enforcement), 1, 2, &counts);
    if (r == 0)
        r = file_write_all(fd, (const char *)counts.counts,
                           counts.n_counts * sizeof(*counts.counts));
    _exit(r < 0);
}

/* Adds entries until the pipe is closed. Returns 0 or -errno. */
static int receive_half(int fd, struct live_counts *counts)
{
    size_t size = counts->n_counts * sizeof(*counts->counts);
    ssize_t n;

    do {
        int r = array_reserve(&counts->counts, &counts->capacity,
                              size / sizeof(*counts->counts) + 1 + RECEIVED_AT_ONCE,
                              sizeof(*counts->counts));

        if (r < 0)
            return r;
        n = read(fd, (char *)counts->counts + size, RECEIVED_AT_ONCE * sizeof(*counts->counts));
        size += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    counts->n_counts = size / sizeof(*counts->counts);
    return n < 0 ? -errno : 0;
}

/* Reads all of the second half, or returns false with `counts` as it was. */
static bool take_half(int fd, pid_t child, struct live_counts *counts)
{
    const size_t n = counts->n_counts;
    int r = receive_half(fd, counts);

    if (child_succeeds(child) && r == 0)
        return true;
    counts->n_counts = n;
    return false;
}

static int read_counts(struct gateway *gateway, struct live_counts *ret_counts)
{
    struct nftables *nftables = enforcement_nftables(gateway->enforcement);
    const struct ruleset *ruleset = enforcement_ruleset(gateway->enforcement);
    cleanup_(live_counts_clear) struct live_counts counts = {0};
    const pid_t worker = getpid();
    int fds[2], r;
    pid_t child;

    if (live_sets_count(ruleset) < SHARED_MIN)
        return live_counts_read(nftables, ruleset, ret_counts);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    child = fork();
    if (child == 0)
        send_half(gateway, fds[1], worker);
    close(fds[1]);

    r = live_counts_add(nftables, ruleset, 0, 2, &counts);
    if (child < 0 || !take_half(fds[0], child, &counts))
        r = r < 0 ? r : live_counts_add(nftables, ruleset, 1, 2, &counts);
    close(fds[0]);
    if (r < 0)
        return r;
    live_counts_join(&counts);
    *ret_counts = counts;
    counts = (struct live_counts){0};
    return 0;
}

static int list_ends(struct arena *arena, const struct policy *policy, const struct end_name *names,
                     size_t n_names, char ***list, size_t *n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_names; i++)
        r = method_add_text(arena, list, n, policy_end_name(policy, &names[i]));
    return r;
}

static struct wire_count shown_count(struct nftables_count count)
{
    return (struct wire_count){count.packets, count.bytes};
}

/* Whether isolations close the flow between all of its zones. `*ret_until` is when the first of
 * them ends. */
static bool is_isolated(const struct flows *flows, const struct flow *flow, usec_t *ret_until)
{
    usec_t until = USEC_NEVER;

    for (size_t i = 0; i < flow->n_from; i++) {
        for (size_t j = 0; j < flow->n_to; j++) {
            const struct isolation_end from = {.zone = flow->from[i].zone};
            const struct isolation_end to = {.zone = flow->to[j].zone};
            const struct override *isolation = isolations_cut(flows->isolations, flow, &from, &to);

            if (!isolation)
                return false;
            if (isolation->until < until)
                until = isolation->until;
        }
    }
    *ret_until = until;
    return true;
}

/* Why the flow does not pass, or NULL. `*ret_until` is when that may change. */
static const char *why_not(const struct flows *flows, const struct flow *flow, usec_t *ret_until)
{
    enum flow_state state = flow_states_of(flows->states, flow, ret_until);
    const struct override *suspension;
    usec_t until;

    if (state == FLOW_STATE_LIVE && is_isolated(flows, flow, &until)) {
        *ret_until = until < *ret_until ? until : *ret_until;
        return reason_to_string(REASON_ISOLATED);
    }
    /* The schedule does not open a suspended flow, so its instants do not matter. */
    if (state == FLOW_STATE_SUSPENDED) {
        suspension = overrides_suspension_of(flows->overrides, flow);
        *ret_until =
            suspension && suspension->until < flow->expires ? suspension->until : flow->expires;
    }
    return state == FLOW_STATE_LIVE ? NULL : flow_state_to_string(state);
}

static int fill_flow(struct arena *arena, const struct flows *flows, const struct flow *flow,
                     struct wire_flow *shown)
{
    const struct live_count count = live_counts_of(&flows->counts, flow->id);
    const struct total total = counting_of_flow(flows->totals, flow->name, &count);
    const struct policy *policy = flows->policy;
    int r;

    shown->name = (char *)flow->name;
    shown->label = (char *)flow->label;
    shown->why = (char *)why_not(flows, flow, &shown->until);
    shown->live = !shown->why;
    shown->original = shown_count(total.counts.original);
    shown->reply = shown_count(total.counts.reply);
    shown->since = total.since;
    shown->first = total.first;
    shown->last = total.last;
    r = list_ends(arena, policy, flow->from_names, flow->n_from_names, &shown->from,
                  &shown->n_from);
    if (r == 0)
        r = list_ends(arena, policy, flow->to_names, flow->n_to_names, &shown->to, &shown->n_to);
    for (size_t i = 0; r == 0 && i < flow->n_services; i++)
        r = method_add_text(arena, &shown->services, &shown->n_services,
                            policy->services[flow->services[i]].name);
    return r;
}

static int list_flows(struct arena *arena, struct gateway *gateway, const struct policy *policy,
                      struct flows_reply *reply)
{
    cleanup_(flows_clear) struct flows flows = {
        .policy = policy,
        .totals = gateway->totals,
        .overrides = &gateway->state.overrides,
    };
    int r = flow_states_new(policy, flows.overrides, calendar_now(), &flows.states);

    if (r == 0)
        r = isolations_new(flows.overrides, policy, &flows.isolations);
    if (r == 0)
        r = read_counts(gateway, &flows.counts);
    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        struct wire_flow *shown = arena_add(arena, &reply->flows, &reply->n_flows, sizeof(*shown));

        r = shown ? fill_flow(arena, &flows, &policy->flows[i], shown) : -ENOMEM;
    }
    return r;
}

int method_compile(const struct gateway *gateway, bool diagram, struct outcome *outcome,
                   struct compiled **ret_compiled)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct compiled_input input = {
        .overrides = &gateway->state.overrides,
        .sctp_missing = nftables_features_missing_sctp(enforcement_features(gateway->enforcement)),
        .ipsec_missing =
            nftables_features_missing_ipsec(enforcement_features(gateway->enforcement)),
        .reject_missing =
            nftables_features_missing_reject(enforcement_features(gateway->enforcement)),
        .now = gateway_now(gateway),
        .last = diagram ? COMPILED_DIAGRAM : COMPILED_POLICY,
    };
    int r = outcome_begin(outcome);

    if (r == 0)
        r = kept_read_policy(gateway, &gateway->current, outcome, &texts, NULL);
    if (r != 0)
        return r;

    input.texts = texts.texts;
    input.n_texts = texts.n_texts;
    r = compiled_new(&input, outcome->diagnostics, &compiled);
    if (r == 0)
        *ret_compiled = TAKE_PTR(compiled);
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "this version of segd finds errors in generation %" PRIu64,
                           gateway->current.number);
    return r;
}

static bool has_grants(const struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].kind == OVERRIDE_GRANT)
            return true;
    }
    return false;
}

/* The enforced policy with its grants: its image, which has none, or what is compiled.
 * `*ret_policy` is borrowed from the gateway or from `*ret_compiled`. Returns as method_compile().
 */
static int read_policy(struct gateway *gateway, struct outcome *outcome,
                       struct compiled **ret_compiled, const struct policy **ret_policy)
{
    int r;

    *ret_policy = has_grants(&gateway->state.overrides) ? NULL : kept_image(gateway);
    if (*ret_policy)
        return 0;
    r = method_compile(gateway, false, outcome, ret_compiled);
    if (r != 0)
        return r;
    assert(*ret_compiled);
    *ret_policy = (*ret_compiled)->policy;
    return 0;
}

static int get_flows(struct call *call, struct control *control)
{
    struct gateway *gateway = control->gateway;
    cleanup_(outcome_clear) struct outcome outcome = {0};
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct flows_reply reply = {0};
    const struct policy *policy = NULL;
    int r = read_policy(gateway, &outcome, &compiled, &policy);

    if (r != 0)
        return method_answer(call, control, r, &outcome, NULL);
    assert(policy);
    r = arena_new(&arena);
    if (r == 0)
        r = list_flows(arena, gateway, policy, &reply);
    if (method_is_overtaken(call, gateway))
        return -ESTALE;
    return r < 0 ? method_unreadable(call, r) : call_reply(call, &reply);
}

int method_get_flows(struct call *call, const void *parameters, void *userdata)
{
    (void)parameters;
    if (method_gateway(userdata)->current.number == 0)
        return call_reply(call, &(struct flows_reply){0});
    return get_flows(call, userdata);
}

/* The counts as one list for each column. */
static int list_counts(struct arena *arena, const struct totals *totals,
                       const struct live_counts *counts, struct counters_reply *reply)
{
    const size_t n = counts->n_counts;
    uint64_t *numbers = arena_allocate(arena, 4 * n * sizeof(*numbers));

    reply->names = arena_allocate(arena, n * sizeof(*reply->names));
    if (!numbers || !reply->names)
        return -ENOMEM;
    reply->original_packets = numbers;
    reply->original_bytes = numbers + n;
    reply->reply_packets = numbers + 2 * n;
    reply->reply_bytes = numbers + 3 * n;
    reply->n_names = reply->n_original_packets = reply->n_original_bytes = n;
    reply->n_reply_packets = reply->n_reply_bytes = n;

    for (size_t i = 0; i < n; i++) {
        const struct live_count *count = &counts->counts[i];
        /* An element that somebody else made need not have one. */
        const char *name = count->name ? count->name : "";
        const struct both_counts total = counting_of_flow(totals, name, count).counts;

        reply->names[i] = (char *)name;
        reply->original_packets[i] = total.original.packets;
        reply->original_bytes[i] = total.original.bytes;
        reply->reply_packets[i] = total.reply.packets;
        reply->reply_bytes[i] = total.reply.bytes;
    }
    return 0;
}

int method_get_counters(struct call *call, const void *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(live_counts_clear) struct live_counts counts = {0};
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct counters_reply reply = {.generation = gateway->current.number,
                                   .since = totals_since(gateway->totals)};
    int r = arena_new(&arena);

    (void)parameters;
    if (r == 0)
        r = read_counts(gateway, &counts);
    if (r == 0)
        r = list_counts(arena, gateway->totals, &counts, &reply);
    if (method_is_overtaken(call, gateway))
        return -ESTALE;
    return r < 0 ? method_unreadable(call, r) : call_reply(call, &reply);
}
