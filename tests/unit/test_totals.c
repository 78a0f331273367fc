/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Totals and their file, without a kernel. */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "daemon/record/totals.h"
#include "folder.h"

static struct totals *new_totals(void)
{
    struct totals *totals = NULL;

    ck_assert_int_eq(totals_new(&totals), 0);
    return totals;
}

static struct both_counts counts(uint64_t packets, uint64_t reply)
{
    return (struct both_counts){{packets, packets * 100}, {reply, reply * 100}};
}

static void note_read(struct totals *totals, const char *name, uint64_t packets, uint64_t reply)
{
    const struct both_counts now = counts(packets, reply);

    totals_note_read(totals, name, &now);
}

static void note_gone(struct totals *totals, const char *name, uint64_t packets, uint64_t reply)
{
    const struct both_counts count = counts(packets, reply);

    totals_note_gone(totals, name, &count);
}

/* The total while the kernel counts `packets` and `reply`. */
static struct total assert_total(const struct totals *totals, const char *name, uint64_t packets,
                                 uint64_t reply, uint64_t expected, uint64_t expected_reply)
{
    const struct both_counts now = counts(packets, reply), sum = counts(expected, expected_reply);
    struct total total = totals_of(totals, name, &now);

    ck_assert_uint_eq(total.counts.original.packets, sum.original.packets);
    ck_assert_uint_eq(total.counts.original.bytes, sum.original.bytes);
    ck_assert_uint_eq(total.counts.reply.packets, sum.reply.packets);
    ck_assert_uint_eq(total.counts.reply.bytes, sum.reply.bytes);
    return total;
}

START_TEST(what_was_never_counted_is_zero_since_the_beginning)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();
    struct total total = assert_total(totals, "f", 0, 0, 0, 0);

    ck_assert_int_eq(total.since, totals_since(totals));
    ck_assert_int_eq(total.first, 0);
    ck_assert_int_eq(total.last, 0);
    total = assert_total(totals, "f", 3, 0, 3, 0);
    ck_assert_int_ge(total.first, totals_since(totals));
    ck_assert_int_eq(total.last, total.first);
}
END_TEST

START_TEST(a_counter_that_goes_is_added_with_what_came_after_the_last_reading)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();

    note_read(totals, "f", 5, 1);
    note_gone(totals, "f", 7, 1);
    assert_total(totals, "f", 0, 0, 7, 1);
    assert_total(totals, "f", 4, 2, 11, 3);
    note_read(totals, "f", 4, 2);
    assert_total(totals, "f", 4, 2, 11, 3);
}
END_TEST

START_TEST(one_of_several_counters_of_a_name_may_go)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();

    /* Two of 5 and 4, of which the first has 6 when it goes. */
    note_read(totals, "f", 9, 0);
    note_gone(totals, "f", 6, 0);
    assert_total(totals, "f", 4, 0, 10, 0);
    note_read(totals, "f", 4, 0);
    assert_total(totals, "f", 5, 0, 11, 0);
}
END_TEST

START_TEST(a_counter_that_began_anew_without_a_word_adds_what_was_seen)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();

    note_read(totals, "f", 5, 8);
    assert_total(totals, "f", 6, 2, 11, 10);
    note_read(totals, "f", 6, 2);
    assert_total(totals, "f", 6, 3, 11, 11);
    totals_note_lost(totals, "");
    assert_total(totals, "f", 0, 0, 11, 10);
    assert_total(totals, "f", 9, 9, 20, 19);
}
END_TEST

START_TEST(a_counter_of_another_sum_takes_nothing_over)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();
    const struct both_counts less = counts(2, 0), more = counts(8, 0);

    note_read(totals, "/a", 5, 0);
    note_read(totals, "f", 5, 0);
    totals_note_lost(totals, "/");
    totals_note_moved(totals, "/a", &less);
    totals_note_moved(totals, "/b", &more);
    assert_total(totals, "/a", 3, 0, 6, 0);
    assert_total(totals, "/b", 8, 0, 0, 0);
    assert_total(totals, "/b", 9, 0, 1, 0);
    assert_total(totals, "f", 6, 0, 6, 0);
}
END_TEST

START_TEST(a_renamed_flow_takes_its_total_with_it)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();
    struct total total;

    note_read(totals, "f", 5, 1);
    total = assert_total(totals, "f", 5, 1, 5, 1);
    totals_rename(totals, "f", "g");
    ck_assert_int_eq(assert_total(totals, "g", 6, 1, 6, 1).first, total.first);
    ck_assert_int_gt(assert_total(totals, "f", 0, 0, 0, 0).since, totals_since(totals));
    totals_rename(totals, "not", "h");
    assert_total(totals, "h", 0, 0, 0, 0);
}
END_TEST

