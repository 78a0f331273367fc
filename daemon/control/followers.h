/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "daemon/control/server.h"
#include "daemon/gateway.h"

/* Entries of the audit log in one reply. */
#define FOLLOWERS_ENTRIES_MAX 1000

struct follower;

/* Calls that are answered with each new entry. A zeroed structure has none. */
struct followers {
    struct follower *first;
};
/* Lets go of all of them, without an answer. */
void followers_clear(struct followers *followers);

/* Entries after `*after`, at most `limit`, as the parameters of a reply; `*after` moves on with
 * them. NULL without memory or where they cannot be read. */
json_t *followers_read(const struct gateway *gateway, uint64_t *after, size_t limit);
/* Gives the call all entries after that number, and keeps it for those to come. Returns 0, -ENOMEM
 * or as call_continue(). */
int followers_add(struct followers *followers, const struct gateway *gateway, struct call *call,
                  uint64_t after);
/* Gives new entries to those who lack them; one that does not read is let go. */
void followers_tell(struct followers *followers, const struct gateway *gateway);
