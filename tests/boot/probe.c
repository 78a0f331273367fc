/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Packets across a device of the gateway, one of each kind that a policy approves or refuses. The
 * hosts are network namespaces (`guest/devices` makes them); the table below says what is sent, who
 * sends it, and what must become of it: it arrives, or segd counts it for a reason. Either is an
 * event, so nothing waits for time to pass. What was refused is looked for once more at the end.
 *
 *   probe [--bind INTERFACE] CONTROL DEVICE FAMILY [PROBE=COUNTER]...
 *
 * CONTROL is the socket of the segd in the namespace `gateway`, FAMILY 4 or 6. PROBE=COUNTER is for
 * a device on which a probe ends otherwise: COUNTER is that of `segctl drops`, `pass`, `device`
 * where the device itself drops it, or `none` for a probe that the device cannot have. --bind is
 * for sockets of the gateway in a VRF.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/client.h"
#include "lab/frame.h"

#define MOMENT_MSEC 20
/* So long nothing happens only where packets vanish. */
#define PATIENCE_SEC 20

#define FIRST_CLIENT_PORT 20000
#define SOCKETS_MAX 128
#define ERROR_SOCKET 0 /* in place of a port: all ICMP errors of a host */
#define LARGE 2500     /* three fragments, or more in a tunnel */
#define ETHERNET_MTU 1500

enum place { NEAR, FAR, THIRD, GATEWAY, N_PLACES };

/* The gateway has an address in each network; it is asked by that of the host's own network. */
static const struct {
    const char *name;
    const char *address[FAMILIES];
    const char *gateway[FAMILIES];
} places[N_PLACES] = {
    [NEAR] = {"near", {"10.1.0.10", "fd00:1::10"}, {"10.1.0.1", "fd00:1::1"}},
    [FAR] = {"far", {"10.2.0.10", "fd00:2::10"}, {"10.2.0.1", "fd00:2::1"}},
    [THIRD] = {"third", {"10.3.0.10", "fd00:3::10"}, {"10.3.0.1", "fd00:3::1"}},
    [GATEWAY] = {"gateway", {NULL, NULL}, {NULL, NULL}},
};

enum shape {
    REQUEST,
    REPLY,  /* to the request before, in its connection */
    FORGED, /* with the address of another, `claimed` */
    ERROR,  /* an ICMP error that quotes the request before */
    BIG,    /* in fragments */
    UNCUT,  /* not to be cut: the gateway tells the sender where a tunnel cannot carry it */
};

/* A reply and an error belong to the last request that came before them. */
struct probe {
    const char *name;
    enum shape shape;
    enum place from;
    enum place to;
    enum place claimed;
    uint16_t port;
    const char *expected;
};

#define PASS "pass"
#define DEVICE "device"
#define NONE "none"

/* Flows: near to far 7001, far to near 7002, far to gateway 7003, gateway to far 7004. What an
 * error is refused for is counted for the side that opened its connection. By the answer to
 * `too-large` the host knows how large fragments of IPv6 may be. */
