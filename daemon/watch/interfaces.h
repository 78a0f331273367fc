/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "observe/links.h"
#include "policy/policy.h"

/* Which interfaces of zones were up when last looked at. A zeroed structure has not looked yet. */
struct interfaces {
    struct interface_state {
        char *name; /* owned */
        bool up;
    } * states; /* in order of names, none twice */
    size_t n_states;
    bool looked;
};

void interfaces_clear(struct interfaces *interfaces);
/* Looks, and writes to the log which interfaces of the policy's zones came up or went down since it
 * last looked. `outline` may be NULL: there are no zones. Without memory it looks another time. */
void interfaces_follow(struct interfaces *interfaces, const struct policy *outline,
                       const struct links *links);
