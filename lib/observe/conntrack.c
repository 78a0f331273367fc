/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Connections over ctnetlink. A kernel that knows how sends those with a mark only; since older
 * ones send all, the mark is looked at here again.
 *
 * Connections are deleted one by one, each named by its tuple and by the kernel's own id, and not
 * by the kernel's deletion by mark: a kernel that did not know the mark would delete everything.
 * The id keeps a new connection with the same addresses and ports from going in place of one that
 * ended meanwhile.
 */

#include "observe/conntrack.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/array.h"
#include "kernel/attributes.h"
#include "kernel/netlink.h"

#define REQUEST_MAX 256
/* A tuple of IPv6 with its zone takes some 80 bytes. */
#define DELETION_MAX 512
/* Deletions sent at once: even if each is refused, the answers fit the receive buffer. */
#define DELETIONS_AT_ONCE ((size_t)64)

struct conntrack {
    struct netlink netlink;
    uint32_t mark_mask;
};

static const char *const tcp_states[] = {
    [TCP_CONNTRACK_NONE] = "NONE",         [TCP_CONNTRACK_SYN_SENT] = "SYN_SENT",
    [TCP_CONNTRACK_SYN_RECV] = "SYN_RECV", [TCP_CONNTRACK_ESTABLISHED] = "ESTABLISHED",
    [TCP_CONNTRACK_FIN_WAIT] = "FIN_WAIT", [TCP_CONNTRACK_CLOSE_WAIT] = "CLOSE_WAIT",
    [TCP_CONNTRACK_LAST_ACK] = "LAST_ACK", [TCP_CONNTRACK_TIME_WAIT] = "TIME_WAIT",
    [TCP_CONNTRACK_CLOSE] = "CLOSE",       [TCP_CONNTRACK_SYN_SENT2] = "SYN_SENT2",
};

static struct nlmsghdr *request_new(void *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    return message;
}

/* What a tuple says; its source is who sends in its direction. */
struct tuple {
    ip_number source, destination;
    uint8_t protocol;
    uint16_t source_port, port;
    uint16_t icmp_id;
    uint16_t icmp; /* type times 256 plus code */
};

static struct attributes find_nest(struct attributes list, uint16_t type)
{
    return attributes_in(attributes_find(list, type));
}

static void parse_icmp(struct attributes list, uint16_t id, uint16_t type, uint16_t code,
                       struct tuple *tuple)
{
    tuple->icmp_id = attribute_u16(attributes_find(list, id));
    tuple->icmp = (uint16_t)(attribute_u8(attributes_find(list, type)) << 8 |
                             attribute_u8(attributes_find(list, code)));
}

static bool parse_address(struct attributes list, uint16_t type, enum family family,
                          ip_number *ret_address)
{
    const struct nlattr *address = attributes_find(list, type);

    if (!address || mnl_attr_get_payload_len(address) < family_bits(family) / 8)
        return false;
    *ret_address = address_from_bytes(family, mnl_attr_get_payload(address));
    return true;
}

static bool parse_tuple(struct attributes list, enum family family, struct tuple *tuple)
{
    const bool is_ipv4 = family == FAMILY_IPV4;
    struct attributes addresses = find_nest(list, CTA_TUPLE_IP);
    struct attributes protocol = find_nest(list, CTA_TUPLE_PROTO);
    const struct nlattr *number = attributes_find(protocol, CTA_PROTO_NUM);

    *tuple = (struct tuple){0};
    if (!parse_address(addresses, is_ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, family,
                       &tuple->source) ||
        !parse_address(addresses, is_ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, family,
                       &tuple->destination) ||
        !number || mnl_attr_get_payload_len(number) < sizeof(tuple->protocol))
        return false;

    tuple->protocol = attribute_u8(number);
    tuple->source_port = attribute_u16(attributes_find(protocol, CTA_PROTO_SRC_PORT));
    tuple->port = attribute_u16(attributes_find(protocol, CTA_PROTO_DST_PORT));
    if (tuple->protocol == IPPROTO_ICMP)
        parse_icmp(protocol, CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE, tuple);
    else if (tuple->protocol == IPPROTO_ICMPV6)
        parse_icmp(protocol, CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE,
                   tuple);
    return true;
}

