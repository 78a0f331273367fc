/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What every command begins with that judges a policy itself: the compiled policy, and the mistakes
 * found in it, for people or for programs.
 */

#include "loaded.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "instant.h"

/* Columns if stdout is no terminal. */
#define WIDTH_DEFAULT 120

int loaded_read(struct loaded *loaded, const char *path, const struct compiled_input *input)
{
    int r = diagnostics_new(&loaded->diagnostics);

    return r < 0 ? r : compiled_read(path, input, loaded->diagnostics, &loaded->compiled);
}

void loaded_clear(struct loaded *loaded)
{
    compiled_free(loaded->compiled);
    diagnostics_free(loaded->diagnostics);
    overrides_clear(&loaded->overrides);
    *loaded = (struct loaded){0};
}

int loaded_require(struct loaded *loaded, const char *path, const struct compiled_input *input,
                   bool json)
{
    int r = loaded_read(loaded, path, input);

    if (r == 0)
        return EXIT_YES;
    if (r != -EBADMSG)
        return instant_failed(r);

    if (json)
        return print_json(loaded_to_json(loaded), EXIT_POLICY_INVALID);
    loaded_print(loaded);
    return EXIT_POLICY_INVALID;
}

bool wants_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");

    return isatty(fileno(stream)) && (!no_colour || no_colour[0] == '\0');
}

unsigned terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

void loaded_print(const struct loaded *loaded)
{
    diagnostics_print(loaded->diagnostics, loaded->compiled->sources, stderr, wants_colour(stderr));
}

/* Without a place its keys are null, so that every key is always there. */
static json_t *place_to_json(const struct loaded *loaded, struct location location,
                             const char *message)
{
    if (location.line == 0)
        return json_pack("{s:n, s:n, s:n, s:s?}", "file", "line", "column", "message", message);
    return json_pack("{s:s, s:i, s:i, s:s?}", "file",
                     sources_name(loaded->compiled->sources, location.source), "line",
                     (int)location.line, "column", (int)location.column, "message", message);
}

/* Adds the keys of `part`, which is consumed. */
static int add_keys(json_t *object, json_t *part)
{
    int r = part ? json_object_update(object, part) : -1;

    json_decref(part);
    return r;
}

static json_t *diagnostic_to_json(const struct loaded *loaded, const struct diagnostic *diagnostic)
{
    const char *severity = diagnostic->severity == SEVERITY_ERROR ? "error" : "warning";
    json_t *object, *related = json_null();

    if (diagnostic->related.line > 0)
        related = place_to_json(loaded, diagnostic->related, diagnostic->related_message);

    object = json_pack("{s:s, s:s}", "severity", severity, "code", diagnostic->code);
    if (add_keys(object, place_to_json(loaded, diagnostic->location, diagnostic->message)) < 0 ||
        add_keys(object,
                 json_pack("{s:s?, s:O?}", "remedy", diagnostic->remedy, "related", related)) < 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(related);
    return object;
}

json_t *loaded_to_json(const struct loaded *loaded)
{
    const struct diagnostic *list;
    size_t n = diagnostics_list(loaded->diagnostics, &list);
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        array = append_json(array, diagnostic_to_json(loaded, &list[i]));
    return json_pack("{s:b, s:o}", "ok",
                     diagnostics_count(loaded->diagnostics, SEVERITY_ERROR) == 0, "diagnostics",
                     array);
}

/*
 * Escapes delete and the control characters U+0080 to U+009F, as jansson escapes the others: for a
 * program the text is the same, and a terminal takes no command from it. jansson writes whole
 * characters, so that none is cut between two calls.
 */
static int write_safe(const char *bytes, size_t size, void *userdata)
{
    FILE *stream = userdata;
    size_t begin = 0;

    for (size_t i = 0; i < size; i++) {
        bool is_delete = bytes[i] == 0x7f;
        bool is_long = bytes[i] == '\xc2' && i + 1 < size && (unsigned char)bytes[i + 1] < 0xa0;

        if (!is_delete && !is_long)
            continue;
        fwrite(bytes + begin, 1, i - begin, stream);
        i += is_long;
        fprintf(stream, "\\u%04x", (unsigned)(unsigned char)bytes[i]);
        begin = i + 1;
    }
    fwrite(bytes + begin, 1, size - begin, stream);
    return ferror(stream) ? -1 : 0;
}

int write_json(FILE *stream, const json_t *json, size_t flags)
{
    return json_dump_callback(json, write_safe, stream, flags);
}

int print_json(json_t *object, int exit_code)
{
    int r;

    if (!object)
        return command_no_memory();

    r = write_json(stdout, object, JSON_INDENT(2));
    json_decref(object);
    if (r < 0)
        return command_no_memory();

    putchar('\n');
    return exit_code;
}
