/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What somebody may do to the audit log while the daemon is down or runs. Each of it is found, the
 * log goes on, and what is left of the old one stays as it is: daemon/record/audit.h.
 */

#include <jansson.h>
#include <stdio.h>

#include "audit_sample.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "checks.h"

#define ENTRIES 6

/* A log of some entries, the whole of it in one text. */
static char *make_log(int directory, size_t *ret_size)
{
    struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);

    sample_append(audit, ENTRIES);
    audit_close(audit);
    return folder_get(directory, "audit.log", ret_size);
}

/* The line with a number from 0, and its length with its end. */
static char *line_at(char *text, unsigned number, size_t *ret_length)
{
    while (number-- > 0)
        text = strchr(text, '\n') + 1;
    *ret_length = (size_t)(strchr(text, '\n') - text) + 1;
    return text;
}

/* The log that was broken goes on, tells of it in an entry, is broken ever after, and is not taken
 * for broken once more. */
static void assert_goes_on(int directory)
{
    cleanup_(json_decrefp) json_t *entries = NULL;
    struct audit *audit = sample_open(directory, 0, AUDIT_TAMPERED);
    uint64_t sequence = audit_sequence(audit);
    const json_t *entry;

    ck_assert_uint_gt(sequence, 0);
    ck_assert_int_eq(audit_read(audit, sequence - 1, 1, &entries), 0);
    entry = json_array_get(entries, 0);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "action")), "tampered");
    ck_assert_ptr_nonnull(
        json_string_value(json_object_get(json_object_get(entry, "detail"), "problem")));

    sample_append(audit, 3);
    ck_assert_uint_eq(audit_sequence(audit), sequence + 3);
    sample_assert_broken(audit);
    audit_close(audit);

    audit = sample_open(directory, 0, AUDIT_GOOD);
    ck_assert_uint_eq(audit_sequence(audit), sequence + 3);
    sample_append(audit, 1);
    sample_assert_broken(audit);
    audit_close(audit);
}

/* Everything in the folder goes, for another try. */
static void empty(int directory)
{
    const struct dirent *entry;
    DIR *stream = NULL;

    ck_assert_int_eq(file_list(directory, &stream), 0);
    while ((entry = readdir(stream)))
        unlinkat(directory, entry->d_name, 0);
    closedir(stream);
    ck_assert_uint_eq(folder_count(directory), 0);
}

/* In all lines but the last, which the next one would vouch for. */
START_TEST(each_byte_that_changes_breaks_the_chain)
{
    int directory = folder_enter("4m");
    cleanup_(freep) char *text = NULL;
    size_t size, last;

    text = make_log(directory, &size);
    last = (size_t)(line_at(text, ENTRIES - 1, &(size_t){0}) - text);
    for (size_t i = 0; i < last; i++) {
        cleanup_(freep) char *left = NULL;
        size_t left_size;

        text[i] = (char)(text[i] ^ (1 << (i % 8)));
        empty(directory);
        folder_put(directory, "audit.log", text, size);
        assert_goes_on(directory);

        left = folder_get(directory, "audit-1.log", &left_size);
        ck_assert_uint_eq(left_size, size);
        ck_assert_mem_eq(left, text, size);
        text[i] = (char)(text[i] ^ (1 << (i % 8)));
    }
}
END_TEST

/* The last line either is none any more or has another hash than the head that was told. */
START_TEST(a_change_of_the_last_line_is_another_head)
{
    int directory = folder_enter("4m");
    cleanup_(freep) char *text = NULL;
    char head[SHA256_TEXT_MAX];
    size_t size, last, length;

    text = make_log(directory, &size);
    last = (size_t)(line_at(text, ENTRIES - 1, &length) - text);
    sha256_text(text + last, length - 1, head);
    for (size_t i = last; i < size; i++) {
        cleanup_(audit_closep) struct audit *audit = NULL;
        enum audit_condition condition;

        text[i] = (char)(text[i] ^ (1 << (i % 8)));
        empty(directory);
        folder_put(directory, "audit.log", text, size);
        ck_assert_int_eq(audit_open(directory, 0, NULL, &audit, &condition), 0);
        if (i == size - 1)
            ck_assert_int_eq(condition, AUDIT_TORN);
        else
            ck_assert(condition == AUDIT_TAMPERED || condition == AUDIT_GOOD);
        ck_assert_str_ne(audit_head(audit), head);
        sample_append(audit, 1);
        text[i] = (char)(text[i] ^ (1 << (i % 8)));
    }
}
END_TEST

