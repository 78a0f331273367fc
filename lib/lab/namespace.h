/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Network namespaces by file descriptor only: nothing is named, so nothing is left behind. Entering
 * one for good (lab_enter()) is in lab/lab.h.
 */

/* A descriptor of the namespace the calling thread is in, or -errno. */
int namespace_open(void);

/* One file below /proc/sys/net and what is written to it. */
struct namespace_setting {
    const char *path;
    const char *value;
    bool optional; /* younger than the oldest kernel, or of the machine and not of the namespace */
};

/* Writes the settings of the calling thread's namespace. Returns 0 or -errno. */
int namespace_configure(const struct namespace_setting *settings, size_t n_settings);
