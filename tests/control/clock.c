/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's side of tests/control/clock.h. Nobody can move the clock of the machine for one
 * test, so the linker gives the daemon's questions for the time to this file: what the clocks show,
 * timers, and the descriptor that the kernel makes readable when the clock is set.
 */

#include "clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/calendar.h"

usec_t __real_calendar_clock(clockid_t clock);
usec_t __wrap_calendar_clock(clockid_t clock);
usec_t __wrap_calendar_now(void);
int __real_sd_event_add_time(sd_event *event, sd_event_source **ret_source, clockid_t clock,
                             uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                             void *userdata);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret_source, clockid_t clock,
                             uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                             void *userdata);
int __real_sd_event_source_set_time(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time(sd_event_source *source, uint64_t usec);
int __real_timerfd_create(clockid_t clock, int flags);
int __wrap_timerfd_create(clockid_t clock, int flags);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old);

/* NULL: the clocks are those of the machine. */
static const struct clocks *clocks(int *ret_event)
{
    static const struct clocks *mapped;
    static int memory = -1, event = -1;
    const char *text = getenv(CLOCK_VARIABLE);

    if (!mapped && text && sscanf(text, "%d %d", &memory, &event) == 2) {
        void *found = mmap(NULL, sizeof(*mapped), PROT_READ, MAP_SHARED, memory, 0);

        if (found == MAP_FAILED)
            abort();
        mapped = found;
    }
    if (ret_event)
        *ret_event = event;
    return mapped;
}

static int64_t added(clockid_t clock)
{
    const struct clocks *shown = clocks(NULL);

    if (!shown || (clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME))
        return 0;
    return shown->passed + (clock == CLOCK_REALTIME ? shown->set : 0);
}

usec_t __wrap_calendar_clock(clockid_t clock)
{
    return __real_calendar_clock(clock) + added(clock);
}

usec_t __wrap_calendar_now(void)
{
    return __wrap_calendar_clock(CLOCK_REALTIME);
}

/* When it is by the clock of the machine. */
static uint64_t machine_time(clockid_t clock, uint64_t usec)
{
    int64_t more = added(clock);

    return more > 0 && usec < (uint64_t)more ? 0 : usec - (uint64_t)more;
}

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret_source, clockid_t clock,
                             uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                             void *userdata)
{
    return __real_sd_event_add_time(event, ret_source, clock, machine_time(clock, usec), accuracy,
                                    handler, userdata);
}

int __wrap_sd_event_source_set_time(sd_event_source *source, uint64_t usec)
{
    clockid_t clock;
    int r = sd_event_source_get_time_clock(source, &clock);

    return r < 0 ? r : __real_sd_event_source_set_time(source, machine_time(clock, usec));
}

int __wrap_timerfd_create(clockid_t clock, int flags)
{
    int event;

    return clocks(&event) ? fcntl(event, F_DUPFD_CLOEXEC, 0) : __real_timerfd_create(clock, flags);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old)
{
    return clocks(NULL) ? 0 : __real_timerfd_settime(fd, flags, value, old);
}
