/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Others at work: changes of the table that are not ours, and the interfaces. A notification only
 * says that something happened; what is there now is read from the kernel, compared with what was
 * committed, and put right in one transaction. Lost notifications are the same as a change.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "observe/bypass.h"
#include "ruleset/compile.h"

/* Interfaces are looked at when they have been quiet for so long. */
#define SETTLE_USEC 200000
/* A repair that failed is tried again. */
#define RETRY_USEC 1000000

struct repair {
    struct drift *drift;
    size_t n;
};

static int note_difference(const char *object, const char *message, void *userdata)
{
    struct repair *repair = userdata;

    if (repair->n++ == 0)
        snprintf(repair->drift->what, sizeof(repair->drift->what), "%s: %s", object, message);
    return 0;
}

static void report_repair(struct manager *manager, const struct watched *by, size_t n)
{
    struct drift *drift = &manager->drift;
    const char *who = by->program[0] ? by->program : "somebody";

    drift->repairs++;
    drift->last = calendar_now();
    if (by->process > 0)
        snprintf(drift->by, sizeof(drift->by), "%s[%d]", who, (int)by->process);
    else
        snprintf(drift->by, sizeof(drift->by), "%s", who);

    log_message(LOG_WARNING, MESSAGE_DRIFT, "%s changed the table; %zu differences repaired: %s",
                drift->by, n, drift->what);
    manager_audit(manager, &(struct audit_event){
                               .actor = {.uid = -1, .name = "drift"},
                               .action = "repair",
                               .object = drift->by,
                               .reason = drift->what,
                               .from = manager->current.number,
                               .to = manager->current.number,
                               .outcome = "done",
                           });
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void retry_later(struct manager *manager)
{
    sd_event_add_time_relative(manager->event, NULL, CLOCK_MONOTONIC, RETRY_USEC, 0, on_retry,
                               manager);
}

static int repair(struct manager *manager, const struct watched *by, bool *ret_new)
{
    struct repair repair = {.drift = &manager->drift};
    size_t n = 0;
    int r = enforcement_repair(manager->enforcement, note_difference, &repair, &n);

    if (r < 0) {
        *ret_new =
            findings_report(manager->findings, "drift", "not-repaired", FINDING_CRITICAL, NULL,
                            "the table was changed by others and could not be repaired: %s",
                            strerror(-r)) > 0;
        if (*ret_new)
            log_message(LOG_CRIT, MESSAGE_DRIFT, "the table could not be repaired: %s",
                        strerror(-r));
        return r;
    }
    findings_drop(manager->findings, "drift", "not-repaired", NULL);
    if (n > 0)
        report_repair(manager, by, n);
    return 0;
}

/* Who keeps others from the table may let go of it without any notification. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct manager *manager = userdata;
    const struct watched nobody = {0};
    bool new = false;

    (void)source;
    (void)usec;
    if (repair(manager, &nobody, &new) < 0)
        retry_later(manager);
    return 0;
}

static int on_tables(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct manager *manager = userdata;
    struct watched watched = {0}, culprit = {0};
    bool look = false, new = false;
    int r;

    (void)source;
    (void)fd;
    (void)events;
    while ((r = watch_read(manager->watch, RULESET_TABLE, &watched)) != 0) {
        if (r < 0) {
            look = true;
            if (r == -ENOBUFS)
                continue;
            break;
        }
        if (watched.touches_table) {
            if (watched.process != getpid())
                culprit = watched;
            look = true;
        } else {
            /* Another table's affair. */
            enforcement_pass_over(manager->enforcement, watched.generation);
        }
    }

    if (look && !enforcement_stands(manager->enforcement))
        repair(manager, &culprit, &new);
    if (new)
        retry_later(manager);
    return 0;
}

void manager_look_for_bypasses(struct manager *manager)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct policy *outline = enforcement_outline(manager->enforcement);
    struct bypasses bypasses = {0};

    if (!outline || !manager->links || arena_new(&arena) < 0)
        return;
    if (bypasses_find(outline, manager->links, enforcement_nftables(manager->enforcement), arena,
                      &bypasses) < 0)
        return;

    findings_begin(manager->findings, "bypass");
    for (size_t i = 0; i < bypasses.n_bypasses; i++) {
        const struct bypass *bypass = &bypasses.bypasses[i];
        /* Nothing passes where nothing is forwarded, and what is not known is not known to be a way
         * around. */
        bool harmless =
            strcmp(bypass->code, "forwarding-off") == 0 || strcmp(bypass->code, "unknown") == 0;
        int r = findings_report(manager->findings, "bypass", bypass->code,
                                harmless ? FINDING_WARNING : FINDING_CRITICAL, bypass->object, "%s",
                                bypass->message);

        if (r > 0)
            log_message(LOG_WARNING, MESSAGE_BYPASS, "%s: %s", bypass->code, bypass->message);
    }
    findings_end(manager->findings, "bypass");
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    manager_look_for_bypasses(userdata);
    return 0;
}

/* Not later than so long after the first change, whatever else changes. */
static int look_soon(struct manager *manager)
{
    int enabled = SD_EVENT_OFF;

    if (manager->look)
        sd_event_source_get_enabled(manager->look, &enabled);
    if (enabled != SD_EVENT_OFF)
        return 0;
    if (!manager->look)
        return sd_event_add_time_relative(manager->event, &manager->look, CLOCK_MONOTONIC,
                                          SETTLE_USEC, 1000, on_settled, manager);
    sd_event_source_set_time_relative(manager->look, SETTLE_USEC);
    return sd_event_source_set_enabled(manager->look, SD_EVENT_ONESHOT);
}

static int on_links(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct manager *manager = userdata;
    int r = links_read(manager->links);

    (void)source;
    (void)fd;
    (void)events;
    if (r < 0) {
        findings_report(manager->findings, "links", "links-unknown", FINDING_WARNING, NULL,
                        "the interfaces cannot be followed: %s", strerror(-r));
        return 0;
    }
    findings_drop(manager->findings, "links", "links-unknown", NULL);
    if (r > 0)
        look_soon(manager);
    return 0;
}

static int watch_for(struct manager *manager, int fd, sd_event_io_handler_t handler)
{
    return sd_event_add_io(manager->event, NULL, fd, EPOLLIN, handler, manager);
}

int manager_watch_kernel(struct manager *manager)
{
    int r = watch_open(&manager->watch);

    if (r == 0)
        r = watch_for(manager, watch_fd(manager->watch), on_tables);
    if (r < 0)
        return r;

    r = links_open(&manager->links);
    if (r == 0)
        r = watch_for(manager, links_fd(manager->links), on_links);
    return r < 0 ? r : 0;
}
