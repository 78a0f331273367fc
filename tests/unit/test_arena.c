/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Memory that is freed at once, and arrays that grow: lib/base/arena.h and array.h. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "checks.h"

/* AddressSanitizer ends the program on sizes that no heap has; here they shall be no memory. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct arena *arena;

static void set_up(void)
{
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void tear_down(void)
{
    arena = arena_free(arena);
}

START_TEST(pieces_are_aligned_zeroed_and_apart)
{
    static const size_t sizes[] = {0, 1, 7, 16, 17, 1000, 65536, 3, 1 << 20, 5};
    unsigned char *pieces[20 * ELEMENTS_OF(sizes)];

    for (size_t i = 0; i < ELEMENTS_OF(pieces); i++) {
        size_t size = sizes[i % ELEMENTS_OF(sizes)];

        pieces[i] = arena_allocate(arena, size);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < size; j++) {
            if (pieces[i][j] != 0)
                ck_abort_msg("piece %zu is not zeroed", i);
        }
        memset(pieces[i], (int)(i % 256), size);
    }

    for (size_t i = 0; i < ELEMENTS_OF(pieces); i++) {
        for (size_t j = 0; j < sizes[i % ELEMENTS_OF(sizes)]; j++) {
            if (pieces[i][j] != i % 256)
                ck_abort_msg("piece %zu was overwritten", i);
        }
    }
}
END_TEST

START_TEST(strings_are_copied)
{
    char text[] = "市役所";
    char *copy = arena_string(arena, text);

    memset(text, 'x', sizeof(text) - 1);
    ck_assert_str_eq(copy, "市役所");
    ck_assert_str_eq(arena_printf(arena, "%s-%d", copy, 42), "市役所-42");
    ck_assert_mem_eq(arena_copy(arena, "a\0b", 3), "a\0b", 3);
    ck_assert_ptr_nonnull(arena_copy(arena, NULL, 0));
}
END_TEST

START_TEST(an_impossible_size_is_no_memory)
{
    /* Volatile, so that no compiler warns about what is tested here. */
    volatile size_t huge = (size_t)-1;

    ck_assert_ptr_null(arena_allocate(arena, huge));
    ck_assert_ptr_null(arena_allocate(arena, huge - 8));
    ck_assert_ptr_null(arena_allocate(arena, huge - 64));
    ck_assert_ptr_nonnull(arena_allocate(arena, 8));
}
END_TEST

START_TEST(an_array_grows_and_keeps_its_elements)
{
    cleanup_(freep) int *numbers = NULL;
    size_t capacity = 0;

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(array_reserve(&numbers, &capacity, (size_t)i + 1, sizeof(*numbers)), 0);
        ck_assert_uint_gt(capacity, (size_t)i);
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(numbers[i], i);
}
END_TEST

START_TEST(an_array_that_cannot_grow_stays_as_it_is)
{
    cleanup_(freep) int *numbers = NULL;
    size_t capacity = 0, before;
    int *same;

    ck_assert_int_eq(array_reserve(&numbers, &capacity, 3, sizeof(*numbers)), 0);
    numbers[2] = 42;
    same = numbers;
    before = capacity;

    ck_assert_int_eq(array_reserve(&numbers, &capacity, (size_t)-1, sizeof(*numbers)), -ENOMEM);
    ck_assert_int_eq(array_reserve(&numbers, &capacity, (size_t)-1 / 4, sizeof(*numbers)), -ENOMEM);
    ck_assert_ptr_eq(numbers, same);
    ck_assert_uint_eq(capacity, before);
    ck_assert_int_eq(numbers[2], 42);
}
END_TEST

/* Runs in a child of the process that owns the arena. */
static void leave_text(char **text)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        *text = arena_printf(arena, "%s", "left by the child");
        _exit(*text ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* In memory, and in a file. */
START_TEST(a_child_leaves_what_it_allocates_in_a_shared_arena)
{
    char **text;

    arena_free(arena);
    if (_i == 0)
        ck_assert_int_eq(arena_new_shared(1 << 20, &arena), 0);
    else
        ck_assert_int_eq(arena_new_filed(AT_FDCWD, 1 << 20, &arena), 0);
    text = arena_allocate(arena, sizeof(*text));
    ck_assert_ptr_nonnull(text);
    leave_text(text);
    ck_assert_str_eq(*text, "left by the child");
    ck_assert_str_eq(arena_string(arena, "more"), "more");
    ck_assert_ptr_null(arena_allocate(arena, 1 << 20));
    memset(arena_allocate(arena, 600000), 1, 600000);
    ck_assert_int_eq(arena_protect(arena), 0);
    ck_assert_str_eq(*text, "left by the child");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, pieces_are_aligned_zeroed_and_apart);
    tcase_add_test(tests, strings_are_copied);
    tcase_add_test(tests, an_impossible_size_is_no_memory);
    tcase_add_test(tests, an_array_grows_and_keeps_its_elements);
    tcase_add_loop_test(tests, a_child_leaves_what_it_allocates_in_a_shared_arena, 0, 2);
    tcase_add_test(tests, an_array_that_cannot_grow_stays_as_it_is);
}