static const struct probe probes[] = {
    {"approved", REQUEST, NEAR, FAR, NEAR, 7001, PASS},
    {"approved-reply", REPLY, FAR, NEAR, FAR, 7001, PASS},
    {"approved-error", ERROR, FAR, NEAR, FAR, 7001, PASS},
    {"approved-error-forged", ERROR, THIRD, NEAR, THIRD, 7001, "no-flow/near/third"},
    {"approved-error-spoofed", ERROR, THIRD, NEAR, FAR, 7001, "spoofed/third"},
    {"approved-reply-spoofed", REPLY, THIRD, NEAR, FAR, 7001, "spoofed/third"},
    {"approved-again", REPLY, FAR, NEAR, FAR, 7001, PASS},
    {"other-port", REQUEST, NEAR, FAR, NEAR, 7009, "no-flow/near/far"},
    {"backwards", REQUEST, FAR, NEAR, FAR, 7001, "no-flow/far/near"},
    {"opposite", REQUEST, FAR, NEAR, FAR, 7002, PASS},
    {"opposite-reply", REPLY, NEAR, FAR, NEAR, 7002, PASS},
    {"opposite-error", ERROR, NEAR, FAR, NEAR, 7002, PASS},
    {"opposite-error-forged", ERROR, THIRD, FAR, THIRD, 7002, "no-flow/far/third"},
    {"opposite-reply-spoofed", REPLY, THIRD, FAR, NEAR, 7002, "spoofed/third"},
    {"opposite-other-port", REQUEST, FAR, NEAR, FAR, 7009, "no-flow/far/near"},
    {"opposite-backwards", REQUEST, NEAR, FAR, NEAR, 7002, "no-flow/near/far"},
    {"near-as-third", FORGED, NEAR, FAR, THIRD, 7001, "spoofed/near"},
    {"far-as-third", FORGED, FAR, NEAR, THIRD, 7002, "spoofed/far"},
    {"third-as-near", FORGED, THIRD, FAR, NEAR, 7001, "spoofed/third"},
    {"third-as-far", FORGED, THIRD, NEAR, FAR, 7002, "spoofed/third"},
    {"third-to-far", REQUEST, THIRD, FAR, THIRD, 7001, "no-flow/third/far"},
    {"far-to-third", REQUEST, FAR, THIRD, FAR, 7002, "no-flow/far/third"},
    {"too-large", UNCUT, NEAR, FAR, NEAR, 7001, NONE},
    {"large", BIG, NEAR, FAR, NEAR, 7001, PASS},
    {"large-back", BIG, FAR, NEAR, FAR, 7002, PASS},
    {"large-other-port", BIG, FAR, NEAR, FAR, 7009, "no-flow/far/near"},
    {"to-gateway", REQUEST, FAR, GATEWAY, FAR, 7003, PASS},
    {"to-gateway-reply", REPLY, GATEWAY, FAR, GATEWAY, 7003, PASS},
    {"to-gateway-other-port", REQUEST, FAR, GATEWAY, FAR, 7009, "no-flow/far/gateway"},
    {"third-to-gateway", REQUEST, THIRD, GATEWAY, THIRD, 7003, "no-flow/third/gateway"},
    {"third-to-gateway-as-far", FORGED, THIRD, GATEWAY, FAR, 7003, "spoofed/third"},
    {"from-gateway", REQUEST, GATEWAY, FAR, GATEWAY, 7004, PASS},
    {"from-gateway-reply", REPLY, FAR, GATEWAY, FAR, 7004, PASS},
    {"from-gateway-other-port", REQUEST, GATEWAY, FAR, GATEWAY, 7009, "no-flow/gateway/far"},
};

/* Sockets stay open to the end: each is bound to a port of a host and receives what is for it. */
struct listener {
    enum place place;
    uint16_t port;
    int fd;
};

struct test {
    const char *device;
    enum family family;
    const char *bind;
    struct client *client;
    struct listener listeners[SOCKETS_MAX];
    size_t n_listeners;
    char **overrides;
    size_t n_overrides;
    struct frame request; /* the last one */
    enum place requester;
    bool arrived[ELEMENTS_OF(probes)];
};

static void enter(enum place place)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/run/netns/%s", places[place].name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        err(1, "%s", path);
    close(fd);
}

static ip_number address_of(const struct test *test, const char *text)
{
    enum family family;
    ip_number address;

    if (address_parse(text, &family, &address) < 0 || family != test->family)
        abort();
    return address;
}

/* The address of one side as the other one says it. */
static ip_number side_address(const struct test *test, enum place place, enum place other)
{
    if (place == GATEWAY)
        return address_of(test, places[other].gateway[test->family]);
    return address_of(test, places[place].address[test->family]);
}

