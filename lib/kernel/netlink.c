/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The socket below everything of nftables. A lost message (ENOBUFS) or a dump during which the
 * ruleset changed (NLM_F_DUMP_INTR) is never ignored: the caller gets -EINTR and starts over. The
 * kernel handles a request within sendmsg(), so a transaction needs no acknowledgement for each of
 * its thousands of messages, which would overflow the receive buffer: only errors are sent.
 */

#include "kernel/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/array.h"
#include "kernel/attributes.h"

/* The kernel makes the pieces of a dump as large as the reader's buffer, up to 32 KiB; a larger
 * buffer also takes every single message. */
#define RECEIVE_BUFFER_SIZE ((size_t)128 * 1024)
/* Room for some thousand errors of one transaction. */
#define RECEIVE_QUEUE_SIZE (4 * 1024 * 1024)
/* What netlink_sendmsg() in the kernel keeps back of the send buffer. */
#define SEND_KEPT_BACK ((size_t)32)
/* Asked for beyond that, so that batches a little larger need no new buffer. */
#define SEND_RESERVE ((size_t)4096)

void netlink_set_receive_queue(int fd, int size)
{
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

ssize_t netlink_receive_from_kernel(int fd, void *buffer, size_t size)
{
    struct sockaddr_nl from = {0};
    ssize_t n;

    do {
        socklen_t length = sizeof(from);

        n = recvfrom(fd, buffer, size, MSG_TRUNC, (struct sockaddr *)&from, &length);
    } while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
    if (n < 0)
        return -errno;
    return (size_t)n > size ? -ENOBUFS : n;
}

/* Each of these makes errors more precise; a kernel that lacks one still works. */
static void netlink_set_options(struct netlink *netlink)
{
    int yes = 1;

    mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &yes, sizeof(yes));
    mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &yes, sizeof(yes));
    netlink_set_receive_queue(mnl_socket_get_fd(netlink->socket), RECEIVE_QUEUE_SIZE);
}

int netlink_open(struct netlink *netlink)
{
    return netlink_open_protocol(netlink, NETLINK_NETFILTER);
}

int netlink_open_protocol(struct netlink *netlink, int protocol)
{
    int r;

    *netlink = (struct netlink){.sequence = 1};

    netlink->receive_buffer = malloc(RECEIVE_BUFFER_SIZE);
    if (!netlink->receive_buffer)
        return -ENOMEM;

    netlink->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        r = -errno;
        netlink_close(netlink);
        return r;
    }

    netlink_set_options(netlink);
    return 0;
}

uint32_t netlink_port(const struct netlink *netlink)
{
    return mnl_socket_get_portid(netlink->socket);
}

void netlink_close(struct netlink *netlink)
{
    if (netlink->socket)
        mnl_socket_close(netlink->socket);
    free(netlink->receive_buffer);
    *netlink = (struct netlink){0};
}

void netlink_errors_clear(struct netlink_errors *errors)
{
    free(errors->errors);
    *errors = (struct netlink_errors){0};
}

/* Returns the bytes received or -errno; -EAGAIN where `flags` has MSG_DONTWAIT and none wait. */
static ssize_t netlink_receive(struct netlink *netlink, int flags)
{
    ssize_t n;

    do {
        n = recv(mnl_socket_get_fd(netlink->socket), netlink->receive_buffer, RECEIVE_BUFFER_SIZE,
                 flags | MSG_TRUNC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n > RECEIVE_BUFFER_SIZE ? -EMSGSIZE : n;
}

/* What waits from a request that was broken off must not be taken for the answer to the next. */
static void netlink_drain(struct netlink *netlink)
{
    ssize_t n;

    do {
        n = netlink_receive(netlink, MSG_DONTWAIT);
    } while (n >= 0 || n == -ENOBUFS);
}

static bool socket_has(int fd, int option, int value)
{
    int found = 0;
    socklen_t length = sizeof(found);

    return getsockopt(fd, SOL_SOCKET, option, &found, &length) == 0 && found == value;
}

/* A socket acts on the namespace it was opened in, wherever its holder is now. */
static int check_namespace(int fd)
{
    cleanup_(closep) int here = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    uint64_t theirs = 0, ours = 0;
    socklen_t length = sizeof(theirs);

    if (here < 0)
        return -errno;
    /* Linux before 5.14 has no way to find out. */
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &length) < 0)
        return errno == ENOPROTOOPT ? 0 : -errno;
    if (getsockopt(here, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &length) < 0)
        return -errno;
    return theirs == ours ? 0 : -EXDEV;
}

