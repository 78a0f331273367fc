/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer/moment.h"
#include "answer/nearest.h"
#include "answer/question.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/reason.h"
#include "diagram/diagram.h"

/*
 * The answer to a question in one family, and why: for each part of the services asked for the flow
 * that owns it or the reason of the refusal, and for a refusal the flows that come nearest.
 */

/* Services next to each other that have one answer. */
struct answer {
    struct service_span span;
    enum reason reason; /* one that follows from the policy and the overrides */
    /* By the diagram, of the span's first service. Its flow owns all of the span. */
    struct decision decision;
    enum flow_state state; /* of that flow; FLOW_STATE_LIVE where none owns it */
    /* The suspension of that flow, or the isolation that cuts its packets off; NULL: there is none.
     * Borrowed from the overrides. */
    const struct override *override;
};

struct explanation {
    const struct diagram *diagram;     /* borrowed */
    const struct question *question;   /* borrowed */
    const struct overrides *overrides; /* borrowed, or NULL */
    enum family family;
    /*
     * True where segd does not judge at all, and so nothing is refused: with the gateway at one
     * end and `gateway: protect` off, or at both. Answers then have no flow.
     */
    bool unjudged;
    bool allowed;           /* all answers are */
    struct answer *answers; /* at least one */
    size_t n_answers;
    /* The answers hold for all that was named, not only for the addresses that were judged. */
    bool whole;
    /* The answer to report: the first that is refused, else the first. */
    const struct answer *main;
    /* Where the main answer is FLOW_STATE_CLOSED, the instant at which its flow opens next;
     * USEC_NEVER where it ends before. */
    usec_t opens;
    /* Of a refusal the flows that come nearest, best first. */
    struct near_flow nearest[NEAREST_MAX];
    size_t n_nearest;
    /* The isolations that hold the two ends, source first; or NULL. */
    const struct override *isolations[2];
};

/*
 * Answers a question in a family in which it is possible, as things are at the instant `now` with
 * what operators changed, which may be NULL: those for which the diagram was made. Returns 0 and an
 * explanation that the caller owns and that borrows all three, -ENOMEM, or -errno where the
 * policy's time zone cannot be read.
 */
int explanation_new(const struct diagram *diagram, const struct overrides *overrides,
                    const struct question *question, enum family family, usec_t now,
                    struct explanation **ret_explanation);
struct explanation *explanation_free(struct explanation *explanation);
DEFINE_CLEANUP(struct explanation, explanation_free)

/*
 * The override for which the flow of the main answer does not pass: the suspension of the flow, or
 * the isolation of one of the zones. NULL where there is another reason, or none.
 */
const struct override *explanation_override(const struct explanation *explanation);
