/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab/inside.h"
#include "lab/lab.h"
#include "lab/rehearsal.h"

/*
 * What the files of a rehearsal share: the lab with the ruleset in it. Functions return 0, -ENOMEM
 * or -errno.
 */

/* Packets that the ruleset should have counted. */
struct tally {
    uint64_t (*flows)[2]; /* by flow and direction */
    /* By verdict; without what the gateway itself sent: it has its own reasons to send, too. */
    uint64_t refusals[REASONS];
    /* Broadcasts of the gateway: its kernel hands it a copy of each, which is refused. */
    uint64_t broadcasts;
};

struct stage {
    struct rehearsal *rehearsal;
    const struct plan *plan;
    const struct ruleset *ruleset;
    struct lab *lab;
    struct inside *inside;
    struct nftables *nftables;
    struct tally tally;
};

/* What was seen of the packets of one probe. */
struct sight {
    unsigned arrived[LEGS];
    unsigned changed[LEGS];
    unsigned leaked[LEGS];
    size_t wire[LEGS]; /* where it leaked to */
    bool sent[LEGS];
};

/*
 * Sends the packets of some probes of one round and writes what was seen of each into `sights`
 * (zeroed by the caller). Replies, as far as `replies` asks for them by leg, follow where a request
 * that must pass arrived.
 */
int stage_play(struct stage *stage, const size_t *probes, size_t n_probes, const bool replies[LEGS],
               struct sight *sights);
/* What became of a packet. */
enum fate sight_fate(const struct sight *sight, enum leg leg);
/* Why it must be refused, as far as the ruleset goes, if it must. */
enum reason probe_leg_reason(const struct plan *plan, const struct probe *probe, enum leg leg);
