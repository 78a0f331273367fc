/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a worker of a real segd is and has. A worker is held up by a client that does not read the
 * answer, which is larger than what a socket takes.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "children.h"
#include "sandbox.h"
#include "wires.h"

#define COMMENT_LINES 100000

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

    *ret_pid = children_wait(segd, 0, 0);
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_PEEK), 1);
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

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, worker_holds_nobody_up_and_can_do_nothing);
    tcase_add_loop_test(tests, worker_ends_with_segd, 0, 2);
    tcase_add_test(tests, worker_tells_of_a_damaged_file);
}
