/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Connections carry the number of their flow. Where a flow of the new policy has the number that
 * another flow had, its connections must not pass for the new one's: the new flow begins suspended,
 * they are forgotten, and it is taken up with a second commit.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/change/change_private.h"

struct owner {
    uint32_t id;
    const struct flow *flow;
};

static int compare_owners(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

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
        int r;

        if (!owner || memcmp(owner->flow->digest, flow->digest, sizeof(flow->digest)) == 0)
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

int change_commit_reused(struct manager *manager, const struct transition *change,
                         struct compiled *compiled, const struct policy *old,
                         struct outcome *outcome)
{
    cleanup_(overrides_clear) struct overrides suspended = {0};
    cleanup_(compiled_freep) struct compiled *first = NULL;
    cleanup_(freep) uint32_t *marks = NULL;
    size_t n = 0;
    int r = 0;

    if (!old || !manager->conntrack)
        return 0;
    r = overrides_copy(change->overrides, &suspended);
    if (r == 0)
        r = find_reused(old, compiled->policy, &suspended, &marks, &n);
    if (r < 0 || n == 0)
        return r;

    r = change_prepare(manager, change->texts, change->n_texts, &suspended, compiled->generation,
                       outcome, &first);
    if (r == 0)
        r = change_commit(manager, first, outcome, NULL);
    if (r != 0)
        return r;
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = conntrack_delete_mark(manager->conntrack, marks[i]);
    return r < 0 ? outcome_set_kernel(outcome, &(struct nftables_refusal){0}, r, NULL) : 0;
}
