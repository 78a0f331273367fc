/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "daemon/agenda.h"
#include "daemon/enforcement.h"
#include "daemon/findings.h"
#include "daemon/record/audit.h"
#include "daemon/record/generation.h"
#include "daemon/record/state.h"
#include "daemon/record/totals.h"
#include "observe/conntrack.h"
#include "observe/denials.h"
#include "observe/links.h"

/*
 * What is enforced on this machine and what is kept of it: the object that every change changes. It
 * knows no event loop and no client. A change sets `changed`, and manager.c then does what must
 * follow (timers, findings, the status that systemd shows, followers of the audit log).
 */
struct handover;

struct gateway_options {
    const char *policy_path;
    const char *state_path; /* folder; made if it does not exist */
};

/* What could not be written yet, and is written as soon as it can be. */
struct unwritten {
    bool state;                  /* state.json, and the overrides in the generation's record */
    struct audit_event *entries; /* of the audit log; they own their texts and details */
    size_t n_entries;
    size_t capacity;
    uint64_t omitted; /* how many entries beyond UNWRITTEN_ENTRIES_MAX were lost */
};
#define UNWRITTEN_ENTRIES_MAX 1000

/* A child that writes the evidence of an isolation. */
struct incident {
    pid_t pid;
    char *zone;
};
#define INCIDENTS_MAX 32

/*
 * The policy of one generation as a child left it, so that nobody who reads it later needs to parse
 * its texts. Workers read it; this process does not, so it has none of its pages. Grants are not in
 * it. A zeroed structure is empty.
 */
struct policy_image {
    struct arena *arena; /* of the policy; policy_free() frees nothing of it */
    const struct policy *policy;
    char fingerprint[SHA256_TEXT_MAX]; /* of its texts */
};
void policy_image_clear(struct policy_image *image);

/* Who was refused, as far as the log of refused packets tells (daemon/watch/denials.h). */
struct denied {
    struct denials *denials; /* NULL: nobody has listened to the log yet */
    usec_t since;            /* since when it is listened to; 0: it is not */
    uint64_t lost;           /* packets of the log that were not read in time */
    uint64_t unlogged;       /* not logged, as was last read from the kernel */
};

struct gateway {
    struct gateway_options options; /* borrowed texts */
    struct enforcement *enforcement;
    struct conntrack *conntrack; /* NULL if the kernel has no ctnetlink */
    struct links *links;         /* NULL if interfaces cannot be followed */

    int state_directory; /* negative: there is none, and no change may open anything */
    int lock;            /* keeps other processes from using the folder, while it is open; or -1 */
    int copy_directory;  /* `copy` in the state folder, which holds what it holds again; or -1 */
    struct generations *generations;
    struct audit *audit;
    struct state state;         /* as enforced; on the disk unless `unwritten` says otherwise */
    struct generation current;  /* what is enforced; number 0: lockdown, or `unkept` */
    struct policy_image image;  /* of `current` if the fingerprints are the same, or of another */
    bool is_policy_lost;        /* the kernel holds `current`, of which nobody has the texts */
    struct policy_texts unkept; /* enforced policy files of which no generation can be kept */
    struct unwritten unwritten;
    struct incident incidents[INCIDENTS_MAX]; /* daemon/change/incident.h */
    size_t n_incidents;

    struct totals *totals; /* of counters; on the disk as of the last minute */
    struct denied denied;
    struct findings *findings;
    struct drift drift;
    struct agenda agenda;
    /* When a generation that was not confirmed tries to go back again, by CLOCK_BOOTTIME; 0: it has
     * not failed to. */
    usec_t go_back_again;
    uint64_t n_commits;   /* since the start, with other changes of `state`: what a child knows
                             is of the instant at which it was made */
    uint64_t n_handovers; /* made by this process */
    struct handover
        *handover;       /* of a child: what it prepares is committed by its parent; or NULL */
    usec_t seen;         /* events of time up to this instant have been told */
    bool changed;        /* since gateway_take_changed() was last called */
    bool others_changed; /* tables of others, since bypasses were last looked for */
};

/*
 * Opens the kernel of this network namespace. `fd` is the socket of an earlier process that owns
 * the table, or -1; it is used or closed. gateway_start() then decides what to enforce. Returns 0,
 * or after logging it -EBUSY if another process uses the state folder, or -errno.
 */
int gateway_new(const struct gateway_options *options, int fd, struct gateway **ret_gateway);
struct gateway *gateway_free(struct gateway *gateway);
DEFINE_CLEANUP(struct gateway, gateway_free)

/*
 * In a child of this process, which only reads what this one knows: leaves the lock of the state
 * folder and the sockets to the kernel to this process. If `reads`, the child has sockets of its
 * own to read the kernel by; else it gives up its last capability. Returns 0 or -errno.
 */
int gateway_enter_child(struct gateway *gateway, bool reads);

/* The connections, by the marks of what is enforced now; NULL where they cannot be read. Borrowed.
 */
struct conntrack *gateway_conntrack(const struct gateway *gateway);
/* Returns `changed` and resets it. */
bool gateway_take_changed(struct gateway *gateway);

/* The last instant that is known to have passed: the clock, or where that is certainly wrong
 * `state.overrides.clock_floor`. */
usec_t gateway_now(const struct gateway *gateway);
/* The last instant that an earlier process knew, as state_instant(); 0: none. */
usec_t gateway_known_instant(const struct gateway *gateway);
/* Decides whether the clock can be trusted: at the start, and after it was set. */
void gateway_judge_clock(struct gateway *gateway);

/* Writes an entry to the audit log. An error becomes a finding and is returned. */
int gateway_audit(struct gateway *gateway, const struct audit_event *event);
/* The same for what has happened already: an entry that cannot be written is kept in memory, and
 * written before any later one. */
void gateway_audit_later(struct gateway *gateway, const struct audit_event *event);
/* Writes a state that names the end of the audit log, and then its copy. Returns as state_write(),
 * or -ENOENT if there is no state folder. */
int gateway_write_state(struct gateway *gateway, struct state *state);
/* Writes the state and the generation's record. An error becomes a finding, and
 * gateway_write_unwritten() tries again. */
void gateway_keep_state(struct gateway *gateway);
/* Writes the record of the enforced generation with the present overrides, from which a start reads
 * them if the state is lost. An error is handled in the same way. */
void gateway_keep_generation(struct gateway *gateway);
/* Writes the state if the audit log has entries that it does not know. After the entry, so that the
 * state never names an entry that the log does not have. An error is handled in the same way. */
void gateway_keep_audit_end(struct gateway *gateway);
/* Writes what could not be written before. Returns whether something is still unwritten. */
bool gateway_write_unwritten(struct gateway *gateway);

/* Switches the kernel's forwarding on, for policies that leave it to segd. An error becomes a
 * finding. */
void gateway_forward(struct gateway *gateway);
