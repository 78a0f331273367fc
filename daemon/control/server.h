/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "control/varlink.h"
#include "record/types.h"

/*
 * The control socket: connections, who is behind them, and calls given to the methods. Whatever a
 * client does or does not do, it costs that client alone: a connection has bounded buffers, is read
 * only while its answers go out, and one user has a bounded number of them.
 */
enum role {
    ROLE_NONE,     /* may connect and ask what the service is */
    ROLE_VIEWER,   /* group segd-view */
    ROLE_OPERATOR, /* group segd-operate */
    ROLE_ADMIN,    /* root and group segd-admin */
};
/* `viewer`, … */
const char *role_to_string(enum role role);

/* Bytes of one message from an admin or operator, who may send a policy with it; and from others.
 * The comment of io.segd.Control.varlink tells both. */
#define SERVER_MESSAGE_MAX ((size_t)128 * 1024 * 1024)
#define SERVER_MESSAGE_MAX_VIEWER ((size_t)64 * 1024)
/* JSON values in one message: a policy of many files has some thousands. */
#define SERVER_VALUES_MAX 100000
/*
 * Connections of one user, of those root's are not counted; and of all. The last quarter of them is
 * for operators and admins. Callers without a role count as one user here and in all that follows:
 * whoever has user namespaces can call under thousands of numbers (subuid(5)).
 */
#define SERVER_CONNECTIONS_USER 256
#define SERVER_CONNECTIONS_MAX 2048
/* Bytes that all connections of one user, but root, may keep in the daemon: half messages, and
 * answers that were not read. Who goes beyond is let go. */
#define SERVER_WAITING_USER ((size_t)192 * 1024 * 1024)
/* Bytes of answers that wait for a client that does not read, when its `more` is cut off. */
#define SERVER_OUTPUT_MAX ((size_t)4 * 1024 * 1024)

/* One call of one client, until it has been answered. Handlers get it borrowed. */
struct call;

/*
 * Answers with call_reply() or call_error(), then or later (where it keeps the call). Parameters
 * are the structure that the method's type describes, borrowed until the handler returns. A
 * negative return is a failure within the daemon and answered as `Failed`.
 */
typedef int (*method_handler)(struct call *call, const void *parameters, void *userdata);

/* The table of methods: one array in one file, methods.c. */
struct method {
    const char *name; /* without the interface */
    enum role role;   /* the least that may call it */
    method_handler handler;
    const struct record_type *parameters; /* NULL: it has none */
    const struct record_type *reply;      /* NULL: an empty one */
};

const struct actor *call_actor(const struct call *call);
/* The full name of the method that was called; borrowed. */
const char *call_method(const struct call *call);
/* The number of the newest connection when the call is made (struct actor, `connection`). */
uint64_t call_newest_connection(const struct call *call);
bool call_wants_more(const struct call *call);
/* The structure that the method's type describes. Returns 0, -ENOMEM, or -ENOBUFS where too many
 * answers of this user wait. A call that was kept is over in any case: one that cannot be answered
 * loses its connection. */
int call_reply(struct call *call, const void *reply);
/* The same for JSON, which is stolen; NULL counts as no memory. */
int call_reply_json(struct call *call, json_t *parameters);
/* An error of io.segd.Control by its short name (`NotFound`). */
int call_error(struct call *call, const char *error, json_t *parameters);
/* One of several replies, for a call that wants more. -ENOBUFS: the client does not read. */
int call_continue(struct call *call, json_t *parameters);
/* Keeps the call beyond its handler. `on_gone` is called when the client has gone; the call is
 * not to be used after that. */
typedef void (*call_gone)(struct call *call, void *userdata);
void call_keep(struct call *call, call_gone on_gone, void *userdata);

struct server;

/* Called when a client was refused for its role or for what it sent, for the audit log. The method
 * is NULL for what is no call. */
typedef void (*server_refused)(const struct actor *actor, const char *method, const char *why,
                               void *userdata);

struct server_options {
    sd_event *event;
    int fd; /* that listens; stolen */
    const struct method *methods;
    size_t n_methods;
    server_refused refused;
    void *userdata; /* of handlers and of `refused` */
};
/* Returns 0, or -errno. */
int server_new(const struct server_options *options, struct server **ret_server);
struct server *server_free(struct server *server);
DEFINE_CLEANUP(struct server, server_free)

/* Makes a socket that listens at the path, mode 0666 (roles decide), in place of one that nobody
 * listens on. Returns the descriptor, -EADDRINUSE where somebody does, or -errno. */
int server_listen(const char *path);
