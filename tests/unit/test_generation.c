/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Generations: what is written comes back, what is damaged is told of, the oldest are forgotten,
 * and a crash or a full disk leaves nothing half: daemon/record/generation.h.
 */

#include <stdio.h>

#include "base/cleanup.h"
#include "checks.h"
#include "daemon/record/generation.h"
#include "folder.h"

#define NOW (INT64_C(1806505200) * USEC_PER_SEC)

/* All bytes that a file may have: line ends, quotes, Japanese, a NUL. */
static const char second_text[] = "zones: {}\t\"\\\n# 基幹系\r\n\0end";
static const struct policy_text texts[] = {
    {.name = "/etc/segd/policy.d/10-site.yaml", .text = "segd: 1\n", .size = 8},
    {.name = "20-zones.yaml", .text = second_text, .size = sizeof(second_text) - 1},
    {.name = "30-empty.yaml", .text = "", .size = 0},
};

static struct generation sample(uint64_t number)
{
    struct generation generation = {
        .number = number,
        .previous = number - 1,
        .actor = {.uid = 1000, .pid = 4711, .name = "tanaka", .connection = 3},
        .when = NOW,
        .reason = strdup("新システム"),
        .outcome = GENERATION_PREPARED,
    };
    struct override suspension = {
        .kind = OVERRIDE_SUSPENSION, .name = (char *)"backup", .since = NOW, .until = USEC_NEVER};

    policy_texts_fingerprint(texts, ELEMENTS_OF(texts), generation.fingerprint);
    ck_assert_ptr_nonnull(generation.reason);
    ck_assert_int_eq(overrides_add(&generation.overrides, &suspension), 0);
    return generation;
}

static struct generations *enter(const char *size, int *ret_directory)
{
    struct generations *generations = NULL;

    *ret_directory = folder_enter(size);
    ck_assert_int_eq(generations_open(*ret_directory, &generations), 0);
    return generations;
}

static int write_texts(struct generations *generations, const struct generation *generation,
                       const struct policy_text *some, size_t n_texts)
{
    int r = generations_stage(generations, 1, generation->fingerprint, some, n_texts, NULL);

    return r < 0 ? r : generations_write(generations, generation, 1, NULL, 0);
}

static int write_sample(struct generations *generations, uint64_t number, const uint64_t *keep,
                        size_t n_keep)
{
    cleanup_(generation_clear) struct generation generation = sample(number);
    int r = generations_stage(generations, number, generation.fingerprint, texts,
                              ELEMENTS_OF(texts), NULL);

    return r < 0 ? r : generations_write(generations, &generation, number, keep, n_keep);
}

static void assert_listed(struct generations *generations, const uint64_t *expected, size_t n)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n_numbers;

    ck_assert_int_eq(generations_list(generations, &numbers, &n_numbers), 0);
    ck_assert_uint_eq(n_numbers, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(numbers[i], expected[i]);
}

/* Reads record and texts, as somebody who goes back to it does. */
static int read_all(struct generations *generations, uint64_t number, char **ret_problem)
{
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts read = {0};
    int r;

    r = generations_read(generations, number, &generation, ret_problem);
    return r < 0 ? r : generations_read_texts(generations, &generation, &read, ret_problem);
}

static void assert_damaged(struct generations *generations, uint64_t number, const char *name)
{
    cleanup_(freep) char *problem = NULL;

    ck_assert_int_eq(read_all(generations, number, &problem), -EBADMSG);
    ck_assert_ptr_nonnull(problem);
    ck_assert_ptr_nonnull(strstr(problem, name));
    ck_assert_int_eq(read_all(generations, number, NULL), -EBADMSG);
}

