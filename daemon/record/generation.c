/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The folder of generations. A generation exists if its record does. The record is written last and
 * removed first, so texts without a record are left from a crash and removed when the folder is
 * opened. What is read here may be enforced at boot without a person watching, so everything is
 * checked: the digests of both files, every field, the number in the name, and the fingerprint of
 * the texts.
 *
 * The newest generations are kept twice, in two folders: one damaged file must neither bring back
 * an older policy nor stop what was approved. A file is written before its copy, so that what was
 * read from the file is never older than the copy.
 */

#include "daemon/record/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/compare.h"
#include "base/file.h"
#include "base/text.h"
#include "daemon/record/document.h"

#define GENERATION_NAME_MAX 48
#define STAGED "staged-"
#define TEXTS_VERSION 1
#define APPROVED_VERSION 1

struct generations {
    int directory; /* borrowed, as is the next */
    int copies;    /* -1: none are kept */
};

/* What follows the number in the names of a generation's files. */
#define GENERATION_RECORD ".json"
#define GENERATION_TEXTS ".policy.json"
#define GENERATION_APPROVED ".flows.json"

void generation_clear(struct generation *generation)
{
    record_clear(&generation_type, generation);
}

int generation_copy(const struct generation *generation, struct generation *ret_copy)
{
    int r = record_copy(&generation_type, generation, ret_copy);

    if (r == 0)
        ret_copy->overrides.capacity = ret_copy->overrides.n_overrides;
    return r;
}

static const struct record_field policy_texts_fields[] = {
    {.name = "version", .kind = RECORD_VERSION, .most = TEXTS_VERSION},
    RECORD_LIST(MANY, struct policy_texts, texts, .type = &policy_text_type),
};
static RECORD_TYPE(policy_texts, struct policy_texts, NULL);

static const struct record_field approved_fields[] = {
    {.name = "version", .kind = RECORD_VERSION, .most = APPROVED_VERSION},
    RECORD_FIELD(TEXT, struct approved, frame, .least = 1),
    RECORD_LIST(TEXTS, struct approved, flows, .least = 1),
};
static RECORD_TYPE(approved, struct approved, NULL);

void approved_clear(struct approved *approved)
{
    record_clear(&approved_type, approved);
}

void policy_texts_clear(struct policy_texts *texts)
{
    record_clear(&policy_texts_type, texts);
}

int policy_texts_copy(const struct policy_texts *texts, struct policy_texts *ret_copy)
{
    return record_copy(&policy_texts_type, texts, ret_copy);
}

int policy_texts_from_sources(const struct sources *sources, struct policy_texts *ret_texts)
{
    size_t n = sources_count(sources);
    cleanup_(freep) struct policy_text *borrowed = calloc(n + 1, sizeof(*borrowed));

    if (!borrowed)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        borrowed[i].name = sources_name(sources, (uint32_t)i);
        borrowed[i].text = sources_text(sources, (uint32_t)i, &borrowed[i].size);
    }
    return policy_texts_copy(&(struct policy_texts){borrowed, n}, ret_texts);
}

/* The length comes first, so that different lists of texts never give the same bytes. */
static void digest_text(crypto_hash_sha256_state *digest, const char *text, size_t size)
{
    unsigned char length[8];

    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    crypto_hash_sha256_update(digest, length, sizeof(length));
    crypto_hash_sha256_update(digest, (const unsigned char *)text, size);
}

const char *policy_texts_fingerprint(const struct policy_text *texts, size_t n_texts,
                                     char buffer[SHA256_TEXT_MAX])
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state digest;

    crypto_hash_sha256_init(&digest);
    for (size_t i = 0; i < n_texts; i++) {
        const char *slash = strrchr(texts[i].name, '/');
        const char *name = policy_list_name(texts[i].name) ?: (slash ? slash + 1 : texts[i].name);

        digest_text(&digest, name, strlen(name));
        digest_text(&digest, texts[i].text, texts[i].size);
    }
    crypto_hash_sha256_final(&digest, bytes);
    return sodium_bin2hex(buffer, SHA256_TEXT_MAX, bytes, sizeof(bytes));
}

