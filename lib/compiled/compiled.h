/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "diagram/diagram.h"
#include "policy/overrides.h"
#include "policy/texts.h"
#include "ruleset/ruleset.h"

/*
 * What is to be enforced, on its way from text to kernel: each part is made from the one before,
 * and nothing outside has changed yet. It lives for the length of one change; only the rulesets and
 * the outline are taken over by the enforcement.
 */
struct compiled {
    uint64_t generation;
    usec_t now;
    struct sources *sources;
    struct policy *policy;
    struct diagram *diagram;
    struct ruleset *ruleset;   /* without isolations */
    struct ruleset *isolation; /* empty where no zone is isolated */
    struct policy *outline;
    usec_t until; /* first instant after `now` at which a flow begins or ends by itself */
};

struct compiled_input {
    const struct policy_text *texts;
    size_t n_texts;
    const struct overrides *overrides; /* or NULL: none */
    uint64_t generation;
    usec_t now;
    /* Why the kernel does not tell ports of SCTP apart; NULL: it does, or no kernel is asked. */
    const char *sctp_missing;
    /* A grant that makes no sense with this policy (its zone has gone, a flow of the policy covers
     * it by now) is an error. Otherwise it is left out with a warning, `grant-lapsed`, so that an
     * operator's grant of yesterday does not stand in the way of a policy. */
    bool strict;
};

/*
 * Mistakes are added to `diagnostics`, also those of grants, whose texts stand behind the policy's
 * own under the name `grant NAME`; the places of diagnostics are in `(*ret_compiled)->sources`,
 * which is there also where the policy is not. Returns 0, -EBADMSG where there are errors (the
 * compiled object has sources then, and nothing else), -ENOMEM, or -errno.
 */
int compiled_new(const struct compiled_input *input, struct diagnostics *diagnostics,
                 struct compiled **ret_compiled);
struct compiled *compiled_free(struct compiled *compiled);
DEFINE_CLEANUP(struct compiled, compiled_free)

/* The policy alone, with the flows of grants: what is made of the texts first. Of the input the
 * texts and overrides are used. Returns as policy_parse_texts(). */
int compiled_parse(const struct compiled_input *input, struct sources *sources,
                   struct diagnostics *diagnostics, struct policy **ret_policy);

/* Flows of the policy's authors, as `segctl check` counts them. */
size_t compiled_count_flows(const struct compiled *compiled);