START_TEST(a_generation_is_read_as_it_was_written)
{
    cleanup_(generation_clear) struct generation generation = sample(7), again = {0};
    cleanup_(policy_texts_clear) struct policy_texts read = {0};
    cleanup_(generations_closep) struct generations *generations = NULL;
    struct stat status;
    int directory;

    generations = enter("1m", &directory);
    generation.source = 3;
    ck_assert_int_eq(write_texts(generations, &generation, texts, ELEMENTS_OF(texts)), 0);
    ck_assert_int_eq(generations_read(generations, 7, &again, NULL), 0);
    ck_assert_uint_eq(again.number, 7);
    ck_assert_uint_eq(again.previous, 6);
    ck_assert_uint_eq(again.source, 3);
    ck_assert_str_eq(again.fingerprint, generation.fingerprint);
    ck_assert_int_eq(again.actor.uid, 1000);
    ck_assert_int_eq(again.actor.pid, 4711);
    ck_assert_str_eq(again.actor.name, "tanaka");
    ck_assert_uint_eq(again.actor.connection, 3);
    ck_assert_int_eq(again.when, NOW);
    ck_assert_str_eq(again.reason, "新システム");
    ck_assert_int_eq(again.outcome, GENERATION_PREPARED);
    ck_assert_uint_eq(again.overrides.n_overrides, 1);
    ck_assert_str_eq(again.overrides.overrides[0].name, "backup");

    ck_assert_int_eq(generations_read_texts(generations, &again, &read, NULL), 0);
    ck_assert_uint_eq(read.n_texts, ELEMENTS_OF(texts));
    for (size_t i = 0; i < read.n_texts; i++) {
        ck_assert_str_eq(read.texts[i].name, texts[i].name);
        ck_assert_uint_eq(read.texts[i].size, texts[i].size);
        ck_assert_mem_eq(read.texts[i].text, texts[i].text, texts[i].size + 1);
    }

    ck_assert_int_eq(fstatat(directory, "7.json", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(fstatat(directory, "7.policy.json", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(texts_are_those_of_the_sources)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(policy_texts_clear) struct policy_texts copies = {0};
    char digest[SHA256_TEXT_MAX], expected[SHA256_TEXT_MAX];

    ck_assert_int_eq(sources_new(&sources), 0);
    for (size_t i = 0; i < ELEMENTS_OF(texts); i++)
        ck_assert_int_eq(
            sources_add(sources, texts[i].name, texts[i].text, texts[i].size, &(uint32_t){0}), 0);
    ck_assert_int_eq(policy_texts_from_sources(sources, &copies), 0);
    ck_assert_uint_eq(copies.n_texts, ELEMENTS_OF(texts));
    ck_assert_str_eq(policy_texts_fingerprint(copies.texts, copies.n_texts, digest),
                     policy_texts_fingerprint(texts, ELEMENTS_OF(texts), expected));
}
END_TEST

/* Lists of texts that must not have one fingerprint. */
static const struct {
    struct policy_text texts[2];
    size_t n_texts;
    bool is_equal; /* to the first */
} fingerprints[] = {
    {{{.name = "a", .text = "xy", .size = 2}, {.name = "b", .text = "z", .size = 1}}, 2, true},
    {{{.name = "/p/a", .text = "xy", .size = 2}, {.name = "q/b", .text = "z", .size = 1}}, 2, true},
    {{{.name = "a", .text = "x", .size = 1}, {.name = "b", .text = "yz", .size = 2}}, 2, false},
    {{{.name = "b", .text = "z", .size = 1}, {.name = "a", .text = "xy", .size = 2}}, 2, false},
    {{{.name = "a", .text = "xy", .size = 2}, {.name = "c", .text = "z", .size = 1}}, 2, false},
    {{{.name = "a", .text = "xybz", .size = 4}}, 1, false},
    {{{.name = "a", .text = "xy", .size = 2}, {.name = "b", .text = "Z", .size = 1}}, 2, false},
    {{{.name = "a", .text = "xy", .size = 2}}, 1, false},
};

/* A list is not a policy of one file with its name, wherever the two are. */
START_TEST(a_list_has_a_fingerprint_of_its_own)
{
    const struct policy_text listed[] = {
        {.name = "policy.yaml", .text = "x", .size = 1},
        {.name = "/p/lists/a.txt", .text = "y", .size = 1},
    };
    const struct policy_text elsewhere[] = {listed[0], {.name = "lists/a.txt", "y", .size = 1}};
    const struct policy_text file[] = {listed[0], {.name = "a.txt", .text = "y", .size = 1}};
    const struct policy_text edited[] = {listed[0], {.name = "/p/lists/a.txt", "z", .size = 1}};
    char expected[SHA256_TEXT_MAX], other[SHA256_TEXT_MAX];

    policy_texts_fingerprint(listed, 2, expected);
    ck_assert_str_eq(policy_texts_fingerprint(elsewhere, 2, other), expected);
    ck_assert_str_ne(policy_texts_fingerprint(file, 2, other), expected);
    ck_assert_str_ne(policy_texts_fingerprint(edited, 2, other), expected);
}
END_TEST

START_TEST(a_fingerprint_is_of_names_and_texts_in_their_order)
{
    char first[SHA256_TEXT_MAX], other[SHA256_TEXT_MAX];

    policy_texts_fingerprint(fingerprints[0].texts, fingerprints[0].n_texts, first);
    policy_texts_fingerprint(fingerprints[_i].texts, fingerprints[_i].n_texts, other);
    ck_assert_int_eq(strcmp(first, other) == 0, fingerprints[_i].is_equal);
}
END_TEST

START_TEST(an_outcome_is_written_after_its_generation)
{
    cleanup_(generation_clear) struct generation generation = sample(1), again = {0};
    cleanup_(generations_closep) struct generations *generations = NULL;
    int directory;

    generations = enter("1m", &directory);
    ck_assert_int_eq(generations_update(generations, &generation), -ENOENT);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), 0);

    generation.outcome = (enum generation_outcome)_i;
    ck_assert_int_eq(generations_update(generations, &generation), 0);
    ck_assert_int_eq(generations_read(generations, 1, &again, NULL), 0);
    ck_assert_int_eq(again.outcome, _i);
    ck_assert_int_eq(read_all(generations, 1, NULL), 0);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
    cleanup_(generation_clear) struct generation generation = sample(2);
    cleanup_(generations_closep) struct generations *generations = NULL;
    static const struct policy_text binary = {.name = "a", .text = "\xff", .size = 1};
    static const struct policy_text grant = {.name = "a", .text = "", .size = 0, .expires = 1};
    int directory;

    generations = enter("1m", &directory);
    generation.fingerprint[0] = generation.fingerprint[0] == '0' ? '1' : '0';
    ck_assert_int_eq(write_texts(generations, &generation, texts, ELEMENTS_OF(texts)), -EINVAL);
    policy_texts_fingerprint(&binary, 1, generation.fingerprint);
    ck_assert_int_eq(write_texts(generations, &generation, &binary, 1), -EINVAL);
    policy_texts_fingerprint(&grant, 1, generation.fingerprint);
    ck_assert_int_eq(write_texts(generations, &generation, &grant, 1), -EINVAL);

    policy_texts_fingerprint(texts, ELEMENTS_OF(texts), generation.fingerprint);
    generation.previous = 2;
    ck_assert_int_eq(write_texts(generations, &generation, texts, ELEMENTS_OF(texts)), -EINVAL);
    ck_assert_uint_eq(folder_count(directory), 0);
}
END_TEST

START_TEST(a_number_is_given_once)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    int directory;

    generations = enter("1m", &directory);
    ck_assert_int_eq(write_sample(generations, 5, NULL, 0), 0);
    ck_assert_int_eq(write_sample(generations, 5, NULL, 0), -EEXIST);
    ck_assert_int_eq(read_all(generations, 5, NULL), 0);
}
END_TEST

START_TEST(the_oldest_are_forgotten)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    uint64_t expected[GENERATIONS_KEPT];
    int directory;

    generations = enter("4m", &directory);
    for (uint64_t i = 1; i <= GENERATIONS_KEPT + 5; i++)
        ck_assert_int_eq(write_sample(generations, i, NULL, 0), 0);
    for (uint64_t i = 0; i < GENERATIONS_KEPT; i++)
        expected[i] = i + 6;
    assert_listed(generations, expected, GENERATIONS_KEPT);
    ck_assert_uint_eq(folder_count(directory), 2 * GENERATIONS_KEPT);
    ck_assert_int_eq(read_all(generations, 5, NULL), -ENOENT);
    ck_assert_int_eq(read_all(generations, 6, NULL), 0);
}
END_TEST

