/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * The words of an enum in one table, `static const char *const NAME_words[]`, indexed by its
 * values.
 *
 * NAME_to_string() gives a static string, or NULL for a value without a word. NAME_from_string()
 * writes the value and returns true, or returns false where no value has that word.
 */
#define DEFINE_TO_STRING(name, type)                                                               \
    const char *name##_to_string(type value)                                                       \
    {                                                                                              \
        return (size_t)value < ELEMENTS_OF(name##_words) ? name##_words[value] : NULL;             \
    }

#define DEFINE_STRING_TABLE(name, type)                                                            \
    DEFINE_TO_STRING(name, type)                                                                   \
                                                                                                   \
    bool name##_from_string(const char *text, type *ret_value)                                     \
    {                                                                                              \
        for (size_t i = 0; i < ELEMENTS_OF(name##_words); i++) {                                   \
            if (name##_words[i] && strcmp(name##_words[i], text) == 0) {                           \
                *ret_value = (type)i;                                                              \
                return true;                                                                       \
            }                                                                                      \
        }                                                                                          \
        return false;                                                                              \
    }
