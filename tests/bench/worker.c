/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A gateway behind a socket: a request is a round, a reply is its time. All workers share one
 * processor and only the one that was asked runs, so what is compared is compared on equal terms.
 * Every packet of a round belongs to a flow and must come out: a ruleset that drops is not fast but
 * wrong.
 */

#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segd.h"

#define SOURCE_PORT_FIRST 2000
/* The descriptor of a worker's own end. */
#define OWN_SOCKET 3

struct worker {
    pid_t process;
    int socket;
};

struct request {
    enum round round;
};

struct answer {
    int result;
    double rate;
    struct line_cost cost;
};

/* The child's side. */
struct station {
    const struct worker_description *description;
    struct round_size size;
    struct segd *segd;
    struct nftables *nftables;
    struct frames original;
    struct frames reply;
    struct frames new;
    bool open; /* the connections of an established round */
};

static const char stateful[] = "table inet stateful {\n"
                               "chain forward {\n"
                               "type filter hook forward priority filter; policy drop;\n"
                               "ct state established,related accept\n"
                               "ct state new accept\n"
                               "}\n"
                               "}\n";

static int run_nft(int input)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0) {
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        if (dup2(input, STDIN_FILENO) >= 0)
            execlp("nft", "nft", "-f", "-", (char *)NULL);
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOEXEC;
}

static int load_text(enum load load, size_t n_flows)
{
    cleanup_(closep) int fd = -1;
    FILE *stream = tmpfile();
    int r;

    if (!stream)
        return -errno;
    if (load == LOAD_STATEFUL)
        fputs(stateful, stream);
    else if (load == LOAD_MAP)
        shape_write_map(n_flows, stream);
    else
        shape_write_linear(n_flows, stream);
    fflush(stream);
    rewind(stream);
    fd = dup(fileno(stream));
    r = fd < 0 ? -errno : run_nft(fd);
    fclose(stream);
    return r;
}

static int load_file(const char *path)
{
    cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : run_nft(fd);
}

/* Another version's ruleset: the policy goes through its segctl, and what that prints to nft. */
static int load_baseline(const struct worker_description *description)
{
    char path[] = "/tmp/segd-bench-XXXXXX.yaml", command[1024];
    cleanup_(closep) int fd = mkostemps(path, strlen(".yaml"), O_CLOEXEC);
    FILE *policy, *text;
    int r;

    if (fd < 0)
        return -errno;
    policy = fopen(path, "we");
    if (policy)
        shape_write(description->shape, description->n_flows, policy);
    r = policy && fclose(policy) == 0 ? 0 : -EIO;

    if (r == 0) {
        snprintf(command, sizeof(command), "'%s' show --nftables --policy '%s'", description->file,
                 path);
        text = popen(command, "re");
        r = text ? run_nft(fileno(text)) : -errno;
        if (text && pclose(text) != 0 && r == 0)
            r = -ENOEXEC;
    }
    unlink(path);
    return r;
}

static int load_policy(struct station *station, struct line_cost *cost)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    cleanup_(freep) char *text = NULL;
    size_t size;
    int r =
        line_text(station->description->shape, station->description->n_flows, false, &text, &size);

    if (r == 0)
        r = line_compile(text, size, &ruleset, cost);
    if (r == 0)
        r = nftables_open(&station->nftables);
    if (r == 0)
        r = line_commit(station->nftables, NULL, ruleset, cost);
    return r;
}

static int load(struct station *station, struct line_cost *cost)
{
    const struct worker_description *description = station->description;

    switch (description->load) {
    case LOAD_NOTHING:
        return 0;
    case LOAD_POLICY:
        return load_policy(station, cost);
    case LOAD_STATEFUL:
    case LOAD_LINEAR:
    case LOAD_MAP:
        return load_text(description->load, description->n_flows);
    case LOAD_BASELINE:
        return load_baseline(description);
    case LOAD_FILE:
        return load_file(description->file);
    }
    return -EINVAL;
}

/* Flows in an order that jumps about, so that no cache knows the next one. */
static size_t nth_flow(size_t n, size_t n_flows)
{
    return (size_t)((uint64_t)n * 2654435761 % n_flows);
}

static int prepare_frames(struct station *station)
{
    const struct worker_description *description = station->description;
    size_t n_new = station->size.n_packets + station->size.n_warm;
    size_t n_connections = station->size.n_many;
    int r = frames_new(n_connections, &station->original);

    if (r == 0)
        r = frames_new(n_connections, &station->reply);
    if (r == 0)
        r = frames_new(n_new, &station->new);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n_connections; i++) {
        struct tuple tuple = shape_tuple(description->shape, nth_flow(i, description->n_flows), i);
        uint16_t port = (uint16_t)(SOURCE_PORT_FIRST + i);

        frames_set(&station->original, i, END_A, tuple, port);
        frames_set(&station->reply, i, END_B, tuple, port);
    }
    for (size_t i = 0; i < n_new; i++)
        frames_set(&station->new, i, END_A,
                   shape_tuple(description->shape, nth_flow(i, description->n_flows), i),
                   (uint16_t)(SOURCE_PORT_FIRST + i));
    return 0;
}

