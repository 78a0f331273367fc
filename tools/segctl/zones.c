/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl zones and drops: the zones as they are now, and what was refused between them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "remote.h"
#include "reply.h"

/* `vlan110 up, vlan120 down`. The caller frees it; NULL without memory. */
static char *interfaces_text(const json_t *interfaces)
{
    char *text = NULL;
    json_t *interface;
    size_t size, i;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    json_array_foreach(interfaces, i, interface)
    {
        const char *state = !reply_true(interface, "present") ? "missing"
                            : reply_true(interface, "up")     ? "up"
                                                              : "down";

        fprintf(stream, "%s%s %s", i > 0 ? ", " : "", reply_text(interface, "name"), state);
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int add_zone(struct table *table, const json_t *zone)
{
    cleanup_(freep) char *interfaces = interfaces_text(json_object_get(zone, "interfaces"));
    cleanup_(freep) char *networks = reply_list_text(json_object_get(zone, "networks"));
    const char *name = reply_text(zone, "name"), *label = reply_text(zone, "label");

    if (!interfaces || !networks)
        return -ENOMEM;
    return table_add(
        table,
        (const char *[]){reply_true(zone, "isolated") ? "ISOLATED" : reply_text(zone, "state"),
                         name, reply_text(zone, "class"), interfaces, networks,
                         strcmp(label, name) == 0 ? "" : label});
}

static int print_zones(const json_t *reply, bool colour)
{
    const json_t *zones = json_object_get(reply, "zones");
    static const char *const titles[] = {"STATE",      "ZONE",     "CLASS",
                                         "INTERFACES", "NETWORKS", "LABEL"};
    cleanup_(table_freep) struct table *table = NULL;
    json_t *zone;
    size_t i;
    int r = table_new(ELEMENTS_OF(titles), titles, NULL, &table);

    json_array_foreach(zones, i, zone)
    {
        if (r == 0)
            r = add_zone(table, zone);
    }
    if (r < 0)
        return r;
    if (json_array_size(zones) == 0)
        puts("no policy is enforced, so there are no zones");
    else
        table_print(table, stdout, colour);
    return 0;
}

int run_zones(const struct command *command, int argc, char **argv)
{
    return remote_run(command, argc, argv, NULL, 0, "GetZones", print_zones);
}

/* What the reason does not tell. */
static const char *text_or_dash(const json_t *json, const char *key)
{
    return reply_has(json, key) ? reply_text(json, key) : "-";
}

static int add_drop(struct table *table, const json_t *drop)
{
    char packets[32], bytes[32];

    snprintf(packets, sizeof(packets), "%" JSON_INTEGER_FORMAT, reply_number(drop, "packets"));
    snprintf(bytes, sizeof(bytes), "%" JSON_INTEGER_FORMAT, reply_number(drop, "bytes"));
    return table_add(table, (const char *[]){packets, bytes, reply_text(drop, "reason"),
                                             text_or_dash(drop, "from"), text_or_dash(drop, "to"),
                                             reply_text(drop, "flow")});
}

/* Counters that stand at 0 tell nothing; for programs they are there. */
static int print_drops(const json_t *reply, bool colour)
{
    const json_t *drops = json_object_get(reply, "drops");
    static const char *const titles[] = {"PACKETS", "BYTES", "REASON", "FROM", "TO", "FLOW"};
    static const enum table_align aligns[] = {TABLE_RIGHT, TABLE_RIGHT, TABLE_LEFT,
                                              TABLE_LEFT,  TABLE_LEFT,  TABLE_LEFT};
    cleanup_(table_freep) struct table *table = NULL;
    size_t i, n_rows = 0;
    json_t *drop;
    int r = table_new(ELEMENTS_OF(titles), titles, aligns, &table);

    json_array_foreach(drops, i, drop)
    {
        if (r < 0 || reply_number(drop, "packets") == 0)
            continue;
        r = add_drop(table, drop);
        n_rows++;
    }
    if (r < 0)
        return r;
    if (n_rows == 0)
        puts("nothing was refused");
    else
        table_print(table, stdout, colour);
    return 0;
}

int run_drops(const struct command *command, int argc, char **argv)
{
    return remote_run(command, argc, argv, NULL, 0, "GetDrops", print_drops);
}