START_TEST(what_is_to_be_kept_is_not_forgotten)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    static const uint64_t keep[] = {2, 4};
    uint64_t expected[GENERATIONS_KEPT] = {2, 4};
    int directory;

    generations = enter("4m", &directory);
    for (uint64_t i = 1; i <= GENERATIONS_KEPT + 10; i++)
        ck_assert_int_eq(write_sample(generations, i, keep, 2), 0);
    for (uint64_t i = 2; i < GENERATIONS_KEPT; i++)
        expected[i] = i + 11;
    assert_listed(generations, expected, GENERATIONS_KEPT);
    ck_assert_int_eq(read_all(generations, 2, NULL), 0);
    ck_assert_int_eq(read_all(generations, 4, NULL), 0);
}
END_TEST

START_TEST(more_may_be_kept_than_there_is_room_for)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    uint64_t keep[GENERATIONS_KEPT + 2];
    int directory;

    generations = enter("4m", &directory);
    for (uint64_t i = 0; i < ELEMENTS_OF(keep); i++) {
        keep[i] = i + 1;
        ck_assert_int_eq(write_sample(generations, i + 1, keep, ELEMENTS_OF(keep)), 0);
    }
    ck_assert_int_eq(write_sample(generations, 100, keep, ELEMENTS_OF(keep)), 0);
    ck_assert_int_eq(read_all(generations, 1, NULL), 0);
    ck_assert_int_eq(read_all(generations, 100, NULL), 0);
}
END_TEST