static void parse_counts(struct attributes list, uint16_t type, struct conntrack_entry *connection,
                         uint64_t *ret_packets, uint64_t *ret_bytes)
{
    struct attributes counters = find_nest(list, type);
    const struct nlattr *packets = attributes_find(counters, CTA_COUNTERS_PACKETS);
    const struct nlattr *bytes = attributes_find(counters, CTA_COUNTERS_BYTES);

    if (!packets || !bytes)
        return;
    connection->counts = true;
    *ret_packets = attribute_u64(packets);
    *ret_bytes = attribute_u64(bytes);
}

static usec_t parse_began(struct attributes list)
{
    struct attributes times = find_nest(list, CTA_TIMESTAMP);

    return (usec_t)(attribute_u64(attributes_find(times, CTA_TIMESTAMP_START)) / 1000);
}

static const char *parse_state(struct attributes list)
{
    struct attributes tcp = find_nest(find_nest(list, CTA_PROTOINFO), CTA_PROTOINFO_TCP);
    const struct nlattr *state = attributes_find(tcp, CTA_PROTOINFO_TCP_STATE);

    if (!state || mnl_attr_get_payload_len(state) < sizeof(uint8_t) ||
        attribute_u8(state) >= ELEMENTS_OF(tcp_states))
        return NULL;
    return tcp_states[attribute_u8(state)];
}

/* True for a new or dumped connection of a family that is ours. */
static bool parse_family(const struct nlmsghdr *message, enum family *ret_family)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

    if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
        mnl_nlmsg_get_payload_len(message) < sizeof(*header))
        return false;
    *ret_family = header->nfgen_family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
    return header->nfgen_family == AF_INET || header->nfgen_family == AF_INET6;
}

/* Reads one dumped connection. Returns 1, or 0 for a message that describes none we know. */
static int parse_entry(const struct nlmsghdr *message, struct conntrack_entry *ret_connection)
{
    struct attributes list = attributes_of(message);
    struct tuple original, reply;
    struct conntrack_entry connection = {0};
    bool icmp;

    if (!parse_family(message, &connection.family) ||
        !parse_tuple(find_nest(list, CTA_TUPLE_ORIG), connection.family, &original) ||
        !parse_tuple(find_nest(list, CTA_TUPLE_REPLY), connection.family, &reply))
        return 0;

    icmp = original.protocol == IPPROTO_ICMP || original.protocol == IPPROTO_ICMPV6;
    connection.id = attribute_u32(attributes_find(list, CTA_ID));
    connection.source = original.source;
    connection.destination = reply.source;
    connection.protocol = original.protocol;
    connection.source_port = icmp ? original.icmp_id : original.source_port;
    connection.port = icmp ? original.icmp : reply.source_port;
    connection.sent_to = original.destination;
    connection.sent_to_port = icmp ? original.icmp : original.port;
    connection.received_from = reply.destination;
    connection.received_from_port = icmp ? reply.icmp_id : reply.port;
    connection.mark = attribute_u32(attributes_find(list, CTA_MARK));
    connection.status = attribute_u32(attributes_find(list, CTA_STATUS));
    connection.timeout = attribute_u32(attributes_find(list, CTA_TIMEOUT));
    connection.state = parse_state(list);
    connection.began = parse_began(list);
    parse_counts(list, CTA_COUNTERS_ORIG, &connection, &connection.original_packets,
                 &connection.original_bytes);
    parse_counts(list, CTA_COUNTERS_REPLY, &connection, &connection.reply_packets,
                 &connection.reply_bytes);
    *ret_connection = connection;
    return 1;
}

