/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Traffic across the gateway of a boot test, from before segd runs until the machine goes down.
 * Each millisecond a round of numbered datagrams of both families is offered: such as the policy
 * approves, and such as it does not. After each round it is known of every single one whether it
 * came through, however slow the machine is: this process and its packets stay on one processor,
 * whose queue is handled in order, and a datagram that goes around the gateway tells that all
 * before it were handled. So a loss is a loss and never a matter of time, and so is what must not
 * pass.
 *
 *   traffic               offers traffic between the network namespaces `office` and `core`
 *   traffic counters [N]  prints the counters after N more rounds
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH "/run/segd-boot/traffic"
#define CLIENTS_MAX 16
#define TEXT_MAX 8192

#define ROUND_NSEC 1000000
#define MAGIC 0x73656764u

/* A datagram waits twice on its way: at the gateway, and at the host behind it. */
#define TIMES_QUEUED 2

#define PORT_CLIENT 7000
#define PORT_APPROVED 7001
#define PORT_SECOND 7002
#define PORT_FORBIDDEN 7009
#define PORT_AROUND 7777

/* Source ports of connections that are new each; by the time they begin anew, connection tracking
 * has forgotten them (`wires` sees to it). */
#define PORT_NEW_FIRST 20000
#define PORT_NEW_LAST 52000

enum place { OFFICE, CORE, N_PLACES };
enum family { IPV4, IPV6, N_FAMILIES };

enum kind {
    OPEN,    /* one connection that stays open */
    REPLY,   /* what comes back on it */
    NEW,     /* another connection each time, of the same flow */
    SECOND,  /* an open connection of another flow */
    PORT,    /* a port that no flow names */
    INWARD,  /* against the direction of the flow */
    SPOOFED, /* an address of the other zone */
    N_KINDS,
};

/* Whether a source port is the kind's own or a new one each time. */
static const struct {
    const char *name;
    enum place from;
    uint16_t source;
    uint16_t destination;
} kinds[N_KINDS] = {
    [OPEN] = {"open", OFFICE, PORT_CLIENT, PORT_APPROVED},
    [REPLY] = {"reply", CORE, PORT_APPROVED, PORT_CLIENT},
    [NEW] = {"new", OFFICE, 0, PORT_APPROVED},
    [SECOND] = {"second", OFFICE, PORT_SECOND, PORT_SECOND},
    [PORT] = {"port", OFFICE, PORT_FORBIDDEN, PORT_FORBIDDEN},
    [INWARD] = {"inward", CORE, PORT_FORBIDDEN, PORT_APPROVED},
    [SPOOFED] = {"spoofed", OFFICE, PORT_CLIENT, PORT_APPROVED},
};

static const char *const places[N_PLACES] = {"office", "core"};
static const char *const hosts[N_PLACES][N_FAMILIES] = {
    {"10.20.0.10", "fd00:20::10"},
    {"10.10.0.10", "fd00:10::10"},
};
static const char *const spoofed_hosts[N_FAMILIES] = {"10.10.9.9", "fd00:10::9:9"};
static const char *const around_hosts[N_PLACES] = {"192.0.2.1", "192.0.2.2"};
static const char *const forwarding_paths[N_FAMILIES] = {
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv6/conf/all/forwarding",
};

/* What is in a datagram. */
struct number {
    uint32_t magic;
    uint32_t kind;
    uint64_t round;
};

struct counter {
    uint64_t sent;
    uint64_t arrived;
    uint64_t lost;  /* after the first that arrived */
    uint64_t first; /* the round in which it did; 0: none */
    bool here;      /* arrived in this round */
};

struct client {
    int fd;
    uint64_t due;
};

struct traffic {
    int receivers[N_PLACES][N_FAMILIES][4];
    int senders[N_KINDS][N_FAMILIES];
    int around[N_PLACES];
    int forwarding[N_FAMILIES];
    int timer;
    int server;
    struct client clients[CLIENTS_MAX];
    size_t n_clients;
    uint64_t round;
    uint64_t strays;                /* twice, or after its round */
    uint64_t forwarded[N_FAMILIES]; /* the round in which forwarding was seen on first */
    uint16_t new_port;
    struct counter counters[N_KINDS][N_FAMILIES];
};

/* The address of a host, in the family that it is written in. */
static socklen_t address_of(const char *host, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        return sizeof(*ipv4);
    }
    if (inet_pton(AF_INET6, host, &ipv6->sin6_addr) != 1)
        abort();
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    return sizeof(*ipv6);
}

static int open_socket(const char *host, uint16_t port)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(host, port, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0)
        err(1, "a socket at %s port %u", host, port);
    return fd;
}

static void enter(enum place place)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/run/netns/%s", places[place]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        err(1, "%s", path);
    close(fd);
}

/* Each socket of a place sends or receives; the sockets of kinds do both where others answer them.
 */
