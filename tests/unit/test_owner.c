/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A table that belongs to its socket and outlives it: nftables_own() of lib/kernel/nftables.h. */

#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "kernel/nftables_private.h"
#include "lab/lab.h"
#include "nftables_sample.h"

#define SKIPPED 77

/* Makes the tables of this handle its own. */
static void own(struct nftables *nftables)
{
    ck_assert_int_eq(nftables_own(nftables, true), 0);
    ck_assert(nftables_owns(nftables));
}

static struct nftables *open_owner(void)
{
    struct nftables *nftables = sample_open();

    own(nftables);
    return nftables;
}

/* Brings the table from whatever it is to what is wanted; returns the number of changes. */
static size_t enforce(struct nftables *nftables, const struct ruleset *wanted)
{
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;
    struct nftables_refusal refusal = {0};
    int r = nftables_dump(nftables, "segd", wanted, &dump);

    ck_assert(r == 0 || r == -ENOENT);
    ck_assert_int_eq(difference_new(dump, wanted, &difference), 0);
    r = nftables_apply(nftables, wanted, difference, calendar_now(), &refusal, NULL);
    ck_assert_msg(r == 0, "%d: %s: %s", r, refusal.what, strerror(-refusal.error));
    return difference->n_changes;
}

static void expect_standing(struct nftables *nftables, bool owned, bool persists, bool ours)
{
    cleanup_(ruleset_freep) struct ruleset *dump = sample_dump(nftables, NULL);

    ck_assert(dump->owned == owned);
    ck_assert(dump->persists == persists);
    ck_assert(dump->ours == ours);
}

/* Does `work` in a child and kills it when it says that it is done, by the byte it writes. */
typedef void (*worker)(int channel);

static pid_t start_child(worker work, int *ret_channel)
{
    int channels[2];
    pid_t child;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channels), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(channels[0]);
        work(channels[1]);
        _exit(1);
    }
    close(channels[1]);
    *ret_channel = channels[0];
    return child;
}

static void kill_child(pid_t child)
{
    int status;

    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
}

/* Owns the table, as the sample wants it, until it is killed. */
static void own_for_ever(int channel)
{
    struct nftables *nftables = open_owner();
    struct ruleset *wanted = sample_gateway();

    enforce(nftables, wanted);
    if (write(channel, "x", 1) == 1)
        for (;;)
            pause();
}

/* Leaves the table of an owner that was killed. */
static void make_orphan(void)
{
    int channel;
    pid_t child = start_child(own_for_ever, &channel);
    char byte;

    ck_assert_int_eq(read(channel, &byte, 1), 1);
    kill_child(child);
    close(channel);
}

START_TEST(table_is_owned_and_persists)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(nftables_closep) struct nftables *other = NULL;

    own(sample.nftables);
    other = sample_open();
    enforce(sample.nftables, sample.wanted);
    expect_standing(sample.nftables, true, true, true);
    expect_standing(other, true, true, false);
    ck_assert_uint_eq(enforce(sample.nftables, sample.wanted), 0);
}
END_TEST

static const char *const attacks[] = {
    "delete table inet segd",
    "flush table inet segd",
    "add rule inet segd forward accept",
    "add element inet segd live { original . 0x99 : accept }",
    "add table inet segd { flags dormant; }",
    "add table inet segd { flags owner; }",
    "chain inet segd forward { policy accept; }",
};

START_TEST(others_are_refused)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();

    own(sample.nftables);
    enforce(sample.nftables, sample.wanted);

    ck_assert_int_ne(sandbox_nft_try(attacks[_i], NULL), 0);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
    expect_standing(sample.nftables, true, true, true);
}
END_TEST

START_TEST(flush_of_everything_leaves_the_table)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(freep) char *listing = NULL;

    own(sample.nftables);
    sandbox_nft("add table inet other");
    enforce(sample.nftables, sample.wanted);

    ck_assert_int_eq(sandbox_nft_try("flush ruleset", NULL), 0);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
    listing = sandbox_nft_list("ruleset");
    ck_assert_ptr_null(strstr(listing, "table inet other"));
}
END_TEST

START_TEST(table_survives_the_death_of_its_owner)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();

    make_orphan();
    expect_standing(sample.nftables, false, true, false);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

static int find_packets(const uint8_t *key, size_t key_length, struct nftables_count count,
                        void *userdata)
{
    (void)key;
    (void)key_length;
    if (count.packets == 4711)
        ++*(unsigned *)userdata;
    return 0;
}

static unsigned count_4711(struct nftables *nftables)
{
    unsigned n = 0;

    ck_assert_int_eq(nftables_read_elements(nftables, "segd", "live", find_packets, &n), 0);
    return n;
}

