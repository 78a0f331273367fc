/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets that are answered where the policy wants it: TCP by a reset, the rest by an ICMP
 * error. The other direction of the pair, and what nobody asked for, stays silent.
 */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "checks.h"
#include "segd.h"
#include "hosts.h"
#include "sandbox.h"

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "timezone: Asia/Tokyo\n"                                                                       \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24, 'fd00:1::/64'] }\n"            \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24, 'fd00:2::/64'] }\n"            \
    "flows:\n"                                                                                     \
    "  web: { from: a, to: b, services: tcp/7001 }\n"                                              \
    "  old: { from: b, to: a, services: [tcp/7005, udp/7005], expires: 2020-03-31,\n"              \
    "         reject: true }\n"                                                                    \
    "  older: { from: b, to: a, services: [tcp/7006, udp/7006], expires: 2020-03-31 }\n"

static const char *const policies[] = {
    ZONES "reject: [{ from: a, to: b }]\n",
    ZONES "reject: [{ from: a, to: b }, { from: a, to: gateway }]\n"
          "gateway: { protect: true }\n",
    ZONES "reject: [{ from: a, to: b }]\n"
          "gateway: { protect: true, mark-mask: 0x00ffff00 }\n",
};
#define POLICIES ((int)ELEMENTS_OF(policies))
enum { UNPROTECTED, PROTECTED };

static const char *const interfaces[] = {"a0", "b0"};
enum { A, B, N_HOSTS };

#define WAIT_MSEC 10000
#define MOMENT_MSEC 20

static struct segd *start(const char *policy, struct host *hosts)
{
    sandbox_enter();
    hosts_new(interfaces, N_HOSTS, hosts);
    return segd_start(policy);
}

