/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/instant.h"
#include "diagram/diagram.h"
#include "policy/overrides.h"
#include "policy/texts.h"

struct ruleset;

/*
 * A policy with its grants as it is at one instant: each part is made from the one before. Whoever
 * enforces it takes the rulesets and the outline over; the rest lives as long as the object.
 */
struct compiled {
    uint64_t generation;
    usec_t now;
    struct sources *sources;
    struct policy *policy;
    bool is_image; /* `policy` lies in the input's arena, and is of the texts alone */
    struct diagram *diagram;
    struct ruleset *ruleset;   /* without isolations */
    struct ruleset *isolation; /* empty if no zone is isolated */
    struct policy *outline;
    struct arena *arena; /* owns the three before; NULL: each of them owns itself */
    /* The first instant after `now` at which a flow begins or ends by itself, or at which packets
     * that several flows cover begin to belong to another one of them. */
    usec_t until;
};

struct compiled_input {
    const struct policy_text *texts;
    size_t n_texts;
    const struct overrides *overrides; /* or NULL: none */
    uint64_t generation;
    usec_t now;                    /* the instant whose live flows own the packets */
    const struct wall_instant *at; /* or NULL; in place of `now`, in the policy's time zone */
    /* Why the kernel does not tell ports of SCTP apart; NULL: it does, or no kernel is asked. */
    const char *sctp_missing;
    const char *ipsec_missing;  /* the same of why it does not know IPsec */
    const char *reject_missing; /* the same of why it cannot answer what is refused */
    /* A grant that does not fit this policy (its zone is gone, or a flow of the policy covers it by
     * now, suspended or not) is left out with the warning `grant-lapsed`, so that no policy fails
     * because of what an operator granted beside another. Of the grant of this name it is an error;
     * NULL: of none. */
    const char *strict;
    bool rehearsal;      /* for rehearsal, see ruleset_compile() */
    struct arena *arena; /* where the policy is made if there are no grants; or NULL */
    /* The last part that is wanted; those after it are NULL. */
    enum { COMPILED_RULESET, COMPILED_DIAGRAM, COMPILED_POLICY } last;
};

/*
 * Mistakes are added to `diagnostics`, also those in grants, whose texts follow those of the policy
 * under the name `grant NAME`. Their places are in `(*ret_compiled)->sources`. Returns 0; -EBADMSG
 * if there are errors (the object has its sources then, and no part that is to be used); -ENOMEM;
 * or -errno if the time zone cannot be read.
 */
int compiled_new(const struct compiled_input *input, struct diagnostics *diagnostics,
                 struct compiled **ret_compiled);
/* The same for the policy files of a path, as policy_read() reads them. Neither the texts of the
 * input nor grants are looked at. */
int compiled_read(const char *path, const struct compiled_input *input,
                  struct diagnostics *diagnostics, struct compiled **ret_compiled);
/* Makes the ruleset of isolations and suspensions anew, for other overrides under which the same
 * flows are suspended. Returns 0 or -ENOMEM. */
int compiled_isolate(struct compiled *compiled, const struct overrides *overrides);
/* What is taken over, again, in an arena, which still belongs to the caller: instants, rulesets and
 * outline. Returns 0 or -ENOMEM. */
int compiled_pack(const struct compiled *compiled, struct arena *arena,
                  struct compiled *ret_packed);
struct compiled *compiled_free(struct compiled *compiled);
DEFINE_CLEANUP(struct compiled, compiled_free)

/* Flows that the policy's authors wrote, as `segctl check` counts them. */
size_t compiled_count_flows(const struct compiled *compiled);
