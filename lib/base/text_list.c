/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lists of texts. They are short and rarely grow, so that they are kept without a capacity.
 */

#include "base/text_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int text_list_add(char ***list, size_t *n, const char *text)
{
    char **grown = reallocarray(*list, *n + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    *list = grown;
    grown[*n] = strdup(text);
    return grown[*n] ? (++*n, 0) : -ENOMEM;
}

void text_list_free(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

void text_list_remove(char **list, size_t *n, const char *text)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(list[i], text) != 0)
            continue;
        free(list[i]);
        list[i] = list[--*n];
        return;
    }
}

bool text_list_has(char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], text) == 0)
            return true;
    }
    return false;
}