/* The name of one of a generation's files; returns `buffer`. */
static const char *generation_file_name(uint64_t number, const char *suffix,
                                        char buffer[GENERATION_NAME_MAX])
{
    snprintf(buffer, GENERATION_NAME_MAX, "%llu%s", (unsigned long long)number, suffix);
    return buffer;
}

/* The same for files that wait to become those of a generation. */
static const char *staged_name(uint64_t stage, const char *suffix, char buffer[GENERATION_NAME_MAX])
{
    snprintf(buffer, GENERATION_NAME_MAX, STAGED "%llu%s", (unsigned long long)stage, suffix);
    return buffer;
}

/* The numbers of the files of one kind, in order. */
static int list(int directory, const char *suffix, uint64_t **ret_numbers, size_t *ret_n)
{
    return file_list_numbers(directory, "", suffix, INT64_MAX, ret_numbers, ret_n);
}

static bool contains(const uint64_t *numbers, size_t n, uint64_t number)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static int compare_numbers(const void *a, const void *b)
{
    return COMPARE(*(const uint64_t *)a, *(const uint64_t *)b);
}

static int remove_file(int directory, uint64_t number, const char *suffix)
{
    char name[GENERATION_NAME_MAX];

    return unlinkat(directory, generation_file_name(number, suffix, name), 0) < 0 ? -errno : 0;
}

/* Removes the files of one kind that have no record. */
static int clean_files(int directory, const char *suffix)
{
    cleanup_(freep) uint64_t *records = NULL, *others = NULL;
    size_t n_records = 0, n_others = 0;
    int r = list(directory, suffix, &others, &n_others);

    if (r == 0)
        r = list(directory, GENERATION_RECORD, &records, &n_records);
    for (size_t i = 0; r == 0 && i < n_others; i++) {
        if (!contains(records, n_records, others[i]))
            r = remove_file(directory, others[i], suffix);
    }
    return r;
}

static int clean_staged(int directory, const char *suffix)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    char name[GENERATION_NAME_MAX];
    size_t n = 0;
    int r = file_list_numbers(directory, STAGED, suffix, INT64_MAX, &numbers, &n);

    for (size_t i = 0; r == 0 && i < n; i++) {
        if (unlinkat(directory, staged_name(numbers[i], suffix, name), 0) < 0)
            r = -errno;
    }
    return r;
}

/* Removes what crashes have left. */
static int clean(int directory)
{
    int r = file_clean(directory);

    if (r == 0)
        r = clean_staged(directory, GENERATION_TEXTS);
    if (r == 0)
        r = clean_staged(directory, GENERATION_APPROVED);
    if (r == 0)
        r = clean_files(directory, GENERATION_TEXTS);
    return r == 0 ? clean_files(directory, GENERATION_APPROVED) : r;
}

/* A read-only folder can still be read. */
static int open_clean(int directory)
{
    int r = clean(directory);

    return r == -EROFS || r == -EACCES || r == -EPERM ? 0 : r;
}

int generations_open(int directory, struct generations **ret_generations)
{
    cleanup_(freep) struct generations *generations = NULL;
    int r;

    generations = malloc(sizeof(*generations));
    if (!generations)
        return -ENOMEM;
    generations->directory = directory;
    generations->copies = -1;

    r = open_clean(directory);
    if (r < 0)
        return r;

    *ret_generations = TAKE_PTR(generations);
    return 0;
}

int generations_keep_copies(struct generations *generations, int directory)
{
    int r = open_clean(directory);

    if (r == 0)
        generations->copies = directory;
    return r;
}

struct generations *generations_close(struct generations *generations)
{
    free(generations);
    return NULL;
}

