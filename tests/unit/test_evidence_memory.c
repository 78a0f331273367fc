/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No memory at every point where evidence is written: the error comes back, nothing leaks, and the
 * sums are there only where all is.
 */

#include <jansson.h>

#include "checks.h"
#include "evidence_sample.h"
#include "failing_memory.h"

static void enter(struct scene *scene)
{
    scene_enter(scene, "8m");
    scene_send("10.20.0.1", "10.30.0.1", 5000);
    json_set_alloc_funcs(malloc, free);
}

static size_t count_files(const struct scene *scene, const char *path)
{
    cleanup_(closep) int fd = openat(scene->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? 0 : folder_count(fd);
}

START_TEST(what_cannot_be_begun_leaves_nothing)
{
    cleanup_(scene_clear) struct scene scene;
    cleanup_(evidence_freep) struct evidence *evidence = NULL;
    unsigned failures = 0;
    int r;

    enter(&scene);
    for (;;) {
        failing_memory_start(failures);
        r = evidence_begin(&scene.subject, &evidence);
        if (!failing_memory_stop(r, &failures))
            break;
        ck_assert_uint_eq(count_files(&scene, "incidents"), 0);
    }

    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, 1);
    ck_assert_int_eq(evidence_write(evidence), 0);
}
END_TEST

START_TEST(sums_are_there_where_all_is)
{
    cleanup_(scene_clear) struct scene scene;
    unsigned failures = 0;
    bool again;
    int r;

    enter(&scene);
    do {
        cleanup_(evidence_freep) struct evidence *evidence = NULL;
        char sums[256];

        ck_assert_int_eq(evidence_begin(&scene.subject, &evidence), 0);
        failing_memory_start(failures);
        r = evidence_write(evidence);
        again = failing_memory_stop(r, &failures);
        snprintf(sums, sizeof(sums), "%s/SHA256SUMS", evidence_path(evidence));
        ck_assert_int_eq(folder_has(scene.directory, sums), r == 0);
    } while (again);

    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(failures, 70);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_cannot_be_begun_leaves_nothing);
    tcase_add_test(tests, sums_are_there_where_all_is);
}