static socklen_t socket_address(enum family family, ip_number address, uint16_t port,
                                struct sockaddr_storage *ret)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof(*ret));
    if (family == FAMILY_IPV4) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        address_to_bytes(family, address, (uint8_t *)&ipv4->sin_addr);
        return sizeof(*ipv4);
    }
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    address_to_bytes(family, address, (uint8_t *)&ipv6->sin6_addr);
    return sizeof(*ipv6);
}

static int open_socket(const struct test *test, enum place place, int type, int protocol)
{
    int fd;

    enter(place);
    fd = socket(test->family == FAMILY_IPV4 ? AF_INET : AF_INET6,
                type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0)
        err(1, "a socket in %s", places[place].name);
    if (place == GATEWAY && test->bind &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, test->bind, (socklen_t)strlen(test->bind)) < 0)
        err(1, "a socket of %s", test->bind);
    return fd;
}

static int listener(struct test *test, enum place place, uint16_t port)
{
    struct sockaddr_storage any;
    socklen_t length = socket_address(test->family, 0, port, &any);
    int fd;

    for (size_t i = 0; i < test->n_listeners; i++)
        if (test->listeners[i].place == place && test->listeners[i].port == port)
            return test->listeners[i].fd;
    if (test->n_listeners == SOCKETS_MAX)
        abort();
    if (port == ERROR_SOCKET) {
        fd = open_socket(test, place, SOCK_RAW,
                         test->family == FAMILY_IPV4 ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
    } else {
        fd = open_socket(test, place, SOCK_DGRAM, 0);
        if (bind(fd, (struct sockaddr *)&any, length) < 0)
            err(1, "port %u of %s", port, places[place].name);
    }
    test->listeners[test->n_listeners++] = (struct listener){place, port, fd};
    return fd;
}

/* A packet as it is, whoever it says that it is from. */
static void send_raw(const struct test *test, enum place place, const struct frame *frame,
                     const struct frame_options *options)
{
    int fd = open_socket(test, place, SOCK_RAW, IPPROTO_RAW);
    uint8_t bytes[FRAME_BYTES_MAX];
    struct sockaddr_storage to;
    socklen_t length = socket_address(test->family, frame->destination, 0, &to);
    struct frame_body body;
    size_t offset = 0, size;

    if (frame_build(frame, options, &body) < 0)
        abort();
    size = frame_write(frame, options, &body, 1, &offset, bytes);
    if (sendto(fd, bytes + 14, size - 14, 0, (struct sockaddr *)&to, length) < 0)
        err(1, "a raw packet of %s", places[place].name);
    close(fd);
}

/* A protected gateway is told EPERM of what its rules refuse; a host is told by ICMP errors. */
static void send_datagram(int fd, const struct frame *frame, size_t size)
{
    uint32_t payload[LARGE / sizeof(uint32_t)] = {htonl(FRAME_MAGIC), htonl(frame->tag)};
    struct sockaddr_storage to;
    socklen_t length = socket_address(frame->family, frame->destination, frame->port, &to);

    for (;;) {
        if (sendto(fd, payload, size, 0, (struct sockaddr *)&to, length) >= 0 || errno == EPERM)
            return;
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH)
            err(1, "a datagram");
    }
}

static bool forbid_fragments(const struct test *test, int fd)
{
    int value = test->family == FAMILY_IPV4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;

    if (test->family == FAMILY_IPV4)
        return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value)) == 0;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value, sizeof(value)) == 0;
}

static void send_error(const struct test *test, const struct probe *probe, uint32_t tag)
{
    const struct frame error = {
        .family = test->family,
        .kind = FRAME_ICMP,
        .source = side_address(test, probe->claimed, test->requester),
        .destination = test->request.source,
        .port = test->family == FAMILY_IPV4 ? ICMP_DEST_UNREACH * 256 + ICMP_PORT_UNREACH
                                            : ICMP6_DST_UNREACH * 256 + ICMP6_DST_UNREACH_NOPORT,
        .tag = tag,
    };
    const struct frame_options options = {.quoted = &test->request};

    send_raw(test, probe->from, &error, &options);
}

