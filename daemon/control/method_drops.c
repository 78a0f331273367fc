/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The method GetDrops: refused packets, as the kernel has counted them. */

#include <errno.h>

#include "daemon/control/method.h"
#include "observe/drop_counters.h"

/* The reply, and the arena of its lists. */
struct drops {
    struct drops_reply reply;
    struct arena *arena;
};

/* Returns 0 or -ENOMEM. */
static int copy(struct arena *arena, const char *text, char **ret_copy)
{
    *ret_copy = text ? arena_string(arena, text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

static int add_drop(const struct drop_counter *counter, void *userdata)
{
    struct drops *drops = userdata;
    struct wire_drop *drop;

    if (counter->count.packets == 0)
        return 0;
    drop = arena_add(drops->arena, &drops->reply.drops, &drops->reply.n_drops, sizeof(*drop));
    if (!drop || copy(drops->arena, counter->from, &drop->from) < 0 ||
        copy(drops->arena, counter->to, &drop->to) < 0 ||
        copy(drops->arena, counter->flow, &drop->flow) < 0)
        return -ENOMEM;
    drop->reason = (char *)reason_to_string(counter->reason);
    drop->packets = counter->count.packets;
    drop->bytes = counter->count.bytes;
    return 0;
}

int method_get_drops(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct gateway *gateway = method_gateway(userdata);
    int r = arena_new(&arena);
    struct drops drops = {.arena = arena};

    (void)parameters;
    if (r == 0)
        r = drop_counters_read(enforcement_nftables(gateway->enforcement),
                               enforcement_ruleset(gateway->enforcement), add_drop, &drops);
    return r < 0 ? method_unreadable(call, r) : call_reply(call, &drops.reply);
}
