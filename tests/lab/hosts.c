/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hosts at the wires of the gateway. The process under test has one thread, so it simply walks
 * into a host's namespace, opens a socket there and walks back: a socket stays where it was opened.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "segd.h"
#include "hosts.h"
#include "lab/lab.h"
#include "lab/network.h"
#include "sandbox.h"

#define NAMESPACE "/proc/self/ns/net"
#define MOMENT_MSEC 5
/* So long nothing at all happens only where packets vanish: that is a failure, not slowness. */
#define MOMENTS_MAX 4000
#define PING_IDENTIFIER 0x5e9d

static int open_namespace(void)
{
    int fd = open(NAMESPACE, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

int hosts_enter(const struct host *host)
{
    int home = open_namespace();

    ck_assert_int_eq(setns(host->namespace, CLONE_NEWNET), 0);
    return home;
}

void hosts_leave(int home)
{
    ck_assert_int_eq(setns(home, CLONE_NEWNET), 0);
    close(home);
}

void hosts_ip(const struct host *host, const char *commands)
{
    static const char *const arguments[] = {"ip", "-batch", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int home = host ? hosts_enter(host) : -1;
    int status = sandbox_run(arguments, commands, &output);

    if (host)
        hosts_leave(home);
    ck_assert_msg(status == 0, "ip: %s\n%s", commands, output);
}

static void write_setting(const char *path, const char *value)
{
    cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value));
}

/* Without duplicate address detection, which makes an interface mute for its first seconds. */
static void configure_namespace(void)
{
    write_setting("/proc/sys/net/ipv4/ip_forward", "1");
    write_setting("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    write_setting("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
    write_setting("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    write_setting("/proc/sys/net/ipv6/conf/default/dad_transmits", "0");
}

static void add_wire(struct nl_sock *route, const char *interface, struct host *host, size_t number)
{
    struct network_wire wire = {
        .name = interface,
        .far_name = "eth0",
        .mac = {{0x02, 0, 0, 0, (uint8_t)number, 1}},
        .far_mac = {{0x02, 0, 0, 0, (uint8_t)number, 2}},
    };
    int home = open_namespace();

    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    configure_namespace();
    host->namespace = open_namespace();
    hosts_leave(home);
    ck_assert_int_eq(network_add_wire(route, host->namespace, &wire), 0);
}

/* Both ends get their addresses before they are up, so that nothing waits for anything. */
static void furnish(const char *interface, struct host *host, size_t number)
{
    char commands[512];

    snprintf(host->address[FAMILY_IPV4], ADDRESS_TEXT_MAX, "10.%zu.0.2", number);
    snprintf(host->gateway[FAMILY_IPV4], ADDRESS_TEXT_MAX, "10.%zu.0.1", number);
    snprintf(host->address[FAMILY_IPV6], ADDRESS_TEXT_MAX, "fd00:%zu::2", number);
    snprintf(host->gateway[FAMILY_IPV6], ADDRESS_TEXT_MAX, "fd00:%zu::1", number);
    snprintf(commands, sizeof(commands), "addr add %s/24 dev %s\naddr add %s/64 dev %s nodad\n",
             host->gateway[FAMILY_IPV4], interface, host->gateway[FAMILY_IPV6], interface);
    hosts_ip(NULL, commands);
    snprintf(commands, sizeof(commands),
             "addr add %s/24 dev eth0\naddr add %s/64 dev eth0 nodad\nlink set lo up\n"
             "link set eth0 up\nroute add default via %s\nroute add default via %s\n",
             host->address[FAMILY_IPV4], host->address[FAMILY_IPV6], host->gateway[FAMILY_IPV4],
             host->gateway[FAMILY_IPV6]);
    hosts_ip(host, commands);
}

void hosts_new(const char *const *interfaces, size_t n_interfaces, struct host *hosts)
{
    cleanup_(nl_socket_freep) struct nl_sock *route = NULL, *monitor = NULL;
    int ifindex;

    ck_assert(!lab_in_root_namespace());
    ck_assert_uint_le(n_interfaces, HOSTS_MAX);
    configure_namespace();
    ck_assert_int_eq(network_open(&route), 0);
    ck_assert_int_eq(network_open_monitor(RTNLGRP_LINK, &monitor), 0);
    for (size_t i = 0; i < n_interfaces; i++) {
        add_wire(route, interfaces[i], &hosts[i], i + 1);
        furnish(interfaces[i], &hosts[i], i + 1);
        ck_assert_int_eq(network_find(route, interfaces[i], &ifindex), 0);
        ck_assert_int_eq(network_wait_up(monitor, ifindex), 0);
    }
}

static socklen_t make_address(enum family family, const char *text, uint16_t port,
                              struct sockaddr_storage *ret_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

    memset(ret_address, 0, sizeof(*ret_address));
    if (family == FAMILY_IPV4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        ck_assert_int_eq(inet_pton(AF_INET, text, &v4->sin_addr), 1);
        return sizeof(*v4);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    return sizeof(*v6);
}

static int open_socket(const struct host *host, enum family family, int type, int protocol)
{
    int home = host ? hosts_enter(host) : -1;
    int fd = socket(family == FAMILY_IPV4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, protocol);

    ck_assert_int_ge(fd, 0);
    if (host)
        hosts_leave(home);
    return fd;
}

/* Bound to that address, or without one to every address of its namespace. */
static int open_bound(const struct host *host, enum family family, int type, const char *address,
                      uint16_t port)
{
    const char *any = family == FAMILY_IPV4 ? "0.0.0.0" : "::";
    int fd = open_socket(host, family, type, 0), on = 1;
    struct sockaddr_storage own;
    socklen_t length = make_address(family, address ? address : any, port, &own);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    if (family == FAMILY_IPV6)
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&own, length), 0);
    return fd;
}

int hosts_listen(const struct host *host, enum family family, uint16_t port)
{
    int fd = open_bound(host, family, SOCK_STREAM, NULL, port);

    ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

int hosts_udp(const struct host *host, enum family family, uint16_t port)
{
    return open_bound(host, family, SOCK_DGRAM, NULL, port);
}

int hosts_udp_at(const struct host *host, enum family family, const char *address, uint16_t port)
{
    return open_bound(host, family, SOCK_DGRAM, address, port);
}

void hosts_udp_send(int socket, enum family family, const char *address, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t length = make_address(family, address, port, &to);

    /* A socket in a protected gateway is told EPERM: that is for the test to see elsewhere. */
    if (sendto(socket, "segd....", 8, 0, (const struct sockaddr *)&to, length) < 0)
        ck_assert_int_eq(errno, EPERM);
}

int hosts_begin(const struct host *host, enum family family, int type, const char *address,
                uint16_t port)
{
    int fd = open_socket(host, family, type | SOCK_NONBLOCK, 0);
    struct sockaddr_storage to;
    socklen_t length = make_address(family, address, port, &to);

    if (connect(fd, (const struct sockaddr *)&to, length) < 0)
        ck_assert_int_eq(errno, EINPROGRESS);
    return fd;
}

bool hosts_readable(int socket, const char *counter, uint64_t before)
{
    struct pollfd wait = {.fd = socket, .events = POLLIN};

    for (int i = 0; i < MOMENTS_MAX; i++) {
        if (poll(&wait, 1, MOMENT_MSEC) > 0)
            return true;
        if (segd_dropped(counter) != before)
            return false;
    }
    ck_abort_msg("a packet came neither out nor to %s", counter);
    return false;
}

/* A raw socket of IPv4 reads the IP header too, which has no options here. */
static bool is_echo_reply(enum family family, const uint8_t *bytes, ssize_t size)
{
    if (family == FAMILY_IPV4)
        return size >= 28 && bytes[20] == ICMP_ECHOREPLY;
    return size >= 8 && bytes[0] == ICMP6_ECHO_REPLY;
}

bool hosts_ping(const struct host *host, enum family family, const char *address,
                const char *counter)
{
    int protocol = family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    cleanup_(closep) int fd = open_socket(host, family, SOCK_RAW, protocol);
    uint64_t before = segd_dropped(counter);
    uint8_t bytes[256] = {family == FAMILY_IPV4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST};
    struct sockaddr_storage to;
    socklen_t length = make_address(family, address, 0, &to);

    bytes[4] = PING_IDENTIFIER >> 8;
    bytes[5] = PING_IDENTIFIER & 0xff;
    if (family == FAMILY_IPV4) {
        /* Checksum of a header whose other words are zero; ICMPv6's is the kernel's affair. */
        uint16_t sum = (uint16_t) ~((ICMP_ECHO << 8) + PING_IDENTIFIER);

        bytes[2] = (uint8_t)(sum >> 8);
        bytes[3] = (uint8_t)sum;
    }
    ck_assert_int_eq(sendto(fd, bytes, 8, 0, (const struct sockaddr *)&to, length), 8);
    while (hosts_readable(fd, counter, before))
        if (is_echo_reply(family, bytes, recv(fd, bytes, sizeof(bytes), 0)))
            return true;
    return false;
}
