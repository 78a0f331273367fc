/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the ruleset itself has counted. When all packets agree, its counters must agree too: a flow
 * that counts another's packets would end, expire or be suspended at the wrong time. When one does
 * not, it is sent again alone, and the counter that grows says why.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "lab/rehearsal_private.h"
#include "ruleset/compile.h"

/* One counter: `REASON/…`, or for elements of the map `live` the flow's id and the direction. */
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
    int r = array_reserve(&counts->counts, &counts->capacity, counts->n_counts + 1,
                          sizeof(*counts->counts));

    if (r < 0)
        return r;
    counts->counts[counts->n_counts++] = *count;
    return 0;
}

static int take_counter(const char *name, struct nftables_count count, void *userdata)
{
    struct count taken = {.name = strdup(name), .packets = count.packets};
    int r;

    if (!taken.name)
        return -ENOMEM;
    r = counts_add(userdata, &taken);
    if (r < 0)
        free(taken.name);
    return r;
}

static int take_element(const uint8_t *key, size_t key_length, struct nftables_count count,
                        void *userdata)
{
    struct count taken = {.packets = count.packets, .direction = key[0]};

    if (key_length != 4 + sizeof(taken.mark))
        return -EBADMSG;
    memcpy(&taken.mark, key + 4, sizeof(taken.mark));
    return counts_add(userdata, &taken);
}

static int compare_counts(const void *a, const void *b)
{
    const struct count *x = a, *y = b;

    if (!x->name != !y->name)
        return x->name ? -1 : 1;
    if (x->name)
        return strcmp(x->name, y->name);
    if (x->mark != y->mark)
        return x->mark < y->mark ? -1 : 1;
    return x->direction - y->direction;
}

/* All counters, sorted: named ones, then those of flows. */
static int read_counts(struct stage *stage, struct counts *counts)
{
    int r = nftables_read_counters(stage->nftables, RULESET_TABLE, take_counter, counts);

    if (r == 0)
        r = nftables_read_elements(stage->nftables, RULESET_TABLE, RULESET_LIVE, take_element,
                                   counts);
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

int stage_explain(struct stage *stage)
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
    r = rehearsal_add_failure(stage->rehearsal, &failure);
    if (r < 0) {
        free(failure.miscount);
        return r;
    }
    stage->rehearsal->n_miscounts++;
    return 0;
}

/* Whether the gateway answers within the flow by itself, so that more is counted than was sent. */
static bool has_gateway(const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_from; i++) {
        if (flow->from[i].zone == ZONE_GATEWAY)
            return true;
    }
    for (size_t i = 0; i < flow->n_to; i++) {
        if (flow->to[i].zone == ZONE_GATEWAY)
            return true;
    }
    return false;
}

static int compare_flows(struct stage *stage, const struct counts *counts)
{
    const struct policy *policy = stage->plan->policy;
    int r = 0;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        for (uint8_t direction = 0; r == 0 && flow->enabled && direction < 2; direction++) {
            const struct count key = {.mark = flow->id, .direction = direction};
            uint64_t counted = packets_before(counts, &key);
            uint64_t sent = stage->tally.flows[i][direction];

            if (counted < sent || (counted > sent && !has_gateway(flow)))
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

int stage_compare_counters(struct stage *stage)
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
