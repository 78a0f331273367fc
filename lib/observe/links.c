/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Following the interfaces. One socket receives changes and another asks for everything there is.
 * The kernel drops notifications when the first is full and says so once: then all that waits is
 * thrown away and everything is read again, because what waits may be older than what was dropped.
 * Notifications are subscribed to before the first reading, so that no change falls between.
 */

#include "observe/links.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "kernel/netlink.h"
#include "observe/link_table.h"

DEFINE_CLEANUP(struct nl_sock, nl_socket_free)

/* A notification is at most a page or two. */
#define RECEIVE_BUFFER_SIZE ((size_t)64 * 1024)
/* Room for about a thousand notifications. */
#define RECEIVE_QUEUE_SIZE (2 * 1024 * 1024)
/* Datagrams taken in by one call: others want to be served too, and the socket stays readable. */
#define DATAGRAMS_MAX 4096
/* Bytes of a request. */
#define ROUTE_REQUEST_MAX 64
/* How often everything is read before its reader gives up. */
#define TRIES_MAX 16

struct links {
    struct nl_sock *monitor;
    struct netlink query;
    struct link_table table;
    bool stale; /* something was lost: nothing but a full reading helps */
    char buffer[RECEIVE_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* Errors of libnl that opening a socket can have, as negative errno. */
static int result(int r)
{
    switch (-r) {
    case 0:
        return 0;
    case NLE_NOMEM:
        return -ENOMEM;
    case NLE_PERM:
        return -EPERM;
    case NLE_PROTO_MISMATCH:
        return -EPROTONOSUPPORT;
    default:
        return -EIO;
    }
}

/* Takes a message of a dump into a table. */
static int take_message(const struct nlmsghdr *message, void *userdata)
{
    /* libnl's functions read only, but do not say so. */
    int r = link_table_take(userdata, (struct nlmsghdr *)message);

    return r < 0 ? r : 0;
}

/* Takes all of one kind into the table. Returns -EINTR where it changed meanwhile. */
static int links_dump(struct links *links, uint16_t type, struct link_table *table)
{
    char buffer[ROUTE_REQUEST_MAX];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg)); /* of AF_UNSPEC, which is 0 */
    return netlink_request(&links->query, request, take_message, table);
}

static int links_read_once(struct links *links)
{
    cleanup_(link_table_clear) struct link_table table = {0};
    struct link_table old;
    int r;

    r = links_dump(links, RTM_GETLINK, &table);
    if (r == 0)
        r = links_dump(links, RTM_GETADDR, &table);
    if (r < 0)
        return r;
    if (link_table_equal(&links->table, &table))
        return 0;

    old = links->table;
    links->table = table;
    table = old;
    return 1;
}

/* Returns 1 where anything is different now, 0, or -errno; -EAGAIN where it changed during each
 * reading. */
static int links_read_all(struct links *links)
{
    int r = -EINTR;

    for (unsigned tries = 0; r == -EINTR && tries < TRIES_MAX; tries++)
        r = links_read_once(links);
    if (r >= 0)
        links->stale = false;
    return r == -EINTR ? -EAGAIN : r;
}

/* Returns 1 where anything changed, 0, or -errno of a message that could not be taken in. */
static int links_take(struct links *links, ssize_t n)
{
    struct nlmsghdr *message = (struct nlmsghdr *)links->buffer;
    int left = (int)n, changed = 0, r;

    for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
        r = message->nlmsg_type == RTM_NEWNETCONF ? 1 : link_table_take(&links->table, message);
        if (r < 0)
            return r;
        changed |= r;
    }
    return changed;
}

/* What cannot be taken in is lost, as if the kernel had dropped it. After an error the next call
 * reads everything. */
int links_read(struct links *links)
{
    bool changed = false;
    int r;

    for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
        ssize_t n =
            netlink_receive_from_kernel(links_fd(links), links->buffer, sizeof(links->buffer));

        if (n == -EAGAIN) {
            r = links->stale ? links_read_all(links) : 0;
            return r < 0 ? r : r > 0 || changed;
        }
        if (n == -ENOBUFS)
            links->stale = true;
        else if (n < 0)
            return (int)n;
        else if (!links->stale) {
            r = links_take(links, n);
            links->stale = r < 0;
            changed = changed || r != 0;
        }
    }
    return changed;
}

static int open_monitor(struct nl_sock **ret_socket)
{
    cleanup_(nl_socket_freep) struct nl_sock *socket = nl_socket_alloc();
    int r;

    if (!socket)
        return -ENOMEM;
    r = nl_connect(socket, NETLINK_ROUTE);
    if (r < 0)
        return result(r);
    netlink_set_receive_queue(nl_socket_get_fd(socket), RECEIVE_QUEUE_SIZE);
    r = nl_socket_set_nonblocking(socket);
    if (r == 0)
        r = nl_socket_add_memberships(socket, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
                                      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF,
                                      RTNLGRP_IPV6_NETCONF, 0);
    if (r < 0)
        return result(r);
    *ret_socket = TAKE_PTR(socket);
    return 0;
}

/* Connected, it receives from the kernel alone. */
static int open_query(struct netlink *query)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int r = netlink_open_protocol(query, NETLINK_ROUTE);

    if (r < 0)
        return r;
    return connect(mnl_socket_get_fd(query->socket), (const struct sockaddr *)&kernel,
                   sizeof(kernel)) < 0
               ? -errno
               : 0;
}

int links_open(struct links **ret_links)
{
    cleanup_(links_closep) struct links *links = calloc(1, sizeof(*links));
    int r;

    if (!links)
        return -ENOMEM;
    r = open_monitor(&links->monitor);
    if (r == 0)
        r = open_query(&links->query);
    if (r == 0)
        r = links_read_all(links);
    if (r < 0)
        return r;

    *ret_links = TAKE_PTR(links);
    return 0;
}

struct links *links_close(struct links *links)
{
    if (!links)
        return NULL;

    netlink_close(&links->query);
    nl_socket_free(links->monitor);
    link_table_clear(&links->table);
    free(links);
    return NULL;
}

int links_fd(const struct links *links)
{
    return nl_socket_get_fd(links->monitor);
}

size_t links_count(const struct links *links)
{
    return links->table.n_entries;
}

const struct link *links_at(const struct links *links, size_t i)
{
    return link_table_at(&links->table, i);
}

const struct link *links_find(const struct links *links, const char *name)
{
    for (size_t i = 0; i < links_count(links); i++)
        if (strcmp(links_at(links, i)->name, name) == 0)
            return links_at(links, i);
    return NULL;
}

const struct link *links_find_index(const struct links *links, int index)
{
    size_t i = BISECT(links_count(links), j, links_at(links, j)->index < index);

    return i < links_count(links) && links_at(links, i)->index == index ? links_at(links, i) : NULL;
}
