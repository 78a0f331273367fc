/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What was the case when a zone was isolated: connections first, and who stood where; it takes one
 * walk of the connections, whatever the policy is. Counters and ruleset come after that. The sums
 * come last: a folder without SHA256SUMS is one that was not finished.
 *
 * If a file cannot be written, evidence_begin() or evidence_finish() fails and the caller decides;
 * what the kernel does not tell is noted in the file that lacks it, and is no failure.
 */

#include "daemon/record/evidence.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/instant.h"
#include "daemon/record/evidence_private.h"

#define INCIDENTS "incidents"
/* Isolations of one zone in one second. */
#define SAME_INSTANT_MAX 1000

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;

    for (size_t i = 0; i < evidence->n_files; i++)
        closep(&evidence->files[i].fd);
    closep(&evidence->folder);
    closep(&evidence->incidents);
    free(evidence->path);
    free(evidence);
    return NULL;
}

const char *evidence_path(const struct evidence *evidence)
{
    return evidence->path;
}

/* The folder of all incidents, which is made to last where it is new. */
static int open_incidents(int directory)
{
    int fd;

    if (mkdirat(directory, INCIDENTS, 0700) == 0) {
        if (fsync(directory) < 0)
            return -errno;
    } else if (errno != EEXIST) {
        return -errno;
    }

    fd = openat(directory, INCIDENTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* `20261123T024501Z`, which sorts as time does and needs no quotes anywhere. */
static const char *format_stamp(usec_t instant, char buffer[INSTANT_TEXT_MAX])
{
    char text[INSTANT_TEXT_MAX];
    size_t n = 0;

    instant_format(instant, text);
    for (const char *at = text; *at; at++) {
        if (*at != '-' && *at != ':')
            buffer[n++] = *at;
    }
    buffer[n] = '\0';
    return buffer;
}

/* Makes the folder; one that is there already is another incident's. */
static int make_folder(struct evidence *evidence, const char *zone)
{
    char stamp[INSTANT_TEXT_MAX];

    format_stamp(calendar_now(), stamp);
    for (unsigned n = 1; n <= SAME_INSTANT_MAX; n++) {
        cleanup_(freep) char *path = NULL;
        int r = n == 1 ? asprintf(&path, INCIDENTS "/%s-%s", stamp, zone)
                       : asprintf(&path, INCIDENTS "/%s-%s-%u", stamp, zone, n);

        if (r < 0) {
            path = NULL;
            return -ENOMEM;
        }
        if (mkdirat(evidence->incidents, strrchr(path, '/') + 1, 0700) == 0) {
            evidence->path = TAKE_PTR(path);
            return 0;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int open_folder(struct evidence *evidence, const struct evidence_subject *subject)
{
    int r;

    /* Names of zones are part of a path here. */
    if (strchr(subject->zone, '/'))
        return -EINVAL;
    r = open_incidents(subject->directory);
    if (r < 0)
        return r;
    evidence->incidents = r;

    r = make_folder(evidence, subject->zone);
    if (r < 0)
        return r;
    assert(evidence->path);
    evidence->folder = openat(evidence->incidents, strrchr(evidence->path, '/') + 1,
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return evidence->folder < 0 ? -errno : 0;
}

static int write_before(struct evidence *evidence, const struct evidence_subject *subject)
{
    int r = evidence_write(evidence, "connections.json", evidence_write_connections, subject);

    if (r == 0)
        r = evidence_write(evidence, "links.json", evidence_write_links, subject);
    if (r == 0)
        r = evidence_write(evidence, "state.json", evidence_write_state, subject);
    if (r == 0)
        r = evidence_write(evidence, "clock.json", evidence_write_clock, subject);
    if (r == 0)
        r = evidence_sync(evidence);
    if (r == 0 && fsync(evidence->incidents) < 0)
        r = -errno;
    return r;
}

int evidence_begin(const struct evidence_subject *subject, struct evidence **ret_evidence)
{
    cleanup_(evidence_freep) struct evidence *evidence = calloc(1, sizeof(*evidence));
    int r;

    if (!evidence)
        return -ENOMEM;
    evidence->incidents = evidence->folder = -1;
    evidence->nftables = subject->nftables;
    evidence->ruleset = subject->ruleset;

    r = open_folder(evidence, subject);
    if (r == 0)
        r = write_before(evidence, subject);
    if (r < 0) {
        evidence_remove(evidence);
        return r;
    }

    *ret_evidence = TAKE_PTR(evidence);
    return 0;
}

/* As `sha256sum` writes and reads them. */
static int write_sums(FILE *stream, struct evidence *evidence, const void *userdata)
{
    (void)userdata;
    /* The last file is this one. */
    for (size_t i = 0; i + 1 < evidence->n_files; i++) {
        if (fprintf(stream, "%s  %s\n", evidence->files[i].sum, evidence->files[i].name) < 0)
            return -EIO;
    }
    return 0;
}

int evidence_finish(struct evidence *evidence)
{
    int r = evidence_write(evidence, "counters.json", evidence_write_counters, NULL);

    if (r == 0 && evidence->ruleset)
        r = evidence_write(evidence, "ruleset.nft", evidence_write_ruleset, NULL);
    if (r == 0)
        r = evidence_sync(evidence);
    if (r == 0)
        r = evidence_write(evidence, "SHA256SUMS", write_sums, NULL);
    if (r == 0)
        r = evidence_sync(evidence);
    return r < 0 ? r : evidence->problem;
}
