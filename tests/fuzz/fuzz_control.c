/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as what a client sends, through the framing, the check of parameters and a small table
 * of methods, whose answers must be whole messages; and as the text of an interface's description,
 * against which what came as a message is checked. Nothing may crash or leak.
 *
 *   meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false
 * (CC=clang) build-fuzz/tests/fuzz/fuzz_control -max_total_time=60 CORPUS tests/fuzz/corpus/control
 */

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "daemon/control/server_private.h"
#include "interface.h"

/* The call that is kept, if any: the next one answers it. */
struct kept {
    struct call *call;
};

static void on_gone(struct call *call, void *userdata)
{
    struct kept *kept = userdata;

    (void)call;
    kept->call = NULL;
}

/* methods.c: of the daemon, whose other parts are not needed here. */
extern const struct method control_methods[];
extern const size_t control_n_methods;

/* The parameters of a method, as the daemon has it. */
static const struct record_type *parameters_of(const char *name)
{
    for (size_t i = 0; i < control_n_methods; i++) {
        if (strcmp(control_methods[i].name, name) == 0)
            return control_methods[i].parameters;
    }
    return NULL;
}

/* What was decoded is encoded again. */
static int echo(struct call *call, const void *parameters, void *userdata)
{
    const struct record_type *type = parameters_of(call_method(call)->name);

    (void)userdata;
    return call_reply_json(call,
                           type ? record_encode(type, parameters, RECORD_WIRE) : json_object());
}

static int keep(struct call *call, const void *parameters, void *userdata)
{
    struct kept *kept = userdata;

    (void)parameters;
    if (kept->call)
        return call_error(call, "Refused", json_object());
    if (call_wants_more(call))
        call_continue(call, json_object());
    call_keep(call, on_gone, kept);
    kept->call = call;
    return 0;
}

/* All that was sent in answer must be messages. */
static void check_answers(int fd)
{
    struct varlink_input input = {.limit = (size_t)1 << 24};
    int r;

    do {
        json_t *message = NULL;

        while ((r = varlink_input_next(&input, &message)) == 1)
            json_decref(message);
        if (r < 0)
            abort();
        r = varlink_input_read(&input, fd);
    } while (r == 1);
    varlink_input_clear(&input);
}

/* The event loop turns until there is nothing to do. */
static void serve(const uint8_t *bytes, size_t size)
{
    /* A name that the kernel picks: nobody connects there. */
    const struct sockaddr any = {.sa_family = AF_UNIX};
    const struct actor actor = {.uid = 1000, .name = "fuzz"};
    struct kept kept = {NULL};
    struct server *server = NULL;
    struct server_options options = {
        .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .userdata = &kept,
    };
    struct method methods[] = {
        {"GetStatus", ROLE_NONE, echo, NULL, NULL}, {"Isolate", ROLE_NONE, echo, NULL, NULL},
        {"Grant", ROLE_NONE, echo, NULL, NULL},     {"Apply", ROLE_NONE, echo, NULL, NULL},
        {"GetFlows", ROLE_NONE, keep, NULL, NULL},  {"Confirm", ROLE_ADMIN, echo, NULL, NULL},
    };
    int ends[2];

    options.methods = methods;
    options.n_methods = ELEMENTS_OF(methods);
    for (size_t i = 0; i < ELEMENTS_OF(methods); i++)
        methods[i].parameters = parameters_of(methods[i].name);
    if (sd_event_new(&options.event) < 0 || bind(options.fd, &any, sizeof(any.sa_family)) < 0 ||
        listen(options.fd, 1) < 0 || server_new(&options, &server) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
        connection_new(server, ends[0], &actor, ROLE_OPERATOR) < 0)
        abort();
    if (size > 0 && send(ends[1], bytes, size, MSG_DONTWAIT) != (ssize_t)size)
        abort();
    while (sd_event_run(options.event, 0) > 0)
        ;
    if (kept.call)
        call_reply_json(kept.call, json_object());
    while (sd_event_run(options.event, 0) > 0)
        ;
    check_answers(ends[1]);
    close(ends[1]);
    while (sd_event_run(options.event, 0) > 0)
        ;
    if (server->n_connections > 0)
        abort();
    server_free(server);
    sd_event_unref(options.event);
}

/* The text up to a NUL is a description, what is behind it parameters for each of its methods. */
static void describe(const uint8_t *bytes, size_t size)
{
    cleanup_(interface_freep) struct interface *interface = NULL;
    cleanup_(freep) char *text = malloc(size + 1);
    cleanup_(json_decrefp) json_t *json = NULL;
    unsigned line = 0;
    size_t length;

    if (!text)
        abort();
    memcpy(text, bytes, size);
    text[size] = '\0';
    length = strlen(text);
    if (interface_parse(text, &interface, &line) < 0) {
        if (line == 0)
            abort();
        return;
    }
    json = length < size ? json_loadb(text + length + 1, size - length - 1, 0, NULL) : NULL;
    for (size_t i = 0; i < interface_count_methods(interface); i++) {
        const struct interface_method *method = interface_method_at(interface, i);
        cleanup_(freep) char *field = NULL;

        if (!interface_find_method(interface, interface_method_name(method)))
            abort();
        if ((interface_check(interface, method, true, json, &field) == 0) != !field)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    serve(bytes, size);
    describe(bytes, size);
    return 0;
}
