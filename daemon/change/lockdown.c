/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel that enforces nothing has just booted, or somebody took the table away. Until it is
 * known what may pass, nothing does: however long it takes to read a policy, and whatever a policy
 * does to who reads it.
 */

#include "daemon/change/lockdown.h"

#include <string.h>

#include "daemon/log.h"
#include "daemon/step.h"

int lockdown_begin(struct enforcement *enforcement, struct held *ret_held)
{
    struct nftables_refusal refusal = {0};
    int r;

    *ret_held = (struct held){0};
    r = enforcement_read_held(enforcement, ret_held);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "the table cannot be read: %s", strerror(-r));
        return r;
    }
    if (ret_held->enforced)
        return 0;

    r = enforcement_lock_down(enforcement, &refusal);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "the kernel could not be closed first: %s",
                    strerror(-r));
    step_reached("closed-first");
    return r;
}

int lockdown_alone(void)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = NULL;
    cleanup_(held_clear) struct held held = {0};
    int r = enforcement_open(-1, &enforcement);

    return r < 0 ? r : lockdown_begin(enforcement, &held);
}
