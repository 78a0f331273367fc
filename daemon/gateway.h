/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "daemon/agenda.h"
#include "daemon/enforcement.h"
#include "daemon/findings.h"
#include "daemon/record/audit.h"
#include "daemon/record/generation.h"
#include "daemon/record/state.h"
#include "observe/conntrack.h"
#include "observe/links.h"

/*
 * What is enforced on this machine and what is kept of it: the object that every change changes. It
 * knows no event loop and no client. What must follow a change (timers, findings, the status that
 * systemd shows, followers of the audit log) follows because `changed` is set, in one place
 * (manager.c), whatever the change was.
 */
struct gateway_options {
    const char *policy_path;
    const char *state_path; /* folder; made where it is not there */
};

/* What could not be written yet, and is written as soon as it can be. */
struct unwritten {
    bool state;                  /* state.json, and the overrides beside the generation */
    struct audit_event *entries; /* of the audit log; texts and details are their own */
    size_t n_entries;
    size_t capacity;
    uint64_t omitted; /* entries beyond UNWRITTEN_ENTRIES_MAX */
};
#define UNWRITTEN_ENTRIES_MAX 1000

struct gateway {
    struct gateway_options options; /* borrowed texts */
    struct enforcement *enforcement;
    struct conntrack *conntrack; /* NULL where the kernel has no ctnetlink */
    struct links *links;         /* NULL where the interfaces cannot be followed */

    int state_directory; /* -1 where there is none: nothing can be opened then */
    struct generations *generations;
    struct audit *audit;
    struct state state;         /* as it is enforced, and on the disk but for `unwritten` */
    struct generation current;  /* what is enforced; number 0: lockdown, or files of `unkept` */
    struct policy_texts unkept; /* what is enforced where no generation can be kept; else empty */
    struct unwritten unwritten;

    struct findings *findings;
    struct drift drift;
    struct agenda agenda;
    usec_t seen;  /* until which instant what time does by itself has been told */
    bool changed; /* something that others must follow; taken by gateway_take_changed() */
};

/*
 * Opens the kernel of this network namespace. `fd` is the socket that owns the table, left by an
 * earlier process, or -1; it is taken over. Nothing is enforced and nothing is read yet
 * (change/start.h). Returns 0, or -errno; what went wrong has been logged.
 */
int gateway_new(const struct gateway_options *options, int fd, struct gateway **ret_gateway);
struct gateway *gateway_free(struct gateway *gateway);
DEFINE_CLEANUP(struct gateway, gateway_free)

/* Whether something changed since the last call. */
bool gateway_take_changed(struct gateway *gateway);

/* The last instant that is known to have passed: the clock, or where that is certainly wrong
 * `state.overrides.clock_floor`. */
usec_t gateway_now(const struct gateway *gateway);
/* Decides whether the clock can be trusted: at the start, and after it was set. */
void gateway_judge_clock(struct gateway *gateway);

/* Writes to the audit log; a failure becomes a finding and is returned. */
int gateway_audit(struct gateway *gateway, const struct audit_event *event);
/* The same for what has happened already: where it cannot be written it is kept, and written before
 * any other entry. */
void gateway_audit_later(struct gateway *gateway, const struct audit_event *event);
/* Writes state and overrides; where that fails it is tried again by gateway_write_unwritten(), and
 * is a finding until then. */
void gateway_keep_state(struct gateway *gateway);
/* Writes the record of the enforced generation, with the overrides as they are now: from there a
 * start takes them that finds no state. A failure is handled likewise. */
void gateway_keep_generation(struct gateway *gateway);
/* Writes what could not be written before. Returns whether anything is left. */
bool gateway_write_unwritten(struct gateway *gateway);

/* Lets the kernel forward, for a policy that leaves it to segd. A failure becomes a finding. */
void gateway_forward(struct gateway *gateway);
