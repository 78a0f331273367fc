/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "answer/policy_changes.h"
#include "base/diagnostics.h"
#include "base/sha256.h"
#include "kernel/nftables.h"

/* What became of a change. */
enum outcome_kind {
    OUTCOME_DONE,
    OUTCOME_INVALID,   /* the policy has errors: diagnostics */
    OUTCOME_BUSY,      /* another change waits to be confirmed: state.confirmation */
    OUTCOME_NOT_FOUND, /* message */
    OUTCOME_REFUSED,   /* message */
    OUTCOME_KERNEL,    /* message, and the line of the policy where there is one */
    OUTCOME_STORAGE,   /* message */
};

/* A zeroed structure is empty. */
struct outcome {
    enum outcome_kind kind;
    char message[512];
    struct diagnostics *diagnostics; /* of an applied policy: its warnings */
    struct sources *sources;         /* the places of the diagnostics */
    char *file;                      /* the line that the kernel refused, or NULL */
    uint32_t line;
    struct policy_changes *changes;    /* of a plan, an apply, a rollback: from what is enforced */
    size_t cut;                        /* open connections that these cut */
    bool is_enforced_already;          /* of an apply: no generation was made */
    char fingerprint[SHA256_TEXT_MAX]; /* of the texts that a plan is about */
    char *evidence;                    /* of an isolation: the folder within the state's */
};
void outcome_clear(struct outcome *outcome);
/* Gives it diagnostics and sources. Returns 0 or -ENOMEM. */
int outcome_begin(struct outcome *outcome);

/* Fills in kind and message, and returns 1, so that a step can end with it. */
int outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an errno of the disk, and for a refusal of the kernel with the line it is about. */
int outcome_set_storage(struct outcome *outcome, const char *what, int error);
int outcome_set_kernel(struct outcome *outcome, const struct nftables_refusal *refusal, int error,
                       const struct sources *sources);
/* `done`, `refused`, `failed`: for the audit log. */
const char *outcome_to_string(const struct outcome *outcome);