/* Sends a probe; returns the socket on which it arrives if it does. */
static int send_probe(struct test *test, const struct probe *probe, uint32_t tag)
{
    struct frame frame = {
        .family = test->family,
        .kind = FRAME_UDP,
        .source = side_address(test, probe->claimed, probe->to),
        .destination = side_address(test, probe->to, probe->from),
        .source_port = (uint16_t)(FIRST_CLIENT_PORT + tag),
        .port = probe->port,
        .tag = tag,
    };
    int sender, arrives;

    switch (probe->shape) {
    case ERROR:
        arrives = listener(test, probe->to, ERROR_SOCKET);
        send_error(test, probe, tag);
        return arrives;
    case REPLY:
        frame.source_port = probe->port;
        frame.port = test->request.source_port;
        arrives = listener(test, probe->to, frame.port);
        if (probe->from == probe->claimed)
            send_datagram(listener(test, probe->from, probe->port), &frame, 8);
        else
            send_raw(test, probe->from, &frame, NULL);
        return arrives;
    case FORGED:
        arrives = listener(test, probe->to, probe->port);
        send_raw(test, probe->from, &frame, NULL);
        return arrives;
    case REQUEST:
        test->request = frame;
        test->requester = probe->from;
        arrives = listener(test, probe->to, probe->port);
        send_datagram(listener(test, probe->from, frame.source_port), &frame, 8);
        return arrives;
    case BIG:
        arrives = listener(test, probe->to, probe->port);
        send_datagram(listener(test, probe->from, frame.source_port), &frame, LARGE);
        return arrives;
    case UNCUT:
        arrives = listener(test, probe->from, ERROR_SOCKET);
        sender = listener(test, probe->from, frame.source_port);
        if (!forbid_fragments(test, sender))
            err(1, "a datagram that is not to be cut");
        send_datagram(sender, &frame, ETHERNET_MTU - (test->family == FAMILY_IPV4 ? 20 : 40) - 8);
        return arrives;
    }
    abort();
}

/* Notes which probes have arrived at a socket: what they carry stands at some place of the packet,
 * that of an ICMP error in what it quotes. */
static void receive(struct test *test, int fd)
{
    const uint32_t magic = htonl(FRAME_MAGIC);
    uint8_t bytes[FRAME_BYTES_MAX + LARGE];
    ssize_t size;

    while ((size = recv(fd, bytes, sizeof(bytes), 0)) >= 0 || errno == ECONNREFUSED ||
           errno == EHOSTUNREACH) {
        for (ssize_t i = 0; i + 8 <= size; i++) {
            uint32_t tag;

            if (memcmp(bytes + i, &magic, sizeof(magic)) != 0)
                continue;
            memcpy(&tag, bytes + i + 4, sizeof(tag));
            if (ntohl(tag) < ELEMENTS_OF(probes))
                test->arrived[ntohl(tag)] = true;
            break;
        }
    }
}

static json_t *read_drops(struct test *test)
{
    json_t *reply = NULL;
    char *error = NULL;

    errno = -client_call(test->client, "GetDrops", NULL, &reply, &error);
    if (errno != 0)
        err(1, "GetDrops");
    return reply;
}

static void counter_name(const json_t *drop, char *ret_name, size_t size)
{
    const char *from = json_string_value(json_object_get(drop, "from"));
    const char *to = json_string_value(json_object_get(drop, "to"));

    snprintf(ret_name, size, "%s%s%s%s%s", json_string_value(json_object_get(drop, "reason")),
             from ? "/" : "", from ? from : "", to ? "/" : "", to ? to : "");
}

static json_int_t drops_of(const json_t *drops, const char *counter)
{
    json_int_t packets = 0;
    char name[128];
    json_t *drop;
    size_t i;

    json_array_foreach(json_object_get(drops, "drops"), i, drop)
    {
        counter_name(drop, name, sizeof(name));
        if (strcmp(name, counter) == 0)
            packets += json_integer_value(json_object_get(drop, "packets"));
    }
    return packets;
}

