/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One call: finds the method, checks role and parameters, and runs the handler. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/control/server_private.h"

#define ERROR_NOT_FOUND VARLINK_SERVICE ".MethodNotFound"
#define ERROR_NO_INTERFACE VARLINK_SERVICE ".InterfaceNotFound"
#define ERROR_PARAMETER VARLINK_SERVICE ".InvalidParameter"
#define ERROR_NOT_IMPLEMENTED VARLINK_SERVICE ".MethodNotImplemented"

static const struct record_type no_fields_type = {.size = 1};

struct call *call_free(struct call *call)
{
    if (!call)
        return NULL;

    varlink_input_clear(&call->message);
    json_decref(call->parameters);
    free(call->name);
    free(call);
    return NULL;
}

bool call_has_input(const struct call *call)
{
    return call->parameters || call->message.bytes;
}

const struct actor *call_actor(const struct call *call)
{
    return &call->connection->actor;
}

uint64_t call_newest_connection(const struct call *call)
{
    return call->connection->server->n_accepted;
}

const struct method *call_method(const struct call *call)
{
    return call->method;
}

bool call_may_run_again(const struct call *call)
{
    return call->connection->server->is_worker;
}

bool call_wants_more(const struct call *call)
{
    return call->more;
}

void call_keep(struct call *call, call_gone on_gone, void *userdata)
{
    call->kept = true;
    call->on_gone = on_gone;
    call->userdata = userdata;
}

/* Sends a reply; `text` is NULL without memory. */
static int send_text(struct call *call, const char *text, size_t size)
{
    if (!text || !call->connection)
        return -ENOMEM;
    return call->oneway ? 0 : connection_send(call->connection, text, size);
}

/* The same; `message` is stolen, and NULL without memory. */
static int send_reply(struct call *call, json_t *message)
{
    size_t size = 0;
    cleanup_(freep) char *text = message ? varlink_encode(message, &size) : NULL;

    json_decref(message);
    return send_text(call, text, size);
}

/* Serves a connection again after its kept call was answered. If the answer could not be sent, the
 * connection is closed, since its client would wait for ever. */
static void end_kept(struct connection *connection, bool answered)
{
    connection->call = NULL;
    if (!answered || sd_event_source_set_io_events(connection->source, EPOLLOUT) < 0)
        shutdown(connection->fd, SHUT_RDWR);
}

/* After the last reply to a call; `r` is whether it was sent. Returns `r`. */
static int end_call(struct call *call, int r)
{
    struct connection *connection = call->connection;

    call->answered = r >= 0;
    if (call->kept && connection) {
        call_free(call);
        end_kept(connection, r >= 0);
    }
    return r;
}

void call_sent(struct call *call, bool whole)
{
    struct connection *connection = call->connection;

    call_free(call);
    end_kept(connection, whole);
}

int call_reply_json(struct call *call, json_t *parameters)
{
    return end_call(
        call, send_reply(call, parameters ? json_pack("{s:o}", "parameters", parameters) : NULL));
}

/* `end` closes the message after its parameters. */
static int send_record(struct call *call, const void *reply, const char *end)
{
    const struct record_type *type = call->method->reply;
    cleanup_(record_text_clear) struct record_text text = {0};
    static const char begin[] = "{\"parameters\":";
    int r = record_text_append(&text, begin, strlen(begin));

    if (r == 0)
        r = record_write(type ? type : &no_fields_type, reply, RECORD_WIRE, &text);
    if (r == 0)
        r = record_text_append(&text, end, strlen(end) + 1);
    return r < 0 ? r : send_text(call, text.bytes, text.size);
}

int call_reply(struct call *call, const void *reply)
{
    return end_call(call, send_record(call, reply, "}"));
}

int call_continue_reply(struct call *call, const void *reply)
{
    int r = send_record(call, reply, ",\"continues\":true}");

    return r < 0 ? r : worker_send(call);
}

static int fail(struct call *call, const char *error, json_t *parameters)
{
    return end_call(call, send_reply(call, parameters ? json_pack("{s:s, s:o}", "error", error,
                                                                  "parameters", parameters)
                                                      : NULL));
}

