/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A rehearsal from its plan to its result: build the lab, load the ruleset by the code that the
 * daemon uses, send batch after batch, judge. After each batch all connections are forgotten, so
 * that the connection of one probe never answers for another.
 *
 * When all packets agree, the counters of the ruleset must agree too: a flow that counts another's
 * packets would end, expire or be suspended at the wrong time. When one does not, it is sent again
 * alone, and the counter that grows says why.
 */

#include "lab/rehearsal.h"

#include <errno.h>
#include <netinet/in.h> /* before linux/, which then leaves its names alone */
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/compare.h"
#include "lab/rehearsal_private.h"
#include "observe/drop_counters.h"
#include "observe/live.h"
#include "ruleset/compile.h"
#include "ruleset/difference.h"

/* Fewer than the source ports there are. */
#define BATCH_MAX 8192
/* Of them those that must pass: fewer than the connections that the smallest machine tracks. */
#define BATCH_PASSES_MAX 1000
/* Of them for the gateway itself, where each port may need a socket. */
#define BATCH_INSIDE_MAX 256

static void stage_clear(struct stage *stage)
{
    nftables_close(stage->nftables);
    inside_free(stage->inside);
    lab_free(stage->lab);
    free(stage->tally.flows);
}

static int build(struct stage *stage)
{
    const struct layout *layout = stage->plan->layout;
    const char *const *interfaces;
    size_t n;
    int r;

    interfaces = layout_interfaces(layout, &n);
    r = lab_new(interfaces, n, &stage->lab);
    if (r == 0)
        r = layout_build(layout, stage->lab);
    if (r == 0)
        r = inside_new(&stage->inside);
    if (r < 0)
        return r;

    stage->tally.flows = calloc(stage->plan->policy->n_flows + 1, sizeof(*stage->tally.flows));
    return stage->tally.flows ? 0 : -ENOMEM;
}

/* The rehearsal is of one instant: what ends soon after must not end while packets are sent. So the
 * timeouts of flows are longer by so much. */
#define REHEARSAL_MAX (INT64_C(24) * 3600 * USEC_PER_SEC)

static int load(struct stage *stage, usec_t now)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    struct nftables_features features;
    int r = nftables_open(&stage->nftables);

    if (r == 0)
        r = nftables_probe(stage->nftables, &features);
    if (r < 0)
        return r;
    stage->rehearsal->missing = nftables_features_missing(&features);
    if (!stage->rehearsal->missing && policy_flow_with_ports(stage->plan->policy, IPPROTO_SCTP))
        stage->rehearsal->missing = nftables_features_missing_sctp(&features);
    if (!stage->rehearsal->missing && policy_zone_with_ipsec(stage->plan->policy))
        stage->rehearsal->missing = nftables_features_missing_ipsec(&features);
    if (stage->rehearsal->missing)
        return -EOPNOTSUPP;

    r = difference_new(NULL, stage->ruleset, &difference);
    if (r < 0)
        return r;
    return nftables_apply(stage->nftables, stage->ruleset, difference, now - REHEARSAL_MAX,
                          &stage->rehearsal->refusal, NULL);
}

static int add_failure(struct rehearsal *rehearsal, const struct rehearsal_failure *failure)
{
    return array_append(&rehearsal->failures, &rehearsal->n_failures, &rehearsal->capacity, failure,
                        sizeof(*failure));
}

enum reason probe_leg_reason(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    switch (leg) {
    case LEG_REQUEST:
        return probe->expected;
    case LEG_FORGED_REPLY:
        return layout_bound_host(plan->layout, probe->packet.family, probe->packet.destination)
                   ? REASON_MAC_MISMATCH
                   : REASON_SPOOFED;
    case LEG_REPLY:
        return REASON_NONE;
    }
    return REASON_NONE;
}

enum fate sight_fate(const struct sight *sight, enum leg leg)
{
    if (sight->leaked[leg] > 0)
        return FATE_LEAKED;
    if (sight->changed[leg] > 0)
        return FATE_CHANGED;
    if (sight->arrived[leg] > 1)
        return FATE_REPEATED;
    return sight->arrived[leg] == 1 ? FATE_ARRIVED : FATE_LOST;
}

static enum rehearsal_kind kind_of(const struct probe *probe, enum leg leg)
{
    switch (leg) {
    case LEG_REQUEST:
        if (probe->kind == PROBE_EXPECTATION)
            return REHEARSED_EXPECTATION;
        return probe->expected == REASON_NONE ? REHEARSED_PASS : REHEARSED_REFUSAL;
    case LEG_FORGED_REPLY:
        return REHEARSED_REFUSAL;
    case LEG_REPLY:
        return REHEARSED_REPLY;
    }
    return REHEARSED_REFUSAL;
}

