/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <syslog.h>
#include <systemd/sd-id128.h>

/*
 * The daemon's log: the only place of the project that writes one. Under systemd entries go to the
 * journal with their message id and fields; elsewhere (tests, containers) to standard error with
 * the priority in words.
 */

/* Ids of the messages that others look for; `journalctl MESSAGE_ID=…`. */
#define MESSAGE_POLICY_COMMITTED                                                                   \
    SD_ID128_MAKE(6c, 1f, 6b, 1c, 3f, 8a, 4e, 57, 9d, 1c, 46, 3f, 0b, 2a, 1e, 88)
#define MESSAGE_POLICY_INVALID                                                                     \
    SD_ID128_MAKE(a9, 0d, 27, 54, 8e, 3c, 45, 1b, b0, 37, 54, 6e, 98, 0f, 4d, 21)
#define MESSAGE_KERNEL_REFUSED                                                                     \
    SD_ID128_MAKE(4f, 82, e3, 09, d7, 5b, 4c, 6e, 8e, 41, 10, 7d, c2, 63, f5, 3a)
#define MESSAGE_LOCKDOWN                                                                           \
    SD_ID128_MAKE(e2, 57, 90, b6, 31, 4d, 4f, 08, a5, 7c, d8, 42, 6b, 0e, 19, c4)
#define MESSAGE_STOPPED                                                                            \
    SD_ID128_MAKE(0b, c6, 7e, 2f, 94, a1, 43, d5, bc, 60, 85, 1e, 3d, f7, 28, 9a)

void log_message(int priority, sd_id128_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
