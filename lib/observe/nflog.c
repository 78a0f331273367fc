/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel numbers the packets of a group, so that a gap between two of them says how many were
 * lost, whatever the reason. It collects packets for a tenth of a second or until there are a
 * hundred, so that a flood costs few wake-ups; the rules bound how many there are at all.
 */

#include "observe/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/attributes.h"
#include "kernel/netlink.h"

/* Of one message, in which the kernel collects packets. */
#define MESSAGE_SIZE (64 * 1024)
/* A second of packets of some hundred pairs of interfaces. Takes memory only while they wait. */
#define RECEIVE_QUEUE_SIZE (4 * 1024 * 1024)
#define COPY_BYTES 128
#define COLLECT_PACKETS 100
#define COLLECT_CENTISECONDS 10

struct nflog {
    struct netlink netlink;
    char *buffer;
    struct messages messages; /* in the buffer, not yet read */
    uint32_t sequence;        /* of the last packet */
    bool any;                 /* there was one */
    bool tells_replies;
    uint64_t lost;
};

struct nflog *nflog_close(struct nflog *nflog)
{
    if (!nflog)
        return NULL;

    netlink_close(&nflog->netlink);
    free(nflog->buffer);
    free(nflog);
    return NULL;
}

int nflog_fd(const struct nflog *nflog)
{
    return mnl_socket_get_fd(nflog->netlink.socket);
}

bool nflog_tells_replies(const struct nflog *nflog)
{
    return nflog->tells_replies;
}

uint64_t nflog_take_lost(struct nflog *nflog)
{
    uint64_t lost = nflog->lost;

    nflog->lost = 0;
    return lost;
}

static int configure(struct nflog *nflog, uint16_t group, uint16_t attribute, const void *value,
                     size_t size)
{
    uint8_t buffer[256] = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *family;

    header->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
    family->version = NFNETLINK_V0;
    family->res_id = htons(group);
    mnl_attr_put(header, attribute, size, value);
    return netlink_request(&nflog->netlink, header, NULL, NULL);
}

static int subscribe(struct nflog *nflog, uint16_t group)
{
    const struct nfulnl_msg_config_cmd bind = {NFULNL_CFG_CMD_BIND};
    const struct nfulnl_msg_config_mode mode = {.copy_range = htonl(COPY_BYTES),
                                                .copy_mode = NFULNL_COPY_PACKET};
    const uint32_t size = htonl(MESSAGE_SIZE / 2), packets = htonl(COLLECT_PACKETS),
                   time = htonl(COLLECT_CENTISECONDS);
    const uint16_t numbers = htons(NFULNL_CFG_F_SEQ),
                   connections = htons(NFULNL_CFG_F_SEQ | NFULNL_CFG_F_CONNTRACK);
    int r = configure(nflog, group, NFULA_CFG_CMD, &bind, sizeof(bind));

    if (r == 0)
        r = configure(nflog, group, NFULA_CFG_MODE, &mode, sizeof(mode));
    if (r == 0)
        r = configure(nflog, group, NFULA_CFG_NLBUFSIZ, &size, sizeof(size));
    if (r == 0)
        r = configure(nflog, group, NFULA_CFG_QTHRESH, &packets, sizeof(packets));
    if (r == 0)
        r = configure(nflog, group, NFULA_CFG_TIMEOUT, &time, sizeof(time));
    if (r == 0)
        r = configure(nflog, group, NFULA_CFG_FLAGS, &connections, sizeof(connections));
    nflog->tells_replies = r == 0;
    if (r == -EOPNOTSUPP || r == -EAGAIN)
        r = configure(nflog, group, NFULA_CFG_FLAGS, &numbers, sizeof(numbers));
    return r;
}

int nflog_open(uint16_t group, struct nflog **ret_nflog)
{
    cleanup_(nflog_closep) struct nflog *nflog = calloc(1, sizeof(*nflog));
    int r;

    if (!nflog)
        return -ENOMEM;
    nflog->buffer = malloc(MESSAGE_SIZE);
    if (!nflog->buffer)
        return -ENOMEM;
    r = netlink_open(&nflog->netlink);
    if (r < 0)
        return r;
    netlink_set_receive_queue(nflog_fd(nflog), RECEIVE_QUEUE_SIZE);
    r = subscribe(nflog, group);
    if (r == 0 && fcntl(nflog_fd(nflog), F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    if (r < 0)
        return r;

    *ret_nflog = TAKE_PTR(nflog);
    return 0;
}

static void count_lost(struct nflog *nflog, const struct nlattr *attribute)
{
    uint32_t sequence = attribute_u32(attribute);

    if (!attribute)
        return;
    if (nflog->any)
        nflog->lost += (uint32_t)(sequence - nflog->sequence - 1);
    nflog->sequence = sequence;
    nflog->any = true;
}

static enum reason reason_of_prefix(const char *prefix)
{
    for (enum reason reason = REASON_NONE + 1; prefix && reason < REASONS; reason++)
        if (strcmp(prefix, reason_log_prefix(reason)) == 0)
            return reason;
    return REASON_NONE;
}

static bool is_reply(const struct nlattr *attribute)
{
    uint32_t info = attribute_u32(attribute);

    return attribute && info >= IP_CT_IS_REPLY && info < IP_CT_NUMBER;
}

/* Returns false where the message holds no packet that can be parsed. */
static bool parse(struct nflog *nflog, const struct nlmsghdr *message, struct nflog_packet *packet)
{
    const struct attributes list = attributes_of(message);
    const struct nlattr *payload = attributes_find(list, NFULA_PAYLOAD);

    if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
        return false;
    count_lost(nflog, attributes_find(list, NFULA_SEQ));
    packet->reason = reason_of_prefix(attribute_string(attributes_find(list, NFULA_PREFIX)));
    packet->in = attribute_u32(attributes_find(list, NFULA_IFINDEX_INDEV));
    packet->out = attribute_u32(attributes_find(list, NFULA_IFINDEX_OUTDEV));
    packet->reply = is_reply(attributes_find(list, NFULA_CT_INFO));
    return payload && packet_head_parse(mnl_attr_get_payload(payload),
                                        mnl_attr_get_payload_len(payload), &packet->packet) == 0;
}

int nflog_read(struct nflog *nflog, bool *may_receive, struct nflog_packet *ret_packet)
{
    const struct nlmsghdr *message;
    ssize_t n;

    for (;;) {
        while ((message = messages_next(&nflog->messages)))
            if (parse(nflog, message, ret_packet))
                return 1;
        if (!*may_receive)
            return 0;

        *may_receive = false;
        n = netlink_receive_from_kernel(nflog_fd(nflog), nflog->buffer, MESSAGE_SIZE);
        /* The number of the next packet tells how many were lost. */
        if (n == -EAGAIN || n == -ENOBUFS)
            return 0;
        if (n < 0)
            return (int)n;
        nflog->messages = messages_in(nflog->buffer, (size_t)n);
    }
}
