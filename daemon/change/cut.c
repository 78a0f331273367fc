/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds the open connections in connection tracking that a change would cut. */

#include "daemon/change/cut.h"

#include "base/array.h"
#include "ruleset/compile.h"

struct cut {
    struct outcome *outcome;
    struct live_sets old, new;
    struct connections connections;
    const struct diagram *diagram;
    size_t capacity;
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

static int add_cut(const struct conntrack_entry *connection, void *userdata)
{
    struct cut *cut = userdata;
    struct connection_view view;

    if (!live_find(&cut->old, connection->mark) || live_find(&cut->new, connection->mark))
        return 0;
    view = connections_view(&cut->connections, connection);
    if (cut_is_approved(cut->diagram, &cut->new, connection, &view))
        return 0;
    if (cut->outcome->cut++ >= OUTCOME_CUT_MAX)
        return 0;
    return array_append(&cut->outcome->connections, &cut->outcome->n_connections, &cut->capacity,
                        connection, sizeof(*connection));
}

int cut_find(const struct gateway *gateway, const struct diagram *new_diagram,
             const struct ruleset *new, struct outcome *outcome)
{
    struct cut cut = {
        .outcome = outcome,
        .old = live_sets_of(enforcement_ruleset(gateway->enforcement)),
        .new = live_sets_of(new),
        .diagram = new_diagram,
    };
    int r = connections_init(&cut.connections, new_diagram->policy, NULL, NULL, gateway->links);

    if (r == 0)
        r = conntrack_dump(gateway_conntrack(gateway), add_cut, &cut);
    connections_clear(&cut.connections);
    if (r < 0)
        outcome->cut = outcome->n_connections = 0;
    return r;
}
