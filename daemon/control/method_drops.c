/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The method GetDrops: refused packets, with those that the kernel counted before it began anew,
 * and what it dropped before any rule. The names of their totals are those of the kernel's
 * counters, and tell of what they are.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/control/method.h"
#include "daemon/counting.h"

/* Sets the texts of the drop from what stands after the reason; false: no memory. */
static bool fill(struct arena *arena, enum reason reason, const char *rest, struct wire_drop *drop)
{
    char *text = *rest ? arena_string(arena, rest) : NULL;

    drop->reason = (char *)reason_to_string(reason);
    switch (reason_detail(reason)) {
    case REASON_DETAIL_NONE:
        return true;
    case REASON_DETAIL_PAIR:
        drop->from = text ? strsep(&text, "/") : NULL;
        drop->to = text;
        return !*rest || drop->from;
    case REASON_DETAIL_ZONE:
        drop->from = text;
        return !*rest || text;
    case REASON_DETAIL_FLOW:
        drop->flow = text;
        return !*rest || text;
    }
    return true;
}

/* Adds the total if it is one of refused packets. */
static int add_drop(struct arena *arena, const struct totals *totals, const char *name,
                    struct drops_reply *reply)
{
    const size_t skip = strlen(COUNTING_DROPS);
    const struct both_counts none = {0};
    const struct nftables_count count = totals_of(totals, name, &none).counts.original;
    enum reason reason = REASON_NONE;
    const char *rest = NULL;
    struct wire_drop *drop;

    if (strncmp(name, COUNTING_DROPS, skip) == 0)
        reason = reason_of_counter(name + skip, &rest);

    if (count.packets == 0 || reason == REASON_NONE)
        return 0;
    drop = arena_add(arena, &reply->drops, &reply->n_drops, sizeof(*drop));
    if (!drop || !fill(arena, reason, rest, drop))
        return -ENOMEM;
    drop->packets = count.packets;
    drop->bytes = count.bytes;
    return 0;
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_drops(const void *a, const void *b)
{
    const struct wire_drop *x = a, *y = b;

    return strcmp(x->reason, y->reason) ?: compare_texts(x->from, y->from)
                                        ?: compare_texts(x->to, y->to)
                                        ?: compare_texts(x->flow, y->flow);
}

/* Nothing where the kernel does not tell. */
static void read_tracking(const struct gateway *gateway, struct wire_tracking *ret_tracking)
{
    struct conntrack_statistics told;

    if (gateway->conntrack && conntrack_read_statistics(gateway->conntrack, &told) == 0)
        *ret_tracking =
            (struct wire_tracking){told.drop, told.early_drop, told.insert_failed, true};
}

int method_get_drops(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct gateway *gateway = method_gateway(userdata);
    struct totals *totals = gateway->totals;
    struct drops_reply reply = {0};
    int r = arena_new(&arena);

    (void)parameters;
    if (r == 0)
        r = counting_read_drops(totals, enforcement_nftables(gateway->enforcement),
                                enforcement_ruleset(gateway->enforcement));
    if (method_is_overtaken(call, gateway))
        return -ESTALE;
    for (size_t i = 0; r == 0 && i < totals_count(totals); i++)
        r = add_drop(arena, totals, totals_name(totals, i), &reply);
    if (r < 0)
        return method_unreadable(call, r);
    if (reply.n_drops > 1)
        qsort(reply.drops, reply.n_drops, sizeof(*reply.drops), compare_drops);
    read_tracking(gateway, &reply.tracking);
    return call_reply(call, &reply);
}
