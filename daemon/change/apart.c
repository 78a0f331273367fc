/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A large policy of a start: prepared by a child, committed here when it has ended. */

#include "daemon/change/apart.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/step.h"

/* Bytes of a policy from which on a child is worth its fork. */
#define LARGE ((size_t)1024 * 1024)

bool apart_is_worth(const struct gateway *gateway, const struct target *target)
{
    size_t size = 0;

    /* Without a number its texts go to the gateway. */
    if (gateway->handover || target->content != TARGET_POLICY || target->generation.number == 0 ||
        !(target->is_start || target->is_new))
        return false;
    for (size_t i = 0; i < target->texts.n_texts; i++)
        size += target->texts.texts[i].size;
    return size >= LARGE || step_apart();
}

/* In the child: all is prepared. */
static int leave(void *userdata)
{
    (void)userdata;
    _exit(EXIT_SUCCESS);
}

static _Noreturn void prepare(struct gateway *gateway, struct target *target,
                              struct outcome *outcome, apart_run run, struct handover *handover,
                              pid_t parent)
{
    if (child_follow(parent) == 0 && gateway_enter_child(gateway, true) == 0) {
        handover_enter(handover, leave, NULL);
        run(gateway, target, outcome);
    }
    _exit(EXIT_FAILURE);
}

int apart_transaction(struct gateway *gateway, struct target *target, struct outcome *outcome,
                      apart_run run)
{
    cleanup_(handover_freep) struct handover *handover = NULL;
    const pid_t parent = getpid();
    pid_t child;

    if (handover_new(gateway, &handover) < 0)
        return -EAGAIN;
    child = fork();
    if (child == 0)
        prepare(gateway, target, outcome, run, handover, parent);
    if (child < 0 || !child_succeeds(child))
        return -EAGAIN;
    return handover_commit(handover, outcome);
}
