/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A closing is of packets, not of names: whoever writes policies must not be able to open what
 * somebody closed by calling it something else. So a closing holds a name and what the name meant,
 * follows both from policy to policy, and only grows.
 */

#include "policy/closings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_list.h"
#include "policy/isolations.h"

/* All makers that are kept; somebody who isolates again and again takes the place of himself. */
#define MAKERS_MAX 32

static int set_text(char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

/* Takes a flow out of those that are kept. */
static void drop_kept(struct override *isolation, size_t i)
{
    free(isolation->keep[i]);
    isolation->keep[i] = isolation->keep[--isolation->n_keep];
    if (isolation->n_keep_ids > 0) {
        free(isolation->keep_ids[i]);
        isolation->keep_ids[i] = isolation->keep_ids[--isolation->n_keep_ids];
    }
}

static int add_maker(struct override *isolation, const struct maker *maker)
{
    struct maker *grown;

    for (size_t i = 0; i < isolation->n_makers; i++) {
        struct maker *there = &isolation->makers[i];

        if (there->uid != maker->uid || isolation->n_makers < MAKERS_MAX)
            continue;
        there->since = maker->since;
        return set_text(&there->reason, maker->reason);
    }
    grown = reallocarray(isolation->makers, isolation->n_makers + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    isolation->makers = grown;
    if (record_copy(&maker_type, maker, &grown[isolation->n_makers]) < 0)
        return -ENOMEM;
    isolation->n_makers++;
    return 0;
}

int isolation_tighten(struct override *isolation, const struct override *other)
{
    int r = 0;

    for (size_t i = isolation->n_keep; i-- > 0;) {
        if (i >= isolation->n_keep_ids ||
            !text_list_has(other->keep_ids, other->n_keep_ids, isolation->keep_ids[i]))
            drop_kept(isolation, i);
    }
    if (other->until > isolation->until)
        isolation->until = other->until;
    for (size_t i = 0; r == 0 && i < other->n_extents; i++)
        r = isolation_add_extent(isolation, &other->extents[i]);
    for (size_t i = 0; r == 0 && i < other->n_makers; i++)
        r = add_maker(isolation, &other->makers[i]);
    return r;
}

static int adopt_isolation(struct override *isolation, const struct override *held)
{
    /* Of names alone the kernel holds no contents: a state of the first version of segd is
     * completed by closings_carry(). */
    return isolation->n_keep > isolation->n_keep_ids ? 0 : isolation_tighten(isolation, held);
}

/* A suspension that holds all the contents of another, under whatever name, or one of its name. */
static struct override *find_suspension(struct overrides *overrides, const struct override *wanted)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        struct override *override = &overrides->overrides[i];
        bool all = override->kind == OVERRIDE_SUSPENSION && wanted->n_ids > 0;

        for (size_t j = 0; all && j < wanted->n_ids; j++)
            all = suspension_holds(override, wanted->ids[j]);
        if (all)
            return override;
    }
    return (struct override *)overrides_find(overrides, OVERRIDE_SUSPENSION, wanted->name);
}

int closings_adopt(struct overrides *overrides, const struct override *closing)
{
    struct override *known =
        closing->kind == OVERRIDE_SUSPENSION
            ? find_suspension(overrides, closing)
            : (struct override *)overrides_find(overrides, closing->kind, closing->name);
    int r = 0;

    if (!known) {
        r = overrides_add(overrides, closing);
        return r < 0 ? r : 1;
    }
    if (closing->kind == OVERRIDE_ISOLATION)
        return adopt_isolation(known, closing);
    for (size_t i = 0; r == 0 && i < closing->n_ids; i++) {
        if (!suspension_holds(known, closing->ids[i]))
            r = text_list_add(&known->ids, &known->n_ids, closing->ids[i]);
    }
    for (size_t i = 0; r == 0 && i < closing->n_names; i++) {
        if (!suspension_holds_name(known, closing->names[i]))
            r = text_list_add(&known->names, &known->n_names, closing->names[i]);
    }
    return r;
}

/* Gives names that were kept alone their contents. */
static int complete_kept(struct override *isolation, const struct policy *before,
                         const struct policy *policy)
{
    char **names = isolation->keep;
    size_t n_names = isolation->n_keep;
    int r = 0;

    if (isolation->n_keep_ids > 0)
        return 0;
    isolation->keep = NULL;
    isolation->n_keep = 0;
    for (size_t i = 0; i < n_names; i++) {
        const struct flow *flow = before ? policy_flow_named(before, names[i]) : NULL;
        char content[FLOW_CONTENT_TEXT_MAX];

        if (!flow)
            flow = policy_flow_named(policy, names[i]);
        if (r == 0 && flow)
            r = text_list_add(&isolation->keep, &isolation->n_keep, names[i]);
        if (r == 0 && flow)
            r = text_list_add(&isolation->keep_ids, &isolation->n_keep_ids,
                              flow_content_format(flow->digest, content));
        free(names[i]);
    }
    free(names);
    return r;
}

