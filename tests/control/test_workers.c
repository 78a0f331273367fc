/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the children of a real segd are and have. A worker is held up by a client that does not read
 * the answer, which is larger than what a socket takes; a child that writes evidence by SIGSTOP.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "children.h"
#include "sandbox.h"
#include "wires.h"

#define COMMENT_LINES 100000
/* The evidence of so many takes longer than to find the process that writes it. */
#define FLOWS 2000

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  main: { from: a, to: b, services: [udp/5000] }\n";

static struct lab *lab;

static void set_up(void)
{
    lab = wires_new();
}

static void tear_down(void)
{
    lab_free(lab);
}

/* The policy with comments of some megabytes. */
static char *large_policy(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs(policy, stream);
    for (int i = 0; i < COMMENT_LINES; i++)
        fprintf(stream, "# line %d of what nobody reads\n", i);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

/* A worker that has its whole answer, and a client that has not read all of it. */
static int hold_worker(const struct segd *segd, pid_t *ret_pid)
{
    int fd = calls_send(segd, "GetPolicy", false, json_object());
    char byte;

    ck_assert_int_eq(recv(fd, &byte, 1, MSG_PEEK), 1);
    /* The child that writes the counters of a start ends by itself. */
    children_wait_count(segd, 1);
    *ret_pid = children_find(segd);
    return fd;
}

START_TEST(worker_holds_nobody_up_and_can_do_nothing)
{
    cleanup_(freep) char *text = large_policy();
    cleanup_(segd_freep) struct segd *segd = segd_start(text);
    char value[64], path[64];
    pid_t worker = 0;
    int fd = hold_worker(segd, &worker);
    FILE *file;

    children_status(worker, "NoNewPrivs", value);
    ck_assert_str_eq(value, "1");
    children_status(worker, "CapEff", value);
    ck_assert_uint_eq(strtoull(value, NULL, 16), 0);
    children_status(worker, "CapPrm", value);
    ck_assert_uint_eq(strtoull(value, NULL, 16), 0);
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)worker);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%63s", value), 1);
    fclose(file);
    ck_assert_str_eq(value, "1000");

    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "test"));
    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "test"));
    calls_do(segd, "Apply", calls_policy(policy, 0));
    calls_verify(segd);
    close(fd);
}
END_TEST

/* The next segd finds nothing held. */
START_TEST(worker_ends_with_segd)
{
    cleanup_(freep) char *text = large_policy();
    cleanup_(segd_freep) struct segd *segd = segd_start(text);
    pid_t worker = 0;
    int fd = hold_worker(segd, &worker);
    char state[64] = "";

    if (_i == 0)
        segd_kill(segd);
    else
        segd_stop(segd);
    segd_start_again(segd);
    calls_verify(segd);
    /* Whoever has inherited it may not have looked yet. */
    children_status(worker, "State", state);
    ck_assert_msg(!*state || *state == 'Z' || *state == 'X', "%s", state);
    close(fd);
}
END_TEST

/* What it found about the state folder is known to segd. */
START_TEST(worker_tells_of_a_damaged_file)
{
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    char path[300];

    calls_finding(segd, "generation-damaged", false);
    snprintf(path, sizeof(path), "%s/generations/1.policy.json", segd_state_path(segd));
    ck_assert_int_eq(truncate(path, 10), 0);
    calls_do(segd, "GetPolicy", NULL);
    calls_finding(segd, "generation-damaged", true);
}
END_TEST

/* A policy of many flows. */
static struct segd *start_many(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    struct segd *segd;

    ck_assert_ptr_nonnull(stream);
    fputs(policy, stream);
    for (int i = 1; i < FLOWS; i++)
        fprintf(stream, "  f%d: { from: a, to: b, services: [tcp/%d] }\n", i, i);
    ck_assert_int_eq(fclose(stream), 0);
    segd = segd_start(text);
    free(text);
    return segd;
}

/* Isolates a zone and stops the child that writes the evidence. Returns whether it was there still;
 * the caller frees the folder. */
static bool try_hold(const struct segd *segd, const char *zone, pid_t *ret_pid, char **ret_folder)
{
    cleanup_(json_decrefp) json_t *reply =
        calls_get(segd, "Isolate", json_pack("{s:s, s:s}", "zone", zone, "reason", "test"));
    cleanup_(freep) char *folder = strdup(calls_evidence(segd, reply));
    char sums[512], state[64] = "";
    pid_t pid = children_find(segd);

    if (pid == 0 || kill(pid, SIGSTOP) < 0)
        return false;
    while (*state != 'T' && *state != 'Z')
        children_status(pid, "State", state);
    snprintf(sums, sizeof(sums), "%s/SHA256SUMS", folder);
    if (*state == 'Z' || access(sums, F_OK) == 0)
        return kill(pid, SIGCONT) == 0 && false;

    *ret_pid = pid;
    *ret_folder = TAKE_PTR(folder);
    return true;
}

