/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls that may take long are answered by workers, processes that segd forks for one
 * call each: they have all that segd knew at that moment, and segd goes on serving others. A worker
 * has the same handler and writes the answer into the client's socket itself, so nothing of it
 * waits in segd. It has bounded memory and processor time, and the kernel ends it before segd where
 * memory is short; the caller is told, and nobody else notices.
 *
 * A pipe from the worker tells segd that it has ended. Before the worker sends, it writes what segd
 * is to learn and a NUL into the pipe: a worker that ends before that has sent nothing. A call with
 * `more` may have many replies: each is sent before the next one is made, so that they need little
 * memory however many there are.
 *
 * A worker changes nothing. One that has prepared a change writes a line feed before that, and
 * waits for what segd says through a socket: the result of the change, which it then answers
 * with. Where something else has changed meanwhile, another worker prepares it again.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "daemon/child.h"
#include "daemon/control/server_private.h"

/* What segd learns from a worker fits into the pipe. */
#define REPORT_MAX 32768

enum {
    EXIT_SENT = 0,
    EXIT_NOT_SENT = 1, /* not the whole answer, and no other can be sent */
    /* Nothing was sent: */
    EXIT_MEMORY = 2,
    EXIT_MALFORMED = 3,
    EXIT_BROKEN = 4,
    EXIT_STALE = 5,
};

struct worker {
    struct server *server;
    struct worker *next;
    struct call *call; /* NULL: the client has gone */
    int64_t uid;
    enum role role;
    pid_t pid;
    int fd;       /* of the pipe from it */
    int answer;   /* of the socket to it, if it prepares a change; else -1 */
    void *change; /* which it prepares */
    sd_event_source *source;
    char report[REPORT_MAX];
    size_t size;
    bool sends; /* the report is whole, and the answer follows */
};

/* In the worker from here on. */

/* Leaves what is the daemon's: its life, its signals, and other clients, which would not see that
 * it has closed their connections. */
static int leave_daemon(const struct call *call, pid_t daemon)
{
    struct server *server = call->connection->server;
    sigset_t none;

    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    server->is_worker = true;
    close(server->options.fd);
    for (const struct worker *worker = server->workers; worker; worker = worker->next) {
        close(worker->fd);
        if (worker->answer >= 0)
            close(worker->answer);
    }
    for (const struct connection *c = server->connections; c; c = c->next) {
        if (c != call->connection)
            close(c->fd);
    }
    return child_enter(daemon, server->options.limits.memory, server->options.limits.cpu);
}

/* What segd is to learn and to tell, and that the answer follows. */
static int write_report(const struct server *server, int fd)
{
    json_t *report =
        json_pack("{s:o*, s:O*}", "learned",
                  server->options.learn ? server->options.learn(server->options.userdata) : NULL,
                  "refused", server->refused);
    char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    int r = size < REPORT_MAX - 1 ? file_write_all(fd, text, size) : 0;

    return r < 0 ? r : file_write_all(fd, "", 1);
}

/* Sends as the client reads; one that does not read for so long is given up. */
static int send_answer(struct connection *connection, unsigned seconds)
{
    struct connection_queue *output = &connection->output;
    size_t sent = 0;

    while (sent < output->size) {
        struct pollfd poll_fd = {.fd = connection->fd, .events = POLLOUT};
        ssize_t n = send(connection->fd, output->bytes + sent, output->size - sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EAGAIN || poll(&poll_fd, 1, (int)seconds * 1000) <= 0)
            return -EPIPE;
    }
    output->size = 0;
    return 0;
}

int worker_send(struct call *call)
{
    struct server *server = call->connection->server;

    if (server->report >= 0) {
        int r = write_report(server, server->report);

        if (r < 0)
            return r;
        server->report = -1;
    }
    return send_answer(call->connection, server->options.limits.reading);
}

