/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command line of commands that ask the daemon. They differ in their fields alone, so that an
 * option is written, read and refused in one way everywhere.
 */

#include "remote.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "base/text.h"
#include "loaded.h"
#include "policy/texts.h"

#define FIELDS_MAX 8

/* Values of getopt_long() for fields. */
#define OPTION_FIELD 1000

void remote_clear(struct remote *remote)
{
    json_decref(remote->parameters);
    *remote = (struct remote){0};
}

/* Puts a value under its parameter; `value` is stolen. Returns an exit code. */
static int put(struct remote *remote, const struct field *field, json_t *value)
{
    json_t *list = json_object_get(remote->parameters, field->parameter);
    int r;

    if (field->kind != FIELD_TEXTS) {
        r = json_object_set_new(remote->parameters, field->parameter, value);
    } else if (list) {
        r = json_array_append_new(list, value);
    } else {
        list = json_array();
        r = json_array_append_new(list, value);
        if (r == 0)
            r = json_object_set(remote->parameters, field->parameter, list);
        json_decref(list);
    }
    return r < 0 ? command_no_memory() : EXIT_YES;
}

static int put_text(struct remote *remote, const struct field *field, const char *text)
{
    if (utf8_invalid_offset(text, strlen(text)) < strlen(text))
        return command_usage(remote->command, "%s%s is not UTF-8", field->option ? "--" : "",
                             field->option ? field->option : field->title);
    return put(remote, field, json_string(text));
}

static int put_number(struct remote *remote, const struct field *field, const char *text)
{
    long long number;
    char *end;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        return command_usage(remote->command, "`%s` is not a number", text);
    return put(remote, field, json_integer(number));
}

static int put_span(struct remote *remote, const struct field *field, const char *text)
{
    usec_t span;
    int r = span_parse(text, &span);

    if (r == -ERANGE)
        return command_usage(remote->command, "`%s` is not between a second and a year", text);
    if (r < 0)
        return command_usage(remote->command, "`%s` is not a time such as 2m, 1h30m or 7d", text);
    return put(remote, field, json_integer(span / USEC_PER_SEC));
}

static json_t *texts_of(const struct sources *sources)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array && i < sources_count(sources); i++) {
        struct policy_text text = {.name = sources_name(sources, i)};

        text.text = sources_text(sources, i, &text.size);
        array = append_json(array, record_encode(&policy_text_type, &text, RECORD_WIRE));
    }
    return array;
}

/* Whether JSON can carry the files as they are. */
static bool is_text(const struct sources *sources)
{
    for (uint32_t i = 0; i < sources_count(sources); i++) {
        size_t size;
        const char *text = sources_text(sources, i, &size);

        if (utf8_invalid_offset(text, size) < size || memchr(text, '\0', size))
            return false;
    }
    return true;
}

/* The texts of a policy. Files that cannot be read, or that JSON cannot carry, are no policy:
 * `check` says why. */
static int put_policy(struct remote *remote, const struct field *field, const char *path)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    int r = sources_new(&sources);

    if (r == 0)
        r = diagnostics_new(&diagnostics);
    if (r == 0)
        r = policy_load_sources(path, sources, diagnostics);
    if (r == 0 && is_text(sources))
        return put(remote, field, texts_of(sources));
    if (r < 0 && r != -EBADMSG)
        return command_no_memory();

    r = loaded_require(&loaded, path, &(struct compiled_input){.last = COMPILED_DIAGRAM},
                       remote->json);
    return r == EXIT_YES ? EXIT_POLICY_INVALID : r; /* the files are others by now */
}

/* Returns an exit code. */
static int read_field(struct remote *remote, const struct field *field, const char *text)
{
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_TEXTS:
        return put_text(remote, field, text);
    case FIELD_NUMBER:
        return put_number(remote, field, text);
    case FIELD_SPAN:
        return put_span(remote, field, text);
    case FIELD_FLAG:
        return put(remote, field, json_true());
    case FIELD_POLICY:
        return put_policy(remote, field, text);
    }
    return EXIT_USAGE;
}

/* Options of the command and those of all commands, for getopt_long(). */
static void list_options(const struct field *fields, size_t n_fields,
                         struct option options[FIELDS_MAX + 4])
{
    static const struct option common[] = {
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    size_t n = 0;

    assert(n_fields <= FIELDS_MAX);
    for (size_t i = 0; i < n_fields; i++) {
        if (fields[i].option)
            options[n++] = (struct option){
                .name = fields[i].option,
                .has_arg = fields[i].kind == FIELD_FLAG ? no_argument : required_argument,
                .val = OPTION_FIELD + (int)i,
            };
    }
    memcpy(options + n, common, sizeof(common));
}

/* Files are read last, when all else is known to be right, and `--json` to be wanted. */
static int read_arguments(struct remote *remote, int argc, char **argv, const struct field *fields,
                          size_t n_fields, int n_arguments_max)
{
    int next = optind;

    for (size_t i = 0; i < n_fields; i++) {
        const struct field *field = &fields[i];
        int exit_code = EXIT_YES;

        if (!field->option && next < argc)
            exit_code = read_field(remote, field, argv[next++]);
        if (exit_code != EXIT_YES)
            return exit_code;
        if (field->required && !reply_has(remote->parameters, field->parameter))
            return command_usage(remote->command, "%s%s is needed", field->option ? "--" : "",
                                 field->option ? field->option : field->title);
    }
    if (argc - next > n_arguments_max)
        return command_usage(remote->command, "unexpected argument `%s`",
                             argv[next + n_arguments_max]);
    remote->arguments = argv + next;
    remote->n_arguments = argc - next;
    return EXIT_YES;
}

/* Returns true to go on. */
static bool read_options(struct remote *remote, int argc, char **argv, const struct field *fields,
                         size_t n_fields, int *ret_exit_code)
{
    struct option options[FIELDS_MAX + 4] = {0};
    int option;

    list_options(fields, n_fields, options);
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        *ret_exit_code = EXIT_YES;
        if (option == OPTION_SOCKET)
            remote->socket = optarg;
        else if (option == OPTION_JSON)
            remote->json = true;
        else if (option >= OPTION_FIELD)
            *ret_exit_code = read_field(remote, &fields[option - OPTION_FIELD], optarg);
        else
            *ret_exit_code = option == OPTION_HELP ? command_help(remote->command) : EXIT_USAGE;
        if (option == OPTION_HELP || *ret_exit_code != EXIT_YES)
            return false;
    }
    return true;
}

bool remote_begin(struct remote *remote, const struct command *command, int argc, char **argv,
                  const struct field *fields, size_t n_fields, int n_arguments_max,
                  int *ret_exit_code)
{
    remote->command = command;
    remote->socket = CONTROL_SOCKET_DEFAULT;
    remote->parameters = json_object();
    if (!remote->parameters) {
        *ret_exit_code = command_no_memory();
        return false;
    }

    if (!read_options(remote, argc, argv, fields, n_fields, ret_exit_code))
        return false;
    *ret_exit_code = read_arguments(remote, argc, argv, fields, n_fields, n_arguments_max);
    return *ret_exit_code == EXIT_YES;
}

bool remote_take_flag(struct remote *remote, const char *parameter)
{
    bool is_set = reply_true(remote->parameters, parameter);

    json_object_del(remote->parameters, parameter);
    return is_set;
}

const char *reply_text(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text ? text : "";
}

json_int_t reply_number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

bool reply_true(const json_t *json, const char *key)
{
    return json_is_true(json_object_get(json, key));
}

bool reply_has(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    return value && !json_is_null(value);
}
