/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A client of the control socket, for programs that have nothing to do until the answer is there.
 * What comes back is framed and bounded as the daemon's own input is; beyond that the daemon is
 * trusted, so a reply is not checked against the interface's description, and the reader treats a
 * missing field as empty.
 */

#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"

/* Bytes of one reply: a policy of the greatest size in JSON, where each byte may take six. */
#define REPLY_MAX ((size_t)512 * 1024 * 1024)
/* JSON values of one reply, each of which takes memory: ten times those of the flows of a policy of
 * 50,000. A compromised daemon cannot fill the memory of the machine with its answer. */
#define REPLY_VALUES_MAX ((size_t)16 * 1024 * 1024)

struct client {
    int fd;
    usec_t deadline; /* of CLOCK_MONOTONIC; USEC_NEVER: none */
    struct varlink_input input;
};

struct client *client_close(struct client *client)
{
    if (!client)
        return NULL;

    varlink_input_clear(&client->input);
    closep(&client->fd);
    free(client);
    return NULL;
}

/* Connecting waits while the daemon has no room for one more, as if it sent something. */
static int limit_sending(int fd, usec_t limit)
{
    const struct timeval time = {limit / USEC_PER_SEC, limit % USEC_PER_SEC};

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0 ? -errno : 0;
}

int client_connect(const char *path, struct client **ret_client)
{
    return client_connect_within(path, USEC_NEVER, ret_client);
}

int client_connect_within(const char *path, usec_t limit, struct client **ret_client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_(client_closep) struct client *client = NULL;
    int r = 0;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);

    client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->input.limit = REPLY_MAX;
    client->input.values = REPLY_VALUES_MAX;
    client->deadline = limit == USEC_NEVER ? USEC_NEVER : calendar_clock(CLOCK_MONOTONIC) + limit;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return -errno;
    if (limit != USEC_NEVER)
        r = limit_sending(client->fd, limit);
    if (r < 0)
        return r;
    if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;

    *ret_client = TAKE_PTR(client);
    return 0;
}

/* Sends it all. A daemon that closes early may have sent a reply before, which receive() reads. */
static int send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return -ETIMEDOUT;
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* `parameters` is stolen. */
static int send_call(struct client *client, const char *method, json_t *parameters, bool more)
{
    cleanup_(freep) char *text = NULL;
    json_t *message = NULL;
    size_t size;

    if (!parameters)
        parameters = json_object();
    if (parameters)
        message = json_pack("{s:o, s:o}", "method", json_sprintf(VARLINK_INTERFACE ".%s", method),
                            "parameters", parameters);
    if (message && more && json_object_set_new(message, "more", json_true()) < 0) {
        json_decref(message);
        message = NULL;
    }
    if (message)
        text = varlink_encode(message, &size);
    json_decref(message);
    return text ? send_all(client->fd, text, size) : -ENOMEM;
}

/* Waits until the socket has input or is closed. */
static int wait_for_input(const struct client *client)
{
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    int n;

    do {
        usec_t left =
            client->deadline == USEC_NEVER ? 0 : client->deadline - calendar_clock(CLOCK_MONOTONIC);

        if (left < 0)
            return -ETIMEDOUT;
        /* A millisecond more, so that the deadline has passed when nothing came. */
        n = poll(&poll_fd, 1, client->deadline == USEC_NEVER ? -1 : (int)(left / 1000 + 1));
    } while (n == 0 || (n < 0 && errno == EINTR));
    return n < 0 ? -errno : 0;
}

/* Waits for the next whole message, and leaves it in the input. */
static int await_message(struct client *client, const char **ret_text, size_t *ret_size)
{
    while (!(*ret_text = varlink_input_peek(&client->input, ret_size))) {
        int r = wait_for_input(client);

        if (r == 0)
            r = varlink_input_read(&client->input, client->fd);
        if (r == 0)
            return -ECONNRESET;
        if (r < 0 && r != -EAGAIN)
            return r == -EMSGSIZE ? -EPROTO : r;
    }
    return 0;
}

/* Waits for the next whole message. */
static int receive(struct client *client, json_t **ret_message)
{
    const char *text;
    size_t size;
    int r = await_message(client, &text, &size);

    if (r == 0)
        r = varlink_input_next(&client->input, ret_message);
    if (r < 0)
        return r == -EBADMSG || r == -EMSGSIZE ? -EPROTO : r;
    return 0;
}

/* Splits a reply; `message` is stolen. */
static int take_reply(json_t *message, json_t **ret_reply, char **ret_error, bool *ret_continues)
{
    const json_t *error = json_object_get(message, "error");
    json_t *parameters = json_object_get(message, "parameters");
    cleanup_(freep) char *name = NULL;
    int r = 0;

    *ret_continues = json_is_true(json_object_get(message, "continues"));
    parameters = !parameters || json_is_null(parameters) ? json_object() : json_incref(parameters);
    if (json_is_string(error))
        name = strdup(json_string_value(error));

    if (!parameters || (json_is_string(error) && !name))
        r = -ENOMEM;
    else if (!json_is_object(parameters) || (error && !name) || (name && *ret_continues))
        r = -EPROTO;
    json_decref(message);
    if (r < 0) {
        json_decref(parameters);
        return r;
    }

    *ret_reply = parameters;
    if (!name)
        return 0;
    *ret_error = TAKE_PTR(name);
    return -EREMOTEIO;
}

int client_send(struct client *client, const char *method, json_t *parameters)
{
    return send_call(client, method, parameters, false);
}

/* What segd writes before and after the parameters of a reply that is no error. */
static const char reply_begin[] = "{\"parameters\":", reply_end[] = "}";

int client_peek(struct client *client, const char **ret_text, size_t *ret_size)
{
    const size_t around = strlen(reply_begin) + strlen(reply_end);
    const char *text;
    size_t size;
    int r = await_message(client, &text, &size);

    if (r < 0)
        return r;
    if (size < around || memcmp(text, reply_begin, strlen(reply_begin)) != 0 ||
        memcmp(text + size - strlen(reply_end), reply_end, strlen(reply_end)) != 0)
        return 1;
    *ret_text = text + strlen(reply_begin);
    *ret_size = size - around;
    return 0;
}

int client_take(struct client *client, json_t **ret_reply, char **ret_error)
{
    json_t *message = NULL;
    bool continues;
    int r = receive(client, &message);

    if (r == 0)
        r = take_reply(message, ret_reply, ret_error, &continues);

    /* A call without `more` has one reply. */
    if (r == 0 && continues) {
        json_decref(*ret_reply);
        *ret_reply = NULL;
        return -EPROTO;
    }
    return r;
}

int client_call(struct client *client, const char *method, json_t *parameters, json_t **ret_reply,
                char **ret_error)
{
    int r = client_send(client, method, parameters);

    return r < 0 ? r : client_take(client, ret_reply, ret_error);
}

int client_follow(struct client *client, const char *method, json_t *parameters,
                  client_handler handler, void *userdata, json_t **ret_reply, char **ret_error)
{
    bool continues = true;
    int r = send_call(client, method, parameters, true);

    while (r >= 0 && continues) {
        json_t *message = NULL, *reply = NULL;

        r = receive(client, &message);
        if (r == 0)
            r = take_reply(message, &reply, ret_error, &continues);
        if (r == -EREMOTEIO) {
            *ret_reply = reply;
            return r;
        }
        if (r == 0)
            r = handler(reply, userdata);
        json_decref(reply);
    }
    return r < 0 ? r : 0;
}