START_TEST(more_names_than_there_is_room_for_forget_the_oldest)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();
    const usec_t since = totals_since(totals);
    char name[24];

    for (size_t i = 0; i <= TOTALS_MAX; i++) {
        snprintf(name, sizeof(name), "f%zu", i);
        note_read(totals, name, i + 1, 0);
    }
    ck_assert_uint_le(totals_count(totals), TOTALS_MAX);
    ck_assert_uint_ge(totals_count(totals), TOTALS_MAX / 2);
    ck_assert_int_gt(totals_since(totals), since);
    assert_total(totals, name, 0, 0, TOTALS_MAX + 1, 0);
    /* Forgotten: of the kernel's count nothing is added to it. */
    assert_total(totals, "f0", 0, 0, 0, 0);
}
END_TEST

START_TEST(the_file_has_all_of_it)
{
    cleanup_(totals_freep) struct totals *totals = new_totals(), *other = new_totals();
    int directory = folder_enter("1m");
    struct total total, again;

    ck_assert_int_eq(totals_read(other, directory), -ENOENT);
    ck_assert_int_eq(totals_write(totals, directory), 0);
    ck_assert_int_eq(totals_read(other, directory), 0);
    ck_assert_uint_eq(totals_count(other), 0);

    note_read(totals, "f", 5, 1);
    note_gone(totals, "f", 6, 1);
    note_read(totals, "g", 1, 0);
    ck_assert_int_eq(totals_write(totals, directory), 0);
    ck_assert_int_eq(totals_read(other, directory), 0);
    ck_assert_int_eq(totals_since(other), totals_since(totals));
    total = assert_total(totals, "f", 2, 0, 8, 1);
    again = assert_total(other, "f", 2, 0, 8, 1);
    ck_assert_int_eq(again.since, total.since);
    ck_assert_int_eq(again.first, total.first);
    assert_total(other, "g", 1, 0, 1, 0);
    note_read(other, "h", 1, 0);
    assert_total(other, "h", 1, 0, 1, 0);
    close(directory);
}
END_TEST

START_TEST(no_damage_is_read)
{
    cleanup_(totals_freep) struct totals *totals = new_totals(), *other = new_totals();
    int directory = folder_enter("1m");
    cleanup_(freep) char *bytes = NULL;
    size_t size;

    note_read(totals, "f", 5, 1);
    note_read(other, "mine", 3, 0);
    ck_assert_int_eq(totals_write(totals, directory), 0);
    ck_assert_int_eq(file_read(directory, "counters", 4096, &bytes, &size), 0);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        folder_put(directory, "counters", bytes, size);
        ck_assert_msg(totals_read(other, directory) == -EBADMSG, "byte %zu", i);
        bytes[i] ^= 1;
    }
    for (size_t i = 0; i < size; i++) {
        folder_put(directory, "counters", bytes, i);
        ck_assert_msg(totals_read(other, directory) == -EBADMSG, "%zu bytes", i);
    }
    assert_total(other, "mine", 3, 0, 3, 0);
    close(directory);
}
END_TEST

START_TEST(a_full_disk_keeps_the_file_before)
{
    cleanup_(totals_freep) struct totals *totals = new_totals(), *other = new_totals();
    int directory = folder_enter("64k");
    char name[24];

    note_read(totals, "f", 5, 1);
    ck_assert_int_eq(totals_write(totals, directory), 0);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "f%zu", i);
        note_read(totals, name, 1, 0);
    }
    ck_assert_int_eq(totals_write(totals, directory), -ENOSPC);
    ck_assert_int_eq(totals_read(other, directory), 0);
    assert_total(other, "f", 5, 1, 5, 1);
    close(directory);
}
END_TEST

START_TEST(a_child_knows_that_it_was_overtaken)
{
    cleanup_(totals_freep) struct totals *totals = new_totals();
    int go[2], made[2], status;
    pid_t child;
    char byte;

    ck_assert_int_eq(pipe(go), 0);
    ck_assert_int_eq(pipe(made), 0);
    totals_begin_change(totals);
    ck_assert(!totals_is_overtaken(totals));
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (totals_is_overtaken(totals) || write(made[1], "x", 1) != 1 ||
            read(go[0], &byte, 1) != 1)
            _exit(2);
        _exit(totals_is_overtaken(totals) ? 0 : 1);
    }
    ck_assert_int_eq(read(made[0], &byte, 1), 1);
    totals_begin_change(totals);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(!totals_is_overtaken(totals));
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(made[i]);
    }
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_was_never_counted_is_zero_since_the_beginning);
    tcase_add_test(tests, a_counter_that_goes_is_added_with_what_came_after_the_last_reading);
    tcase_add_test(tests, one_of_several_counters_of_a_name_may_go);
    tcase_add_test(tests, a_counter_that_began_anew_without_a_word_adds_what_was_seen);
    tcase_add_test(tests, a_counter_of_another_sum_takes_nothing_over);
    tcase_add_test(tests, a_renamed_flow_takes_its_total_with_it);
    tcase_add_test(tests, more_names_than_there_is_room_for_forget_the_oldest);
    tcase_add_test(tests, the_file_has_all_of_it);
    tcase_add_test(tests, no_damage_is_read);
    tcase_add_test(tests, a_full_disk_keeps_the_file_before);
    tcase_add_test(tests, a_child_knows_that_it_was_overtaken);
}