static char *hold_evidence(const struct segd *segd, const char *zone, pid_t *ret_pid)
{
    char *folder = NULL;

    while (!try_hold(segd, zone, ret_pid, &folder))
        calls_generation(segd);
    return folder;
}

START_TEST(evidence_holds_nobody_up)
{
    cleanup_(segd_freep) struct segd *segd = start_many();
    pid_t child = 0;
    cleanup_(freep) char *folder = hold_evidence(segd, "a", &child);

    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "c", "reason", "test"));
    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "main", "reason", "test"));
    calls_verify(segd);
    ck_assert_int_eq(kill(child, SIGCONT), 0);
    calls_wait_evidence(segd, folder);
    calls_finding(segd, "evidence-incomplete", false);
}
END_TEST

START_TEST(evidence_that_was_not_finished_is_a_finding)
{
    cleanup_(segd_freep) struct segd *segd = start_many();
    pid_t child = 0;
    char *folder = hold_evidence(segd, "a", &child);

    free(folder);
    calls_finding(segd, "evidence-incomplete", false);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    while (children_find(segd) == child)
        calls_generation(segd);
    calls_finding(segd, "evidence-incomplete", true);
    calls_do(segd, "Release",
             json_pack("{s:s, s:s, s:b}", "zone", "a", "reason", "test", "alone", 1));
    calls_finding(segd, "evidence-incomplete", false);
}
END_TEST

/* Also where systemd ends all processes of the unit at once. */
START_TEST(segd_that_ends_completes_evidence)
{
    cleanup_(segd_freep) struct segd *segd = start_many();
    pid_t child = 0;
    cleanup_(freep) char *folder = hold_evidence(segd, "a", &child);
    char sums[512];

    ck_assert_int_eq(kill(child, SIGTERM), 0);
    ck_assert_int_eq(kill(segd_process(segd), SIGTERM), 0);
    while (!strstr(segd_notification(segd, true), "STOPPING=1"))
        ;
    ck_assert_int_eq(kill(child, SIGCONT), 0);
    segd_stop(segd);
    snprintf(sums, sizeof(sums), "%s/SHA256SUMS", folder);
    ck_assert_int_eq(access(sums, F_OK), 0);
    segd_start_again(segd);
    calls_verify(segd);
}
END_TEST

/* More elements than one process reads: each flow is counted once, whichever of both reads it. */
START_TEST(counters_of_many_flows_are_read_by_two)
{
    cleanup_(segd_freep) struct segd *segd = start_many();
    cleanup_(json_decrefp) json_t *reply = NULL;
    const struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 5000);
    const json_t *names, *packets;
    size_t n_main = 0;
    json_int_t sum = 0;

    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    reply = calls_get(segd, "GetCounters", NULL);
    names = json_object_get(reply, "names");
    packets = json_object_get(reply, "original_packets");
    ck_assert_uint_eq(json_array_size(names), FLOWS);
    ck_assert_uint_eq(json_array_size(packets), FLOWS);
    for (size_t i = 0; i < FLOWS; i++) {
        if (strcmp(json_string_value(json_array_get(names, i)), "main") == 0)
            n_main++;
        sum += json_integer_value(json_array_get(packets, i));
    }
    ck_assert_uint_eq(n_main, 1);
    ck_assert_int_eq(sum, 2);
}
END_TEST

/* Isolates and releases a zone until it is killed, in a process of its own. */
static pid_t start_changes(const struct segd *segd)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "test"));
        calls_do(segd, "Release",
                 json_pack("{s:s, s:s, s:b}", "zone", "a", "reason", "test", "alone", true));
    }
}

/* What segd itself changes meanwhile is no difference, and no reason not to answer. */
START_TEST(verify_is_of_one_moment)
{
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    pid_t changes = start_changes(segd);

    for (int i = 0; i < 50; i++)
        calls_verify_kernel(segd);
    kill(changes, SIGKILL);
    ck_assert_int_eq(waitpid(changes, NULL, 0), changes);
    ck_assert_int_eq(calls_repairs(segd), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, worker_holds_nobody_up_and_can_do_nothing);
    tcase_add_loop_test(tests, worker_ends_with_segd, 0, 2);
    tcase_add_test(tests, verify_is_of_one_moment);
    tcase_add_test(tests, worker_tells_of_a_damaged_file);
    tcase_add_test(tests, evidence_holds_nobody_up);
    tcase_add_test(tests, evidence_that_was_not_finished_is_a_finding);
    tcase_add_test(tests, segd_that_ends_completes_evidence);
    tcase_add_test(tests, counters_of_many_flows_are_read_by_two);
}
