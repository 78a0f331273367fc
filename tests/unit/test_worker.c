/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls that workers answer: nobody else waits for one, what it may cost is bounded, and whatever
 * becomes of it the caller is answered or disconnected.
 */

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "checks.h"
#include "service.h"

#define USER 60999

/* gcc and clang say it in different ways. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN
#endif
#endif

/* Processes that the service has forked, at most `max`. */
static size_t find_workers(const struct service *service, pid_t *pids, size_t max)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    size_t n = 0;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder))) {
        char path[300];
        int pid = atoi(entry->d_name), parent = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        file = pid > 0 ? fopen(path, "re") : NULL;
        if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1 &&
            parent == service->process && n < max)
            pids[n++] = pid;
        if (file)
            fclose(file);
    }
    closedir(folder);
    return n;
}

static size_t count_workers(const struct service *service)
{
    pid_t pids[16];

    return find_workers(service, pids, ELEMENTS_OF(pids));
}

static void say_plan(int fd, enum service_work work)
{
    char text[128];

    snprintf(text, sizeof(text), CALL_WITH("Plan", "{\"generation\":%d}"), (int)work);
    client_say(fd, text);
}

static void let_go(const struct service *service)
{
    ck_assert_int_eq(write(service->release, "", 1), 1);
}

/* Hears the answer, which is this number. */
static void hear_number(int fd, enum service_work work)
{
    cleanup_(json_decrefp) json_t *reply = client_hear(fd);
    const json_t *number = json_object_get(json_object_get(reply, "parameters"), "n");

    ck_assert_int_eq(json_integer_value(number), (int)work);
    ck_assert(json_is_integer(number));
}

/* Until all that was said before has been read: each call gives the other connections a turn, and
 * those of viewers come last. */
static void settle(const struct service *service)
{
    cleanup_(closep) int fd = service_connect_in(service, USER - 2, SERVICE_VIEWERS);

    for (int i = 0; i < 20; i++)
        client_is_served(fd);
}

START_TEST(others_are_answered_while_a_worker_works)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(closep) int other = service_connect(service, -1);

    say_plan(fd, SERVICE_WAIT);
    settle(service);
    ck_assert_uint_eq(count_workers(service), 1);
    client_is_served(other);
    say_plan(other, SERVICE_ANSWER);
    hear_number(other, SERVICE_ANSWER);
    let_go(service);
    hear_number(fd, SERVICE_WAIT);
    client_is_served(fd);
    /* What both have found. */
    ck_assert_int_eq(service_number(service, "learned"), 2);
}
END_TEST

/* The answer of the worker comes before that of the call after it. */
START_TEST(calls_of_one_connection_stay_in_order)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);

    say_plan(fd, SERVICE_WAIT);
    client_say(fd, CALL("GetStatus"));
    settle(service);
    let_go(service);
    hear_number(fd, SERVICE_WAIT);
    json_decref(client_hear(fd));
}
END_TEST

static const struct {
    enum service_work work;
    const char *error;
    const char *what;
    json_int_t limit;
} failures[] = {
#ifndef UNDER_ASAN /* which ends the process where there is no memory */
    {SERVICE_ALLOCATE, "io.segd.Control.TooCostly", "memory", SERVICE_MEMORY},
#endif
    {SERVICE_COMPUTE, "io.segd.Control.TooCostly", "time", 1},
    {SERVICE_DIE, "io.segd.Control.Failed", NULL, 0},
    {SERVICE_FAIL, "io.segd.Control.Failed", NULL, 0},
};

START_TEST(worker_that_fails_is_answered_for)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    json_t *reply, *parameters;

    say_plan(fd, failures[_i].work);
    reply = client_hear(fd);
    parameters = json_object_get(reply, "parameters");
    if (failures[_i].what) {
        ck_assert_str_eq(json_string_value(json_object_get(parameters, "what")), failures[_i].what);
        ck_assert_int_eq(json_integer_value(json_object_get(parameters, "limit")),
                         failures[_i].limit);
        ck_assert_int_eq(service_number(service, "refused"), 1);
    }
    client_is_error(reply, failures[_i].error);
    client_is_served(fd);
}
END_TEST