int generations_list(struct generations *generations, uint64_t **ret_numbers, size_t *ret_n)
{
    cleanup_(freep) uint64_t *numbers = NULL, *copies = NULL;
    size_t n = 0, n_copies = 0;
    int r = list(generations->directory, GENERATION_RECORD, &numbers, &n);

    if (r == 0 && generations->copies >= 0)
        r = list(generations->copies, GENERATION_RECORD, &copies, &n_copies);
    for (size_t i = 0, capacity = n; r == 0 && i < n_copies; i++) {
        if (!contains(numbers, n, copies[i]))
            r = array_append(&numbers, &n, &capacity, &copies[i], sizeof(*copies));
    }
    if (r < 0)
        return r;

    qsort(numbers, n, sizeof(*numbers), compare_numbers);
    *ret_numbers = TAKE_PTR(numbers);
    *ret_n = n;
    return 0;
}

/* Removes the oldest of a folder beyond `most`, but neither the newest nor any of `keep`. Returns
 * 0, -ENOMEM or -errno. */
static int forget(int directory, size_t most, uint64_t newest, const uint64_t *keep, size_t n_keep)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0, left;
    int r;

    r = list(directory, GENERATION_RECORD, &numbers, &n);
    if (r < 0)
        return r;

    left = n;
    for (size_t i = 0; i < n && left > most; i++) {
        if (numbers[i] == newest || contains(keep, n_keep, numbers[i]))
            continue;

        r = remove_file(directory, numbers[i], GENERATION_RECORD);
        if (r < 0)
            return r;
        left--;

        /* Without its record it does not exist; what remains here is removed at the next start. */
        remove_file(directory, numbers[i], GENERATION_TEXTS);
        remove_file(directory, numbers[i], GENERATION_APPROVED);
    }
    return 0;
}

static int read_record(int directory, uint64_t number, struct generation *ret_generation,
                       char **ret_problem)
{
    struct generation generation = {0};
    char name[GENERATION_NAME_MAX];
    int r;

    generation_file_name(number, GENERATION_RECORD, name);
    r = document_read(directory, name, GENERATION_RECORD_MAX, &generation_type, &generation,
                      ret_problem);
    if (r < 0)
        return r;
    if (generation.number != number) {
        r = problem_tell(ret_problem, "%s holds generation %llu", name,
                         (unsigned long long)generation.number);
        generation_clear(&generation);
        return r;
    }

    *ret_generation = generation;
    return 0;
}

int generations_read(struct generations *generations, uint64_t number,
                     struct generation *ret_generation, char **ret_problem)
{
    int r = read_record(generations->directory, number, ret_generation, ret_problem);

    if ((r != -ENOENT && r != -EBADMSG) || generations->copies < 0 ||
        read_record(generations->copies, number, ret_generation, NULL) < 0)
        return r;
    return r == -ENOENT && problem_tell(ret_problem, "the record of generation %llu is missing",
                                        (unsigned long long)number) == -ENOMEM
               ? -ENOMEM
               : 0;
}

static int read_texts(int directory, const struct generation *generation,
                      struct policy_texts *ret_texts, char **ret_problem)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    char name[GENERATION_NAME_MAX], fingerprint[SHA256_TEXT_MAX];
    int r;

    generation_file_name(generation->number, GENERATION_TEXTS, name);
    r = document_read(directory, name, GENERATION_TEXTS_MAX, &policy_texts_type, &texts,
                      ret_problem);
    if (r == -ENOENT)
        return problem_tell(ret_problem, "%s is missing", name);
    if (r < 0)
        return r;

    policy_texts_fingerprint(texts.texts, texts.n_texts, fingerprint);
    if (strcmp(fingerprint, generation->fingerprint) != 0)
        return problem_tell(ret_problem,
                            "%s is not the policy of generation %llu: its fingerprint differs",
                            name, (unsigned long long)generation->number);

    *ret_texts = texts;
    texts = (struct policy_texts){0};
    return 0;
}

int generations_read_texts(struct generations *generations, const struct generation *generation,
                           struct policy_texts *ret_texts, char **ret_problem)
{
    int r = read_texts(generations->directory, generation, ret_texts, ret_problem);