START_TEST(orphan_is_adopted_with_its_counters)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();

    make_orphan();
    sandbox_nft("delete element inet segd live { original . 0x1001 }\n"
                "add element inet segd live { original . 0x1001 "
                "counter packets 4711 bytes 9 comment \"税連携 → eLTAX\" : accept }");
    own(sample.nftables);
    expect_standing(sample.nftables, false, true, false);

    ck_assert_uint_eq(enforce(sample.nftables, sample.wanted), 1);
    expect_standing(sample.nftables, true, true, true);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
    ck_assert_uint_eq(count_4711(sample.nftables), 1);
    ck_assert_int_ne(sandbox_nft_try("delete table inet segd", NULL), 0);
}
END_TEST

/* The kernel adopts no table in the transaction that gives it a base chain. */
static const char *const orphan_damages[] = {
    "flush chain inet segd forward\nadd rule inet segd forward accept\n"
    "delete element inet segd live { original . 0x1001 }",
    "delete chain inet segd forward",
    "delete chain inet segd forward\n"
    "add chain inet segd forward { type filter hook forward priority 7; policy accept; }",
    "add chain inet segd forward { policy accept; }",
};

START_TEST(orphan_is_adopted_and_repaired_at_once)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    uint32_t before, after;

    make_orphan();
    sandbox_nft(orphan_damages[_i]);
    own(sample.nftables);
    ck_assert_int_eq(nftables_generation(sample.nftables, &before), 0);
    enforce(sample.nftables, sample.wanted);
    ck_assert_int_eq(nftables_generation(sample.nftables, &after), 0);
    ck_assert_uint_eq(after, before + 1);
    expect_standing(sample.nftables, true, true, true);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

/* Tables that were made by somebody else, or by a daemon that could not own. */
static const char *const plain_tables[] = {
    "add table inet segd",
    "add table inet segd { flags dormant; }",
    "add table inet segd\nadd chain inet segd forward "
    "{ type filter hook forward priority 0; policy accept; }",
    "add table inet segd\nadd map inet segd live { type ipv4_addr : verdict; }\n"
    "add chain inet segd foreign\nadd rule inet segd foreign ip saddr vmap @live",
};

START_TEST(plain_table_is_replaced_in_one_transaction)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    uint32_t before, after;

    sandbox_nft(plain_tables[_i]);
    own(sample.nftables);
    ck_assert_int_eq(nftables_generation(sample.nftables, &before), 0);
    enforce(sample.nftables, sample.wanted);
    ck_assert_int_eq(nftables_generation(sample.nftables, &after), 0);
    ck_assert_uint_eq(after, before + 1);
    expect_standing(sample.nftables, true, true, true);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

START_TEST(who_does_not_own_changes_what_is_there)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();

    make_orphan();
    sandbox_nft("delete element inet segd live { original . 0x1001 }");
    ck_assert_uint_eq(enforce(sample.nftables, sample.wanted), 1);
    expect_standing(sample.nftables, false, true, false);
}
END_TEST

/* Two daemons: the second hears who is in its way, and changes nothing. */
START_TEST(table_of_another_socket_is_refused)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;
    cleanup_(nftables_closep) struct nftables *second = NULL;
    struct nftables_refusal refusal;

    own(sample.nftables);
    second = open_owner();
    enforce(sample.nftables, sample.wanted);

    dump = sample_dump(second, sample.wanted);
    ck_assert_int_eq(difference_new(dump, sample.wanted, &difference), 0);
    ck_assert_uint_eq(difference->n_changes, 1);
    ck_assert_int_eq(
        nftables_apply(second, sample.wanted, difference, calendar_now(), &refusal, NULL),
        -EREMOTEIO);
    ck_assert_int_eq(refusal.error, -EBUSY);
    ck_assert_str_eq(refusal.what, "another process owns the table segd");
    expect_standing(sample.nftables, true, true, true);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

START_TEST(kernel_without_persist_gets_plain_tables)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    struct nftables_features features;

    ck_assert_int_eq(nftables_probe(sample.nftables, &features), 0);
    sample.nftables->features.owner_persist = false;

    ck_assert_int_eq(nftables_own(sample.nftables, true), 0);
    ck_assert(!nftables_owns(sample.nftables));
    enforce(sample.nftables, sample.wanted);
    expect_standing(sample.nftables, false, false, false);
    ck_assert_uint_eq(enforce(sample.nftables, sample.wanted), 0);
}
END_TEST

START_TEST(probing_works_while_owning)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    struct nftables_features before, after;

    own(sample.nftables);
    before = sample.nftables->features;
    enforce(sample.nftables, sample.wanted);
    ck_assert_int_eq(nftables_probe(sample.nftables, &after), 0);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
    expect_standing(sample.nftables, true, true, true);
}
END_TEST

