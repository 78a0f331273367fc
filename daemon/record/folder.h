/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Makes a folder with mode 0700 unless it exists, and opens it. Returns a file descriptor or
 * -errno.
 */
int folder_open(int parent, const char *name);
/*
 * Keeps all other processes that call this from using the folder, for as long as the descriptor
 * that it returns is open: a lock by fcntl() of the file `lock`, which children do not inherit.
 * Returns -EBUSY if another process has it,
 * or -errno if there can be no lock: in a folder that cannot be written two processes do no harm to
 * each other.
 */
int folder_lock(int folder);