/* What was counted between two readings, for the one who looks for the reason of a failure. */
static void print_counted(const json_t *before, const json_t *now)
{
    char name[128];
    json_t *drop;
    size_t i;

    json_array_foreach(json_object_get(now, "drops"), i, drop)
    {
        counter_name(drop, name, sizeof(name));
        if (drops_of(now, name) != drops_of(before, name))
            printf(" %s", name);
    }
}

static const char *expected_of(const struct test *test, const struct probe *probe)
{
    size_t length = strlen(probe->name);

    for (size_t i = 0; i < test->n_overrides; i++)
        if (strncmp(test->overrides[i], probe->name, length) == 0 &&
            test->overrides[i][length] == '=')
            return test->overrides[i] + length + 1;
    return probe->expected;
}

static bool is_pass(const char *expected)
{
    return strcmp(expected, PASS) == 0;
}

static void verdict(const struct test *test, const struct probe *probe, bool right)
{
    printf("BOOT-TEST %s %s/ipv%d/%s:", right ? "PASS" : "FAIL", test->device,
           test->family == FAMILY_IPV4 ? 4 : 6, probe->name);
}

/* What the device itself drops is no event; that its host sends is shown by what it sends next. */
static void judge(struct test *test, const struct probe *probe, uint32_t tag)
{
    const char *expected = expected_of(test, probe);
    time_t end = time(NULL) + PATIENCE_SEC;
    json_t *before = NULL, *now = NULL;
    bool counted = false;
    struct pollfd wait;

    if (strcmp(expected, NONE) == 0)
        return;
    if (!is_pass(expected))
        before = read_drops(test);
    wait = (struct pollfd){send_probe(test, probe, tag), POLLIN, 0};
    if (strcmp(expected, DEVICE) == 0) {
        verdict(test, probe, true);
        printf(" sent, and nowhere until the end\n");
        json_decref(before);
        return;
    }
    do {
        if (poll(&wait, 1, MOMENT_MSEC) > 0)
            receive(test, wait.fd);
        if (test->arrived[tag])
            break;
        json_decref(now);
        now = read_drops(test);
        counted = !is_pass(expected) && drops_of(now, expected) > drops_of(before, expected);
    } while (!counted && time(NULL) <= end);

    verdict(test, probe, is_pass(expected) ? test->arrived[tag] : counted && !test->arrived[tag]);
    printf(" %s", test->arrived[tag] ? "arrived" : "did not arrive, counted:");
    if (!test->arrived[tag])
        print_counted(before, now);
    printf("\n");
    json_decref(before);
    json_decref(now);
}

int main(int argc, char **argv)
{
    struct test test = {0};
    int first = 1;

    setlinebuf(stdout);
    if (argc > 2 && strcmp(argv[1], "--bind") == 0) {
        test.bind = argv[2];
        first = 3;
    }
    if (argc < first + 3) {
        fputs("usage: probe [--bind INTERFACE] CONTROL DEVICE FAMILY [PROBE=COUNTER]...\n", stderr);
        return 2;
    }
    errno = -client_connect(argv[first], &test.client);
    if (errno != 0)
        err(1, "%s", argv[first]);
    test.device = argv[first + 1];
    test.family = strcmp(argv[first + 2], "4") == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
    test.overrides = argv + first + 3;
    test.n_overrides = (size_t)(argc - first - 3);

    for (uint32_t tag = 0; tag < ELEMENTS_OF(probes); tag++)
        judge(&test, &probes[tag], tag);
    for (size_t i = 0; i < test.n_listeners; i++)
        receive(&test, test.listeners[i].fd);
    for (size_t tag = 0; tag < ELEMENTS_OF(probes); tag++) {
        const char *expected = expected_of(&test, &probes[tag]);

        if (!is_pass(expected) && strcmp(expected, NONE) != 0 && test.arrived[tag]) {
            verdict(&test, &probes[tag], false);
            printf(" arrived after all\n");
        }
    }
    client_close(test.client);
    return 0;
}
