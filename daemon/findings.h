/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "record/types.h"

/*
 * What needs a person: each found once, kept with the instant since which it is so, until whoever
 * found it no longer does. Findings of one source (`links`, `storage`, `start`, …) are replaced
 * together, so that what is mended goes away by itself.
 */
struct findings;
int findings_new(struct findings **ret_findings);
struct findings *findings_free(struct findings *findings);
DEFINE_CLEANUP(struct findings, findings_free)

/* Begins a new look by a source: what it does not report again until findings_end() goes. */
void findings_begin(struct findings *findings, const char *source);
/* Reports one; the same source, code and object is the same finding and keeps its `since`. Returns
 * 1 where it is new, 0 where it was there, or -ENOMEM. `object` may be NULL. */
int findings_report(struct findings *findings, const char *source, const char *code,
                    enum finding_severity severity, const char *object, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Ends the look. Returns how many findings of the source went. */
size_t findings_end(struct findings *findings, const char *source);
/* Takes one away; with `object` NULL all of the code. */
void findings_drop(struct findings *findings, const char *source, const char *code,
                   const char *object);

/* In order of severity, then of `since`. Borrowed until the next change. */
size_t findings_list(const struct findings *findings, const struct finding **ret_list);
