/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A rehearsal from its plan to its result: build the lab, load the ruleset by the code that the
 * daemon uses, send batch after batch, judge. After each batch all connections are forgotten, so
 * that the connection of one probe never answers for another.
 */

#include "lab/rehearsal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "lab/rehearsal_private.h"
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

static int load(struct stage *stage, const struct ruleset *ruleset, usec_t now)
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
    if (stage->rehearsal->missing)
        return -EOPNOTSUPP;

    r = difference_new(NULL, ruleset, &difference);
    if (r < 0)
        return r;
    return nftables_apply(stage->nftables, ruleset, difference, now, &stage->rehearsal->refusal,
                          NULL);
}

int rehearsal_add_failure(struct rehearsal *rehearsal, const struct rehearsal_failure *failure)
{
    int r = array_reserve(&rehearsal->failures, &rehearsal->capacity, rehearsal->n_failures + 1,
                          sizeof(*rehearsal->failures));

    if (r < 0)
        return r;
    rehearsal->failures[rehearsal->n_failures++] = *failure;
    return 0;
}

enum reason probe_leg_reason(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    struct mac mac;

    switch (leg) {
    case LEG_REQUEST:
        return probe->expected;
    case LEG_FORGED_REPLY:
        return layout_bound_mac(plan->layout, probe->packet.family, probe->packet.destination, &mac)
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
    return rehearsal_add_failure(stage->rehearsal, &(struct rehearsal_failure){
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

static int compare_failures(const void *a, const void *b)
{
    const struct rehearsal_failure *x = a, *y = b;

    if (x->probe != y->probe)
        return x->probe < y->probe ? -1 : 1;
    return (x->leg > y->leg) - (x->leg < y->leg);
}

static int run(struct stage *stage, const struct ruleset *ruleset, usec_t now)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    int r = build(stage);

    if (r == 0)
        r = load(stage, ruleset, now);
    if (r == 0)
        r = run_plan(stage);
    if (r < 0)
        return r;

    if (rehearsal->n_failures == 0)
        return stage_compare_counters(stage);
    qsort(rehearsal->failures, rehearsal->n_failures, sizeof(*rehearsal->failures),
          compare_failures);
    return stage_explain(stage);
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

    r = run(&stage, ruleset, now);
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
