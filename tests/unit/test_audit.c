/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The audit log as it is meant to go: entries, rotation, a last line that a power cut tore, disks
 * that take nothing: daemon/record/audit.h. What people do to it is in test_audit_tampered.c.
 */

#include <jansson.h>
#include <stdio.h>

#include "audit_sample.h"
#include "base/cleanup.h"
#include "checks.h"

START_TEST(an_entry_holds_what_was_told)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(json_decrefp) json_t *entries = NULL, *detail = json_pack("{s:[i,i]}", "cut", 3, 4);
    struct audit_event event = {
        .actor = {.uid = 1000, .pid = 812, .name = "tanaka"},
        .action = "isolate",
        .object = "lgwan",
        .reason = "感染の疑い\n",
        .from = 3,
        .to = 4,
        .outcome = "done",
        .detail = detail,
    };
    const json_t *first, *second;
    struct stat status;

    ck_assert_uint_eq(audit_sequence(audit), 0);
    ck_assert_str_eq(audit_head(audit), zeros);
    ck_assert_int_eq(audit_append(audit, &event), 0);
    sample_append(audit, 1);
    ck_assert_uint_eq(audit_sequence(audit), 2);

    ck_assert_int_eq(audit_read(audit, 0, 100, &entries), 0);
    ck_assert_uint_eq(json_array_size(entries), 2);
    first = json_array_get(entries, 0);
    second = json_array_get(entries, 1);
    ck_assert_uint_eq(json_object_size(first), 13);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "sequence")), 1);
    ck_assert_str_eq(json_string_value(json_object_get(first, "previous")), zeros);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "uid")), 1000);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "pid")), 812);
    ck_assert_str_eq(json_string_value(json_object_get(first, "who")), "tanaka");
    ck_assert_str_eq(json_string_value(json_object_get(first, "action")), "isolate");
    ck_assert_str_eq(json_string_value(json_object_get(first, "object")), "lgwan");
    ck_assert_str_eq(json_string_value(json_object_get(first, "reason")), "感染の疑い\n");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "from")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "to")), 4);
    ck_assert_str_eq(json_string_value(json_object_get(first, "outcome")), "done");
    ck_assert(json_equal(json_object_get(first, "detail"), detail));
    ck_assert(json_is_null(json_object_get(second, "object")));
    ck_assert(json_is_null(json_object_get(second, "detail")));

    ck_assert_int_eq(fstatat(directory, "audit.log", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

/* With nothing but a digest of lines, as anybody can verify it. */
START_TEST(each_line_holds_the_digest_of_the_line_before)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(freep) char *text = NULL;
    char digest[SHA256_TEXT_MAX] = "";
    size_t size;

    sample_append(audit, 5);
    text = folder_get(directory, "audit.log", &size);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert(!*digest || strstr(line, digest));
        sha256_text(line, strlen(line), digest);
    }
    ck_assert_str_eq(digest, audit_head(audit));
}
END_TEST

START_TEST(the_chain_goes_on_after_a_restart)
{
    int directory = folder_enter("1m");

    for (uint64_t i = 0; i < 4; i++) {
        cleanup_(audit_closep) struct audit *audit =
            sample_open(directory, 0, i == 0 ? AUDIT_EMPTY : AUDIT_GOOD);

        ck_assert_uint_eq(audit_sequence(audit), 3 * i);
        sample_append(audit, 3);
        sample_assert_verified(audit, 3 * i + 3);
    }
}
END_TEST

START_TEST(rotation_keeps_the_chain)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 1000, AUDIT_EMPTY);
    char head[SHA256_TEXT_MAX];

    for (unsigned i = 0; i < 50; i++) {
        sample_append(audit, 1);
        strcpy(head, audit_head(audit));
        if (i % 7 != 0)
            continue;

        audit = audit_close(audit);
        audit = sample_open(directory, 1000, AUDIT_GOOD);
        ck_assert_str_eq(audit_head(audit), head);
    }
    sample_assert_verified(audit, 50);
    ck_assert(folder_has(directory, "audit-1.log"));
    ck_assert_uint_ge(folder_count(directory), 5);
}
END_TEST

/* Between the two renames of a rotation there is no audit.log, or an empty one. */
START_TEST(a_crash_in_a_rotation_is_no_break)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);

    sample_append(audit, 5);
    audit = audit_close(audit);
    ck_assert_int_eq(renameat(directory, "audit.log", directory, "audit-1.log"), 0);
    if (_i == 1)
        folder_put(directory, "audit.log", "", 0);

    audit = sample_open(directory, 0, AUDIT_GOOD);
    ck_assert_uint_eq(audit_sequence(audit), 5);
    sample_append(audit, 2);
    sample_assert_verified(audit, 7);
}
END_TEST

