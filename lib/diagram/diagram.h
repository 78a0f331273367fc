/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "diagram/service_span.h"
#include "policy/flow_state.h"
#include "policy/policy.h"

/*
 * The decision diagram of a policy at one instant: which flow owns a packet. It has the shape of
 * the ruleset that is lowered from it, so that what is analysed is what is enforced:
 *
 *   pair (segment → segment, family)
 *     exact   (source, destination, service) points                     → flow
 *     pool    (source range, destination range, service range) boxes    → flow
 *     sources source range                                              → class
 *   class
 *     exact   (destination, service) points                             → flow
 *     ranges  (destination range, service range) boxes                  → flow
 *     parent  the class that decides what this one does not
 *
 * Points and boxes of one table are disjoint, so the order of lookups within a table has no
 * meaning; between tables the order is exact, pool, class, parent, and "the first live flow in file
 * order owns a packet" has been settled by subtracting what another flow owns. Flows that are not
 * live own what no live one covers; disabled flows own nothing: flow_states_rank().
 */

#define NO_FLOW ((uint32_t)-1)
#define NO_CLASS ((uint32_t)-1)

struct exact_row {
    ip_number source; /* 0 in a class */
    ip_number destination;
    service_number service;
    uint32_t flow; /* index into policy->flows */
};

struct range_row {
    struct range source; /* all zero in a class */
    struct range destination;
    struct service_span services;
    uint32_t flow;
};

struct source_row {
    struct range source;
    uint32_t class;
};

struct class
{
    /* The lowest source address that has this class: what it is named by. */
    ip_number first_source;
    /* How many classes with the same first source come before it; 0 for most. */
    uint32_t level;
    uint32_t parent; /* a class of the same pair, or NO_CLASS */
    struct exact_row *exact;
    size_t n_exact;
    struct range_row *ranges; /* sorted by (destination, services) */
    size_t n_ranges;
    /* For each of `ranges` the highest destination of it and those before: what a search needs
     * where a parent's flows split rows, so that their destinations overlap. */
    ip_number *reach;
};

struct pair {
    size_t from; /* segments, or ZONE_GATEWAY */
    size_t to;
    enum family family;
    struct exact_row *exact; /* sorted by (source, destination, service) */
    size_t n_exact;
    struct range_row *pool; /* sorted by (source, destination, services) */
    size_t n_pool;
    /* For each row of the pool the highest source of it and those before: what a search needs where
     * sources overlap, as those of boxes do. */
    ip_number *pool_reach;
    struct source_row *sources; /* sorted, disjoint */
    size_t n_sources;
    struct class *classes;
    size_t n_classes;
};

struct diagram {
    const struct policy *policy; /* borrowed */
    struct pair *pairs;          /* those with at least one row; by from, to, family */
    size_t n_pairs;
};

/*
 * Compiles a policy as it is at the instant of `states`; NULL: all enabled flows are live.
 *
 * What is reported does not depend on the instant. A flow is an error (`shadowed`) if flows before
 * it in file order cover all of it at all times of its own life; if they cover a part of it, or all
 * of it for a while, there is a warning (`overlap`), both with both places. The life of a flow is
 * the time until it expires, in the hours of its schedule; suspensions are no part of it.
 *
 * Returns 0 and a diagram that the caller owns and that borrows `policy`, or
 * -EBADMSG  errors were added to `diagnostics`
 * -E2BIG    flows overlap so much that more than DIAGRAM_ROWS_MAX rows would be needed, or more
 *           than DIAGRAM_WORK_MAX steps to find them, or they go by more than DIAGRAM_WAYS_MAX
 *           pairs of interfaces; a diagnostic says where
 * -ENOMEM
 */
#define DIAGRAM_ROWS_MAX ((size_t)4 * 1000 * 1000)
/* Pairs of interfaces by which packets of flows go, and which are answered: each is an entry of
 * maps in the kernel, so that all pairs of 1,000 interfaces would be 277 MB of netlink. */
#define DIAGRAM_WAYS_MAX 65536
#define DIAGRAM_WORK_MAX ((size_t)50 * 1000 * 1000)
int diagram_new(const struct policy *policy, const struct flow_states *states,
                struct diagnostics *diagnostics, struct diagram **ret_diagram);
struct diagram *diagram_free(struct diagram *diagram);
DEFINE_CLEANUP(struct diagram, diagram_free)

/* A packet as the diagram sees it: a connection's initiating packet with its real addresses. */
struct packet {
    size_t from; /* zone, or ZONE_GATEWAY */
    size_t to;
    enum family family;
    ip_number source;
    ip_number destination;
    service_number service;
};

/* How a packet was judged, for `explain`. */
enum decided_by {
    DECIDED_BY_NONE,
    DECIDED_BY_EXACT,
    DECIDED_BY_POOL,
    DECIDED_BY_CLASS_EXACT,
    DECIDED_BY_CLASS_RANGES,
};

struct decision {
    uint32_t flow; /* NO_FLOW: denied */
    enum decided_by by;
    const struct pair *pair; /* NULL where the pair has no flows; borrowed from the diagram */
    uint32_t class;
    unsigned links; /* parents followed */
    size_t looked;  /* rows looked at */
};

/* The flow that owns the packet, by the diagram; and by reading the policy's flows in order, as
 * they are at the instant of `states` (or NULL, as above). */
struct decision diagram_decide(const struct diagram *diagram, const struct packet *packet);
uint32_t policy_decide_naively(const struct policy *policy, const struct flow_states *states,
                               const struct packet *packet);
/* Whether the packet is one of the flow's, live or not. */
bool policy_flow_covers(const struct policy *policy, const struct flow *flow,
                        const struct packet *packet);
/* The pair, or NULL where it has no rows. Segments, or ZONE_GATEWAY. */
const struct pair *diagram_find_pair(const struct diagram *diagram, size_t from, size_t to,
                                     enum family family);

/* What follows is for building and analysing a diagram. */

/* The segment at a place in a loop over all of them, with the gateway after the last. */
size_t segment_at(const struct policy *policy, size_t i);
/* Whether a segment carries a zone; each may be ZONE_GATEWAY, which carries itself only. */
bool segment_carries(const struct policy *policy, size_t segment, size_t zone);
/* The order of exact rows, for qsort(): by source, destination, service, flow. */
int exact_row_compare(const void *a, const void *b);
/* The same for rows of ranges: by where source, destination and services begin. */
int range_row_compare(const void *a, const void *b);
/* Where rows of a class begin that may cover a destination: the first point that is not before
 * (destination, service), and the first row of ranges whose `reach` is not before `destination`. */
size_t class_find_exact(const struct class *class, ip_number destination, service_number service);
size_t class_find_range(const struct class *class, ip_number destination);
/* A row of a class, the exact ones first and then the ranges, as a range. */
struct range_row class_row(const struct class *class, size_t i);
/* Whether the packet is a point of the pair, which is looked up before all else. */
bool pair_has_point(const struct pair *pair, ip_number source, ip_number destination,
                    service_number service);
/* The flow that owns the packet by all tables of the pair but its points, which may be unsorted. */
struct decision pair_decide_wide(const struct pair *pair, ip_number source, ip_number destination,
                                 service_number service);
/* Frees the tables, not the class or pair itself. */
void class_clear(struct class *class);
void pair_clear(struct pair *pair);
