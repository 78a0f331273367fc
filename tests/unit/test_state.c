/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's state: written and read back whole, and whatever else stands in the file is damage
 * that is told of: daemon/record/state.h, daemon/record/document.h.
 */

#include <jansson.h>

#include "base/cleanup.h"
#include "checks.h"
#include "daemon/record/state.h"
#include "folder.h"

#define NOW (INT64_C(1806505200) * USEC_PER_SEC)
#define DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void add(struct overrides *overrides, const struct override *override)
{
    ck_assert_int_eq(overrides_add(overrides, override), 0);
}

static void fill_overrides(struct overrides *overrides)
{
    char *keep[] = {(char *)"税連携", (char *)"backup"};
    char *from = (char *)"10.1.0.7", *service = (char *)"tcp/22";

    add(overrides, &(struct override){.kind = OVERRIDE_ISOLATION,
                                      .name = (char *)"lgwan",
                                      .reason = (char *)"感染の疑い\n\"quoted\"",
                                      .uid = 1000,
                                      .who = (char *)"tanaka",
                                      .since = NOW,
                                      .until = USEC_NEVER,
                                      .keep = keep,
                                      .n_keep = 2});
    add(overrides, &(struct override){.kind = OVERRIDE_SUSPENSION,
                                      .name = (char *)"lgwan",
                                      .uid = 4294967294,
                                      .since = NOW,
                                      .until = NOW + USEC_PER_SEC});
    add(overrides, &(struct override){.kind = OVERRIDE_GRANT,
                                      .name = (char *)"grant-3",
                                      .reason = (char *)"repair",
                                      .uid = -1,
                                      .who = (char *)"boot",
                                      .since = NOW,
                                      .until = NOW + 3600 * USEC_PER_SEC,
                                      .text = (char *)"segd: 1\nflows: {}\n",
                                      .from = &from,
                                      .n_from = 1,
                                      .to = keep,
                                      .n_to = 2,
                                      .services = &service,
                                      .n_services = 1});
    overrides->next_grant = 4;
}

static struct state sample(void)
{
    struct state state = {
        .generation = 17,
        .next_generation = 19,
        .files = DIGEST,
        .confirmation = {.pending = true,
                         .generation = 17,
                         .previous = 16,
                         .actor = {.uid = 0, .pid = 812, .name = "root", .connection = 5},
                         .deadline = 123456789,
                         .deadline_wall = NOW,
                         .boot_id = "01234567-89ab-cdef-0123-456789abcdef"},
    };

    fill_overrides(&state.overrides);
    return state;
}

static void assert_equal(const struct state *state, const struct state *expected)
{
    cleanup_(json_decrefp) json_t *a =
        record_encode(&overrides_type, &state->overrides, RECORD_DISK);
    cleanup_(json_decrefp) json_t *b =
        record_encode(&overrides_type, &expected->overrides, RECORD_DISK);

    ck_assert(json_equal(a, b));
    ck_assert_uint_eq(state->generation, expected->generation);
    ck_assert_uint_eq(state->next_generation, expected->next_generation);
    ck_assert_str_eq(state->files, expected->files);
    ck_assert_int_eq(state->confirmation.pending, expected->confirmation.pending);
    ck_assert_uint_eq(state->confirmation.generation, expected->confirmation.generation);
    ck_assert_uint_eq(state->confirmation.previous, expected->confirmation.previous);
    ck_assert_int_eq(state->confirmation.deadline, expected->confirmation.deadline);
    ck_assert_int_eq(state->confirmation.deadline_wall, expected->confirmation.deadline_wall);
    ck_assert_str_eq(state->confirmation.boot_id, expected->confirmation.boot_id);
    ck_assert_int_eq(state->confirmation.actor.uid, expected->confirmation.actor.uid);
    ck_assert_int_eq(state->confirmation.actor.pid, expected->confirmation.actor.pid);
    ck_assert_str_eq(state->confirmation.actor.name, expected->confirmation.actor.name);
    ck_assert_uint_eq(state->confirmation.actor.connection,
                      expected->confirmation.actor.connection);
}

/* The state in the folder must be refused as damaged, with a sentence. */
static void assert_damaged(int directory)
{
    struct state state = {.generation = 42};
    cleanup_(freep) char *problem = NULL;

    ck_assert_int_eq(state_read(directory, &state, &problem), -EBADMSG);
    ck_assert_ptr_nonnull(problem);
    ck_assert_ptr_nonnull(strstr(problem, "state.json"));
    ck_assert_uint_eq(state.generation, 42);
    ck_assert_int_eq(state_read(directory, &state, NULL), -EBADMSG);
}

