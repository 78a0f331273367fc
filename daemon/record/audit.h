/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "record/types.h"

/*
 * The audit log: JSON lines that are only ever appended. Each holds the SHA-256 of the line before
 * it, so that removing, changing or inserting a line breaks the chain. It lies in the folder
 * `audit`: `audit.log` and, when that has grown to AUDIT_FILE_MAX, older files `audit-SEQUENCE.log`
 * named by their first entry; the chain continues from file to file.
 *
 * An entry:
 *   {"sequence": 17, "time": "2026-…Z", "previous": "<sha256 of the line before, without its end>",
 *    "uid": 1000, "pid": 812, "who": "tanaka", "action": "isolate", "object": "lgwan",
 *    "reason": "…", "from": 3, "to": 4, "outcome": "done", "detail": {…}}
 * The first entry of all has 64 zeros as `previous`. The head of the log is the hash of its last
 * line.
 */
#define AUDIT_FILE_MAX ((size_t)16 * 1024 * 1024)
#define AUDIT_LINE_MAX ((size_t)64 * 1024)

struct audit;
struct json_t;

/* The end of a chain: number (0: none) and hash of its last line. */
struct audit_chain {
    uint64_t sequence;
    char head[SHA256_TEXT_MAX];
};

/* What one entry reports. Texts are borrowed. */
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
    AUDIT_EMPTY,     /* there was none, as far as is known: a new log has begun */
    AUDIT_TORN,      /* the last line was incomplete, as after a power cut: it was moved to
                      * `audit.torn`, and the log continues after the last complete line */
    AUDIT_TAMPERED,  /* the chain is broken; the log continues in a new file whose first entry says
                      * so, and the old file stays unchanged */
    AUDIT_MISSING,   /* the same, but there is no entry at all, though some were written */
    AUDIT_UNREADABLE /* cannot be read or written; appending fails until it can */
};

/*
 * Opens the log in the folder and verifies the newest file. `limit` is the size at which a new file
 * is begun; 0: AUDIT_FILE_MAX. `expected`, which may be NULL, is an entry that is known to have
 * been written: a log that ends before it was cut off. Returns 0 and one of the six conditions, or
 * -ENOMEM or -errno.
 */
int audit_open(int directory, size_t limit, const struct audit_chain *expected,
               struct audit **ret_audit, enum audit_condition *ret_condition);
struct audit *audit_close(struct audit *audit);
DEFINE_CLEANUP(struct audit, audit_close)

/* What was found when the log was last loaded: when it was opened, or before an entry, if somebody
 * had changed it. */
enum audit_condition audit_condition(const struct audit *audit);

/*
 * Appends one entry and waits until it is on the disk. A detail that does not fit into
 * AUDIT_LINE_MAX is left out, and the entry says so. Returns 0, or with nothing written -ENOSPC,
 * -EMSGSIZE if the other texts do not fit, or -errno.
 */
int audit_append(struct audit *audit, const struct audit_event *event);

/* Number (0: none) and hash of the last entry; borrowed, valid until the next append. */
uint64_t audit_sequence(const struct audit *audit);
const char *audit_head(const struct audit *audit);

/* Reads at most `limit` entries with a sequence after `after`, as a JSON array of objects. */
int audit_read(struct audit *audit, uint64_t after, size_t limit, struct json_t **ret_entries);

/* Whether nobody has written the log since this process did. */
bool audit_is_as_left(const struct audit *audit);

/* Verifies every line of every file. `*ret_problem` is NULL if all is well, else a sentence with
 * file and line that the caller frees. Returns 0, -ENOMEM or -errno. */
int audit_verify(struct audit *audit, uint64_t *ret_entries, char **ret_problem);
