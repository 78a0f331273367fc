/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads the audit log before entries are appended. A power cut can only leave an incomplete last
 * line; any other damage means that somebody changed the file. Then the file is kept unchanged
 * under the name of an older one, and the log continues in a new file whose first entry reports the
 * break: no break goes unreported, and none stops the log.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/record/audit_private.h"
#include "daemon/record/document.h"

/* What was found in the folder. */
struct loaded {
    struct audit_chain link;  /* the end of the older files */
    uint64_t newest;          /* number in the name of the newest of them; 0: there is none */
    struct audit_chain chain; /* the end of audit.log */
    uint64_t first;           /* number of its first entry */
    off_t size;               /* of its complete lines */
    bool is_torn;
    char *problem; /* why the chain is broken; or NULL */
};

static void loaded_clear(struct loaded *loaded)
{
    free(loaded->problem);
    loaded->problem = NULL;
}

/* Keeps the first problem. Returns -EBADMSG or -ENOMEM. */
#define note(loaded, ...)                                                                          \
    ((loaded)->problem ? -EBADMSG : problem_tell(&(loaded)->problem, __VA_ARGS__))

static void raise_to(uint64_t *sequence, uint64_t claim)
{
    if (claim <= AUDIT_CLAIM_MAX && claim > *sequence)
        *sequence = claim;
}

/*
 * Raises a number to the highest sequence in a broken file, so that no later entry has a number
 * that is in it. Only the beginning of each line is read, but the last line is parsed, since the
 * next file is linked to it.
 */
static int raise_to_claims(int directory, const char *name, uint64_t *sequence)
{
    cleanup_(audit_lines_end) struct audit_lines lines = {0};
    cleanup_(closep) int fd = -1;
    struct audit_chain end;
    const char *line;
    uint64_t claim;
    size_t size;
    int r;

    fd = audit_file_open(directory, name, O_RDONLY);
    if (fd < 0)
        return fd;
    r = audit_lines_begin(fd, &lines);
    if (r < 0)
        return r;

    while ((r = audit_lines_next(&lines, &line, &size)) > 0 || r == -EMSGSIZE) {
        if (audit_line_peek(line, size, &claim))
            raise_to(sequence, claim);
    }
    if (r < 0 && r != -ENODATA)
        return r;

    r = audit_chain_of_end(directory, name, &end, NULL);
    if (r == 0)
        raise_to(sequence, end.sequence);
    return r == -EBADMSG ? 0 : r;
}

/* Finds the end of the older files. */
static int find_link(struct audit *audit, struct loaded *loaded)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    char name[AUDIT_NAME_MAX];
    size_t n;
    int r;

    strcpy(loaded->link.head, AUDIT_NO_HEAD);
    r = audit_files(audit->directory, &numbers, &n);
    if (r < 0 || n == 0)
        return r;

    loaded->newest = numbers[n - 1];
    audit_file_name(loaded->newest, name);
    r = audit_chain_of_end(audit->directory, name, &loaded->link, &loaded->problem);
    if (r == 0 && loaded->link.sequence < loaded->newest)
        r = note(loaded, "%s ends with a number before that of its name", name);
    if (r == 0 && loaded->link.sequence > AUDIT_CLAIM_MAX)
        r = note(loaded, "%s ends with a number that segd never gives", name);
    if (r != -EBADMSG)
        return r;

    /* The newest older file is broken, so the chain cannot continue from it. */
    loaded->link.sequence = loaded->newest;
    return raise_to_claims(audit->directory, name, &loaded->link.sequence);
}

/* Checks that an entry which an earlier process wrote is still the same. */
static int check_expected(const struct audit_chain *expected, const struct audit_chain *chain,
                          struct loaded *loaded)
{
    if (chain->sequence != expected->sequence || chain->sequence == 0 ||
        strcmp(chain->head, expected->head) == 0)
        return 0;
    return note(loaded, "entry %llu is not the one that segd wrote",
                (unsigned long long)expected->sequence);
}

/* Reads one line of audit.log. Returns 1 to go on, 0 at the end of the file, or an error. */
static int read_line(struct audit_lines *lines, uint64_t number, const struct audit_chain *expected,
                     struct loaded *loaded)
{
    cleanup_(freep) char *problem = NULL;
    bool begun = false;
    int r;

    r = audit_chain_next(&loaded->chain, lines, number == 1, &loaded->size, &begun, &problem);
    if (r == -ENODATA) {
        loaded->is_torn = true;
        return 0;
    }
    if (r == -EBADMSG)
        return note(loaded, AUDIT_FILE ":%llu: %s", (unsigned long long)number, problem);
    if (r <= 0)
        return r;

    /* This entry has reported the problem of the older files already. */
    if (begun)
        loaded_clear(loaded);
    if (number == 1)
        loaded->first = loaded->chain.sequence;
    r = check_expected(expected, &loaded->chain, loaded);
    return r < 0 ? r : 1;
}

static int walk(int fd, const struct audit_chain *expected, struct loaded *loaded)
{
    cleanup_(audit_lines_end) struct audit_lines lines = {0};
    int r;

    loaded->chain = loaded->link;
    loaded->first = loaded->link.sequence + 1;

    r = audit_lines_begin(fd, &lines);
    if (r < 0)
        return r;

    for (uint64_t number = 1;; number++) {
        r = read_line(&lines, number, expected, loaded);
        if (r <= 0)
            break;
        /* After broken older files the first line must begin a new chain. */
        if (loaded->problem)
            return 0;
    }
    return r == -EBADMSG ? 0 : r;
}

