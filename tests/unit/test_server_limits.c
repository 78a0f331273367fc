/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Clients that are slow, greedy, many or broken. In each case another client is answered meanwhile:
 * whatever one does costs it alone.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "checks.h"
#include "daemon/control/audit_limit.h"
#include "service.h"

#define USER 65534
#define OTHER_USER SERVICE_VIEWERS
#define MIB ((json_int_t)1024 * 1024)

/* Takes in what the sender is refused as well: it may be cut off in the middle. */
static void send_until_refused(int fd, char byte, size_t size)
{
    static char bytes[65536];

    memset(bytes, byte, sizeof(bytes));
    while (size > 0) {
        ssize_t n = send(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), MSG_NOSIGNAL);

        if (n < 0)
            return;
        size -= (size_t)n;
    }
}

START_TEST(slow_reader_waits_alone)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int slow = service_connect(service, USER);
    json_int_t before = service_number(service, "memory");

    /* More answers than the kernel holds; the server reads no further call than it answers. */
    for (int i = 0; i < 50; i++)
        client_say(slow, CALL_WITH("GetPolicy", "{\"generation\":1000000}"));
    for (int i = 0; i < 60; i++) {
        int fd = service_connect(service, OTHER_USER);

        client_is_served(fd);
        close(fd);
    }
    ck_assert_int_lt(service_number(service, "memory"), before + 3 * MIB);

    for (int i = 0; i < 50; i++) {
        json_t *reply = client_hear(slow);
        const json_t *text = json_object_get(json_object_get(reply, "parameters"), "text");

        ck_assert_uint_eq(json_string_length(text), 1000000);
        json_decref(reply);
    }
    client_is_served(slow);
}
END_TEST

START_TEST(half_message_waits_alone)
{
    static const char text[] = CALL_WITH("Diff", "{\"from\":7,\"to\":8}");
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, USER);
    cleanup_(closep) int other = service_connect(service, USER);
    json_t *reply;

    client_send(fd, text, 20);
    for (int i = 0; i < 5; i++)
        client_is_served(other);
    client_send(fd, text + 20, sizeof(text) - 20);
    reply = client_hear(fd);
    ck_assert_ptr_nonnull(json_object_get(json_object_get(reply, "parameters"), "to"));
    json_decref(reply);
}
END_TEST

START_TEST(half_message_and_the_end_is_forgotten)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    json_int_t before = service_number(service, "memory");

    for (int i = 0; i < 200; i++) {
        int fd = service_connect(service, USER);

        client_send(fd, "{\"method\":", 10);
        if (i % 2 == 0) {
            shutdown(fd, SHUT_WR);
            client_is_closed(fd);
        } else {
            close(fd);
        }
    }
    while (service_number(service, "memory") > before + 65536)
        ;
}
END_TEST

/* A call whose text makes it as large as it may be, and one byte more. */
static void call_of_size(int fd, size_t size)
{
    static const char head[] = "{\"method\":\"io.segd.Control.Nothing\",\"more\":\"";
    size_t rest = size - (sizeof(head) - 1) - 2;

    client_send(fd, head, sizeof(head) - 1);
    send_until_refused(fd, 'x', rest);
    send(fd, "\"}", 3, MSG_NOSIGNAL);
}

static const struct {
    int uid;
    size_t limit;
} limits[] = {
    {USER, SERVER_MESSAGE_MAX_VIEWER},
    {-1, SERVER_MESSAGE_MAX},
};

START_TEST(message_beyond_the_limit_ends_the_connection)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int other = service_connect(service, USER);
    int fd = service_connect(service, limits[_i].uid);
    json_int_t before = service_number(service, "memory");

    call_of_size(fd, limits[_i].limit);
    client_is_error(client_hear(fd), "org.varlink.service.MethodNotFound");
    client_is_served(other);
    call_of_size(fd, limits[_i].limit + 1);
    client_is_closed(fd);
    client_is_served(other);
    ck_assert_int_eq(service_number(service, "refused"), 1);

    /* Also one that never ends. */
    fd = service_connect(service, limits[_i].uid);
    send_until_refused(fd, ' ', 3 * limits[_i].limit);
    client_is_closed(fd);
    client_is_served(other);
    ck_assert_int_lt(service_number(service, "memory"), before + 65536);
}
END_TEST

