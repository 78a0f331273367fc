/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls with their assertions. The names of errors are compared without their interface, since
 * tests/control/test_methods.c checks it for all of them.
 */

#include "calls.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_MAX 65536

json_t *calls_parameters(const char *text)
{
    cleanup_(freep) char *quoted = strdup(text);
    json_t *parameters;

    ck_assert_ptr_nonnull(quoted);
    for (char *quote = quoted; (quote = strchr(quote, '\''));)
        *quote = '"';
    parameters = json_loads(quoted, 0, NULL);
    ck_assert_msg(parameters, "%s", text);
    return parameters;
}

json_t *calls_policy(const char *policy, int confirm)
{
    json_t *parameters = json_pack("{s:[{s:s, s:s}], s:s}", "texts", "name", "policy.yaml", "text",
                                   policy, "reason", "test");

    ck_assert_ptr_nonnull(parameters);
    if (confirm > 0)
        ck_assert_int_eq(json_object_set_new(parameters, "confirm", json_integer(confirm)), 0);
    return parameters;
}

int calls_try(const struct segd *segd, const char *method, json_t *parameters, json_t **ret_reply,
              char **ret_error)
{
    cleanup_(client_closep) struct client *client = NULL;
    int r = client_connect(segd_socket_path(segd), &client);

    if (r < 0) {
        json_decref(parameters);
        return r;
    }
    return client_call(client, method, parameters, ret_reply, ret_error);
}

json_t *calls_get(const struct segd *segd, const char *method, json_t *parameters)
{
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *text = NULL;
    json_t *reply = NULL;
    int r = calls_try(segd, method, parameters, &reply, &error);

    if (r != 0)
        text = reply ? json_dumps(reply, 0) : NULL;
    ck_assert_msg(r == 0, "%s: %s %s %s", method, strerror(-r), error ? error : "",
                  text ? text : "");
    return reply;
}

void calls_do(const struct segd *segd, const char *method, json_t *parameters)
{
    json_decref(calls_get(segd, method, parameters));
}

void calls_refused(const struct segd *segd, const char *method, json_t *parameters,
                   const char *error)
{
    cleanup_(freep) char *name = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    int r = calls_try(segd, method, parameters, &reply, &name);

    ck_assert_msg(r == -EREMOTEIO, "%s: %s", method, strerror(-r));
    ck_assert_ptr_nonnull(strrchr(name, '.'));
    ck_assert_str_eq(strrchr(name, '.') + 1, error);
    /* In place of a message Busy has the change that waits. */
    if (strcmp(error, "Busy") == 0)
        ck_assert(json_is_object(json_object_get(reply, "confirmation")));
    else
        ck_assert_uint_gt(json_string_length(json_object_get(reply, "message")), 0);
}

json_int_t calls_generation(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return json_integer_value(json_object_get(status, "generation"));
}

json_int_t calls_repairs(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return json_integer_value(json_object_get(json_object_get(status, "drift"), "repairs"));
}

bool calls_owned(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return json_is_true(json_object_get(status, "owned"));
}

char *calls_last_override(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);
    const json_t *list = json_object_get(status, "overrides");
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    const char *name = json_string_value(json_object_get(last, "name"));

    ck_assert_ptr_nonnull(name);
    return strdup(name);
}

void calls_finding(const struct segd *segd, const char *code, bool present)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);
    const json_t *findings = json_object_get(status, "findings");
    cleanup_(freep) char *text = json_dumps(findings, 0);

    ck_assert_msg((find_text(findings, "code", code) != NULL) == present, "%s: %s", code, text);
}

const char *calls_evidence(const struct segd *segd, const json_t *isolated)
{
    const char *folder = json_string_value(json_object_get(isolated, "evidence"));

    ck_assert_ptr_nonnull(folder);
    ck_assert_ptr_nonnull(strstr(folder, segd_state_path(segd)));
    return folder;
}

void calls_wait_evidence(const struct segd *segd, const char *folder)
{
    char path[512];

    /* Each call gives the others a turn. */
    snprintf(path, sizeof(path), "%s/SHA256SUMS", folder);
    while (access(path, F_OK) < 0)
        calls_generation(segd);
}

static void assert_ok(const struct segd *segd, const char *method)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, method, NULL);
    cleanup_(freep) char *text = json_dumps(reply, JSON_INDENT(1));

    ck_assert_msg(json_is_true(json_object_get(reply, "ok")), "%s: %s", method, text);
}

void calls_verify_kernel(const struct segd *segd)
{
    assert_ok(segd, "Verify");
}

void calls_verify(const struct segd *segd)
{
    calls_verify_kernel(segd);
    assert_ok(segd, "VerifyAudit");
}

int calls_send(const struct segd *segd, const char *method, bool more, json_t *parameters)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_(json_decrefp) json_t *message =
        json_pack("{s:s+, s:b, s:o}", "method", "io.segd.Control.", method, "more", more,
                  "parameters", parameters);
    cleanup_(freep) char *text = json_dumps(message, JSON_COMPACT);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(text);
    strncpy(address.sun_path, segd_socket_path(segd), sizeof(address.sun_path) - 1);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
    return fd;
}

/* A reply ends with a NUL; until then it stays in the socket. */
char *calls_receive(int connection, bool wait)
{
    cleanup_(freep) char *bytes = calloc(1, ANSWER_MAX);

    ck_assert_ptr_nonnull(bytes);
    for (;;) {
        ssize_t n = recv(connection, bytes, ANSWER_MAX, MSG_PEEK | (wait ? 0 : MSG_DONTWAIT));
        const char *end = n > 0 ? memchr(bytes, '\0', (size_t)n) : NULL;

        ck_assert_msg(n != 0, "the daemon closed the connection");
        ck_assert(n > 0 || errno == EAGAIN);
        if (end) {
            ck_assert_int_eq(recv(connection, bytes, (size_t)(end - bytes) + 1, 0),
                             end - bytes + 1);
            return TAKE_PTR(bytes);
        }
        ck_assert_int_lt(n, ANSWER_MAX);
        if (!wait)
            return NULL;
    }
}

const json_t *find_text(const json_t *array, const char *field, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        const char *value = json_string_value(json_object_get(object, field));

        if (value && strcmp(value, text) == 0)
            return object;
    }
    return NULL;
}

void assert_json(const json_t *json, json_t *expected)
{
    cleanup_(freep) char *is = json_dumps(json, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    cleanup_(freep) char *should = json_dumps(expected, JSON_SORT_KEYS | JSON_ENCODE_ANY);

    ck_assert_ptr_nonnull(is);
    ck_assert_ptr_nonnull(should);
    ck_assert_str_eq(is, should);
    json_decref(expected);
}

void assert_nothing_staged(const char *state)
{
    char path[300];
    const struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/generations", state);
    folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder)))
        ck_assert_msg(!strstr(entry->d_name, "staged"), "%s", entry->d_name);
    closedir(folder);
}