/* Killed by the kernel, or by anybody. */
START_TEST(killed_worker_is_answered_for)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    pid_t pid;

    say_plan(fd, SERVICE_WAIT);
    settle(service);
    ck_assert_uint_eq(find_workers(service, &pid, 1), 1);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    client_is_error(client_hear(fd), "io.segd.Control.Failed");
    client_is_served(fd);
}
END_TEST

/* Of five calls, as many have a worker as the user may have; the others come after them. */
START_TEST(calls_beyond_the_limits_wait)
{
    static const struct {
        int uid, gid;
        size_t n;
    } callers[] = {{-1, -1, WORKERS_MAX}, {USER, SERVICE_OPERATORS, 1}, {USER, SERVICE_VIEWERS, 1}};
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fds[WORKERS_MAX + 1];

    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        fds[i] = service_connect_in(service, callers[_i].uid, callers[_i].gid);
        say_plan(fds[i], SERVICE_WAIT);
    }
    settle(service);
    ck_assert_uint_eq(count_workers(service), callers[_i].n);
    for (size_t i = 0; i < ELEMENTS_OF(fds); i++)
        let_go(service);
    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        hear_number(fds[i], SERVICE_WAIT);
        close(fds[i]);
    }
}
END_TEST

START_TEST(viewers_leave_workers_to_others)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int acts = -1;
    int fds[WORKERS_MAX];

    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        fds[i] = service_connect_in(service, USER + (int)i, SERVICE_VIEWERS);
        say_plan(fds[i], SERVICE_WAIT);
    }
    settle(service);
    ck_assert_uint_eq(count_workers(service), WORKERS_VIEWERS);
    acts = service_connect_in(service, USER - 1, SERVICE_OPERATORS);
    say_plan(acts, SERVICE_ANSWER);
    hear_number(acts, SERVICE_ANSWER);
    for (size_t i = 0; i < ELEMENTS_OF(fds); i++)
        let_go(service);
    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        hear_number(fds[i], SERVICE_WAIT);
        close(fds[i]);
    }
}
END_TEST

/* Of those who wait, whoever came first. */
START_TEST(operators_come_before_viewers)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int acts = service_connect_in(service, USER + 1, SERVICE_OPERATORS);
    cleanup_(closep) int reads = service_connect_in(service, USER, SERVICE_VIEWERS);
    int fds[WORKERS_MAX];
    char byte;

    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        fds[i] = service_connect(service, -1);
        say_plan(fds[i], SERVICE_WAIT);
    }
    settle(service);
    say_plan(reads, SERVICE_ANSWER);
    settle(service);
    say_plan(acts, SERVICE_WAIT);
    settle(service);
    let_go(service);
    while (count_workers(service) < WORKERS_MAX)
        settle(service);
    settle(service);
    ck_assert_int_lt(recv(reads, &byte, 1, MSG_PEEK | MSG_DONTWAIT), 0);

    for (size_t i = 0; i < ELEMENTS_OF(fds); i++)
        let_go(service);
    hear_number(acts, SERVICE_WAIT);
    hear_number(reads, SERVICE_ANSWER);
    for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
        hear_number(fds[i], SERVICE_WAIT);
        close(fds[i]);
    }
}
END_TEST

START_TEST(client_that_goes_ends_its_worker)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fd = service_connect(service, -1);

    say_plan(fd, _i == 0 ? SERVICE_WAIT : SERVICE_LARGE);
    settle(service);
    ck_assert_uint_eq(count_workers(service), 1);
    close(fd);
    while (count_workers(service) > 0)
        settle(service);
}
END_TEST

/* Who has said all that it wants to say still gets the answer. */
START_TEST(half_closed_client_is_answered)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);

    say_plan(fd, SERVICE_WAIT);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    settle(service);
    let_go(service);
    hear_number(fd, SERVICE_WAIT);
    client_is_closed(fd);
}
END_TEST

START_TEST(large_answer_comes_whole)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(json_decrefp) json_t *reply = NULL;

    say_plan(fd, SERVICE_LARGE);
    reply = client_hear(fd);
    ck_assert_uint_eq(
        json_string_length(json_object_get(json_object_get(reply, "parameters"), "text")),
        SERVICE_LARGE_SIZE);
    client_is_served(fd);
}
END_TEST