enum deed {
    TAKE_OUT_FIRST,
    TAKE_OUT_MIDDLE,
    DOUBLE_MIDDLE,
    SWAP_LINES,
    PUT_EMPTY_LINE,
    PUT_LONG_LINE,
    PUT_BINARY,
    PUT_LONG_REST,
    DEEDS,
};

/* Does one thing to the text; returns its new size. There is room for more of it. */
static size_t tamper(enum deed deed, char *text, size_t size)
{
    size_t length, next_length;
    char *line = line_at(text, deed == TAKE_OUT_FIRST ? 0 : 2, &length);
    char *next = line_at(line, 1, &next_length);
    const size_t rest = (size_t)(text + size - line), insert = 2 * AUDIT_LINE_MAX;
    cleanup_(freep) char *copy = NULL;

    switch (deed) {
    case TAKE_OUT_FIRST:
    case TAKE_OUT_MIDDLE:
        memmove(line, next, rest - length);
        return size - length;
    case DOUBLE_MIDDLE:
        memmove(next, line, rest);
        return size + length;
    case SWAP_LINES:
        copy = strndup(line, length);
        memmove(line, next, next_length);
        memcpy(line + next_length, copy, length);
        return size;
    case PUT_EMPTY_LINE:
        memmove(line + 1, line, rest);
        *line = '\n';
        return size + 1;
    case PUT_LONG_LINE:
        memmove(line + insert, line, rest);
        memset(line, 'a', insert);
        line[insert - 1] = '\n';
        return size + insert;
    case PUT_BINARY:
        memset(line, 0, length);
        return size;
    case PUT_LONG_REST:
        memset(text + size, 'a', insert);
        return size + insert;
    case DEEDS:
        break;
    }
    ck_abort();
}

START_TEST(what_was_done_to_the_lines_is_found)
{
    int directory = folder_enter("4m");
    cleanup_(freep) char *text = NULL, *left = NULL;
    size_t size, left_size;

    text = make_log(directory, &size);
    text = realloc(text, size + 4 * AUDIT_LINE_MAX);
    text[size] = '\0';
    size = tamper((enum deed)_i, text, size);
    folder_put(directory, "audit.log", text, size);
    assert_goes_on(directory);

    left = folder_get(directory, "audit-1.log", &left_size);
    ck_assert_uint_eq(left_size, size);
    ck_assert_mem_eq(left, text, size);
}
END_TEST

/* Makes each line hold the digest of the line before, as somebody does who knows the form. */
static void link_lines(char *text)
{
    char head[SHA256_TEXT_MAX];

    for (unsigned i = 0; i < ENTRIES; i++) {
        size_t length;
        char *line = line_at(text, i, &length);

        if (i > 0)
            memcpy(strstr(line, "\"previous\": \"") + 13, head, 64);
        sha256_text(line, length - 1, head);
    }
}

START_TEST(numbers_that_are_not_in_order_are_found)
{
    static const struct {
        const char *part, *other;
    } cases[] = {
        {"\"sequence\": 1,", "\"sequence\": 2,"},
        {"\"sequence\": 4,", "\"sequence\": 5,"},
        {"\"sequence\": 4,", "\"sequence\": 3,"},
        {"\"sequence\": 6,", "\"sequence\": 9,"},
    };
    int directory = folder_enter("4m");
    cleanup_(freep) char *text = NULL;
    size_t size;

    text = make_log(directory, &size);
    memcpy(strstr(text, cases[_i].part), cases[_i].other, strlen(cases[_i].other));
    link_lines(text);
    folder_put(directory, "audit.log", text, size);
    assert_goes_on(directory);
}
END_TEST

/* An entry is changed, and all lines after it fit again. */
START_TEST(a_rewritten_history_is_found_by_its_head)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    char known[SHA256_TEXT_MAX];
    cleanup_(freep) char *text = NULL;
    struct stat before, after;
    char *owner;
    size_t size;

    sample_append(audit, ENTRIES);
    strcpy(known, audit_head(audit));
    text = folder_get(directory, "audit.log", &size);
    owner = strstr(text, "root");
    ck_assert_ptr_nonnull(owner);
    owner[0] = 'b';
    link_lines(text);
    ck_assert_int_eq(fstatat(directory, "audit.log", &before, 0), 0);
    do {
        folder_put(directory, "audit.log", text, size);
        ck_assert_int_eq(fstatat(directory, "audit.log", &after, 0), 0);
    } while (memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) == 0);

    /* Whoever holds the head that was told before sees it: this process, */
    sample_assert_broken(audit);
    sample_append(audit, 1);
    ck_assert_int_eq(audit_condition(audit), AUDIT_TAMPERED);
    sample_assert_broken(audit);

    /* and who looks into the journal. */
    empty(directory);
    folder_put(directory, "audit.log", text, size);
    audit = audit_close(audit);
    audit = sample_open(directory, 0, AUDIT_GOOD);
    ck_assert_str_ne(audit_head(audit), known);
}
END_TEST

