/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <microhttpd.h>

#include "base/cleanup.h"
#include "scrape.h"

/*
 * Serves /metrics at a socket that listens, which it owns from then on. Nothing runs by itself: the
 * caller waits for http_fd() and then calls MHD_run(). The scraper is borrowed until
 * MHD_stop_daemon(). Returns NULL where it could not begin.
 */
struct MHD_Daemon *http_start(int fd, struct scraper *scraper);
int http_fd(struct MHD_Daemon *http);
DEFINE_CLEANUP(struct MHD_Daemon, MHD_stop_daemon)
