/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Time. One timer by the time of day fires at the first instant at which anything changes by
 * itself, and at least once a day, so that warnings come on their day; one by boot time for a
 * confirmation, which setting the clock must neither hasten nor delay. A third descriptor tells
 * when the clock was set: then timeouts in the kernel, which count on, no longer mean the instants
 * they were set for.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/instant.h"
#include "daemon/change/change.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "policy/standing.h"

#define DAY (INT64_C(86400) * USEC_PER_SEC)
/* A clock that shows an earlier time is wrong: this version did not exist. 2026-11-01T00:00:00Z; it
 * goes forward with each release. */
#define EPOCH (INT64_C(1793491200) * USEC_PER_SEC)
/* A failed attempt is made again after so long. */
#define RETRY (60 * USEC_PER_SEC)

static const unsigned warnings[] = {7, 30, 60};

static int compare_expiring(const void *a, const void *b)
{
    const struct expiring *x = a, *y = b;

    return (x->expires > y->expires) - (x->expires < y->expires);
}

static void expiring_clear(struct manager *manager)
{
    for (size_t i = 0; i < manager->n_expiring; i++) {
        free(manager->expiring[i].name);
        free(manager->expiring[i].label);
    }
    free(manager->expiring);
    manager->expiring = NULL;
    manager->n_expiring = 0;
}

/* The smallest warning that the time left is within; 0: none. */
static unsigned warning_of(usec_t left)
{
    for (size_t i = 0; i < ELEMENTS_OF(warnings); i++) {
        if (left <= (usec_t)warnings[i] * DAY)
            return warnings[i];
    }
    return 0;
}

static unsigned warned_before(const struct expiring *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return list[i].warning;
    }
    return 0;
}

/* Which flows end soon, each told to the journal once for each warning. */
static void look_at_expiry(struct manager *manager, const struct policy *policy, usec_t now)
{
    struct expiring *old = manager->expiring, *list;
    size_t n_old = manager->n_expiring, n = 0;

    list = calloc(policy->n_flows + 1, sizeof(*list));
    if (!list)
        return;
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        unsigned warning = flow->expires == USEC_NEVER ? 0 : warning_of(flow->expires - now);

        /* Of a grant the end is no surprise. */
        if (!flow->enabled || warning == 0 || !flow->has_expires || flow->expires <= now)
            continue;
        list[n] =
            (struct expiring){strdup(flow->name), strdup(flow->label), flow->expires, warning};
        if (!list[n].name || !list[n].label) {
            free(list[n].name);
            free(list[n].label);
            break;
        }
        if (warned_before(old, n_old, flow->name) != warning)
            log_message(LOG_WARNING, MESSAGE_EXPIRING, "flow %s (%s) expires in %d days",
                        flow->name, flow->label, (int)((flow->expires - now) / DAY));
        n++;
    }
    qsort(list, n, sizeof(*list), compare_expiring);
    expiring_clear(manager);
    manager->expiring = list;
    manager->n_expiring = n;
}

void manager_take_policy(struct manager *manager, const struct compiled *compiled)
{
    manager->until = compiled->until;
    manager->n_flows = compiled_count_flows(compiled);
    look_at_expiry(manager, compiled->policy, compiled->now);
}

void manager_forget_policy(struct manager *manager)
{
    manager->until = USEC_NEVER;
    expiring_clear(manager);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    return change_by_time(userdata);
}

static int on_unconfirmed(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    return change_unconfirmed(userdata);
}

static int set_timer(sd_event *event, sd_event_source **timer, clockid_t clock, usec_t when,
                     sd_event_time_handler_t handler, struct manager *manager)
{
    int r;

    if (when == USEC_NEVER)
        return *timer ? sd_event_source_set_enabled(*timer, SD_EVENT_OFF) : 0;
    if (!*timer)
        return sd_event_add_time(event, timer, clock, (uint64_t)when, 1000, handler, manager);

    r = sd_event_source_set_time(*timer, (uint64_t)when);
    return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
}

int manager_arm(struct manager *manager)
{
    const struct state *state = &manager->state;
    usec_t now = calendar_now(), when = manager->until;
    int r;

    for (size_t i = 0; i < state->overrides.n_overrides; i++) {
        if (state->overrides.overrides[i].until < when)
            when = state->overrides.overrides[i].until;
    }
    if (when <= now)
        when = now + RETRY;
    if (when > now + DAY)
        when = now + DAY;
    if (!enforcement_outline(manager->enforcement))
        when = USEC_NEVER;

    r = set_timer(manager->event, &manager->timer, CLOCK_REALTIME, when, on_time, manager);
    if (r >= 0)
        r = set_timer(manager->event, &manager->confirmation_timer, CLOCK_BOOTTIME,
                      state->confirmation.pending ? state->confirmation.deadline : USEC_NEVER,
                      on_unconfirmed, manager);
    return r < 0 ? r : 0;
}

/* Never fires, however far ahead the clock is put; it is cancelled by each setting of the clock
 * (timerfd_create(2)). */
static int arm_clock(int fd)
{
    const struct itimerspec never = {.it_value = {.tv_sec = INT64_MAX}};

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
               ? -errno
               : 0;
}

void manager_judge_clock(struct manager *manager)
{
    struct overrides *overrides = &manager->state.overrides;
    usec_t known = manager->state_directory < 0 ? 0 : state_instant(manager->state_directory);
    char text[INSTANT_TEXT_MAX];

    if (calendar_now() >= EPOCH) {
        overrides->over = 0;
        findings_drop(manager->findings, "clock", "clock-wrong", NULL);
        return;
    }
    if (overrides->over < EPOCH)
        overrides->over = EPOCH;
    if (overrides->over < known)
        overrides->over = known;
    instant_format(overrides->over, text);
    findings_report(manager->findings, "clock", "clock-wrong", FINDING_CRITICAL, NULL,
                    "the clock shows a time before this segd was made: what had ended by %s stays "
                    "closed, schedules go by the clock; set it",
                    text);
    log_message(LOG_CRIT, MESSAGE_CLOCK,
                "the clock shows a time before this segd was made; what had ended by %s stays "
                "closed",
                text);
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct manager *manager = userdata;
    uint64_t expirations;
    ssize_t n = read(fd, &expirations, sizeof(expirations));

    (void)source;
    (void)events;
    if (n < 0 && errno != ECANCELED)
        return 0;
    arm_clock(fd);
    log_message(LOG_NOTICE, MESSAGE_CLOCK, "the clock was set; timeouts are set anew");
    manager_judge_clock(manager);
    enforcement_distrust(manager->enforcement);
    return change_by_time(manager);
}

int manager_watch_clock(struct manager *manager)
{
    cleanup_(closep) int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;
    int r;

    if (fd < 0)
        return -errno;
    r = arm_clock(fd);
    if (r == 0)
        r = sd_event_add_io(manager->event, &source, fd, EPOLLIN, on_clock_set, manager);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(source, 1);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    return sd_event_source_set_floating(source, 1);
}
