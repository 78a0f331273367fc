/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Connections that the gateway tracks. Probes use the same addresses and ports again and again; a
 * connection that one of them opened must not answer for the next.
 */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "lab/lab.h"

static void close_socketp(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

int lab_flush_conntrack(struct lab *lab)
{
    cleanup_(close_socketp) struct mnl_socket *socket =
        mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    uint8_t buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;
    ssize_t n;

    /* The connections are those of the process's namespace, which is the gateway's. */
    (void)lab;
    if (!socket)
        return -errno;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;

    /* A deletion that names no connection deletes all. */
    message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = 1;
    header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;

    n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    if (n < 0)
        return -errno;
    if (mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0)
        return -errno;
    return 0;
}
