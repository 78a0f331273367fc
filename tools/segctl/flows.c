/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl flows: what is approved, whether it passes now, and what it carried. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "loaded.h"
#include "policy/spelling.h"
#include "remote.h"
#include "reply.h"

static int add_flow(struct table *table, const void *record)
{
    const struct wire_flow *flow = record;
    cleanup_(freep) char *from = reply_list_text(flow->from, flow->n_from);
    cleanup_(freep) char *to = reply_list_text(flow->to, flow->n_to);
    cleanup_(freep) char *services = reply_list_text(flow->services, flow->n_services);
    char until[WHEN_MAX], there[REPLY_COUNT_MAX], back[REPLY_COUNT_MAX];

    if (!from || !to || !services)
        return -ENOMEM;
    return table_add(
        table,
        (const char *[]){flow->live ? "live" : flow->why, flow->name, from, to, services,
                         flow->until == USEC_NEVER ? "-" : reply_when(flow->until, until),
                         reply_count(&flow->original, there), reply_count(&flow->reply, back),
                         reply_label(flow->name, flow->label)});
}

static int print_flows(const void *record, const struct screen *screen)
{
    static const char *const titles[] = {"STATE", "FLOW",  "FROM", "TO",   "SERVICES",
                                         "UNTIL", "THERE", "BACK", "LABEL"};
    static const enum table_align aligns[ELEMENTS_OF(titles)] = {
        [6] = TABLE_RIGHT, [7] = TABLE_RIGHT};
    static const uint8_t drops[] = {8, 5, 4, 7, TABLE_END};
    static const struct reply_columns columns = REPLY_COLUMNS(titles, aligns, drops);
    const struct flows_reply *reply = record;

    return reply_print_table(&columns, reply->flows, reply->n_flows, sizeof(*reply->flows),
                             add_flow, "no flow is approved", screen);
}

/* Leaves the flows that are named. Returns an exit code. */
static int choose(const struct remote *remote, json_t *reply)
{
    json_t *chosen, *flow;
    size_t i;

    chosen = json_array();
    for (int k = 0; chosen && k < remote->n_arguments; k++) {
        struct spelling_search search = {.text = remote->arguments[k]};
        bool found = false;

        json_array_foreach(json_object_get(reply, "flows"), i, flow)
        {
            const char *name = reply_text(flow, "name");

            spelling_try(&search, name);
            if (strcmp(name, remote->arguments[k]) != 0)
                continue;
            found = true;
            json_array_append(chosen, flow);
        }
        if (found)
            continue;
        json_decref(chosen);
        if (search.nearest)
            return remote_fail(remote, EXIT_NO, "not-found", NULL,
                               "there is no flow `%s`; did you mean `%s`?", remote->arguments[k],
                               search.nearest);
        return remote_fail(remote, EXIT_NO, "not-found", "segctl flows lists them",
                           "there is no flow `%s`", remote->arguments[k]);
    }
    return json_object_set_new(reply, "flows", chosen) < 0 ? command_no_memory() : EXIT_YES;
}

const struct remote_method flows_method = {"GetFlows", &flows_reply_type, print_flows,
                                           .narrow = choose, .more = true};
