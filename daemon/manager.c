/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon decides, the kernel enforces. At the start something is committed before systemd is
 * told READY, so that what is ordered behind segd starts behind a closed door; where no policy is
 * fit, the door is locked and the daemon stays, so that a corrected policy needs no more than to be
 * applied. Behind that everything is an event: a client, a signal, a timer, the kernel.
 */

#include "daemon/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "daemon/change/change.h"
#include "daemon/log.h"

/* The name under which systemd keeps the socket that owns the table. */
#define STORED_NAME "nftables"

static const struct actor signal_actor = {.uid = -1, .name = "signal"};

int manager_audit(struct manager *manager, const struct audit_event *event)
{
    int r = manager->audit ? audit_append(manager->audit, event) : -ENOENT;

    if (r < 0) {
        findings_report(manager->findings, "storage", "audit-not-written", FINDING_CRITICAL, NULL,
                        "the audit log cannot be written: %s", strerror(-r));
        log_message(LOG_ERR, MESSAGE_STORAGE, "the audit log cannot be written: %s", strerror(-r));
        return r;
    }
    findings_drop(manager->findings, "storage", "audit-not-written", NULL);
    if (audit_condition(manager->audit) == AUDIT_TAMPERED &&
        findings_report(manager->findings, "start", "audit-tampered", FINDING_CRITICAL, NULL,
                        "the audit log was changed by others: its chain is broken") > 0)
        log_message(LOG_CRIT, MESSAGE_STORAGE, "the audit log was changed by others");
    log_message(LOG_INFO, MESSAGE_AUDIT_HEAD, "audit %" PRIu64 " %s %s: %s",
                audit_sequence(manager->audit), event->action, event->outcome,
                audit_head(manager->audit));
    manager_tell_followers(manager);
    return 0;
}

/* What systemd shows of the daemon. */
static void notify_status(struct manager *manager, const char *first)
{
    if (manager->current.number > 0)
        sd_notifyf(0, "%sSTATUS=Enforcing generation %" PRIu64, first, manager->current.number);
    else if (enforcement_outline(manager->enforcement))
        sd_notifyf(0, "%sSTATUS=Enforcing the policy files; nothing can be kept", first);
    else
        sd_notifyf(0, "%sSTATUS=Locked down: no valid policy, see segctl status", first);
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
    int r;

    (void)source;
    (void)info;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, calendar_clock(CLOCK_MONOTONIC));

    r = change_apply(manager, &signal_actor, NULL, 0, NULL, 0, &outcome);
    if (outcome.diagnostics && outcome.sources)
        diagnostics_print(outcome.diagnostics, outcome.sources, stderr, isatty(STDERR_FILENO));
    if (r < 0 || outcome.kind != OUTCOME_DONE) {
        log_message(LOG_ERR, MESSAGE_POLICY_INVALID,
                    "%s was not applied: %s; what was enforced before stays enforced",
                    manager->options.policy_path, r < 0 ? strerror(-r) : outcome.message);
        sd_notify(0, "READY=1\nSTATUS=Enforcing; the last reload was refused");
    } else {
        notify_status(manager, "READY=1\n");
    }
    manager_look_for_bypasses(manager);
    malloc_trim(0);
    return 0;
}

/* Signals are blocked first: sd_event reads them, none is lost before the loop runs. */
static int watch_signals(struct manager *manager)
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

/* What systemd hands over: the control socket, and what an earlier process left in the store. */
struct handed {
    int control;
    int nftables;
};

/* What is of no use does not take the place in the store of what is. */
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

static int open_enforcement(struct manager *manager, struct handed *handed)
{
    const char *missing = NULL;
    int stored = handed->nftables;
    int r = enforcement_new(TAKE_FD(handed->nftables), &manager->enforcement, &missing);

    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot use nftables: %s",
                    missing       ? missing
                    : r == -EPERM ? "segd needs CAP_NET_ADMIN in this network namespace"
                                  : strerror(-r));
        return r;
    }

    /* What was stored and is of no use must not be handed over again. */
    if (stored >= 0 && enforcement_fd(manager->enforcement) != stored)
        sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORED_NAME);

    r = conntrack_open(&manager->conntrack);
    if (r < 0)
        log_message(LOG_WARNING, MESSAGE_KERNEL_REFUSED, "open connections cannot be read: %s",
                    strerror(-r));
    return 0;
}

