/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The table as text that can be compared. nft lists the elements of a hash in an order of the
 * kernel's own, and numbers its objects as they come.
 */

#include "listing.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sandbox.h"

#define PARTS_MAX 4096
/* Where one object of the table ends and another begins. */
#define END '\x01'

/* Takes away each occurrence of the word and the text after it up to one of these bytes. */
static void cut(char *text, const char *word, const char *end)
{
    while ((text = strstr(text, word))) {
        size_t length = strlen(word) + strcspn(text + strlen(word), end);

        memmove(text, text + length, strlen(text + length) + 1);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Writes the parts of the text in order. */
static void write_sorted(FILE *stream, char *text, const char *separators)
{
    char *list[PARTS_MAX], *part;
    size_t n = 0;

    while ((part = strsep(&text, separators))) {
        part += strspn(part, "\n\t ");
        if (!*part)
            continue;
        ck_assert_uint_lt(n, PARTS_MAX);
        list[n++] = part;
    }
    qsort(list, n, sizeof(*list), compare_texts);
    for (size_t i = 0; i < n; i++)
        fprintf(stream, "%s\n", list[i]);
}

/* Sorts what stands between the braces of elements, and makes each object end with END. */
static char *sort_elements(char *text)
{
    static const char start[] = "elements = {";
    char *sorted = NULL, *rest, *elements, *end;
    size_t size;
    FILE *stream = open_memstream(&sorted, &size);

    ck_assert_ptr_nonnull(stream);
    for (rest = text; (elements = strstr(rest, start)); rest = end + 1) {
        *elements = '\0';
        fputs(rest, stream);
        elements += strlen(start);
        end = strchr(elements, '}');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        write_sorted(stream, elements, ",\n");
    }
    fputs(rest, stream);
    ck_assert_int_eq(fclose(stream), 0);
    for (char *close = sorted; (close = strstr(close, "\n\t}"));)
        close[2] = END;
    return sorted;
}

char *listing_read(void)
{
    cleanup_(freep) char *text = sandbox_nft_list("table inet segd");
    cleanup_(freep) char *sorted = NULL;
    char *listing = NULL;
    size_t size;
    FILE *stream = open_memstream(&listing, &size);

    ck_assert_ptr_nonnull(stream);
    cut(text, "table inet segd {", "\n");
    cut(text, "\n\tflags ", "\n");
    cut(text, "chain generation/", " ");
    cut(text, "comment \"grant-", "\"");
    cut(text, "counter grant/grant-", " ");
    cut(text, " expires ", " \n,");
    cut(text, "timeout ", " \n,");
    cut(text, "packets ", " \n,");
    cut(text, "bytes ", " \n,");
    sorted = sort_elements(text);
    write_sorted(stream, sorted, (const char[]){END, '\0'});
    ck_assert_int_eq(fclose(stream), 0);
    return listing;
}
