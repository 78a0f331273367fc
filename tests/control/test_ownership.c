/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whose the table is, over the life and death of segd: its own while it runs, an orphan where it
 * was killed, still its own where systemd kept the socket. Frames stream through the gateway
 * meanwhile: neither death nor return may cost one.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define FORBIDDEN_PORT 7009
#define ROUNDS 20

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001] }\n";

/* One packet of the open connection in each direction, and one that nothing approves. */
static void pass_round(struct lab *lab)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        struct frame request = wires_udp(family, WIRE_A, WIRE_B, PORT);
        struct frame reply = wires_answer(&request);
        struct frame forbidden = wires_udp(family, WIRE_A, WIRE_B, FORBIDDEN_PORT);

        ck_assert(wires_try(lab, WIRE_A, &request, NULL));
        ck_assert(wires_try(lab, WIRE_B, &reply, NULL));
        ck_assert(!wires_try(lab, WIRE_A, &forbidden, NULL));
    }
}

/* Streams until segd says that it is ready; it is asked to start before. */
static void pass_until_ready(struct segd *segd, struct lab *lab)
{
    const char *text;

    do {
        pass_round(lab);
        text = segd_notification(segd, false);
    } while (!text || !strstr(text, "READY=1"));
}

static void others_are_refused(void)
{
    static const char *const tries[] = {
        "delete table inet segd\n",
        "flush set inet segd live\n",
        "insert rule inet segd forward accept\n",
    };
    cleanup_(freep) char *before = segd_list(), *after = NULL;

    for (size_t i = 0; i < ELEMENTS_OF(tries); i++) {
        cleanup_(freep) char *answer = NULL;

        ck_assert_int_ne(sandbox_nft_try(tries[i], &answer), 0);
        ck_assert_msg(strstr(answer, "Operation not permitted"), "%s", answer);
    }
    ck_assert_int_eq(sandbox_nft_try("flush ruleset\n", NULL), 0);
    after = segd_list();
    segd_same(before, after);
}

START_TEST(death_and_return_cost_no_packet_and_no_count)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);
    uint64_t passed = 0;

    ck_assert(calls_owned(segd));
    for (int i = 0; i < ROUNDS; i++) {
        pass_round(lab);
        segd_kill(segd);
        pass_round(lab);
        segd_spawn(segd);
        pass_until_ready(segd, lab);
        ck_assert_uint_ge(segd_passed("open", false), passed + 3 * FAMILIES);
        passed = segd_passed("open", false);
        others_are_refused();
    }
    ck_assert_int_eq(calls_generation(segd), 1);
    ck_assert_int_eq(calls_repairs(segd), 0);
    calls_verify(segd);
}
END_TEST

START_TEST(killed_segd_leaves_an_orphan_that_the_next_one_adopts)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(policy);

    segd_kill(segd);
    sandbox_nft("add chain inet segd mine\n");
    segd_start_again(segd);
    others_are_refused();
    calls_verify(segd);
    pass_round(lab);
}
END_TEST

START_TEST(stored_socket_keeps_the_table_owned)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start_stored(policy);
    int domain = 0;
    socklen_t length = sizeof(domain);

    ck_assert_int_ge(segd_stored(segd), 0);
    ck_assert_int_eq(getsockopt(segd_stored(segd), SOL_SOCKET, SO_DOMAIN, &domain, &length), 0);
    ck_assert_int_eq(domain, AF_NETLINK);
    for (int i = 0; i < 5; i++) {
        pass_round(lab);
        if (i % 2 == 0)
            segd_kill(segd);
        else
            segd_stop(segd);
        others_are_refused();
        segd_spawn(segd);
        others_are_refused();
        pass_until_ready(segd, lab);
        others_are_refused();
        calls_verify(segd);
        segd_reload(segd, policy);
    }
    /* The store was emptied by hand: an orphan again, which is adopted. */
    segd_kill(segd);
    segd_empty_store(segd);
    sandbox_nft("delete chain inet segd forward\n");
    segd_start_again(segd);
    others_are_refused();
    calls_verify(segd);
}
END_TEST

/* What is handed over as the stored socket, and is none. */
static int open_useless(int kind)
{
    switch (kind) {
    case 0:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 1:
        return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    default:
        return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    }
}

START_TEST(useless_stored_socket_does_not_keep_segd_from_starting)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start_stored(policy);
    cleanup_(closep) int useless = open_useless(_i);

    segd_kill(segd);
    ck_assert_int_ge(dup3(useless, segd_stored(segd), O_CLOEXEC), 0);
    segd_start_again(segd);
    others_are_refused();
    calls_verify(segd);
    pass_round(lab);
}
END_TEST

/* A socket of a namespace that segd has left. */
START_TEST(stored_socket_of_another_namespace_is_not_used)
{
    cleanup_(segd_freep) struct segd *segd = NULL;

    sandbox_enter();
    segd = segd_start_stored(policy);
    segd_stop(segd);
    sandbox_enter();
    segd_start_again(segd);
    others_are_refused();
    calls_verify(segd);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, death_and_return_cost_no_packet_and_no_count);
    tcase_add_test(tests, killed_segd_leaves_an_orphan_that_the_next_one_adopts);
    tcase_add_test(tests, stored_socket_keeps_the_table_owned);
    tcase_add_loop_test(tests, useless_stored_socket_does_not_keep_segd_from_starting, 0, 3);
    tcase_add_test(tests, stored_socket_of_another_namespace_is_not_used);
}
