/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as answers of the kernel: a table dumped, compared and described, counters, connections
 * and notifications. Nothing may crash, leak, read past a message or wait for ever. What sends and
 * receives is replaced, so nothing reaches the kernel and no privilege is needed.
 *
 * The first byte of an input says what is asked; records follow, each two bytes of length (little
 * endian) and so many bytes. A record is the answer to one request, or one notification. The
 * numbers of its messages are set right, since a wrong one only has them skipped.
 *
 * What is tested is our own reading. libnftnl reads rules and sets for us and is made for the
 * kernel's messages: it gets expressions only that are whole, and an input that it does not go on
 * with ends here by a jump, where what was allocated meanwhile is not looked for.
 */

#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/attributes.h"
#include "kernel/nftables.h"
#include "observe/conntrack.h"
#include "observe/watch.h"
#include "ruleset/describe.h"
#include "ruleset/statements.h"

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define LSAN_DISABLE() __lsan_disable()
#define LSAN_ENABLE() __lsan_enable()
#else
#define LSAN_DISABLE() ((void)0)
#define LSAN_ENABLE() ((void)0)
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum question {
    QUESTION_TABLE,
    QUESTION_ELEMENTS,
    QUESTION_COUNTERS,
    QUESTION_CONNECTIONS,
    QUESTION_DELETION,
    QUESTION_NOTIFICATIONS,
    QUESTIONS,
};

/* The kernel's part. The replaced functions get no pointer of ours, so it stands alone. */
static struct {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t sequence;
    bool asked;      /* a request waits for its record; else it has had it */
    bool generation; /* the request is for the generation id */
    bool refuses;    /* a transaction is answered by a record */
    bool transacts;
} kernel;

/* The next record into `buffer`, past whose end nothing must be read. */
static size_t next_record(uint8_t *buffer, size_t size)
{
    size_t left = (size_t)(kernel.end - kernel.at), length;

    if (left < 2)
        return 0;
    length = (size_t)kernel.at[0] | (size_t)kernel.at[1] << 8;
    if (length > left - 2)
        length = left - 2;
    if (length > size)
        length = size;
    memcpy(buffer, kernel.at + 2, length);
    kernel.at += 2 + length;
    return length;
}

static void set_sequences(uint8_t *buffer, size_t size)
{
    struct messages messages = messages_in(buffer, size);
    const struct nlmsghdr *message;

    while ((message = messages_next(&messages)))
        ((struct nlmsghdr *)message)->nlmsg_seq = kernel.sequence;
}

static size_t put_end(uint8_t *buffer)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = NLMSG_DONE;
    message->nlmsg_seq = kernel.sequence;
    mnl_nlmsg_put_extra_header(message, sizeof(int));
    return message->nlmsg_len;
}

static size_t put_generation(uint8_t *buffer)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
    message->nlmsg_seq = kernel.sequence;
    mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
    mnl_attr_put_u32(message, NFTA_GEN_ID, 1);
    return message->nlmsg_len;
}

/* Nothing after what was received may be read, but for one zero, with which the kernel ends texts.
 */
static void close_off(void *buffer, size_t n, size_t size)
{
    uint8_t *rest = (uint8_t *)buffer + n;

    if (n == size)
        return;
    *rest = 0;
    ASAN_POISON_MEMORY_REGION(rest + 1, size - n - 1);
}

static ssize_t deliver(uint8_t *buffer, size_t size, bool waits)
{
    size_t n;

    ASAN_UNPOISON_MEMORY_REGION(buffer, size);
    if (!waits && !kernel.transacts) {
        errno = EAGAIN;
        return -1;
    }

    if (kernel.transacts || (kernel.asked && !kernel.generation)) {
        n = next_record(buffer, size);
        set_sequences(buffer, n);
    } else {
        n = kernel.generation ? put_generation(buffer) : put_end(buffer);
    }
    kernel.transacts = kernel.asked = false;
    close_off(buffer, n, size);
    return (ssize_t)n;
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                        socklen_t *length);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t size);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int option, void *value,
                                 socklen_t size);
