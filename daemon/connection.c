/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One client. It is read only while nothing waits to be sent to it and no call of it is being
 * answered, so that whoever sends without reading fills the kernel's buffers and then its own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/array.h"
#include "server_private.h"

struct connection *connection_free(struct connection *connection)
{
    if (!connection)
        return NULL;

    if (connection->call) {
        struct call *call = connection->call;

        call->connection = NULL;
        if (call->on_gone)
            call->on_gone(call, call->userdata);
        call_free(call);
    }
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connection->server->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    connection->server->n_connections--;

    sd_event_source_disable_unref(connection->source);
    closep(&connection->fd);
    varlink_input_clear(&connection->input);
    free(connection->output.bytes);
    free(connection);
    return NULL;
}

int connection_send(struct connection *connection, const json_t *message)
{
    struct connection_queue *output = &connection->output;
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    int r;

    text = varlink_encode(message, &size);
    if (!text)
        return -ENOMEM;
    r = array_reserve(&output->bytes, &output->capacity, output->size + size, 1);
    if (r < 0)
        return r;
    memcpy(output->bytes + output->size, text, size);
    output->size += size;
    return sd_event_source_set_io_events(connection->source, EPOLLOUT);
}

/* Returns 1 where all has been sent, 0 where some waits, or -errno. */
static int flush(struct connection *connection)
{
    struct connection_queue *output = &connection->output;

    while (output->sent < output->size) {
        ssize_t n = send(connection->fd, output->bytes + output->sent, output->size - output->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
        output->sent += (size_t)n;
    }
    free(output->bytes);
    *output = (struct connection_queue){0};
    return 1;
}

/* Answers what has been read, one message after the other. */
static int run_messages(struct connection *connection)
{
    while (!connection->call && connection->output.size == 0) {
        cleanup_(json_decrefp) json_t *message = NULL;
        int r = varlink_input_next(&connection->input, &message);

        if (r <= 0)
            return r;
        r = call_run(connection, message);
        if (r == 0)
            r = flush(connection);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What to wait for: to send, or else to read, also while a call is kept, to hear of its end. */
static int await(struct connection *connection)
{
    uint32_t events = connection->output.size > 0             ? EPOLLOUT
                      : connection->call || connection->ended ? EPOLLRDHUP
                                                              : EPOLLIN;

    return sd_event_source_set_io_events(connection->source, events);
}

static int read_input(struct connection *connection)
{
    int r = varlink_input_read(&connection->input, connection->fd);

    if (r == 0)
        connection->ended = true;
    return r == -EAGAIN ? 0 : r < 0 ? r : 0;
}

int connection_serve(struct connection *connection)
{
    int r = flush(connection);

    if (r < 0)
        return r;
    if (r == 1 && !connection->call && !connection->ended)
        r = read_input(connection);
    if (r >= 0)
        r = run_messages(connection);
    if (r < 0)
        return r;
    /* Nothing more comes, and nothing is left to say. */
    if (connection->ended && !connection->call && connection->output.size == 0)
        return -ECONNRESET;
    return await(connection);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct connection *connection = userdata;
    bool gone = events & (EPOLLERR | EPOLLHUP) || (events & EPOLLRDHUP && connection->call);

    (void)source;
    (void)fd;
    if (gone || connection_serve(connection) < 0)
        connection_free(connection);
    return 0;
}

int connection_new(struct server *server, int fd, const struct actor *actor, enum role role)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    int r;

    if (!connection) {
        close(fd);
        return -ENOMEM;
    }
    connection->server = server;
    connection->fd = fd;
    connection->actor = *actor;
    connection->actor.connection = ++server->n_accepted;
    connection->role = role;
    connection->input.limit =
        role >= ROLE_OPERATOR ? SERVER_MESSAGE_MAX : SERVER_MESSAGE_MAX_VIEWER;

    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->n_connections++;

    r = sd_event_add_io(server->event, &connection->source, fd, EPOLLIN, on_io, connection);
    if (r < 0)
        connection_free(connection);
    return r < 0 ? r : 0;
}