/* Small to send, large in memory. */
static const char *const bombs[] = {"[],", "1,", "{},"};

START_TEST(message_of_too_many_values_ends_the_connection)
{
    static const char head[] = "{\"method\":\"io.segd.Control.Nothing\",\"text\":\"\\\"";
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fd = service_connect(service, -1);
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    fputs("{\"method\":\"io.segd.Control.Nothing\",\"list\":[", stream);
    for (int i = 0; i < SERVER_VALUES_MAX; i++)
        fputs(bombs[_i], stream);
    fputs("0]}", stream);
    ck_assert_int_eq(fclose(stream), 0);
    client_send(fd, text, size + 1);
    client_is_closed(fd);

    /* What is within a text is no value. */
    fd = service_connect(service, -1);
    client_send(fd, head, sizeof(head) - 1);
    send_until_refused(fd, ',', 2 * SERVER_VALUES_MAX);
    client_send(fd, "\"}", 3);
    client_is_error(client_hear(fd), "org.varlink.service.MethodNotFound");
    close(fd);
}
END_TEST

START_TEST(thousand_idle_connections_cost_nobody_else)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    json_int_t before = service_number(service, "memory");
    long cpu;
    int fds[1000], fd;

    for (int i = 0; i < 1000; i++) {
        fds[i] = service_connect_in(service, 60001 + i % 5, SERVICE_VIEWERS);
        /* Let in, and not kept waiting. */
        client_is_served(fds[i]);
    }
    ck_assert_int_lt(service_number(service, "memory"), before + 2 * MIB);

    cpu = service_cpu(service);
    fd = service_connect(service, USER);
    client_is_served(fd);
    close(fd);
    ck_assert_int_lt(service_cpu(service) - cpu, 100);

    for (int i = 0; i < 1000; i++)
        close(fds[i]);
    while (service_number(service, "memory") > before + 65536)
        ;
}
END_TEST

START_TEST(user_has_a_bounded_number_of_connections)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fds[SERVER_CONNECTIONS_USER], fd;

    for (int i = 0; i < SERVER_CONNECTIONS_USER; i++) {
        fds[i] = service_connect(service, USER);
        client_is_served(fds[i]);
    }
    client_is_closed(service_connect(service, USER));

    fd = service_connect(service, OTHER_USER);
    client_is_served(fd);
    close(fd);
    fd = service_connect(service, -1);
    client_is_served(fd);
    close(fd);

    /* One that goes makes room. */
    ck_assert_int_eq(shutdown(fds[0], SHUT_WR), 0);
    client_is_closed(fds[0]);
    fds[0] = service_connect(service, USER);
    client_is_served(fds[0]);
    for (int i = 0; i < SERVER_CONNECTIONS_USER; i++)
        close(fds[i]);
}
END_TEST

/* One person with many numbers, by subuid(5). */
START_TEST(users_without_a_role_are_one_user)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fds[SERVER_CONNECTIONS_USER], fd;

    for (int i = 0; i < SERVER_CONNECTIONS_USER; i++) {
        fds[i] = service_connect(service, 200000 + i);
        client_is_served(fds[i]);
    }
    client_is_closed(service_connect(service, USER));
    fd = service_connect(service, OTHER_USER);
    client_is_served(fd);
    close(fd);
    for (int i = 0; i < SERVER_CONNECTIONS_USER; i++) {
        ck_assert_int_eq(shutdown(fds[i], SHUT_WR), 0);
        client_is_closed(fds[i]);
    }

    for (int i = 0; i < 2 * AUDIT_LIMIT_PER_MINUTE; i++) {
        fd = service_connect(service, 300000 + i);
        client_is_error(client_ask(fd, CALL("Confirm")), "io.segd.Control.NotPermitted");
        close(fd);
    }
    ck_assert_int_eq(service_number(service, "refused"), AUDIT_LIMIT_PER_MINUTE);
}
END_TEST

START_TEST(who_reads_does_not_keep_out_who_acts)
{
    /* Room for 600 - 256, of which a quarter is for operators and admins. */
    cleanup_(service_stopp) struct service *service = service_start(600);
    int fds[(600 - 256) * 3 / 4], fd;

    for (int i = 0; i < (int)ELEMENTS_OF(fds); i++) {
        fds[i] = service_connect_in(service, 60001 + i, SERVICE_VIEWERS);
        client_is_served(fds[i]);
    }
    client_is_closed(service_connect(service, OTHER_USER));
    client_is_closed(service_connect(service, USER));
    fd = service_connect(service, SERVICE_OPERATORS);
    client_is_served(fd);
    close(fd);
    for (int i = 0; i < (int)ELEMENTS_OF(fds); i++)
        close(fds[i]);
}
END_TEST

