/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The audit log. When an append returns, its entry is on the disk completely or not at all. Before
 * each entry the file is checked: if somebody truncated it, replaced it or wrote to it since the
 * last entry, the log is loaded again, and the chain shows what happened.
 */

#include "daemon/record/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/record/audit_private.h"

struct audit *audit_close(struct audit *audit)
{
    if (!audit)
        return NULL;

    closep(&audit->fd);
    closep(&audit->directory);
    free(audit->broken);
    free(audit);
    return NULL;
}

/* The line without its newline. */
static int make_line(const struct audit_chain *chain, const struct audit_event *event,
                     json_t *detail, char **ret_line, size_t *ret_size)
{
    struct audit_entry entry = {
        .sequence = chain->sequence + 1,
        .time = event->when > 0 ? event->when : calendar_now(),
        .uid = event->actor.uid,
        .pid = event->actor.pid,
        .who = event->actor.name,
        .action = event->action,
        .object = event->object,
        .reason = event->reason,
        .from = event->from,
        .to = event->to,
        .outcome = event->outcome,
        .detail = detail,
    };
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(freep) char *line = NULL;

    strcpy(entry.previous, chain->head);
    json = record_encode(&audit_entry_type, &entry, RECORD_DISK);
    if (!json)
        return -ENOMEM;
    line = json_dumps(json, 0);
    if (!line)
        return -ENOMEM;

    *ret_size = strlen(line);
    if (*ret_size > AUDIT_LINE_MAX)
        return -EMSGSIZE;
    *ret_line = TAKE_PTR(line);
    return 0;
}

static int make_shorter_line(const struct audit_chain *chain, const struct audit_event *event,
                             char **ret_line, size_t *ret_size)
{
    cleanup_(json_decrefp) json_t *detail = json_object();

    if (json_object_set_new(detail, "omitted", json_true()) < 0)
        return -ENOMEM;
    return make_line(chain, event, detail, ret_line, ret_size);
}

/* Removes what was written of an entry. If even that fails, the log is loaded again. */
static void take_back(struct audit *audit)
{
    if (ftruncate(audit->fd, audit->size) < 0 || fsync(audit->fd) < 0 || audit_remember(audit) < 0)
        close(TAKE_FD(audit->fd));
}

static int append(struct audit *audit, const struct audit_event *event)
{
    cleanup_(freep) char *line = NULL;
    size_t size;
    int r;

    r = make_line(&audit->chain, event, event->detail, &line, &size);
    if (r == -EMSGSIZE)
        r = make_shorter_line(&audit->chain, event, &line, &size);
    if (r < 0)
        return r;

    /* The newline replaces the NUL, so that one write has all of the line. */
    line[size] = '\n';
    r = file_write_all(audit->fd, line, size + 1);
    if (r >= 0 && fsync(audit->fd) < 0)
        r = -errno;
    if (r < 0) {
        take_back(audit);
        return r;
    }

    audit->size += (off_t)size + 1;
    audit->chain.sequence++;
    sha256_text(line, size, audit->chain.head);

    /* The entry is written; if this fails, the log is loaded again for the next one. */
    audit_remember(audit);
    return 0;
}

int audit_remember(struct audit *audit)
{
    struct stat status;

    if (fstat(audit->fd, &status) < 0)
        return -errno;
    audit->changed = status.st_ctim;
    return 0;
}

/* It is still the file that is open, and nobody changed it since the last entry. */
bool audit_is_as_left(const struct audit *audit)
{
    struct stat ours, named;

    return fstat(audit->fd, &ours) == 0 && ours.st_size == audit->size &&
           ours.st_ctim.tv_sec == audit->changed.tv_sec &&
           ours.st_ctim.tv_nsec == audit->changed.tv_nsec &&
           fstatat(audit->directory, AUDIT_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_dev == ours.st_dev && named.st_ino == ours.st_ino;
}

/* Renames audit.log to the name of an older file and begins a new one. */
static int rotate(struct audit *audit)
{
    char name[AUDIT_NAME_MAX];
    int old = audit->fd, r;

    /* If somebody has made a file of that name, audit.log grows beyond its limit instead. */
    audit_file_name(audit->first, name);
    if (faccessat(audit->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;

    if (renameat(audit->directory, AUDIT_FILE, audit->directory, name) < 0)
        return -errno;
    audit->fd = -1;
    r = audit_create(audit);
    if (audit->fd >= 0) {
        close(old);
        return r;
    }

    if (renameat(audit->directory, name, audit->directory, AUDIT_FILE) == 0)
        audit->fd = old;
    else
        close(old);
    return r;
}

/* Appends the entry that reports a broken chain. */
static int report_break(struct audit *audit)
{
    cleanup_(json_decrefp) json_t *detail = json_object();
    struct audit_event event = {
        .actor = {.uid = -1, .name = "audit"},
        .action = AUDIT_ACTION_TAMPERED,
        .object = AUDIT_FILE,
        .outcome = "done",
        .detail = detail,
    };
    int r;

    if (json_object_set_new(detail, "problem", record_encode_text(audit->broken)) < 0)
        return -ENOMEM;
    r = append(audit, &event);
    if (r < 0)
        return r;

    free(TAKE_PTR(audit->broken));
    return 0;
}

/* Prepares the log for the next entry. */
static int make_ready(struct audit *audit)
{
    int r;

    if (audit->fd >= 0 && !audit_is_as_left(audit))
        close(TAKE_FD(audit->fd));

    if (audit->fd < 0) {
        audit->condition = AUDIT_UNREADABLE;
        r = audit_load(audit);
        if (r < 0)
            return r;
    }
    if (audit->broken)
        return report_break(audit);
    return audit->size > 0 && (size_t)audit->size >= audit->limit ? rotate(audit) : 0;
}

int audit_open(int directory, size_t limit, const struct audit_chain *expected,
               struct audit **ret_audit, enum audit_condition *ret_condition)
{
    cleanup_(audit_closep) struct audit *audit = NULL;
    int r;

    audit = calloc(1, sizeof(*audit));
    if (!audit)
        return -ENOMEM;
    audit->fd = -1;
    audit->limit = limit > 0 ? limit : AUDIT_FILE_MAX;
    strcpy(audit->chain.head, AUDIT_NO_HEAD);
    if (expected)
        audit->expected = *expected;

    audit->directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    if (audit->directory < 0)
        return -errno;

    /* Other errors show in the condition, and the next append returns them. */
    r = make_ready(audit);
    if (r == -ENOMEM)
        return r;

    *ret_condition = audit->condition;
    *ret_audit = TAKE_PTR(audit);
    return 0;
}

int audit_append(struct audit *audit, const struct audit_event *event)
{
    int r;

    r = make_ready(audit);
    return r < 0 ? r : append(audit, event);
}

enum audit_condition audit_condition(const struct audit *audit)
{
    return audit->condition;
}

uint64_t audit_sequence(const struct audit *audit)
{
    return audit->chain.sequence;
}

const char *audit_head(const struct audit *audit)
{
    return audit->chain.head;
}
