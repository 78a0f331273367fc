/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Children that write evidence. An operator who isolates zones one after the other has no more than
 * INCIDENTS_MAX of them: the next isolation waits after its commit until the first has ended, and
 * whoever calls after it waits too.
 */

#include "daemon/change/incident.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/record/evidence.h"

static void tell(struct gateway *gateway, const char *zone, const char *why)
{
    findings_report(gateway->findings, "storage", "evidence-incomplete", FINDING_WARNING, zone,
                    "the evidence of the isolation of `%s` is incomplete: %s", zone, why);
    gateway->changed = true;
}

/* `status` as of waitpid(). A child exits with its errno. */
static void note_end(struct gateway *gateway, const char *zone, int status)
{
    if (!WIFEXITED(status))
        tell(gateway, zone, "the process that wrote it was ended");
    else if (WEXITSTATUS(status) != 0)
        tell(gateway, zone, strerror(WEXITSTATUS(status)));
}

/* Returns whether the child has ended. */
static bool reap(struct gateway *gateway, struct incident *incident, bool wait)
{
    int status = 0;

    if (!child_has_ended(incident->pid, wait, &status))
        return false;
    note_end(gateway, incident->zone, status);
    free(incident->zone);
    return true;
}

void incidents_reap(struct gateway *gateway, bool wait)
{
    size_t n = 0;

    for (size_t i = 0; i < gateway->n_incidents; i++) {
        if (!reap(gateway, &gateway->incidents[i], wait))
            gateway->incidents[n++] = gateway->incidents[i];
    }
    gateway->n_incidents = n;
}

/* Makes room for one more. */
static void make_room(struct gateway *gateway)
{
    incidents_reap(gateway, false);
    if (gateway->n_incidents < INCIDENTS_MAX)
        return;
    reap(gateway, &gateway->incidents[0], true);
    gateway->n_incidents--;
    memmove(gateway->incidents, gateway->incidents + 1,
            gateway->n_incidents * sizeof(*gateway->incidents));
}

/* In the child. The descriptors of segd are closed, so that nobody waits for this process to close
 * them too, and the kernel is read by sockets of its own. */
static _Noreturn void work(struct gateway *gateway, struct evidence *evidence,
                           struct evidence_subject *subject, pid_t daemon)
{
    int r;

    evidence_close_others(evidence);
    r = gateway_enter_child(gateway, true);
    if (r == 0)
        r = child_enter(daemon, CHILD_MEMORY, CHILD_CPU);
    subject->conntrack = gateway_conntrack(gateway);
    if (r == 0)
        r = evidence_write(evidence);
    _exit(-r);
}

/* Where there can be no child, segd writes it itself. Returns 0 or -errno. */
static int write_by_child(struct gateway *gateway, struct evidence *evidence,
                          struct evidence_subject *subject)
{
    const pid_t daemon = getpid();
    char *zone = strdup(subject->zone);
    pid_t pid = -1;

    make_room(gateway);
    if (zone)
        pid = fork();
    if (pid == 0)
        work(gateway, evidence, subject, daemon);
    if (pid < 0) {
        free(zone);
        return evidence_write(evidence);
    }
    gateway->incidents[gateway->n_incidents++] = (struct incident){pid, zone};
    return 0;
}

void incident_begin(struct gateway *gateway, const struct target *target, struct outcome *outcome)
{
    struct evidence_subject subject = {
        .directory = gateway->state_directory,
        .actor = &target->actor,
        .zone = target->object,
        .reason = target->reason,
        .closed = outcome->enforced,
        .state = &gateway->state,
        .fingerprint = gateway->current.fingerprint,
        .audit_head = gateway->audit ? audit_head(gateway->audit) : "",
        .nftables = enforcement_nftables(gateway->enforcement),
        .ruleset = enforcement_ruleset(gateway->enforcement),
        .outline = enforcement_outline(gateway->enforcement),
        .conntrack = gateway_conntrack(gateway),
        .links = gateway->links,
    };
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    int r = gateway->state_directory < 0 ? -ENOENT : evidence_begin(&subject, &evidence);

    if (r == 0) {
        outcome->evidence = strdup(evidence_path(evidence));
        r = write_by_child(gateway, evidence, &subject);
    }
    if (outcome->evidence)
        json_object_set_new(target->detail, "evidence", json_string(outcome->evidence));
    if (r < 0)
        tell(gateway, target->object, strerror(-r));
}
