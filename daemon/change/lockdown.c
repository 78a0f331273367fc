/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel that enforces nothing has just booted, or somebody removed the table. Nothing may pass
 * before the policy is read, however long that takes and even if reading it fails.
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
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "cannot read the table: %s", strerror(-r));
        return r;
    }
    if (ret_held->enforced)
        return 0;

    r = enforcement_lock_down(enforcement, &refusal);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "cannot commit the lockdown: %s",
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
