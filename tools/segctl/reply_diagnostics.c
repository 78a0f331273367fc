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
    json_int_t n_lines;
};

/* A file of one line at its number. */
static int add_source(struct made *made, const json_t *place, uint32_t *ret_source)
{
    json_int_t line = reply_number(place, "line");
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return -ENOMEM;
    if (reply_has(place, "source") && line <= LINES_MAX - made->n_lines) {
        for (json_int_t i = 1; i < line; i++)
            fputc('\n', stream);
        fprintf(stream, "%s\n", reply_text(place, "source"));
        made->n_lines += line;
    }
    if (fclose(stream) != 0)
        return -ENOMEM;
    return sources_add(made->sources, reply_text(place, "file"), text, size, ret_source);
}

/* Where it is; nowhere where it says no file. */
static int take_place(struct made *made, const json_t *place, struct location *ret_location)
{
    json_int_t line = reply_number(place, "line"), column = reply_number(place, "column");
    int r;

    *ret_location = (struct location){0};
    if (!reply_has(place, "file") || line < 1 || line > UINT32_MAX)
        return 0;
    r = add_source(made, place, &ret_location->source);
    if (r < 0)
        return r;
    ret_location->line = (uint32_t)line;
    ret_location->column = column > 0 && column <= UINT32_MAX ? (uint32_t)column : 1;
    return 0;
}

/* A code is one of segd's words, and is printed as it is. */
static const char *code_of(const json_t *json)
{
    const char *code = reply_text(json, "code");

    return code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")] ? "?" : code;
}

static int add_diagnostic(struct made *made, const json_t *json)
{
    const json_t *related = json_object_get(json, "related");
    enum severity severity =
        strcmp(reply_text(json, "severity"), "warning") == 0 ? SEVERITY_WARNING : SEVERITY_ERROR;
    struct location location;
    int r = take_place(made, json, &location);

    if (r == 0)
        r = diagnostics_add(made->diagnostics, severity, code_of(json), location,
                            json_string_value(json_object_get(json, "remedy")), "%s",
                            reply_text(json, "message"));
    if (r == 0 && json_is_object(related)) {
        r = take_place(made, related, &location);
        if (r == 0)
            r = diagnostics_relate(made->diagnostics, location, "%s",
                                   reply_text(related, "message"));
    }
    return r;
}

static void made_clear(struct made *made)
{
    sources_free(made->sources);
    diagnostics_free(made->diagnostics);
}

int reply_print_diagnostics(const json_t *list)
{
    cleanup_(made_clear) struct made made = {0};
    json_t *item;
    size_t i;
    int r = sources_new(&made.sources);

    if (r == 0)
        r = diagnostics_new(&made.diagnostics);
    json_array_foreach(list, i, item)
    {
        if (r == 0)
            r = add_diagnostic(&made, item);
    }
    if (r == 0)
        diagnostics_print(made.diagnostics, made.sources, stderr, wants_colour(stderr));
    return r;
}
