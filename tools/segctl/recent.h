/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "remote.h"

/*
 * What changed in the last 24 hours, as a line with its end for people: each kind of change with
 * how often, and the last. Of a log that the daemon does not tell the line is empty. `sequence` is
 * that of its last entry. Returns 0, and a text that the caller frees, or -ENOMEM.
 */
int recent_read(struct remote *remote, uint64_t sequence, char **ret_line);
