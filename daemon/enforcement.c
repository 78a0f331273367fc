/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line from text to kernel, in one function: enforcement_apply(). Each step makes a new object
 * from the one before and can fail without a trace; the commit is the last that can, and only after
 * it the new objects take the place of the old. The ruleset that was committed is kept, so that the
 * next one is sent as the difference. That holds as long as the generation id says that nobody else
 * changed anything since; otherwise the difference is taken from what the kernel really holds, and
 * so repairs it.
 */

#include "enforcement.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diagnostics.h"
#include "diagram/diagram.h"
#include "log.h"
#include "policy/policy.h"
#include "ruleset/compile.h"
#include "ruleset/difference.h"

#define COMMIT_TRIES_MAX 3

struct enforcement {
    struct nftables *nftables;
    struct nftables_features features;
    struct ruleset *committed; /* NULL until the first commit of this process */
    /* The kernel's generation id after it; no use where somebody else committed in between. */
    uint32_t generation;
    bool generation_known;
};

int enforcement_new(struct enforcement **ret_enforcement, const char **ret_missing)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = calloc(1, sizeof(*enforcement));
    int r;

    if (!enforcement)
        return -ENOMEM;

    r = nftables_open(&enforcement->nftables);
    if (r < 0)
        return r;

    r = nftables_probe(enforcement->nftables, &enforcement->features);
    if (r < 0)
        return r;

    *ret_missing = nftables_features_missing(&enforcement->features);
    if (*ret_missing)
        return -EOPNOTSUPP;

    *ret_enforcement = TAKE_PTR(enforcement);
    return 0;
}

struct enforcement *enforcement_free(struct enforcement *enforcement)
{
    if (!enforcement)
        return NULL;

    ruleset_free(enforcement->committed);
    nftables_close(enforcement->nftables);
    free(enforcement);
    return NULL;
}

static void report_refusal(const struct nftables_refusal *refusal, const struct sources *sources)
{
    if (sources && refusal->location.line > 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED,
                    "%s:%" PRIu32 ":%" PRIu32 ": the kernel refused this line: %s: %s",
                    sources_name(sources, refusal->location.source), refusal->location.line,
                    refusal->location.column, refusal->what, strerror(-refusal->error));
    else
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "the kernel refused the ruleset: %s: %s",
                    refusal->what, strerror(-refusal->error));
}

/* Commits the difference from `held`, which is NULL where the kernel holds nothing. */
static int commit_from(struct enforcement *enforcement, const struct ruleset *held,
                       const struct ruleset *wanted, usec_t now, struct nftables_refusal *refusal,
                       struct nftables_cost *cost)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    int r = difference_new(held, wanted, &difference);

    if (r < 0)
        return r;
    return nftables_apply(enforcement->nftables, wanted, difference, now, refusal, cost);
}

/*
 * Between the dump and the commit an element may expire, and somebody else may change the table:
 * then what is added is there, or what is deleted is not. That can happen again, but not for ever.
 */
static int commit_from_kernel(struct enforcement *enforcement, const struct ruleset *wanted,
                              usec_t now, struct nftables_refusal *refusal,
                              struct nftables_cost *cost)
{
    bool outdated = true;
    int r = 0;

    for (unsigned tries = 0; outdated && tries < COMMIT_TRIES_MAX; tries++) {
        cleanup_(ruleset_freep) struct ruleset *observed = NULL;

        r = nftables_dump(enforcement->nftables, RULESET_TABLE, wanted, &observed);
        if (r < 0 && r != -ENOENT)
            return r;
        r = commit_from(enforcement, observed, wanted, now, refusal, cost);
        outdated = r == -EREMOTEIO && (refusal->error == -EEXIST || refusal->error == -ENOENT);
    }
    return r;
}

/* True where the kernel surely holds what was committed last. */
static bool committed_stands(const struct enforcement *enforcement, uint32_t generation)
{
    return enforcement->committed && enforcement->generation_known &&
           enforcement->generation == generation;
}

