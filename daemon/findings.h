/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "record/types.h"

/*
 * Problems that need a person. A finding keeps the instant at which it was first reported, until
 * its source (`links`, `storage`, `start`, …) drops it or no longer reports it, so that it goes
 * away when the problem is solved.
 */
struct findings;
int findings_new(struct findings **ret_findings);
struct findings *findings_free(struct findings *findings);
DEFINE_CLEANUP(struct findings, findings_free)

/* Begins a new check by a source: findings that it does not report again before findings_end() are
 * removed there. */
void findings_begin(struct findings *findings, const char *source);
/* Reports a finding; one with the same source, code and object is updated and keeps its `since`.
 * Returns 1 if it is new, 0 if not, or -ENOMEM. `object` may be NULL. */
int findings_report(struct findings *findings, const char *source, const char *code,
                    enum finding_severity severity, const char *object, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Ends the check. Returns how many findings of the source were removed. */
size_t findings_end(struct findings *findings, const char *source);
/* Removes one; with `object` NULL, all with this code. */
void findings_drop(struct findings *findings, const char *source, const char *code,
                   const char *object);

/* In order of severity, then of `since`. Borrowed until the next change. */
size_t findings_list(const struct findings *findings, const struct finding **ret_list);
