/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads the audit log from its first entry: to show entries, and to verify the chain through all
 * files up to the last entry. The beginning of a new chain remains a problem for ever: it says that
 * the entries before it cannot be trusted.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/record/audit_private.h"
#include "daemon/record/document.h"

/* The older files, and after them audit.log. */
struct files {
    uint64_t *numbers;
    size_t n_older;
};

static void files_clear(struct files *files)
{
    free(files->numbers);
}

static const char *files_name(const struct files *files, size_t i, char buffer[AUDIT_NAME_MAX])
{
    if (i < files->n_older)
        return audit_file_name(files->numbers[i], buffer);
    return strcpy(buffer, AUDIT_FILE);
}

/* Verifies one line. Returns 1 to go on, 0 at the end, or an error. */
static int verify_line(struct audit_lines *lines, const char *name, uint64_t number,
                       struct audit_chain *chain, char **ret_problem)
{
    cleanup_(freep) char *problem = NULL;
    bool begun = false;
    off_t size = 0;
    int r;

    r = audit_chain_next(chain, lines, number == 1, &size, &begun, &problem);
    if (r == -EBADMSG || r == -ENODATA)
        return problem_tell(ret_problem, "%s:%llu: %s", name, (unsigned long long)number,
                            problem ? problem : "the line has no end");
    if (r <= 0)
        return r;
    if (begun)
        return problem_tell(ret_problem, "%s:%llu: the chain was broken, and a new one begins here",
                            name, (unsigned long long)number);
    return 1;
}

static int verify_file(struct audit *audit, const char *name, uint64_t first,
                       struct audit_chain *chain, uint64_t *entries, char **ret_problem)
{
    cleanup_(audit_lines_end) struct audit_lines lines = {0};
    cleanup_(closep) int fd = -1;
    int r;

    fd = audit_file_open(audit->directory, name, O_RDONLY);
    if (fd < 0)
        return fd;
    r = audit_lines_begin(fd, &lines);
    if (r < 0)
        return r;

    for (uint64_t number = 1; r >= 0; number++) {
        r = verify_line(&lines, name, number, chain, ret_problem);
        if (r <= 0)
            break;
        if (number == 1 && first > 0 && chain->sequence != first)
            return problem_tell(ret_problem, "%s begins with entry %llu", name,
                                (unsigned long long)chain->sequence);
        (*entries)++;
    }
    return r;
}

/* Checks that the chain ends with the last entry that this process knows. */
static int verify_end(const struct audit *audit, const struct audit_chain *chain,
                      char **ret_problem)
{
    if (!audit->is_known ||
        (chain->sequence == audit->chain.sequence && strcmp(chain->head, audit->chain.head) == 0))
        return 0;
    return problem_tell(
        ret_problem, "the log ends with entry %llu, but entry %llu was written last",
        (unsigned long long)chain->sequence, (unsigned long long)audit->chain.sequence);
}

int audit_verify(struct audit *audit, uint64_t *ret_entries, char **ret_problem)
{
    cleanup_(files_clear) struct files files = {0};
    cleanup_(freep) char *problem = NULL;
    struct audit_chain chain = {.head = AUDIT_NO_HEAD};
    uint64_t entries = 0;
    int r;

    r = audit_files(audit->directory, &files.numbers, &files.n_older);
    if (r < 0)
        return r;

    for (size_t i = 0; r >= 0 && i <= files.n_older; i++) {
        char name[AUDIT_NAME_MAX];

        r = verify_file(audit, files_name(&files, i, name),
                        i < files.n_older ? files.numbers[i] : 0, &chain, &entries, &problem);
        if (r == -ENOENT && i == files.n_older)
            r = problem_tell(&problem, AUDIT_FILE " is missing");
    }
    if (r >= 0)
        r = verify_end(audit, &chain, &problem);
    if (r < 0 && r != -EBADMSG)
        return r;

    *ret_entries = entries;
    *ret_problem = TAKE_PTR(problem);
    return 0;
}

/* Appends the entry if it comes after `after`. Damaged lines are left out; audit_verify() reports
 * them. */
static int collect(const char *line, size_t size, uint64_t after, json_t *entries)
{
    cleanup_(json_decrefp) json_t *entry = NULL;
    uint64_t sequence;
    int number, r;

    if (audit_line_peek(line, size, &sequence) && sequence <= after)
        return 0;
    r = document_parse(line, size, 0, &entry, &number);
    if (r == -EBADMSG)
        return 0;
    if (r < 0)
        return r;

    if (json_integer_value(json_object_get(entry, "sequence")) < 0 ||
        (uint64_t)json_integer_value(json_object_get(entry, "sequence")) <= after)
        return 0;
    return json_array_append(entries, entry) < 0 ? -ENOMEM : 0;
}

static int read_file(struct audit *audit, const char *name, uint64_t after, size_t limit,
                     json_t *entries)
{
    cleanup_(audit_lines_end) struct audit_lines lines = {0};
    cleanup_(closep) int fd = -1;
    const char *line;
    size_t size;
    int r;

    fd = audit_file_open(audit->directory, name, O_RDONLY);
    if (fd < 0)
        return fd;
    r = audit_lines_begin(fd, &lines);
    if (r < 0)
        return r;

    while (json_array_size(entries) < limit) {
        r = audit_lines_next(&lines, &line, &size);
        if (r <= 0)
            break;
        r = collect(line, size, after, entries);
        if (r < 0)
            return r;
    }
    return r == -ENODATA || r == -EMSGSIZE || r > 0 ? 0 : r;
}

int audit_read(struct audit *audit, uint64_t after, size_t limit, struct json_t **ret_entries)
{
    cleanup_(json_decrefp) json_t *entries = json_array();
    cleanup_(files_clear) struct files files = {0};
    int r;

    if (!entries)
        return -ENOMEM;
    r = audit_files(audit->directory, &files.numbers, &files.n_older);
    if (r < 0)
        return r;

    for (size_t i = 0; i <= files.n_older && json_array_size(entries) < limit; i++) {
        char name[AUDIT_NAME_MAX];

        /* All entries of this file come before those that were asked for. */
        if (i + 1 < files.n_older && files.numbers[i + 1] <= after + 1)
            continue;
        r = read_file(audit, files_name(&files, i, name), after, limit, entries);
        if (r < 0 && (r != -ENOENT || i < files.n_older))
            return r;
    }

    *ret_entries = TAKE_PTR(entries);
    return 0;
}