START_TEST(entries_are_read_from_any_number_on)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 1000, AUDIT_EMPTY);

    sample_append(audit, 40);
    for (uint64_t after = 0; after <= 41; after++) {
        for (size_t limit = 0; limit <= 45; limit += 3) {
            cleanup_(json_decrefp) json_t *entries = NULL;
            size_t expected = after < 40 ? 40 - after : 0;

            ck_assert_int_eq(audit_read(audit, after, limit, &entries), 0);
            ck_assert_uint_eq(json_array_size(entries), expected < limit ? expected : limit);
            for (size_t i = 0; i < json_array_size(entries); i++)
                ck_assert_int_eq(
                    json_integer_value(json_object_get(json_array_get(entries, i), "sequence")),
                    (json_int_t)(after + i + 1));
        }
    }
}
END_TEST

/* A power cut at each byte of the last line, also with an older file before it. */
START_TEST(a_torn_last_line_is_set_aside)
{
    /* With the small limit each line has a file of its own. */
    const size_t limit = _i == 0 ? 0 : 1;
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, limit, AUDIT_EMPTY);
    cleanup_(freep) char *text = NULL;
    char head[SHA256_TEXT_MAX];
    size_t whole, size;

    sample_append(audit, 4);
    strcpy(head, audit_head(audit));
    free(folder_get(directory, "audit.log", &whole));
    sample_append(audit, 1);
    text = folder_get(directory, "audit.log", &size);
    if (limit > 0)
        whole = 0;
    audit = audit_close(audit);

    for (size_t length = whole + 1; length < size; length++) {
        cleanup_(freep) char *torn = NULL, *left = NULL;
        size_t torn_size, left_size;

        folder_put(directory, "audit.log", text, length);
        audit = sample_open(directory, limit, AUDIT_TORN);
        ck_assert_uint_eq(audit_sequence(audit), 4);
        ck_assert_str_eq(audit_head(audit), head);
        sample_append(audit, 1);
        sample_assert_verified(audit, 5);
        audit = audit_close(audit);

        torn = folder_get(directory, "audit.torn", &torn_size);
        ck_assert_uint_eq(torn_size, length - whole + 1);
        ck_assert_mem_eq(torn, text + whole, length - whole);
        ck_assert_int_eq(unlinkat(directory, "audit.torn", 0), 0);
        left = folder_get(directory, "audit.log", &left_size);
        ck_assert_mem_eq(left, text, whole);
        ck_assert_int_eq(folder_has(directory, "audit-4.log"), limit > 0);
    }
}
END_TEST

START_TEST(what_was_torn_twice_is_kept_twice)
{
    int directory = folder_enter("1m");
    cleanup_(freep) char *torn = NULL;
    size_t size;

    for (unsigned i = 0; i < 2; i++) {
        folder_put(directory, "audit.log", i == 0 ? "first" : "second", i == 0 ? 5 : 6);
        audit_close(sample_open(directory, 0, AUDIT_TORN));
    }
    torn = folder_get(directory, "audit.torn", &size);
    ck_assert_str_eq(torn, "first\nsecond\n");
}
END_TEST

/* At each state of a disk that fills up: an entry is there whole or not at all. */
START_TEST(a_full_disk_refuses_an_entry)
{
    int directory = folder_enter("64k");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    char head[SHA256_TEXT_MAX];
    uint64_t sequence;
    int r;

    folder_put(directory, "reserve", audit_head(audit), 64);
    sample_append(audit, 1);
    folder_fill(directory);
    while ((r = sample_try(audit)) == 0)
        ck_assert_uint_lt(audit_sequence(audit), 1000);
    ck_assert_int_eq(r, -ENOSPC);

    sequence = audit_sequence(audit);
    strcpy(head, audit_head(audit));
    ck_assert_int_eq(sample_try(audit), -ENOSPC);
    ck_assert_uint_eq(audit_sequence(audit), sequence);
    ck_assert_str_eq(audit_head(audit), head);
    sample_assert_verified(audit, sequence);

    audit = audit_close(audit);
    audit = sample_open(directory, 0, AUDIT_GOOD);
    ck_assert_str_eq(audit_head(audit), head);
    ck_assert_int_eq(sample_try(audit), -ENOSPC);
    ck_assert_int_eq(unlinkat(directory, "filler", 0), 0);
    sample_append(audit, 3);
    sample_assert_verified(audit, sequence + 3);
}
END_TEST