/* What the ruleset has counted, if it did what it should. */
static void tally_add(struct tally *tally, const struct probe *probe, enum leg leg,
                      enum reason verdict)
{
    if (verdict != REASON_NONE && (leg != LEG_REQUEST || probe->packet.from != ZONE_GATEWAY))
        tally->refusals[verdict]++;
    else if (verdict == REASON_NONE && probe->owner != NO_FLOW)
        tally->flows[probe->owner][leg == LEG_REPLY]++;
    tally->broadcasts += verdict == REASON_NONE && probe->link &&
                         probe->packet.from == ZONE_GATEWAY && probe->packet.family == FAMILY_IPV4;
}

static int judge_leg(struct stage *stage, const struct probe *probe, const struct sight *sight,
                     enum leg leg)
{
    struct rehearsal_total *total = &stage->rehearsal->totals[kind_of(probe, leg)];
    enum reason verdict = probe_leg_reason(stage->plan, probe, leg);
    enum fate fate = sight_fate(sight, leg);

    if (!sight->sent[leg])
        return 0;
    total->sent++;
    tally_add(&stage->tally, probe, leg, verdict);
    if (fate == (verdict == REASON_NONE ? FATE_ARRIVED : FATE_LOST))
        return 0;

    total->failed++;
    return add_failure(stage->rehearsal, &(struct rehearsal_failure){
                                             .probe = probe,
                                             .leg = leg,
                                             .fate = fate,
                                             .wire = sight->wire[leg],
                                         });
}

static int run_batch(struct stage *stage, const size_t *probes, size_t n_probes)
{
    static const bool replies[LEGS] = {[LEG_FORGED_REPLY] = true, [LEG_REPLY] = true};
    cleanup_(freep) struct sight *sights = calloc(n_probes, sizeof(*sights));
    int r;

    if (!sights)
        return -ENOMEM;
    r = stage_play(stage, probes, n_probes, replies, sights);
    for (size_t i = 0; i < n_probes; i++) {
        for (enum leg leg = 0; r == 0 && leg < LEGS; leg++)
            r = judge_leg(stage, &stage->plan->probes[probes[i]], &sights[i], leg);
    }
    return r < 0 ? r : lab_flush_conntrack(stage->lab);
}

/* The probes of each round, round by round. */
static int order_probes(const struct plan *plan, size_t **ret_order)
{
    cleanup_(freep) size_t *starts = calloc(plan->n_rounds + 1, sizeof(*starts));
    cleanup_(freep) size_t *order = calloc(plan->n_probes + 1, sizeof(*order));

    if (!starts || !order)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_probes; i++)
        starts[plan->probes[i].round + 1]++;
    for (size_t i = 0; i < plan->n_rounds; i++)
        starts[i + 1] += starts[i];
    for (size_t i = 0; i < plan->n_probes; i++)
        order[starts[plan->probes[i].round]++] = i;
    *ret_order = TAKE_PTR(order);
    return 0;
}

/* How many of the probes from `first` on go together: those of one round, up to the limits. */
static size_t batch_size(const struct plan *plan, const size_t *order, size_t first)
{
    uint32_t round = plan->probes[order[first]].round;
    size_t n = 0, n_passes = 0, n_inside = 0;

    while (n < BATCH_MAX && first + n < plan->n_probes) {
        const struct probe *probe = &plan->probes[order[first + n]];

        n_passes += probe->expected == REASON_NONE;
        n_inside += probe->packet.to == ZONE_GATEWAY;
        if (probe->round != round || n_passes > BATCH_PASSES_MAX || n_inside > BATCH_INSIDE_MAX)
            break;
        n++;
    }
    return n;
}

static int run_plan(struct stage *stage)
{
    const struct plan *plan = stage->plan;
    cleanup_(freep) size_t *order = NULL;
    int r = order_probes(plan, &order);

    for (size_t first = 0, n; r == 0 && first < plan->n_probes; first += n) {
        n = batch_size(plan, order, first);
        r = run_batch(stage, order + first, n);
    }
    return r;
}

/* One counter: `REASON/…`, or of the switchboard the flow's id and the direction. */
struct count {
    char *name; /* NULL for an element */
    uint32_t mark;
    uint8_t direction;
    uint64_t packets;
};

struct counts {
    struct count *counts;
    size_t n_counts;
    size_t capacity;
};

static void counts_clear(struct counts *counts)
{
    for (size_t i = 0; i < counts->n_counts; i++)
        free(counts->counts[i].name);
    free(counts->counts);
}

