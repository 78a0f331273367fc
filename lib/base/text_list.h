/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Lists of texts on the heap, as records have them. A list without texts may be NULL. */

/* Appends a copy. Returns 0, or -ENOMEM with the list as it was. */
int text_list_add(char ***list, size_t *n, const char *text);
/* With its texts. */
void text_list_free(char **list, size_t n);
/* Takes out one that is equal, if there is one; the last one takes its place. */
void text_list_remove(char **list, size_t *n, const char *text);
bool text_list_has(char *const *list, size_t n, const char *text);
