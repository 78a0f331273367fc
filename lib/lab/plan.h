/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/reason.h"
#include "diagram/diagram.h"
#include "lab/layout.h"

/*
 * The packets by which a ruleset is rehearsed: what each flow approves, what lies right beside it,
 * samples between all zones, and what the policy itself expects. What must become of each packet
 * at the instant of the plan is the answer of policy_decide_naively(), which reads the flows in
 * order as a person would, and owes nothing to the diagram the ruleset is made from.
 *
 * Reading all flows for each packet takes too long where they are very many: then the diagram
 * answers.
 */
#define PLAN_NAIVE_FLOWS_MAX 2000

/* Why a packet is sent. */
enum probe_kind {
    PROBE_FLOW,        /* covered by the flow */
    PROBE_PORT,        /* and its neighbours: a port beside, another ICMP query */
    PROBE_SOURCE,      /* a source address beside */
    PROBE_DESTINATION, /* a destination address beside */
    PROBE_PROTOCOL,    /* another protocol, same port */
    PROBE_REVERSED,    /* opened by the responder */
    PROBE_MAC,         /* from another hardware address than the host is bound to */
    PROBE_ZONE,        /* from the wire of another zone */
    PROBE_FAMILY,      /* the other address family, between the same zones */
    PROBE_PAIR,        /* a usual service between two zones */
    PROBE_EXPECTATION, /* of the policy's own `expect` */
};
#define PROBE_KINDS 11

struct probe {
    enum probe_kind kind;
    enum reason expected; /* for which it must be refused, if it must */
    uint32_t flow;        /* that the probe is about, or NO_FLOW */
    uint32_t owner;       /* flow that owns the packet by the policy, or NO_FLOW */
    size_t expectation;   /* of PROBE_EXPECTATION: index into policy->expectations */
    struct packet packet; /* addresses of the gateway are 0 here: see layout */
    size_t wire_zone;     /* the zone on whose wire it is sent; that of the source but for
                             PROBE_ZONE. ZONE_GATEWAY: sent by the gateway itself */
    bool wrong_mac;
    bool stray; /* its source is of no zone */
    /* Between a zone and the gateway with an address of the link, as before DHCP: from 0.0.0.0 to
     * 255.255.255.255, or fe80::/10; to 255.255.255.255 or ff02::/16. It has no reply. */
    bool link;
    /* Packets of equal addresses and a protocol that connection tracking sees no ports of are one
     * connection; each of them is sent in a round of its own. 0 for all others. */
    uint32_t round;
};

struct plan {
    const struct policy *policy;   /* borrowed */
    const struct diagram *diagram; /* borrowed */
    usec_t now;
    struct flow_states *states; /* at that instant */
    struct layout *layout;
    struct probe *probes;
    size_t n_probes;
    size_t capacity;
    uint32_t n_rounds;
};

/*
 * Plans a rehearsal for the instant `now`, for which the diagram was made. A flow that is outside
 * its schedule then must not pass, whatever the policy expects of it. For each flow, pair of its
 * ends and family there are at most FLOW_PROBES_MAX probes that it covers, and about as many
 * neighbours of them; for each two zones at most PAIR_PROBES_MAX of each family. The same policy
 * gives the same plan.
 *
 * Returns 0 and a plan that the caller owns, -ENOMEM, or -errno if the time zone cannot be read.
 */
#define FLOW_PROBES_MAX 64
#define PAIR_PROBES_MAX 12
int plan_new(const struct diagram *diagram, usec_t now, struct plan **ret_plan);
struct plan *plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan, plan_free)

/* A word for programs and people; a static string. */
const char *probe_kind_to_string(enum probe_kind kind);