int conntrack_open(struct conntrack **ret_conntrack)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = calloc(1, sizeof(*conntrack));
    char buffer[REQUEST_MAX];
    int r;

    if (!conntrack)
        return -ENOMEM;
    r = netlink_open(&conntrack->netlink);
    if (r < 0)
        return r;

    /* Loads ctnetlink where it is a module. A kernel without it answers EINVAL. */
    r = netlink_request(&conntrack->netlink,
                        request_new(buffer, IPCTNL_MSG_CT_GET_STATS, 0, AF_UNSPEC), NULL, NULL);
    if (r < 0)
        return r == -EINVAL || r == -EOPNOTSUPP ? -EPROTONOSUPPORT : r;

    conntrack->mark_mask = UINT32_MAX;
    *ret_conntrack = TAKE_PTR(conntrack);
    return 0;
}

void conntrack_set_mark_mask(struct conntrack *conntrack, uint32_t mask)
{
    conntrack->mark_mask = mask != 0 ? mask : UINT32_MAX;
}

struct conntrack *conntrack_close(struct conntrack *conntrack)
{
    if (!conntrack)
        return NULL;

    netlink_close(&conntrack->netlink);
    free(conntrack);
    return NULL;
}

struct walk {
    conntrack_handler handler;
    void *userdata;
    uint32_t mark_mask;
};

static int give_connection(const struct nlmsghdr *message, void *userdata)
{
    const struct walk *walk = userdata;
    struct conntrack_entry connection;

    if (!parse_entry(message, &connection))
        return 0;
    connection.mark &= walk->mark_mask;
    return walk->handler(&connection, walk->userdata);
}

int conntrack_dump(struct conntrack *conntrack, conntrack_handler handler, void *userdata)
{
    struct walk walk = {handler, userdata, conntrack->mark_mask};
    char buffer[REQUEST_MAX];
    int r = netlink_request(&conntrack->netlink,
                            request_new(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC),
                            give_connection, &walk);

    return r == -EINTR ? -EAGAIN : r;
}

/* Deletions to be sent, each a message of at most DELETION_MAX bytes. */
struct deletions {
    uint32_t mark;
    uint32_t mask;
    char (*messages)[DELETION_MAX];
    size_t n_messages;
    size_t capacity;
};

static void deletions_clear(struct deletions *deletions)
{
    free(deletions->messages);
}

static bool copy_attribute(struct nlmsghdr *request, struct attributes list, uint16_t type)
{
    const struct nlattr *attribute = attributes_find(list, type);

    if (!attribute)
        return false;
    return mnl_attr_put_check(request, DELETION_MAX, attribute->nla_type,
                              mnl_attr_get_payload_len(attribute), mnl_attr_get_payload(attribute));
}

static int add_deletion(const struct nlmsghdr *message, void *userdata)
{
    struct deletions *deletions = userdata;
    struct attributes list = attributes_of(message);
    struct conntrack_entry connection;
    struct nlmsghdr *request;
    int r;

    if (!parse_entry(message, &connection) ||
        (connection.mark & deletions->mask) != deletions->mark)
        return 0;
    r = array_reserve(&deletions->messages, &deletions->capacity, deletions->n_messages + 1,
                      sizeof(*deletions->messages));
    if (r < 0)
        return r;

    request = request_new(deletions->messages[deletions->n_messages], IPCTNL_MSG_CT_DELETE, 0,
                          connection.family == FAMILY_IPV4 ? AF_INET : AF_INET6);
    if (!copy_attribute(request, list, CTA_TUPLE_ORIG) || !copy_attribute(request, list, CTA_ID))
        return -EBADMSG;
    if (attributes_find(list, CTA_ZONE) && !copy_attribute(request, list, CTA_ZONE))
        return -EBADMSG;
    deletions->n_messages++;
    return 0;
}

