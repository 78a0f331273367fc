/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The lines of the audit log and the chain that they form. A line continues the chain if it holds
 * the next number and the hash of the line before it. Every field is checked too, since no hash
 * covers the last line.
 */

#include <assert.h>
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

int audit_lines_begin(int fd, struct audit_lines *ret_lines)
{
    struct audit_lines lines = {.fd = fd};

    /* The longest line with its newline. */
    lines.buffer = malloc(AUDIT_LINE_MAX + 1);
    if (!lines.buffer)
        return -ENOMEM;

    *ret_lines = lines;
    return 0;
}

void audit_lines_end(struct audit_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

/* Fills the buffer. Returns how many bytes came, or -errno. */
static ssize_t fill(struct audit_lines *lines)
{
    ssize_t n;

    memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;

    do
        n = pread(lines->fd, lines->buffer + lines->end, AUDIT_LINE_MAX + 1 - lines->end,
                  lines->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;

    lines->end += (size_t)n;
    lines->offset += n;
    return n;
}

int audit_lines_next(struct audit_lines *lines, const char **ret_line, size_t *ret_size)
{
    for (;;) {
        char *line = lines->buffer + lines->start;
        size_t size = lines->end - lines->start;
        const char *end = memchr(line, '\n', size);
        ssize_t n;

        *ret_line = line;
        *ret_size = end ? (size_t)(end - line) : size;
        if (end) {
            lines->start += *ret_size + 1;
            return 1;
        }
        if (size > AUDIT_LINE_MAX) {
            lines->start = lines->end;
            return -EMSGSIZE;
        }

        n = fill(lines);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return size == 0 ? 0 : -ENODATA;
    }
}

bool audit_line_peek(const char *line, size_t size, uint64_t *ret_sequence)
{
    static const char head[] = "{\"sequence\": ";
    uint64_t number = 0;

    if (size <= strlen(head) || memcmp(line, head, strlen(head)) != 0 || line[strlen(head)] < '0' ||
        line[strlen(head)] > '9')
        return false;
    for (size_t i = strlen(head); i < size && line[i] >= '0' && line[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(line[i] - '0');
        if (number > AUDIT_SEQUENCE_MAX)
            return false;
    }

    *ret_sequence = number;
    return true;
}

static void entry_clear(struct audit_entry *entry)
{
    record_clear(&audit_entry_type, entry);
}

static int parse(const char *line, size_t size, struct audit_entry *entry, char **ret_problem)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    struct record_problem problem;
    int line_number, r;

    r = document_parse(line, size, 0, &json, &line_number);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, "it is not valid JSON");
    if (r < 0)
        return r;
    r = record_decode(&audit_entry_type, json, RECORD_DISK, entry, &problem);
    return problem_tell_record(ret_problem, "the entry", r, &problem);
}

static bool is_beginning(const struct audit_entry *entry)
{
    assert(entry->action);
    return strcmp(entry->action, AUDIT_ACTION_TAMPERED) == 0 &&
           strcmp(entry->previous, AUDIT_NO_HEAD) == 0;
}

int audit_chain_next(struct audit_chain *chain, struct audit_lines *lines, bool may_begin,
                     off_t *size, bool *ret_begun, char **ret_problem)
{
    cleanup_(entry_clear) struct audit_entry entry = {0};
    const char *line;
    size_t length;
    bool begun;
    int r;

    r = audit_lines_next(lines, &line, &length);
    if (r == -EMSGSIZE)
        return problem_tell(ret_problem, "the line is too long");
    if (r <= 0)
        return r;
    r = parse(line, length, &entry, ret_problem);
    if (r < 0)
        return r;

    /* A new beginning is accepted only with a number that segd would have given it. */
    begun = may_begin && is_beginning(&entry) && entry.sequence > chain->sequence &&
            entry.sequence <= AUDIT_CLAIM_MAX + 1;
    if (!begun && entry.sequence != chain->sequence + 1)
        return problem_tell(ret_problem, "entry %llu is in the place of entry %llu",
                            (unsigned long long)entry.sequence,
                            (unsigned long long)chain->sequence + 1);
    if (!begun && strcmp(entry.previous, chain->head) != 0)
        return problem_tell(ret_problem, "entry %llu does not hold the hash of the entry before it",
                            (unsigned long long)entry.sequence);

    chain->sequence = entry.sequence;
    sha256_text(line, length, chain->head);
    *size += (off_t)length + 1;
    *ret_begun = begun;
    return 1;
}

/* Reads the last line of a file, which must end with a newline. */
static int read_last_line(int fd, char *buffer, const char **ret_line, size_t *ret_size)
{
    /* The line, its newline, and the newline before it. */
    const size_t window = AUDIT_LINE_MAX + 2;
    struct stat status;
    const char *before;
    off_t offset;
    ssize_t n;

    if (fstat(fd, &status) < 0)
        return -errno;
    offset = status.st_size > (off_t)window ? status.st_size - (off_t)window : 0;

    n = pread(fd, buffer, window, offset);
    if (n < 0)
        return -errno;
    if (n == 0 || buffer[n - 1] != '\n')
        return -EBADMSG;

    before = memrchr(buffer, '\n', (size_t)n - 1);
    if (!before && offset > 0)
        return -EBADMSG;
    *ret_line = before ? before + 1 : buffer;
    *ret_size = (size_t)(buffer + n - 1 - *ret_line);
    return 0;
}

int audit_chain_of_end(int directory, const char *name, struct audit_chain *ret_chain,
                       char **ret_problem)
{
    cleanup_(freep) char *buffer = NULL, *problem = NULL;
    cleanup_(closep) int fd = -1;
    cleanup_(entry_clear) struct audit_entry entry = {0};
    const char *line = NULL;
    size_t size = 0;
    int r;

    fd = audit_file_open(directory, name, O_RDONLY);
    if (fd < 0)
        return fd;
    buffer = malloc(AUDIT_LINE_MAX + 2);
    if (!buffer)
        return -ENOMEM;

    r = read_last_line(fd, buffer, &line, &size);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, "%s does not end with an entry", name);
    if (r < 0)
        return r;

    r = parse(line, size, &entry, &problem);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, "the last line of %s is no entry: %s", name, problem);
    if (r < 0)
        return r;

    ret_chain->sequence = entry.sequence;
    sha256_text(line, size, ret_chain->head);
    return 0;
}

const char *audit_file_name(uint64_t number, char buffer[AUDIT_NAME_MAX])
{
    snprintf(buffer, AUDIT_NAME_MAX, "audit-%llu.log", (unsigned long long)number);
    return buffer;
}

int audit_files(int directory, uint64_t **ret_numbers, size_t *ret_n)
{
    return file_list_numbers(directory, "audit-", ".log", AUDIT_CLAIM_MAX, ret_numbers, ret_n);
}

int audit_file_open(int directory, const char *name, int flags)
{
    cleanup_(closep) int fd = -1;
    struct stat status;

    fd = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    return S_ISREG(status.st_mode) ? TAKE_FD(fd) : -EINVAL;
}