/*
 * Remembers the generation after a commit. As many more than before as there were transactions mean
 * that there were no others.
 */
static void remember_generation(struct enforcement *enforcement, uint32_t before,
                                size_t transactions)
{
    int r = nftables_generation(enforcement->nftables, &enforcement->generation);

    enforcement->generation_known =
        r == 0 && enforcement->generation == before + (uint32_t)transactions;
}

/* The last step that can fail. Takes the ruleset over when it is committed. */
static int commit(struct enforcement *enforcement, struct ruleset **wanted, usec_t now,
                  const struct sources *sources, struct nftables_cost *cost)
{
    struct nftables_refusal refusal = {0};
    uint32_t generation;
    int r = nftables_generation(enforcement->nftables, &generation);

    if (r < 0)
        return r;

    r = -EREMOTEIO;
    if (committed_stands(enforcement, generation))
        r = commit_from(enforcement, enforcement->committed, *wanted, now, &refusal, cost);
    if (r == -EREMOTEIO)
        r = commit_from_kernel(enforcement, *wanted, now, &refusal, cost);
    if (r == -EREMOTEIO)
        report_refusal(&refusal, sources);
    if (r < 0)
        return r;

    ruleset_free(enforcement->committed);
    enforcement->committed = TAKE_PTR(*wanted);
    remember_generation(enforcement, generation, cost->transactions);
    return 0;
}

/* The flows that the policy's authors wrote, as `segctl check` counts them. */
static size_t count_written(const struct policy *policy)
{
    size_t n = 0;

    for (size_t i = 0; i < policy->n_flows; i++)
        n += !policy->flows[i].implicit;
    return n;
}

/* What the policy needs of the kernel is a mistake in it where the kernel has it not. */
static int check_features(const struct enforcement *enforcement, const struct policy *policy,
                          struct diagnostics *diagnostics)
{
    const struct flow *flow;
    const char *missing = nftables_features_missing_for(&enforcement->features, policy, &flow);

    if (!missing)
        return 0;
    if (diagnostics_add(diagnostics, SEVERITY_ERROR, "kernel-lacks", flow->location,
                        "approve `sctp/any`, or use a kernel that tracks SCTP",
                        "flow `%s` names ports of SCTP: %s", flow->name, missing) < 0)
        return -ENOMEM;
    return -EBADMSG;
}

int enforcement_apply(struct enforcement *enforcement, const char *path)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct nftables_cost cost = {0};
    usec_t now = calendar_now();
    int r;

    r = sources_new(&sources);
    if (r == 0)
        r = diagnostics_new(&diagnostics);
    if (r == 0)
        r = policy_read(path, sources, diagnostics, &policy);
    if (r == 0)
        r = diagram_new(policy, diagnostics, &diagram);
    if (r == 0)
        r = check_features(enforcement, policy, diagnostics);
    if (diagnostics)
        diagnostics_print(diagnostics, sources, stderr, isatty(STDERR_FILENO));
    if (r < 0)
        return r == -E2BIG ? -EBADMSG : r;

    r = ruleset_compile(diagram, &(struct ruleset_options){.now = now}, &ruleset);
    if (r < 0)
        return r;

    r = commit(enforcement, &ruleset, now, sources, &cost);
    if (r < 0)
        return r;

    assert(policy);
    log_message(LOG_INFO, MESSAGE_POLICY_COMMITTED,
                "committed %s: %zu zones, %zu flows; %zu bytes in %zu messages, %" PRIu64
                " us in the kernel",
                path, policy->n_zones, count_written(policy), cost.bytes, cost.messages,
                cost.commit_usec);
    return 0;
}

int enforcement_lock_down(struct enforcement *enforcement)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct nftables_cost cost = {0};
    int r = ruleset_lockdown(&ruleset);

    if (r < 0)
        return r;
    return commit(enforcement, &ruleset, calendar_now(), NULL, &cost);
}
