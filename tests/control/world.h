/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "people.h"
#include "tests/lab/wires.h"

/*
 * A gateway beside a model of it, which knows what must pass now and what must not: policies as
 * data, what operators closed, and a naive judgement of a packet by both. What the product may do
 * in two ways is neither; real packets are compared with the rest.
 *
 * Addresses come in blocks, two on each of the first four wires: block 2n is the first half of the
 * networks of wire n, block 2n + 1 the second. NOWHERE is a network without a wire. Services are
 * udp/7001 to udp/7005, ports 0 to 4; port 5 is all else, which only the service `any` has.
 */
#define WORLD_WIRES 4
#define WORLD_BLOCKS 8
#define WORLD_NOWHERE 8
#define WORLD_PORTS 5
#define WORLD_ANY 5
#define WORLD_FIRST_PORT 7001

#define WORLD_NAME_SIZE 16
#define WORLD_ZONES_MAX 10
#define WORLD_FLOWS_MAX 16
#define WORLD_CLOSINGS_MAX 12
#define WORLD_HELD_MAX 48
#define WORLD_HISTORY_MAX 4096
#define BIT(n) (1U << (n))

struct zone_model {
    char name[WORLD_NAME_SIZE];
    unsigned wires;  /* bits */
    unsigned blocks; /* bits, NOWHERE too */
};

enum life {
    LIFE_LIVE,
    LIFE_EXPIRED,
    LIFE_DISABLED,
};

/* Time is counted in hours; at hour 0 a day of WORLD_TIMEZONE begins. */
#define WORLD_DAY 24
/* In seconds: midnight of 2100-01-01, later than the machine's clock. */
#define WORLD_HOUR_0 INT64_C(4102444800)
#define WORLD_HOUR INT64_C(3600)
#define WORLD_FOR_EVER INT64_MAX

struct flow_model {
    char name[WORLD_NAME_SIZE];
    enum life life;
    /* While it lives: its last day, 0: it has none; and from which hour of each day to which it
     * passes, if they differ. */
    int64_t last_day;
    int opens;
    int closes;
    unsigned from; /* blocks */
    unsigned to;
    unsigned first; /* port */
    unsigned last;
};

struct policy_model {
    struct zone_model zones[WORLD_ZONES_MAX];
    size_t n_zones;
    struct flow_model flows[WORLD_FLOWS_MAX];
    size_t n_flows;
};

/* Changes of a policy. Each asserts that what it names is there. */
struct zone_model *world_zone(struct policy_model *policy, const char *name);
struct flow_model *world_flow(struct policy_model *policy, const char *name);
struct zone_model *world_add_zone(struct policy_model *policy, const char *name, unsigned wires,
                                  unsigned blocks);
struct flow_model *world_add_flow(struct policy_model *policy, const char *name, unsigned from,
                                  unsigned to, unsigned first, unsigned last);
void world_drop_zone(struct policy_model *policy, const char *name);
void world_drop_flow(struct policy_model *policy, const char *name);
void world_rename(char *name, const char *to);
void world_swap_names(char *one, char *other);

/* What a flow is without its name: its addresses and services. That of a disabled flow is none, and
 * equal to no other. */
struct content {
    bool none;
    unsigned from;
    unsigned to;
    unsigned first;
    unsigned last;
};

/* How sure the model is that a closing holds something. */
enum hold {
    HOLD_PERHAPS, /* a policy that went back had brought it in, or damage may have */
    HOLD_PENDING, /* as long as the policy that nobody confirmed yet is there */
    HOLD_FIRM,
};

/* What one zone had at one time. */
struct span {
    unsigned wires;
    unsigned whole; /* wires that are cut off whatever the address */
    unsigned blocks;
    enum hold hold;
};

struct held_name {
    char name[WORLD_NAME_SIZE];
    enum hold hold;
};

struct held_content {
    struct content content;
    enum hold hold;
};

enum closing_kind {
    CLOSING_ISOLATION,
    CLOSING_SUSPENSION,
    CLOSING_GRANT, /* opens, and is listed with them */
};

struct closing {
    enum closing_kind kind;
    char reason[WORLD_NAME_SIZE];        /* finds it again in the daemon's own list */
    struct span extents[WORLD_HELD_MAX]; /* of an isolation */
    size_t n_extents;
    struct held_content keep[WORLD_FLOWS_MAX]; /* FIRM or PERHAPS */
    size_t n_keep;
    unsigned makers;                        /* bits of people */
    int64_t end;                            /* the hour from which it is open again */
    bool forgotten;                         /* the daemon may know makers and reason no more */
    struct held_name names[WORLD_HELD_MAX]; /* a suspension may hold several */
    size_t n_names;
    struct held_content contents[WORLD_HELD_MAX];
    size_t n_contents;
    /* Of a grant: from the block, to the block, and whether it surely passes. */
    struct flow_model granted;
    bool sure;
};

struct world {
    struct lab *lab;
    struct segd *segd;
    const char *label; /* what is told with a failure; borrowed */
    struct policy_model policy;
    int64_t hour;
    struct clocks *clocks; /* of the daemon; NULL: those of the machine */
    int clock_set;         /* an eventfd, by which the daemon is told that they were moved */
    int64_t deadline;      /* of a policy that waits, in hours that pass */
    int64_t passed;        /* hours since the beginning */
    /* Whether addresses that were cut off are to stay so when they come by other wires. */
    bool by_any_wire;
    /* What is enforced may be less than `policy`, never more. */
    bool less;
    struct closing closings[WORLD_CLOSINGS_MAX];
    size_t n_closings;
    /* A policy that waits to be confirmed. */
    bool pending;
    struct policy_model before;
    json_int_t number_before;
    /* The policy in the files, and what was in them when somebody last decided. */
    struct policy_model files;
    struct policy_model noted;
    json_int_t number;
    struct policy_model history[WORLD_HISTORY_MAX]; /* by number */
    bool known[WORLD_HISTORY_MAX];
    unsigned n_reasons;
    uint16_t source_port;
    unsigned round;
    /* Packets that were judged. */
    unsigned long n_closed;
    unsigned long n_open;
};

