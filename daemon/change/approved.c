/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The digests are made of the canonical form of a policy, so that a key which the language gets
 * later counts at once. A flow is its line in that form, and the digest of what its names mean.
 * What only people read (a label, a purpose) counts too: the flow then waits for the next apply.
 */

#include "daemon/change/approved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The canonical form after `size` bytes more; the caller frees it. */
static int print(const struct policy *policy, const void *more, size_t size, char **ret_text,
                 size_t *ret_size)
{
    cleanup_(freep) char *text = NULL;
    FILE *stream = open_memstream(&text, ret_size);
    int r;

    if (!stream)
        return -ENOMEM;
    fwrite(more, 1, size, stream);
    r = policy_print(policy, stream);
    if (fclose(stream) != 0 || r < 0)
        return -ENOMEM;
    *ret_text = TAKE_PTR(text);
    return 0;
}

/* All but flows and what only they use. Of hosts those remain whose packets must come from a
 * hardware address. */
static int print_frame(const struct policy *policy, char **ret_text)
{
    cleanup_(freep) struct host *hosts = calloc(policy->n_hosts + 1, sizeof(*hosts));
    struct policy frame = *policy;
    size_t size;

    if (!hosts)
        return -ENOMEM;
    frame.hosts = hosts;
    frame.n_hosts = 0;
    for (size_t i = 0; i < policy->n_hosts; i++) {
        if (policy->hosts[i].n_macs > 0)
            hosts[frame.n_hosts++] = policy->hosts[i];
    }
    frame.n_groups = frame.n_services = frame.n_flows = frame.n_expectations = 0;
    return print(&frame, "", 0, ret_text, &size);
}

static int digest_flow(const struct policy *policy, const struct flow *flow,
                       char digest[SHA256_TEXT_MAX])
{
    unsigned char more[FLOW_DIGEST_SIZE + sizeof(flow->expires)];
    cleanup_(freep) char *text = NULL;
    struct policy alone = *policy;
    size_t size;
    int r;

    memcpy(more, flow->digest, FLOW_DIGEST_SIZE);
    memcpy(more + FLOW_DIGEST_SIZE, &flow->expires, sizeof(flow->expires));
    alone.n_zones = alone.n_hosts = alone.n_groups = alone.n_services = alone.n_expectations = 0;
    alone.flows = flow;
    alone.n_flows = 1;
    r = print(&alone, more, sizeof(more), &text, &size);
    if (r == 0)
        sha256_text(text, size, digest);
    return r;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int approved_read(const struct policy *policy, struct approved *ret_approved)
{
    cleanup_(approved_clear) struct approved approved = {0};
    int r = print_frame(policy, &approved.frame);

    approved.flows = calloc(policy->n_flows + 1, sizeof(*approved.flows));
    if (!approved.flows)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < policy->n_flows; i++) {
        char digest[SHA256_TEXT_MAX];

        if (policy->flows[i].implicit)
            continue;
        r = digest_flow(policy, &policy->flows[i], digest);
        if (r < 0)
            break;
        approved.flows[approved.n_flows] = strdup(digest);
        if (!approved.flows[approved.n_flows++])
            return -ENOMEM;
    }
    if (r < 0)
        return r;

    qsort(approved.flows, approved.n_flows, sizeof(*approved.flows), compare_texts);
    *ret_approved = approved;
    approved = (struct approved){0};
    return 0;
}

int approved_in_common(const struct approved *approved, const struct policy *policy,
                       char ***ret_names, size_t *ret_n)
{
    cleanup_(freep) char **names = calloc(policy->n_flows + 1, sizeof(*names));
    cleanup_(freep) char *frame = NULL;
    char digest[SHA256_TEXT_MAX], *key = digest;
    bool is_same_frame;
    size_t n = 0;
    int r = names ? print_frame(policy, &frame) : -ENOMEM;

    if (r < 0)
        return r;
    is_same_frame = strcmp(frame, approved->frame) == 0;
    for (size_t i = 0; is_same_frame && i < policy->n_flows; i++) {
        char *name = (char *)policy->flows[i].name;

        if (policy->flows[i].implicit)
            continue;
        r = digest_flow(policy, &policy->flows[i], digest);
        if (r < 0)
            return r;
        if (bsearch(&key, approved->flows, approved->n_flows, sizeof(*approved->flows),
                    compare_texts))
            names[n++] = name;
    }
    qsort(names, n, sizeof(*names), compare_texts);
    *ret_names = TAKE_PTR(names);
    *ret_n = n;
    return 0;
}
