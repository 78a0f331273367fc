/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a commit needs of a policy, so that the policy itself need not be there. */

#include "daemon/change/prepared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_list.h"
#include "daemon/change/prepare.h"

void prepared_clear(struct prepared *prepared)
{
    policy_image_clear(&prepared->image);
    compiled_free(prepared->first);
    compiled_free(prepared->compiled);
    free(prepared->reused);
    agenda_clear(&prepared->agenda);
    text_list_free(prepared->unnamed, prepared->n_unnamed);
    text_list_free(prepared->renamed, prepared->n_renamed);
    *prepared = (struct prepared){0};
}

struct owner {
    uint32_t id;
    const struct flow *flow;
};

static int compare_owners(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Suspends each new flow that has the id of another one. With a mark mask every new flow is taken
 * for such a one. */
static int find_reused(const struct policy *old, const struct policy *new,
                       struct overrides *suspended, uint32_t **ret_marks, size_t *ret_n)
{
    cleanup_(freep) struct owner *owners = calloc(old->n_flows + 1, sizeof(*owners));
    cleanup_(freep) uint32_t *marks = calloc(new->n_flows + 1, sizeof(*marks));
    size_t n_owners = 0, n = 0;

    if (!owners || !marks)
        return -ENOMEM;
    for (size_t i = 0; i < old->n_flows; i++) {
        if (old->flows[i].id != 0)
            owners[n_owners++] = (struct owner){old->flows[i].id, &old->flows[i]};
    }
    qsort(owners, n_owners, sizeof(*owners), compare_owners);

    for (size_t i = 0; i < new->n_flows; i++) {
        const struct flow *flow = &new->flows[i];
        const struct owner key = {flow->id, NULL};
        const struct owner *owner =
            bsearch(&key, owners, n_owners, sizeof(*owners), compare_owners);
        /* Few bits are met by ids of flows that are gone for longer, and by whole marks. */
        bool is_same = owner && old->mark_mask ==
                                    new->mark_mask &&memcmp(owner->flow->digest, flow->digest,
                                                            sizeof(flow->digest)) == 0;
        int r;

        if (flow->id == 0 || is_same || (!owner && new->mark_mask == 0 && old->mark_mask == 0))
            continue;
        marks[n++] = flow->id;
        r = overrides_add(suspended, &(struct override){
                                         .kind = OVERRIDE_SUSPENSION,
                                         .name = (char *)flow->name,
                                         .reason = (char *)"",
                                         .who = (char *)"",
                                         .until = USEC_NEVER,
                                     });
        if (r < 0 && r != -EEXIST)
            return r;
    }
    *ret_marks = TAKE_PTR(marks);
    *ret_n = n;
    return 0;
}

/* What is committed first, if a flow has the id of another one of the policy before. */
static int fill_first(const struct gateway *gateway, const struct target *target,
                      const struct policy *old, struct outcome *outcome, struct prepared *prepared)
{
    cleanup_(overrides_clear) struct overrides suspended = {0};
    struct compiled_input input;
    int r;

    if (!old || !gateway->conntrack)
        return 0;
    r = overrides_copy(&target->state.overrides, &suspended);
    if (r == 0)
        r = find_reused(old, prepared->compiled->policy, &suspended, &prepared->reused,
                        &prepared->n_reused);
    if (r < 0 || prepared->n_reused == 0)
        return r;
    input = target_input(target, &suspended);
    return prepare_compile(gateway, &input, outcome, &prepared->first);
}

static int fill_unnamed(const struct overrides *overrides, struct prepared *prepared)
{
    const struct policy *policy = prepared->compiled->policy;
    int r = 0;

    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        const struct override *suspension = &overrides->overrides[i];

        if (suspension->kind == OVERRIDE_SUSPENSION && !policy_flow_named(policy, suspension->name))
            r = text_list_add(&prepared->unnamed, &prepared->n_unnamed, suspension->name);
    }
    return r;
}

static int fill_renamed(const struct policy_changes *changes, struct prepared *prepared)
{
    int r = 0;

    for (size_t i = 0; changes && r == 0 && i < changes->n_changes; i++) {
        const struct policy_change *change = &changes->changes[i];

        if (change->subject != SUBJECT_FLOW || change->kind != POLICY_RENAMED)
            continue;
        r = text_list_add(&prepared->renamed, &prepared->n_renamed, change->before);
        if (r == 0)
            r = text_list_add(&prepared->renamed, &prepared->n_renamed, change->name);
    }
    return r;
}

int prepared_fill(const struct gateway *gateway, const struct target *target,
                  const struct policy *old, struct outcome *outcome, struct compiled **compiled,
                  struct prepared *ret_prepared)
{
    cleanup_(prepared_clear) struct prepared prepared = {.compiled = TAKE_PTR(*compiled)};
    int r = fill_unnamed(&target->state.overrides, &prepared);

    if (r == 0)
        r = fill_renamed(outcome->changes, &prepared);
    if (r == 0)
        r = fill_first(gateway, target, old, outcome, &prepared);
    if (r != 0)
        return r;
    agenda_read(&prepared.agenda, prepared.compiled);

    *ret_prepared = prepared;
    prepared = (struct prepared){0};
    return 0;
}
