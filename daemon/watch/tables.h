/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/gateway.h"

/* Follows changes of the table by others, and repairs them. */
struct tables_watch;
/* The event loop and the gateway are borrowed. Returns 0 or -errno. */
int tables_watch_new(sd_event *event, struct gateway *gateway, struct tables_watch **ret_watch);
struct tables_watch *tables_watch_free(struct tables_watch *watch);
DEFINE_CLEANUP(struct tables_watch, tables_watch_free)