static void write_refusal(struct manager *manager, const struct actor *actor, const char *method,
                          const char *why, const char *outcome, uint64_t omitted)
{
    cleanup_(json_decrefp) json_t *detail = NULL;

    if (omitted > 0)
        detail = json_pack("{s:I}", "omitted", (json_int_t)omitted);
    log_message(LOG_NOTICE, MESSAGE_REFUSED_CALL, "%s[%d] was refused %s: %s", actor->name,
                (int)actor->pid, method ? method : "a message", why);
    manager_audit(manager, &(struct audit_event){
                               .actor = *actor,
                               .action = "refuse",
                               .object = method,
                               .reason = why,
                               .from = manager->current.number,
                               .to = manager->current.number,
                               .outcome = outcome,
                               .detail = detail,
                           });
}

void manager_refuse(struct manager *manager, const struct actor *actor, const char *method,
                    const char *why, const char *outcome)
{
    uint64_t omitted;

    if (refusals_count(&manager->refusals, actor->uid, calendar_clock(CLOCK_MONOTONIC), &omitted))
        write_refusal(manager, actor, method, why, outcome, omitted);
}

/* The server counts by itself. */
static void on_refused(const struct actor *actor, const char *method, const char *why,
                       void *userdata)
{
    write_refusal(userdata, actor, method, why, "refused", 0);
}

static int open_server(struct manager *manager, struct handed *handed)
{
    struct server_options options = {
        .event = manager->event,
        .methods = manager_methods,
        .n_methods = manager_n_methods,
        .refused = on_refused,
        .userdata = manager,
    };

    options.fd = handed->control >= 0 ? TAKE_FD(handed->control)
                                      : server_listen(manager->options.socket_path);
    if (options.fd < 0) {
        /* Without a socket the policy is enforced all the same. */
        log_message(LOG_ERR, MESSAGE_STOPPED, "nobody can be answered at %s: %s",
                    manager->options.socket_path, strerror(-options.fd));
        findings_report(manager->findings, "start", "no-socket", FINDING_WARNING, NULL,
                        "the control socket %s cannot be used", manager->options.socket_path);
        return 0;
    }
    return server_new(&options, &manager->server);
}

int manager_new(const struct manager_options *options, struct manager **ret_manager)
{
    cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
    cleanup_(handed_close) struct handed handed = {-1, -1};
    int r;

    if (!manager)
        return -ENOMEM;
    manager->options = *options;
    manager->state_directory = -1;

    r = take_handed(&handed);
    if (r == 0)
        r = findings_new(&manager->findings);
    if (r == 0)
        r = sd_event_new(&manager->event);
    if (r >= 0)
        r = watch_signals(manager);
    /* Nothing where systemd asks for no sign of life. */
    if (r >= 0)
        r = sd_event_set_watchdog(manager->event, 1);
    if (r < 0) {
        log_message(LOG_ERR, MESSAGE_STOPPED, "cannot start: %s", strerror(-r));
        return r;
    }

    r = open_enforcement(manager, &handed);
    if (r == 0)
        r = open_server(manager, &handed);
    if (r < 0)
        return r;

    *ret_manager = TAKE_PTR(manager);
    return 0;
}

struct manager *manager_free(struct manager *manager)
{
    if (!manager)
        return NULL;

    followers_free(manager->followers);
    server_free(manager->server);
    watch_close(manager->watch);
    links_close(manager->links);
    manager_forget_policy(manager);
    policy_texts_clear(&manager->unkept);
    generation_clear(&manager->current);
    state_clear(&manager->state);
    audit_close(manager->audit);
    generations_close(manager->generations);
    closep(&manager->state_directory);
    conntrack_close(manager->conntrack);
    enforcement_free(manager->enforcement);
    findings_free(manager->findings);
    sd_event_source_unref(manager->timer);
    sd_event_source_unref(manager->confirmation_timer);
    sd_event_source_unref(manager->look);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}

/* The socket that owns the table stays open with systemd when this process ends. */
static void store_socket(struct manager *manager)
{
    int fd = enforcement_fd(manager->enforcement);

    if (enforcement_owns(manager->enforcement))
        sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORED_NAME, &fd, 1);
}

int manager_run(struct manager *manager)
{
    int r = manager_watch_kernel(manager);

    if (r < 0)
        log_message(LOG_ERR, MESSAGE_KERNEL_REFUSED, "changes by others cannot be followed: %s",
                    strerror(-r));
    r = manager_watch_clock(manager);
    if (r < 0)
        log_message(LOG_ERR, MESSAGE_CLOCK, "the clock cannot be followed: %s", strerror(-r));

    /* Before anything can go wrong: whatever does, the table never is without its owner. */
    store_socket(manager);
    r = manager_start(manager);
    if (r < 0)
        return r;
    manager_look_for_bypasses(manager);
    malloc_trim(0);
    notify_status(manager, "READY=1\n");

    r = sd_event_loop(manager->event);
    log_message(LOG_INFO, MESSAGE_STOPPED, "leaving; what is enforced stays in the kernel");
    return r;
}