int call_error(struct call *call, const char *error, json_t *parameters)
{
    char name[128];

    snprintf(name, sizeof(name), VARLINK_INTERFACE ".%s", error);
    return fail(call, name, parameters);
}

void call_tell_refused(const struct call *call, const char *why, const char *outcome)
{
    if (call->connection)
        server_tell_refused(call->connection, call->name, why, outcome);
}

int call_continue(struct call *call, json_t *parameters)
{
    if (call->connection && call->connection->output.size > SERVER_OUTPUT_MAX) {
        json_decref(parameters);
        return -ENOBUFS;
    }
    return send_reply(call, parameters
                                ? json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1)
                                : NULL);
}

static int get_info(struct call *call)
{
    return call_reply_json(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "segd",
                                           "product", "segd", "version", SEGD_VERSION, "url", "",
                                           "interfaces", VARLINK_INTERFACE, VARLINK_SERVICE));
}

static int get_description(struct call *call, const json_t *parameters)
{
    const char *name = json_string_value(json_object_get(parameters, "interface"));
    const char *text = NULL;

    if (!name)
        return fail(call, ERROR_PARAMETER, json_pack("{s:s}", "parameter", "interface"));
    if (strcmp(name, VARLINK_INTERFACE) == 0)
        text = varlink_control_description;
    else if (strcmp(name, VARLINK_SERVICE) == 0)
        text = varlink_service_description;
    if (!text)
        return fail(call, ERROR_NO_INTERFACE, json_pack("{s:s}", "interface", name));
    return call_reply_json(call, json_pack("{s:s}", "description", text));
}

/* The methods of every Varlink service, which need no role. */
static int run_service(struct call *call, const char *method, const json_t *parameters)
{
    if (strcmp(method, "GetInfo") == 0)
        return get_info(call);
    if (strcmp(method, "GetInterfaceDescription") == 0)
        return get_description(call, parameters);
    return fail(call, ERROR_NOT_FOUND, json_pack("{s:s}", "method", method));
}

static const struct method *find_method(const struct server *server, const char *name)
{
    for (size_t i = 0; i < server->options.n_methods; i++) {
        if (strcmp(server->options.methods[i].name, name) == 0)
            return &server->options.methods[i];
    }
    return NULL;
}

/* Decodes the parameters and runs the handler; a wrong parameter is named by its path. */
int call_run_handler(struct call *call, const json_t *json)
{
    const struct method *method = call->method;
    const struct record_type *type = method->parameters ? method->parameters : &no_fields_type;
    cleanup_(json_decrefp) json_t *none = json_object();
    struct record_problem problem;
    void *parameters = none ? calloc(1, type->size) : NULL;
    int r = parameters ? record_decode(type, json && !json_is_null(json) ? json : none, RECORD_WIRE,
                                       parameters, &problem)
                       : -ENOMEM;

    if (r == 0) {
        r = method->handler(call, parameters, call->connection->server->options.userdata);
        record_clear(type, parameters);
    } else if (r == -EBADMSG)
        r = fail(call, ERROR_PARAMETER,
                 json_pack("{s:o}", "parameter", record_encode_text(problem.path)));
    free(parameters);
    return r;
}

static int run_method(struct call *call, const char *name, const json_t *parameters)
{
    const struct server *server = call->connection->server;
    const struct method *method = find_method(server, name);

    if (!method)
        return fail(call, ERROR_NOT_FOUND, json_pack("{s:s}", "method", name));
    if (call->connection->role < method->role) {
        server_tell_refused(call->connection, call->name,
                            "the user does not have the role that this method needs", "refused");
        return call_error(call, "NotPermitted",
                          json_pack("{s:s}", "needs", role_to_string(method->role)));
    }

    call->method = method;
    return method->place == IN_DAEMON ? call_run_handler(call, parameters)
                                      : worker_call(call, parameters);
}

