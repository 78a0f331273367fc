/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/*
 * Ownership idioms. Every local that owns something is declared with cleanup_() and an initial
 * value, and handed over with TAKE_PTR() or TAKE_FD() only:
 *
 *     cleanup_(policy_freep) struct policy *policy = NULL;
 *     ...
 *     *ret_policy = TAKE_PTR(policy);
 *     return 0;
 */
#define cleanup_(function) __attribute__((cleanup(function)))

#define TAKE_PTR(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) *taken_from_ = &(pointer);                                             \
        __typeof__(pointer) taken_ = *taken_from_;                                                 \
        *taken_from_ = NULL;                                                                       \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int *taken_from_ = &(fd);                                                                  \
        int taken_ = *taken_from_;                                                                 \
        *taken_from_ = -1;                                                                         \
        taken_;                                                                                    \
    })

/* Defines `<function>p`, the cleanup function of a pointer to an object that `function` frees. */
#define DEFINE_CLEANUP(type, function)                                                             \
    static inline void function##p(type **pointer)                                                 \
    {                                                                                              \
        if (*pointer)                                                                              \
            function(*pointer);                                                                    \
    }

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

static inline void closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))
