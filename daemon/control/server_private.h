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
    bool kept; /* after its handler: freed when it is answered or the client disconnects */
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
/* Returns 0, -ENOMEM, or -ENOBUFS if too many bytes wait for this user. */
int connection_send(struct connection *connection, const json_t *message);

/* call.c: runs the call in a message. Returns 0, or -errno if the connection is to be closed. */
int call_run(struct connection *connection, const json_t *message);
struct call *call_free(struct call *call);
DEFINE_CLEANUP(struct call, call_free)
