/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/record/audit.h"

/* What the parts of audit*.c share. */
#define AUDIT_FILE "audit.log"
#define AUDIT_TORN_FILE "audit.torn"
#define AUDIT_NAME_MAX 48
/* `previous` of an entry that begins a chain. */
#define AUDIT_NO_HEAD "0000000000000000000000000000000000000000000000000000000000000000"
/* Action of an entry that begins a chain anew behind a broken one. */
#define AUDIT_ACTION_TAMPERED "tampered"

/* In a broken file a higher one is nobody's but who wants to leave none for the entries behind. */
#define AUDIT_CLAIM_MAX (AUDIT_SEQUENCE_MAX / 2)

/* How far a chain goes: number and hash of its last line. */
struct audit_chain {
    uint64_t sequence;
    char head[SHA256_TEXT_MAX];
};

struct audit {
    int directory;
    size_t limit;
    /* audit.log, or -1 until it can be opened. */
    int fd;
    /* As we left it. */
    off_t size;
    struct timespec changed;
    uint64_t first; /* sequence that its first entry has or will have */
    struct audit_chain chain;
    bool is_known; /* whether `chain` is what we know to be there */
    enum audit_condition condition;
    char *broken; /* what was found, as long as no entry tells of it; or NULL */
};

/* The lines of a file, one at a time. */
struct audit_lines {
    int fd; /* borrowed */
    char *buffer;
    size_t start, end; /* of what is in the buffer and was not given yet */
    off_t offset;      /* in the file, of `end` */
};
int audit_lines_begin(int fd, struct audit_lines *ret_lines);
void audit_lines_end(struct audit_lines *lines);
/*
 * The next line without its end, valid until the next call. Returns 1, 0 behind the last, -ENODATA
 * where the rest has no end (and is the line), -EMSGSIZE where a line is longer than any of ours
 * (the next call goes on within it), or -errno.
 */
int audit_lines_next(struct audit_lines *lines, const char **ret_line, size_t *ret_size);

/* The number of an entry by the way all of ours begin, without parsing the line. */
bool audit_line_peek(const char *line, size_t size, uint64_t *ret_sequence);

/*
 * Takes a line as the next of the chain. Where `may_begin`, it may also begin a chain anew, which
 * `*ret_begun` (may be NULL) tells. Returns 0, -EBADMSG (`*ret_problem` as usual) or -ENOMEM.
 */
int audit_chain_add(struct audit_chain *chain, const char *line, size_t size, bool may_begin,
                    bool *ret_begun, char **ret_problem);
/* The chain of which a file holds the last entry, by its last line alone. Returns as above, or
 * -errno. */
int audit_chain_of_end(int directory, const char *name, struct audit_chain *ret_chain,
                       char **ret_problem);

/* The numbers of the older files, in order; owned by the caller. Returns 0, -ENOMEM or -errno. */
int audit_files(int directory, uint64_t **ret_numbers, size_t *ret_n);
/* `audit-SEQUENCE.log`; returns `buffer`. */
const char *audit_file_name(uint64_t number, char buffer[AUDIT_NAME_MAX]);
/* Opens a regular file of the folder, never a link. Returns a file descriptor, or -errno. */
int audit_file_open(int directory, const char *name, int flags);

/* Reads what is in the folder and makes it ready for an entry. Returns 0, -ENOMEM or -errno. */
int audit_load(struct audit *audit);
/* A new, empty audit.log, behind the chain as it is. Returns 0 or -errno. */
int audit_create(struct audit *audit);
/* Notes when audit.log was changed last, by us. Returns 0 or -errno. */
int audit_remember(struct audit *audit);