static int pending_error(int socket)
{
    int error = 0;
    socklen_t length = sizeof(error);

    ck_assert_int_eq(getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    return error;
}

/* What a socket hears of a connection or datagram that is refused. */
static int hear(const struct host *host, enum family family, int type, const char *address,
                uint16_t port)
{
    int socket = hosts_begin(host, family, type, address, port);
    struct pollfd wait = {.fd = socket, .events = type == SOCK_STREAM ? POLLOUT : POLLIN};

    if (type == SOCK_DGRAM)
        ck_assert_int_eq(send(socket, "segd....", 8, 0), 8);
    ck_assert_msg(poll(&wait, 1, WAIT_MSEC) == 1, "%s port %u: no answer", address, port);
    return pending_error(socket);
}

/* What the kernel tells a program of ICMP admin-prohibited. */
static const int prohibited[FAMILIES] = {EHOSTUNREACH, EACCES};

static void check_answered(const struct host *host, enum family family, const char *address,
                           uint16_t port, const char *counter)
{
    uint64_t before = segd_dropped(counter);

    ck_assert_int_eq(hear(host, family, SOCK_STREAM, address, port), ECONNREFUSED);
    ck_assert_int_eq(hear(host, family, SOCK_DGRAM, address, port), prohibited[family]);
    ck_assert_uint_eq(segd_dropped(counter), before + 2);
}

static void wait_refused(const char *counter, uint64_t n)
{
    for (int i = 0; i < WAIT_MSEC / MOMENT_MSEC && segd_dropped(counter) < n; i++)
        poll(NULL, 0, MOMENT_MSEC);
    ck_assert_uint_ge(segd_dropped(counter), n);
}

/* Who has heard nothing asks again: a connection by itself; and a datagram that was answered would
 * let the next one fail. */
static void check_silent(const struct host *host, enum family family, const char *address,
                         uint16_t port, const char *counter)
{
    uint64_t before = segd_dropped(counter);
    int socket = hosts_begin(host, family, SOCK_DGRAM, address, port);

    for (uint64_t i = 1; i <= 2; i++) {
        ck_assert_int_eq(send(socket, "segd....", 8, 0), 8);
        wait_refused(counter, before + i);
    }
    ck_assert_int_eq(pending_error(socket), 0);

    before = segd_dropped(counter);
    socket = hosts_begin(host, family, SOCK_STREAM, address, port);
    wait_refused(counter, before + 2);
    ck_assert_int_eq(pending_error(socket), 0);
}

START_TEST(a_pair_of_zones_is_answered_in_one_direction)
{
    enum family family = (enum family)(_i % FAMILIES);
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = start(policies[_i / FAMILIES], hosts);
    struct stream there, back;

    ck_assert_ptr_nonnull(segd);
    check_answered(&hosts[A], family, hosts[B].address[family], 7009, "no-flow/a/b");
    check_silent(&hosts[B], family, hosts[A].address[family], 7009, "no-flow/b/a");
    /* What is approved is not touched. */
    hosts_connect(&hosts[A], family, hosts[B].address[family], 7001,
                  hosts_listen(&hosts[B], family, 7001), &there, &back);
    stream_pass(&there, 5000);
    stream_pass(&back, 5000);
}
END_TEST

START_TEST(a_flow_is_answered_while_it_does_not_pass)
{
    enum family family = (enum family)(_i % FAMILIES);
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = start(policies[_i / FAMILIES], hosts);

    ck_assert_ptr_nonnull(segd);
    check_answered(&hosts[B], family, hosts[A].address[family], 7005, "suspended/b/a");
    check_silent(&hosts[B], family, hosts[A].address[family], 7006, "suspended/b/a");
}
END_TEST

START_TEST(the_gateway_answers_for_itself)
{
    enum family family = (enum family)_i;
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = start(policies[PROTECTED], hosts);

    ck_assert_ptr_nonnull(segd);
    check_answered(&hosts[A], family, hosts[A].gateway[family], 7009, "no-flow/a/gateway");
    check_answered(&hosts[A], family, hosts[B].gateway[family], 7009, "no-flow/a/gateway");
    check_silent(&hosts[B], family, hosts[B].gateway[family], 7009, "no-flow/b/gateway");
}
END_TEST

/* An open connection whose approval ended: the side that opened it is told, the other is not. */
START_TEST(an_open_connection_is_reset_for_who_opened_it)
{
    enum family family = (enum family)(_i % FAMILIES);
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = start(policies[_i / FAMILIES], hosts);
    cleanup_(freep) char *without = NULL;
    struct stream there, back;
    struct pollfd wait;

    hosts_connect(&hosts[A], family, hosts[B].address[family], 7001,
                  hosts_listen(&hosts[B], family, 7001), &there, &back);
    stream_pass(&there, 5000);
    ck_assert_int_ge(asprintf(&without, "%s", policies[_i / FAMILIES]), 0);
    strstr(without, "tcp/7001")[7] = '2';
    segd_reload(segd, without);
    stream_stops(&back, "no-flow", "a", "b");
    ck_assert_int_eq(pending_error(back.from), 0);
    ck_assert_int_eq(send(there.from, "x", 1, 0), 1);
    wait = (struct pollfd){.fd = there.from, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, WAIT_MSEC), 1);
    ck_assert_int_eq(pending_error(there.from), ECONNRESET);
}
END_TEST

#define TRIES 300
/* As in lib/ruleset/reject.c. */
#define RATE 50
#define BURST 50

START_TEST(answers_are_few)
{
    enum family family = (enum family)_i;
    struct host hosts[N_HOSTS];
    cleanup_(segd_freep) struct segd *segd = start(policies[PROTECTED], hosts);
    struct timespec begin, end;
    int sockets[TRIES], answered = 0;
    double seconds;

    ck_assert_ptr_nonnull(segd);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < TRIES; i++)
        sockets[i] = hosts_begin(&hosts[A], family, SOCK_STREAM, hosts[B].address[family], 7009);
    wait_refused("no-flow/a/b", TRIES);
    for (int i = 0; i < TRIES; i++)
        answered += pending_error(sockets[i]) == ECONNREFUSED;
    clock_gettime(CLOCK_MONOTONIC, &end);

    seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    ck_assert_int_ge(answered, BURST);
    ck_assert_msg(answered <= BURST + RATE * seconds + 1, "%d answers in %f seconds", answered,
                  seconds);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, a_pair_of_zones_is_answered_in_one_direction, 0,
                        POLICIES * FAMILIES);
    tcase_add_loop_test(tests, a_flow_is_answered_while_it_does_not_pass, 0, POLICIES * FAMILIES);
    tcase_add_loop_test(tests, the_gateway_answers_for_itself, 0, FAMILIES);
    tcase_add_loop_test(tests, an_open_connection_is_reset_for_who_opened_it, 0,
                        POLICIES * FAMILIES);
    tcase_add_loop_test(tests, answers_are_few, 0, FAMILIES);
}
