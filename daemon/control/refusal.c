/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A minute for each user, in a table of fixed size. */

#include "daemon/control/refusal.h"

#define MINUTE (60 * USEC_PER_SEC)

static struct refused_user *find_user(struct refusals *refusals, int64_t uid)
{
    struct refused_user *oldest = &refusals->users[0];

    for (size_t i = 0; i < REFUSAL_USERS; i++) {
        struct refused_user *user = &refusals->users[i];

        if (user->since > 0 && user->uid == uid)
            return user;
        if (user->since < oldest->since)
            oldest = user;
    }
    *oldest = (struct refused_user){.uid = uid};
    return oldest;
}

bool refusals_count(struct refusals *refusals, int64_t uid, usec_t now, uint64_t *ret_omitted)
{
    struct refused_user *user = find_user(refusals, uid);

    if (user->since == 0 || now - user->since >= MINUTE) {
        user->since = now > 0 ? now : 1;
        user->n = 0;
    }
    if (user->n >= REFUSALS_PER_MINUTE) {
        user->omitted++;
        return false;
    }
    user->n++;
    *ret_omitted = user->omitted;
    user->omitted = 0;
    return true;
}