int __real_nftnl_rule_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_rule *rule);
int __wrap_nftnl_rule_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_rule *rule);
int __real_nftnl_set_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_set *set);
int __wrap_nftnl_set_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_set *set);

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
    (void)fd;
    return deliver(buffer, size, !(flags & MSG_DONTWAIT));
}

ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                        socklen_t *length)
{
    size_t n;

    (void)fd;
    (void)flags;
    (void)from;
    (void)length;
    ASAN_UNPOISON_MEMORY_REGION(buffer, size);
    n = next_record(buffer, size);
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    close_off(buffer, n, size);
    return (ssize_t)n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct nlmsghdr *first = message->msg_iov[0].iov_base;

    (void)fd;
    (void)flags;
    kernel.sequence = first->nlmsg_seq;
    kernel.transacts = kernel.refuses;
    return 1;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t size)
{
    const struct nlmsghdr *request = bytes;

    (void)socket;
    kernel.sequence = request->nlmsg_seq;
    kernel.asked = true;
    kernel.generation = request->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN);
    return (ssize_t)size;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int option, void *value,
                                 socklen_t size)
{
    (void)socket;
    (void)option;
    (void)value;
    (void)size;
    return 0;
}

/* A jump that an expression holds as its data, as `immediate` does, leads to a chain. */
static bool jump_has_chain(const struct nlattr *data)
{
    const struct nlattr *value = attributes_find(attributes_in(data), NFTA_IMMEDIATE_DATA);
    const struct nlattr *verdict =
        value ? attributes_find(attributes_in(value), NFTA_DATA_VERDICT) : NULL;
    const struct nlattr *code, *chain;

    if (!verdict)
        return true;
    code = attributes_find(attributes_in(verdict), NFTA_VERDICT_CODE);
    chain = attributes_find(attributes_in(verdict), NFTA_VERDICT_CHAIN);
    if (chain)
        return attribute_string(chain);
    return code && (int32_t)attribute_u32(code) != NFT_JUMP &&
           (int32_t)attribute_u32(code) != NFT_GOTO;
}

static bool is_whole(const struct nlattr *expression)
{
    const struct nlattr *name = attributes_find(attributes_in(expression), NFTA_EXPR_NAME);
    const struct nlattr *data = attributes_find(attributes_in(expression), NFTA_EXPR_DATA);

    return name && attribute_string(name) && data && jump_has_chain(data);
}

/* All expressions that stand in the message, in a list or alone (0: no such attribute). */
static bool expressions_are_whole(const struct nlmsghdr *message, uint16_t list, uint16_t alone)
{
    struct attributes attributes = attributes_of(message), expressions;
    const struct nlattr *attribute, *expression;

    while ((attribute = attributes_next(&attributes))) {
        if (alone != 0 && mnl_attr_get_type(attribute) == alone && !is_whole(attribute))
            return false;
        if (mnl_attr_get_type(attribute) != list)
            continue;
        expressions = attributes_in(attribute);
        while ((expression = attributes_next(&expressions)))
            if (!is_whole(expression))
                return false;
    }
    return true;
}

int __wrap_nftnl_rule_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_rule *rule)
{
    if (!expressions_are_whole(message, NFTA_RULE_EXPRESSIONS, 0))
        return -1;
    return __real_nftnl_rule_nlmsg_parse(message, rule);
}

int __wrap_nftnl_set_nlmsg_parse(const struct nlmsghdr *message, struct nftnl_set *set)
{
    if (!expressions_are_whole(message, NFTA_SET_EXPRESSIONS, NFTA_SET_EXPR))
        return -1;
    return __real_nftnl_set_nlmsg_parse(message, set);
}

static void check(int r)
{
    if (r < 0)
        abort();
}

/* A ruleset such as was applied, for the comparison. */
static struct ruleset *make_expected(void)
{
    static const enum datatype live_key[] = {DATATYPE_CT_DIR, DATATYPE_MARK};
    static const enum datatype address[] = {DATATYPE_IPV4_ADDR};
    static const uint8_t key[8] = {0}, key_end[8] = {255, 255, 255, 255};
    const struct statement statements[] = {
        statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), "live"),
        statement_verdict(VERDICT_DROP),
    };
    struct ruleset *expected;
    struct chain *chain;
    struct set *set;

    check(ruleset_new("segd", &expected));
    check(ruleset_add_counter(expected, "no-flow"));
    check(ruleset_add_set(expected, "live", live_key, 2, SET_DATA_VERDICT, &set));
    set->timeout = set->counters = true;
    check(ruleset_add_element(
        expected, set,
        &(struct element){
            .key = key, .verdict = VERDICT_ACCEPT, .comment = "web", .expires = USEC_PER_SEC}));
    check(ruleset_add_set(expected, "sources", address, 1, SET_DATA_NONE, &set));
    set->interval = true;
    check(ruleset_add_element(expected, set, &(struct element){.key = key, .key_end = key_end}));
    check(ruleset_add_chain(expected, "forward", &chain));
    chain->hook = HOOK_FORWARD;
    for (size_t i = 0; i < ELEMENTS_OF(statements); i++)
        check(ruleset_add_rule(expected, chain, &statements[i], 1));
    ruleset_finish(expected);
    return expected;
}