/* Sends and wants to see all of it again. */
static int send_all(struct station *station, const struct frames *original,
                    const struct frames *reply, size_t n, uint64_t *ret_nsec)
{
    uint64_t passed;
    int r = gateway_send(station->segd, original, reply, n, ret_nsec, &passed);

    if (r < 0)
        return r;
    return passed == n ? 0 : -EPROTO;
}

static int open_connections(struct station *station)
{
    size_t n = station->size.n_many;
    uint64_t nsec;
    int r = send_all(station, &station->original, NULL, n, &nsec);

    if (r == 0)
        r = send_all(station, &station->original, &station->reply, n * 2, &nsec);
    station->open = r == 0;
    return r;
}

static int run_established(struct station *station, size_t n_connections, uint64_t *ret_nsec)
{
    const struct frames original = {station->original.bytes, n_connections};
    const struct frames reply = {station->reply.bytes, n_connections};
    int r = station->open ? 0 : open_connections(station);

    if (r == 0)
        r = send_all(station, &original, &reply, station->size.n_warm, ret_nsec);
    if (r == 0)
        r = send_all(station, &original, &reply, station->size.n_packets, ret_nsec);
    return r;
}

static int run_new(struct station *station, uint64_t *ret_nsec)
{
    size_t n_warm = station->size.n_warm;
    const struct frames rest = {station->new.bytes + n_warm, station->new.n_frames - n_warm};
    int r = gateway_flush(station->segd);

    station->open = false;
    if (r == 0)
        r = send_all(station, &station->new, NULL, n_warm, ret_nsec);
    if (r == 0)
        r = send_all(station, &rest, NULL, station->size.n_packets, ret_nsec);
    return r;
}

static int run_round(struct station *station, enum round round, double *ret_rate)
{
    uint64_t nsec = 1;
    int r = -EINVAL;

    switch (round) {
    case ROUND_FEW:
        r = run_established(station, station->size.n_few, &nsec);
        break;
    case ROUND_MANY:
        r = run_established(station, station->size.n_many, &nsec);
        break;
    case ROUND_NEW:
        r = run_new(station, &nsec);
        break;
    case ROUNDS:
        break;
    }
    if (r == 0)
        *ret_rate = (double)station->size.n_packets * 1e9 / (double)nsec;
    return r;
}

static int pin(int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
}

static void serve(struct station *station, int socket, int cpu)
{
    struct answer answer = {0};
    struct request request;

    answer.result = gateway_new(&station->segd);
    if (answer.result == 0)
        answer.result = load(station, &answer.cost);
    if (answer.result == 0)
        answer.result = prepare_frames(station);
    if (answer.result == 0)
        answer.result = pin(cpu);

    while (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer) &&
           recv(socket, &request, sizeof(request), 0) == sizeof(request))
        answer.result = run_round(station, request.round, &answer.rate);
}

/* Returns at once in the parent, never in the child. */
static int start(const struct worker_description *description, struct round_size size, int cpu,
                 struct worker *worker)
{
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;

    worker->process = fork();
    if (worker->process == 0) {
        struct station station = {.description = description, .size = size};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Nor the ends of the workers before: each must see when it is no longer wanted. */
        if (dup2(sockets[1], OWN_SOCKET) >= 0 && close_range(OWN_SOCKET + 1, ~0U, 0) == 0)
            serve(&station, OWN_SOCKET, cpu);
        frames_clear(&station.original);
        frames_clear(&station.reply);
        frames_clear(&station.new);
        nftables_close(station.nftables);
        segd_free(station.segd);
        _exit(EXIT_SUCCESS);
    }

    close(sockets[1]);
    worker->socket = sockets[0];
    return worker->process < 0 ? -errno : 0;
}

static int receive(struct worker *worker, struct answer *answer)
{
    ssize_t n = recv(worker->socket, answer, sizeof(*answer), 0);

    if (n < 0)
        return -errno;
    return n == sizeof(*answer) ? answer->result : -ECONNRESET;
}

int worker_new(const struct worker_description *description, struct round_size size, int cpu,
               struct worker **ret_worker, struct line_cost *ret_cost)
{
    cleanup_(worker_freep) struct worker *worker = calloc(1, sizeof(*worker));
    struct answer answer = {0};
    int r;

    if (!worker)
        return -ENOMEM;
    worker->process = worker->socket = -1;
    r = start(description, size, cpu, worker);
    if (r == 0)
        r = receive(worker, &answer);
    if (r < 0)
        return r;

    if (ret_cost)
        *ret_cost = answer.cost;
    *ret_worker = TAKE_PTR(worker);
    return 0;
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;

    if (worker->socket >= 0)
        close(worker->socket);
    /* It ends by itself when nobody asks any more. */
    while (worker->process > 0 && waitpid(worker->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(worker);
    return NULL;
}

int worker_run(struct worker *worker, enum round round, double *ret_rate)
{
    const struct request request = {round};
    struct answer answer;
    int r;

    if (send(worker->socket, &request, sizeof(request), MSG_NOSIGNAL) < 0)
        return -errno;
    r = receive(worker, &answer);
    if (r < 0)
        return r;
    *ret_rate = answer.rate;
    return 0;
}
