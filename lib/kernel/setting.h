/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Whether a setting below /proc/sys is on, which is not 0. Returns 0, -ENOENT where the kernel has
 * no such setting, or -errno. */
int setting_read(const char *path, bool *ret_on);
