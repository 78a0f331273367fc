/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "answer/policy_changes.h"
#include "base/diagnostics.h"
#include "base/sha256.h"
#include "kernel/nftables.h"
#include "observe/conntrack.h"
#include "record/wire.h"

/* The result of a change. */
enum outcome_kind {
    OUTCOME_DONE,
    OUTCOME_INVALID,   /* the policy has errors: diagnostics */
    OUTCOME_BUSY,      /* another generation waits to be confirmed: message, state.confirmation */
    OUTCOME_NOT_FOUND, /* message */
    OUTCOME_REFUSED,   /* message */
    OUTCOME_KERNEL,    /* message, and the line of the policy if one caused it */
    OUTCOME_STORAGE,   /* message */
};

/* A zeroed structure is empty. */
struct outcome {
    enum outcome_kind kind;
    char message[512];
    struct diagnostics *diagnostics; /* of an applied policy: its warnings */
    struct sources *sources;         /* which the diagnostics refer to */
    struct location refused;         /* what the kernel refused; line 0: no line of a policy */
    struct policy_changes *changes;  /* of a plan, apply or rollback: what differs from before */
    /* Of the same: what the policy does to closings; it owns all of it. */
    struct wire_closing *closings;
    size_t n_closings;
    /* Of a suspension: other live flows that approve part of what it stops; at most
     * OUTCOME_NAMES_MAX, and how many more. */
    char **approved;
    size_t n_approved;
    uint64_t left_out;
    size_t cut; /* open connections that the changes cut */
    /* Of a plan: the first of them, at most OUTCOME_CUT_MAX. */
    struct conntrack_entry *connections;
    size_t n_connections;
    usec_t enforced;                   /* after the kernel committed the change; 0: it did not */
    bool is_enforced_already;          /* of an apply: it made no generation */
    char fingerprint[SHA256_TEXT_MAX]; /* of the texts of a plan */
    char *evidence; /* of an isolation: its folder, relative to the state folder */
};
#define OUTCOME_NAMES_MAX 100
#define OUTCOME_CUT_MAX 100
void outcome_clear(struct outcome *outcome);
/* Allocates diagnostics and sources. Returns 0 or -ENOMEM. */
int outcome_begin(struct outcome *outcome);

/* Fills in kind and message, and returns 1: the positive code of a step that the outcome explains.
 */
int outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an errno of the disk, and for a refusal of the kernel, with its line of the policy.
 */
int outcome_set_storage(struct outcome *outcome, const char *what, int error);
int outcome_set_kernel(struct outcome *outcome, const struct nftables_refusal *refusal, int error);
/* The file of the line that the kernel refused, or NULL. Borrowed. */
const char *outcome_refused_file(const struct outcome *outcome);
/* `done`, `refused`, `failed`: for the audit log. */
const char *outcome_to_string(const struct outcome *outcome);
