/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one way in which arrays grow here. Callers keep pointer, count and capacity in their own
 * structure, so that an array of anything stays a plain C array to read.
 */

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>

int array_reserve(void *array, size_t *capacity, size_t needed, size_t size)
{
    void **pointer = array;
    /* Many arrays here hold one element and stay so: the first room is what is asked for. */
    size_t wanted = *capacity > 0 ? *capacity : needed;
    void *grown;

    if (needed <= *capacity)
        return 0;

    while (wanted < needed) {
        if (wanted > (size_t)-1 / 2)
            return -ENOMEM;
        wanted *= 2;
    }

    grown = reallocarray(*pointer, wanted, size);
    if (!grown)
        return -ENOMEM;

    *pointer = grown;
    *capacity = wanted;
    return 0;
}