/* The worker gives up, and the client finds half an answer. */
START_TEST(client_that_does_not_read_is_given_up)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    char bytes[65536];
    size_t size = 0;
    ssize_t n;

    say_plan(fd, SERVICE_LARGE);
    settle(service);
    while (count_workers(service) > 0)
        settle(service);
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        size += (size_t)n;
    ck_assert_int_eq(n, 0);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_lt(size, SERVICE_LARGE_SIZE);
}
END_TEST

/* A large message is read by the worker. */
static const struct {
    const char *end; /* after many spaces */
    bool is_call;
} messages[] = {
    {"\"parameters\":{\"generation\":0}}", true},     {"\"parameters\":{\"generation\":0}", false},
    {"\"method\":\"io.segd.Control.Apply\"}", false}, {"\"parameters\":[]}", true},
    {"\"parameters\":{\"nothing\":0}}", true},        {"\"upgrade\":true}", true},
};

START_TEST(large_message_is_read_by_the_worker)
{
    static const char begin[] = "{\"method\": \"io.segd.Control.Plan\",";
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect_in(service, -1, -1);
    cleanup_(freep) char *text = NULL;
    const char *end = messages[_i].end;

    ck_assert_int_gt(asprintf(&text, "%s%200000s%s", begin, "", end), 0);
    client_say(fd, text);
    client_say(fd, CALL("GetStatus"));
    if (messages[_i].is_call) {
        cleanup_(json_decrefp) json_t *reply = client_hear(fd);

        ck_assert((json_object_get(reply, "error") == NULL) == (_i == 0));
        json_decref(client_hear(fd));
    } else {
        client_is_closed(fd);
        ck_assert_int_eq(service_number(service, "refused"), 1);
    }
}
END_TEST

/* It begins like the name of a method that a worker runs. */
START_TEST(escaped_name_of_a_method_is_read_whole)
{
    static const char begin[] = "{\"method\": \"io.segd.Control.Plan\\u0041\",";
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(freep) char *text = NULL;

    ck_assert_int_gt(asprintf(&text, "%s%200000s%s", begin, "", messages[0].end), 0);
    client_say(fd, text);
    client_is_error(client_hear(fd), "org.varlink.service.MethodNotFound");
}
END_TEST

/* Else the next one would find what belongs to it still held. */
START_TEST(workers_end_with_the_server)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(closep) int waits = service_connect_in(service, USER, SERVICE_OPERATORS);
    cleanup_(closep) int after = service_connect_in(service, USER, SERVICE_OPERATORS);

    say_plan(fd, SERVICE_WAIT);
    say_plan(waits, SERVICE_WAIT);
    say_plan(after, SERVICE_WAIT);
    settle(service);
    ck_assert_uint_eq(count_workers(service), 2);
    service = service_stop(service);
    client_is_closed(fd);
    client_is_closed(waits);
    client_is_closed(after);
}
END_TEST

void checks_add(TCase *tests)
{
    if (geteuid() != 0)
        checks_skip("only root can connect as other users");
    tcase_add_test(tests, others_are_answered_while_a_worker_works);
    tcase_add_test(tests, calls_of_one_connection_stay_in_order);
    tcase_add_loop_test(tests, worker_that_fails_is_answered_for, 0, (int)ELEMENTS_OF(failures));
    tcase_add_test(tests, killed_worker_is_answered_for);
    tcase_add_loop_test(tests, calls_beyond_the_limits_wait, 0, 3);
    tcase_add_test(tests, viewers_leave_workers_to_others);
    tcase_add_test(tests, operators_come_before_viewers);
    tcase_add_loop_test(tests, client_that_goes_ends_its_worker, 0, 2);
    tcase_add_test(tests, half_closed_client_is_answered);
    tcase_add_test(tests, large_answer_comes_whole);
    tcase_add_test(tests, client_that_does_not_read_is_given_up);
    tcase_add_loop_test(tests, large_message_is_read_by_the_worker, 0, (int)ELEMENTS_OF(messages));
    tcase_add_test(tests, escaped_name_of_a_method_is_read_whole);
    tcase_add_test(tests, workers_end_with_the_server);
}