static void send_fd(int channel, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec data = {"x", 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    ck_assert_int_eq(sendmsg(channel, &message, 0), 1);
}

static int receive_fd(int channel)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const struct cmsghdr *header;
    int fd;

    ck_assert_int_eq(recvmsg(channel, &message, MSG_CMSG_CLOEXEC), 1);
    header = CMSG_FIRSTHDR(&message);
    ck_assert_ptr_nonnull(header);
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* Breaks off a dump, so that answers wait in the socket that is handed over. */
static int break_off(const uint8_t *key, size_t key_length, struct nftables_count count,
                     void *userdata)
{
    (void)key;
    (void)key_length;
    (void)count;
    (void)userdata;
    return -ECANCELED;
}

static void own_and_hand_over(int channel)
{
    struct nftables *nftables = open_owner();
    struct ruleset *wanted = sample_gateway();
    char buffer[REQUEST_MAX];
    struct nlmsghdr *request;

    enforce(nftables, wanted);
    ck_assert_int_eq(nftables_read_elements(nftables, "segd", "live", break_off, NULL), -ECANCELED);
    /* Asks for everything with the number that the next holder begins with, and reads no answer. */
    for (uint32_t sequence = 1; sequence < 4; sequence++) {
        request = nftables_request_new(buffer, NFT_MSG_GETCHAIN, 0);
        request->nlmsg_seq = sequence;
        ck_assert_int_ge(mnl_socket_sendto(nftables->netlink.socket, request, request->nlmsg_len),
                         0);
    }
    send_fd(channel, nftables_fd(nftables));
    for (;;)
        pause();
}

START_TEST(descriptor_that_is_handed_over_goes_on_as_owner)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *nothing = sample_empty();
    cleanup_(nftables_closep) struct nftables *owner = NULL;
    int channel, fd;
    pid_t child;

    sandbox_enter();
    wanted = sample_gateway();
    child = start_child(own_and_hand_over, &channel);
    fd = receive_fd(channel);
    kill_child(child);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);

    ck_assert_int_eq(nftables_adopt_fd(fd, &owner), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    expect_standing(owner, true, true, true);
    ck_assert_int_eq(nftables_own(owner, true), 0);
    ck_assert_uint_eq(enforce(owner, wanted), 0);
    ck_assert_int_ne(sandbox_nft_try("delete table inet segd", NULL), 0);

    sample_load(owner, wanted, nothing);
    expect_standing(owner, true, true, true);
    enforce(owner, wanted);
    ck_assert_uint_eq(sample_drift(owner, wanted), 0);
    close(channel);
}
END_TEST

START_TEST(other_descriptors_are_not_adopted)
{
    cleanup_(closep) int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    cleanup_(closep) int route_socket = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    cleanup_(closep) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_(closep) int elsewhere = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    struct nftables *nftables = NULL;

    sandbox_enter();
    ck_assert_int_eq(nftables_adopt_fd(unix_socket, &nftables), -EINVAL);
    ck_assert_int_eq(nftables_adopt_fd(route_socket, &nftables), -EINVAL);
    ck_assert_int_eq(nftables_adopt_fd(file, &nftables), -EINVAL);
    ck_assert_int_eq(nftables_adopt_fd(-1, &nftables), -EINVAL);
    ck_assert_int_eq(nftables_adopt_fd(elsewhere, &nftables), -EXDEV);
    ck_assert_int_ge(fcntl(elsewhere, F_GETFD), 0);
}
END_TEST

/* Linux 6.9 and later. Tried in a child, which alone enters a sandbox. */
static bool kernel_can_own(void)
{
    struct nftables_features features = {0};
    struct nftables *nftables = NULL;
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(lab_enter() == 0 && nftables_open(&nftables) == 0 &&
                      nftables_probe(nftables, &features) == 0 && !features.owner_persist
                  ? SKIPPED
                  : EXIT_SUCCESS);
    return waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
           WEXITSTATUS(status) != SKIPPED;
}

static void add_owner_tests(TCase *tests)
{
    tcase_add_test(tests, table_is_owned_and_persists);
    tcase_add_loop_test(tests, others_are_refused, 0, (int)ELEMENTS_OF(attacks));
    tcase_add_test(tests, flush_of_everything_leaves_the_table);
    tcase_add_test(tests, table_survives_the_death_of_its_owner);
    tcase_add_test(tests, orphan_is_adopted_with_its_counters);
    tcase_add_loop_test(tests, orphan_is_adopted_and_repaired_at_once, 0,
                        (int)ELEMENTS_OF(orphan_damages));
    tcase_add_loop_test(tests, plain_table_is_replaced_in_one_transaction, 0,
                        (int)ELEMENTS_OF(plain_tables));
    tcase_add_test(tests, who_does_not_own_changes_what_is_there);
    tcase_add_test(tests, table_of_another_socket_is_refused);
    tcase_add_test(tests, probing_works_while_owning);
    tcase_add_test(tests, descriptor_that_is_handed_over_goes_on_as_owner);
}

void checks_add(TCase *tests)
{
    sandbox_require();
    if (kernel_can_own())
        add_owner_tests(tests);
    else
        printf("SKIP: this kernel has no tables that persist their owner\n");
    tcase_add_test(tests, kernel_without_persist_gets_plain_tables);
    tcase_add_test(tests, other_descriptors_are_not_adopted);
}