START_TEST(names_of_others_are_no_generations)
{
    static const char *const names[] = {
        "0.json",
        "01.json",
        "1.json.bak",
        "x1.json",
        "-1.json",
        "+1.json",
        " 1.json",
        "1.JSON",
        "1",
        ".json",
        "notes.txt",
        "1.policy.x",
        "99999999999999999999999.json",
    };
    cleanup_(generations_closep) struct generations *generations = NULL;
    static const uint64_t expected[] = {3, 12};
    int directory;

    generations = enter("1m", &directory);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        folder_put(directory, names[i], "", 0);
    ck_assert_int_eq(write_sample(generations, 12, NULL, 0), 0);
    folder_put(directory, "3.json", "damaged ones too", 16);
    assert_listed(generations, expected, ELEMENTS_OF(expected));
    assert_damaged(generations, 3, "3.json");
}
END_TEST

START_TEST(each_byte_that_changes_is_seen)
{
    const char *name = _i == 0 ? "5.json" : "5.policy.json";
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(freep) char *text = NULL;
    int directory;
    size_t size;

    generations = enter("1m", &directory);
    ck_assert_int_eq(write_sample(generations, 5, NULL, 0), 0);
    text = folder_get(directory, name, &size);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(text[i] ^ (1 << (i % 8)));
        folder_put(directory, name, text, size);
        assert_damaged(generations, 5, name);
        text[i] = (char)(text[i] ^ (1 << (i % 8)));
    }
    for (size_t length = 0; length < size; length++) {
        folder_put(directory, name, text, length);
        assert_damaged(generations, 5, name);
    }
}
END_TEST

