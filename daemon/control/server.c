/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The listening socket, and the limits of connections. */

#include "daemon/control/server.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "daemon/control/server_private.h"

/* How long no connection is accepted after accept() failed for lack of descriptors or memory. */
#define PAUSE_USEC 1000000
#define BACKLOG 128
#define DESCRIPTORS_KEPT 256
/* The uid under which the audit limit counts all callers without a role. */
#define NOBODY (-1)

bool server_is_of(const struct connection *connection, int64_t uid, enum role role)
{
    return role == ROLE_NONE ? connection->role == ROLE_NONE : connection->actor.uid == uid;
}

static size_t count_connections(const struct server *server, int64_t uid, enum role role)
{
    size_t n = 0;

    for (const struct connection *c = server->connections; c; c = c->next)
        n += server_is_of(c, uid, role);
    return n;
}

/* Whether the limits refuse a connection. Root has none, and viewers cannot use up the connections
 * of operators and admins. */
static bool is_full(const struct server *server, const struct actor *actor, enum role role)
{
    size_t limit = server->connections_max;

    if (actor->uid == 0)
        return false;
    if (role < ROLE_OPERATOR)
        limit -= limit / 4;
    return server->n_connections >= limit ||
           count_connections(server, actor->uid, role) >= SERVER_CONNECTIONS_USER;
}

static void admit(struct server *server, int fd)
{
    struct actor actor;
    enum role role;

    if (peer_identify(&server->roles, fd, &actor, &role) < 0 || is_full(server, &actor, role)) {
        close(fd);
        return;
    }
    connection_new(server, fd, &actor, role);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct server *server = userdata;

    (void)source;
    (void)usec;
    return sd_event_source_set_enabled(server->listening, SD_EVENT_ON);
}

/* The timer was made at the start: a new one might need a descriptor, and there is none. */
static void pause_listening(struct server *server)
{
    if (sd_event_source_set_time_relative(server->pause, PAUSE_USEC) >= 0 &&
        sd_event_source_set_enabled(server->pause, SD_EVENT_ONESHOT) >= 0)
        sd_event_source_set_enabled(server->listening, SD_EVENT_OFF);
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct server *server = userdata;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)source;
    (void)events;
    if (client >= 0)
        admit(server, client);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        pause_listening(server);
    return 0;
}

/* Raises the limit of descriptors as far as possible. Returns how many connections fit, with some
 * descriptors left for root and the daemon itself. */
static size_t count_possible(void)
{
    const rlim_t wanted = SERVER_CONNECTIONS_MAX + DESCRIPTORS_KEPT;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return SERVER_CONNECTIONS_USER;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {limit.rlim_max < wanted ? limit.rlim_max : wanted, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur >= wanted)
        return SERVER_CONNECTIONS_MAX;
    return limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
                                                 : limit.rlim_cur / 2;
}

void server_tell_refused(struct connection *connection, const char *method, const char *why,
                         const char *outcome)
{
    struct server *server = connection->server;
    int64_t counted = connection->role == ROLE_NONE ? NOBODY : connection->actor.uid;
    uint64_t now = 1, omitted;

    if (server->is_worker) {
        json_decref(server->refused);
        server->refused =
            json_pack("{s:o, s:s}", "why", record_encode_text(why), "outcome", outcome);
        return;
    }
    sd_event_now(server->event, CLOCK_MONOTONIC, &now);
    if (server->options.refused &&
        audit_limit_allows(&server->audit_limit, counted, (usec_t)now, &omitted))
        server->options.refused(&connection->actor, method, why, outcome, omitted,
                                server->options.userdata);
}

int server_new(const struct server_options *options, struct server **ret_server)
{
    cleanup_(server_freep) struct server *server = calloc(1, sizeof(*server));
    int r;

    if (!server) {
        close(options->fd);
        return -ENOMEM;
    }
    server->options = *options;
    server->event = sd_event_ref(options->event);
    server->connections_max = count_possible();
    roles_resolve(&server->roles);

    r = sd_event_add_io(server->event, &server->listening, options->fd, EPOLLIN, on_connect,
                        server);
    if (r >= 0)
        r = sd_event_add_time_relative(server->event, &server->pause, CLOCK_MONOTONIC, 0, 1000,
                                       on_pause_over, server);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->pause, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret_server = TAKE_PTR(server);
    return 0;
}

struct server *server_free(struct server *server)
{
    if (!server)
        return NULL;

    workers_end(server);
    while (server->connections)
        connection_free(server->connections);
    sd_event_source_disable_unref(server->listening);
    sd_event_source_disable_unref(server->pause);
    closep(&server->options.fd);
    sd_event_unref(server->event);
    free(server);
    return NULL;
}

/* A child that a daemon made in the instant in which it was killed has the socket until it runs for
 * the first time. So often, and so many microseconds between. */
#define STALE_TRIES 50
#define STALE_WAIT 10000

/* Removes the socket of a daemon that was killed, on which nobody listens any more. */
static int remove_stale(const struct sockaddr_un *address, socklen_t length)
{
    cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat status;

    if (fd < 0)
        return -errno;
    if (lstat(address->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    if (connect(fd, (const struct sockaddr *)address, length) == 0 || errno == EAGAIN)
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 ? -errno : 0;
}

int server_listen(const char *path)
{
    cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    mode_t mask;
    int r;

    if (fd < 0)
        return -errno;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);

    r = remove_stale(&address, length);
    for (int tries = 0; r == -EADDRINUSE && tries < STALE_TRIES; tries++) {
        usleep(STALE_WAIT);
        r = remove_stale(&address, length);
    }
    if (r < 0)
        return r;
    mask = umask(0111);
    r = bind(fd, (const struct sockaddr *)&address, length) < 0 ? -errno : 0;
    umask(mask);
    if (r < 0)
        return r;
    if (listen(fd, BACKLOG) < 0)
        return -errno;
    return TAKE_FD(fd);
}