enum interference {
    CUT_TO_NOTHING,
    CUT_A_LINE,
    DELETE,
    REPLACE,
    ADD_A_LINE,
    ADD_A_PART,
    INTERFERENCES,
};

/* While the daemon has the log open. */
static void interfere(enum interference interference, int directory, char *text, size_t size)
{
    size_t last = (size_t)(line_at(text, ENTRIES - 1, &(size_t){0}) - text);

    switch (interference) {
    case CUT_TO_NOTHING:
        ck_assert_int_eq(truncate(FOLDER "/audit.log", 0), 0);
        return;
    case CUT_A_LINE:
        ck_assert_int_eq(truncate(FOLDER "/audit.log", (off_t)last), 0);
        return;
    case DELETE:
        ck_assert_int_eq(unlinkat(directory, "audit.log", 0), 0);
        return;
    case REPLACE:
        ck_assert_int_eq(unlinkat(directory, "audit.log", 0), 0);
        text[size - 10] ^= 1;
        folder_put(directory, "audit.log", text, size);
        return;
    case ADD_A_LINE:
        strcpy(text + size - 1, "\n{}\n");
        folder_put(directory, "audit.log", text, size + 3);
        return;
    case ADD_A_PART:
        text[size] = 'x';
        folder_put(directory, "audit.log", text, size + 1);
        return;
    case INTERFERENCES:
        break;
    }
    ck_abort();
}

START_TEST(what_is_done_to_an_open_log_is_found_by_the_next_entry)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(freep) char *text = NULL;
    size_t size;

    sample_append(audit, ENTRIES);
    text = folder_get(directory, "audit.log", &size);
    text = realloc(text, size + 10);
    text[size] = '\0';
    interfere((enum interference)_i, directory, text, size);

    sample_assert_broken(audit);
    sample_append(audit, 1);
    ck_assert_uint_gt(audit_sequence(audit), ENTRIES);
    if (_i == ADD_A_PART) {
        /* As a power cut would leave it: nothing is lost. */
        ck_assert_int_eq(audit_condition(audit), AUDIT_TORN);
        sample_assert_verified(audit, ENTRIES + 1);
        return;
    }
    ck_assert_int_eq(audit_condition(audit), AUDIT_TAMPERED);
    sample_assert_broken(audit);
    audit = audit_close(audit);
    audit_close(sample_open(directory, 0, AUDIT_GOOD));
}
END_TEST

/* An older file: its end is looked at when the log is opened, all of it when it is verified. */
START_TEST(what_is_done_to_older_files_is_found)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 0, AUDIT_EMPTY);
    cleanup_(freep) char *text = NULL;
    size_t size, length, last;

    sample_append(audit, ENTRIES);
    audit = audit_close(audit);
    audit = sample_open(directory, 1, AUDIT_GOOD);
    sample_append(audit, 2);
    audit = audit_close(audit);
    text = folder_get(directory, "audit-1.log", &size);
    last = (size_t)(line_at(text, ENTRIES - 1, &length) - text);
    ck_assert(folder_has(directory, "audit-7.log"));

    /* The one before the newest: nothing of it is read at the start. */
    text[last / 2] ^= 1;
    folder_put(directory, "audit-1.log", text, size);
    audit = sample_open(directory, 0, AUDIT_GOOD);
    sample_assert_broken(audit);
    audit = audit_close(audit);

    /* Out it goes, then the newest too. */
    ck_assert_int_eq(unlinkat(directory, "audit-1.log", 0), 0);
    audit = sample_open(directory, 0, AUDIT_GOOD);
    sample_assert_broken(audit);
    audit = audit_close(audit);
    if (_i == 0)
        ck_assert_int_eq(unlinkat(directory, "audit-7.log", 0), 0);
    else if (_i == 1)
        folder_put(directory, "audit-7.log", text, size);
    else if (_i == 2)
        folder_put(directory, "audit-7.log", text, last + length / 2);
    else
        folder_put(directory, "audit-7.log", "", 0);
    assert_goes_on(directory);
}
END_TEST

