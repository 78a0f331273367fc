/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Flows that are covered at one time need not be at another. Of the times at which a flow is live,
 * those just before it expires are enough: flows only go by expiring, so whatever covers it then
 * covered it before. Schedules go round each week: of all minutes at which one of them opens or
 * closes, each set of open schedules is looked at once. Where no flow of a policy is covered by
 * others, which is nearly always so, nothing is built here.
 */

#include "diagram/lives.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/array.h"
#include "diagram/assemble.h"
#include "diagram/owners.h"

struct lives {
    const struct policy *policy;
    struct overlaps *overlaps;
    bool *owns;
    bool *pending; /* of each flow whether it is still to be settled */
    /* Minutes of the week that differ in which schedules are open. */
    unsigned *minutes;
    uint64_t *hashes;
    size_t n_minutes;
    size_t work_left;
    size_t build_left;
    size_t *steps;
    uint32_t *order;
    bool *owns_then;
};

static void lives_clear(struct lives *lives)
{
    free(lives->pending);
    free(lives->minutes);
    free(lives->hashes);
    free(lives->order);
    free(lives->owns_then);
}

static int lives_work(struct lives *lives, size_t work)
{
    if (work > lives->work_left)
        return -E2BIG;
    lives->work_left -= work;
    return 0;
}

/* Whether the flow is live in that minute of the last week before the instant `end`. */
static bool is_live(const struct flow *flow, usec_t end, unsigned minute)
{
    return flow->enabled && flow->expires >= end &&
           (!flow->schedule || schedule_is_open(flow->schedule, minute));
}

/* FNV-1a over which schedules are open: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_open(const struct policy *policy, unsigned minute)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < policy->n_schedules; i++)
        hash = (hash ^ schedule_is_open(&policy->schedules[i], minute)) * UINT64_C(0x100000001b3);
    return hash;
}

static int add_minute(struct lives *lives, unsigned minute)
{
    uint64_t hash = hash_open(lives->policy, minute);

    for (size_t i = 0; i < lives->n_minutes; i++) {
        if (lives->hashes[i] == hash)
            return 0;
    }
    lives->minutes[lives->n_minutes] = minute;
    lives->hashes[lives->n_minutes++] = hash;
    return lives_work(lives, 1 + lives->policy->n_schedules);
}

static int find_minutes(struct lives *lives)
{
    bool borders[WEEK_MINUTES] = {[0] = true};
    int r = 0;

    for (size_t i = 0; i < lives->policy->n_schedules; i++)
        schedule_mark_borders(&lives->policy->schedules[i], borders);
    for (unsigned minute = 0; r == 0 && minute < WEEK_MINUTES; minute++) {
        if (borders[minute])
            r = add_minute(lives, minute);
    }
    return r;
}

static int lives_init(struct lives *lives)
{
    size_t n = lives->policy->n_flows + 1;

    lives->work_left = LIVES_WORK_MAX;
    lives->order = calloc(n, sizeof(*lives->order));
    lives->owns_then = calloc(n, sizeof(*lives->owns_then));
    lives->minutes = calloc(WEEK_MINUTES, sizeof(*lives->minutes));
    lives->hashes = calloc(WEEK_MINUTES, sizeof(*lives->hashes));
    if (!lives->order || !lives->owns_then || !lives->minutes || !lives->hashes)
        return -ENOMEM;
    return find_minutes(lives);
}

/* Marks the flows to be settled. Returns how many there are. */
static size_t find_pending(struct lives *lives)
{
    size_t n = 0;

    for (size_t i = 0; i < lives->policy->n_flows; i++) {
        lives->pending[i] = lives->policy->flows[i].enabled && !lives->policy->flows[i].implicit &&
                            !lives->owns[i] && lives->overlaps->winners[i] != NO_FLOW;
        n += lives->pending[i];
    }
    return n;
}

static bool is_awaited(const struct lives *lives, usec_t end, unsigned minute)
{
    for (size_t i = 0; i < lives->policy->n_flows; i++) {
        const struct flow *flow = &lives->policy->flows[i];

        if (lives->pending[i] && flow->expires == end && is_live(flow, end, minute))
            return true;
    }
    return false;
}

/* Marks the flows that own something then, and notes what takes from the others. */
static void settle(struct lives *lives, const struct overlaps *overlaps, size_t n_order)
{
    for (size_t i = 0; i < n_order; i++) {
        uint32_t flow = lives->order[i];

        if (!lives->pending[flow])
            continue;
        if (lives->owns_then[flow]) {
            lives->owns[flow] = true;
            lives->pending[flow] = false;
        } else if (overlaps->winners[flow] != NO_FLOW) {
            lives->overlaps->winners[flow] = overlaps->winners[flow];
        }
    }
}

/* Looks at one minute of the last week before `end`. */
static int look(struct lives *lives, usec_t end, unsigned minute)
{
    const struct policy *policy = lives->policy;
    cleanup_(build_clear) struct build build = {
        .rows_left = DIAGRAM_ROWS_MAX,
        .work_left = lives->build_left,
    };
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    size_t n_order = 0;
    int r = lives_work(lives, policy->n_flows);

    for (uint32_t i = 0; i < policy->n_flows; i++) {
        lives->owns_then[i] = false;
        if (is_live(&policy->flows[i], end, minute))
            lives->order[n_order++] = i;
    }
    if (r == 0)
        r = overlaps_init(&build.overlaps, policy->n_flows);
    if (r == 0)
        r = diagram_assemble(policy, lives->order, n_order, &build, &diagram, NULL);
    lives->build_left = build.work_left;
    if (r < 0)
        return r;

    for (size_t i = 0; i < n_order; i++)
        lives->owns_then[lives->order[i]] = build.overlaps.winners[lives->order[i]] == NO_FLOW;
    r = owners_find(diagram, NULL, lives->steps, lives->owns_then);
    if (r == 0)
        settle(lives, &build.overlaps, n_order);
    return r;
}

/* Settles the flows that expire at `end`. */
static int look_before(struct lives *lives, usec_t end)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < lives->n_minutes; i++) {
        if (is_awaited(lives, end, lives->minutes[i]))
            r = look(lives, end, lives->minutes[i]);
    }
    for (size_t i = 0; i < lives->policy->n_flows; i++)
        lives->pending[i] = lives->pending[i] && lives->policy->flows[i].expires != end;
    return r;
}

/* Whether all enabled flows have one life; then the diagram of all says everything. */
static bool is_uniform(const struct policy *policy)
{
    const struct flow *first = NULL;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (!flow->enabled)
            continue;
        if (first && (flow->expires != first->expires || flow->schedule != first->schedule))
            return false;
        first = flow;
    }
    return true;
}

int lives_find_owners(const struct policy *policy, struct overlaps *overlaps, size_t *steps,
                      bool owns[])
{
    cleanup_(lives_clear) struct lives lives = {
        .policy = policy,
        .overlaps = overlaps,
        .owns = owns,
        .build_left = LIVES_BUILD_MAX,
        .steps = steps,
    };
    int r;

    if (is_uniform(policy))
        return 0;
    lives.pending = calloc(policy->n_flows + 1, sizeof(*lives.pending));
    if (!lives.pending)
        return -ENOMEM;
    if (find_pending(&lives) == 0)
        return 0;

    r = lives_init(&lives);
    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        if (lives.pending[i])
            r = look_before(&lives, policy->flows[i].expires);
    }
    return r;
}