START_TEST(root_is_let_in_where_all_places_are_taken)
{
    /* Room for 600 - 256 connections that are not root's. */
    cleanup_(service_stopp) struct service *service = service_start(600);
    int fds[600 - 256], root[64];

    for (int i = 0; i < (int)ELEMENTS_OF(fds); i++) {
        fds[i] = service_connect_in(service, 60001 + i % 3, SERVICE_OPERATORS);
        client_is_served(fds[i]);
    }
    client_is_closed(service_connect_in(service, USER, SERVICE_OPERATORS));
    for (int i = 0; i < (int)ELEMENTS_OF(root); i++) {
        root[i] = service_connect(service, -1);
        client_is_served(root[i]);
    }
    for (int i = 0; i < (int)ELEMENTS_OF(fds); i++)
        close(fds[i]);
    for (int i = 0; i < (int)ELEMENTS_OF(root); i++)
        close(root[i]);
}
END_TEST

START_TEST(lack_of_descriptors_does_not_keep_the_processor_busy)
{
    cleanup_(service_stopp) struct service *service = service_start(32);
    struct pollfd answer = {.events = POLLIN};
    int fds[60], n_served = 0;
    long cpu;

    for (int i = 0; i < 60; i++) {
        fds[i] = service_connect(service, -1);
        client_say(fds[i], CALL("GetStatus"));
    }
    client_is_served(fds[0]);
    json_decref(client_hear(fds[0]));

    /* It tries again each second: of two seconds it may take a small part. */
    cpu = service_cpu(service);
    poll(NULL, 0, 2000);
    ck_assert_int_lt(service_cpu(service) - cpu, 400);
    for (int i = 0; i < 60; i++) {
        answer.fd = fds[i];
        n_served += i > 0 && poll(&answer, 1, 0) == 1;
    }
    ck_assert_int_lt(n_served, 32);

    /* Those that are in are answered, and the others when they go. */
    client_is_served(fds[0]);
    for (int i = 0; i < 40; i++)
        close(fds[i]);
    for (int i = 40; i < 60; i++) {
        json_t *reply = client_hear(fds[i]);

        ck_assert_ptr_nonnull(reply);
        json_decref(reply);
        close(fds[i]);
    }
}
END_TEST

START_TEST(flood_of_calls_lets_others_have_their_turn)
{
    static const char call[] = CALL_WITH("Diff", "{\"from\":1,\"to\":1}");
    static char calls[500 * sizeof(call)];
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int flood = service_connect(service, USER);
    cleanup_(closep) int other = service_connect(service, OTHER_USER);
    cleanup_(json_decrefp) json_t *reply = NULL;

    client_is_served(flood);
    client_is_served(other);
    service_pause(service, true);
    for (int i = 0; i < 500; i++)
        memcpy(calls + (size_t)i * sizeof(call), call, sizeof(call));
    client_send(flood, calls, sizeof(calls));
    client_send(other, call, sizeof(call));
    service_pause(service, false);
    reply = client_hear(other);
    ck_assert_int_lt(
        json_integer_value(json_object_get(json_object_get(reply, "parameters"), "handled")), 10);
}
END_TEST

START_TEST(who_acts_is_answered_before_who_reads)
{
    static const char call[] = CALL_WITH("Diff", "{\"from\":1,\"to\":1}");
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fds[200];

    for (int i = 0; i < 200; i++) {
        fds[i] = service_connect(service, i % 10 == 9 ? SERVICE_OPERATORS : SERVICE_VIEWERS);
        client_is_served(fds[i]);
    }
    service_pause(service, true);
    for (int i = 0; i < 200; i++)
        client_send(fds[i], call, sizeof(call));
    service_pause(service, false);

    for (int i = 0; i < 200; i++) {
        cleanup_(json_decrefp) json_t *reply = client_hear(fds[i]);
        const json_t *parameters = json_object_get(reply, "parameters");

        /* One more may have been on its way. */
        if (i % 10 == 9)
            ck_assert_int_le(json_integer_value(json_object_get(parameters, "handled")), 21);
        close(fds[i]);
    }
}
END_TEST

