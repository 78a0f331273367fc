/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * Whether the kernel forwards packets at all, in the network namespace of the caller. The kernel
 * lets CAP_NET_ADMIN there change it, though the settings are root's (net_ctl_permissions() in its
 * net/sysctl_net.c).
 */

/*
 * Switches the forwarding of IPv4 and IPv6 on, each where it is off. A family that the kernel does
 * not have is passed over. Returns 0, or -errno with `*ret_setting` the one that could not be set,
 * as sysctl(8) names it: a static string.
 */
int forwarding_enable(const char **ret_setting);

/* Whether a setting below /proc/sys is on, which is not 0, in the same namespace. Returns 0,
 * -ENOENT where the kernel has no such setting, or -errno. */
int setting_read(const char *path, bool *ret_on);
