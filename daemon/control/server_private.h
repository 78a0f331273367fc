/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/control/audit_limit.h"
#include "daemon/control/server.h"

/* What the files of the server share. */

struct connection_queue {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t sent;
};

struct call {
    struct connection *connection; /* NULL once the client has gone */
    char *name;                    /* of the method, in full */
    const struct method *method;   /* NULL where it is one of every Varlink service */
    bool more, oneway;
    bool answered;
    bool kept; /* beyond its handler: freed when it is answered or the client goes */
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
    struct call *call; /* that is being answered */
    bool ended;        /* the client sends nothing more */
    bool again;        /* there may be another whole message in what was read */
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
    size_t connections_max; /* as many as there are descriptors for */
    uint64_t n_accepted;
    struct audit_limit audit_limit;
    struct roles roles;
};

/* peer.c: who is at the other end of a socket. 0 or -errno. */
void roles_resolve(struct roles *roles);
int peer_identify(const struct roles *roles, int fd, struct actor *ret_actor, enum role *ret_role);

/* server.c: tells of a refusal, unless there were too many of this user. */
void server_tell_refused(struct connection *connection, const char *method, const char *why);

/* server.c: whether limits take a connection for one of this user's. */
bool server_is_of(const struct connection *connection, int64_t uid, enum role role);

/* connection.c */
int connection_new(struct server *server, int fd, const struct actor *actor, enum role role);
struct connection *connection_free(struct connection *connection);
/* Sends what waits, reads what may be read, closes what has ended. */
int connection_serve(struct connection *connection);
/* Returns 0, -ENOMEM, or -ENOBUFS where too much waits for this user. */
int connection_send(struct connection *connection, const json_t *message);

/* call.c: takes a message from a client and has it answered. 0, or -errno where the connection is
 * to be closed. */
int call_run(struct connection *connection, const json_t *message);
struct call *call_free(struct call *call);
DEFINE_CLEANUP(struct call, call_free)