/* Reads the message, if segd has not, and runs the handler. */
static int answer(struct call *call)
{
    cleanup_(json_decrefp) json_t *message = NULL;
    const json_t *parameters = call->parameters;
    int r;

    if (call->message.bytes) {
        r = varlink_input_next(&call->message, &message);
        if (r < 0)
            return r;
        if (!call_read(call, message, &parameters))
            return 0;
    }
    r = call_run_handler(call, parameters);
    /* An error of the handler is not one of the message. */
    return r == -EBADMSG || r == -EMSGSIZE ? -EIO : r;
}

/* What the worker has of the pipe and of the socket. */
struct ends {
    int report;
    int answer;
};

/* Has segd make the change that is prepared. Where segd has gone, nobody is to be answered. */
static int ask(void *userdata)
{
    const struct ends *ends = userdata;
    int result;

    if (file_write_all(ends->report, "\n", 1) < 0 ||
        read(ends->answer, &result, sizeof(result)) != sizeof(result))
        _exit(EXIT_BROKEN);
    return result;
}

static int enter(const struct call *call, void *change, struct ends *ends, pid_t daemon)
{
    const struct server_options *options = &call->connection->server->options;
    int r = leave_daemon(call, daemon);

    if (r == 0 && options->enter)
        r = options->enter(call->method->place, options->userdata);
    if (r == 0 && change)
        options->change.enter(change, ask, ends);
    return r;
}

static _Noreturn void work(struct call *call, void *change, struct ends ends, pid_t daemon)
{
    int r = enter(call, change, &ends, daemon);

    if (r < 0)
        _exit(EXIT_BROKEN);

    call->kept = false;
    call->connection->server->report = ends.report;
    r = answer(call);
    if (!call->answered && (r == -EBADMSG || r == -EMSGSIZE))
        _exit(EXIT_MALFORMED);
    if (!call->answered && r == -ENOMEM)
        _exit(EXIT_MEMORY);
    if (!call->answered && r == -ESTALE)
        _exit(EXIT_STALE);
    call_finish(call, r);
    if (!call->answered)
        _exit(EXIT_MEMORY);
    _exit(worker_send(call) < 0 ? EXIT_NOT_SENT : EXIT_SENT);
}

/* In the daemon from here on. */

static struct worker *worker_free(struct worker *worker)
{
    struct worker **link = &worker->server->workers;

    while (*link && *link != worker)
        link = &(*link)->next;
    if (*link)
        *link = worker->next;
    sd_event_source_disable_unref(worker->source);
    closep(&worker->fd);
    closep(&worker->answer);
    if (worker->change)
        worker->server->options.change.end(worker->change);
    free(worker);
    return NULL;
}

/* Waits for its end. Returns its status as waitpid(), or -1. */
static int reap(const struct worker *worker)
{
    int status = -1;

    child_has_ended(worker->pid, true, &status);
    return status;
}

static void on_gone(struct call *call, void *userdata)
{
    struct worker *worker = userdata;

    (void)call;
    if (!worker)
        return;
    worker->call = NULL;
    kill(worker->pid, SIGKILL);
}

/* Whether the limits allow this call a worker now. */
static bool is_allowed(const struct call *call)
{
    const struct connection *caller = call->connection;
    const struct server *server = caller->server;
    size_t n = 0, viewers = 0, of_user = 0;

    for (const struct worker *worker = server->workers; worker; worker = worker->next) {
        /* The second of two changes would be prepared in vain. */
        if (worker->change && call->method->place == IN_WORKER_CHANGE)
            return false;
        n++;
        viewers += worker->role < ROLE_OPERATOR;
        of_user += worker->uid == caller->actor.uid;
    }
    return n < WORKERS_MAX && (caller->role >= ROLE_OPERATOR || viewers < WORKERS_VIEWERS) &&
           (caller->actor.uid == 0 || of_user < WORKERS_USER);
}

