/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/gateway.h"

/* Follows the interfaces, in `gateway->links`, and looks for bypasses of the ruleset. */
struct links_watch;
/* The event loop and the gateway are borrowed. Returns 0 or -errno. */
int links_watch_new(sd_event *event, struct gateway *gateway, struct links_watch **ret_watch);
struct links_watch *links_watch_free(struct links_watch *watch);
DEFINE_CLEANUP(struct links_watch, links_watch_free)

/* Looks for them a moment from now, once for all that changes until then. */
void links_watch_look_soon(struct links_watch *watch);
/* Looks for bypasses now, and replaces the findings of the source `bypass`. */
void links_watch_look(struct gateway *gateway);