int audit_create(struct audit *audit)
{
    int fd;

    fd = audit_file_open(audit->directory, AUDIT_FILE, O_RDWR | O_APPEND | O_CREAT | O_EXCL);
    if (fd < 0)
        return fd;

    audit->fd = fd;
    audit->size = 0;
    audit->first = audit->chain.sequence + 1;
    if (fsync(audit->directory) < 0)
        return -errno;
    return audit_remember(audit);
}

/* Moves what follows the last complete line to audit.torn. */
static int move_torn(struct audit *audit, int fd, off_t size)
{
    cleanup_(audit_lines_end) struct audit_lines lines = {0};
    cleanup_(closep) int torn = -1;
    const char *rest;
    size_t rest_size;
    int r;

    r = audit_lines_begin(fd, &lines);
    if (r < 0)
        return r;
    lines.offset = size;
    r = audit_lines_next(&lines, &rest, &rest_size);
    if (r != -ENODATA)
        return r < 0 ? r : -EAGAIN;

    torn = audit_file_open(audit->directory, AUDIT_TORN_FILE, O_WRONLY | O_APPEND | O_CREAT);
    if (torn < 0)
        return torn;
    r = file_write_all(torn, rest, rest_size);
    if (r >= 0)
        r = file_write_all(torn, "\n", 1);
    if (r < 0)
        return r;

    if (fsync(torn) < 0 || ftruncate(fd, size) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* Continues in a new file; the first entry, by audit_append(), will say why. */
static int begin_anew(struct audit *audit, int fd, struct loaded *loaded)
{
    char name[AUDIT_NAME_MAX];
    uint64_t sequence = loaded->chain.sequence;
    int r;

    if (fd >= 0) {
        /* The number in its new name must not be used again either. */
        audit_file_name(loaded->link.sequence + 1, name);
        if (sequence == loaded->link.sequence)
            sequence++;
        r = raise_to_claims(audit->directory, AUDIT_FILE, &sequence);
        if (r < 0)
            return r;

        if (faccessat(audit->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return -EEXIST;
        if (renameat(audit->directory, AUDIT_FILE, audit->directory, name) < 0)
            return -errno;
    }

    raise_to(&sequence, audit->expected.sequence);
    if (audit->chain.sequence < sequence)
        audit->chain.sequence = sequence;
    strcpy(audit->chain.head, AUDIT_NO_HEAD);
    audit->is_known = true;
    if (!audit->broken)
        audit->broken = TAKE_PTR(loaded->problem);
    return audit_create(audit);
}

/* Checks that the log ends with the last entry that this process wrote, or if it wrote none, that
 * it does not end before the last one that an earlier process is known to have written. */
static int check_known(const struct audit *audit, struct loaded *loaded)
{
    int r;

    if (!audit->is_known && loaded->chain.sequence < audit->expected.sequence) {
        r = note(loaded, "the log ends with entry %llu, but entry %llu was written",
                 (unsigned long long)loaded->chain.sequence,
                 (unsigned long long)audit->expected.sequence);
        return r == -EBADMSG ? 0 : r;
    }
    if (!audit->is_known || (loaded->chain.sequence == audit->chain.sequence &&
                             strcmp(loaded->chain.head, audit->chain.head) == 0))
        return 0;

    r = note(loaded, "the log does not end with entry %llu, the last one that was written",
             (unsigned long long)audit->chain.sequence);
    return r == -EBADMSG ? 0 : r;
}

/* Continues the log that was found, or begins the first. */
static int continue_log(struct audit *audit, int *fd, const struct loaded *loaded)
{
    enum audit_condition condition;
    int r;

    if (loaded->is_torn)
        condition = AUDIT_TORN;
    else
        condition = loaded->chain.sequence > 0 ? AUDIT_GOOD : AUDIT_EMPTY;

    audit->chain = loaded->chain;
    audit->is_known = true;
    if (*fd < 0)
        r = audit_create(audit);
    else
        r = loaded->is_torn ? move_torn(audit, *fd, loaded->size) : 0;
    if (r < 0)
        return r;

    if (*fd >= 0) {
        audit->fd = TAKE_FD(*fd);
        audit->size = loaded->size;
        audit->first = loaded->first;
        r = audit_remember(audit);
    }
    audit->condition = condition;
    return r;
}

int audit_load(struct audit *audit)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    cleanup_(closep) int fd = -1;
    bool is_missing;
    int r;

    r = find_link(audit, &loaded);
    if (r == 0 && !loaded.problem)
        r = check_expected(&audit->expected, &loaded.link, &loaded);
    if (r < 0 && r != -EBADMSG)
        return r;

    fd = audit_file_open(audit->directory, AUDIT_FILE, O_RDWR | O_APPEND);
    if (fd < 0 && fd != -ENOENT)
        return fd;
    if (fd == -ENOENT)
        loaded.chain = loaded.link;
    else {
        r = walk(fd, &audit->expected, &loaded);
        if (r < 0)
            return r;
    }

    is_missing = !audit->is_known && !loaded.problem && loaded.chain.sequence == 0;
    r = check_known(audit, &loaded);
    if (r < 0)
        return r;
    if (loaded.problem) {
        audit->condition = is_missing ? AUDIT_MISSING : AUDIT_TAMPERED;
        return begin_anew(audit, fd, &loaded);
    }
    return continue_log(audit, &fd, &loaded);
}