/* Of those that are allowed, the one that has waited longest; operators and admins come first. */
static struct call *next_call(const struct server *server)
{
    struct call *next = NULL;

    for (const struct connection *c = server->connections; c; c = c->next) {
        struct call *call = c->call;
        bool acts = c->role >= ROLE_OPERATOR;

        if (!call || !call->waits || !is_allowed(call))
            continue;
        if (!next || acts > (next->connection->role >= ROLE_OPERATOR) ||
            (acts == (next->connection->role >= ROLE_OPERATOR) && call->turn < next->turn))
            next = call;
    }
    return next;
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* The worker has its own. segd keeps them where another worker may have to run the call again. */
static void forget_input(struct call *call)
{
    json_decref(call->parameters);
    call->parameters = NULL;
    varlink_input_clear(&call->message);
}

/* Opens the pipe and the socket, and begins the change; `*ret_ends` are open if it returns 0. */
static int begin(struct worker *worker, enum method_place place, struct ends *ret_ends)
{
    const struct server_options *options = &worker->server->options;
    int to[2], from[2];

    if (pipe2(from, O_CLOEXEC) < 0)
        return -errno;
    worker->fd = from[0];
    *ret_ends = (struct ends){from[1], -1};
    if (place != IN_WORKER_CHANGE)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) < 0)
        return -errno;
    worker->answer = to[1];
    ret_ends->answer = to[0];
    return options->change.begin(options->userdata, &worker->change);
}

static int start_worker(struct call *call, struct worker *worker, struct ends *ends)
{
    struct server *server = worker->server;
    const pid_t daemon = getpid();
    int r = begin(worker, call->method->place, ends);

    /* Before the fork, after which this can fail without anything to undo but the worker itself. */
    if (r >= 0)
        r = sd_event_add_io(server->event, &worker->source, worker->fd, EPOLLIN, on_report, worker);
    if (r >= 0 && (worker->pid = fork()) < 0)
        r = -errno;
    if (r >= 0 && worker->pid == 0)
        work(call, worker->change, *ends, daemon);
    return r;
}

static int start(struct call *call)
{
    struct connection *connection = call->connection;
    struct server *server = connection->server;
    struct worker *worker = calloc(1, sizeof(*worker));
    struct ends ends = {-1, -1};
    int r;

    if (!worker)
        return -ENOMEM;
    *worker = (struct worker){server,           server->workers, call,        connection->actor.uid,
                              connection->role, .fd = -1,        .answer = -1};
    server->workers = worker;
    r = start_worker(call, worker, &ends);
    closep(&ends.report);
    closep(&ends.answer);
    if (r < 0) {
        worker_free(worker);
        return r;
    }

    if (!worker->change)
        forget_input(call);
    call->waits = false;
    call_keep(call, on_gone, worker);
    return 0;
}

static void start_next(struct server *server)
{
    struct call *call;

    while ((call = next_call(server))) {
        int r = start(call);

        if (r < 0)
            call_error(call, "Failed",
                       json_pack("{s:s+}", "message", "no process for the answer: ", strerror(-r)));
    }
}

int worker_call(struct call *call, const json_t *parameters)
{
    struct server *server = call->connection->server;

    call->parameters = json_incref((json_t *)parameters);
    call->waits = true;
    call->turn = ++server->n_turns;
    call_keep(call, on_gone, NULL);
    start_next(server);
    return 0;
}

static int too_costly(struct call *call, const char *what, size_t limit)
{
    call_tell_refused(call, "it would cost too much", "refused");
    return call_error(call, "TooCostly",
                      json_pack("{s:s, s:I}", "what", what, "limit", (json_int_t)limit));
}