enum expectation {
    MUST_NOT_PASS,
    MAY_PASS,
    MUST_PASS,
};
/* From host 7 of one block to host 9 of another. */
struct packet {
    unsigned wire; /* by which it comes in; mostly that of its block */
    unsigned from;
    unsigned to;
    unsigned port;
};
/* What becomes of it. */
enum expectation world_judge(const struct world *world, const struct packet *packet);
/* Whether any flow or grant approves it, live or closed. */
bool world_approves(const struct world *world, const struct packet *packet);

/*
 * What the model makes of each event; the rest of this file calls these. An isolation takes in what
 * the zone of its name has in a new policy; a suspension follows its contents and names, and takes
 * in what has one of them.
 */
void model_clean(struct policy_model *policy);
void model_carry(struct world *world, const struct policy_model *after, enum hold hold);
void model_confirm(struct world *world);
void model_forget_pending(struct world *world);
/* An older policy may have been there for a while. */
void model_doubt(struct world *world, const struct policy_model *older);
void model_isolate(struct world *world, int person, const char *zone, const char *const *keep,
                   size_t n_keep, int64_t end, const char *reason);
void model_suspend(struct world *world, const char *flow, const char *reason);
void model_grant(struct world *world, const struct flow_model *granted, int64_t end,
                 const char *reason);
void model_drop(struct world *world, struct closing *closing);
/* What has ended by the hour. */
void model_end(struct world *world);
bool model_is_open(const struct world *world, const struct flow_model *flow);
struct closing *model_find_isolation(struct world *world, const char *zone);
bool model_may_be_suspended(const struct world *world, const struct flow_model *flow);
const char *model_name(const struct closing *closing);

/* Starts a daemon with this policy, among wires and people. With `own_clocks` it must be
 * segd-steps, and time stands still but for world_pass() and world_set_clock(). */
void world_start(struct world *world, const struct policy_model *policy, bool own_clocks);
void world_clear(struct world *world);

/* The policy as the text that the daemon reads; the caller frees it. */
char *world_text(const struct policy_model *policy);
extern const char *const world_wire_names[WORLD_WIRES];

/* Hours go by; or the clock is set forward or back, not to before hour 0. */
void world_pass(struct world *world, int64_t hours);
void world_set_clock(struct world *world, int64_t hours);

/*
 * Changes of the policy, which must be valid. `confirm` in seconds; 0: for good.
 */
void world_apply(struct world *world, const struct policy_model *policy, int confirm);
/* Writes the files and applies them. */
void world_apply_files(struct world *world, const struct policy_model *policy, int confirm);
/* What the daemon says of it. */
bool world_is_valid(struct world *world, const struct policy_model *policy);
void world_confirm(struct world *world);
/* Waits until the policy that nobody confirms has gone back, whose time is up or will be. */
void world_go_back(struct world *world);
void world_rollback(struct world *world, json_int_t number);
void world_write_files(struct world *world, const struct policy_model *policy);
/* Whether the files are what they were when somebody last decided. */
bool world_files_are_noted(const struct world *world);

/* What operators do. An isolation or grant ends within the last of `hours`; 0: an isolation does
 * not end. */
void world_isolate(struct world *world, int person, const char *zone, const char *const *keep,
                   size_t n_keep, int hours);
/* By somebody who has not made it; asserts that who has made it may not. */
void world_release(struct world *world, struct closing *closing);
void world_suspend(struct world *world, int person, const char *flow);
void world_resume(struct world *world, struct closing *closing);
/* False where it was refused. */
bool world_grant(struct world *world, int person, unsigned from, unsigned to, unsigned port,
                 int hours);
void world_revoke(struct world *world, struct closing *closing);
/* Ends all of them, each by somebody who may. */
void world_open_all(struct world *world);

/* How the daemon ends before it is started again. */
enum restart {
    RESTART_NONE,
    RESTART_STOP,
    RESTART_KILL,
    RESTART_KILL_POLICY,   /* and one bit of the generation's texts is flipped */
    RESTART_KILL_RECORD,   /* of the generation's record */
    RESTART_KILL_STATE,    /* of state.json */
    RESTART_KILL_NO_STATE, /* state.json is gone */
    RESTART_BOOT,
    RESTART_BOOT_FILES, /* and other files have come */
    RESTART_BOOT_POLICY,
    RESTART_BOOT_RECORD,
    RESTART_BOOT_STATE,
    RESTART_BOOT_NO_STATE,
    RESTART_BOOT_AUDIT, /* one bit of the audit log */
    N_RESTARTS,
};
extern const char *const restart_names[N_RESTARTS];
/* `files` of RESTART_BOOT_FILES. `chance` decides which bit. While it is down `hours` pass. */
void world_restart(struct world *world, enum restart restart, const struct policy_model *files,
                   unsigned chance, int64_t hours);

/* Sends all that is approved, and of all else a part, another one each time; and compares. `what`
 * was done before. */
void world_check(struct world *world, const char *what);