static int carry_isolation(struct override *isolation, const struct policy *before,
                           const struct policy *policy)
{
    int r = complete_kept(isolation, before, policy);

    if (r == 0 && isolation->n_extents == 0 && before)
        r = isolation_extend(isolation, before);
    return r < 0 ? r : isolation_extend(isolation, policy);
}

/* A flow of the policy that has a content of the suspension. */
static const struct flow *find_held(const struct policy *policy, const struct override *suspension)
{
    for (size_t i = 0; suspension->n_ids > 0 && i < policy->n_flows; i++) {
        char content[FLOW_CONTENT_TEXT_MAX];

        if (suspension_holds(suspension, flow_content_format(policy->flows[i].digest, content)))
            return &policy->flows[i];
    }
    return NULL;
}

/* Whether a flow of this content, under another name, was neither suspended nor disabled. */
static bool was_open(const struct policy *before, const struct overrides *overrides,
                     const struct flow *flow)
{
    for (size_t i = 0; before && i < before->n_flows; i++) {
        const struct flow *old = &before->flows[i];

        if (memcmp(old->digest, flow->digest, sizeof(flow->digest)) == 0 && old->enabled &&
            strcmp(old->name, flow->name) != 0 && !overrides_suspension_of(overrides, old))
            return true;
    }
    return false;
}

/* Takes a name from the suspension; its own name goes to the flow that carries what it holds. */
static int give_up_name(struct overrides *overrides, struct override *suspension,
                        const struct flow *named, const struct flow *held)
{
    if (strcmp(suspension->name, named->name) != 0) {
        text_list_remove(suspension->names, &suspension->n_names, named->name);
        return 0;
    }
    if (overrides_find(overrides, OVERRIDE_SUSPENSION, held->name))
        return 0;
    text_list_remove(suspension->names, &suspension->n_names, held->name);
    return set_text(&suspension->name, held->name);
}

/* Flows that have a name of the suspension and another content: it takes that in, unless the names
 * were only swapped. */
static int hold_contents(struct overrides *overrides, struct override *suspension,
                         const struct policy *before, const struct policy *policy)
{
    const struct flow *held = find_held(policy, suspension);
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        char content[FLOW_CONTENT_TEXT_MAX];

        if (!suspension_holds_name(suspension, flow->name) ||
            suspension_holds(suspension, flow_content_format(flow->digest, content)))
            continue;
        r = held && was_open(before, overrides, flow)
                ? give_up_name(overrides, suspension, flow, held)
                : text_list_add(&suspension->ids, &suspension->n_ids, content);
    }
    return r;
}

/* Holds the names under which the policy has what the suspension holds. Where its own name is gone
 * it goes by one of them. */
static int hold_names(struct overrides *overrides, struct override *suspension,
                      const struct policy *policy)
{
    bool is_named = policy_flow_named(policy, suspension->name);
    int r = 0;

    for (size_t i = 0; r == 0 && suspension->n_ids > 0 && i < policy->n_flows; i++) {
        const char *name = policy->flows[i].name;
        char content[FLOW_CONTENT_TEXT_MAX];

        flow_content_format(policy->flows[i].digest, content);
        if (suspension_holds_name(suspension, name) || !suspension_holds(suspension, content))
            continue;
        r = text_list_add(&suspension->names, &suspension->n_names, name);
    }
    for (size_t i = 0; r == 0 && !is_named && i < suspension->n_names; i++) {
        char *name = suspension->names[i];

        if (!policy_flow_named(policy, name) ||
            overrides_find(overrides, OVERRIDE_SUSPENSION, name))
            continue;
        suspension->names[i] = suspension->name;
        suspension->name = name;
        is_named = true;
    }
    return r;
}

/* A new one has no content yet: that is what the flow of its name means. */
static int carry_suspension(struct overrides *overrides, struct override *suspension,
                            const struct policy *before, const struct policy *policy)
{
    const struct flow *old = before ? policy_flow_named(before, suspension->name) : NULL;
    char content[FLOW_CONTENT_TEXT_MAX];
    int r = 0;

    if (suspension->n_ids == 0 && old)
        r = text_list_add(&suspension->ids, &suspension->n_ids,
                          flow_content_format(old->digest, content));
    if (r == 0)
        r = hold_contents(overrides, suspension, before, policy);
    return r == 0 ? hold_names(overrides, suspension, policy) : r;
}

int closings_carry(struct overrides *overrides, const struct policy *before,
                   const struct policy *policy)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        struct override *override = &overrides->overrides[i];

        if (override->kind == OVERRIDE_ISOLATION)
            r = carry_isolation(override, before, policy);
        else if (override->kind == OVERRIDE_SUSPENSION)
            r = carry_suspension(overrides, override, before, policy);
    }
    return r;
}
