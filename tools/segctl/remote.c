/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Commands that ask the daemon differ in their fields alone, so that an option is written, read and
 * refused in one way everywhere. An error of a call becomes a message that says what to do next, an
 * exit code, and with `--json` an object with both.
 */

#include "remote.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "base/text.h"
#include "json_text.h"
#include "loaded.h"
#include "policy/texts.h"
#include "reply.h"
#include "words.h"

/* Values of getopt_long(). */
#define OPTION_HELP 'h'
#define OPTION_JSON 'j'
#define OPTION_WIDE 'w'
#define OPTION_SOCKET 's'
#define OPTION_FIELD 1000

#define NOTHING_CHANGED "nothing has changed: what was enforced is enforced"

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

    r = loaded_require(&loaded, path,
                       &(struct compiled_input){.now = calendar_now(), .last = COMPILED_DIAGRAM},
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
static void list_options(const struct field *fields, struct option options[FIELDS_MAX + 5])
{
    static const struct option common[] = {
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"json", no_argument, NULL, OPTION_JSON},
        {"wide", no_argument, NULL, OPTION_WIDE},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    size_t n = 0;

    for (size_t i = 0; fields[i].parameter; i++) {
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
static int read_arguments(struct remote *remote, int argc, char **argv,
                          const struct remote_method *method)
{
    int next = optind;

    for (const struct field *field = method->fields; field->parameter; field++) {
        int exit_code = EXIT_YES;

        if (!field->option && next < argc)
            exit_code = read_field(remote, field, argv[next++]);
        if (exit_code != EXIT_YES)
            return exit_code;
        if (field->required && !reply_has(remote->parameters, field->parameter))
            return command_needs(remote->command, field->option ? "--" : "",
                                 field->option ? field->option : field->title);
    }
    if (next < argc && !method->more)
        return command_usage(remote->command, "unexpected argument `%s`", argv[next]);
    remote->arguments = argv + next;
    remote->n_arguments = argc - next;
    return EXIT_YES;
}

/* Returns true to go on. */
static bool read_options(struct remote *remote, int argc, char **argv, const struct field *fields,
                         int *ret_exit_code)
{
    struct option options[FIELDS_MAX + 5] = {0};
    int option;

    list_options(fields, options);
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        *ret_exit_code = EXIT_YES;
        if (option == OPTION_SOCKET)
            remote->socket = optarg;
        else if (option == OPTION_JSON)
            remote->json = true;
        else if (option == OPTION_WIDE)
            remote->wide = true;
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
                  const struct remote_method *method, int *ret_exit_code)
{
    remote->command = command;
    remote->socket = CONTROL_SOCKET_DEFAULT;
    remote->parameters = json_object();
    if (!remote->parameters) {
        *ret_exit_code = command_no_memory();
        return false;
    }

    if (!read_options(remote, argc, argv, method->fields, ret_exit_code))
        return false;
    *ret_exit_code = read_arguments(remote, argc, argv, method);
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

/* { "ok": false, "error": { "code", "message", … } }, with what the daemon told beside it. */
static int fail_json(int exit_code, const char *code, const char *message, const json_t *reply)
{
    json_t *error = json_pack("{s:s, s:s}", "code", code, "message", message);

    if (reply && json_object_update_missing(error, (json_t *)reply) < 0) {
        json_decref(error);
        error = NULL;
    }
    return print_json(error ? json_pack("{s:b, s:o}", "ok", 0, "error", error) : NULL, exit_code);
}

int remote_fail_with(const struct remote *remote, int exit_code, const char *code,
                     const char *remedy, const json_t *reply, const char *format, ...)
{
    cleanup_(freep) char *message = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0) {
        message = NULL;
        return command_no_memory();
    }
    if (remote->json)
        return fail_json(exit_code, code, message, reply);

    words_print(stderr, "segctl %s: %s\n", remote->command->name, message);
    if (remedy)
        fprintf(stderr, "  %s\n", remedy);
    return exit_code;
}

/* The connection cannot be made, or broke. */
static int fail_connection(const struct remote *remote, int error)
{
    switch (error) {
    case -ENOMEM:
        return command_no_memory();
    case -ENOENT:
    case -ECONNREFUSED:
        return remote_fail(remote, EXIT_UNREACHABLE, "unreachable",
                           "is segd running? systemctl status segd",
                           "segd does not answer at %s: %s", remote->socket, strerror(-error));
    case -EACCES:
    case -EPERM:
        return remote_fail(remote, EXIT_NOT_PERMITTED, "not-permitted", NULL,
                           "you may not connect to %s", remote->socket);
    case -ECONNRESET:
        return remote_fail(remote, EXIT_UNREACHABLE, "unreachable",
                           "is segd running? systemctl status segd; what it did: segctl history",
                           "segd closed the connection before it answered");
    case -EPROTO:
        return remote_fail(remote, EXIT_UNREACHABLE, "unreachable", NULL,
                           "the program at %s does not speak the protocol of segd", remote->socket);
    default:
        return remote_fail(remote, EXIT_UNREACHABLE, "unreachable", NULL,
                           "cannot call segd at %s: %s", remote->socket, strerror(-error));
    }
}

/* Who has a role, for the one who needs it. */
static const char *role_groups(const char *role)
{
    if (strcmp(role, "viewer") == 0)
        return "members of the groups segd-view, segd-operate and segd-admin have it, and root";
    if (strcmp(role, "operator") == 0)
        return "members of the groups segd-operate and segd-admin have it, and root";
    return "members of the group segd-admin have it, and root";
}

static int tell_busy(const struct remote *remote, const json_t *reply)
{
    struct confirmation waits = {0};
    char when[WHEN_MAX], left[SPAN_TEXT_MAX];
    int r;

    if (record_decode_reply(&confirmation_type, json_object_get(reply, "confirmation"), &waits) < 0)
        return command_no_memory();
    r = remote_fail_with(
        remote, EXIT_FAILED, "busy",
        "`segctl confirm` keeps it; otherwise it goes back by itself, and then you can repeat this",
        reply, "generation %" PRIu64 " by %s waits to be confirmed until %s (%s)", waits.generation,
        waits.actor.name, reply_when(waits.deadline_wall, when), reply_span(waits.seconds, left));
    record_clear(&confirmation_type, &waits);
    return r;
}

static int tell_kernel(const struct remote *remote, const json_t *reply)
{
    const char *message = reply_text(reply, "message");

    if (!reply_has(reply, "file"))
        return remote_fail_with(remote, EXIT_FAILED, "kernel-refused", NOTHING_CHANGED, reply,
                                "the kernel refused: %s", message);
    return remote_fail_with(remote, EXIT_FAILED, "kernel-refused", NOTHING_CHANGED, reply,
                            "%s:%" JSON_INTEGER_FORMAT ": the kernel refused: %s",
                            reply_text(reply, "file"), reply_number(reply, "line"), message);
}

/* The same diagnostics as `check` prints, in the same form. */
static int tell_invalid(const struct remote *remote, const json_t *reply)
{
    json_t *diagnostics = json_object_get(reply, "diagnostics");
    struct change_reply invalid = {0};
    int r;

    if (remote->json)
        return print_json(json_pack("{s:b, s:{s:s, s:s}, s:O?}", "ok", 0, "error", "code",
                                    "invalid-policy", "message", "the policy has errors",
                                    "diagnostics", diagnostics),
                          EXIT_POLICY_INVALID);
    r = record_decode_reply(&invalid_policy_type, reply, &invalid);
    if (r == 0)
        r = reply_print_diagnostics(invalid.diagnostics, invalid.n_diagnostics);
    record_clear(&invalid_policy_type, &invalid);
    if (r < 0)
        return command_no_memory();
    fprintf(stderr, "segctl %s: " NOTHING_CHANGED "\n", remote->command->name);
    return EXIT_POLICY_INVALID;
}

/* Errors that every Varlink service may give. */
static int tell_service(const struct remote *remote, const char *error, const json_t *reply)
{
    const char *word = strrchr(error, '.');

    if (word && strcmp(word, ".InvalidParameter") == 0)
        return remote_fail(remote, EXIT_USAGE, "invalid-parameter", NULL,
                           "segd does not accept this value of `%s`",
                           reply_text(reply, "parameter"));
    if (word && strcmp(word, ".MethodNotFound") == 0)
        return remote_fail(remote, EXIT_FAILED, "unknown-method",
                           "segd and segctl are of different versions: restart segd",
                           "segd does not know `%s`", reply_text(reply, "method"));
    return remote_fail(remote, EXIT_FAILED, "failed", "journalctl -u segd may tell more",
                       "segd failed: %s", error);
}

int remote_refused(const struct remote *remote, const char *error, const json_t *reply)
{
    const char *word = error, *message;

    if (strncmp(error, VARLINK_INTERFACE ".", strlen(VARLINK_INTERFACE ".")) == 0)
        word += strlen(VARLINK_INTERFACE ".");

    message = reply_text(reply, "message");
    if (strcmp(word, "InvalidPolicy") == 0)
        return tell_invalid(remote, reply);
    if (strcmp(word, "NotPermitted") == 0)
        return remote_fail_with(
            remote, EXIT_NOT_PERMITTED, "not-permitted", role_groups(reply_text(reply, "needs")),
            reply, "not permitted: this needs the role `%s`", reply_text(reply, "needs"));
    if (strcmp(word, "Busy") == 0)
        return tell_busy(remote, reply);
    if (strcmp(word, "NotFound") == 0)
        return remote_fail_with(remote, EXIT_NO, "not-found", NULL, reply, "%s", message);
    if (strcmp(word, "Refused") == 0)
        return remote_fail_with(remote, EXIT_NO, "refused", NULL, reply, "%s", message);
    if (strcmp(word, "KernelRefused") == 0)
        return tell_kernel(remote, reply);
    if (strcmp(word, "StorageFailed") == 0)
        return remote_fail_with(remote, EXIT_FAILED, "storage-failed", NOTHING_CHANGED, reply, "%s",
                                message);
    if (strcmp(word, "TooCostly") == 0)
        return remote_fail_with(remote, EXIT_FAILED, "too-costly",
                                "ask for less, or write the policy in a shape that costs less",
                                reply, "the answer would cost more %s than one call may",
                                reply_text(reply, "what"));
    if (strcmp(word, "Failed") == 0)
        return remote_fail(remote, EXIT_FAILED, "failed", "journalctl -u segd may tell more",
                           "segd failed: %s", message);
    return tell_service(remote, error, reply);
}

/* What became of a call, as an exit code. */
static int judge(const struct remote *remote, int result, const char *error, const json_t *reply)
{
    if (result >= 0)
        return EXIT_YES;
    if (result == -EREMOTEIO && error)
        return remote_refused(remote, error, reply);
    return fail_connection(remote, result);
}

bool remote_try(const struct remote *remote, const char *method, json_t *parameters,
                json_t **ret_reply)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r = client_connect(remote->socket, &client);

    if (r == 0)
        r = client_call(client, method, TAKE_PTR(parameters), &reply, &error);
    json_decref(parameters);
    if (r < 0)
        return false;
    *ret_reply = TAKE_PTR(reply);
    return true;
}

/* Prints the reply if its text is as segd writes it. Returns 0, 1 if not, or -errno. */
static int print_text(struct client *client)
{
    const char *text;
    size_t size;
    int r = client_peek(client, &text, &size);

    if (r != 0)
        return r;
    if (size == 0 || *text != '{' || json_text_print(text, size, NULL) < 0)
        return 1;
    json_text_print(text, size, stdout);
    putchar('\n');
    return 0;
}

/* Calls the method. `*ret_reply` is NULL if `prints` and the reply has been printed. */
static int call(struct remote *remote, const char *method, bool prints, json_t **ret_reply)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r, exit_code;

    r = client_connect(remote->socket, &client);
    if (r == 0)
        r = client_send(client, method, TAKE_PTR(remote->parameters));
    if (r == 0)
        r = prints ? print_text(client) : 1;
    if (r > 0)
        r = client_take(client, &reply, &error);
    exit_code = judge(remote, r, error, reply);
    if (exit_code == EXIT_YES && r == 0)
        *ret_reply = TAKE_PTR(reply);
    return exit_code;
}

int remote_call(struct remote *remote, const char *method, json_t **ret_reply)
{
    return call(remote, method, false, ret_reply);
}

/* A reply as the structure that it is. Returns 0 or -ENOMEM. */
static int print_record(const struct remote *remote, const json_t *reply,
                        const struct remote_method *method, int *ret_exit_code)
{
    const struct screen screen = screen_get(remote->wide);
    void *record = calloc(1, method->reply->size);
    int r = record ? record_decode_reply(method->reply, reply, record) : -ENOMEM;

    if (r == 0 && method->judge)
        *ret_exit_code = method->judge(record);
    if (r == 0 && !remote->json)
        r = method->print(record, &screen);
    if (record)
        record_clear(method->reply, record);
    free(record);
    return r;
}

int remote_print(const struct remote *remote, json_t *reply, const struct remote_method *method)
{
    int exit_code = EXIT_YES, r = 0;

    if (method->reply)
        r = print_record(remote, reply, method, &exit_code);
    else if (!remote->json)
        puts(method->done);
    if (r < 0)
        return command_no_memory();
    return remote->json ? print_json(json_incref(reply), exit_code) : exit_code;
}

int remote_show(const struct command *command, int argc, char **argv,
                const struct remote_method *method)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    bool narrows;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, method, &exit_code))
        return exit_code;
    narrows = method->narrow && (!method->more || remote.n_arguments > 0);
    exit_code = call(&remote, method->name, remote.json && !narrows && !method->judge, &reply);
    if (exit_code == EXIT_YES && narrows)
        exit_code = method->narrow(&remote, reply);
    return exit_code == EXIT_YES && reply ? remote_print(&remote, reply, method) : exit_code;
}

int remote_follow(struct remote *remote, const char *method, client_handler handler, void *userdata)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r;

    r = client_connect(remote->socket, &client);
    if (r == 0)
        r = client_follow(client, method, TAKE_PTR(remote->parameters), handler, userdata, &reply,
                          &error);
    /* The reader of stdout has closed: main() finds that. */
    return r == -EPIPE ? EXIT_FAILED : judge(remote, r, error, reply);
}
