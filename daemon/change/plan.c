/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two policies side by side. Flows are matched by name; what is left on both sides with one content
 * was renamed, which matters to people only: the connections of a renamed flow go on.
 */

#include "daemon/change/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/name_index.h"
#include "base/string_table.h"
#include "daemon/change/plan_private.h"
#include "observe/live.h"
#include "ruleset/compile.h"

static const char *const flow_change_kind_words[] = {
    [FLOW_ADDED] = "added",
    [FLOW_REMOVED] = "removed",
    [FLOW_CHANGED] = "changed",
    [FLOW_RENAMED] = "renamed",
};
DEFINE_TO_STRING(flow_change_kind, enum flow_change_kind)

static void flow_change_clear(struct flow_change *change)
{
    free(change->name);
    free(change->before);
    free(change->label);
    free(change->detail);
}

struct plan *plan_free(struct plan *plan)
{
    if (!plan)
        return NULL;

    for (size_t i = 0; i < plan->n_changes; i++)
        flow_change_clear(&plan->changes[i]);
    for (size_t i = 0; i < plan->n_zones; i++)
        free(plan->zones[i]);
    free(plan->changes);
    free(plan->zones);
    free(plan);
    return NULL;
}

static int add_change(struct plan *plan, enum flow_change_kind kind, const struct flow *flow,
                      const char *before, char *detail)
{
    cleanup_(flow_change_clear) struct flow_change change = {.kind = kind, .detail = detail};
    int r =
        array_reserve(&plan->changes, &plan->capacity, plan->n_changes + 1, sizeof(*plan->changes));

    change.name = strdup(flow->name);
    change.label = strdup(flow->label);
    change.before = before ? strdup(before) : NULL;
    if (r < 0 || !change.name || !change.label || (before && !change.before))
        return -ENOMEM;

    plan->changes[plan->n_changes++] = change;
    change = (struct flow_change){0};
    return 0;
}

int plan_add_zone(struct plan *plan, char *sentence)
{
    int r = sentence ? array_reserve(&plan->zones, &plan->zones_capacity, plan->n_zones + 1,
                                     sizeof(*plan->zones))
                     : -ENOMEM;

    if (r < 0) {
        free(sentence);
        return r;
    }
    plan->zones[plan->n_zones++] = sentence;
    return 0;
}

/* The flows of one policy, and for each its partner in the other one. */
struct side {
    const struct policy *policy;
    const struct flow **partners;
};

static void side_clear(struct side *side)
{
    free(side->partners);
}

static int side_init(struct side *side, const struct policy *policy)
{
    side->policy = policy;
    side->partners = calloc((policy ? policy->n_flows : 0) + 1, sizeof(*side->partners));
    return side->partners ? 0 : -ENOMEM;
}

static size_t side_flows(const struct side *side)
{
    return side->policy ? side->policy->n_flows : 0;
}

static void join(struct side *old, size_t i, struct side *new, size_t j)
{
    old->partners[i] = &new->policy->flows[j];
    new->partners[j] = &old->policy->flows[i];
}

static int match_names(struct side *old, struct side *new)
{
    struct name_index index = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < side_flows(new); i++)
        r = name_index_add(&index, new->policy->flows[i].name, (uint32_t)i);
    for (size_t i = 0; r == 0 && i < side_flows(old); i++) {
        uint32_t j;

        if (name_index_find(&index, old->policy->flows[i].name, &j))
            join(old, i, new, j);
    }
    name_index_clear(&index);
    return r;
}

struct loose {
    const struct flow *flow;
    size_t index;
};

