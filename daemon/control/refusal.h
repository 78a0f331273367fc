/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"

/*
 * Refused attempts are written to the audit log, and the disk must not be at the mercy of whoever
 * makes them: of each user so many a minute are written, of the others their number.
 */
#define REFUSALS_PER_MINUTE 20
#define REFUSAL_USERS 64

struct refusals {
    struct refused_user {
        int64_t uid;
        usec_t since; /* when the current minute began; by CLOCK_MONOTONIC; 0: never used */
        unsigned n;
        uint64_t omitted; /* since the last one that was written */
    } users[REFUSAL_USERS];
};

/*
 * Counts one attempt of the user at `now`. True where it is to be written; `*ret_omitted` is then
 * the number of attempts since the last one that were not. Of more users than fit, the one that was
 * quiet longest is forgotten.
 */
bool refusals_count(struct refusals *refusals, int64_t uid, usec_t now, uint64_t *ret_omitted);