static void open_sockets(struct traffic *traffic, enum place place)
{
    static const uint16_t ports[] = {PORT_CLIENT, PORT_APPROVED, PORT_SECOND, PORT_FORBIDDEN};

    enter(place);
    for (enum family family = 0; family < N_FAMILIES; family++) {
        int *sockets = traffic->receivers[place][family];

        for (size_t i = 0; i < 4; i++)
            sockets[i] = open_socket(hosts[place][family], ports[i]);
        for (enum kind kind = 0; kind < N_KINDS; kind++) {
            for (size_t i = 0; i < 4; i++) {
                if (kinds[kind].from == place && kinds[kind].source == ports[i])
                    traffic->senders[kind][family] = sockets[i];
            }
        }
        if (place == OFFICE)
            traffic->senders[SPOOFED][family] = open_socket(spoofed_hosts[family], PORT_CLIENT);
    }
    traffic->around[place] = open_socket(around_hosts[place], PORT_AROUND);
}

/* Packets of one processor are handled in order. */
static void stay_on_one_processor(void)
{
    int processor = sched_getcpu();
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    if (processor < 0 || sched_setaffinity(0, sizeof(set), &set) < 0)
        err(1, "staying on one processor");
}

static void listen_to_clients(struct traffic *traffic)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};

    unlink(SOCKET_PATH);
    traffic->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (traffic->server < 0 ||
        bind(traffic->server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(traffic->server, CLIENTS_MAX) < 0)
        err(1, "%s", SOCKET_PATH);
}

static void start(struct traffic *traffic)
{
    const struct itimerspec every = {{0, ROUND_NSEC}, {0, ROUND_NSEC}};

    signal(SIGPIPE, SIG_IGN); /* a client that does not wait for its answer */
    stay_on_one_processor();
    /* These files show the network namespace in which they were opened. */
    for (enum family family = 0; family < N_FAMILIES; family++) {
        traffic->forwarding[family] = open(forwarding_paths[family], O_RDONLY | O_CLOEXEC);
        if (traffic->forwarding[family] < 0)
            err(1, "%s", forwarding_paths[family]);
    }
    listen_to_clients(traffic);
    /* The last one entered is where sockets of new connections are opened. */
    open_sockets(traffic, CORE);
    open_sockets(traffic, OFFICE);
    traffic->new_port = PORT_NEW_FIRST;

    traffic->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (traffic->timer < 0 || timerfd_settime(traffic->timer, 0, &every, NULL) < 0)
        err(1, "a timer");
}

static void send_one(struct traffic *traffic, enum kind kind, enum family family)
{
    const struct number number = {MAGIC, kind, traffic->round};
    const enum place to = kinds[kind].from == OFFICE ? CORE : OFFICE;
    struct sockaddr_storage address;
    socklen_t length = address_of(hosts[to][family], kinds[kind].destination, &address);
    int fd = traffic->senders[kind][family];

    if (kind == NEW)
        fd = open_socket(hosts[OFFICE][family], traffic->new_port);
    if (sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&address, length) !=
        sizeof(number))
        err(1, "sending `%s`", kinds[kind].name);
    if (kind == NEW)
        close(fd);
    traffic->counters[kind][family].sent++;
    traffic->counters[kind][family].here = false;
}

/* Waits until everything that was sent has been delivered or dropped. */
static void settle(struct traffic *traffic)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(around_hosts[CORE], PORT_AROUND, &address);
    char byte = 0;

    for (int i = 0; i < TIMES_QUEUED; i++) {
        if (sendto(traffic->around[OFFICE], &byte, 1, 0, (struct sockaddr *)&address, length) !=
                1 ||
            recv(traffic->around[CORE], &byte, 1, 0) != 1)
            err(1, "the way around the gateway");
    }
}

static void receive(struct traffic *traffic, enum place place, enum family family, int fd)
{
    struct number number;
    ssize_t length;

    while ((length = recv(fd, &number, sizeof(number), MSG_DONTWAIT | MSG_TRUNC)) >= 0) {
        struct counter *counter;

        if (length != sizeof(number) || number.magic != MAGIC || number.kind >= N_KINDS ||
            kinds[number.kind].from == place || number.round != traffic->round) {
            traffic->strays++;
            continue;
        }
        counter = &traffic->counters[number.kind][family];
        if (counter->here) {
            traffic->strays++;
            continue;
        }
        counter->here = true;
        counter->arrived++;
        if (counter->first == 0)
            counter->first = traffic->round;
    }
    if (errno != EAGAIN)
        err(1, "receiving");
}

static void note_forwarding(struct traffic *traffic)
{
    for (enum family family = 0; family < N_FAMILIES; family++) {
        char value = '0';

        if (traffic->forwarded[family] > 0)
            continue;
        if (pread(traffic->forwarding[family], &value, 1, 0) != 1)
            err(1, "%s", forwarding_paths[family]);
        if (value != '0')
            traffic->forwarded[family] = traffic->round;
    }
}

