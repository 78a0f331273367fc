/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Looks at the kernel's counters. What was seen last is what is known of a counter that goes
 * without a word: with a table that somebody flushes, or with the machine. A look at a large policy
 * takes a fifth of a second, so it is taken in slices when nothing else is to be done, and begins
 * again where a change was committed meanwhile.
 */

#include "daemon/watch/counters.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/counting.h"
#include "daemon/log.h"
#include "daemon/privileges.h"
#include "daemon/step.h"
#include "observe/live.h"

/* Elements that are read at once: half a millisecond. */
#define SLICE ((size_t)256)

struct counters_watch {
    struct gateway *gateway;
    sd_event_source *timer;
    sd_event_source *slices; /* on while a look is under way */
    struct live_counts counts;
    size_t next_slice;
    uint64_t n_commits; /* when the look began */
    pid_t writer;       /* 0: none */
    bool write_again;
};

struct counters_watch *counters_watch_free(struct counters_watch *watch)
{
    if (!watch)
        return NULL;
    sd_event_source_disable_unref(watch->timer);
    sd_event_source_disable_unref(watch->slices);
    live_counts_clear(&watch->counts);
    free(watch);
    return NULL;
}

static void note_written(struct gateway *gateway, int error)
{
    if (error == 0)
        findings_drop(gateway->findings, "storage", "counters-not-written", NULL);
    else if (findings_report(gateway->findings, "storage", "counters-not-written", FINDING_WARNING,
                             NULL,
                             "cannot write what flows have carried; after a reboot it would "
                             "be less: %s",
                             strerror(error)) > 0)
        log_message(LOG_ERR, MESSAGE_STORAGE, "cannot write what flows have carried: %s",
                    strerror(error));
}

static _Noreturn void write_and_exit(struct gateway *gateway, pid_t daemon)
{
    const int directory = dup2(gateway->state_directory, STDERR_FILENO + 1);
    int r = directory < 0 ? -errno : 0;

    /* First of all: a segd that is started after this one was killed must find no socket in use. */
    close_range(STDERR_FILENO + 2, UINT_MAX, 0);
    step_leave();
    if (r == 0)
        r = privileges_drop();
    if (r == 0)
        r = child_enter(daemon, CHILD_MEMORY, CHILD_CPU);
    if (r == 0)
        r = totals_write(gateway->totals, directory);
    _exit(-r);
}

static void write_totals(struct counters_watch *watch)
{
    struct gateway *gateway = watch->gateway;
    const pid_t daemon = getpid();

    watch->write_again = watch->writer > 0;
    if (watch->write_again || gateway->state_directory < 0)
        return;
    watch->writer = fork();
    if (watch->writer == 0)
        write_and_exit(gateway, daemon);
    if (watch->writer < 0) {
        watch->writer = 0;
        note_written(gateway, errno);
    }
}

static void reap(struct counters_watch *watch, bool wait)
{
    int status = 0;

    if (watch->writer == 0 || !child_has_ended(watch->writer, wait, &status))
        return;
    watch->writer = 0;
    note_written(watch->gateway, WIFEXITED(status) ? WEXITSTATUS(status) : EIO);
}

void counters_watch_reap(struct counters_watch *watch)
{
    reap(watch, false);
    if (watch->write_again && watch->writer == 0)
        write_totals(watch);
}

void counters_watch_follow(struct counters_watch *watch)
{
    if (totals_take_urgent(watch->gateway->totals))
        write_totals(watch);
}

static void begin_look(struct counters_watch *watch)
{
    watch->counts.n_counts = watch->next_slice = 0;
    watch->n_commits = watch->gateway->n_commits;
    sd_event_source_set_enabled(watch->slices, SD_EVENT_ON);
}

static void end_look(struct counters_watch *watch)
{
    live_counts_clear(&watch->counts);
    sd_event_source_set_enabled(watch->slices, SD_EVENT_OFF);
    sd_event_source_set_time_relative(watch->timer, (uint64_t)COUNTERS_INTERVAL);
    sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

static int on_slice(sd_event_source *source, void *userdata)
{
    struct counters_watch *watch = userdata;
    struct gateway *gateway = watch->gateway;
    const struct ruleset *ruleset = enforcement_ruleset(gateway->enforcement);
    size_t n = ruleset ? live_sets_count(ruleset) / SLICE + 1 : 0;
    int r = 0;

    (void)source;
    if (watch->n_commits != gateway->n_commits) {
        begin_look(watch);
        return 0;
    }
    if (watch->next_slice < n)
        r = live_counts_add(enforcement_nftables(gateway->enforcement), ruleset,
                            watch->next_slice++, n, &watch->counts);
    if (r == 0 && watch->next_slice < n)
        return 0;
    if (r == 0) {
        live_counts_join(&watch->counts);
        counting_note_flows(gateway->totals, &watch->counts);
        counting_read_drops(gateway->totals, enforcement_nftables(gateway->enforcement), ruleset);
        write_totals(watch);
    }
    end_look(watch);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    begin_look(userdata);
    return 0;
}

void counters_watch_finish(struct counters_watch *watch)
{
    struct gateway *gateway = watch->gateway;
    cleanup_(live_counts_clear) struct live_counts counts = {0};

    reap(watch, true);
    if (live_counts_read(enforcement_nftables(gateway->enforcement),
                         enforcement_ruleset(gateway->enforcement), &counts) == 0)
        counting_note_flows(gateway->totals, &counts);
    counting_read_drops(gateway->totals, enforcement_nftables(gateway->enforcement),
                        enforcement_ruleset(gateway->enforcement));
    if (gateway->state_directory >= 0)
        totals_write(gateway->totals, gateway->state_directory);
}

int counters_watch_new(sd_event *event, struct gateway *gateway, struct counters_watch **ret_watch)
{
    cleanup_(counters_watch_freep) struct counters_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->gateway = gateway;
    r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, 0, 0, on_timer, watch);
    if (r >= 0)
        r = sd_event_add_defer(event, &watch->slices, on_slice, watch);
    if (r >= 0)
        r = sd_event_source_set_priority(watch->slices, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(watch->slices, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret_watch = TAKE_PTR(watch);
    return 0;
}
