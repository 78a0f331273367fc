/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/record/audit.h"

/* Shared by audit.c, audit_chain.c, audit_load.c and audit_verify.c. */
#define AUDIT_FILE "audit.log"
#define AUDIT_TORN_FILE "audit.torn"
#define AUDIT_NAME_MAX 48
/* `previous` of an entry that begins a chain. */
#define AUDIT_NO_HEAD "0000000000000000000000000000000000000000000000000000000000000000"
/* Action of an entry that begins a new chain after a broken one. */
#define AUDIT_ACTION_TAMPERED "tampered"

/* Higher numbers in a broken file are ignored: somebody wrote them to leave no numbers for later
 * entries. */
#define AUDIT_CLAIM_MAX (AUDIT_SEQUENCE_MAX / 2)

struct audit {
    int directory;
    size_t limit;
    /* audit.log, or -1 until it can be opened. */
    int fd;
    /* audit.log as this process left it. */
    off_t size;
    struct timespec changed;
    uint64_t first; /* sequence of its first entry, also if that is not written yet */
    struct audit_chain chain;
    bool is_known;               /* `chain` was loaded or written by this process */
    struct audit_chain expected; /* an entry that an earlier process wrote; sequence 0: none */
    enum audit_condition condition;
    char *broken; /* a break that no entry has reported yet; or NULL */
};

/* The lines of a file, one at a time. */
struct audit_lines {
    int fd; /* borrowed */
    char *buffer;
    size_t start, end; /* of the bytes in the buffer that were not returned yet */
    off_t offset;      /* in the file, of `end` */
};
int audit_lines_begin(int fd, struct audit_lines *ret_lines);
void audit_lines_end(struct audit_lines *lines);
/*
 * The next line without its newline, valid until the next call. Returns 1, 0 after the last line,
 * -ENODATA if the last line has no newline (it is returned), -EMSGSIZE if a line is longer than
 * segd writes any (the next call continues within it), or -errno.
 */
int audit_lines_next(struct audit_lines *lines, const char **ret_line, size_t *ret_size);

/* The number of an entry, from the beginning of its line, without parsing the rest. */
bool audit_line_peek(const char *line, size_t size, uint64_t *ret_sequence);

/*
 * Adds the next line to the chain, and its size with the newline to `*size`. If `may_begin`, it may
 * also begin a new chain, and `*ret_begun` says whether it does. Returns 1, 0 after the last line,
 * -ENODATA if the last line has no newline, -EBADMSG (`*ret_problem` as usual) or -errno.
 */
int audit_chain_next(struct audit_chain *chain, struct audit_lines *lines, bool may_begin,
                     off_t *size, bool *ret_begun, char **ret_problem);
/* The end of the chain in a file, from its last line alone. Returns as above, or -errno. */
int audit_chain_of_end(int directory, const char *name, struct audit_chain *ret_chain,
                       char **ret_problem);

/* The numbers of the older files, in order; owned by the caller. Returns 0, -ENOMEM or -errno. */
int audit_files(int directory, uint64_t **ret_numbers, size_t *ret_n);
/* `audit-SEQUENCE.log`; returns `buffer`. */
const char *audit_file_name(uint64_t number, char buffer[AUDIT_NAME_MAX]);
/* Opens a regular file of the folder, and no link. Returns a file descriptor, or -errno. */
int audit_file_open(int directory, const char *name, int flags);

/* Loads the log in the folder and prepares it for an entry. Returns 0, -ENOMEM or -errno. */
int audit_load(struct audit *audit);
/* Makes a new, empty audit.log that continues the chain. Returns 0 or -errno. */
int audit_create(struct audit *audit);
/* Remembers the time of the last change of audit.log, which was ours. Returns 0 or -errno. */
int audit_remember(struct audit *audit);
