/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No memory at every point where evidence is written: the error comes back, nothing leaks, and what
 * was begun is there as a whole or not at all. The linker hands our allocations to the functions
 * below, and the JSON library is told to use them as well.
 */

#include <jansson.h>

#include "checks.h"
#include "evidence_sample.h"

#define TRIES_MAX 10000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/* Allocations that still succeed; negative: all do. A test program may have this one variable. */
static long allocations_left = -1;

static bool may_allocate(void)
{
    if (allocations_left == 0)
        return false;
    if (allocations_left > 0)
        allocations_left--;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

static void free_memory(void *memory)
{
    free(memory);
}

static void enter(struct scene *scene)
{
    scene_enter(scene, "8m");
    scene_send("10.20.0.1", "10.30.0.1", 5000);
    json_set_alloc_funcs(__wrap_malloc, free_memory);
}

static size_t count_files(const struct scene *scene, const char *path)
{
    cleanup_(closep) int fd = openat(scene->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? 0 : folder_count(fd);
}

/* One allocation more each time, until there are enough. */
START_TEST(what_cannot_be_begun_leaves_nothing)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    unsigned failures = 0;
    int r;

    enter(&scene);
    do {
        allocations_left = failures;
        r = evidence_begin(&scene.subject, &evidence);
        allocations_left = -1;
        if (r != -ENOMEM)
            break;
        ck_assert_uint_eq(count_files(&scene, "incidents"), 0);
    } while (++failures < TRIES_MAX);

    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, 50);
    ck_assert_int_eq(evidence_finish(evidence), 0);
}
END_TEST

START_TEST(what_was_begun_stays_where_the_rest_cannot_be_written)
{
    cleanup_(scene_clear) struct scene scene;
    unsigned failures = 0;
    int r;

    enter(&scene);
    do {
        cleanup_(evidence_freep) struct evidence *evidence = NULL;
        char sums[256];

        ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), 0);
        allocations_left = failures;
        r = evidence_finish(evidence);
        allocations_left = -1;
        ck_assert_uint_ge(count_files(&scene, evidence_path(evidence)), 4);
        snprintf(sums, sizeof(sums), "%s/SHA256SUMS", evidence_path(evidence));
        ck_assert_int_eq(folder_has(scene.directory, sums), r == 0);
    } while (r == -ENOMEM && ++failures < TRIES_MAX);

    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, 20);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_cannot_be_begun_leaves_nothing);
    tcase_add_test(tests, what_was_begun_stays_where_the_rest_cannot_be_written);
}
