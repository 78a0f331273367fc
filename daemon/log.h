/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <syslog.h>
#include <systemd/sd-id128.h>

/*
 * The daemon's log. Under systemd entries go to the journal with their message id; elsewhere
 * (tests, containers) to standard error with the priority in words.
 */

/* Message ids, for `journalctl MESSAGE_ID=…`; systemd/segd.catalog.in explains each. */
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
#define MESSAGE_STORAGE                                                                            \
    SD_ID128_MAKE(1f, 71, b3, 29, 8c, 02, 41, fd, bf, c0, ca, c5, 87, af, 73, 52)
#define MESSAGE_OVERRIDE                                                                           \
    SD_ID128_MAKE(58, 42, f1, 88, 6b, 02, 48, e7, a2, 89, 5c, 00, d2, 57, 39, 17)
#define MESSAGE_CONFIRMED                                                                          \
    SD_ID128_MAKE(0a, 18, 27, ac, a7, f6, 4d, 5d, a3, 2a, 6c, b6, d8, 4e, f4, c1)
#define MESSAGE_UNCONFIRMED                                                                        \
    SD_ID128_MAKE(e4, 9c, 9e, d5, c6, c4, 4d, 01, 87, 93, f0, f1, 2a, 23, d9, b1)
#define MESSAGE_EXPIRING                                                                           \
    SD_ID128_MAKE(c1, b4, 2a, fb, ef, c0, 40, f8, a0, 89, e2, 38, 37, 83, 18, d6)
#define MESSAGE_EXPIRED                                                                            \
    SD_ID128_MAKE(45, fd, c8, 24, b4, b7, 43, bc, a1, 44, 23, 96, 22, 5f, 49, d1)
#define MESSAGE_SCHEDULE                                                                           \
    SD_ID128_MAKE(66, 91, e0, 7d, 37, 62, 40, 25, a8, 67, 90, 1e, 8d, 51, 32, bd)
#define MESSAGE_CLOCK SD_ID128_MAKE(9a, e5, fd, d7, b1, 4d, 4d, 83, 81, 84, ee, 37, db, 32, 23, 47)
#define MESSAGE_DRIFT SD_ID128_MAKE(7d, 89, 15, 7b, d7, 92, 48, 62, 83, 7b, b5, 30, e7, 27, a2, 4f)
#define MESSAGE_BYPASS SD_ID128_MAKE(a1, 9a, 6e, 6c, 66, 1a, 4c, 6c, b0, 9d, 01, 8c, fa, ee, cf, 5f)
#define MESSAGE_INTERFACE_UP                                                                       \
    SD_ID128_MAKE(48, 9b, 53, 51, a6, 5b, 4c, 25, 8c, af, 2c, a7, 40, 09, f5, 09)
#define MESSAGE_INTERFACE_DOWN                                                                     \
    SD_ID128_MAKE(4f, 33, 1d, db, a5, a5, 48, d3, 9f, ed, 54, 1d, 78, 31, a6, 8c)
#define MESSAGE_AUDIT_HEAD                                                                         \
    SD_ID128_MAKE(18, 22, 9e, 30, 5e, bc, 42, 77, 9c, 05, cc, ca, 06, 77, 14, 5a)
#define MESSAGE_FORWARDING                                                                         \
    SD_ID128_MAKE(d3, 5e, 0c, 47, 91, 6b, 4a, 0e, b8, 24, 7f, 19, c6, 53, 8d, 60)
#define MESSAGE_REFUSED_CALL                                                                       \
    SD_ID128_MAKE(86, 6d, 84, 6e, 76, 2d, 4b, 11, a0, 10, 8a, 11, 72, 83, 9f, a3)

void log_message(int priority, sd_id128_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
