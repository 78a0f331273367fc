/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The event loop. Something is committed before systemd is told READY, so units that are ordered
 * after segd start with the kernel closed. If no policy can be enforced, nothing passes and the
 * daemon goes on running, so that a corrected policy only has to be applied. After that everything
 * is an event: from a client, a signal, a timer or the kernel.
 *
 * What must follow a change is done by follow_changes(), which runs after every event: no caller
 * has to remember it.
 */

#include "daemon/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "daemon/change/apply.h"
#include "daemon/change/incident.h"
#include "daemon/change/start.h"
#include "daemon/control/methods.h"
#include "daemon/control/control.h"
#include "daemon/log.h"
#include "daemon/watch/clock.h"
#include "daemon/watch/counters.h"
#include "daemon/watch/denials.h"
#include "daemon/watch/links.h"
#include "daemon/watch/tables.h"

#define STATUS_MAX 64
/* The name under which systemd keeps the socket that owns the table. */
#define STORED_NAME "nftables"

static const struct actor signal_actor = {.uid = -1, .name = "signal"};

struct manager {
    struct manager_options options; /* borrowed texts */
    sd_event *event;
    struct gateway *gateway;
    struct clock_watch *clock;
    struct counters_watch *counters;
    struct links_watch *links;
    struct tables_watch *tables;
    struct denials_watch *denials;
    struct control control;
    struct server *server;
    char status[STATUS_MAX]; /* as systemd was told last */
};

/* Tells systemd the status that it shows, where that has changed or `ready` holds more to tell. */
static void notify_status(struct manager *manager, const char *ready)
{
    const struct gateway *gateway = manager->gateway;
    char status[STATUS_MAX];

    if (gateway->current.number > 0)
        snprintf(status, sizeof(status), "Enforcing generation %" PRIu64, gateway->current.number);
    else if (enforcement_outline(gateway->enforcement))
        snprintf(status, sizeof(status), "Enforcing the policy files; no generation can be kept");
    else
        snprintf(status, sizeof(status), "Locked down: no valid policy, see segctl status");
    if (*ready || strcmp(status, manager->status) != 0)
        sd_notifyf(0, "%sSTATUS=%s", ready, status);
    strcpy(manager->status, status);
}

static void follow_changes(struct manager *manager)
{
    gateway_keep_audit_end(manager->gateway);
    if (gateway_take_changed(manager->gateway)) {
        clock_watch_arm(manager->clock);
        links_watch_look(manager->gateway);
        notify_status(manager, "");
        /* The change may have needed texts, two policies, a diagram and a ruleset; all of it is
         * freed by now, but for the ruleset. */
        malloc_trim(0);
    }
    if (manager->gateway->others_changed && manager->links)
        links_watch_look_soon(manager->links);
    manager->gateway->others_changed = false;
    counters_watch_follow(manager->counters);
    followers_tell(&manager->control.followers, manager->gateway);
    denial_followers_tell(&manager->control);
}

static int on_event_done(sd_event_source *source, void *userdata)
{
    (void)source;
    follow_changes(userdata);
    return 0;
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
    cleanup_(outcome_clear) struct outcome outcome = {0};
    struct manager *manager = userdata;
    const struct apply_request request = {0};
    int r;

    (void)source;
    (void)info;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, calendar_clock(CLOCK_MONOTONIC));

    r = change_apply(manager->gateway, &signal_actor, &request, &outcome);
    if (outcome.diagnostics && outcome.sources)
        diagnostics_print(outcome.diagnostics, outcome.sources, stderr, isatty(STDERR_FILENO));
    if (r < 0 || outcome.kind != OUTCOME_DONE) {
        log_message(LOG_ERR, MESSAGE_POLICY_INVALID,
                    "%s was not applied: %s; what was enforced before stays enforced",
                    manager->options.gateway.policy_path, r < 0 ? strerror(-r) : outcome.message);
        strcpy(manager->status, "Enforcing; the last reload was refused");
        sd_notifyf(0, "READY=1\nSTATUS=%s", manager->status);
    } else {
        notify_status(manager, "READY=1\n");
    }
    return 0;
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct manager *manager = userdata;

    (void)source;
    (void)info;
    incidents_reap(manager->gateway, false);
    counters_watch_reap(manager->counters);
    return 0;
}

/* Signals are blocked first: sd_event reads them, so none is lost before the loop runs. */
static int watch_signals(struct manager *manager)
{
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;

    r = sd_event_add_signal(manager->event, NULL, SIGTERM, on_terminate, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGINT, on_terminate, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGHUP, on_reload, manager);
    /* Workers tell their end by their pipes. */
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGCHLD, on_child, manager);
    return r < 0 ? r : 0;
}

/* Descriptors that systemd passes: the control socket, and the stored socket that owns the table.
 */
struct handed {
    int control;
    int nftables;
};

/* Removes an unusable descriptor from systemd's store, where the number of them is limited. */
static void give_back(int fd, const char *name)
{
    sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    close(fd);
}

