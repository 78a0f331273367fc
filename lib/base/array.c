/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one way in which arrays grow here. Callers keep pointer, count and capacity in their own
 * structure, so that an array of anything stays a plain C array to read.
 */

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int array_insert(void *array, size_t *n, size_t *capacity, size_t position, const void *element,
                 size_t size)
{
    int r = array_reserve(array, capacity, *n + 1, size);
    char *place;

    if (r < 0)
        return r;
    place = *(char **)array + position * size;
    memmove(place + size, place, (*n - position) * size);
    memcpy(place, element, size);
    (*n)++;
    return 0;
}

int array_append(void *array, size_t *n, size_t *capacity, const void *element, size_t size)
{
    return array_append_all(array, n, capacity, element, 1, size);
}

int array_append_all(void *array, size_t *n, size_t *capacity, const void *elements,
                     size_t n_elements, size_t size)
{
    int r = array_reserve(array, capacity, *n + n_elements, size);

    if (r < 0 || n_elements == 0)
        return r;
    memcpy(*(char **)array + *n * size, elements, n_elements * size);
    *n += n_elements;
    return 0;
}
