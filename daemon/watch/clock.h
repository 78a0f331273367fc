/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/gateway.h"

/* The timers of the gateway. */
struct clock_watch;

/* Follows settings of the clock. The event loop and the gateway are borrowed. Returns 0 or -ENOMEM;
 * if the clock cannot be followed, that is logged. */
int clock_watch_new(sd_event *event, struct gateway *gateway, struct clock_watch **ret_watch);
struct clock_watch *clock_watch_free(struct clock_watch *watch);
DEFINE_CLEANUP(struct clock_watch, clock_watch_free)

/* Writes what could not be written yet, and sets the timers for what is enforced now. */
void clock_watch_arm(struct clock_watch *watch);