static int compare_loose(const void *a, const void *b)
{
    const struct loose *x = a, *y = b;
    int order = memcmp(x->flow->digest, y->flow->digest, sizeof(x->flow->digest));

    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* Flows of a side that have no partner, by content. */
static int find_loose(const struct side *side, struct loose **ret_loose, size_t *ret_n)
{
    struct loose *loose = calloc(side_flows(side) + 1, sizeof(*loose));
    size_t n = 0;

    if (!loose)
        return -ENOMEM;
    for (size_t i = 0; i < side_flows(side); i++) {
        if (!side->partners[i])
            loose[n++] = (struct loose){&side->policy->flows[i], i};
    }
    qsort(loose, n, sizeof(*loose), compare_loose);
    *ret_loose = loose;
    *ret_n = n;
    return 0;
}

static int match_content(struct side *old, struct side *new)
{
    cleanup_(freep) struct loose *a = NULL;
    cleanup_(freep) struct loose *b = NULL;
    size_t n_a = 0, n_b = 0;
    int r = find_loose(old, &a, &n_a);

    if (r == 0)
        r = find_loose(new, &b, &n_b);
    for (size_t i = 0, j = 0; r == 0 && i < n_a && j < n_b;) {
        int order = memcmp(a[i].flow->digest, b[j].flow->digest, sizeof(a[i].flow->digest));

        if (order == 0)
            join(old, a[i].index, new, b[j].index);
        i += order <= 0;
        j += order >= 0;
    }
    return r;
}

static int add_removed(struct plan *plan, const struct side *old)
{
    for (size_t i = 0; i < side_flows(old); i++) {
        int r = old->partners[i]
                    ? 0
                    : add_change(plan, FLOW_REMOVED, &old->policy->flows[i], NULL, NULL);

        if (r < 0)
            return r;
    }
    return 0;
}

static int add_kept(struct plan *plan, const struct side *old, const struct side *new)
{
    for (size_t i = 0; i < side_flows(new); i++) {
        const struct flow *flow = &new->policy->flows[i], *before = new->partners[i];
        char *detail = NULL;
        int r = before ? plan_compare_flows(old->policy, before, new->policy, flow, &detail) : 0;
        bool renamed = before && strcmp(before->name, flow->name) != 0;

        if (r == 0 && before && (detail || renamed))
            r = add_change(plan, renamed ? FLOW_RENAMED : FLOW_CHANGED, flow,
                           renamed ? before->name : NULL, detail);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_added(struct plan *plan, const struct side *new)
{
    for (size_t i = 0; i < side_flows(new); i++) {
        int r =
            new->partners[i] ? 0 : add_change(plan, FLOW_ADDED, &new->policy->flows[i], NULL, NULL);

        if (r < 0)
            return r;
    }
    return 0;
}

int plan_new(const struct policy *old, const struct policy *new, struct plan **ret_plan)
{
    cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
    cleanup_(side_clear) struct side before = {0};
    cleanup_(side_clear) struct side after = {0};
    int r = plan ? side_init(&before, old) : -ENOMEM;

    if (r == 0)
        r = side_init(&after, new);
    if (r == 0)
        r = match_names(&before, &after);
    if (r == 0)
        r = match_content(&before, &after);
    if (r == 0)
        r = add_removed(plan, &before);
    if (r == 0)
        r = add_kept(plan, &before, &after);
    if (r == 0)
        r = add_added(plan, &after);
    if (r == 0)
        r = plan_compare_zones(plan, old, new);
    if (r < 0)
        return r;

    *ret_plan = TAKE_PTR(plan);
    return 0;
}

/* What is asked of each open connection. */
struct cut {
    struct plan *plan;
    const struct set *old, *new;
    const struct diagram *diagram;
};

static bool is_owned(const struct cut *cut, const struct conntrack_entry *connection)
{
    const struct policy *policy = cut->diagram->policy;
    struct packet packet = {
        .family = connection->family,
        .source = connection->source,
        .destination = connection->destination,
        .service = SERVICE_NUMBER(connection->protocol, connection->port),
    };
    struct decision decision;

    /* An address of no zone is the gateway's own, if it is anybody's. */
    if (!policy_zone_of_address(policy, packet.family, packet.source, &packet.from))
        packet.from = ZONE_GATEWAY;
    if (!policy_zone_of_address(policy, packet.family, packet.destination, &packet.to))
        packet.to = ZONE_GATEWAY;
    decision = diagram_decide(cut->diagram, &packet);
    return decision.flow != NO_FLOW && live_find(cut->new, policy->flows[decision.flow].id);
}

static int count_cut(const struct conntrack_entry *connection, void *userdata)
{
    const struct cut *cut = userdata;

    if (live_find(cut->old, connection->mark) && !live_find(cut->new, connection->mark) &&
        !is_owned(cut, connection))
        cut->plan->cut++;
    return 0;
}

int plan_count_cut(struct plan *plan, struct conntrack *conntrack, const struct ruleset *old,
                   const struct diagram *new_diagram, const struct ruleset *new)
{
    struct cut cut = {
        .plan = plan,
        .old = ruleset_find_set(old, RULESET_LIVE),
        .new = ruleset_find_set(new, RULESET_LIVE),
        .diagram = new_diagram,
    };

    return conntrack_dump(conntrack, count_cut, &cut);
}
