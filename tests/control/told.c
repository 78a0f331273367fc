/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What tests ask the daemon, as any client would, over the socket. A daemon that does not answer as
 * its description says fails the test that asked.
 */

#include "told.h"

#include <errno.h>

void told_refused(const struct gateway *gateway, const char *method, json_t *parameters,
                  const char *error)
{
    cleanup_(freep) char *name = NULL;
    cleanup_(client_closep) struct client *client = NULL;
    json_t *reply = NULL;

    ck_assert_int_eq(client_connect(gateway_socket_path(gateway), &client), 0);
    ck_assert_int_eq(client_call(client, method, parameters, &reply, &name), -EREMOTEIO);
    ck_assert_ptr_nonnull(strrchr(name, '.'));
    ck_assert_str_eq(strrchr(name, '.') + 1, error);
    json_decref(reply);
}

json_int_t told_generation(const struct gateway *gateway)
{
    json_t *status = ask(gateway, "GetStatus", NULL);
    json_int_t generation = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return generation;
}

json_int_t told_repairs(const struct gateway *gateway)
{
    json_t *status = ask(gateway, "GetStatus", NULL);
    json_t *drift = json_object_get(status, "drift");
    json_int_t repairs = json_integer_value(json_object_get(drift, "repairs"));

    json_decref(status);
    return repairs;
}

bool told_owned(const struct gateway *gateway)
{
    json_t *status = ask(gateway, "GetStatus", NULL);
    bool owned = json_is_true(json_object_get(status, "owned"));

    json_decref(status);
    return owned;
}

void told_finding(const struct gateway *gateway, const char *code, bool present)
{
    json_t *status = ask(gateway, "GetStatus", NULL);
    const json_t *findings = json_object_get(status, "findings");
    cleanup_(freep) char *text = json_dumps(findings, 0);

    ck_assert_msg((find_text(findings, "code", code) != NULL) == present, "%s: %s", code, text);
    json_decref(status);
}

void told_verified(const struct gateway *gateway)
{
    json_t *reply = ask(gateway, "Verify", NULL);
    cleanup_(freep) char *text = json_dumps(reply, 0);

    ck_assert_msg(json_is_true(json_object_get(reply, "ok")), "%s", text);
    json_decref(reply);
}
