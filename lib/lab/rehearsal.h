/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "diagram/diagram.h"
#include "kernel/nftables.h"
#include "lab/plan.h"
#include "ruleset/ruleset.h"

/*
 * A rehearsal: the ruleset is loaded into the kernel of a lab, every probe of the plan is sent as a
 * real packet, and what became of it is compared with what the policy says.
 *
 * A probe that must pass has to arrive exactly once, unchanged, on a wire of the zone that it is
 * for, or at the gateway itself; then its reply must come back in the same way, and a reply that
 * is forged (from another hardware address than the responder is bound to, else from the wire of
 * another zone) must not. When all probes agree, the counters of the ruleset are read once: each
 * flow must have counted exactly its own packets, each reason exactly its own refusals.
 */

/* Which packet of a probe. */
enum leg {
    LEG_REQUEST,
    LEG_FORGED_REPLY,
    LEG_REPLY,
};
#define LEGS 3

/* What became of a packet. */
enum fate {
    FATE_LOST,     /* it was dropped */
    FATE_ARRIVED,  /* where it should, as it was sent */
    FATE_REPEATED, /* the same, more than once */
    FATE_CHANGED,  /* where it should, but its addresses or ports are others */
    FATE_LEAKED,   /* elsewhere: on `wire`, or WIRE_INSIDE */
};
#define WIRE_INSIDE SIZE_MAX /* the gateway itself received it */

struct rehearsal_failure {
    const struct probe *probe; /* borrowed from the plan; NULL: see `miscount` */
    enum leg leg;
    enum fate fate;
    size_t wire;
    /* The counter that grew when the packet was sent once more, such as `no-flow/lgwan/internet`,
     * or that of the flow that let it pass, such as `live/tax-to-eltax`; NULL: none, or not tried
     * (after FAILURES_EXPLAINED_MAX). */
    char *counter;
    /* Where all packets agree but a counter does not: which one, and its numbers. */
    char *miscount;
    uint64_t counted;
    uint64_t sent;
};
#define FAILURES_EXPLAINED_MAX 20

enum rehearsal_kind {
    REHEARSED_PASS,        /* requests that must pass */
    REHEARSED_REPLY,       /* their replies, which must pass */
    REHEARSED_REFUSAL,     /* packets that must not pass */
    REHEARSED_EXPECTATION, /* requests of the policy's `expect` */
};
#define REHEARSAL_KINDS 4

struct rehearsal_total {
    size_t sent;
    size_t failed;
};

struct rehearsal {
    struct plan *plan;
    struct rehearsal_total totals[REHEARSAL_KINDS];
    struct rehearsal_failure *failures; /* in the order of the plan */
    size_t n_failures;
    size_t capacity;
    size_t n_miscounts;              /* failures that are miscounts */
    usec_t elapsed;                  /* from the plan to the end */
    const char *missing;             /* what the kernel lacks for this policy; or NULL */
    struct nftables_refusal refusal; /* why the kernel refused the ruleset */
};

/*
 * Rehearses in the network namespace of the calling process, which must be one of its own
 * (lab_enter()) in which nothing else is. `ruleset` is what the kernel is to hold: that of the
 * diagram, or another one to see what is wrong with it.
 *
 * Returns 0 and a rehearsal that the caller owns and that borrows the diagram, whatever came out;
 * or, with `*ret_rehearsal` written too for what it says about that,
 *   -EREMOTEIO   the kernel refused the ruleset: `refusal`
 *   -EOPNOTSUPP  the kernel cannot enforce the policy: `missing`
 * or -EPERM in the root namespace, -ENOMEM or -errno of the lab.
 */
int rehearsal_run(const struct diagram *diagram, const struct ruleset *ruleset, usec_t now,
                  struct rehearsal **ret_rehearsal);
struct rehearsal *rehearsal_free(struct rehearsal *rehearsal);
DEFINE_CLEANUP(struct rehearsal, rehearsal_free)

/* Packets that were sent and judged. */
size_t rehearsal_packets(const struct rehearsal *rehearsal);
