/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/calendar.h"
#include "base/sha256.h"
#include "record/record.h"

/*
 * What the daemon keeps in memory and in files, and shows. Each structure has its description, such
 * as `actor_type` for `struct actor`. Members marked "shown" are filled in only for replies of the
 * control socket.
 */

/*
 * Who does something: a client of the control socket, as SO_PEERCRED identifies it, or the daemon
 * itself, with pid 0 and a name such as `boot`, `signal` or `clock`.
 */
#define ACTOR_NAME_MAX 64

struct actor {
    int64_t uid; /* -1: the daemon itself */
    pid_t pid;
    char name[ACTOR_NAME_MAX]; /* login name, or if there is none the uid as text */
    /* Number of the connection, counted from 1 since the daemon started; 0: none. */
    uint64_t connection;
};

/*
 * What an operator changed for a while, without a new policy:
 *
 *   isolation   a zone is cut off from all others, except for the flows that were kept
 *   suspension  a flow does not pass, though the policy approves it
 *   grant       a flow passes until an instant, though the policy does not approve it
 *
 * They outlive the policy, so isolations and suspensions hold the name of a zone or flow and also
 * what it was: a zone's interfaces and networks, a flow's content. What has either stays closed
 * (policy/closings.h). The first version of segd wrote names alone, and a start completes them. A
 * grant is a flow in the language of the policy.
 */
enum override_kind {
    OVERRIDE_ISOLATION,
    OVERRIDE_SUSPENSION,
    OVERRIDE_GRANT,
};

/* What a zone was in one policy: these networks at these interfaces. Of an interface that only this
 * zone had, `whole`, all addresses belong to the extent. */
struct extent {
    char **interfaces;
    size_t n_interfaces;
    char **whole; /* some of `interfaces` */
    size_t n_whole;
    char **networks; /* as range_format() writes them */
    size_t n_networks;
    bool any; /* they are what no other zone had, and are not followed to other interfaces */
    /* Several that were merged: what is in it is cut off from each other, too. */
    bool apart;
};

/* Somebody who made an isolation, or made it stricter. */
struct maker {
    int64_t uid;
    char *who;
    usec_t since;
    char *reason;
};

/* The content of a flow (`digest` of struct flow) as 32 hexadecimal digits. */
#define FLOW_CONTENT_TEXT_MAX 33
bool flow_content_is_text(const char *text);

struct override {
    enum override_kind kind;
    /* The zone, the flow, or the name of the grant's own flow (`grant-3`). */
    char *name;
    char *reason;
    int64_t uid; /* who, by SO_PEERCRED */
    char *who;   /* the actor's name */
    usec_t since;
    int64_t age;  /* shown: seconds since then */
    usec_t until; /* USEC_NEVER: until an operator ends it */
    /* Of an isolation: flows that still pass. What decides is `keep_ids`, their contents, in the
     * same order; only the first version of segd wrote names without them. */
    char **keep;
    size_t n_keep;
    char **keep_ids;
    size_t n_keep_ids;
    /* Of an isolation: what the zone was when it was isolated, and in each policy since. */
    struct extent *extents;
    size_t n_extents;
    /* Of an isolation: all who made it what it is, the first one also in `uid`, `who` and so on. */
    struct maker *makers;
    size_t n_makers;
    /* Of a suspension: the contents that do not pass, whatever their flows are called. */
    char **ids;
    size_t n_ids;
    /* Of a suspension: other names that these contents had; flows of these names do not pass. */
    char **names;
    size_t n_names;
    char *text; /* of a grant: its flow as a policy text */
    /* Of a grant: what was asked for. Empty if an older version of segd wrote it. */
    char **from;
    size_t n_from;
    char **to;
    size_t n_to;
    char **services;
    size_t n_services;
};

/* A zeroed structure is empty. It owns all of its memory. */
struct overrides {
    struct override *overrides;
    size_t n_overrides;
    size_t capacity;
    uint64_t next_grant; /* number of the next grant, from 1; never used twice */
    /* Names of the only flows that may pass, sorted: a start enforced an older generation, and all
     * others are held back as if they were suspended. Empty: there is no such bound. */
    char **only;
    size_t n_only;
    /* Where the clock is certainly wrong: an instant that has passed whatever the clock shows.
     * Flows that ended by then have expired. 0: the clock is trusted. */
    usec_t clock_floor;
};

