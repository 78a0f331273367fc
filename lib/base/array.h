/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/*
 * Makes room for `needed` elements of `size` bytes in a heap array that now has room for
 * `*capacity`. Grows by doubling; never shrinks. On success `*array` may have moved.
 *
 * Returns 0, or -ENOMEM with `*array` and `*capacity` unchanged (also when the size overflows).
 */
int array_reserve(void *array, size_t *capacity, size_t needed, size_t size);
/* Puts a copy of an element before the one at `position`, or after all `*n`. Returns 0 or -ENOMEM,
 * as array_reserve(). */
int array_insert(void *array, size_t *n, size_t *capacity, size_t position, const void *element,
                 size_t size);
/* The same after all others, one element or several. */
int array_append(void *array, size_t *n, size_t *capacity, const void *element, size_t size);
int array_append_all(void *array, size_t *n, size_t *capacity, const void *elements,
                     size_t n_elements, size_t size);

/*
 * Bisects `n` sorted elements: the index of the first for which `is_before`, an expression with the
 * index `i`, is false; `n` where it is true for all.
 */
#define BISECT(n, i, is_before)                                                                    \
    __extension__({                                                                                \
        size_t low_ = 0, high_ = (n);                                                              \
        while (low_ < high_) {                                                                     \
            size_t i = low_ + (high_ - low_) / 2;                                                  \
            if (is_before)                                                                         \
                low_ = i + 1;                                                                      \
            else                                                                                   \
                high_ = i;                                                                         \
        }                                                                                          \
        low_;                                                                                      \
    })
