/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

/*
 * One netlink socket, usually of the netfilter family: whole dumps that are consistent or say that
 * they are not, and transactions of which every refusal is received.
 */
struct netlink {
    struct mnl_socket *socket;
    uint32_t sequence; /* of the next message */
    size_t send_buffer;
    char *receive_buffer;
};

/* Returns 0, -EPERM where the caller lacks CAP_NET_ADMIN in the namespace (only found out by the
 * first request on some kernels), -ENOMEM, or -errno. */
int netlink_open(struct netlink *netlink);
/* The same for another protocol, NETLINK_*. */
int netlink_open_protocol(struct netlink *netlink, int protocol);
/*
 * The same over a copy of the descriptor of a netfilter socket that is bound already, which goes on
 * with the port it has. Returns as netlink_open(), or -EINVAL for any other descriptor, -EXDEV for
 * one of another network namespace.
 */
int netlink_adopt(struct netlink *netlink, int fd);
void netlink_close(struct netlink *netlink);
/* Gives a socket a longer queue for what it receives: beyond the system's limit, or up to it where
 * the caller lacks the privilege. */
void netlink_set_receive_queue(int fd, int size);
/*
 * Receives one datagram that the kernel sent; those of others are skipped. Returns its length,
 * -EAGAIN where none waits, -ENOBUFS where some were lost, or one did not fit; or -errno.
 */
ssize_t netlink_receive_from_kernel(int fd, void *buffer, size_t size);
/* The port by which the kernel knows the socket. */
uint32_t netlink_port(const struct netlink *netlink);

/*
 * Sends one request and gives each message of the answer to `handler`, unless that is NULL; a
 * negative return of it ends the dump and is returned. With NLM_F_DUMP or NLM_F_ACK in the
 * request's flags all messages up to the end, else one. Answers left from an earlier, broken-off
 * request are skipped.
 *
 * Returns 0, -EINTR where what was dumped changed meanwhile or messages were lost (start over), or
 * the kernel's -errno.
 */
typedef int (*netlink_handler)(const struct nlmsghdr *message, void *userdata);
int netlink_request(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handler,
                    void *userdata);

/* A message of a transaction that the kernel refused. */
struct netlink_error {
    uint32_t sequence;
    int error;       /* negative errno */
    uint32_t offset; /* of the attribute at fault in the message; 0: unknown */
};

struct netlink_errors {
    struct netlink_error *errors;
    size_t n_errors;
    size_t capacity;
    bool overrun; /* more errors or echoes than the receive buffer took */
    /* Each message of the transaction with NLM_F_ECHO comes back once it is committed, as the
     * kernel tells it; a negative return is ignored. NULL: none has that flag. */
    netlink_handler echoed;
    void *userdata;
};
void netlink_errors_clear(struct netlink_errors *errors);

/* The largest datagram that can be sent: `bytes`, or less where the system does not let us grow the
 * send buffer so far. */
size_t netlink_send_limit(struct netlink *netlink, size_t bytes);

/* Whether so many bytes that the kernel sends can wait to be received, as it counts them. The queue
 * is made longer for it, where the system lets us. */
bool netlink_has_room(struct netlink *netlink, size_t bytes);

/*
 * Sends all of `vectors` as one datagram, a batch, and collects the errors it got. The kernel
 * applies a batch within the call that sends it, so that every answer is there when it returns.
 *
 * Returns 0 where the kernel answered (`errors` may hold some), -ENOBUFS where the send buffer
 * cannot be grown to `bytes`, -ENOMEM, or -errno of the socket.
 */
int netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors, size_t bytes,
                     struct netlink_errors *errors);
