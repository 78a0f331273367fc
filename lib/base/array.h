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