/* Answers for a worker that has ended before it sent anything. */
static void answer_for(struct call *call, int status)
{
    const struct worker_limits *limits = &call->connection->server->options.limits;
    char message[64];

    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MEMORY) {
        too_costly(call, "memory", limits->memory);
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MALFORMED) {
        server_tell_refused(call->connection, NULL, "malformed message", "refused");
        call_sent(call, false);
        return;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        too_costly(call, "time", limits->cpu);
        return;
    }
    if (WIFSIGNALED(status))
        snprintf(message, sizeof(message), "the process of the answer ended by signal %d",
                 WTERMSIG(status));
    else
        snprintf(message, sizeof(message), "the process of the answer ended with status %d",
                 WEXITSTATUS(status));
    call_error(call, "Failed", json_pack("{s:s}", "message", message));
}

/* Runs the handler without a worker. */
static void answer_here(struct call *call)
{
    struct connection *connection = call->connection;
    int r;

    assert(!call->method->parameters);
    r = call_run_handler(call, NULL);
    /* Once it is answered the call is freed. */
    if (connection->call == call)
        call_finish(call, r);
}

/* What the worker knew was overtaken. */
static void run_again(struct call *call)
{
    bool changes = call->method->place == IN_WORKER_CHANGE;

    call->tries++;
    if (!changes && call->tries >= READING_TRIES_MAX) {
        answer_here(call);
        return;
    }
    if (changes && call->tries >= CHANGE_TRIES_MAX) {
        call_error(call, "Failed",
                   json_pack("{s:s}", "message",
                             "something else was changed each time while this was prepared; try "
                             "again"));
        return;
    }
    call->waits = true;
    call_keep(call, on_gone, NULL);
}

/* The worker has ended. */
static void finish(struct worker *worker)
{
    struct call *call = worker->call;
    int status = reap(worker);
    bool sends = worker->sends;

    worker_free(worker);
    if (!call)
        return;
    if (!sends && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STALE)
        run_again(call);
    else if (sends)
        call_sent(call, WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SENT);
    else
        answer_for(call, status);
}

/* What the worker has found is known before its caller can ask for it: the report comes before the
 * answer, and events of workers before those of clients. */
static void learn(struct worker *worker)
{
    const struct server_options *options = &worker->server->options;
    cleanup_(json_decrefp) json_t *report = json_loads(worker->report, 0, NULL);
    const json_t *learned = json_object_get(report, "learned");
    const char *why, *outcome;

    worker->sends = true;
    if (learned && options->learned)
        options->learned(learned, options->userdata);
    if (worker->call &&
        json_unpack(report, "{s:{s:s, s:s}}", "refused", "why", &why, "outcome", &outcome) == 0)
        server_tell_refused(worker->call->connection, worker->call->name, why, outcome);
}

/* Makes the change that the worker has prepared. */
static void make_change(struct worker *worker)
{
    int result = worker->server->options.change.make(worker->change);

    worker->size = 0;
    /* If it has ended meanwhile, the next read says so. */
    send(worker->answer, &result, sizeof(result), MSG_NOSIGNAL);
}

/* Returns whether more may come. */
static bool read_report(struct worker *worker)
{
    ssize_t n =
        read(worker->fd, worker->report + worker->size, sizeof(worker->report) - worker->size);

    if (n <= 0)
        return false;
    worker->size += (size_t)n;
    if (!worker->sends && worker->change && worker->report[worker->size - 1] == '\n')
        make_change(worker);
    else if (!worker->sends && worker->report[worker->size - 1] == '\0')
        learn(worker);
    return true;
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct worker *worker = userdata;
    struct server *server = worker->server;

    (void)source;
    (void)fd;
    (void)events;
    if (read_report(worker))
        return 0;
    /* It has ended, or has written more than it may. */
    kill(worker->pid, SIGKILL);
    finish(worker);
    start_next(server);
    return 0;
}

void workers_end(struct server *server)
{
    while (server->workers) {
        struct worker *worker = server->workers;

        if (worker->call)
            call_keep(worker->call, on_gone, NULL);
        kill(worker->pid, SIGKILL);
        reap(worker);
        worker_free(worker);
    }
}
