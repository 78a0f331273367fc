/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One place for what decides whether a flow passes now, so that the kernel enforces what `explain`
 * and the matrix say. Many flows share few schedules, and few are suspended: windows are computed
 * once, and suspensions sorted.
 */

#include "policy/flow_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/string_table.h"

struct window {
    bool open;
    usec_t until;
};

struct flow_states {
    const struct policy *policy;
    usec_t now;
    usec_t clock_floor;     /* flows that end by this instant have expired */
    struct window *windows; /* of each of the policy's schedules */
    const char **suspended; /* names, sorted */
    size_t n_suspended;
    char *const *only; /* names of the only flows that may pass, sorted; none: all may */
    size_t n_only;
    const char **contents; /* of suspended flows, sorted */
    size_t n_contents;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_suspended(struct flow_states *states, const struct overrides *overrides)
{
    size_t n_names = 0, n_contents = 0;

    if (!overrides || overrides->n_overrides == 0)
        return 0;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        n_names += 1 + overrides->overrides[i].n_names;
        n_contents += overrides->overrides[i].n_ids;
    }
    states->suspended = calloc(n_names, sizeof(*states->suspended));
    states->contents = calloc(n_contents + 1, sizeof(*states->contents));
    if (!states->suspended || !states->contents)
        return -ENOMEM;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];

        if (override->kind != OVERRIDE_SUSPENSION)
            continue;
        states->suspended[states->n_suspended++] = override->name;
        for (size_t j = 0; j < override->n_names; j++)
            states->suspended[states->n_suspended++] = override->names[j];
        for (size_t j = 0; j < override->n_ids; j++)
            states->contents[states->n_contents++] = override->ids[j];
    }
    qsort(states->suspended, states->n_suspended, sizeof(*states->suspended), compare_names);
    qsort(states->contents, states->n_contents, sizeof(*states->contents), compare_names);
    return 0;
}

int flow_states_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
                    struct flow_states **ret_states)
{
    cleanup_(flow_states_freep) struct flow_states *states = calloc(1, sizeof(*states));
    int r;

    if (!states)
        return -ENOMEM;
    states->policy = policy;
    states->now = now;
    states->only = overrides ? overrides->only : NULL;
    states->n_only = overrides ? overrides->n_only : 0;
    states->clock_floor = overrides && overrides->clock_floor > now ? overrides->clock_floor : now;

    states->windows = calloc(policy->n_schedules + 1, sizeof(*states->windows));
    if (!states->windows)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_schedules; i++) {
        r = schedule_window(&policy->schedules[i], policy->timezone, now, &states->windows[i].open,
                            &states->windows[i].until);
        if (r < 0)
            return r;
    }

    r = collect_suspended(states, overrides);
    if (r < 0)
        return r;

    *ret_states = TAKE_PTR(states);
    return 0;
}

struct flow_states *flow_states_free(struct flow_states *states)
{
    if (!states)
        return NULL;

    free(states->windows);
    free(states->suspended);
    free(states->contents);
    free(states);
    return NULL;
}

static bool is_one_of(const char *text, const char *const *sorted, size_t n)
{
    return n > 0 && bsearch(&text, sorted, n, sizeof(*sorted), compare_names);
}

/* By a name, or by its content under whatever name. */
static bool is_suspended(const struct flow_states *states, const struct flow *flow)
{
    char content[FLOW_CONTENT_TEXT_MAX];

    return is_one_of(flow->name, states->suspended, states->n_suspended) ||
           (states->n_contents > 0 && is_one_of(flow_content_format(flow->digest, content),
                                                states->contents, states->n_contents));
}

static bool is_held_back(const struct flow_states *states, const struct flow *flow)
{
    return states->n_only > 0 && !flow->implicit &&
           !bsearch(&flow->name, states->only, states->n_only, sizeof(*states->only),
                    compare_names);
}

enum flow_state flow_states_of(const struct flow_states *states, const struct flow *flow,
                               usec_t *ret_until)
{
    const struct window always = {true, USEC_NEVER};
    const struct window *window =
        flow->schedule ? &states->windows[flow->schedule - states->policy->schedules] : &always;
    usec_t until = USEC_NEVER;
    enum flow_state state = FLOW_STATE_LIVE;

    if (!flow->enabled) {
        state = FLOW_STATE_DISABLED;
    } else if (flow->expires <= states->clock_floor) {
        state = FLOW_STATE_EXPIRED;
    } else {
        until = window->until < flow->expires ? window->until : flow->expires;
        if (is_suspended(states, flow) || is_held_back(states, flow))
            state = FLOW_STATE_SUSPENDED;
        else if (!window->open)
            state = FLOW_STATE_CLOSED;
    }

    if (ret_until)
        *ret_until = until;
    return state;
}

enum flow_rank flow_states_rank(const struct flow_states *states, const struct flow *flow)
{
    enum flow_state state;
    usec_t until;

    if (!states)
        return FLOW_RANK_LIVE;
    state = flow_states_of(states, flow, &until);
    if (state == FLOW_STATE_EXPIRED)
        return FLOW_RANK_EXPIRED;
    if (state != FLOW_STATE_LIVE)
        return FLOW_RANK_CLOSED;
    return until - states->now > OWNERSHIP_LEAD ? FLOW_RANK_LIVE : FLOW_RANK_ENDING;
}

usec_t flow_states_until(const struct flow_states *states)
{
    usec_t first = USEC_NEVER;

    for (size_t i = 0; i < states->policy->n_flows; i++) {
        usec_t until;

        if (flow_states_of(states, &states->policy->flows[i], &until) == FLOW_STATE_LIVE &&
            until != USEC_NEVER && until - states->now > OWNERSHIP_LEAD)
            until -= OWNERSHIP_LEAD;
        if (until < first)
            first = until;
    }
    return first;
}

static const char *const flow_state_words[] = {
    [FLOW_STATE_LIVE] = "live",       [FLOW_STATE_DISABLED] = "disabled",
    [FLOW_STATE_EXPIRED] = "expired", [FLOW_STATE_SUSPENDED] = "suspended",
    [FLOW_STATE_CLOSED] = "schedule",
};
DEFINE_TO_STRING(flow_state, enum flow_state)