START_TEST(answers_that_one_user_does_not_read_are_bounded)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    json_int_t before = service_number(service, "memory");
    int fds[40], fd, n_closed = 0;

    for (int i = 0; i < 40; i++) {
        fds[i] = service_connect(service, USER);
        client_say(fds[i], CALL_WITH("GetPolicy", "{\"generation\":8000000}"));
    }
    fd = service_connect(service, OTHER_USER);
    for (int i = 0; i < 50; i++)
        client_is_served(fd);
    close(fd);
    ck_assert_int_lt(service_number(service, "memory"),
                     before + (json_int_t)SERVER_WAITING_USER + 16 * MIB);
    for (int i = 0; i < 40; i++) {
        json_t *reply = client_hear(fds[i]);

        n_closed += !reply || json_object_get(reply, "error");
        json_decref(reply);
        close(fds[i]);
    }
    ck_assert_int_gt(n_closed, 0);
    ck_assert_int_lt(n_closed, 30);
    while (service_number(service, "memory") > before + 65536)
        ;
}
END_TEST

START_TEST(refusals_of_one_user_are_told_some_times)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fd = service_connect(service, USER);

    /* For the role, by the handler, for what is no message: all of these count together. */
    for (int i = 0; i < AUDIT_LIMIT_PER_MINUTE - 1; i++)
        client_is_error(client_ask(fd, CALL("Confirm")), "io.segd.Control.NotPermitted");
    for (int i = 0; i < 80; i++)
        client_is_error(client_ask(fd, CALL("Revoke")), "io.segd.Control.Refused");
    close(fd);
    fd = service_connect(service, USER);
    client_say(fd, "nonsense");
    client_is_closed(fd);
    ck_assert_int_eq(service_number(service, "refused"), AUDIT_LIMIT_PER_MINUTE);

    /* That hides nobody else. */
    fd = service_connect(service, OTHER_USER);
    client_is_error(client_ask(fd, CALL("Confirm")), "io.segd.Control.NotPermitted");
    close(fd);
    ck_assert_int_eq(service_number(service, "refused"), AUDIT_LIMIT_PER_MINUTE + 1);
}
END_TEST

START_TEST(client_that_goes_without_reading_costs_nothing)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    json_int_t before = service_number(service, "memory");

    for (int i = 0; i < 200; i++) {
        int fd = service_connect(service, USER);

        client_say(fd, CALL_WITH("GetPolicy", "{\"generation\":1000000}"));
        client_say(fd, CALL("GetStatus"));
        close(fd);
    }
    while (service_number(service, "memory") > before + 65536)
        ;
}
END_TEST

void checks_add(TCase *tests)
{
    const struct rlimit many = {4096, 4096};

    if (geteuid() != 0)
        checks_skip("only root can connect as other users");
    setrlimit(RLIMIT_NOFILE, &many);
    tcase_add_test(tests, slow_reader_waits_alone);
    tcase_add_test(tests, half_message_waits_alone);
    tcase_add_test(tests, half_message_and_the_end_is_forgotten);
    tcase_add_loop_test(tests, message_beyond_the_limit_ends_the_connection, 0,
                        (int)ELEMENTS_OF(limits));
    tcase_add_loop_test(tests, message_of_too_many_values_ends_the_connection, 0,
                        (int)ELEMENTS_OF(bombs));
    tcase_add_test(tests, thousand_idle_connections_cost_nobody_else);
    tcase_add_test(tests, user_has_a_bounded_number_of_connections);
    tcase_add_test(tests, users_without_a_role_are_one_user);
    tcase_add_test(tests, who_reads_does_not_keep_out_who_acts);
    tcase_add_test(tests, root_is_let_in_where_all_places_are_taken);
    tcase_add_test(tests, lack_of_descriptors_does_not_keep_the_processor_busy);
    tcase_add_test(tests, flood_of_calls_lets_others_have_their_turn);
    tcase_add_test(tests, who_acts_is_answered_before_who_reads);
    tcase_add_test(tests, answers_that_one_user_does_not_read_are_bounded);
    tcase_add_test(tests, refusals_of_one_user_are_told_some_times);
    tcase_add_test(tests, client_that_goes_without_reading_costs_nothing);
}
