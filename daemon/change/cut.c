/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Counts the open connections in connection tracking that a change would cut. */

#include "daemon/change/cut.h"

#include "observe/live.h"
#include "ruleset/compile.h"

struct cut {
    size_t n;
    struct live_sets old, new;
    const struct diagram *diagram;
};

static bool is_owned(const struct cut *cut, const struct conntrack_entry *connection)
{
    const struct policy *policy = cut->diagram->policy;
    struct packet packet = {
        .family = connection->family,
        .source = connection->source,
        .destination = connection->destination,
        .service = SERVICE_NUMBER(connection->protocol, connection->port),
    };
    struct decision decision;

    /* An address in no zone can only be the gateway's own. */
    if (!policy_zone_of_address(policy, packet.family, packet.source, &packet.from))
        packet.from = ZONE_GATEWAY;
    if (!policy_zone_of_address(policy, packet.family, packet.destination, &packet.to))
        packet.to = ZONE_GATEWAY;
    decision = diagram_decide(cut->diagram, &packet);
    return decision.flow != NO_FLOW && live_find(&cut->new, policy->flows[decision.flow].id);
}

static int count_cut(const struct conntrack_entry *connection, void *userdata)
{
    struct cut *cut = userdata;

    if (live_find(&cut->old, connection->mark) && !live_find(&cut->new, connection->mark) &&
        !is_owned(cut, connection))
        cut->n++;
    return 0;
}

int cut_count(struct conntrack *conntrack, const struct ruleset *old,
              const struct diagram *new_diagram, const struct ruleset *new, size_t *ret_n)
{
    struct cut cut = {
        .old = live_sets_of(old),
        .new = live_sets_of(new),
        .diagram = new_diagram,
    };
    int r = conntrack_dump(conntrack, count_cut, &cut);

    if (r == 0)
        *ret_n = cut.n;
    return r;
}
