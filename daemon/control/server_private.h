/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/control/audit_limit.h"
#include "daemon/control/server.h"

/* Shared by server.c, connection.c, call.c and peer.c. */

struct connection_queue {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t sent;
};

struct call {
    struct connection *connection; /* NULL once the client has gone */
    char *name;                    /* of the method, in full */
    const struct method *method;   /* NULL: one of every Varlink service */
    bool more, oneway;
    bool answered;
    bool kept;  /* after its handler: freed when it is answered or the client disconnects */
    bool waits; /* for a worker, which gets the parameters, or the message that was not read yet */
    unsigned tries;
    json_t *parameters; /* while a worker may still need them, like the message */
    struct varlink_input message;
    uint64_t turn; /* of those that wait the lowest comes first */
    call_gone on_gone;
    void *userdata;
};

struct connection {
    struct server *server;
    struct connection *next, *previous;
    int fd;
    sd_event_source *source;
    struct actor actor;
    enum role role;
    struct varlink_input input;
    struct connection_queue output;
    struct call *call; /* being answered; or NULL */
    size_t call_size;  /* bytes of its message */
    bool ended;        /* the client sends nothing more */
    bool again;        /* the input may hold another complete message */
};

struct roles {
    gid_t groups[ROLE_ADMIN + 1]; /* (gid_t)-1: there is no such group */
};

struct server {
    sd_event *event;
    struct server_options options;
    sd_event_source *listening;
    sd_event_source *pause; /* after accept() failed for lack of something */
    struct connection *connections;
    size_t n_connections;
    size_t connections_max; /* by the limit of descriptors */
    uint64_t n_accepted;
    uint64_t n_turns;
    struct worker *workers;
    bool is_worker;  /* this process is one: it has no event loop */
    int report;      /* of a worker: the pipe to the daemon, until it has reported; then -1 */
    json_t *refused; /* of a worker: what the daemon is to tell of the call; NULL: nothing */
    struct audit_limit audit_limit;
    struct roles roles;
};

/* peer.c: who is at the other end of a socket. 0 or -errno. */
void roles_resolve(struct roles *roles);
int peer_identify(const struct roles *roles, int fd, struct actor *ret_actor, enum role *ret_role);

/* server.c: reports a refused attempt, within the audit limit of the user. */
void server_tell_refused(struct connection *connection, const char *method, const char *why,
                         const char *outcome);

/* server.c: whether limits count the connection as one of this user. */
bool server_is_of(const struct connection *connection, int64_t uid, enum role role);

/* connection.c */
int connection_new(struct server *server, int fd, const struct actor *actor, enum role role);
struct connection *connection_free(struct connection *connection);
/* Sends waiting answers, reads, and answers a message. Returns 0, or -errno if the connection is to
 * be closed. */
int connection_serve(struct connection *connection);
/* Sends a message with its NUL. Returns 0, -ENOMEM, or -ENOBUFS if too many bytes wait for this
 * user. */
int connection_send(struct connection *connection, const char *text, size_t size);

/* worker.c: has a worker answer the call, as soon as the limits allow it. Returns 0 or -errno if
 * the connection is to be closed. */
int worker_call(struct call *call, const json_t *parameters);
/* In a worker: sends the replies that wait, as the client reads. Returns 0 or -errno. */
int worker_send(struct call *call);
/* Ends all workers. */
void workers_end(struct server *server);

/* call.c: whether the text of a message names a method that a worker runs. It need not be JSON. */
bool call_is_for_worker(const struct server *server, const char *text);
/* call.c: the same as call_run() for such a message, which the worker reads; it moves. */
int call_run_unread(struct connection *connection, struct varlink_input *message);
/* call.c: reads what is said beside the method. Returns whether the parameters can be used; if not,
 * it has answered with an error. */
bool call_read(struct call *call, const json_t *message, const json_t **ret_parameters);

/* call.c: whether the daemon still holds what was sent. */
bool call_has_input(const struct call *call);

/* call.c: decodes the parameters and runs the handler. Returns as the handler. */
int call_run_handler(struct call *call, const json_t *parameters);
/* Answers `Failed` if the handler has not answered; `result` is its return value. */
int call_finish(struct call *call, int result);
/* A call whose answer the worker has sent, or has not sent whole. */
void call_sent(struct call *call, bool whole);

/* call.c: runs the call in a message. Returns 0, or -errno if the connection is to be closed. */
int call_run(struct connection *connection, const json_t *message);
struct call *call_free(struct call *call);
DEFINE_CLEANUP(struct call, call_free)
