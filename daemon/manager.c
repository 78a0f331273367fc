/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon decides, the kernel enforces: there is nothing to do between signals. At the start the
 * policy is committed before systemd is told READY, so that what is ordered behind segd starts
 * behind a closed door; where the policy is not fit, the door is locked and the daemon stays, so
 * that a corrected policy needs no more than a reload.
 */

#include "manager.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/calendar.h"
#include "enforcement.h"
#include "log.h"

struct manager {
    const char *policy_path;
    sd_event *event;
    struct enforcement *enforcement;
};

static void log_apply_failure(const char *path, int error, const char *consequence)
{
    if (error == -EBADMSG)
        log_message(LOG_ERR, MESSAGE_POLICY_INVALID, "%s is not a valid policy; %s", path,
                    consequence);
    else
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "%s could not be committed: %s; %s", path,
                    error == -EREMOTEIO ? "the kernel refused it" : strerror(-error), consequence);
}

/*
 * A policy is text, a diagram and a ruleset for a moment, and a ruleset alone after that. What the
 * heap keeps of the moment is given back, so that the daemon is as small as what it holds.
 */
static int manager_apply(struct manager *manager)
{
    int r = enforcement_apply(manager->enforcement, manager->policy_path);

    malloc_trim(0);
    return r;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
                        void *userdata)
{
    struct manager *manager = userdata;

    (void)source;
    (void)info;
    sd_notify(0, "STOPPING=1");
    return sd_event_exit(manager->event, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct manager *manager = userdata;
    struct timespec now;
    int r;

    (void)source;
    (void)info;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
               (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000);

    r = manager_apply(manager);
    if (r < 0) {
        log_apply_failure(manager->policy_path, r, "what was enforced before stays enforced");
        sd_notify(0, "READY=1\nSTATUS=Enforcing; the last reload was refused");
    } else {
        sd_notify(0, "READY=1\nSTATUS=Enforcing");
    }
    return 0;
}

/* Signals are blocked first: sd_event reads them, none is lost before the loop runs. */
static int manager_watch_signals(struct manager *manager)
{
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;

    r = sd_event_add_signal(manager->event, NULL, SIGTERM, on_terminate, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGINT, on_terminate, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGHUP, on_reload, manager);
    return r < 0 ? r : 0;
}

int manager_new(const char *policy_path, struct manager **ret_manager)
{
    cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
    const char *missing = NULL;
    int r;

    if (!manager)
        return -ENOMEM;
    manager->policy_path = policy_path;

    r = sd_event_new(&manager->event);
    if (r >= 0)
        r = manager_watch_signals(manager);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot start: %s", strerror(-r));
        return r;
    }

    r = enforcement_new(&manager->enforcement, &missing);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot use nftables: %s",
                    missing       ? missing
                    : r == -EPERM ? "segd needs CAP_NET_ADMIN in this network namespace"
                                  : strerror(-r));
        return r;
    }

    *ret_manager = TAKE_PTR(manager);
    return 0;
}

struct manager *manager_free(struct manager *manager)
{
    if (!manager)
        return NULL;

    enforcement_free(manager->enforcement);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}

static int manager_start(struct manager *manager)
{
    int r = manager_apply(manager);

    if (r == 0) {
        sd_notify(0, "READY=1\nSTATUS=Enforcing");
        return 0;
    }
    log_apply_failure(manager->policy_path, r, "locking down");

    r = enforcement_lock_down(manager->enforcement);
    if (r < 0) {
        log_message(LOG_CRIT, MESSAGE_LOCKDOWN, "the lockdown could not be committed: %s",
                    strerror(-r));
        return r;
    }

    log_message(LOG_CRIT, MESSAGE_LOCKDOWN,
                "locked down: nothing passes between zones until a valid policy is reloaded");
    sd_notify(0, "READY=1\nSTATUS=Locked down: no valid policy");
    return 0;
}

int manager_run(struct manager *manager)
{
    int r = manager_start(manager);

    if (r < 0)
        return r;

    r = sd_event_loop(manager->event);
    log_message(LOG_INFO, MESSAGE_STOPPED, "leaving; what is enforced stays in the kernel");
    return r;
}
