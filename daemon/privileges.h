/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Gives up every privilege but CAP_NET_ADMIN, for this process and every program that it might
 * start. Under systemd the unit has done so already; it matters where root starts segd by hand.
 *
 * Returns 0 or -errno. To be called before any thread is started and any input is read.
 */
int privileges_reduce(void);
/* Gives up CAP_NET_ADMIN too. Returns 0 or -errno. */
int privileges_drop(void);