/* Runs `INTERFACE.METHOD`. */
static int run_named(struct call *call, const json_t *parameters)
{
    const char *dot = strrchr(call->name, '.');
    size_t length = dot ? (size_t)(dot - call->name) : 0;

    if (length == strlen(VARLINK_INTERFACE) && strncmp(call->name, VARLINK_INTERFACE, length) == 0)
        return run_method(call, dot + 1, parameters);
    if (length == strlen(VARLINK_SERVICE) && strncmp(call->name, VARLINK_SERVICE, length) == 0)
        return run_service(call, dot + 1, parameters);
    return fail(call, ERROR_NO_INTERFACE, json_pack("{s:s%}", "interface", call->name, length));
}

static int call_new(struct connection *connection, const char *name, size_t length,
                    struct call **ret_call)
{
    cleanup_(call_freep) struct call *call = calloc(1, sizeof(*call));

    if (!call)
        return -ENOMEM;
    call->connection = connection;
    call->name = strndup(name, length);
    if (!call->name)
        return -ENOMEM;
    *ret_call = TAKE_PTR(call);
    return 0;
}

bool call_read(struct call *call, const json_t *message, const json_t **ret_parameters)
{
    const json_t *parameters = json_object_get(message, "parameters");

    call->more = json_is_true(json_object_get(message, "more"));
    call->oneway = json_is_true(json_object_get(message, "oneway"));
    *ret_parameters = parameters;
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        fail(call, ERROR_PARAMETER, json_pack("{s:s}", "parameter", "parameters"));
    else if (json_is_true(json_object_get(message, "upgrade")))
        fail(call, ERROR_NOT_IMPLEMENTED, json_pack("{s:s}", "method", call->name));
    else
        return true;
    return false;
}

int call_finish(struct call *call, int result)
{
    if (call->answered)
        return result;
    return call_error(call, "Failed",
                      json_pack("{s:s}", "message", strerror(result < 0 ? -result : EPROTO)));
}

/* After the handler, which returned `result`. */
static int settle_call(struct connection *connection, struct call *call, int result)
{
    /* A call that was kept and has been answered is freed already. */
    if (connection->call != call)
        return 0;
    if (call->kept && result == 0)
        return 0;
    connection->call = NULL;
    call->kept = false;
    result = call_finish(call, result);
    call_free(call);
    return result;
}

int call_run(struct connection *connection, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "method"));
    const json_t *parameters;
    struct call *call = NULL;
    int r = name ? call_new(connection, name, strlen(name), &call) : -EBADMSG;

    if (r < 0)
        return r;
    connection->call = call;
    if (call_read(call, message, &parameters))
        r = run_named(call, parameters);
    return settle_call(connection, call, r);
}

/* The method in a message that begins as clients write it; NULL: in any other. */
static const char *peek_method(const char *text, size_t *ret_length)
{
    static const char *const tokens[] = {"{", "\"method\"", ":", "\""};
    const char *at = text;

    for (size_t i = 0; i < ELEMENTS_OF(tokens); i++) {
        at += strspn(at, " ");
        if (strncmp(at, tokens[i], strlen(tokens[i])) != 0)
            return NULL;
        at += strlen(tokens[i]);
    }
    *ret_length = strcspn(at, "\"\\");
    /* A name with an escape in it is another one. */
    return at[*ret_length] == '"' ? at : NULL;
}

bool call_is_for_worker(const struct server *server, const char *text)
{
    static const char interface[] = VARLINK_INTERFACE ".";
    size_t length;
    const char *name = peek_method(text, &length);

    if (!name || strncmp(name, interface, strlen(interface)) != 0)
        return false;
    for (size_t i = 0; i < server->options.n_methods; i++) {
        const struct method *method = &server->options.methods[i];

        if (method->place != IN_DAEMON && strlen(method->name) + strlen(interface) == length &&
            strncmp(name + strlen(interface), method->name, strlen(method->name)) == 0)
            return true;
    }
    return false;
}

int call_run_unread(struct connection *connection, struct varlink_input *message)
{
    struct call *call = NULL;
    size_t length = 0;
    const char *name = peek_method(message->bytes, &length);
    int r = name ? call_new(connection, name, length, &call) : -EBADMSG;

    if (r < 0) {
        varlink_input_clear(message);
        return r;
    }
    call->message = *message;
    connection->call = call;
    return settle_call(connection, call, run_named(call, NULL));
}