/* The copy, without the flag that would make a wait for the kernel's answer fail. */
static int copy_socket(struct netlink *netlink, int fd)
{
    cleanup_(closep) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int flags = copy < 0 ? -1 : fcntl(copy, F_GETFL);

    if (flags < 0 || fcntl(copy, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return -errno;
    netlink->socket = mnl_socket_fdopen(copy);
    if (!netlink->socket)
        return -errno;

    TAKE_FD(copy);
    return 0;
}

int netlink_adopt(struct netlink *netlink, int fd)
{
    int r;

    *netlink = (struct netlink){0};
    if (!socket_has(fd, SO_DOMAIN, AF_NETLINK) || !socket_has(fd, SO_PROTOCOL, NETLINK_NETFILTER))
        return -EINVAL;
    r = check_namespace(fd);
    if (r < 0)
        return r;

    netlink->receive_buffer = malloc(RECEIVE_BUFFER_SIZE);
    if (!netlink->receive_buffer)
        return -ENOMEM;
    r = copy_socket(netlink, fd);
    if (r < 0) {
        netlink_close(netlink);
        return r;
    }

    netlink->sequence = 1;
    netlink_set_options(netlink);
    return 0;
}

struct answer {
    netlink_handler handler;
    void *userdata;
    bool interrupted;
    bool done;
};

static int answer_message(struct answer *answer, const struct nlmsghdr *message, bool many)
{
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
    int r;

    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        answer->interrupted = true;

    switch (message->nlmsg_type) {
    case NLMSG_NOOP:
        return 0;
    case NLMSG_OVERRUN:
        return -EINTR;
    case NLMSG_DONE:
        answer->done = true;
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(int)) {
            r = *(const int *)mnl_nlmsg_get_payload(message);
            return r < 0 ? r : 0;
        }
        return 0;
    case NLMSG_ERROR:
        answer->done = true;
        if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
            return -EBADMSG;
        return error->error;
    default:
        answer->done = !many;
        return answer->handler ? answer->handler(message, answer->userdata) : 0;
    }
}

static int answer_buffer(struct netlink *netlink, struct answer *answer, ssize_t n,
                         uint32_t sequence, bool many)
{
    struct messages messages = messages_in(netlink->receive_buffer, (size_t)n);
    const struct nlmsghdr *message;
    int r;

    while ((message = messages_next(&messages))) {
        if (message->nlmsg_seq != sequence)
            continue;
        r = answer_message(answer, message, many);
        if (r < 0)
            return r;
    }
    return 0;
}

int netlink_request(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handler,
                    void *userdata)
{
    bool many =
        (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP || request->nlmsg_flags & NLM_F_ACK;
    struct answer answer = {.handler = handler, .userdata = userdata};
    uint32_t sequence = netlink->sequence++;
    ssize_t n;
    int r;

    netlink_drain(netlink);
    request->nlmsg_seq = sequence;
    if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
        return -errno;

    while (!answer.done) {
        n = netlink_receive(netlink, 0);
        if (n < 0)
            return n == -ENOBUFS ? -EINTR : (int)n;
        r = answer_buffer(netlink, &answer, n, sequence, many);
        if (r < 0)
            return r;
    }
    return answer.interrupted ? -EINTR : 0;
}

/* SO_SNDBUFFORCE needs the privilege in the first user namespace; elsewhere the system's limit
 * (net.core.wmem_max) rules. */
static int netlink_grow_send_buffer(struct netlink *netlink, size_t bytes)
{
    int fd = mnl_socket_get_fd(netlink->socket), size, granted = 0;
    socklen_t length = sizeof(granted);

    if (bytes > INT32_MAX / 2)
        return -ENOBUFS;
    if (bytes + SEND_KEPT_BACK <= netlink->send_buffer)
        return 0;

    /* The kernel doubles what is asked for, and shows the doubled figure. */
    size = (int)(bytes / 2 + SEND_RESERVE);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &granted, &length) < 0)
        return -errno;

    netlink->send_buffer = (size_t)granted;
    return bytes + SEND_KEPT_BACK <= netlink->send_buffer ? 0 : -ENOBUFS;
}