    if (r == -EBADMSG && generations->copies >= 0 &&
        read_texts(generations->copies, generation, ret_texts, NULL) == 0)
        return 0;
    return r;
}

static int write_record(int directory, const struct generation *generation)
{
    char name[GENERATION_NAME_MAX];

    return document_write(directory,
                          generation_file_name(generation->number, GENERATION_RECORD, name),
                          GENERATION_RECORD_MAX, &generation_type, generation);
}

/* Returns 0, or -EINVAL for texts that JSON cannot hold or that come from no file. */
static int check_texts(const struct policy_text *texts, size_t n_texts)
{
    for (size_t i = 0; i < n_texts; i++) {
        if (texts[i].expires != 0 || !*texts[i].name ||
            utf8_invalid_offset(texts[i].name, strlen(texts[i].name)) != strlen(texts[i].name) ||
            utf8_invalid_offset(texts[i].text, texts[i].size) != texts[i].size)
            return -EINVAL;
    }
    return 0;
}

static int write_texts(int directory, const char *name, const struct policy_texts *texts)
{
    return document_write(directory, name, GENERATION_TEXTS_MAX, &policy_texts_type, texts);
}

static int write_approved(int directory, const char *name, const struct approved *approved)
{
    return document_write(directory, name, GENERATION_TEXTS_MAX, &approved_type, approved);
}

/* Returns 0, -EEXIST or -errno. */
static int check_absent(int directory, uint64_t number)
{
    char name[GENERATION_NAME_MAX];
    struct stat status;

    if (fstatat(directory, generation_file_name(number, GENERATION_RECORD, name), &status,
                AT_SYMLINK_NOFOLLOW) >= 0)
        return -EEXIST;
    return errno == ENOENT ? 0 : -errno;
}

int generations_restore(struct generations *generations, const struct generation *generation,
                        const struct policy_texts *texts)
{
    const int folders[] = {generations->directory, generations->copies};
    char name[GENERATION_NAME_MAX];
    int r = 0;

    generation_file_name(generation->number, GENERATION_TEXTS, name);
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(folders) && folders[i] >= 0; i++) {
        r = write_texts(folders[i], name, texts);
        if (r == 0)
            r = write_record(folders[i], generation);
    }
    return r;
}

static bool is_whole(int directory, const struct generation *generation, char **ret_problem)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};

    return read_texts(directory, generation, &texts, ret_problem) == 0;
}

/* Whether the file and its copy have the same bytes, which takes less time than to read one. */
static bool is_same_as_copy(const struct generations *generations, uint64_t number)
{
    cleanup_(freep) char *text = NULL, *copy = NULL;
    char name[GENERATION_NAME_MAX];
    size_t size, copy_size;

    generation_file_name(number, GENERATION_TEXTS, name);
    return file_read(generations->directory, name, GENERATION_TEXTS_MAX, &text, &size) == 0 &&
           file_read(generations->copies, name, GENERATION_TEXTS_MAX, &copy, &copy_size) == 0 &&
           size == copy_size && memcmp(text, copy, size) == 0;
}

bool generations_is_whole(struct generations *generations, const struct generation *generation,
                          char **ret_problem)
{
    return is_whole(generations->directory, generation, ret_problem) &&
           (generations->copies < 0 || is_same_as_copy(generations, generation->number) ||
            is_whole(generations->copies, generation, ret_problem));
}

/* The record too: the last fsync may have failed after its rename. */
static void remove_both(struct generations *generations, uint64_t number)
{
    const int folders[] = {generations->directory, generations->copies};

    for (size_t i = 0; i < ELEMENTS_OF(folders) && folders[i] >= 0; i++) {
        remove_file(folders[i], number, GENERATION_RECORD);
        remove_file(folders[i], number, GENERATION_TEXTS);
        remove_file(folders[i], number, GENERATION_APPROVED);
    }
}

int generations_write_approved(struct generations *generations, uint64_t number,
                               const struct approved *approved)
{
    char name[GENERATION_NAME_MAX];

    return write_approved(generations->directory,
                          generation_file_name(number, GENERATION_APPROVED, name), approved);
}