START_TEST(a_state_is_read_as_it_was_written)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample(), again = {0}, copy = {0};
    cleanup_(freep) char *problem = NULL;
    struct stat status;

    ck_assert_int_eq(state_write(directory, &state), 0);
    ck_assert_int_eq(state_read(directory, &again, &problem), 0);
    assert_equal(&again, &state);
    ck_assert_uint_eq(again.overrides.n_overrides, 3);
    ck_assert_uint_eq(again.overrides.next_grant, 4);
    ck_assert_int_eq(again.overrides.overrides[0].until, USEC_NEVER);
    ck_assert_str_eq(again.overrides.overrides[0].keep[0], "税連携");
    ck_assert_ptr_null(again.overrides.overrides[1].reason);
    ck_assert_str_eq(again.overrides.overrides[2].from[0], "10.1.0.7");
    ck_assert_uint_eq(again.overrides.overrides[2].n_to, 2);
    ck_assert_str_eq(again.overrides.overrides[2].services[0], "tcp/22");

    ck_assert_int_eq(state_copy(&again, &copy), 0);
    state_clear(&again);
    assert_equal(&copy, &state);

    ck_assert_int_eq(fstatat(directory, "state.json", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(the_least_state_is_read_as_it_was_written)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = {.next_generation = 1}, again = {0};

    ck_assert_int_eq(state_write(directory, &state), 0);
    ck_assert_int_eq(state_read(directory, &again, NULL), 0);
    assert_equal(&again, &state);
}
END_TEST

START_TEST(no_state_is_no_damage)
{
    int directory = folder_enter("1m");
    struct state state = {0};
    char *problem = NULL;

    folder_put(directory, ".state.json.tmp", "{", 1);
    ck_assert_int_eq(state_read(directory, &state, &problem), -ENOENT);
    ck_assert_ptr_null(problem);
}
END_TEST

START_TEST(each_byte_that_changes_is_seen)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample();
    cleanup_(freep) char *text = NULL;
    size_t size;

    ck_assert_int_eq(state_write(directory, &state), 0);
    text = folder_get(directory, "state.json", &size);
    for (size_t i = 0; i < size; i++) {
        char byte = text[i];

        text[i] = (char)(byte ^ (1 << (i % 8)));
        folder_put(directory, "state.json", text, size);
        assert_damaged(directory);
        text[i] = byte;
    }
}
END_TEST

START_TEST(a_file_that_was_cut_is_seen)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample();
    cleanup_(freep) char *text = NULL;
    size_t size;

    ck_assert_int_eq(state_write(directory, &state), 0);
    text = folder_get(directory, "state.json", &size);
    for (size_t length = 0; length < size; length++) {
        folder_put(directory, "state.json", text, length);
        assert_damaged(directory);
    }
}
END_TEST

START_TEST(what_is_no_file_of_ours_is_damage)
{
    int directory = folder_enter("64m");

    folder_put(directory, "other", "{}", 2);
    ck_assert_int_eq(symlinkat("other", directory, "state.json"), 0);
    assert_damaged(directory);

    ck_assert_int_eq(unlinkat(directory, "state.json", 0), 0);
    folder_put(directory, "state.json", "", 0);
    assert_damaged(directory);
    ck_assert_int_eq(truncate(FOLDER "/state.json", (off_t)STATE_SIZE_MAX + 1), 0);
    assert_damaged(directory);
}
END_TEST

#define CONFIRMATION                                                                               \
    "{\"generation\": 2, \"previous\": 1, \"deadline\": 5,"                                        \
    " \"deadline_wall\": \"2027-03-31T15:00:00Z\", \"boot_id\": \"b\","                            \
    " \"actor\": {\"uid\": 0, \"pid\": 1, \"name\": \"root\", \"connection\": 1}}"
#define GRANT                                                                                      \
    "{\"kind\": \"grant\", \"name\": \"grant-1\", \"reason\": null, \"uid\": 0, \"who\": null,"    \
    " \"since\": \"2027-03-31T15:00:00Z\", \"until\": \"2027-03-31T16:00:00Z\", \"keep\": [],"     \
    " \"text\": \"t\"}"
#define STATE                                                                                      \
    "{\"version\": 1, \"generation\": 2, \"next_generation\": 3, \"files\": \"\","                 \
    " \"overrides\": {\"next_grant\": 2, \"overrides\": [" GRANT "]},"                             \
    " \"confirmation\": " CONFIRMATION "}"

