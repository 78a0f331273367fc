/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <jansson.h>
#include <string.h>

#include "control/client.h"
#include "tests/lab/gateway.h"

/* Short ways to ask a segd under test over its control socket. Everything asserts. */

/* Calls a method over a connection of its own; `parameters` is stolen. The caller owns the reply.
 */
static inline json_t *ask(const struct gateway *gateway, const char *method, json_t *parameters)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(freep) char *error = NULL;
    cleanup_(freep) char *text = NULL;
    json_t *reply = NULL;
    int r = client_connect(gateway_socket_path(gateway), &client);

    ck_assert_msg(r == 0, "connect: %s", strerror(-r));
    r = client_call(client, method, parameters, &reply, &error);
    text = reply ? json_dumps(reply, 0) : NULL;
    ck_assert_msg(r == 0, "%s: %s %s %s", method, strerror(-r), error ? error : "",
                  text ? text : "");
    return reply;
}

/* The object of an array whose field has a text; NULL where none has. Borrowed. */
static inline const json_t *find_text(const json_t *array, const char *field, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        const char *value = json_string_value(json_object_get(object, field));

        if (value && strcmp(value, text) == 0)
            return object;
    }
    return NULL;
}

/* Compares with what json_pack() makes, which is stolen. */
static inline void assert_json(const json_t *json, json_t *expected)
{
    cleanup_(freep) char *is = json_dumps(json, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    cleanup_(freep) char *should = json_dumps(expected, JSON_SORT_KEYS | JSON_ENCODE_ANY);

    ck_assert_ptr_nonnull(is);
    ck_assert_ptr_nonnull(should);
    ck_assert_str_eq(is, should);
    json_decref(expected);
}
