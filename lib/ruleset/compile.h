/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/calendar.h"
#include "diagram/diagram.h"
#include "policy/overrides.h"
#include "ruleset/ruleset.h"

struct ruleset_options {
    usec_t now;
    /* Of these only suspensions matter here: grants are flows of the policy, and isolations stand
     * beside the ruleset (ruleset/isolation.h). NULL: none. */
    const struct overrides *overrides;
    /* The number of the generation that the kernel holds with this ruleset: a chain without rules,
     * `generation/NUMBER`, holds it. 0: none. */
    uint64_t generation;
    /* For rehearsal: every limit is compiled with the largest numbers, since one address stands for
     * many, and nothing that is refused is answered. */
    bool rehearsal;
};

/*
 * The ruleset of a policy, as section "How a packet is judged" of docs/packet-path.md draws it.
 * Flows that do not pass at `now` (expired, outside their schedule, suspended) are judged but not
 * live. Names of sets and chains follow from zones and addresses, so that a small change of policy
 * is a small difference of rulesets.
 *
 * Returns 0 and a ruleset that the caller owns (it borrows nothing), -ENOMEM, or -errno where the
 * time zone cannot be read.
 */
int ruleset_compile(const struct diagram *diagram, const struct ruleset_options *options,
                    struct ruleset **ret_ruleset);
/* The generation that a ruleset names, the highest where there are several; 0: none. */
uint64_t ruleset_generation(const struct ruleset *ruleset);

/*
 * What holds where there is no policy to apply: nothing is forwarded, by nobody and to nobody. The
 * gateway's own traffic is left alone. Returns 0 or -ENOMEM.
 */
int ruleset_lockdown(struct ruleset **ret_ruleset);

/* The table's name in the kernel, and of its parts that others read. */
#define RULESET_TABLE "segd"
#define RULESET_LIVE "live"
#define RULESET_DIRECTED "live/by-direction"
#define RULESET_TO_GATEWAY "/to-gateway"
#define RULESET_FROM_GATEWAY "/from-gateway"
#define RULESET_LIMITED "limited"
/* All interfaces, each with the name of its segment as comment. */
#define RULESET_INTERFACES "interfaces"
#define RULESET_GENERATION "generation/"
/* NFLOG group of refused packets; the prefix is `segd REASON `, of new connections `segd new `. The
 * kernel gives a group to one listener. So that anybody may listen to that one, segd itself listens
 * to another, which gets the refused packets too. */
#define RULESET_LOG_GROUP 5
#define RULESET_OWN_LOG_GROUP 6

/*
 * The switchboard is so many sets, of which the last three are there only where a flow needs them:
 * by interfaces in `forward`, in `input`, in `output`; by direction of the connection in the same.
 * A flow that passes has elements in at least one, those of one direction marked `reply`.
 */
#define RULESET_LIVE_SETS 6
extern const char *const ruleset_live_sets[RULESET_LIVE_SETS];
bool ruleset_is_live(const struct set *set);
/* The mark in the key of an element of such a set. */
uint32_t ruleset_live_mark(const struct set *set, const struct element *element);
