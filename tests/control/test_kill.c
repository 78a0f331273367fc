/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A daemon that is killed while it changes what is enforced. At every step in turn: afterwards the
 * kernel holds what it held or what the finished change makes of it, a daemon that starts goes on
 * with the same, and nothing is left that would be in its way. And at random moments under traffic:
 * a packet that neither policy approves passes at no time, and one that both approve always.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "listing.h"
#include "sandbox.h"
#include "traffic.h"
#include "wires.h"

/* Rounds at random moments; more by hand: `KILLS=5000`, the same again: `SEED=`. */
#define KILLS 500

/* More than any change has. */
#define STEPS_MAX 400
#define HEAD                                                                                       \
    WIRES_POLICY "hosts:\n"                                                                        \
                 "  client: { zone: a, address: [10.1.0.7, 'fd00:1::7'] }\n"                       \
                 "  server: { zone: b, address: [10.3.0.9, 'fd00:3::9'] }\n"                       \
                 "flows:\n"                                                                        \
                 "  kept: { from: client, to: server, services: [udp/7001, tcp/7001] }\n"          \
                 "  other: { from: a, to: c, services: [udp/7000-7100] }\n"
/* Ranges come and hashes go: a change in three transactions. */
#define FIRST HEAD "  first: { from: client, to: server, services: [udp/7002, udp/7005] }\n"
#define SECOND HEAD "  second: { from: client, to: server, services: [udp/7003-7006] }\n"

/* A change of what is enforced, what must have come before it, and what takes it back. */
struct change_call {
    const char *name;
    bool override; /* else a policy */
    bool closes;   /* by hand: an isolation or a suspension */
    const char *prepare;
    const char *prepare_parameters;
    const char *method;
    const char *parameters;
    const char *undo;
    const char *undo_parameters;
};

#define ISOLATE "{'zone': 'c', 'reason': 'test', 'keep': ['kept']}"
#define RELEASE "{'zone': 'c', 'reason': 'test', 'alone': true}"
#define SUSPEND "{'flow': 'first', 'reason': 'test'}"
#define GRANT                                                                                      \
    "{'from': ['10.1.0.8'], 'to': ['10.3.0.8'], 'services': ['tcp/22'], 'seconds': 7200,"          \
    " 'reason': 'test'}"

static const struct change_call changes[] = {
    {"apply", false, false, NULL, NULL, "Apply", NULL, "Rollback", "{}"},
    {"rollback", false, false, "Apply", NULL, "Rollback", "{}", "Apply", NULL},
    {"isolate", true, true, NULL, NULL, "Isolate", ISOLATE, "Release", RELEASE},
    {"release", true, false, "Isolate", ISOLATE, "Release", RELEASE, "Isolate", ISOLATE},
    {"suspend", true, true, NULL, NULL, "Suspend", SUSPEND, "Resume", "{'flow': 'first'}"},
    {"resume", true, false, "Suspend", SUSPEND, "Resume", "{'flow': 'first'}", "Suspend", SUSPEND},
    {"grant", true, false, NULL, NULL, "Grant", GRANT, "Revoke", NULL},
    {"revoke", true, false, "Grant", GRANT, "Revoke", NULL, "Grant", GRANT},
};

/* Parameters as in the table; NULL: the second policy for Apply, the last grant for Revoke. */
static json_t *make_parameters(const struct segd *segd, const char *method, const char *text)
{
    cleanup_(freep) char *grant = NULL;

    if (text)
        return calls_parameters(text);
    if (strcmp(method, "Apply") == 0)
        return calls_policy(SECOND, 0);
    grant = calls_last_override(segd);
    return json_pack("{s:s}", "grant", grant);
}

static void run_call(const struct segd *segd, const char *method, const char *parameters)
{
    calls_do(segd, method, make_parameters(segd, method, parameters));
}

