/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Allocations that fail when a test wants it. The linker's --wrap calls the functions __wrap_* here
 * in place of the C library's, which are __real_*.
 */

#include "failing_memory.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>

/* Where code never stops failing, the test shall. */
#define FAILURES_MAX 10000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);

/* malloc() has no argument for it, so this is the one variable of its kind. */
static struct {
    bool started;
    bool failed;
    unsigned successes_left;
} memory;

static bool may_allocate(void)
{
    if (!memory.started)
        return true;
    if (memory.successes_left == 0) {
        memory.failed = true;
        return false;
    }
    memory.successes_left--;
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

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

void failing_memory_start(unsigned n_successes)
{
    memory.failed = false;
    memory.successes_left = n_successes;
    memory.started = true;
}

bool failing_memory_stop(int r, unsigned *failures)
{
    memory.started = false;
    if (r != -ENOMEM)
        return false;
    ck_assert_msg(memory.failed, "no memory, though none of the allocations failed");
    ck_assert_uint_lt(++*failures, FAILURES_MAX);
    return true;
}
