/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One client. Its socket is read only while nothing waits to be sent to it and none of its calls is
 * being answered: a client that sends and does not read fills only the buffers of its own socket.
 * Each iteration of the event loop answers one message of a connection, so that a client with a
 * thousand messages does not delay the others; and all other events come before clients.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/array.h"
#include "daemon/control/server_private.h"

/* After timers and the kernel. Viewers come after operators, so that isolating a zone does not wait
 * for hundreds of answers to those who only read. */
#define PRIORITY_ACTS (SD_EVENT_PRIORITY_NORMAL + 10)
#define PRIORITY_READS (SD_EVENT_PRIORITY_NORMAL + 20)

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

/* Bytes that wait in all connections of this user. */
static size_t count_waiting(const struct connection *connection)
{
    size_t n = 0;

    for (const struct connection *c = connection->server->connections; c; c = c->next) {
        if (server_is_of(c, connection->actor.uid, connection->role))
            n += c->input.size + c->output.size +
                 (c->call && call_has_input(c->call) ? c->call_size : 0);
    }
    return n;
}

int connection_send(struct connection *connection, const char *text, size_t size)
{
    struct connection_queue *output = &connection->output;
    int r;

    if (connection->actor.uid != 0) {
        size_t waiting = count_waiting(connection);

        /* A single answer may have any size. */
        if (waiting > 0 && waiting + size > SERVER_WAITING_USER)
            return -ENOBUFS;
    }
    r = array_append_all(&output->bytes, &output->size, &output->capacity, text, size, 1);
    if (r < 0)
        return r;
    if (connection->server->is_worker)
        return 0;
    return sd_event_source_set_io_events(connection->source, EPOLLOUT);
}

/* Returns 1 if all has been sent, 0 if some still waits, or -errno. */
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

/* Messages beyond this size are read by the worker that answers them, if there is to be one: to
 * parse a large policy takes longer than others are to wait. */
#define READ_AT_ONCE ((size_t)64 * 1024)

/* Runs the call in the next message that has been read. Returns as run_message(). */
static int run_call(struct connection *connection)
{
    cleanup_(json_decrefp) json_t *message = NULL;
    struct varlink_input unread;
    size_t length = 0;
    const char *text = varlink_input_peek(&connection->input, &length);
    int r;

    connection->call_size = length;
    if (text && length > READ_AT_ONCE && length <= connection->input.limit &&
        call_is_for_worker(connection->server, text)) {
        r = varlink_input_split(&connection->input, &unread);
        if (r > 0)
            r = call_run_unread(connection, &unread);
    } else {
        r = varlink_input_next(&connection->input, &message);
        if (r > 0)
            r = call_run(connection, message);
    }
    return text && r == 0 ? 1 : r;
}

/* Answers the next message that has been read. Returns 1 if there may be another one, 0 if there
 * was none, or -errno. */
static int run_message(struct connection *connection)
{
    int r = run_call(connection);

    if (r <= 0)
        return r;
    r = flush(connection);
    return r < 0 ? r : 1;
}

static int read_input(struct connection *connection)
{
    int r = varlink_input_read(&connection->input, connection->fd);

    if (r == 0)
        connection->ended = true;
    if (r < 0 && r != -EAGAIN)
        return r;
    if (connection->input.size > SERVER_MESSAGE_MAX_VIEWER && connection->actor.uid != 0 &&
        count_waiting(connection) > SERVER_WAITING_USER)
        return -EMSGSIZE;
    return 0;
}

/* Answers one message, and reads only if there is none yet. Returns as run_message(). */
static int answer_one(struct connection *connection)
{
    int r = run_message(connection);

    if (r != 0 || connection->ended)
        return r;
    r = read_input(connection);
    return r < 0 ? r : run_message(connection);
}

/* The client of a call that has a worker, or waits for one, may have closed its end for sending
 * only; that of a call that waits for news has nothing more to say. EPOLLHUP always comes. */
static uint32_t kept_events(const struct call *call)
{
    return call->method->place == IN_DAEMON ? EPOLLRDHUP : 0;
}

/* Sets what to wait for: to be able to send, the end of the client while a call is kept, or input.
 * If there is another message already, EPOLLOUT fires at once, after the other connections were
 * served.
 */
static int wait_for_events(struct connection *connection)
{
    uint32_t events = connection->output.size > 0 ? EPOLLOUT
                      : connection->call          ? kept_events(connection->call)
                      : connection->again         ? EPOLLOUT
                                                  : EPOLLIN;

    return sd_event_source_set_io_events(connection->source, events);
}

int connection_serve(struct connection *connection)
{
    int r = flush(connection);

    if (r == 1 && !connection->call) {
        r = answer_one(connection);
        connection->again = r > 0;
    }
    if (r < 0)
        return r;
    /* The client sends nothing more, and everything is answered. */
    if (connection->ended && !connection->again && !connection->call &&
        connection->output.size == 0)
        return -ECONNRESET;
    return wait_for_events(connection);
}

/* If the client has closed its end, what it sent before is still carried out: such a call may want
 * no answer. */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct connection *connection = userdata;
    bool gone = events & EPOLLERR || (events & (EPOLLHUP | EPOLLRDHUP) && connection->call);
    int r = gone ? -ECONNRESET : connection_serve(connection);

    (void)source;
    (void)fd;
    if (r == -EBADMSG)
        server_tell_refused(connection, NULL, "malformed message", "refused");
    else if (r == -EMSGSIZE)
        server_tell_refused(connection, NULL, "message too large", "refused");
    if (r < 0)
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
    connection->input.values = SERVER_VALUES_MAX;

    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->n_connections++;

    r = sd_event_add_io(server->event, &connection->source, fd, EPOLLIN, on_io, connection);
    if (r >= 0)
        r = sd_event_source_set_priority(connection->source,
                                         role >= ROLE_OPERATOR ? PRIORITY_ACTS : PRIORITY_READS);
    if (r < 0)
        connection_free(connection);
    return r < 0 ? r : 0;
}
