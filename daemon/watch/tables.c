/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Notifications of nftables. Lost notifications count as a change: the table is compared. */

#include "daemon/watch/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "daemon/change/drift.h"
#include "observe/watch.h"
#include "ruleset/compile.h"

/* How long after a failed repair it is tried again. */
#define RETRY_USEC 1000000

struct tables_watch {
    sd_event *event;
    struct gateway *gateway;
    struct watch *tables;
    sd_event_source *source;
    sd_event_source *retry;
};

struct tables_watch *tables_watch_free(struct tables_watch *watch)
{
    if (!watch)
        return NULL;

    sd_event_source_disable_unref(watch->retry);
    sd_event_source_disable_unref(watch->source);
    watch_close(watch->tables);
    free(watch);
    return NULL;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void retry_later(struct tables_watch *watch)
{
    watch->retry = sd_event_source_disable_unref(watch->retry);
    sd_event_add_time_relative(watch->event, &watch->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
                               on_retry, watch);
}

/* Another owner of the table may release it, and the kernel sends no notification of that. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct tables_watch *watch = userdata;
    const struct watched nobody = {0};
    bool new = false;

    (void)source;
    (void)usec;
    if (drift_repair(watch->gateway, &nobody, &new) < 0)
        retry_later(watch);
    return 0;
}

static int on_tables(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct tables_watch *watch = userdata;
    struct gateway *gateway = watch->gateway;
    struct watched watched = {0}, culprit = {0};
    bool look = false, new = false;
    int r;

    (void)source;
    (void)fd;
    (void)events;
    while ((r = watch_read(watch->tables, RULESET_TABLE, &watched)) != 0) {
        if (r < 0) {
            look = true;
            gateway->others_changed = true;
            if (r == -ENOBUFS)
                continue;
            break;
        }
        if (watched.touches_table) {
            if (watched.process != getpid())
                culprit = watched;
            look = true;
        } else {
            /* Only another table changed. */
            enforcement_skip(gateway->enforcement, watched.generation);
            gateway->others_changed = true;
        }
    }

    if (look && !enforcement_is_unchanged(gateway->enforcement))
        drift_repair(gateway, &culprit, &new);
    if (new)
        retry_later(watch);
    return 0;
}

int tables_watch_new(sd_event *event, struct gateway *gateway, struct tables_watch **ret_watch)
{
    cleanup_(tables_watch_freep) struct tables_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = event;
    watch->gateway = gateway;
    r = watch_open(&watch->tables);
    if (r == 0)
        r = sd_event_add_io(event, &watch->source, watch_fd(watch->tables), EPOLLIN, on_tables,
                            watch);
    if (r < 0)
        return r;

    *ret_watch = TAKE_PTR(watch);
    return 0;
}