static int take_handed(struct handed *handed)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    *handed = (struct handed){-1, -1};
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;

        if (strcmp(names[i], STORED_NAME) == 0 && handed->nftables < 0)
            handed->nftables = fd;
        else if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0 && handed->control < 0)
            handed->control = fd;
        else
            give_back(fd, names[i]);
        free(names[i]);
    }
    free(names);
    return n < 0 ? n : 0;
}

static void handed_close(struct handed *handed)
{
    closep(&handed->control);
    closep(&handed->nftables);
}

/* A stored socket that could not be used must not be passed to the next process. */
static int open_gateway(struct manager *manager, struct handed *handed)
{
    int stored = handed->nftables;
    int r = gateway_new(&manager->options.gateway, TAKE_FD(handed->nftables), &manager->gateway);

    if (r == 0 && stored >= 0 && enforcement_fd(manager->gateway->enforcement) != stored)
        sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORED_NAME);
    return r;
}

static int open_server(struct manager *manager, struct handed *handed)
{
    struct server_options options = {
        .event = manager->event,
        .methods = control_methods,
        .n_methods = control_n_methods,
        .refused = control_note_refusal,
        .limits = WORKER_LIMITS,
        .enter = control_enter_worker,
        .learn = control_learn,
        .learned = control_learned,
        .change = control_change,
        .userdata = &manager->control,
    };

    manager->control.gateway = manager->gateway;
    options.fd = handed->control >= 0 ? TAKE_FD(handed->control)
                                      : server_listen(manager->options.socket_path);
    if (options.fd < 0) {
        /* The policy is enforced without a socket too. */
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot listen on %s: %s",
                    manager->options.socket_path, strerror(-options.fd));
        findings_report(manager->gateway->findings, "start", "no-socket", FINDING_WARNING, NULL,
                        "cannot listen on %s: %s", manager->options.socket_path,
                        strerror(-options.fd));
        return 0;
    }
    return server_new(&options, &manager->server);
}

/* Follows the kernel and the clock. Where the kernel cannot be followed, segd logs it and goes on.
 */
static int open_watches(struct manager *manager)
{
    int r = tables_watch_new(manager->event, manager->gateway, &manager->tables);

    if (r == 0)
        r = links_watch_new(manager->event, manager->gateway, &manager->links);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "cannot follow changes of the kernel: %s",
                    strerror(-r));
    r = denials_watch_new(manager->event, manager->gateway, &manager->denials);
    if (r == 0)
        r = clock_watch_new(manager->event, manager->gateway, &manager->clock);
    if (r >= 0)
        r = counters_watch_new(manager->event, manager->gateway, &manager->counters);
    return r < 0 ? r : sd_event_add_post(manager->event, NULL, on_event_done, manager);
}

int manager_new(const struct manager_options *options, struct manager **ret_manager)
{
    cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
    cleanup_(handed_close) struct handed handed = {-1, -1};
    int r;

    if (!manager)
        return -ENOMEM;
    manager->options = *options;

    r = take_handed(&handed);
    if (r == 0)
        r = sd_event_new(&manager->event);
    if (r >= 0)
        r = watch_signals(manager);
    /* Does nothing unless systemd asks for a watchdog. */
    if (r >= 0)
        r = sd_event_set_watchdog(manager->event, 1);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot start: %s", strerror(-r));
        return r;
    }

    r = open_gateway(manager, &handed);
    if (r == 0)
        r = open_server(manager, &handed);
    if (r >= 0)
        r = open_watches(manager);
    if (r < 0)
        return r;

    *ret_manager = TAKE_PTR(manager);
    return 0;
}

struct manager *manager_free(struct manager *manager)
{
    if (!manager)
        return NULL;

    followers_clear(&manager->control.followers);
    denial_followers_clear(&manager->control);
    server_free(manager->server);
    counters_watch_free(manager->counters);
    clock_watch_free(manager->clock);
    links_watch_free(manager->links);
    tables_watch_free(manager->tables);
    denials_watch_free(manager->denials);
    gateway_free(manager->gateway);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}

/* Has systemd keep the socket that owns the table open when this process ends. */
static void store_socket(struct manager *manager)
{
    int fd = enforcement_fd(manager->gateway->enforcement);

    if (enforcement_owns(manager->gateway->enforcement))
        sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORED_NAME, &fd, 1);
}

int manager_run(struct manager *manager)
{
    int r;

    /* First, so that the table keeps its owner whatever happens after it. */
    store_socket(manager);
    r = gateway_start(manager->gateway);
    if (r < 0)
        return r;
    follow_changes(manager);
    notify_status(manager, "READY=1\n");

    r = sd_event_loop(manager->event);
    incidents_reap(manager->gateway, true);
    counters_watch_finish(manager->counters);
    log_message(LOG_INFO, MESSAGE_STOPPED, "segd ends; what is enforced stays in the kernel");
    return r;
}
