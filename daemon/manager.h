/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "daemon/control/refusal.h"
#include "daemon/control/server.h"
#include "daemon/enforcement.h"
#include "daemon/findings.h"
#include "daemon/record/audit.h"
#include "daemon/record/generation.h"
#include "daemon/record/state.h"
#include "observe/conntrack.h"
#include "observe/links.h"
#include "observe/watch.h"

/*
 * The running daemon: one event loop, what it enforces, what it keeps, and whom it obeys.
 *
 *   SIGHUP            apply the policy files; invalid ones leave what runs
 *   SIGTERM, SIGINT   leave; what is enforced stays in the kernel
 */
struct manager_options {
    const char *policy_path;
    const char *state_path;  /* folder; made where it is not there */
    const char *socket_path; /* of the control socket, where systemd hands none over */
};

/* Foreign changes of the table that were repaired since the daemon began. */
struct drift {
    uint64_t repairs;
    usec_t last;    /* 0: never */
    char by[64];    /* the process, as far as the kernel told */
    char what[256]; /* the first difference */
};

/* A flow that ends soon. `warning`: 60, 30 or 7 days, the smallest that it is within. */
struct expiring {
    char *name;
    char *label;
    usec_t expires;
    unsigned warning;
};

/* Its parts, for the files of the daemon. */
struct manager {
    struct manager_options options; /* borrowed texts */
    sd_event *event;
    struct enforcement *enforcement;
    struct conntrack *conntrack; /* NULL where the kernel has no ctnetlink */

    int state_directory; /* -1 where there is none: nothing can be changed then */
    struct generations *generations;
    struct audit *audit;
    struct state state;         /* as it is on the disk, and enforced */
    struct generation current;  /* what is enforced; number 0: lockdown */
    struct policy_texts unkept; /* what is enforced where no generation can be kept; else empty */

    struct findings *findings;
    struct links *links;
    struct watch *watch;
    struct drift drift;
    size_t n_flows;            /* of the policy, as its authors wrote them */
    usec_t until;              /* when a flow begins or ends by itself */
    struct expiring *expiring; /* flows whose last day is near, soonest first */
    size_t n_expiring;
    sd_event_source *timer;              /* for all that, by the time of day */
    sd_event_source *confirmation_timer; /* by boot time */
    sd_event_source *look;               /* for a look at the interfaces when they have settled */

    struct server *server;
    struct refusals refusals;
    struct followers *followers; /* of the audit log; method_audit.c */
};

/* Returns 0 or -errno; what went wrong has been logged. */
int manager_new(const struct manager_options *options, struct manager **ret_manager);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager, manager_free)

/* Enforces, tells systemd, and stays until told to leave. Returns 0, or -errno where not even the
 * lockdown could be committed. */
int manager_run(struct manager *manager);

/* start.c: decides what to enforce and commits it. Returns 0, or -errno where nothing could be. */
int manager_start(struct manager *manager);
/* clock.c: takes from a policy that was committed when it will change by itself, and which of its
 * flows end soon; and sets the timers anew, after every change. */
void manager_take_policy(struct manager *manager, const struct compiled *compiled);
void manager_forget_policy(struct manager *manager);
int manager_arm(struct manager *manager);
/* Decides whether the clock is believed (struct overrides, `over`). */
void manager_judge_clock(struct manager *manager);
/* Follows settings of the clock. */
int manager_watch_clock(struct manager *manager);
/* drift.c: follows foreign changes of the table, and the interfaces. */
int manager_watch_kernel(struct manager *manager);
/* Looks again for ways around the ruleset. */
void manager_look_for_bypasses(struct manager *manager);
/* forwarding.c: switches the kernel's forwarding on, for a policy that leaves it to segd. A failure
 * becomes a finding. */
void manager_forward(struct manager *manager);
/* Writes to the audit log; a failure becomes a finding and is returned. */
int manager_audit(struct manager *manager, const struct audit_event *event);
/* Writes a refused attempt, unless the user has made too many of them (refusal.h). */
void manager_refuse(struct manager *manager, const struct actor *actor, const char *method,
                    const char *why, const char *outcome);
/* method_audit.c: gives new entries of the audit log to those who follow it. */
void manager_tell_followers(struct manager *manager);
struct followers *followers_free(struct followers *followers);
/* methods.c: the table of methods. */
extern const struct method manager_methods[];
extern const size_t manager_n_methods;
