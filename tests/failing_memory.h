/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * For tests of what happens without memory. A test runs the same code again and again, each time
 * with one allocation more, until there are enough:
 *
 *     do {
 *         failing_memory_start(failures);
 *         r = code_under_test();
 *     } while (failing_memory_stop(r, &failures));
 *
 * A program that uses this depends on `failing_memory` of Meson, by which the linker hands
 * malloc(), calloc() and realloc() of our code, and of Check, to failing_memory.c. What the C
 * library allocates, as in strdup(), never fails; jansson fails after json_set_alloc_funcs(malloc,
 * free).
 */

/* From now on `n_successes` allocations succeed, and those after them fail. Until
 * failing_memory_stop() no assertion may fail: its message needs memory. */
void failing_memory_start(unsigned n_successes);

/*
 * All allocations succeed again. `r` is what the code under test returned: for -ENOMEM asserts that
 * an allocation did fail, counts in `*failures` and returns true, which means "try again"; for
 * everything else returns false.
 */
bool failing_memory_stop(int r, unsigned *failures);
