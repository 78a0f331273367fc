/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "observe/conntrack.h"
#include "observe/links.h"
#include "observe/live.h"
#include "policy/isolations.h"

/*
 * Connections as what is enforced has them: between which zones they are, which live flow they
 * belong to, and which isolation cuts them off. It knows no policy: an outline and a ruleset are in
 * the daemon's memory.
 */
struct connections {
    const struct policy *outline; /* NULL: a lockdown */
    const struct links *links;
    struct live_sets live;
    struct isolations *isolations; /* NULL where there is no outline */
    struct flow_mark *marks;       /* of the outline, by id; none unless an isolation keeps flows */
    size_t n_marks;
};

/* It borrows all, of which each may be NULL. Returns 0 or -ENOMEM. */
int connections_init(struct connections *connections, const struct policy *outline,
                     const struct ruleset *ruleset, const struct overrides *overrides,
                     const struct links *links);
void connections_clear(struct connections *connections);

/* What one connection is. Texts are borrowed from the ruleset. */
struct connection_view {
    struct isolation_end from, to;    /* zones; ZONE_GATEWAY also where no zone has the address */
    bool has_from, has_to;            /* a zone or the gateway has the address */
    const char *flow;                 /* the live flow that it belongs to, or NULL */
    const struct override *isolation; /* the first that cuts it off, or NULL */
};
struct connection_view connections_view(const struct connections *connections,
                                        const struct conntrack_entry *connection);
