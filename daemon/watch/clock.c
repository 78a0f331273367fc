/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Timers. One by the time of day fires when the next flow or override begins or ends, and at least
 * once a day; another a moment before, for what the kernel is about to end by itself. One by boot
 * time is for a confirmation, which setting the clock must neither shorten nor extend. One is for
 * what could not be written yet. A timerfd reports when the clock was set: then timeouts in the
 * kernel no longer end at the instants they were set for.
 */

#include "daemon/watch/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/change/confirm.h"
#include "daemon/change/time.h"
#include "daemon/log.h"

#define DAY (INT64_C(86400) * USEC_PER_SEC)
/* After how long a failed change by time is tried again. */
#define RETRY (60 * USEC_PER_SEC)
/* After how long a failed write to the disk is tried again. */
#define RETRY_WRITE (5 * USEC_PER_SEC)

struct clock_watch {
    sd_event *event;
    struct gateway *gateway;
    sd_event_source *changes;      /* by the time of day */
    sd_event_source *ending;       /* the same, a moment before */
    sd_event_source *confirmation; /* by boot time */
    sd_event_source *unwritten;    /* by the monotonic clock */
    sd_event_source *set;          /* the clock was set */
};

struct clock_watch *clock_watch_free(struct clock_watch *watch)
{
    if (!watch)
        return NULL;

    sd_event_source_disable_unref(watch->changes);
    sd_event_source_disable_unref(watch->ending);
    sd_event_source_disable_unref(watch->confirmation);
    sd_event_source_disable_unref(watch->unwritten);
    sd_event_source_disable_unref(watch->set);
    free(watch);
    return NULL;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct clock_watch *watch = userdata;

    (void)source;
    (void)usec;
    return change_by_time(watch->gateway);
}

static int on_ending(sd_event_source *source, uint64_t usec, void *userdata)
{
    const struct clock_watch *watch = userdata;
    struct gateway *gateway = watch->gateway;
    int r = enforcement_end_by(gateway->enforcement, (usec_t)usec + ENFORCEMENT_LEAD);

    (void)source;
    /* The kernel ends them without it. */
    if (r < 0)
        log_message(LOG_WARNING, MESSAGE_KERNEL_REFUSED,
                    "cannot read what flows have carried before they end: %s", strerror(-r));
    return 0;
}

static int on_unconfirmed(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct clock_watch *watch = userdata;

    (void)source;
    (void)usec;
    return change_unconfirmed(watch->gateway);
}

static int on_unwritten(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct clock_watch *watch = userdata;

    (void)source;
    (void)usec;
    /* clock_watch_arm() then writes, and sets the timer again if something is left. */
    watch->gateway->changed = true;
    return 0;
}

static int set_timer(struct clock_watch *watch, sd_event_source **timer, clockid_t clock,
                     usec_t when, sd_event_time_handler_t handler)
{
    int r;

    if (when == USEC_NEVER)
        return *timer ? sd_event_source_set_enabled(*timer, SD_EVENT_OFF) : 0;
    if (!*timer)
        return sd_event_add_time(watch->event, timer, clock, (uint64_t)when, 1000, handler, watch);

    r = sd_event_source_set_time(*timer, (uint64_t)when);
    return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
}

/* When the timer by the time of day fires next. */
static usec_t next_change(const struct gateway *gateway)
{
    const struct overrides *overrides = &gateway->state.overrides;
    usec_t now = calendar_now(), when = gateway->agenda.until;

    if (!enforcement_outline(gateway->enforcement))
        return USEC_NEVER;
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (overrides->overrides[i].until < when)
            when = overrides->overrides[i].until;
    }
    /* A commit that takes as long as from one instant to the next is followed at once. */
    if (when <= now)
        when = gateway->agenda.failed ? now + RETRY : now;
    return when > now + DAY ? now + DAY : when;
}

/* When the next flow is about to end, if one does before anything else begins or ends. */
static usec_t next_ending(const struct gateway *gateway)
{
    const usec_t until = gateway->agenda.until;

    return until == USEC_NEVER || until - ENFORCEMENT_LEAD <= calendar_now()
               ? USEC_NEVER
               : until - ENFORCEMENT_LEAD;
}

void clock_watch_arm(struct clock_watch *watch)
{
    const struct gateway *gateway = watch->gateway;
    const struct confirmation *confirmation = &gateway->state.confirmation;
    usec_t back = gateway->go_back_again > 0 ? gateway->go_back_again : confirmation->deadline;
    usec_t again = gateway_write_unwritten(watch->gateway)
                       ? calendar_clock(CLOCK_MONOTONIC) + RETRY_WRITE
                       : USEC_NEVER;
    int r = set_timer(watch, &watch->changes, CLOCK_REALTIME, next_change(watch->gateway), on_time);

    if (r >= 0)
        r = set_timer(watch, &watch->ending, CLOCK_REALTIME, next_ending(gateway), on_ending);
    if (r >= 0)
        r = set_timer(watch, &watch->confirmation, CLOCK_BOOTTIME,
                      confirmation->pending ? back : USEC_NEVER, on_unconfirmed);
    if (r >= 0)
        r = set_timer(watch, &watch->unwritten, CLOCK_MONOTONIC, again, on_unwritten);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_CLOCK, "cannot set a timer: %s", strerror(-r));
}

/* A timer that never fires: each setting of the clock cancels it (timerfd_create(2)). */
static int arm_clock(int fd)
{
    const struct itimerspec never = {.it_value = {.tv_sec = INT64_MAX}};

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
               ? -errno
               : 0;
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct clock_watch *watch = userdata;
    uint64_t expirations;
    ssize_t n = read(fd, &expirations, sizeof(expirations));

    (void)source;
    (void)events;
    if (n < 0 && errno != ECANCELED)
        return 0;
    arm_clock(fd);
    log_message(LOG_NOTICE, MESSAGE_CLOCK,
                "the clock was set; timeouts in the kernel are set again");
    gateway_judge_clock(watch->gateway);
    enforcement_distrust(watch->gateway->enforcement);
    return change_by_time(watch->gateway);
}

static int follow_settings(struct clock_watch *watch)
{
    cleanup_(closep) int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = arm_clock(fd);
    if (r == 0)
        r = sd_event_add_io(watch->event, &watch->set, fd, EPOLLIN, on_clock_set, watch);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(watch->set, 1);
    if (r >= 0)
        TAKE_FD(fd);
    return r < 0 ? r : 0;
}

int clock_watch_new(sd_event *event, struct gateway *gateway, struct clock_watch **ret_watch)
{
    cleanup_(clock_watch_freep) struct clock_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = event;
    watch->gateway = gateway;
    r = follow_settings(watch);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_CLOCK, "cannot follow settings of the clock: %s",
                    strerror(-r));

    *ret_watch = TAKE_PTR(watch);
    return 0;
}
