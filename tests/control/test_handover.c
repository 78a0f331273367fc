/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A policy that a worker prepares and segd commits. The worker of segd-steps stops where it has
 * prepared it, so that anything may happen before the commit.
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "children.h"
#include "sandbox.h"
#include "wires.h"

#define FIRST                                                                                      \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  main: { from: a, to: b, services: [udp/7001] }\n"
#define SECOND                                                                                     \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  main: { from: a, to: b, services: [udp/7001] }\n"                              \
                 "  more: { from: a, to: b, services: [udp/7002] }\n"
#define THIRD                                                                                      \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  more: { from: a, to: b, services: [udp/7002] }\n"

static struct lab *lab;
static struct segd *segd;

static void set_up(void)
{
    setenv("SEGD_STOP_AT", "prepared", 1);
    lab = wires_new();
    segd = segd_start(FIRST);
}

static void tear_down(void)
{
    segd = segd_free(segd);
    lab_free(lab);
}

static bool passes(uint16_t port)
{
    static uint16_t source_port = 20000;
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, port);

    frame.source_port = ++source_port;
    return wires_try(lab, WIRE_A, &frame, NULL);
}

/* Asks for a policy, whose worker has stopped before the commit when this returns. */
static int begin(const char *policy, pid_t but, pid_t *ret_worker)
{
    int connection = calls_send(segd, "Apply", false, calls_policy(policy, 0));

    *ret_worker = children_wait(segd, 'T', but);
    return connection;
}

static void go_on(pid_t worker)
{
    ck_assert_int_eq(kill(worker, SIGCONT), 0);
}

static void answered(int connection, bool well)
{
    cleanup_(freep) char *answer = calls_receive(connection, true);

    ck_assert_ptr_nonnull(answer);
    ck_assert_msg(well == !strstr(answer, "\"error\""), "%s", answer);
    close(connection);
}

START_TEST(isolation_does_not_wait_for_an_apply)
{
    pid_t first, second;
    int connection = begin(SECOND, 0, &first);

    ck_assert(passes(7001));
    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "test"));
    ck_assert(!passes(7001));
    ck_assert_int_eq(calls_generation(segd), 1);

    /* What it prepared knows nothing of the isolation. */
    go_on(first);
    second = children_wait(segd, 'T', first);
    ck_assert_int_eq(calls_generation(segd), 1);
    go_on(second);
    answered(connection, true);
    ck_assert_int_eq(calls_generation(segd), 2);
    ck_assert(!passes(7001));
    ck_assert(!passes(7002));
    calls_do(segd, "Release",
             json_pack("{s:s, s:s, s:b}", "zone", "a", "reason", "test", "alone", 1));
    ck_assert(passes(7002));
    calls_verify(segd);
    assert_nothing_staged(segd_state_path(segd));
}
END_TEST

START_TEST(client_that_goes_changes_nothing)
{
    pid_t worker;
    int connection = begin(SECOND, 0, &worker);

    close(connection);
    children_wait_count(segd, 0);
    ck_assert_int_eq(calls_generation(segd), 1);
    assert_nothing_staged(segd_state_path(segd));

    connection = begin(SECOND, 0, &worker);
    go_on(worker);
    answered(connection, true);
    ck_assert_int_eq(calls_generation(segd), 2);
    calls_verify(segd);
}
END_TEST

START_TEST(worker_that_dies_changes_nothing)
{
    pid_t worker;
    int connection = begin(SECOND, 0, &worker);

    ck_assert_int_eq(kill(worker, SIGKILL), 0);
    answered(connection, false);
    ck_assert_int_eq(calls_generation(segd), 1);
    ck_assert(!passes(7002));
    assert_nothing_staged(segd_state_path(segd));
    calls_verify(segd);
}
END_TEST

START_TEST(one_change_is_prepared_at_a_time)
{
    pid_t first, second;
    int one = begin(SECOND, 0, &first);
    int other = calls_send(segd, "Apply", false, calls_policy(THIRD, 0));

    /* Calls of others are served, and it still waits. */
    calls_generation(segd);
    children_wait_count(segd, 1);
    go_on(first);
    answered(one, true);
    second = children_wait(segd, 'T', first);
    ck_assert_int_eq(calls_generation(segd), 2);
    go_on(second);
    answered(other, true);
    ck_assert_int_eq(calls_generation(segd), 3);
    ck_assert(!passes(7001));
    ck_assert(passes(7002));
    calls_verify(segd);
}
END_TEST

/* The audit log belongs to segd. */
START_TEST(refusal_is_told_once)
{
    cleanup_(json_decrefp) json_t *audit = NULL, *reply = NULL;
    cleanup_(freep) char *error = NULL;
    const json_t *entry;
    size_t i, n = 0;

    ck_assert_int_eq(calls_try(segd, "Apply", calls_policy("segd: 2\n", 0), &reply, &error),
                     -EREMOTEIO);
    ck_assert_ptr_nonnull(strstr(error, "InvalidPolicy"));
    audit = calls_get(segd, "ShowAudit", NULL);
    json_array_foreach(json_object_get(audit, "entries"), i, entry) n +=
        strcmp(json_string_value(json_object_get(entry, "action")), "refuse") == 0;
    ck_assert_uint_eq(n, 1);
    calls_verify(segd);
}
END_TEST

/* An entry that is written meanwhile is no forged one, and a forged one is. */
START_TEST(audit_log_is_verified_while_it_grows)
{
    cleanup_(freep) char *answer = NULL;
    pid_t first, second;
    int connection;

    segd_stop(segd);
    setenv("SEGD_STOP_AT", "audit-verified", 1);
    segd_start_again(segd);
    connection = calls_send(segd, "VerifyAudit", false, json_object());
    first = children_wait(segd, 'T', 0);
    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "test"));
    go_on(first);
    second = children_wait(segd, 'T', first);
    go_on(second);
    answer = calls_receive(connection, true);
    ck_assert_ptr_nonnull(answer);
    ck_assert_msg(strstr(answer, "\"ok\":true") || strstr(answer, "\"ok\": true"), "%s", answer);
    close(connection);
}
END_TEST

START_TEST(entry_of_others_is_not_waited_for)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path), "%s/audit/audit.log", segd_state_path(segd));
    file = fopen(path, "ae");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("{\"sequence\": 99}\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    reply = calls_get(segd, "VerifyAudit", NULL);
    ck_assert(json_is_false(json_object_get(reply, "ok")));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, isolation_does_not_wait_for_an_apply);
    tcase_add_test(tests, client_that_goes_changes_nothing);
    tcase_add_test(tests, worker_that_dies_changes_nothing);
    tcase_add_test(tests, one_change_is_prepared_at_a_time);
    tcase_add_test(tests, refusal_is_told_once);
    tcase_add_test(tests, audit_log_is_verified_while_it_grows);
    tcase_add_test(tests, entry_of_others_is_not_waited_for);
}