static void compare(const struct ruleset *dump, const struct ruleset *expected)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        abort();
    check(difference_new(dump, expected, &difference));
    for (size_t i = 0; i < difference->n_changes; i++)
        check(difference_describe(&difference->changes[i], stream));
    check(ruleset_print(dump, 0, stream));
    if (fclose(stream) != 0)
        abort();
}

static int see_element(const uint8_t *key, size_t key_length, struct nftables_count count,
                       void *userdata)
{
    for (size_t i = 0; i < key_length; i++)
        *(uint64_t *)userdata += key[i];
    return count.packets == 1 ? -ECANCELED : 0;
}

static int see_counter(const char *name, struct nftables_count count, void *userdata)
{
    *(uint64_t *)userdata += strlen(name);
    return count.packets == 1 ? -ECANCELED : 0;
}

static int see_connection(const struct conntrack_entry *connection, void *userdata)
{
    *(uint64_t *)userdata += connection->state ? strlen(connection->state) : 0;
    return connection->mark == 1 ? -ECANCELED : 0;
}

static void ask_counts(enum question question)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    uint64_t sum = 0;

    check(nftables_open(&nftables));
    if (question == QUESTION_ELEMENTS)
        nftables_read_elements(nftables, "segd", "live", see_element, &sum);
    else
        nftables_read_counters(nftables, "segd", see_counter, &sum);
}

/* Where to go on after libnftnl, when it did not return. */
static struct {
    jmp_buf place;
    bool set;
} outside;

_Noreturn void exit(int status)
{
    void (*end)(int) = (void (*)(int))dlsym(RTLD_NEXT, "exit");

    if (outside.set)
        longjmp(outside.place, 1);
    end(status);
    abort();
}

static void dump_table(struct nftables *nftables, const struct ruleset *expected)
{
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;

    if (nftables_dump(nftables, "segd", expected, &dump) == 0)
        compare(dump, expected);
}

static void ask_table(void)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(ruleset_freep) struct ruleset *expected = make_expected();

    check(nftables_open(&nftables));
    LSAN_DISABLE();
    outside.set = true;
    if (setjmp(outside.place) == 0)
        dump_table(nftables, expected);
    outside.set = false;
    LSAN_ENABLE();
}

static void ask_conntrack(enum question question)
{
    cleanup_(conntrack_closep) struct conntrack *conntrack = NULL;
    uint64_t sum = 0;

    if (conntrack_open(&conntrack) < 0)
        return;
    kernel.refuses = true;
    if (question == QUESTION_CONNECTIONS) {
        conntrack_dump(conntrack, see_connection, &sum);
        conntrack_read_statistics(conntrack, &(struct conntrack_statistics){0});
        conntrack_read_table(conntrack, &(struct conntrack_table){0});
    } else {
        conntrack_delete_mark(conntrack, 1);
    }
}

static void follow(void)
{
    cleanup_(watch_closep) struct watch *watch = NULL;
    struct watched watched;

    check(watch_open(&watch));
    while (watch_read(watch, "segd", &watched) == 1)
        if (!memchr(watched.program, '\0', sizeof(watched.program)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum question question;

    if (size == 0)
        return 0;
    memset(&kernel, 0, sizeof(kernel));
    kernel.at = bytes + 1;
    kernel.end = bytes + size;

    question = bytes[0] % QUESTIONS;
    switch (question) {
    case QUESTION_TABLE:
        ask_table();
        break;
    case QUESTION_ELEMENTS:
    case QUESTION_COUNTERS:
        ask_counts(question);
        break;
    case QUESTION_CONNECTIONS:
    case QUESTION_DELETION:
        ask_conntrack(question);
        break;
    case QUESTION_NOTIFICATIONS:
        follow();
        break;
    case QUESTIONS:
        break;
    }
    return 0;
}