/* What is put in the place of a part of STATE, with a digest that is right. */
static const struct {
    const char *part;
    const char *other;
} wrong[] = {
    {"\"version\": 1", "\"version\": 2"},
    {"\"version\": 1", "\"version\": 0"},
    {"\"version\": 1", "\"version\": 1.0"},
    {"\"version\": 1, ", ""},
    {"\"version\": 1", "\"version\": 1, \"version\": 1"},
    {"\"version\": 1", "\"version\": 1, \"extra\": null"},
    {"\"generation\": 2,", "\"generation\": -1,"},
    {"\"generation\": 2,", "\"generation\": \"2\","},
    {"\"generation\": 2,", "\"generation\": null,"},
    {"\"generation\": 2,", "\"generation\": 99999999999999999999999,"},
    {"\"generation\": 2,", "\"generation\": 3,"},
    {"\"next_generation\": 3", "\"next_generation\": 0"},
    {"\"next_generation\": 3", "\"next_generation\": 2"},
    {"\"files\": \"\"", "\"files\": \"abc\""},
    {"\"files\": \"\"", "\"files\": null"},
    {"\"files\": \"\"",
     "\"files\": \"BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
    {"\"overrides\": {", "\"overrides\": [], \"o\": {"},
    {"\"next_grant\": 2", "\"next_grant\": -2"},
    {"[" GRANT "]", "{}"},
    {"[" GRANT "]", "[1]"},
    {"[" GRANT "]", "[" GRANT ", " GRANT "]"},
    {"\"kind\": \"grant\"", "\"kind\": \"gift\""},
    {"\"kind\": \"grant\"", "\"kind\": \"suspension\""},
    {"\"name\": \"grant-1\"", "\"name\": \"\""},
    {"\"name\": \"grant-1\"", "\"name\": \"a\\u0000b\""},
    {"\"uid\": 0, \"who\"", "\"uid\": -2, \"who\""},
    {"\"uid\": 0, \"who\"", "\"uid\": 4294967296, \"who\""},
    {"\"who\": null", "\"who\": 3"},
    {"\"since\": \"2027-03-31T15", "\"since\": \"2027-02-31T15"},
    {"\"until\": \"2027-03-31T16:00:00Z\"", "\"until\": null"},
    {"\"until\": \"2027-03-31T16", "\"until\": \"2027-03-31T14"},
    {"\"until\": \"2027-03-31T16:00:00Z\"", "\"until\": 5"},
    {"\"keep\": []", "\"keep\": [\"a\"]"},
    {"\"keep\": []", "\"keep\": [3]"},
    {"\"keep\": []", "\"keep\": null"},
    {"\"text\": \"t\"", "\"text\": null"},
    {"\"text\": \"t\"", "\"text\": \"t\", \"from\": [\"\"]"},
    {"\"text\": \"t\"", "\"text\": \"t\", \"age\": 1"},
    {CONFIRMATION, "5"},
    {CONFIRMATION, "{}"},
    {"{\"generation\": 2, \"previous\"", "{\"generation\": 0, \"previous\""},
    {"{\"generation\": 2, \"previous\"", "{\"generation\": 3, \"previous\""},
    {"\"previous\": 1", "\"previous\": 2"},
    {"\"previous\": 1", "\"previous\": 3"},
    {"\"deadline\": 5", "\"deadline\": -5"},
    {"\"deadline_wall\": \"2", "\"deadline_wall\": \"x"},
    {"\"boot_id\": \"b\"", "\"boot_id\": \"\""},
    {"\"boot_id\": \"b\"", "\"boot_id\": \"0123456789012345678901234567890123456789\""},
    {"\"pid\": 1", "\"pid\": 2147483648"},
    {"\"name\": \"root\"",
     "\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\""},
    {"\"connection\": 1", "\"connection\": 1, \"more\": 1"},
    {STATE, "[]"},
    {STATE, "{\"version\": 1"},
    {STATE, "{\"version\": \"\xff\"}"},
    {STATE, STATE STATE},
};

/* A file with this content and the digest of it. */
static void put_content(int directory, const char *content)
{
    char digest[SHA256_TEXT_MAX];
    char *text = NULL;
    int length;

    sha256_text(content, strlen(content), digest);
    length = asprintf(&text, "{\"sha256\": \"%s\", \"content\": %s}\n", digest, content);
    ck_assert_int_gt(length, 0);
    folder_put(directory, "state.json", text, (size_t)length);
    free(text);
}

START_TEST(content_as_it_must_be_is_read)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = {0};

    put_content(directory, STATE);
    ck_assert_int_eq(state_read(directory, &state, NULL), 0);
    ck_assert_uint_eq(state.confirmation.previous, 1);
    ck_assert_str_eq(state.overrides.overrides[0].text, "t");
    /* An older segd did not write who was granted what. */
    ck_assert_uint_eq(state.overrides.overrides[0].n_from, 0);
}
END_TEST

