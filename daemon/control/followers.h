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
/* Frees all of them without an answer. */
void followers_clear(struct followers *followers);

/* At most `limit` entries after number `*after`, as the parameters of a reply; `*after` becomes the
 * number of the last one. NULL without memory or if they cannot be read. */
json_t *followers_read(const struct gateway *gateway, uint64_t *after, size_t limit);
/* Answers the call with all entries after the number, and keeps it for later ones. Returns 0,
 * -ENOMEM or as call_continue(). */
int followers_add(struct followers *followers, const struct gateway *gateway, struct call *call,
                  uint64_t after);
/* Sends new entries to all followers; one that does not read is cut off. */
void followers_tell(struct followers *followers, const struct gateway *gateway);