START_TEST(a_name_that_is_taken_does_not_stop_the_log)
{
    int directory = folder_enter("4m");
    cleanup_(audit_closep) struct audit *audit = sample_open(directory, 1, AUDIT_EMPTY);
    uint64_t entries;
    char *problem = NULL;

    sample_append(audit, 1);
    folder_put(directory, "audit-1.log", "mine", 4);
    sample_append(audit, 3);
    ck_assert_uint_eq(audit_sequence(audit), 4);
    ck_assert_int_eq(audit_verify(audit, &entries, &problem), 0);
    ck_assert_ptr_nonnull(problem);
    free(problem);
    audit = audit_close(audit);
    assert_goes_on(directory);
}
END_TEST

/* What an earlier process is known to have written, against five entries. */
static const struct {
    uint64_t sequence;
    bool has_other_head;
    size_t limit; /* of a file: with 1 each entry has its own */
    enum audit_condition found;
} expectations[] = {
    {0, false, 0, AUDIT_GOOD},    {3, false, 0, AUDIT_GOOD},    {5, false, 0, AUDIT_GOOD},
    {5, false, 1, AUDIT_GOOD},    {4, false, 1, AUDIT_GOOD},    {6, true, 0, AUDIT_TAMPERED},
    {6, true, 1, AUDIT_TAMPERED}, {5, true, 0, AUDIT_TAMPERED}, {3, true, 0, AUDIT_TAMPERED},
};

START_TEST(a_log_that_ends_before_what_was_written_was_cut_off)
{
    int directory = folder_enter("1m");
    size_t limit = expectations[_i].limit;
    struct audit *audit = sample_open(directory, limit, AUDIT_EMPTY);
    struct audit_chain expected = {.sequence = expectations[_i].sequence};
    enum audit_condition condition;

    for (uint64_t i = 1; i <= 5; i++) {
        sample_append(audit, 1);
        if (i == expected.sequence)
            strcpy(expected.head, audit_head(audit));
    }
    if (expectations[_i].has_other_head)
        memset(expected.head, 'a', SHA256_TEXT_MAX - 1);
    audit_close(audit);

    ck_assert_int_eq(audit_open(directory, limit, &expected, &audit, &condition), 0);
    ck_assert_int_eq(condition, expectations[_i].found);
    sample_append(audit, 1);
    if (condition == AUDIT_TAMPERED)
        sample_assert_broken(audit);
    else
        sample_assert_verified(audit, 6);
    ck_assert_uint_gt(audit_sequence(audit), expected.sequence);
    audit_close(audit);

    /* It was told; the log goes on. */
    audit_close(sample_open(directory, limit, AUDIT_GOOD));
}
END_TEST

START_TEST(a_log_that_is_gone_is_missing)
{
    int directory = folder_enter("1m");
    struct audit_chain expected = {.sequence = 57};
    enum audit_condition condition;
    struct audit *audit;

    memset(expected.head, 'a', SHA256_TEXT_MAX - 1);
    if (_i == 1)
        folder_put(directory, "audit.log", "", 0);
    ck_assert_int_eq(audit_open(directory, 0, &expected, &audit, &condition), 0);
    ck_assert_int_eq(condition, AUDIT_MISSING);
    sample_append(audit, 1);
    ck_assert_uint_ge(audit_sequence(audit), 59);
    sample_assert_broken(audit);
    audit_close(audit);
    audit_close(sample_open(directory, 0, AUDIT_GOOD));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, each_byte_that_changes_breaks_the_chain);
    tcase_add_test(tests, a_change_of_the_last_line_is_another_head);
    tcase_add_loop_test(tests, what_was_done_to_the_lines_is_found, 0, DEEDS);
    tcase_add_loop_test(tests, numbers_that_are_not_in_order_are_found, 0, 4);
    tcase_add_test(tests, a_rewritten_history_is_found_by_its_head);
    tcase_add_loop_test(tests, what_is_done_to_an_open_log_is_found_by_the_next_entry, 0,
                        INTERFERENCES);
    tcase_add_loop_test(tests, what_is_done_to_older_files_is_found, 0, 4);
    tcase_add_test(tests, a_name_that_is_taken_does_not_stop_the_log);
    tcase_add_loop_test(tests, a_log_that_ends_before_what_was_written_was_cut_off, 0,
                        (int)ELEMENTS_OF(expectations));
    tcase_add_loop_test(tests, a_log_that_is_gone_is_missing, 0, 2);
}