static int counts_add(struct counts *counts, const struct count *count)
{
    return array_append(&counts->counts, &counts->n_counts, &counts->capacity, count,
                        sizeof(*count));
}

static int take_counter(const struct drop_counter *counter, void *userdata)
{
    struct count taken = {.name = strdup(counter->name), .packets = counter->count.packets};
    int r;

    if (!taken.name)
        return -ENOMEM;
    r = counts_add(userdata, &taken);
    if (r < 0)
        free(taken.name);
    return r;
}

static int read_flows(struct stage *stage, struct counts *counts)
{
    cleanup_(live_counts_clear) struct live_counts live = {0};
    int r = live_counts_read(stage->nftables, stage->ruleset, &live);

    for (size_t i = 0; r == 0 && i < live.n_counts; i++) {
        const struct live_count *flow = &live.counts[i];

        r = counts_add(counts, &(struct count){.mark = flow->mark,
                                               .direction = IP_CT_DIR_ORIGINAL,
                                               .packets = flow->original.packets});
        if (r == 0)
            r = counts_add(counts, &(struct count){.mark = flow->mark,
                                                   .direction = IP_CT_DIR_REPLY,
                                                   .packets = flow->reply.packets});
    }
    return r;
}

static int compare_counts(const void *a, const void *b)
{
    const struct count *x = a, *y = b;

    if (!x->name != !y->name)
        return x->name ? -1 : 1;
    if (x->name)
        return strcmp(x->name, y->name);
    return COMPARE(x->mark, y->mark) ?: COMPARE(x->direction, y->direction);
}

/* All counters, sorted: named ones, then those of flows. */
static int read_counts(struct stage *stage, struct counts *counts)
{
    int r = drop_counters_read(stage->nftables, stage->ruleset, take_counter, counts);

    if (r == 0)
        r = read_flows(stage, counts);
    if (r == 0 && counts->n_counts > 1)
        qsort(counts->counts, counts->n_counts, sizeof(*counts->counts), compare_counts);
    return r;
}

static uint64_t packets_before(const struct counts *before, const struct count *count)
{
    const struct count *found = NULL;

    if (before->n_counts > 0)
        found = bsearch(count, before->counts, before->n_counts, sizeof(*count), compare_counts);
    return found ? found->packets : 0;
}

static const char *flow_name(const struct policy *policy, uint32_t mark)
{
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].enabled && policy->flows[i].id == mark)
            return policy->flows[i].name;
    }
    return "?";
}

/* The counter that explains the failure: of a refusal, or of a flow that let a packet pass. */
static int find_grown(const struct policy *policy, const struct counts *before,
                      const struct counts *after, struct rehearsal_failure *failure)
{
    bool refused = failure->fate == FATE_LOST;

    for (size_t i = 0; i < after->n_counts; i++) {
        const struct count *count = &after->counts[i];

        if (count->packets == packets_before(before, count) || refused != (count->name != NULL) ||
            (!count->name && count->direction != (failure->leg != LEG_REQUEST)))
            continue;
        if (count->name)
            failure->counter = strdup(count->name);
        else if (asprintf(&failure->counter, RULESET_LIVE "/%s", flow_name(policy, count->mark)) <
                 0)
            failure->counter = NULL;
        return failure->counter ? 0 : -ENOMEM;
    }
    return 0;
}

static int explain(struct stage *stage, struct rehearsal_failure *failure)
{
    cleanup_(counts_clear) struct counts before = {0}, after = {0};
    size_t probe = (size_t)(failure->probe - stage->plan->probes);
    bool replies[LEGS] = {false};
    struct sight sight = {0};
    int r = lab_flush_conntrack(stage->lab);

    replies[failure->leg] = true;
    if (r == 0)
        r = read_counts(stage, &before);
    if (r == 0)
        r = stage_play(stage, &probe, 1, replies, &sight);
    if (r == 0)
        r = read_counts(stage, &after);
    if (r < 0)
        return r;
    return find_grown(stage->plan->policy, &before, &after, failure);
}

/* Finds the counters of failures, by sending them again one by one. */
static int explain_failures(struct stage *stage)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    int r = 0;

    for (size_t i = 0; r == 0 && i < rehearsal->n_failures && i < FAILURES_EXPLAINED_MAX; i++)
        r = explain(stage, &rehearsal->failures[i]);
    return r;
}