START_TEST(content_that_is_wrong_is_damage)
{
    int directory = folder_enter("1m");
    const char *found = strstr(STATE, wrong[_i].part);
    char *content = NULL;

    ck_assert_ptr_nonnull(found);
    ck_assert_int_gt(asprintf(&content, "%.*s%s%s", (int)(found - STATE), STATE, wrong[_i].other,
                              found + strlen(wrong[_i].part)),
                     0);
    put_content(directory, content);
    assert_damaged(directory);
    free(content);
}
END_TEST

START_TEST(content_that_is_nested_deeply_is_damage)
{
    int directory = folder_enter("16m");
    const size_t depth = 1000000;
    char *content = calloc(1, 2 * depth + 1);

    memset(content, '[', depth);
    memset(content + depth, ']', depth);
    put_content(directory, content);
    assert_damaged(directory);
    free(content);
}
END_TEST

START_TEST(a_damaged_file_is_set_aside)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample(), again = {0};
    cleanup_(freep) char *text = NULL;
    size_t size;

    ck_assert_int_eq(state_set_aside(directory), -ENOENT);
    folder_put(directory, "state.json", "damage", 6);
    ck_assert_int_eq(state_set_aside(directory), 0);
    ck_assert_int_eq(state_read(directory, &again, NULL), -ENOENT);

    ck_assert_int_eq(state_write(directory, &state), 0);
    ck_assert_int_eq(state_read(directory, &again, NULL), 0);
    text = folder_get(directory, "state.json.damaged", &size);
    ck_assert_str_eq(text, "damage");
}
END_TEST

START_TEST(a_disk_that_takes_nothing_leaves_the_old_state)
{
    int directory = folder_enter("64k");
    cleanup_(state_clear) struct state state = sample(), again = {0};

    ck_assert_int_eq(state_write(directory, &state), 0);
    state.generation = 18;
    if (_i == 0)
        folder_fill(directory);
    else
        folder_make_read_only(true);
    ck_assert_int_eq(state_write(directory, &state), _i == 0 ? -ENOSPC : -EROFS);
    ck_assert_int_eq(state_read(directory, &again, NULL), 0);
    ck_assert_uint_eq(again.generation, 17);
}
END_TEST

START_TEST(a_state_that_would_not_be_believed_is_not_written)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample();

    state.generation = state.next_generation;
    ck_assert_int_eq(state_write(directory, &state), -EINVAL);
    state.generation = 17;
    state.confirmation.boot_id[0] = '\0';
    ck_assert_int_eq(state_write(directory, &state), -EINVAL);
    ck_assert_uint_eq(folder_count(directory), 0);
}
END_TEST

START_TEST(a_state_that_is_too_large_is_not_written)
{
    int directory = folder_enter("64m");
    cleanup_(state_clear) struct state state = sample();
    char *reason = calloc(1, STATE_SIZE_MAX + 1);

    memset(reason, 'a', STATE_SIZE_MAX);
    free(state.overrides.overrides[0].reason);
    state.overrides.overrides[0].reason = reason;
    ck_assert_int_eq(state_write(directory, &state), -EFBIG);
    ck_assert_uint_eq(folder_count(directory), 0);
}
END_TEST

START_TEST(bytes_that_are_no_text_do_not_stop_a_write)
{
    int directory = folder_enter("1m");
    cleanup_(state_clear) struct state state = sample(), again = {0};

    strcpy(state.confirmation.actor.name, "a\xff\xe7\xa8z");
    ck_assert_int_eq(state_write(directory, &state), 0);
    ck_assert_int_eq(state_read(directory, &again, NULL), 0);
    ck_assert_str_eq(again.confirmation.actor.name, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, a_state_is_read_as_it_was_written);
    tcase_add_test(tests, the_least_state_is_read_as_it_was_written);
    tcase_add_test(tests, no_state_is_no_damage);
    tcase_add_test(tests, each_byte_that_changes_is_seen);
    tcase_add_test(tests, a_file_that_was_cut_is_seen);
    tcase_add_test(tests, what_is_no_file_of_ours_is_damage);
    tcase_add_test(tests, content_as_it_must_be_is_read);
    tcase_add_loop_test(tests, content_that_is_wrong_is_damage, 0, (int)ELEMENTS_OF(wrong));
    tcase_add_test(tests, content_that_is_nested_deeply_is_damage);
    tcase_add_test(tests, a_damaged_file_is_set_aside);
    tcase_add_loop_test(tests, a_disk_that_takes_nothing_leaves_the_old_state, 0, 2);
    tcase_add_test(tests, a_state_that_would_not_be_believed_is_not_written);
    tcase_add_test(tests, a_state_that_is_too_large_is_not_written);
    tcase_add_test(tests, bytes_that_are_no_text_do_not_stop_a_write);
}
