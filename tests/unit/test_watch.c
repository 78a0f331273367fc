/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who changed which table, and that a loss is told: lib/observe/watch.h. */

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "checks.h"
#include "nftables_sample.h"
#include "observe/watch.h"

static struct watch *open_watch(void)
{
    struct watch *watch;

    sandbox_enter();
    ck_assert_int_eq(watch_open(&watch), 0);
    return watch;
}

/* Notifications are queued before the call that caused them returns. */
static struct watched read_one(struct watch *watch)
{
    struct watched watched;

    ck_assert_int_eq(watch_read(watch, "segd", &watched), 1);
    return watched;
}

static void expect_silence(struct watch *watch)
{
    struct watched watched;

    ck_assert_int_eq(watch_read(watch, "segd", &watched), 0);
}

static const struct {
    const char *text;
    bool touches;
} changes[] = {
    {"add table inet segd", true},
    {"add table ip segd", false},
    {"add table inet segd2", false},
    {"add chain inet segd other", true},
    {"add rule inet segd c counter", true},
    {"add element inet segd s { 192.0.2.1 }", true},
    {"flush set inet segd s", true},
    {"add counter inet segd n", true},
    {"delete table inet segd", true},
    {"flush ruleset", true},
    {"add element inet other s { 192.0.2.1 }", false},
};

START_TEST(change_of_the_table_is_told_from_others)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    struct watched watched;

    sandbox_nft("add table inet segd\nadd chain inet segd c\nadd rule inet segd c accept\n"
                "add set inet segd s { type ipv4_addr; }\n"
                "add element inet segd s { 192.0.2.9 }\n"
                "add table inet other\nadd set inet other s { type ipv4_addr; }");
    ck_assert(read_one(watch).touches_table);
    if (_i == 0) {
        sandbox_nft("delete table inet segd");
        read_one(watch);
    }

    sandbox_nft(changes[_i].text);
    watched = read_one(watch);
    ck_assert(watched.touches_table == changes[_i].touches);
    expect_silence(watch);
}
END_TEST

START_TEST(process_and_generation_are_told)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    cleanup_(nftables_closep) struct nftables *nftables = sample_open();
    uint32_t before, after;
    struct watched watched;

    ck_assert_int_eq(nftables_generation(nftables, &before), 0);
    sandbox_nft("add table inet segd");
    ck_assert_int_eq(nftables_generation(nftables, &after), 0);

    watched = read_one(watch);
    ck_assert_uint_eq(before + 1, after);
    ck_assert_uint_eq(watched.generation, after);
    ck_assert_int_gt(watched.process, 0);
    ck_assert_int_ne(watched.process, getpid());
    ck_assert_str_eq(watched.program, "nft");
}
END_TEST

START_TEST(each_transaction_is_told_once)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    uint32_t generation;

    expect_silence(watch);
    sandbox_nft("add table inet segd");
    sandbox_nft("add table inet other");
    sandbox_nft("add chain inet segd c");

    generation = read_one(watch).generation;
    ck_assert_uint_eq(read_one(watch).generation, generation + 1);
    ck_assert_uint_eq(read_one(watch).generation, generation + 2);
    expect_silence(watch);
}
END_TEST

START_TEST(descriptor_is_readable_when_something_happened)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    struct pollfd descriptor = {.fd = watch_fd(watch), .events = POLLIN};

    ck_assert_int_eq(poll(&descriptor, 1, 0), 0);
    sandbox_nft("add table inet segd");
    ck_assert_int_eq(poll(&descriptor, 1, 0), 1);
    read_one(watch);
    ck_assert_int_eq(poll(&descriptor, 1, 0), 0);
}
END_TEST

/* Enough changes to overflow the smallest receive buffer. */
static void overflow(struct watch *watch)
{
    int size = 1;

    ck_assert_int_eq(setsockopt(watch_fd(watch), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    for (unsigned i = 0; i < 16; i++)
        sandbox_nft("add table inet other\ndelete table inet other\n"
                    "add table inet segd\nadd chain inet segd c\ndelete table inet segd\n"
                    "add table inet segd\nadd table inet other");
}

START_TEST(loss_is_told_and_what_comes_after_it_is_heard)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    struct watched watched;

    overflow(watch);
    ck_assert_int_eq(watch_read(watch, "segd", &watched), -ENOBUFS);
    expect_silence(watch);

    sandbox_nft("add chain inet segd c");
    ck_assert(read_one(watch).touches_table);
    expect_silence(watch);
}
END_TEST

/* What was begun before the loss is not counted to what comes after it. */
START_TEST(loss_forgets_the_transaction_it_cut)
{
    cleanup_(watch_closep) struct watch *watch = open_watch();
    struct watched watched;

    overflow(watch);
    ck_assert_int_eq(watch_read(watch, "segd", &watched), -ENOBUFS);
    sandbox_nft("add chain inet other c");
    ck_assert(!read_one(watch).touches_table);
}
END_TEST

START_TEST(watching_needs_the_privilege)
{
    struct watch *watch = NULL;

    sandbox_become_user();
    ck_assert_int_eq(watch_open(&watch), -EPERM);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, change_of_the_table_is_told_from_others, 0,
                        (int)ELEMENTS_OF(changes));
    tcase_add_test(tests, process_and_generation_are_told);
    tcase_add_test(tests, each_transaction_is_told_once);
    tcase_add_test(tests, descriptor_is_readable_when_something_happened);
    tcase_add_test(tests, loss_is_told_and_what_comes_after_it_is_heard);
    tcase_add_test(tests, loss_forgets_the_transaction_it_cut);
    tcase_add_test(tests, watching_needs_the_privilege);
}
