/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Counts the open connections in connection tracking that a change would cut. */

#include "daemon/change/cut.h"

#include "ruleset/compile.h"

struct cut {
    size_t n;
    struct live_sets old, new;
    struct connections connections;
    const struct diagram *diagram;
};

bool cut_is_approved(const struct diagram *diagram, const struct live_sets *live,
                     const struct conntrack_entry *connection, const struct connection_view *view)
{
    const struct packet packet = {
        .from = view->from.zone,
        .to = view->to.zone,
        .family = connection->family,
        .source = connection->source,
        .destination = connection->destination,
        .service = SERVICE_NUMBER(connection->protocol, connection->port),
    };
    const struct decision decision = diagram_decide(diagram, &packet);

    return decision.flow != NO_FLOW && live_find(live, diagram->policy->flows[decision.flow].id);
}

static int count_cut(const struct conntrack_entry *connection, void *userdata)
{
    struct cut *cut = userdata;
    struct connection_view view;

    if (!live_find(&cut->old, connection->mark) || live_find(&cut->new, connection->mark))
        return 0;
    view = connections_view(&cut->connections, connection);
    cut->n += !cut_is_approved(cut->diagram, &cut->new, connection, &view);
    return 0;
}

int cut_count(const struct gateway *gateway, const struct diagram *new_diagram,
              const struct ruleset *new, size_t *ret_n)
{
    struct cut cut = {
        .old = live_sets_of(enforcement_ruleset(gateway->enforcement)),
        .new = live_sets_of(new),
        .diagram = new_diagram,
    };
    int r = connections_init(&cut.connections, new_diagram->policy, NULL, NULL, gateway->links);

    if (r == 0)
        r = conntrack_dump(gateway_conntrack(gateway), count_cut, &cut);
    connections_clear(&cut.connections);
    if (r == 0)
        *ret_n = cut.n;
    return r;
}
