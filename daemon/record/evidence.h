/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/record/state.h"
#include "kernel/nftables.h"
#include "observe/conntrack.h"
#include "observe/links.h"

/*
 * The situation when a zone was isolated, for those who investigate the incident later: a folder
 * `incidents/<instant>-<zone>` with
 *
 *   connections.json   connections with an end in the zone, before the kernel deletes them; which
 *                      of them the isolation cut, and the instant after which none of these passed
 *   counters.json      packets refused by reason and zone pair, packets and bytes of each flow
 *   links.json         interfaces, their state and addresses
 *   state.json         who, why, generation, fingerprint, overrides, head of the audit log
 *   clock.json         time of day, boot time, time zone, whether the clock is synchronised
 *   ruleset.nft        the ruleset as it was committed
 *   SHA256SUMS         of all these, in the form of sha256sum(1)
 *
 * It is written after the commit, which must not wait for a disk; connections and counters are
 * still in the kernel then. evidence_begin() takes the same time whatever the policy is;
 * evidence_write() reads and writes all, so a child of segd calls it (daemon/change/incident.h).
 */
struct evidence;

struct evidence_subject {
    int directory; /* the state folder, borrowed */
    const struct actor *actor;
    const char *zone;
    const char *reason;
    usec_t closed; /* after the kernel committed the isolation */
    const struct state *state;
    const char *fingerprint;
    const char *audit_head;
    struct nftables *nftables;     /* for the counters */
    const struct ruleset *ruleset; /* the enforced one; NULL: none */
    const struct policy *outline;  /* of its policy; NULL: a lockdown */
    struct conntrack *conntrack;
    const struct links *links;
};

/* Makes the folder. Returns 0, -ENOENT where the policy has no such zone, -ENOSPC or -errno.
 * `*ret_evidence` borrows the subject. */
int evidence_begin(const struct evidence_subject *subject, struct evidence **ret_evidence);
/* In a child of the process: closes all descriptors but those of the evidence and of the standard
 * streams. */
void evidence_close_others(const struct evidence *evidence);
/* Writes all files, with fsync, SHA256SUMS last. Returns 0 or -errno; what was written stays. */
int evidence_write(struct evidence *evidence);
struct evidence *evidence_free(struct evidence *evidence);
DEFINE_CLEANUP(struct evidence, evidence_free)
/* The path of the folder within the state folder, `incidents/…`; borrowed. */
const char *evidence_path(const struct evidence *evidence);
