/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segd-lockdown: the first thing that happens to packets in a boot. Unless the kernel has the table
 * `inet segd` already, it commits one with a chain that drops all that is to be forwarded; segd
 * replaces it by the policy.
 *
 * It stands in for segd, so it must work where segd does not: after an upgrade of the system that
 * removed a library, or with a damaged file. Hence it is linked statically and speaks netlink by
 * itself, in the five messages that it needs.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TABLE "segd"
#define CHAIN "forward"

/* Of an attribute. The macros of the kernel's headers for this are signed. */
#define HEADER_SIZE sizeof(struct nlattr)

/* As segd's: the kernel refused, or the caller may not. */
enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_NOT_PERMITTED = 5, EXIT_KERNEL = 6 };

/* Messages that are sent at once. The kernel reads them in place, so they must be aligned. */
struct batch {
    _Alignas(struct nlmsghdr) char bytes[1024];
    size_t size;
    size_t message; /* where the last one begins */
    uint32_t sequence;
};

static size_t aligned(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static struct nlmsghdr *last_message(struct batch *batch)
{
    return (struct nlmsghdr *)(void *)(batch->bytes + batch->message);
}

static void *reserve(struct batch *batch, size_t size)
{
    void *place = batch->bytes + batch->size;

    batch->size += aligned(size);
    last_message(batch)->nlmsg_len = (uint32_t)(batch->size - batch->message);
    return place;
}

static void add_message(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family,
                        uint16_t resource)
{
    struct nfgenmsg *header;

    batch->message = batch->size;
    reserve(batch, sizeof(struct nlmsghdr));
    last_message(batch)->nlmsg_type = type;
    last_message(batch)->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    last_message(batch)->nlmsg_seq = ++batch->sequence;
    header = reserve(batch, sizeof(*header));
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    header->res_id = htons(resource);
}

static void add_nftables(struct batch *batch, uint16_t type, uint16_t flags)
{
    add_message(batch, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type), flags | NLM_F_ACK,
                NFPROTO_INET, 0);
}

static struct nlattr *add_attribute(struct batch *batch, uint16_t type, const void *value,
                                    size_t size)
{
    struct nlattr *attribute = reserve(batch, HEADER_SIZE + size);

    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(HEADER_SIZE + size);
    if (size > 0)
        memcpy((char *)attribute + HEADER_SIZE, value, size);
    return attribute;
}

static void add_text(struct batch *batch, uint16_t type, const char *text)
{
    add_attribute(batch, type, text, strlen(text) + 1);
}

static void add_number(struct batch *batch, uint16_t type, uint32_t number)
{
    uint32_t value = htonl(number);

    add_attribute(batch, type, &value, sizeof(value));
}

static void add_table(struct batch *batch, uint16_t type, uint16_t flags)
{
    add_nftables(batch, type, flags);
    add_text(batch, NFTA_TABLE_NAME, TABLE);
}

static void add_chain(struct batch *batch)
{
    struct nlattr *hook;

    add_nftables(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    add_text(batch, NFTA_CHAIN_TABLE, TABLE);
    add_text(batch, NFTA_CHAIN_NAME, CHAIN);
    add_text(batch, NFTA_CHAIN_TYPE, "filter");
    add_number(batch, NFTA_CHAIN_POLICY, NF_DROP);
    hook = add_attribute(batch, NFTA_CHAIN_HOOK | NLA_F_NESTED, NULL, 0);
    add_number(batch, NFTA_HOOK_HOOKNUM, NF_INET_FORWARD);
    add_number(batch, NFTA_HOOK_PRIORITY, 0);
    hook->nla_len = (uint16_t)(batch->bytes + batch->size - (char *)hook);
}

/* The flags of the table that a message describes. */
static uint32_t read_flags(const struct nlmsghdr *message)
{
    const char *bytes = NLMSG_DATA(message);
    size_t size = NLMSG_PAYLOAD(message, 0);
    uint32_t flags = 0;

    for (size_t at = aligned(sizeof(struct nfgenmsg)); at + HEADER_SIZE <= size;) {
        struct nlattr attribute;

        memcpy(&attribute, bytes + at, sizeof(attribute));
        if (attribute.nla_len < HEADER_SIZE || attribute.nla_len > size - at)
            break;
        if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_TABLE_FLAGS &&
            attribute.nla_len >= HEADER_SIZE + sizeof(flags))
            memcpy(&flags, bytes + at + HEADER_SIZE, sizeof(flags));
        at += aligned(attribute.nla_len);
    }
    return ntohl(flags);
}

/*
 * Reads one datagram of answers. Returns 1 once the message of this number was answered without an
 * error, 0 if more is to come, or -errno, also where the kernel answered so. `*flags` are those of
 * the table if an answer describes it.
 */
static int read_answers(int fd, uint32_t sequence, uint32_t *flags)
{
    _Alignas(struct nlmsghdr) char bytes[8192];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    size_t left = n > 0 ? (size_t)n : 0;

    if (n <= 0)
        return n < 0 ? -errno : -EIO;
    for (struct nlmsghdr *message = (void *)bytes; NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
        const struct nlmsgerr *answer = NLMSG_DATA(message);

        if (message->nlmsg_type != NLMSG_ERROR) {
            *flags = read_flags(message);
            continue;
        }
        if (answer->error != 0)
            return answer->error;
        if (message->nlmsg_seq == sequence)
            return 1;
    }
    return 0;
}

/* Sends the messages and waits for the answer to number `last`. Returns 0 or -errno. */
static int exchange(int fd, const struct batch *batch, uint32_t last, uint32_t *flags)
{
    int r = 0;

    if (send(fd, batch->bytes, batch->size, 0) < 0)
        return -errno;
    while (r == 0)
        r = read_answers(fd, last, flags);
    return r < 0 ? r : 0;
}

/* Whether the kernel has the table, and it takes part. Returns 1, 0 or -errno. */
static int is_enforced(int fd, bool *ret_dormant)
{
    struct batch batch = {0};
    uint32_t flags = 0;
    int r;

    add_table(&batch, NFT_MSG_GETTABLE, 0);
    r = exchange(fd, &batch, batch.sequence, &flags);
    *ret_dormant = flags & NFT_TABLE_F_DORMANT;
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return !*ret_dormant;
}

static int commit(int fd, bool replace)
{
    struct batch batch = {0};
    uint32_t last, flags = 0;

    add_message(&batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    if (replace)
        add_table(&batch, NFT_MSG_DELTABLE, 0);
    add_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    add_chain(&batch);
    last = batch.sequence;
    add_message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    return exchange(fd, &batch, last, &flags);
}

static int lock_down(void)
{
    bool dormant = false;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    int r;

    if (fd < 0)
        return -errno;
    r = is_enforced(fd, &dormant);
    if (r == 0)
        r = commit(fd, dormant);
    close(fd);
    return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
    int r;

    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;

        fputs("Usage: segd-lockdown\n"
              "\n"
              "Forwards nothing if the kernel has no table of segd yet; for the beginning\n"
              "of a boot.\n",
              help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }

    r = lock_down();
    if (r == 0)
        return EXIT_DONE;
    fprintf(stderr, "segd-lockdown: cannot commit the lockdown: %s\n", strerror(-r));
    return r == -EPERM ? EXIT_NOT_PERMITTED : EXIT_KERNEL;
}