enum generation_outcome {
    GENERATION_PREPARED,    /* written, but not known to be in the kernel */
    GENERATION_APPLIED,     /* in the kernel, now or before the next one */
    GENERATION_REFUSED,     /* the kernel refused it */
    GENERATION_UNCONFIRMED, /* undone, since nobody confirmed it in time */
};

/* One applied policy. */
struct generation {
    uint64_t number;   /* from 1 */
    uint64_t previous; /* the one that it replaced; 0: none */
    uint64_t source;   /* of a rollback: the generation that has its policy; 0: no rollback */
    char fingerprint[SHA256_TEXT_MAX];
    struct actor actor;
    usec_t when;
    char *reason; /* or NULL */
    enum generation_outcome outcome;
    struct overrides overrides; /* as they were when it was applied */
    bool current;               /* shown: it is enforced */
};

/* A generation that is undone unless it is confirmed in time. */
struct confirmation {
    uint64_t generation; /* the one that waits */
    bool pending;
    uint64_t previous;    /* enforced again if nobody confirms; 0: lockdown */
    struct actor actor;   /* who applied it */
    uint64_t connections; /* number of the newest connection then; 0: of another process */
    usec_t deadline;      /* by CLOCK_BOOTTIME, which no setting of the clock moves */
    usec_t deadline_wall; /* the same by the time of day, to be shown */
    int64_t seconds;      /* shown: seconds left */
    char boot_id[40]; /* of the boot to which `deadline` belongs: after a reboot it is too late */
};

enum finding_severity {
    FINDING_NOTICE,
    FINDING_WARNING,
    FINDING_CRITICAL, /* what is enforced is not what was decided, or packets may bypass it */
};

/* A problem that needs a person. */
struct finding {
    const char *source; /* who found it: a static string */
    const char *code;   /* a static kebab-case word */
    enum finding_severity severity;
    char *object; /* or NULL */
    char *message;
    usec_t since;
};

/* Foreign changes of the table that were repaired since the daemon began. */
struct drift {
    uint64_t repairs;
    usec_t last;    /* 0: never */
    char by[64];    /* the process, if the kernel named it */
    char what[256]; /* the first difference */
};

/* A flow whose end is near or has passed. `warning`: 60, 30 or 7, the smallest number of days
 * within which it ends; 0: it has ended. */
struct expiring {
    char *name;
    char *label;
    usec_t expires;
    unsigned warning;
    int64_t days; /* shown: days left; negative after the end */
};

/* One file of a policy. Grants are texts of their own, after those of the policy. */
struct policy_text {
    const char *name; /* what diagnostics call it: the path of the file, or `grant grant-3` */
    const char *text;
    size_t size;
    /* Of a grant: when its flow ends; 0: as the text says. */
    usec_t expires;
};

/* The largest integer that every reader of JSON keeps exactly. */
#define AUDIT_SEQUENCE_MAX (UINT64_C(1) << 53)

/* An entry of the audit log. */
struct audit_entry {
    uint64_t sequence;
    usec_t time;
    char previous[SHA256_TEXT_MAX]; /* digest of the line before */
    int64_t uid;
    pid_t pid;
    const char *who;
    const char *action;
    const char *object; /* or NULL */
    const char *reason; /* or NULL */
    uint64_t from, to;  /* generations; 0: none */
    const char *outcome;
    json_t *detail; /* or NULL */
};

extern const struct record_words override_kinds;
static inline const char *override_kind_to_string(enum override_kind kind)
{
    return record_word(&override_kinds, kind);
}
extern const struct record_words generation_outcomes;
extern const struct record_words finding_severities;

extern const struct record_type actor_type;
extern const struct record_type extent_type;
extern const struct record_type maker_type;
extern const struct record_type override_type;
extern const struct record_type overrides_type; /* on the disk */
extern const struct record_type generation_type;
extern const struct record_type confirmation_type;
extern const struct record_type finding_type;
extern const struct record_type drift_type;
extern const struct record_type expiring_type;
extern const struct record_type policy_text_type;
extern const struct record_type audit_entry_type;
