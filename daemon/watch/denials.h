/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/gateway.h"

/* Listens to the log of refused packets, and counts in `gateway->denied` who was refused what. */
struct denials_watch;
/* The event loop and the gateway are borrowed. Where somebody else has the log's group, it tries
 * again later. Returns 0 or -errno. */
int denials_watch_new(sd_event *event, struct gateway *gateway, struct denials_watch **ret_watch);
struct denials_watch *denials_watch_free(struct denials_watch *watch);
DEFINE_CLEANUP(struct denials_watch, denials_watch_free)
