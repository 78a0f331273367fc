/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Gives up, for good, every privilege but CAP_NET_ADMIN: of root's capabilities the others, those
 * that a program started from here would get, and what set-user-ID programs could bring. Under
 * systemd the unit has done so before; by hand, as root, nobody has.
 *
 * Returns 0 or -errno. To be called before the first thread and the first byte of input.
 */
int privileges_reduce(void);
