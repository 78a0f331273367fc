/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"

/*
 * The rate limit of audit entries about refused attempts: without it, any user could fill the disk.
 * Of each user AUDIT_LIMIT_PER_MINUTE attempts a minute are written; the rest are only counted, and
 * the next entry says how many they were.
 */
#define AUDIT_LIMIT_PER_MINUTE 20
#define AUDIT_LIMIT_USERS 64

struct audit_limit {
    struct audit_limit_user {
        int64_t uid;
        usec_t since; /* when the current minute began; by CLOCK_MONOTONIC; 0: never used */
        unsigned n;
        uint64_t omitted; /* attempts since the last one that was written */
    } users[AUDIT_LIMIT_USERS];
};

/*
 * Counts one attempt of the user at `now`. Returns whether it is to be written; `*ret_omitted` is
 * then the number of attempts since the last written one that were not. If there are more users
 * than fit, the one whose minute began first is forgotten.
 */
bool audit_limit_allows(struct audit_limit *limit, int64_t uid, usec_t now, uint64_t *ret_omitted);