static void set_steps(const char *path, unsigned steps)
{
    FILE *file;

    if (steps == 0) {
        unlink(path);
        return;
    }
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, "%u\n", steps), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Whether the call, with the daemon killed at this step of it, was finished. */
static bool run_deadly(struct segd *segd, const char *path, const struct change_call *change,
                       unsigned step)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *text = NULL;
    siginfo_t end = {0};
    json_t *parameters = make_parameters(segd, change->method, change->parameters);
    int r;

    set_steps(path, step);
    r = calls_try(segd, change->method, parameters, &reply, &error);
    set_steps(path, 0);
    if (r == 0)
        return true;

    text = reply ? json_dumps(reply, 0) : NULL;
    ck_assert_msg(r == -ECONNRESET, "step %u: %s %s", step, strerror(-r), text ? text : "");
    ck_assert_int_eq(waitid(P_PID, (id_t)segd_process(segd), &end, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(end.si_code, CLD_KILLED);
    ck_assert_int_eq(end.si_status, SIGKILL);
    segd_kill(segd);
    return false;
}

/* The two listings between which a kill must leave nothing. */
struct sides {
    char *old;
    char *new;
};

static void sides_clear(struct sides *sides)
{
    free(sides->old);
    free(sides->new);
}

static void take_sides(struct segd *segd, const struct change_call *change, struct sides *sides)
{
    sides->old = listing_read();
    run_call(segd, change->method, change->parameters);
    sides->new = listing_read();
    ck_assert_str_ne(sides->old, sides->new);
    run_call(segd, change->undo, change->undo_parameters);
    calls_verify(segd);
}

/*
 * After a kill: what the kernel holds, then what a new daemon makes of it. What the kernel holds of
 * a policy decides: between the transactions of one it still goes by the number of the old. Of an
 * isolation or suspension the kernel remembers from its first transaction on, and what it holds is
 * carried out; other overrides are finished or have not begun. Returns the side that is enforced.
 */
static const char *judge(struct segd *segd, const struct change_call *change,
                         const struct sides *sides)
{
    cleanup_(freep) char *killed = listing_read();
    cleanup_(freep) char *restarted = NULL;
    bool old = strcmp(killed, sides->old) == 0, new = strcmp(killed, sides->new) == 0;
    const char *side;

    segd_start_again(segd);
    restarted = listing_read();
    side =
        new || (change->closes && !old) || (change->override && strcmp(restarted, sides->old) != 0)
            ? sides->new
            : sides->old;
    segd_same(side, restarted);
    calls_verify(segd);
    return side;
}

START_TEST(daemon_killed_at_any_step_leaves_one_side)
{
    const struct change_call *change = &changes[_i];
    const char *steps = getenv("SEGD_STEPS");
    cleanup_(sides_clear) struct sides sides = {0};
    cleanup_(segd_freep) struct segd *segd = NULL;
    bool finished = false;
    char path[] = "/tmp/segd-kill-at-XXXXXX";
    unsigned step;

    ck_assert_ptr_nonnull(steps);
    sandbox_enter();
    close(mkstemp(path));
    set_steps(path, 0);
    setenv("SEGD_KILL_AT", path, 1);
    setenv("SEGD", steps, 1);
    segd = segd_start(FIRST);
    if (change->prepare)
        run_call(segd, change->prepare, change->prepare_parameters);
    take_sides(segd, change, &sides);

    for (step = 1; !finished && step < STEPS_MAX; step++) {
        finished = run_deadly(segd, path, change, step);
        if (finished)
            break;
        if (judge(segd, change, &sides) == sides.new)
            run_call(segd, change->undo, change->undo_parameters);
    }
    ck_assert(finished);
    ck_assert_uint_gt(step, 8);
    printf("%s: %u steps\n", change->name, step - 1);
}
END_TEST

static usec_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Asks for a change and streams until the daemon is killed, after so long at the latest, or has
 * answered. Returns how long that took. */
static usec_t change_under_traffic(struct segd *segd, struct traffic *traffic, bool second,
                                   usec_t life)
{
    usec_t start = monotonic();
    int connection = calls_send(segd, "Apply", false, calls_policy(second ? SECOND : FIRST, 0));
    cleanup_(freep) char *answer = NULL;

    while (monotonic() - start < life && !(answer = calls_receive(connection, false)))
        traffic_round(traffic);
    ck_assert_msg(!answer || !strstr(answer, "\"error\""), "%s", answer);
    close(connection);
    return monotonic() - start;
}

/* All the time frames stream; the daemon that starts finds one of the two policies in the kernel.
 */
static void die_and_start(struct segd *segd, struct traffic *traffic)
{
    segd_kill(segd);
    /* Of the daemon that is gone. */
    while (segd_notification(segd, false))
        ;
    traffic_round(traffic);
    segd_spawn(segd);
    for (const char *text = NULL; !text || !strstr(text, "READY=1");) {
        traffic_round(traffic);
        text = segd_notification(segd, false);
    }
}

START_TEST(daemon_killed_under_traffic_lets_nothing_else_pass)
{
    const char *by_hand = getenv("KILLS"), *seed = getenv("SEED");
    unsigned kills = by_hand ? (unsigned)atoi(by_hand) : KILLS, finished = 0;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(FIRST);
    struct frame first = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002), second = first;
    struct traffic traffic = {.lab = lab};
    usec_t whole;
    unsigned start = seed ? (unsigned)atoi(seed) : (unsigned)time(NULL);

    printf("SEED=%u\n", start);
    fflush(stdout);
    srandom(start);
    second.port = 7003;
    whole = change_under_traffic(segd, &traffic, true, USEC_NEVER);
    for (unsigned i = 0; i < kills; i++) {
        bool passes = wires_try(lab, WIRE_A, &second, NULL);
        usec_t life = (usec_t)random() % (whole * 3 / 2);

        change_under_traffic(segd, &traffic, !passes, life);
        die_and_start(segd, &traffic);
        finished += passes != wires_try(lab, WIRE_A, &second, NULL);
        ck_assert_int_ne(wires_try(lab, WIRE_A, &first, NULL),
                         wires_try(lab, WIRE_A, &second, NULL));
        if (i % 25 == 0)
            calls_verify(segd);
    }
    calls_verify(segd);
    printf("%u of %u changes were finished\n", finished, kills);
    ck_assert(kills < KILLS || (finished > 0 && finished < kills));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, daemon_killed_at_any_step_leaves_one_side, 0,
                        (int)ELEMENTS_OF(changes));
    tcase_add_test(tests, daemon_killed_under_traffic_lets_nothing_else_pass);
}
