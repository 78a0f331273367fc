/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/gateway.h"

/*
 * Reads the kernel's counters once a minute, in slices between other events, and keeps the totals
 * in the state folder. A child writes the file, so that nobody waits for the disk.
 */
struct counters_watch;

#define COUNTERS_INTERVAL (60 * USEC_PER_SEC)

int counters_watch_new(sd_event *event, struct gateway *gateway, struct counters_watch **ret_watch);
struct counters_watch *counters_watch_free(struct counters_watch *watch);
DEFINE_CLEANUP(struct counters_watch, counters_watch_free)

/* After each event: where counters have gone, their totals are written at once. */
void counters_watch_follow(struct counters_watch *watch);
/* A child has ended. */
void counters_watch_reap(struct counters_watch *watch);
/* At an orderly end: reads and writes all of them now. */
void counters_watch_finish(struct counters_watch *watch);
