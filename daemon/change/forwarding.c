/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel forwards nothing until it is told to, so a gateway that leaves the telling to segd is
 * closed from the first instant of a boot until the ruleset stands. What was switched on stays on:
 * when segd ends, the rules stay too.
 */

#include <string.h>

#include "daemon/log.h"
#include "daemon/manager.h"
#include "kernel/forwarding.h"

void manager_forward(struct manager *manager)
{
    const char *setting = NULL;
    int r = forwarding_enable(&setting);

    if (r == 0) {
        findings_drop(manager->findings, "forwarding", "forwarding-refused", NULL);
    } else if (findings_report(manager->findings, "forwarding", "forwarding-refused",
                               FINDING_CRITICAL, setting, "%s could not be switched on: %s",
                               setting, strerror(-r)) > 0) {
        log_message(LOG_ERR, MESSAGE_FORWARDING, "%s could not be switched on: %s", setting,
                    strerror(-r));
    }
}