int generations_read_approved(struct generations *generations, uint64_t number,
                              struct approved *ret_approved)
{
    char name[GENERATION_NAME_MAX];

    return document_read(generations->directory,
                         generation_file_name(number, GENERATION_APPROVED, name),
                         GENERATION_TEXTS_MAX, &approved_type, ret_approved, NULL);
}

int generations_stage(struct generations *generations, uint64_t stage, const char *fingerprint,
                      const struct policy_text *texts, size_t n_texts,
                      const struct approved *approved)
{
    const struct policy_texts all = {(struct policy_text *)texts, n_texts};
    char name[GENERATION_NAME_MAX], actual[SHA256_TEXT_MAX];
    int r = check_texts(texts, n_texts);

    if (r < 0)
        return r;
    if (strcmp(policy_texts_fingerprint(texts, n_texts, actual), fingerprint) != 0)
        return -EINVAL;

    staged_name(stage, GENERATION_TEXTS, name);
    r = write_texts(generations->directory, name, &all);
    if (r == 0 && generations->copies >= 0)
        r = write_texts(generations->copies, name, &all);
    if (r == 0 && approved)
        r = write_approved(generations->directory, staged_name(stage, GENERATION_APPROVED, name),
                           approved);
    if (r < 0)
        generations_unstage(generations, stage);
    return r;
}

void generations_unstage(struct generations *generations, uint64_t stage)
{
    char name[GENERATION_NAME_MAX];

    unlinkat(generations->directory, staged_name(stage, GENERATION_TEXTS, name), 0);
    if (generations->copies >= 0)
        unlinkat(generations->copies, name, 0);
    unlinkat(generations->directory, staged_name(stage, GENERATION_APPROVED, name), 0);
}

static int publish(int directory, uint64_t stage, uint64_t number, const char *suffix)
{
    char staged[GENERATION_NAME_MAX], name[GENERATION_NAME_MAX];

    staged_name(stage, suffix, staged);
    generation_file_name(number, suffix, name);
    return renameat(directory, staged, directory, name) < 0 ? -errno : 0;
}

/* The record comes last: without it there is no generation. */
static int publish_all(struct generations *generations, const struct generation *generation,
                       uint64_t stage)
{
    const int folders[] = {generations->directory, generations->copies};
    int r = publish(generations->directory, stage, generation->number, GENERATION_APPROVED);

    if (r == -ENOENT)
        r = 0;
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(folders) && folders[i] >= 0; i++) {
        r = publish(folders[i], stage, generation->number, GENERATION_TEXTS);
        if (r == 0)
            r = write_record(folders[i], generation);
    }
    return r;
}

int generations_write(struct generations *generations, const struct generation *generation,
                      uint64_t stage, const uint64_t *keep, size_t n_keep)
{
    int r = check_absent(generations->directory, generation->number);

    if (r == 0 && generations->copies >= 0)
        r = check_absent(generations->copies, generation->number);
    if (r < 0)
        return r;

    r = publish_all(generations, generation, stage);
    if (r < 0) {
        generations_unstage(generations, stage);
        remove_both(generations, generation->number);
        return r;
    }

    /* The new generation is written; if old ones cannot be removed now, the next write tries again.
     */
    forget(generations->directory, GENERATIONS_KEPT, generation->number, keep, n_keep);
    if (generations->copies >= 0)
        forget(generations->copies, COPIES_KEPT, generation->number, keep, n_keep);
    return 0;
}

int generations_update(struct generations *generations, const struct generation *generation)
{
    bool has_copy = generations->copies >= 0 &&
                    check_absent(generations->copies, generation->number) == -EEXIST;
    int r = check_absent(generations->directory, generation->number);

    if (r != -EEXIST && !has_copy)
        return r < 0 ? r : -ENOENT;
    r = write_record(generations->directory, generation);
    return r == 0 && has_copy ? write_record(generations->copies, generation) : r;
}
