/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One place for what decides whether a flow passes now, so that the kernel enforces what `explain`
 * and the matrix say. Many flows share few schedules, and few are suspended: windows are computed
 * once, and suspensions sorted.
 */

#include "policy/standing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/string_table.h"

struct window {
    bool open;
    usec_t until;
};

struct standings {
    const struct policy *policy;
    usec_t over;            /* what ends until then has expired */
    struct window *windows; /* of each of the policy's schedules */
    const char **suspended; /* names, sorted */
    size_t n_suspended;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_suspended(struct standings *standings, const struct overrides *overrides)
{
    if (!overrides || overrides->n_overrides == 0)
        return 0;

    standings->suspended = calloc(overrides->n_overrides, sizeof(*standings->suspended));
    if (!standings->suspended)
        return -ENOMEM;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].kind == OVERRIDE_SUSPENSION)
            standings->suspended[standings->n_suspended++] = overrides->overrides[i].name;
    }
    qsort(standings->suspended, standings->n_suspended, sizeof(*standings->suspended),
          compare_names);
    return 0;
}

int standings_new(const struct policy *policy, const struct overrides *overrides, usec_t now,
                  struct standings **ret_standings)
{
    cleanup_(standings_freep) struct standings *standings = calloc(1, sizeof(*standings));
    int r;

    if (!standings)
        return -ENOMEM;
    standings->policy = policy;
    standings->over = overrides && overrides->over > now ? overrides->over : now;

    standings->windows = calloc(policy->n_schedules + 1, sizeof(*standings->windows));
    if (!standings->windows)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_schedules; i++) {
        r = schedule_window(&policy->schedules[i], policy->timezone, now,
                            &standings->windows[i].open, &standings->windows[i].until);
        if (r < 0)
            return r;
    }

    r = collect_suspended(standings, overrides);
    if (r < 0)
        return r;

    *ret_standings = TAKE_PTR(standings);
    return 0;
}

struct standings *standings_free(struct standings *standings)
{
    if (!standings)
        return NULL;

    free(standings->windows);
    free(standings->suspended);
    free(standings);
    return NULL;
}

static bool is_suspended(const struct standings *standings, const struct flow *flow)
{
    return standings->n_suspended > 0 &&
           bsearch(&flow->name, standings->suspended, standings->n_suspended,
                   sizeof(*standings->suspended), compare_names);
}

enum standing standings_of(const struct standings *standings, const struct flow *flow,
                           usec_t *ret_until)
{
    const struct window always = {true, USEC_NEVER};
    const struct window *window =
        flow->schedule ? &standings->windows[flow->schedule - standings->policy->schedules]
                       : &always;
    usec_t until = USEC_NEVER;
    enum standing standing = STANDING_LIVE;

    if (!flow->enabled) {
        standing = STANDING_DISABLED;
    } else if (flow->expires <= standings->over) {
        standing = STANDING_EXPIRED;
    } else {
        until = window->until < flow->expires ? window->until : flow->expires;
        if (is_suspended(standings, flow))
            standing = STANDING_SUSPENDED;
        else if (!window->open)
            standing = STANDING_CLOSED;
    }

    if (ret_until)
        *ret_until = until;
    return standing;
}

usec_t standings_until(const struct standings *standings)
{
    usec_t first = USEC_NEVER;

    for (size_t i = 0; i < standings->policy->n_flows; i++) {
        usec_t until;

        standings_of(standings, &standings->policy->flows[i], &until);
        if (until < first)
            first = until;
    }
    return first;
}

static const char *const standing_words[] = {
    [STANDING_LIVE] = "live",       [STANDING_DISABLED] = "disabled",
    [STANDING_EXPIRED] = "expired", [STANDING_SUSPENDED] = "suspended",
    [STANDING_CLOSED] = "schedule",
};
DEFINE_TO_STRING(standing, enum standing)