/* Sends `n` deletions. Returns how many found their connection, or -errno. */
static int send_deletions(struct conntrack *conntrack, char (*messages)[DELETION_MAX], size_t n)
{
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    struct iovec vectors[DELETIONS_AT_ONCE];
    size_t bytes = 0;
    int r;

    for (size_t i = 0; i < n; i++) {
        struct nlmsghdr *message = (struct nlmsghdr *)messages[i];

        message->nlmsg_seq = conntrack->netlink.sequence++;
        vectors[i] = (struct iovec){message, message->nlmsg_len};
        bytes += message->nlmsg_len;
    }
    r = netlink_transact(&conntrack->netlink, vectors, n, bytes, &errors);
    if (r < 0)
        return r;
    if (errors.overrun)
        return -ENOBUFS;

    /* What ended by itself is gone as well. */
    for (size_t i = 0; i < errors.n_errors; i++)
        if (errors.errors[i].error != -ENOENT)
            return errors.errors[i].error;
    return (int)(n - errors.n_errors);
}

int conntrack_delete_mark(struct conntrack *conntrack, uint32_t mark)
{
    cleanup_(deletions_clear) struct deletions deletions = {.mark = mark,
                                                            .mask = conntrack->mark_mask};
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request = request_new(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    int deleted = 0, r;

    mnl_attr_put_u32(request, CTA_MARK, htobe32(mark));
    mnl_attr_put_u32(request, CTA_MARK_MASK, htobe32(conntrack->mark_mask));
    r = netlink_request(&conntrack->netlink, request, add_deletion, &deletions);
    if (r < 0)
        return r == -EINTR ? -EAGAIN : r;

    for (size_t i = 0; i < deletions.n_messages; i += DELETIONS_AT_ONCE) {
        size_t n = deletions.n_messages - i;

        r = send_deletions(conntrack, deletions.messages + i,
                           n < DELETIONS_AT_ONCE ? n : DELETIONS_AT_ONCE);
        if (r < 0)
            return r;
        deleted += r;
    }
    return deleted;
}

static int add_table(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    struct conntrack_table *table = userdata;

    table->count = attribute_u32(attributes_find(list, CTA_STATS_GLOBAL_ENTRIES));
    table->max = attribute_u32(attributes_find(list, CTA_STATS_GLOBAL_MAX_ENTRIES));
    return 0;
}

int conntrack_read_table(struct conntrack *conntrack, struct conntrack_table *ret_table)
{
    struct conntrack_table table = {0};
    char buffer[REQUEST_MAX];
    int r = netlink_request(&conntrack->netlink,
                            request_new(buffer, IPCTNL_MSG_CT_GET_STATS, 0, AF_UNSPEC), add_table,
                            &table);

    if (r == 0 && table.max == 0)
        r = -ENODATA;
    if (r == 0)
        *ret_table = table;
    return r;
}

/* A message for each processor. */
static int add_statistics(const struct nlmsghdr *message, void *userdata)
{
    struct attributes list = attributes_of(message);
    struct conntrack_statistics *statistics = userdata;

    statistics->drop += attribute_u32(attributes_find(list, CTA_STATS_DROP));
    statistics->early_drop += attribute_u32(attributes_find(list, CTA_STATS_EARLY_DROP));
    statistics->insert_failed += attribute_u32(attributes_find(list, CTA_STATS_INSERT_FAILED));
    return 0;
}

int conntrack_read_statistics(struct conntrack *conntrack,
                              struct conntrack_statistics *ret_statistics)
{
    struct conntrack_statistics statistics = {0};
    char buffer[REQUEST_MAX];
    int r = netlink_request(&conntrack->netlink,
                            request_new(buffer, IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP, AF_UNSPEC),
                            add_statistics, &statistics);

    if (r == 0)
        *ret_statistics = statistics;
    return r == -EINTR ? -EAGAIN : r;
}
