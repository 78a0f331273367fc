/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls of the daemon, and what becomes of their errors: a message that says what to do next, an
 * exit code, and with `--json` an object with both.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

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

static int tell(const struct remote *remote, int exit_code, const char *code, const char *message,
                const char *remedy, const json_t *reply)
{
    if (remote->json)
        return fail_json(exit_code, code, message, reply);

    words_print(stderr, "segctl %s: %s\n", remote->command->name, message);
    if (remedy)
        fprintf(stderr, "  %s\n", remedy);
    return exit_code;
}

int remote_fail(const struct remote *remote, int exit_code, const char *code, const char *remedy,
                const char *format, ...)
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
    return tell(remote, exit_code, code, message, remedy, NULL);
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
                           "what answers at %s does not speak as segd does", remote->socket);
    default:
        return remote_fail(remote, EXIT_UNREACHABLE, "unreachable", NULL,
                           "segd cannot be asked at %s: %s", remote->socket, strerror(-error));
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

static int tell_not_permitted(const struct remote *remote, const json_t *reply)
{
    cleanup_(freep) char *message = NULL;
    const char *needs = reply_text(reply, "needs");

    if (asprintf(&message, "not permitted: this needs the role `%s`", needs) < 0) {
        message = NULL;
        return command_no_memory();
    }
    return tell(remote, EXIT_NOT_PERMITTED, "not-permitted", message, role_groups(needs), reply);
}

static int tell_busy(const struct remote *remote, const json_t *reply)
{
    struct confirmation waits = {0};
    cleanup_(freep) char *message = NULL;
    char when[WHEN_MAX], left[SPAN_TEXT_MAX];

    if (record_decode_reply(&confirmation_type, json_object_get(reply, "confirmation"), &waits) <
            0 ||
        asprintf(&message, "generation %" PRIu64 " by %s waits to be confirmed until %s (%s)",
                 waits.generation, waits.actor.name, reply_when(waits.deadline_wall, when),
                 reply_span(waits.seconds, left)) < 0) {
        message = NULL;
        return command_no_memory();
    }
    return tell(remote, EXIT_FAILED, "busy", message,
                "`segctl confirm` keeps it; else it goes back by itself, and you may go on", reply);
}

static int tell_kernel(const struct remote *remote, const json_t *reply)
{
    cleanup_(freep) char *message = NULL;
    int r;

    if (reply_has(reply, "file"))
        r = asprintf(&message, "%s:%" JSON_INTEGER_FORMAT ": the kernel refused: %s",
                     reply_text(reply, "file"), reply_number(reply, "line"),
                     reply_text(reply, "message"));
    else
        r = asprintf(&message, "the kernel refused: %s", reply_text(reply, "message"));
    if (r < 0) {
        message = NULL;
        return command_no_memory();
    }
    return tell(remote, EXIT_FAILED, "kernel-refused", message,
                "nothing has changed: what was enforced is enforced", reply);
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
    fprintf(stderr, "segctl %s: nothing has changed: what was enforced is enforced\n",
            remote->command->name);
    return EXIT_POLICY_INVALID;
}

/* Errors that every Varlink service may give. */
static int tell_service(const struct remote *remote, const char *error, const json_t *reply)
{
    const char *word = strrchr(error, '.');

    if (word && strcmp(word, ".InvalidParameter") == 0)
        return remote_fail(remote, EXIT_USAGE, "invalid-parameter", NULL,
                           "segd does not take this as `%s`", reply_text(reply, "parameter"));
    if (word && strcmp(word, ".MethodNotFound") == 0)
        return remote_fail(remote, EXIT_FAILED, "unknown-method",
                           "segd and segctl are of different versions: restart segd",
                           "segd does not know `%s`", reply_text(reply, "method"));
    return remote_fail(remote, EXIT_FAILED, "failed", "journalctl -u segd may tell more",
                       "segd failed: %s", error);
}

int remote_refused(const struct remote *remote, const char *error, const json_t *reply)
{
    const char *word = error;

    if (strncmp(error, VARLINK_INTERFACE ".", strlen(VARLINK_INTERFACE ".")) == 0)
        word += strlen(VARLINK_INTERFACE ".");

    if (strcmp(word, "InvalidPolicy") == 0)
        return tell_invalid(remote, reply);
    if (strcmp(word, "NotPermitted") == 0)
        return tell_not_permitted(remote, reply);
    if (strcmp(word, "Busy") == 0)
        return tell_busy(remote, reply);
    if (strcmp(word, "NotFound") == 0)
        return tell(remote, EXIT_NO, "not-found", reply_text(reply, "message"), NULL, reply);
    if (strcmp(word, "Refused") == 0)
        return tell(remote, EXIT_NO, "refused", reply_text(reply, "message"), NULL, reply);
    if (strcmp(word, "KernelRefused") == 0)
        return tell_kernel(remote, reply);
    if (strcmp(word, "StorageFailed") == 0)
        return tell(remote, EXIT_FAILED, "storage-failed", reply_text(reply, "message"),
                    "nothing has changed: what was enforced is enforced", reply);
    if (strcmp(word, "Failed") == 0)
        return remote_fail(remote, EXIT_FAILED, "failed", "journalctl -u segd may tell more",
                           "segd failed: %s", reply_text(reply, "message"));
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

int remote_call(struct remote *remote, const char *method, json_t **ret_reply)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r, exit_code;

    r = client_connect(remote->socket, &client);
    if (r == 0)
        r = client_call(client, method, TAKE_PTR(remote->parameters), &reply, &error);
    exit_code = judge(remote, r, error, reply);
    if (exit_code == EXIT_YES && r == 0)
        *ret_reply = TAKE_PTR(reply);
    return exit_code;
}

/* A reply as the structure that it is. Returns 0 or -ENOMEM. */
static int print_record(const struct remote *remote, const json_t *reply,
                        const struct remote_method *method, int *ret_exit_code)
{
    void *record = calloc(1, method->reply->size);
    int r = record ? record_decode_reply(method->reply, reply, record) : -ENOMEM;

    if (r == 0 && method->judge)
        *ret_exit_code = method->judge(record);
    if (r == 0 && !remote->json)
        r = method->print(record, wants_colour(stdout));
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
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, method->fields, method->n_fields, 0,
                      &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, method->name, &reply);
    return exit_code == EXIT_YES ? remote_print(&remote, reply, method) : exit_code;
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
    /* Who reads has gone: main() finds that the answer did not arrive. */
    return r == -EPIPE ? EXIT_FAILED : judge(remote, r, error, reply);
}