START_TEST(a_read_only_disk_refuses_entries_until_it_is_not)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = NULL;

    if (_i == 1)
        audit_close(sample_open(directory, 0, AUDIT_EMPTY));
    folder_make_read_only(true);
    audit = sample_open(directory, 0, AUDIT_UNREADABLE);
    ck_assert_int_eq(sample_try(audit), -EROFS);
    ck_assert_int_eq(audit_condition(audit), AUDIT_UNREADABLE);

    folder_make_read_only(false);
    sample_append(audit, 2);
    ck_assert_int_eq(audit_condition(audit), AUDIT_EMPTY);
    sample_assert_verified(audit, 2);
}
END_TEST

START_TEST(what_is_no_file_of_ours_is_not_written_to)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = NULL;
    cleanup_(freep) char *text = NULL;
    size_t size;

    folder_put(directory, "target", "x", 1);
    if (_i == 0)
        ck_assert_int_eq(symlinkat("target", directory, "audit.log"), 0);
    else if (_i == 1)
        ck_assert_int_eq(mkdirat(directory, "audit.log", 0700), 0);
    else
        ck_assert_int_eq(mkfifoat(directory, "audit.log", 0600), 0);

    audit = sample_open(directory, 0, AUDIT_UNREADABLE);
    ck_assert_int_lt(sample_try(audit), 0);
    text = folder_get(directory, "target", &size);
    ck_assert_str_eq(text, "x");
}
END_TEST

START_TEST(a_detail_that_does_not_fit_is_left_out)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(json_decrefp) json_t *detail = json_object(), *entries = NULL;
    cleanup_(freep) char *text = calloc(1, AUDIT_LINE_MAX + 1);
    struct audit_event event = {
        .actor = {.uid = -1}, .action = "drift", .outcome = "done", .detail = detail};

    memset(text, 'a', AUDIT_LINE_MAX);
    ck_assert_int_eq(json_object_set_new(detail, "text", json_string(text)), 0);
    ck_assert_int_eq(audit_append(audit, &event), 0);
    ck_assert_int_eq(audit_read(audit, 0, 1, &entries), 0);
    ck_assert(json_is_true(
        json_object_get(json_object_get(json_array_get(entries, 0), "detail"), "omitted")));

    event.reason = text;
    ck_assert_int_eq(audit_append(audit, &event), -EMSGSIZE);
    sample_assert_verified(audit, 1);
}
END_TEST

/* The longest line there is must be read again. */
START_TEST(a_line_may_be_as_long_as_the_limit)
{
    int directory = folder_enter("1m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(freep) char *text = calloc(1, AUDIT_LINE_MAX + 1);
    struct audit_event event = {.action = "x", .outcome = "done", .reason = text};
    size_t length = AUDIT_LINE_MAX, size;

    do {
        memset(text, 'a', length);
        text[length--] = '\0';
    } while (audit_append(audit, &event) == -EMSGSIZE);
    free(folder_get(directory, "audit.log", &size));
    ck_assert_uint_eq(size, AUDIT_LINE_MAX + 1);
    sample_append(audit, 1);
    sample_assert_verified(audit, 2);

    audit = audit_close(audit);
    audit = sample_open(directory, 0, AUDIT_GOOD);
    ck_assert_uint_eq(audit_sequence(audit), 2);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, an_entry_holds_what_was_told);
    tcase_add_test(tests, each_line_holds_the_digest_of_the_line_before);
    tcase_add_test(tests, the_chain_goes_on_after_a_restart);
    tcase_add_test(tests, rotation_keeps_the_chain);
    tcase_add_loop_test(tests, a_crash_in_a_rotation_is_no_break, 0, 2);
    tcase_add_test(tests, entries_are_read_from_any_number_on);
    tcase_add_loop_test(tests, a_torn_last_line_is_set_aside, 0, 2);
    tcase_add_test(tests, what_was_torn_twice_is_kept_twice);
    tcase_add_test(tests, a_full_disk_refuses_an_entry);
    tcase_add_loop_test(tests, a_read_only_disk_refuses_entries_until_it_is_not, 0, 2);
    tcase_add_loop_test(tests, what_is_no_file_of_ours_is_not_written_to, 0, 3);
    tcase_add_test(tests, a_detail_that_does_not_fit_is_left_out);
    tcase_add_test(tests, a_line_may_be_as_long_as_the_limit);
}
