/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel's table of connections has addresses and the mark of a flow. An address of the machine
 * itself is the gateway's, also where it lies in the network of a zone; of the others their zone
 * has them, and what no zone has can only be the gateway's for the rules.
 */

#include "observe/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_marks(const void *a, const void *b)
{
    const struct flow_mark *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* Whether an isolation lets a flow go on: only then it matters which flow a mark stands for. */
static bool keeps_flows(const struct overrides *overrides)
{
    for (size_t i = 0; overrides && i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].n_keep_ids > 0)
            return true;
    }
    return false;
}

int connections_init(struct connections *connections, const struct policy *outline,
                     const struct ruleset *ruleset, const struct overrides *overrides,
                     const struct links *links)
{
    int r;

    *connections = (struct connections){
        .outline = outline,
        .links = links,
        .live = live_sets_of(ruleset),
    };
    if (!outline)
        return 0;
    r = isolations_new(overrides, outline, &connections->isolations);
    if (r < 0 || outline->n_marks == 0 || !keeps_flows(overrides))
        return r;

    connections->marks = calloc(outline->n_marks, sizeof(*connections->marks));
    if (!connections->marks)
        return -ENOMEM;
    memcpy(connections->marks, outline->marks, outline->n_marks * sizeof(*connections->marks));
    connections->n_marks = outline->n_marks;
    qsort(connections->marks, connections->n_marks, sizeof(*connections->marks), compare_marks);
    return 0;
}

void connections_clear(struct connections *connections)
{
    isolations_free(connections->isolations);
    free(connections->marks);
    *connections = (struct connections){0};
}

static bool is_own(const struct links *links, enum family family, ip_number address)
{
    size_t n = links ? links_count(links) : 0;

    for (size_t i = 0; i < n; i++) {
        const struct link *link = links_at(links, i);

        for (size_t j = 0; j < link->n_addresses; j++) {
            if (link->addresses[j].family == family && link->addresses[j].address == address)
                return true;
        }
    }
    return false;
}

/* Returns whether anybody has the address. */
static bool find_end(const struct connections *connections, enum family family, ip_number address,
                     struct isolation_end *ret_end)
{
    size_t zone;
    bool own = is_own(connections->links, family, address);

    *ret_end = (struct isolation_end){.zone = ZONE_GATEWAY};
    if (own || !connections->outline ||
        !policy_zone_of_address(connections->outline, family, address, &zone))
        return own;
    *ret_end = (struct isolation_end){zone, true, family, address};
    return true;
}

struct connection_view connections_view(const struct connections *connections,
                                        const struct conntrack_entry *connection)
{
    const struct element *element = live_find(&connections->live, connection->mark);
    const struct flow_mark key = {.id = connection->mark}, *mark = NULL;
    struct connection_view view = {.flow = element ? element->comment : NULL};
    struct flow flow = {0};

    view.has_from = find_end(connections, connection->family, connection->source, &view.from);
    view.has_to = find_end(connections, connection->family, connection->destination, &view.to);
    if (!connections->isolations)
        return view;

    /* Of a flow, isolations ask only what it means. */
    if (connections->n_marks > 0)
        mark = bsearch(&key, connections->marks, connections->n_marks, sizeof(key), compare_marks);
    if (mark)
        memcpy(flow.digest, mark->digest, sizeof(flow.digest));
    view.isolation = isolations_cut(connections->isolations, &flow, &view.from, &view.to);
    return view;
}
