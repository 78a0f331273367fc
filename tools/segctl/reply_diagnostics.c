/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Diagnostics of a policy that the daemon read. It sends each with the line it speaks of, from
 * which files are made anew that have just these lines: so they print as `check` prints them.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"

/* Lines that are made to get to those that are shown, in all. Beyond, places are told without. */
#define LINES_MAX 4000000

/* What is being made of a reply. */
struct made {
    struct sources *sources;
    struct diagnostics *diagnostics;
    uint32_t n_lines;
};

/* A file of one line at its number. */
static int add_source(struct made *made, const struct wire_place *place, uint32_t *ret_source)
{
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return -ENOMEM;
    if (place->source && place->line <= LINES_MAX - made->n_lines) {
        for (uint32_t i = 1; i < place->line; i++)
            fputc('\n', stream);
        fprintf(stream, "%s\n", place->source);
        made->n_lines += place->line;
    }
    if (fclose(stream) != 0)
        return -ENOMEM;
    return sources_add(made->sources, place->file, text, size, ret_source);
}

/* Where it is; nowhere where it says no file. */
static int take_place(struct made *made, const struct wire_place *place,
                      struct location *ret_location)
{
    *ret_location = (struct location){0};
    if (!place->file || place->line < 1)
        return 0;
    ret_location->line = place->line;
    ret_location->column = place->column > 0 ? place->column : 1;
    return add_source(made, place, &ret_location->source);
}

/* A code is one of segd's words, and is printed as it is. */
static const char *code_of(const char *code)
{
    return code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")] ? "?" : code;
}

static int add_diagnostic(struct made *made, const struct wire_diagnostic *told)
{
    enum severity severity = told->severity == SEVERITY_WARNING ? SEVERITY_WARNING : SEVERITY_ERROR;
    struct location location;
    int r = take_place(made, &told->place, &location);

    if (r == 0)
        r = diagnostics_add(made->diagnostics, severity, code_of(told->code), location,
                            told->remedy, "%s", told->place.message);
    if (r == 0 && told->related.message) {
        r = take_place(made, &told->related, &location);
        if (r == 0)
            r = diagnostics_relate(made->diagnostics, location, "%s", told->related.message);
    }
    return r;
}

static void made_clear(struct made *made)
{
    sources_free(made->sources);
    diagnostics_free(made->diagnostics);
}

int reply_print_diagnostics(const struct wire_diagnostic *list, size_t n)
{
    cleanup_(made_clear) struct made made = {0};
    int r = sources_new(&made.sources);

    if (r == 0)
        r = diagnostics_new(&made.diagnostics);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_diagnostic(&made, &list[i]);
    if (r == 0)
        diagnostics_print(made.diagnostics, made.sources, stderr, wants_colour(stderr));
    return r;
}