/* Each file is whole; together they are not the generation. */
START_TEST(files_of_another_generation_are_damage)
{
    static const struct policy_text other = {.name = "a", .text = "segd: 1", .size = 7};
    cleanup_(generation_clear) struct generation generation = sample(6);
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(freep) char *text = NULL;
    int directory;
    size_t size;

    generations = enter("1m", &directory);
    ck_assert_int_eq(write_sample(generations, 5, NULL, 0), 0);
    policy_texts_fingerprint(&other, 1, generation.fingerprint);
    ck_assert_int_eq(write_texts(generations, &generation, &other, 1), 0);

    text = folder_get(directory, "5.json", &size);
    folder_put(directory, "8.json", text, size);
    assert_damaged(generations, 8, "8.json");
    folder_put(directory, "6.policy.json", text, size);
    assert_damaged(generations, 6, "6.policy.json");

    free(text);
    text = folder_get(directory, "5.policy.json", &size);
    folder_put(directory, "6.policy.json", text, size);
    assert_damaged(generations, 6, "6.policy.json");

    ck_assert_int_eq(unlinkat(directory, "5.policy.json", 0), 0);
    assert_damaged(generations, 5, "5.policy.json");
}
END_TEST

START_TEST(what_a_crash_left_is_gone_when_the_folder_is_opened)
{
    cleanup_(generations_closep) struct generations *generations = NULL, *again = NULL;
    int directory;

    generations = enter("1m", &directory);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), 0);
    folder_put(directory, ".2.policy.json.tmp", "{\"sha2", 6);
    folder_put(directory, ".1.json.tmp", "{", 1);
    folder_put(directory, "2.policy.json", "whole, but no record came behind it", 35);

    ck_assert_int_eq(generations_open(directory, &again), 0);
    ck_assert_uint_eq(folder_count(directory), 2);
    ck_assert_int_eq(read_all(again, 1, NULL), 0);
    ck_assert_int_eq(write_sample(again, 2, NULL, 0), 0);
}
END_TEST

/* A disk that has room for the texts but not for the record, and every size before it. */
START_TEST(a_full_disk_leaves_nothing_of_a_generation)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    static const uint64_t first = 1;
    int directory, r;
    off_t room = 0;

    generations = enter("128k", &directory);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), 0);
    folder_fill(directory);
    do {
        struct stat status;

        r = write_sample(generations, 2, NULL, 0);
        if (r == 0)
            break;
        ck_assert_int_eq(r, -ENOSPC);
        ck_assert_uint_eq(folder_count(directory), 3);
        assert_listed(generations, &first, 1);
        ck_assert_int_eq(read_all(generations, 1, NULL), 0);

        ck_assert_int_eq(fstatat(directory, "filler", &status, 0), 0);
        ck_assert_int_eq(truncate(FOLDER "/filler", status.st_size - 4096), 0);
        room += 4096;
    } while (room < 64 * 1024);

    ck_assert_int_eq(r, 0);
    ck_assert_int_ge(room, 2 * 4096);
    ck_assert_int_eq(read_all(generations, 2, NULL), 0);
}
END_TEST

static struct generations *enter_with_copies(int *ret_directory, int *ret_copies)
{
    struct generations *generations = enter("1m", ret_directory);

    ck_assert_int_eq(mkdirat(*ret_directory, "copy", 0700), 0);
    *ret_copies = openat(*ret_directory, "copy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(*ret_copies, 0);
    ck_assert_int_eq(generations_keep_copies(generations, *ret_copies), 0);
    return generations;
}

/* Either file, damaged or gone: the copy is read, the problem told, and both can be restored. */
START_TEST(a_copy_is_read_where_the_file_is_damaged)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(generation_clear) struct generation generation = {0};
    cleanup_(policy_texts_clear) struct policy_texts read = {0};
    cleanup_(freep) char *problem = NULL, *none = NULL;
    const char *name = _i & 1 ? "1.json" : "1.policy.json";
    const uint64_t number = 1;
    int directory, copies;