static void make_round(struct traffic *traffic)
{
    traffic->round++;
    for (enum kind kind = 0; kind < N_KINDS; kind++) {
        for (enum family family = 0; family < N_FAMILIES; family++)
            send_one(traffic, kind, family);
    }
    if (traffic->new_port++ == PORT_NEW_LAST)
        traffic->new_port = PORT_NEW_FIRST;

    settle(traffic);
    /* Behind the packets: what arrived was forwarded. */
    note_forwarding(traffic);
    for (enum place place = 0; place < N_PLACES; place++) {
        for (enum family family = 0; family < N_FAMILIES; family++) {
            for (size_t i = 0; i < 4; i++)
                receive(traffic, place, family, traffic->receivers[place][family][i]);
        }
    }
    for (enum kind kind = 0; kind < N_KINDS; kind++) {
        for (enum family family = 0; family < N_FAMILIES; family++) {
            struct counter *counter = &traffic->counters[kind][family];

            if (counter->first > 0 && !counter->here)
                counter->lost++;
        }
    }
}

static void answer(const struct traffic *traffic, int fd)
{
    static const char *const families[N_FAMILIES] = {"4", "6"};
    FILE *file = fdopen(fd, "w");

    if (!file)
        err(1, "answering");
    fprintf(file, "rounds %ju\nstrays %ju\n", (uintmax_t)traffic->round,
            (uintmax_t)traffic->strays);
    for (enum family family = 0; family < N_FAMILIES; family++) {
        fprintf(file, "forwarding.%s.first %ju\n", families[family],
                (uintmax_t)traffic->forwarded[family]);
        for (enum kind kind = 0; kind < N_KINDS; kind++) {
            const struct counter *counter = &traffic->counters[kind][family];
            const char *name = kinds[kind].name;

            fprintf(file, "%s.%s.sent %ju\n", name, families[family], (uintmax_t)counter->sent);
            fprintf(file, "%s.%s.arrived %ju\n", name, families[family],
                    (uintmax_t)counter->arrived);
            fprintf(file, "%s.%s.lost %ju\n", name, families[family], (uintmax_t)counter->lost);
            fprintf(file, "%s.%s.first %ju\n", name, families[family], (uintmax_t)counter->first);
        }
    }
    fclose(file);
}

/* Between two rounds: so the round that is counted from here on began after the question. */
static void accept_client(struct traffic *traffic)
{
    char text[32] = "";
    int fd = accept4(traffic->server, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        err(1, "accepting");
    if (read(fd, text, sizeof(text) - 1) <= 0) {
        close(fd);
        return;
    }
    traffic->clients[traffic->n_clients++] =
        (struct client){fd, traffic->round + strtoull(text, NULL, 10) + 1};
}

static void answer_clients(struct traffic *traffic)
{
    for (size_t i = traffic->n_clients; i-- > 0;) {
        if (traffic->clients[i].due > traffic->round)
            continue;
        answer(traffic, traffic->clients[i].fd);
        traffic->clients[i] = traffic->clients[--traffic->n_clients];
    }
}

static void notify_ready(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    int fd;

    if (length == 0 || length >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 7)
        err(1, "telling systemd");
    close(fd);
}

static void run(struct traffic *traffic)
{
    bool first = true;

    for (;;) {
        /* Without a place for another client the next one waits. */
        struct pollfd events[] = {
            {.fd = traffic->timer, .events = POLLIN},
            {.fd = traffic->n_clients < CLIENTS_MAX ? traffic->server : -1, .events = POLLIN},
        };
        uint64_t ticks;

        if (poll(events, 2, -1) < 0)
            err(1, "waiting");
        if (events[1].revents)
            accept_client(traffic);
        if (!events[0].revents)
            continue;
        /* Rounds that were missed are not made up for. */
        if (read(traffic->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
            err(1, "a timer");
        make_round(traffic);
        answer_clients(traffic);
        if (first)
            notify_ready();
        first = false;
    }
}

static int ask(const char *rounds)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[TEXT_MAX];
    ssize_t length, total = 0;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        write(fd, rounds, strlen(rounds)) < 0)
        err(1, "%s", SOCKET_PATH);
    while ((length = read(fd, text, sizeof(text))) > 0) {
        fwrite(text, 1, (size_t)length, stdout);
        total += length;
    }
    close(fd);
    if (length < 0 || total == 0)
        err(1, "no counters");
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct traffic traffic = {0};

    if (argc > 1 && strcmp(argv[1], "counters") == 0)
        return ask(argc > 2 ? argv[2] : "0");
    if (argc > 1) {
        fputs("usage: traffic [counters [ROUNDS]]\n", stderr);
        return 2;
    }
    start(&traffic);
    run(&traffic);
}
