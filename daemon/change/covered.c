/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whoever keeps a flow means the packets that it approves, and flows before it in the policy may
 * own some of them: those that it covers go on too. The kernel's isolation knows flows by their
 * marks alone, and only the policy tells which flow covers which. To read it takes time, so that is
 * done when the zone is cut off already; and memory, so a child does it. If it fails, more is cut
 * off than was asked, never less.
 */

#include "daemon/change/covered.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "answer/overlap.h"
#include "base/text_list.h"
#include "daemon/change/kept.h"
#include "daemon/change/transaction.h"
#include "daemon/child.h"
#include "daemon/log.h"

/* Processor time to find what kept flows cover, while segd waits; 50,000 flows take half a second.
 */
#define COVERED_CPU 10

static int keep(struct override *isolation, const char *name, const char *content)
{
    int r = text_list_add(&isolation->keep, &isolation->n_keep, name);

    return r < 0 ? r : text_list_add(&isolation->keep_ids, &isolation->n_keep_ids, content);
}

/* What an isolation is to keep besides the flows that were named. */
struct covered {
    const struct override *asked;  /* with the named flows */
    const struct override *before; /* what the isolation was before, if it was there; or NULL */
    struct override *isolation;    /* as it is now */
};

/* An isolation keeps what all of its makers keep. */
static int keep_too(const struct covered *covered, const struct flow *flow)
{
    const struct override *before = covered->before;
    struct override *isolation = covered->isolation;
    char content[FLOW_CONTENT_TEXT_MAX];

    flow_content_format(flow->digest, content);
    if (text_list_has(isolation->keep_ids, isolation->n_keep_ids, content) ||
        (before && !text_list_has(before->keep_ids, before->n_keep_ids, content)))
        return 0;
    return keep(isolation, flow->name, content);
}

static int find_covered(const struct gateway *gateway, const struct covered *covered)
{
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(outcome_clear) struct outcome ignored = {0};
    const size_t *n_keep = &covered->isolation->n_keep;
    int r = kept_read_enforced(gateway, &ignored, &policy);

    for (size_t i = 0; r == 0 && i < covered->asked->n_keep; i++) {
        const struct flow *named = policy_flow_named(policy, covered->asked->keep[i]);

        for (size_t j = 0; r >= 0 && named && j < policy->n_flows; j++) {
            if (*n_keep >= ISOLATION_KEEP_MAX)
                return 0;
            r = policy->flows[j].enabled ? flow_covers(policy, named, &policy->flows[j]) : 0;
            if (r > 0)
                r = keep_too(covered, &policy->flows[j]);
        }
    }
    return r;
}

/* Where the child leaves what it found. */
struct found {
    size_t n;
    struct {
        char name[POLICY_NAME_MAX + 1];
        char content[FLOW_CONTENT_TEXT_MAX];
    } flows[ISOLATION_KEEP_MAX];
};

static _Noreturn void fill(struct gateway *gateway, const struct covered *covered,
                           struct found *found, pid_t daemon)
{
    const struct override *isolation = covered->isolation;
    size_t first = isolation->n_keep;
    int r = gateway_enter_child(gateway, false);

    if (r == 0)
        r = child_enter(daemon, CHILD_MEMORY, COVERED_CPU);
    if (r == 0)
        r = find_covered(gateway, covered);
    for (size_t i = first; r == 0 && i < isolation->n_keep; i++) {
        snprintf(found->flows[found->n].name, sizeof(found->flows->name), "%s", isolation->keep[i]);
        snprintf(found->flows[found->n++].content, sizeof(found->flows->content), "%s",
                 isolation->keep_ids[i]);
    }
    _exit(r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Returns 0, -ECHILD if the child failed, or -errno. */
static int keep_what_child_finds(struct gateway *gateway, const struct covered *covered)
{
    const pid_t daemon = getpid();
    struct found *found =
        mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int r = 0;

    if (found == MAP_FAILED)
        return -errno;
    child = fork();
    if (child == 0)
        fill(gateway, covered, found, daemon);
    if (child < 0 || !child_succeeds(child))
        r = -ECHILD;
    for (size_t i = 0; r == 0 && i < found->n; i++)
        r = keep(covered->isolation, found->flows[i].name, found->flows[i].content);
    munmap(found, sizeof(*found));
    return r;
}

/* Commits what there is to keep besides. */
static int keep_covered(struct gateway *gateway, struct target *target, struct covered *covered,
                        struct outcome *outcome)
{
    struct override *isolation = (struct override *)overrides_find(
        &target->state.overrides, OVERRIDE_ISOLATION, target->object);
    size_t n_keep = isolation->n_keep;
    int r;

    covered->isolation = isolation;
    r = keep_what_child_finds(gateway, covered);
    if (r < 0 || isolation->n_keep == n_keep)
        return r;
    target->detail = record_encode(&override_type, isolation, RECORD_DISK);
    return target->detail ? transaction_run(gateway, target, outcome) : -ENOMEM;
}

void covered_keep(struct gateway *gateway, const struct target *isolated,
                  const struct override *asked, const struct override *before)
{
    cleanup_(target_clear) struct target target = {0};
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct covered covered = {.asked = asked, .before = before};
    int r = target_begin(gateway, &isolated->actor, "keep", &target);

    target.content = TARGET_ISOLATIONS;
    target.closes = true;
    target.object = isolated->object;
    target.reason = isolated->reason;
    if (r == 0)
        r = keep_covered(gateway, &target, &covered, &outcome);
    if (r != 0)
        log_message(LOG_ERR, MESSAGE_OVERRIDE, "flows that kept flows cover do not pass: %s",
                    r > 0 ? outcome.message : strerror(-r));
}
