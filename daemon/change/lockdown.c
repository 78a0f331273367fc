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

int lockdown_begin(struct enforcement *enforcement, struct observation *ret_observation)
{
    struct nftables_refusal refusal = {0};
    int r;

    *ret_observation = (struct observation){0};
    r = enforcement_observe(enforcement, ret_observation);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "the table cannot be read: %s", strerror(-r));
        return r;
    }
    if (ret_observation->enforced)
        return 0;

    r = enforcement_lock_down(enforcement, &refusal);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "the kernel could not be closed first: %s",
                    strerror(-r));
    step_reached("door-closed");
    return r;
}

int lockdown_alone(void)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = NULL;
    cleanup_(observation_clear) struct observation observation = {0};
    const char *missing = NULL;
    int r = enforcement_new(-1, &enforcement, &missing);

    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot use nftables: %s",
                    missing ? missing : strerror(-r));
        return r;
    }
    return lockdown_begin(enforcement, &observation);
}
