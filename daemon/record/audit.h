/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "record/types.h"

/*
 * The audit log: JSON lines that are only ever appended, each holding the SHA-256 of the line
 * before it, so that nothing can be taken out, changed or put in between without the chain telling.
 * It lies in the folder `audit`: `audit.log` and, where that grew beyond AUDIT_FILE_MAX, older
 * files `audit-SEQUENCE.log` named by the first entry they hold; the chain goes on from file to
 * file.
 *
 * An entry:
 *   {"sequence": 17, "time": "2026-…Z", "previous": "<sha256 of the line before, without its end>",
 *    "uid": 1000, "pid": 812, "who": "tanaka", "action": "isolate", "object": "lgwan",
 *    "reason": "…", "from": 3, "to": 4, "outcome": "done", "detail": {…}}
 * The first entry of all has 64 zeros as `previous`. Head of the log is the hash of its last line.
 */
#define AUDIT_FILE_MAX ((size_t)16 * 1024 * 1024)
#define AUDIT_LINE_MAX ((size_t)64 * 1024)

struct audit;
struct json_t;

/* What happened, for one entry. Texts are borrowed. */
struct audit_event {
    struct actor actor;
    const char *action;    /* `apply`, `isolate`, `refuse`, `drift`, `start`, … */
    const char *object;    /* zone, flow, method; or NULL */
    const char *reason;    /* or NULL */
    uint64_t from, to;     /* generations; 0: none */
    const char *outcome;   /* `begun`, `done`, `refused`, `failed` */
    struct json_t *detail; /* an object, borrowed; or NULL */
    usec_t when;           /* 0: now */
};

/* What was found when the log was opened or verified. */
enum audit_condition {
    AUDIT_GOOD,
    AUDIT_EMPTY,     /* there was none: a new one has begun */
    AUDIT_TORN,      /* the last line had no end, as a power cut leaves it: it was set aside in
                      * `audit.torn` and the log goes on behind the last whole line */
    AUDIT_TAMPERED,  /* the chain is broken; the log goes on in a new file whose first entry tells
                      * of it, and nothing of the old one is touched */
    AUDIT_UNREADABLE /* cannot be read or written; appending fails until it can */
};

/*
 * Opens the log in the folder and verifies the end of the chain (the newest file). `limit` is the
 * size of a file from which on a new one is begun, 0 for AUDIT_FILE_MAX.
 * Returns 0 and the condition in all five cases, -ENOMEM, or -errno.
 */
int audit_open(int directory, size_t limit, struct audit **ret_audit,
               enum audit_condition *ret_condition);
struct audit *audit_close(struct audit *audit);
DEFINE_CLEANUP(struct audit, audit_close)

/* What was found when the log was opened, or since then where it was not as it was left: then it is
 * read again before an entry is appended. */
enum audit_condition audit_condition(const struct audit *audit);

/*
 * Appends one entry and waits until it is on the disk. A line that could be written in part only is
 * taken back. A detail that does not fit into AUDIT_LINE_MAX is left out, and the entry says so.
 * Returns 0, -ENOSPC, -EMSGSIZE where the other texts do not fit, or -errno: the entry is not there
 * then.
 */
int audit_append(struct audit *audit, const struct audit_event *event);

/* Of the last entry: its number (0: none) and hash; borrowed, valid until the next append. */
uint64_t audit_sequence(const struct audit *audit);
const char *audit_head(const struct audit *audit);

/* Reads entries with a sequence beyond `after`, at most `limit`, as a JSON array of objects. */
int audit_read(struct audit *audit, uint64_t after, size_t limit, struct json_t **ret_entries);

/* Verifies every line of every file. `*ret_problem` is NULL where all is well, else a sentence with
 * file and line that the caller frees. Returns 0, -ENOMEM or -errno. */
int audit_verify(struct audit *audit, uint64_t *ret_entries, char **ret_problem);
