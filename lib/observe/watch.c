/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Notifications of nftables on a socket of their own. The kernel reports each object that a
 * transaction touched and ends with the new generation, by whom. A loss is never ignored: once the
 * kernel finds the receive queue full it silently drops everything until the queue is empty, so the
 * queue is emptied before the loss is reported. Whatever happens after the report is received
 * again.
 */

#include "observe/watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/attributes.h"
#include "kernel/netlink.h"

/* A notification of many elements is at most a page or two; the kernel splits larger ones. */
#define RECEIVE_BUFFER_SIZE ((size_t)64 * 1024)
/* Holds the notifications of a transaction of 64,000 flows, so that our own do not look like a
 * loss. Takes memory only while something waits. */
#define RECEIVE_QUEUE_SIZE (32 * 1024 * 1024)

struct watch {
    struct mnl_socket *socket;
    struct watched pending; /* the transaction that has not ended */
    char *buffer;
    struct messages messages; /* in the buffer, not yet read */
};

/* The kernel gives the table's name the same number in the messages of all objects. */
#define SAME(attribute) ((int)NFTA_TABLE_NAME == (int)(attribute))
_Static_assert(SAME(NFTA_CHAIN_TABLE) && SAME(NFTA_RULE_TABLE) && SAME(NFTA_SET_TABLE) &&
                   SAME(NFTA_SET_ELEM_LIST_TABLE) && SAME(NFTA_OBJ_TABLE) &&
                   SAME(NFTA_FLOWTABLE_TABLE),
               "objects name their table differently");

static bool is_about(const struct nlmsghdr *message, const char *table)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const char *text = attribute_string(attributes_find(attributes_of(message), NFTA_TABLE_NAME));

    return text && header->nfgen_family == NFPROTO_INET && strcmp(text, table) == 0;
}

static void read_end(const struct nlmsghdr *message, struct watched *transaction)
{
    struct attributes list = attributes_of(message);
    const char *name = attribute_string(attributes_find(list, NFTA_GEN_PROC_NAME));

    transaction->generation = attribute_u32(attributes_find(list, NFTA_GEN_ID));
    transaction->process = (pid_t)attribute_u32(attributes_find(list, NFTA_GEN_PROC_PID));
    strncpy(transaction->program, name ? name : "", sizeof(transaction->program) - 1);
}

/* Adds a notification to a transaction. True where the message ends it. */
static bool watched_add(struct watched *transaction, const struct nlmsghdr *message,
                        const char *table)
{
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
        return false;
    if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
        read_end(message, transaction);
        return true;
    }
    transaction->touches_table = transaction->touches_table || is_about(message, table);
    return false;
}

static int watch_subscribe(struct watch *watch)
{
    int group = NFNLGRP_NFTABLES;

    watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;

    netlink_set_receive_queue(mnl_socket_get_fd(watch->socket), RECEIVE_QUEUE_SIZE);
    return mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0
               ? -errno
               : 0;
}

int watch_open(struct watch **ret_watch)
{
    cleanup_(watch_closep) struct watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->buffer = malloc(RECEIVE_BUFFER_SIZE);
    if (!watch->buffer)
        return -ENOMEM;
    r = watch_subscribe(watch);
    if (r < 0)
        return r;

    *ret_watch = TAKE_PTR(watch);
    return 0;
}

struct watch *watch_close(struct watch *watch)
{
    if (!watch)
        return NULL;

    if (watch->socket)
        mnl_socket_close(watch->socket);
    free(watch->buffer);
    free(watch);
    return NULL;
}

int watch_fd(const struct watch *watch)
{
    return mnl_socket_get_fd(watch->socket);
}

static ssize_t watch_receive(struct watch *watch)
{
    return netlink_receive_from_kernel(watch_fd(watch), watch->buffer, RECEIVE_BUFFER_SIZE);
}

/* Only an empty queue makes the kernel queue again. */
static int watch_resume(struct watch *watch)
{
    ssize_t n;

    do {
        n = watch_receive(watch);
    } while (n >= 0 || n == -ENOBUFS);

    watch->messages = (struct messages){NULL, NULL};
    watch->pending = (struct watched){0};
    return n == -EAGAIN ? -ENOBUFS : (int)n;
}

/* Returns 1 at the end of a transaction, 0 where the buffer holds none. */
static int watch_parse(struct watch *watch, const char *table, struct watched *ret_watched)
{
    const struct nlmsghdr *message;

    while ((message = messages_next(&watch->messages))) {
        if (!watched_add(&watch->pending, message, table))
            continue;
        *ret_watched = watch->pending;
        watch->pending = (struct watched){0};
        return 1;
    }
    return 0;
}

int watch_read(struct watch *watch, const char *table, struct watched *ret_watched)
{
    ssize_t n;

    while (watch_parse(watch, table, ret_watched) == 0) {
        n = watch_receive(watch);
        if (n == -EAGAIN)
            return 0;
        if (n == -ENOBUFS)
            return watch_resume(watch);
        if (n < 0)
            return (int)n;
        watch->messages = messages_in(watch->buffer, (size_t)n);
    }
    return 1;
}