size_t netlink_send_limit(struct netlink *netlink, size_t bytes)
{
    if (netlink_grow_send_buffer(netlink, bytes) == 0)
        return bytes;
    return netlink->send_buffer > SEND_KEPT_BACK ? netlink->send_buffer - SEND_KEPT_BACK : 0;
}

bool netlink_has_room(struct netlink *netlink, size_t bytes)
{
    int fd = mnl_socket_get_fd(netlink->socket), granted = 0;
    socklen_t length = sizeof(granted);

    if (bytes > INT32_MAX / 2)
        return false;
    /* The kernel doubles what is asked for, and shows the doubled figure. */
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length) == 0 && (size_t)granted < bytes) {
        netlink_set_receive_queue(fd, (int)(bytes / 2 + 1));
        granted = 0;
        getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length);
    }
    return (size_t)granted >= bytes;
}

static uint32_t error_offset(const struct nlmsghdr *message, const struct nlmsgerr *error)
{
    size_t skip = sizeof(*error);
    const struct nlattr *attribute;
    const char *end = (const char *)message + message->nlmsg_len;

    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return 0;
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += error->msg.nlmsg_len - sizeof(struct nlmsghdr);
    if (mnl_nlmsg_get_payload_len(message) < skip)
        return 0;

    skip = (skip + MNL_ALIGNTO - 1) & ~(size_t)(MNL_ALIGNTO - 1);
    attribute = (const struct nlattr *)((const char *)error + skip);
    for (; mnl_attr_ok(attribute, (int)(end - (const char *)attribute));
         attribute = mnl_attr_next(attribute))
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_OFFS &&
            mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t))
            return mnl_attr_get_u32(attribute);
    return 0;
}

static int netlink_collect(struct netlink *netlink, ssize_t n, struct netlink_errors *errors)
{
    struct messages messages = messages_in(netlink->receive_buffer, (size_t)n);
    const struct nlmsghdr *message;
    int r;

    while ((message = messages_next(&messages))) {
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

        if (message->nlmsg_type >= NLMSG_MIN_TYPE && errors->echoed)
            errors->echoed(message, errors->userdata);
        if (message->nlmsg_type != NLMSG_ERROR ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*error) || error->error == 0)
            continue;
        r = array_append(&errors->errors, &errors->n_errors, &errors->capacity,
                         &(struct netlink_error){.sequence = message->nlmsg_seq,
                                                 .error = error->error,
                                                 .offset = error_offset(message, error)},
                         sizeof(*errors->errors));
        if (r < 0)
            return r;
    }
    return 0;
}

int netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors, size_t bytes,
                     struct netlink_errors *errors)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr header = {.msg_name = &kernel,
                            .msg_namelen = sizeof(kernel),
                            .msg_iov = vectors,
                            .msg_iovlen = n_vectors};
    ssize_t n;
    int r;

    r = netlink_grow_send_buffer(netlink, bytes);
    if (r < 0)
        return r;

    netlink_drain(netlink);
    do {
        n = sendmsg(mnl_socket_get_fd(netlink->socket), &header, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EMSGSIZE ? -ENOBUFS : -errno;

    for (;;) {
        n = netlink_receive(netlink, MSG_DONTWAIT);
        if (n == -EAGAIN)
            return 0;
        if (n == -ENOBUFS) {
            errors->overrun = true;
            continue;
        }
        if (n < 0)
            return (int)n;
        r = netlink_collect(netlink, n, errors);
        if (r < 0)
            return r;
    }
}
