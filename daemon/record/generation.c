/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The folder of generations: which there are, a new one, and the oldest forgotten. A generation is
 * there when its record is, and the record comes last and goes first: texts without a record are
 * what a crash left of a generation that never was, and go when the folder is opened.
 */

#include "daemon/record/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/string_table.h"
#include "daemon/record/generation_private.h"

void generation_clear(struct generation *generation)
{
    free(generation->reason);
    overrides_clear(&generation->overrides);
    *generation = (struct generation){0};
}

int generation_copy(const struct generation *generation, struct generation *ret_copy)
{
    struct generation copy = *generation;
    int r;

    copy.overrides = (struct overrides){0};
    copy.reason = generation->reason ? strdup(generation->reason) : NULL;
    r = generation->reason && !copy.reason ? -ENOMEM : 0;
    if (r == 0)
        r = overrides_copy(&generation->overrides, &copy.overrides);
    if (r < 0) {
        generation_clear(&copy);
        return r;
    }
    *ret_copy = copy;
    return 0;
}

static const char *const generation_outcome_words[] = {
    [GENERATION_PREPARED] = "prepared",
    [GENERATION_APPLIED] = "applied",
    [GENERATION_REFUSED] = "refused",
    [GENERATION_UNCONFIRMED] = "unconfirmed",
};
DEFINE_STRING_TABLE(generation_outcome, enum generation_outcome)

/* The number of a file of the given kind; 0 where the name is none of ours. */
static uint64_t parse_file_name(const char *name, const void *userdata)
{
    const enum generation_file file = *(const enum generation_file *)userdata;
    char again[GENERATION_NAME_MAX];
    uint64_t number = 0;

    for (const char *digit = name; *digit >= '0' && *digit <= '9'; digit++) {
        if (number > (INT64_MAX - 9) / 10)
            return 0;
        number = number * 10 + (uint64_t)(*digit - '0');
    }

    /* Zeros in front, or something behind: then it is not the name that is written. */
    return strcmp(generation_file_name(number, file, again), name) == 0 ? number : 0;
}

/* The numbers of the files of one kind, in order. */
static int list(int directory, enum generation_file file, uint64_t **ret_numbers, size_t *ret_n)
{
    return file_list_numbers(directory, parse_file_name, &file, ret_numbers, ret_n);
}

static bool contains(const uint64_t *numbers, size_t n, uint64_t number)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static int remove_file(int directory, uint64_t number, enum generation_file file)
{
    char name[GENERATION_NAME_MAX];

    return unlinkat(directory, generation_file_name(number, file, name), 0) < 0 ? -errno : 0;
}

/* What crashes left. */
static int clean(int directory)
{
    cleanup_(freep) uint64_t *records = NULL, *texts = NULL;
    size_t n_records, n_texts;
    int r;

    r = file_clean(directory);
    if (r < 0)
        return r;

    r = list(directory, GENERATION_TEXTS, &texts, &n_texts);
    if (r < 0)
        return r;
    r = list(directory, GENERATION_RECORD, &records, &n_records);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n_texts; i++) {
        if (contains(records, n_records, texts[i]))
            continue;
        r = remove_file(directory, texts[i], GENERATION_TEXTS);
        if (r < 0)
            return r;
    }
    return 0;
}

int generations_open(int directory, struct generations **ret_generations)
{
    cleanup_(freep) struct generations *generations = NULL;
    int r;

    generations = malloc(sizeof(*generations));
    if (!generations)
        return -ENOMEM;
    generations->directory = directory;

    /* A folder that cannot be written to can still be read. */
    r = clean(directory);
    if (r < 0 && r != -EROFS && r != -EACCES && r != -EPERM)
        return r;

    *ret_generations = TAKE_PTR(generations);
    return 0;
}

struct generations *generations_close(struct generations *generations)
{
    free(generations);
    return NULL;
}

int generations_list(struct generations *generations, uint64_t **ret_numbers, size_t *ret_n)
{
    return list(generations->directory, GENERATION_RECORD, ret_numbers, ret_n);
}

int generations_forget(struct generations *generations, uint64_t newest, const uint64_t *keep,
                       size_t n_keep)
{
    cleanup_(freep) uint64_t *numbers = NULL;
    size_t n = 0, left;
    int r;

    r = generations_list(generations, &numbers, &n);
    if (r < 0)
        return r;

    left = n;
    for (size_t i = 0; i < n && left > GENERATIONS_KEPT; i++) {
        if (numbers[i] == newest || contains(keep, n_keep, numbers[i]))
            continue;

        r = remove_file(generations->directory, numbers[i], GENERATION_RECORD);
        if (r < 0)
            return r;
        left--;

        /* Without its record it is gone; what a failure leaves here goes at the next opening. */
        remove_file(generations->directory, numbers[i], GENERATION_TEXTS);
    }
    return 0;
}