    generations = enter_with_copies(&directory, &copies);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), 0);
    ck_assert(folder_has(copies, "1.json") && folder_has(copies, "1.policy.json"));
    if (_i & 2)
        ck_assert_int_eq(unlinkat(directory, name, 0), 0);
    else
        folder_put(directory, name, "{", 1);

    assert_listed(generations, &number, 1);
    ck_assert_int_eq(generations_read(generations, 1, &generation, _i & 1 ? &problem : &none), 0);
    ck_assert_int_eq(
        generations_read_texts(generations, &generation, &read, _i & 1 ? &none : &problem), 0);
    ck_assert_ptr_nonnull(problem);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), -EEXIST);

    ck_assert_int_eq(generations_restore(generations, &generation, &read), 0);
    free(TAKE_PTR(problem));
    ck_assert(generations_is_whole(generations, &generation, &problem));
    ck_assert_ptr_null(problem);
    folder_put(copies, name, "{", 1);
    ck_assert_int_eq(read_all(generations, 1, &problem), 0);
    ck_assert_ptr_null(problem);
    ck_assert_int_eq(generations_is_whole(generations, &generation, NULL), _i & 1);
}
END_TEST

START_TEST(the_newest_copies_are_kept)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    const uint64_t keep = 2;
    int directory, copies;
    size_t n = 0;

    generations = enter_with_copies(&directory, &copies);
    for (uint64_t number = 1; number <= 9; number++)
        ck_assert_int_eq(write_sample(generations, number, &keep, 1), 0);
    for (uint64_t number = 1; number <= 9; number++) {
        char name[16];

        snprintf(name, sizeof(name), "%d.json", (int)number);
        n += folder_has(copies, name);
        ck_assert(folder_has(directory, name));
        ck_assert(folder_has(copies, name) == (number == keep || number > 9 - COPIES_KEPT + 1));
    }
    ck_assert_uint_eq(n, COPIES_KEPT);
}
END_TEST

START_TEST(a_read_only_folder_can_be_read)
{
    cleanup_(generations_closep) struct generations *generations = NULL, *again = NULL;
    cleanup_(generation_clear) struct generation generation = sample(1);
    int directory;

    generations = enter("1m", &directory);
    ck_assert_int_eq(write_sample(generations, 1, NULL, 0), 0);
    folder_put(directory, ".1.json.tmp", "{", 1);
    folder_make_read_only(true);

    ck_assert_int_eq(generations_open(directory, &again), 0);
    ck_assert_int_eq(read_all(again, 1, NULL), 0);
    ck_assert_int_eq(write_sample(again, 2, NULL, 0), -EROFS);
    ck_assert_int_eq(generations_update(again, &generation), -EROFS);
    ck_assert_int_eq(read_all(again, 1, NULL), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, a_copy_is_read_where_the_file_is_damaged, 0, 4);
    tcase_add_test(tests, the_newest_copies_are_kept);
    tcase_add_test(tests, a_generation_is_read_as_it_was_written);
    tcase_add_test(tests, texts_are_those_of_the_sources);
    tcase_add_test(tests, a_list_has_a_fingerprint_of_its_own);
    tcase_add_loop_test(tests, a_fingerprint_is_of_names_and_texts_in_their_order, 0,
                        (int)ELEMENTS_OF(fingerprints));
    tcase_add_loop_test(tests, an_outcome_is_written_after_its_generation, GENERATION_PREPARED,
                        GENERATION_UNCONFIRMED + 1);
    tcase_add_test(tests, what_does_not_fit_is_not_written);
    tcase_add_test(tests, a_number_is_given_once);
    tcase_add_test(tests, the_oldest_are_forgotten);
    tcase_add_test(tests, what_is_to_be_kept_is_not_forgotten);
    tcase_add_test(tests, more_may_be_kept_than_there_is_room_for);
    tcase_add_test(tests, names_of_others_are_no_generations);
    tcase_add_loop_test(tests, each_byte_that_changes_is_seen, 0, 2);
    tcase_add_test(tests, files_of_another_generation_are_damage);
    tcase_add_test(tests, what_a_crash_left_is_gone_when_the_folder_is_opened);
    tcase_add_test(tests, a_full_disk_leaves_nothing_of_a_generation);
    tcase_add_test(tests, a_read_only_folder_can_be_read);
}
