/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One minute at a time for each user, in a table of fixed size. */

#include "daemon/control/audit_limit.h"

#define MINUTE (60 * USEC_PER_SEC)

static struct audit_limit_user *find_user(struct audit_limit *limit, int64_t uid)
{
    struct audit_limit_user *oldest = &limit->users[0];

    for (size_t i = 0; i < AUDIT_LIMIT_USERS; i++) {
        struct audit_limit_user *user = &limit->users[i];

        if (user->since > 0 && user->uid == uid)
            return user;
        if (user->since < oldest->since)
            oldest = user;
    }
    *oldest = (struct audit_limit_user){.uid = uid};
    return oldest;
}

bool audit_limit_allows(struct audit_limit *limit, int64_t uid, usec_t now, uint64_t *ret_omitted)
{
    struct audit_limit_user *user = find_user(limit, uid);

    if (user->since == 0 || now - user->since >= MINUTE) {
        user->since = now > 0 ? now : 1;
        user->n = 0;
    }
    if (user->n >= AUDIT_LIMIT_PER_MINUTE) {
        user->omitted++;
        return false;
    }
    user->n++;
    *ret_omitted = user->omitted;
    user->omitted = 0;
    return true;
}
