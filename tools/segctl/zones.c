/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl zones and drops: the zones as they are now, and what was refused between them. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "remote.h"
#include "reply.h"

/* `vlan110 up, vlan120 down`. The caller frees it; NULL without memory. */
static char *interfaces_text(const struct wire_zone *zone)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    for (size_t i = 0; i < zone->n_interfaces; i++) {
        const struct wire_interface *interface = &zone->interfaces[i];

        fprintf(stream, "%s%s %s", i > 0 ? ", " : "", interface->name,
                !interface->present ? "missing"
                : interface->up     ? "up"
                                    : "down");
    }
    return fclose(stream) == 0 ? TAKE_PTR(text) : NULL;
}

static int add_zone(struct table *table, const void *record)
{
    const struct wire_zone *zone = record;
    cleanup_(freep) char *interfaces = interfaces_text(zone);
    cleanup_(freep) char *networks = reply_list_text(zone->networks, zone->n_networks);

    if (!interfaces || !networks)
        return -ENOMEM;
    return table_add(table, (const char *[]){zone->isolated ? "ISOLATED" : zone->state, zone->name,
                                             zone->class, interfaces, networks,
                                             reply_label(zone->name, zone->label)});
}

static int print_zones(const void *record, const struct screen *screen)
{
    static const char *const titles[] = {"STATE",      "ZONE",     "CLASS",
                                         "INTERFACES", "NETWORKS", "LABEL"};
    static const uint8_t drops[] = {4, 2, TABLE_END};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, NULL, drops);
    const struct zones_reply *reply = record;

    return reply_print_table(&columns, reply->zones, reply->n_zones, sizeof(*reply->zones),
                             add_zone, "no policy is enforced, so there are no zones", screen);
}

const struct remote_method zones_method = {"GetZones", &zones_reply_type, print_zones};

/* A dash where the reason has no zone. */
static int add_drop(struct table *table, const void *record)
{
    const struct wire_drop *drop = record;
    char packets[32], bytes[32];

    if (drop->packets == 0)
        return 0;
    snprintf(packets, sizeof(packets), "%" PRIu64, drop->packets);
    snprintf(bytes, sizeof(bytes), "%" PRIu64, drop->bytes);
    return table_add(table,
                     (const char *[]){packets, bytes, drop->reason, drop->from ? drop->from : "-",
                                      drop->to ? drop->to : "-", drop->flow});
}

/* A line for each counter that is not 0. */
static void print_tracking(const struct wire_tracking *tracking)
{
    if (tracking->drop > 0)
        printf("before any rule, for lack of room in the table of connections: %" PRIu64
               " packets\n",
               tracking->drop);
    if (tracking->insert_failed > 0)
        printf("before any rule, for a connection with the same addresses: %" PRIu64 " packets\n",
               tracking->insert_failed);
    if (tracking->early_drop > 0)
        printf("forgotten without a reply, to make room for others: %" PRIu64 " connections\n",
               tracking->early_drop);
}

static int print_drops(const void *record, const struct screen *screen)
{
    static const char *const titles[] = {"PACKETS", "BYTES", "REASON", "FROM", "TO", "FLOW"};
    static const enum table_align aligns[] = {TABLE_RIGHT, TABLE_RIGHT, TABLE_LEFT,
                                              TABLE_LEFT,  TABLE_LEFT,  TABLE_LEFT};
    static const uint8_t drops[] = {1, TABLE_END};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, aligns, drops);
    const struct drops_reply *reply = record;
    bool any = false;
    int r;

    /* People are not shown counters at 0; programs get them. */
    for (size_t i = 0; i < reply->n_drops; i++)
        any |= reply->drops[i].packets > 0;
    r = reply_print_table(&columns, reply->drops, any ? reply->n_drops : 0, sizeof(*reply->drops),
                          add_drop, "nothing was refused", screen);
    if (r == 0)
        print_tracking(&reply->tracking);
    return r;
}

const struct remote_method drops_method = {"GetDrops", &drops_reply_type, print_drops};