static int add_miscount(struct stage *stage, const char *what, const char *name, uint64_t counted,
                        uint64_t sent)
{
    struct rehearsal_failure failure = {.counted = counted, .sent = sent};
    int r;

    if (asprintf(&failure.miscount, "%s%s", what, name) < 0)
        return -ENOMEM;
    r = add_failure(stage->rehearsal, &failure);
    if (r < 0) {
        free(failure.miscount);
        return r;
    }
    stage->rehearsal->n_miscounts++;
    return 0;
}

static int compare_flows(struct stage *stage, const struct counts *counts)
{
    const struct policy *policy = stage->plan->policy;
    int r = 0;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        /* The gateway answers within the flow by itself, so that more is counted than was sent. */
        bool more = flow_ends_have_gateway(flow->from, flow->n_from) ||
                    flow_ends_have_gateway(flow->to, flow->n_to);

        for (uint8_t direction = 0; r == 0 && flow->enabled && direction < 2; direction++) {
            const struct count key = {.mark = flow->id, .direction = direction};
            uint64_t counted = packets_before(counts, &key);
            uint64_t sent = stage->tally.flows[i][direction];

            if (counted < sent || (counted > sent && !more))
                r = add_miscount(stage, direction == 0 ? "live/" : "live reply/", flow->name,
                                 counted, sent);
        }
    }
    return r;
}

static int compare_reason(struct stage *stage, const struct counts *counts, enum reason reason,
                          uint64_t extra)
{
    uint64_t sent = stage->tally.refusals[reason], counted = 0;

    for (size_t i = 0; i < counts->n_counts; i++) {
        const char *name = counts->counts[i].name, *rest;

        /* `REASON/gateway/…` is of packets that the gateway sent. */
        if (name && reason_of_counter(name, &rest) == reason &&
            strncmp(rest, "gateway/", strlen("gateway/")) != 0)
            counted += counts->counts[i].packets;
    }
    return counted >= sent && counted <= sent + extra
               ? 0
               : add_miscount(stage, reason_to_string(reason), "", counted, sent);
}

static int compare_counters(struct stage *stage)
{
    cleanup_(counts_clear) struct counts counts = {0};
    int r = read_counts(stage, &counts);

    if (r == 0)
        r = compare_flows(stage, &counts);
    /* The copy of a broadcast is refused for its source, or because no flow covers it. */
    for (enum reason reason = REASON_NO_FLOW; r == 0 && reason < REASONS; reason++)
        r = compare_reason(
            stage, &counts, reason,
            reason == REASON_NO_FLOW || reason == REASON_SPOOFED ? stage->tally.broadcasts : 0);
    return r;
}

static int compare_failures(const void *a, const void *b)
{
    const struct rehearsal_failure *x = a, *y = b;

    return COMPARE(x->probe, y->probe) ?: COMPARE(x->leg, y->leg);
}

static int run(struct stage *stage, usec_t now)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    int r = build(stage);

    if (r == 0)
        r = load(stage, now);
    if (r == 0)
        r = run_plan(stage);
    if (r < 0)
        return r;

    if (rehearsal->n_failures == 0)
        return compare_counters(stage);
    qsort(rehearsal->failures, rehearsal->n_failures, sizeof(*rehearsal->failures),
          compare_failures);
    return explain_failures(stage);
}

int rehearsal_run(const struct diagram *diagram, const struct ruleset *ruleset, usec_t now,
                  struct rehearsal **ret_rehearsal)
{
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));
    cleanup_(stage_clear) struct stage stage = {.rehearsal = rehearsal};
    usec_t start = calendar_now();
    int r;

    if (!rehearsal)
        return -ENOMEM;
    r = plan_new(diagram, now, &rehearsal->plan);
    if (r < 0)
        return r;
    stage.plan = rehearsal->plan;
    stage.ruleset = ruleset;

    r = run(&stage, now);
    if (r < 0 && r != -EREMOTEIO && r != -EOPNOTSUPP)
        return r;
    rehearsal->elapsed = calendar_now() - start;
    *ret_rehearsal = TAKE_PTR(rehearsal);
    return r;
}

struct rehearsal *rehearsal_free(struct rehearsal *rehearsal)
{
    if (!rehearsal)
        return NULL;
    for (size_t i = 0; i < rehearsal->n_failures; i++) {
        free(rehearsal->failures[i].counter);
        free(rehearsal->failures[i].miscount);
    }
    free(rehearsal->failures);
    plan_free(rehearsal->plan);
    free(rehearsal);
    return NULL;
}

size_t rehearsal_packets(const struct rehearsal *rehearsal)
{
    size_t n = 0;

    for (size_t i = 0; i < REHEARSAL_KINDS; i++)
        n += rehearsal->totals[i].sent;
    return n;
}
