/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "control/varlink.h"
#include "daemon/child.h"
#include "record/types.h"

/*
 * The control socket: accepts connections, identifies clients and runs methods. A client that
 * floods, stalls or sends nonsense hurts only itself: a connection has bounded buffers, is not read
 * while answers wait for it, and each user has a bounded number of connections.
 */
enum role {
    ROLE_NONE,     /* may connect and ask what the service is */
    ROLE_VIEWER,   /* group segd-view */
    ROLE_OPERATOR, /* group segd-operate */
    ROLE_ADMIN,    /* root and group segd-admin */
};
/* `viewer`, … */
const char *role_to_string(enum role role);

/* Bytes of one message: from an admin or operator, who may send a policy with it, and from others.
 * The comment of io.segd.Control.varlink documents both. */
#define SERVER_MESSAGE_MAX ((size_t)128 * 1024 * 1024)
#define SERVER_MESSAGE_MAX_VIEWER ((size_t)64 * 1024)
/* JSON values in one message: a policy of many files has some thousands. */
#define SERVER_VALUES_MAX 100000
/*
 * Connections of one user, and of all; root has no limit. The last quarter is reserved for
 * operators and admins. All callers without a role count as one user in every limit, since one
 * person may call with thousands of uids (subuid(5)).
 */
#define SERVER_CONNECTIONS_USER 256
#define SERVER_CONNECTIONS_MAX 2048
/* Bytes of incomplete messages and unread answers that all connections of one user, except root,
 * may hold. A connection that would exceed this is closed. */
#define SERVER_WAITING_USER ((size_t)192 * 1024 * 1024)
/* Bytes of unread answers after which a call with `more` is ended. */
#define SERVER_OUTPUT_MAX ((size_t)4 * 1024 * 1024)

/* One call of one client, until it has been answered; borrowed by handlers. */
struct call;

/*
 * Answers with call_reply() or call_error(), at once, or later if it keeps the call. `parameters`
 * is the structure that the method's type describes, borrowed until the handler returns. A negative
 * return value is an error of the daemon and answered as `Failed`.
 */
typedef int (*method_handler)(struct call *call, const void *parameters, void *userdata);

/* Which process runs a handler: one that may take long has a worker (worker.c), so that nobody else
 * waits for it. */
enum method_place {
    IN_DAEMON,
    IN_WORKER,        /* without any capability */
    IN_WORKER_DUMP,   /* it reads the kernel */
    IN_WORKER_CHANGE, /* the same; it prepares a change, which the daemon then makes */
};

/* A row of the table of methods, methods.c. */
struct method {
    const char *name; /* without the interface */
    enum role role;   /* the lowest role that may call it */
    method_handler handler;
    const struct record_type *parameters; /* NULL: none */
    const struct record_type *reply;      /* NULL: empty */
    enum method_place place;
};

const struct actor *call_actor(const struct call *call);
/* The row of the method that was called; borrowed. */
const struct method *call_method(const struct call *call);
/* The number of the newest connection when the call is made (struct actor, `connection`). */
uint64_t call_newest_connection(const struct call *call);
bool call_wants_more(const struct call *call);
/* Whether the handler, of a method without parameters, may return -ESTALE without an answer, since
 * what this worker knows was overtaken. A newer worker then runs it, and in the end the daemon,
 * where nothing can be overtaken. */
bool call_may_run_again(const struct call *call);
/* Workers for one call: of a change, which then fails, and of one that only reads. */
#define CHANGE_TRIES_MAX 8
#define READING_TRIES_MAX 3
/* Replies with the structure that the method's type describes. Returns 0, -ENOMEM, or -ENOBUFS if
 * too many answers wait for this user. A kept call ends in any case: if it cannot be answered, its
 * connection is closed. */
int call_reply(struct call *call, const void *reply);
/* The same for JSON, which is stolen; NULL counts as no memory. */
int call_reply_json(struct call *call, json_t *parameters);
/* An error of io.segd.Control by its short name (`NotFound`). */
int call_error(struct call *call, const char *error, json_t *parameters);
/* Tells of a call that its handler refuses (`server_refused`); it is still to be answered. */
void call_tell_refused(const struct call *call, const char *why, const char *outcome);
/* One of several replies, for a call that wants more. -ENOBUFS: the client does not read. */
int call_continue(struct call *call, json_t *parameters);
/* The same in a worker with the structure that the method's type describes. Returns when the client
 * has read what came before, 0 or -errno. */
int call_continue_reply(struct call *call, const void *reply);
/* Keeps the call after its handler returns. `on_gone` is called if the client disconnects; the call
 * must not be used after that. */
typedef void (*call_gone)(struct call *call, void *userdata);
void call_keep(struct call *call, call_gone on_gone, void *userdata);

struct server;

/*
 * Called for the audit log when a client is refused, within the rate limit of the user
 * (audit_limit.h): for its role, for a malformed message, or by a handler. `method` is NULL if the
 * message was no call; `omitted` attempts before this one were not told.
 */
typedef void (*server_refused)(const struct actor *actor, const char *method, const char *why,
                               const char *outcome, uint64_t omitted, void *userdata);

/* What one call may cost whose handler runs in a worker. The comment of io.segd.Control.varlink
 * documents these limits. */
struct worker_limits {
    size_t memory;    /* bytes beside what the daemon has */
    unsigned cpu;     /* seconds of processor time */
    unsigned reading; /* seconds in which a client must take something of its answer */
};
#define WORKER_LIMITS                                                                              \
    ((struct worker_limits){.memory = CHILD_MEMORY, .cpu = CHILD_CPU, .reading = 10})
/* Workers at once; those for viewers; those for one user, except root. More calls wait. */
#define WORKERS_MAX 4
#define WORKERS_VIEWERS 2
#define WORKERS_USER 1

/*
 * How a worker with the place IN_WORKER_CHANGE and the daemon make a change together. The daemon
 * begins it before it makes the worker, and ends it in any case after the worker has ended. In the
 * worker, `ask` has the daemon call `make`, and returns what that returns. -ESTALE: the
 * change must be prepared again. Its handler then returns -ESTALE without an answer, and another
 * worker runs it.
 */
struct server_change {
    int (*begin)(void *userdata, void **ret_change);
    void (*enter)(void *change, int (*ask)(void *), void *ask_userdata);
    int (*make)(void *change);
    void (*end)(void *change);
};

struct server_options {
    sd_event *event;
    int fd; /* the listening socket; stolen */
    const struct method *methods;
    size_t n_methods;
    server_refused refused;
    struct worker_limits limits;
    /*
     * Of a worker; both may be NULL. `enter` is called in it before the handler: what belongs to
     * the daemon alone is closed, and capabilities go that the place does not need. It returns 0 or
     * -errno. `learn` is called in it after the handler, for a JSON object that the daemon then
     * gets by `learned`; NULL: nothing.
     */
    int (*enter)(enum method_place place, void *userdata);
    json_t *(*learn)(void *userdata);
    void (*learned)(const json_t *learned, void *userdata);
    struct server_change change;
    void *userdata; /* of handlers and of all of these */
};
/* Returns 0, or -errno. */
int server_new(const struct server_options *options, struct server **ret_server);
struct server *server_free(struct server *server);
DEFINE_CLEANUP(struct server, server_free)

/* Listens on a new socket at the path, with mode 0666, since roles decide. Replaces a socket on
 * which nobody listens. Returns the descriptor, -EADDRINUSE if somebody listens there, or -errno.
 */
int server_listen(const char *path);
