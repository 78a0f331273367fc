/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Others at the table, on a kernel that cannot keep them from it. Nothing here waits for a moment
 * to come round: segd has to hear of a change, and each repair is a transaction that the test hears
 * of in the same way.
 */

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "kernel/batch.h"
#include "observe/watch.h"
#include "ruleset/compile.h"
#include "sandbox.h"
#include "wires.h"

#define PORT 7001
#define NFTABLES_GROUP 7 /* NFNLGRP_NFTABLES */

static const char policy[] = WIRES_POLICY "flows:\n"
                                          "  open: { from: a, to: b, services: [udp/7001] }\n";

static struct segd *start_without_owner(void)
{
    struct segd *segd;

    setenv("SEGD_WITHOUT_OWNER", "1", 1);
    segd = segd_start(policy);
    ck_assert(!calls_owned(segd));
    return segd;
}

static void assert_enforced(struct lab *lab)
{
    struct frame approved = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, PORT);
    struct frame other = wires_udp(FAMILY_IPV4, WIRE_C, WIRE_B, PORT);

    wires_pass(lab, WIRE_A, WIRE_B, &approved, NULL);
    wires_drop(lab, WIRE_C, &other, NULL, "no-flow/c/b");
}

/* The next transaction that touches the table of segd. */
static struct watched next_of_table(struct watch *watch)
{
    struct watched watched = {0};

    for (;;) {
        struct pollfd event = {.fd = watch_fd(watch), .events = POLLIN};
        int r = watch_read(watch, "segd", &watched);

        ck_assert_int_ge(r, 0);
        if (r > 0 && watched.touches_table)
            return watched;
        if (r == 0)
            ck_assert_int_gt(poll(&event, 1, -1), 0);
    }
}

/* Waits for the transaction of segd after one of others. It is known by its name: the number that
 * the kernel tells is that of the outermost process namespace. */
static void wait_for_repair(struct watch *watch)
{
    struct watched watched;

    do
        watched = next_of_table(watch);
    while (strncmp(watched.program, "segd", strlen("segd")) != 0);
}

static const struct {
    const char *text;
    const char *what; /* is part of what segd tells of it */
} changes[] = {
    {"insert rule inet segd forward accept\n", "forward"},
    {"flush chain inet segd forward\n", "forward"},
    {"flush set inet segd live\n", "live"},
    {"delete table inet segd\n", "missing"},
    {"flush ruleset\n", "missing"},
    {"add chain inet segd forward { policy accept; }\n", "forward"},
    {"add table inet segd { flags dormant; }\n", "dormant"},
    {"flush chain inet segd prerouting\n", "prerouting"},
    {"delete chain inet segd forward\n", "forward"},
    {"add chain inet segd mine\n", "mine"},
    {"add set inet segd mine { type ipv4_addr; }\n", "mine"},
    {"add counter inet segd mine\n", "mine"},
};

/* Objects of every kind that nft can make, in its words. Not every kernel has all of them. */
static const struct {
    const char *kind;
    const char *content;
    bool everywhere;
} objects[] = {
    {"quota", "{ 10 mbytes }", true},
    {"limit", "{ rate 10/second }", true},
    {"synproxy", "{ mss 1460; wscale 7; }", false},
    {"ct timeout", "{ protocol tcp; l3proto ip; policy = { established: 100 }; }", false},
    {"ct helper", "{ type \"ftp\" protocol tcp; l3proto inet; }", false},
    {"ct expectation", "{ protocol tcp; dport 9876; timeout 1m; size 12; l3proto ip; }", false},
    {"secmark", "{ \"system_u:object_r:etc_t:s0\"; }", false},
    {"flowtable", "{ hook ingress priority 0; devices = { a0 }; }", false},
};

/* A rule that refers to the object, where that may stand in a forward chain. */
static const char *const uses[] = {"quota name mine", "limit name mine"};

static void is_audited(const struct segd *segd, const char *what)
{
    json_t *reply = calls_get(segd, "ShowAudit", NULL);
    const json_t *entry = find_text(json_object_get(reply, "entries"), "action", "repair");
    const char *reason;

    ck_assert_ptr_nonnull(entry);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(entry, "object")), "nft["));
    reason = json_string_value(json_object_get(entry, "reason"));
    ck_assert_msg(strstr(reason, what), "%s", reason);
    json_decref(reply);
}

START_TEST(foreign_change_is_repaired_counted_and_audited)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(watch_closep) struct watch *watch = NULL;
    json_t *status;
    const json_t *drift;

    ck_assert_int_eq(watch_open(&watch), 0);
    sandbox_nft(changes[_i].text);
    wait_for_repair(watch);
    assert_enforced(lab);
    calls_verify(segd);

    status = calls_get(segd, "GetStatus", NULL);
    drift = json_object_get(status, "drift");
    ck_assert_int_eq(json_integer_value(json_object_get(drift, "repairs")), 1);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(drift, "by")), "nft["));
    ck_assert(json_is_string(json_object_get(drift, "last")));
    ck_assert_msg(strstr(json_string_value(json_object_get(drift, "what")), changes[_i].what), "%s",
                  json_string_value(json_object_get(drift, "what")));
    json_decref(status);
    is_audited(segd, changes[_i].what);
}
END_TEST

START_TEST(foreign_object_is_removed)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(watch_closep) struct watch *watch = NULL;
    cleanup_(freep) char *output = NULL, *listing = NULL;
    const char *kind = objects[_i].kind;
    char text[256], use[128] = "";

    snprintf(text, sizeof(text), "add table inet probe\nadd %s inet probe mine %s\n", kind,
             objects[_i].content);
    if (sandbox_nft_try(text, &output) != 0) {
        ck_assert_msg(!objects[_i].everywhere, "%s", output);
        return;
    }
    sandbox_nft("delete table inet probe\n");

    if ((size_t)_i < ELEMENTS_OF(uses))
        snprintf(use, sizeof(use), "insert rule inet segd forward %s\n", uses[_i]);
    snprintf(text, sizeof(text), "add %s inet segd mine %s\n%s", kind, objects[_i].content, use);
    ck_assert_int_eq(watch_open(&watch), 0);
    sandbox_nft(text);
    wait_for_repair(watch);
    listing = sandbox_nft_list("table inet segd");
    ck_assert_msg(!strstr(listing, "mine"), "%s", listing);
    assert_enforced(lab);
    calls_verify(segd);
    if (!*use) {
        snprintf(text, sizeof(text), "%s mine was added", kind);
        is_audited(segd, text);
    }
}
END_TEST

/* One that nft 1.0.6 has no word for, of the name of a counter of segd. */
START_TEST(foreign_object_may_have_the_name_of_a_counter)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(netlink_errors_clear) struct netlink_errors errors = {0};
    cleanup_(watch_closep) struct watch *watch = NULL;
    cleanup_(batch_freep) struct batch *batch = NULL;
    struct nlmsghdr *message;
    struct netlink netlink;
    struct nlattr *data;

    ck_assert_int_eq(netlink_open(&netlink), 0);
    ck_assert_int_eq(batch_new(&netlink, &batch), 0);
    ck_assert_int_eq(batch_start(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL, 512, &message),
                     0);
    mnl_attr_put_strz(message, NFTA_OBJ_TABLE, "segd");
    mnl_attr_put_strz(message, NFTA_OBJ_NAME, "no-flow/c/b");
    mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htobe32(NFT_OBJECT_CONNLIMIT));
    data = mnl_attr_nest_start(message, NFTA_OBJ_DATA);
    mnl_attr_put_u32(message, NFTA_CONNLIMIT_COUNT, htobe32(7));
    mnl_attr_nest_end(message, data);
    ck_assert_int_eq(batch_add(batch, message, (struct batch_origin){0}), 0);
    ck_assert_int_eq(watch_open(&watch), 0);
    ck_assert_int_eq(batch_commit(batch, &errors), 0);
    netlink_close(&netlink);
    if (errors.n_errors > 0)
        return;

    wait_for_repair(watch);
    calls_verify(segd);
    ck_assert_int_eq(calls_repairs(segd), 1);
    assert_enforced(lab);
}
END_TEST

static long memory_of(pid_t process)
{
    char path[64];
    long pages = 0, resident = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)process);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident;
}

static int descriptors_of(pid_t process)
{
    char command[64];
    const char *const arguments[] = {"sh", "-c", command, NULL};
    cleanup_(freep) char *output = NULL;

    snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", (int)process);
    ck_assert_int_eq(sandbox_run(arguments, NULL, &output), 0);
    return atoi(output);
}

#define CHANGES 1000
#define SETTLED 200

/* A page of memory for each change would show. */
START_TEST(thousand_changes_leave_nothing_behind)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(watch_closep) struct watch *watch = NULL;
    int descriptors = 0;
    long memory = 0;
    pid_t process;

    /* A sanitizer shall not keep what was freed. */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0", 1);
    segd = start_without_owner();
    process = segd_process(segd);
    ck_assert_int_eq(watch_open(&watch), 0);
    for (int i = 0; i < CHANGES; i++) {
        sandbox_nft("insert rule inet segd forward accept\n");
        wait_for_repair(watch);
        if (i == SETTLED) {
            calls_repairs(segd); /* it has written down what it did */
            memory = memory_of(process);
            descriptors = descriptors_of(process);
        }
    }
    calls_verify(segd);
    ck_assert_int_eq(calls_repairs(segd), CHANGES);
    /* The connection of a call may be there still when the answer is. */
    ck_assert_int_le(descriptors_of(process), descriptors + 1);
    ck_assert_int_lt(memory_of(process), memory + CHANGES - SETTLED);
    assert_enforced(lab);
}
END_TEST

/* A copy of the socket on which segd hears of changes. */
static int steal_watch(pid_t process)
{
    int home = (int)syscall(SYS_pidfd_open, process, 0);

    ck_assert_int_ge(home, 0);
    for (int i = 3; i < 64; i++) {
        int fd = (int)syscall(SYS_pidfd_getfd, home, i, 0), protocol = -1;
        uint32_t groups = 0;
        socklen_t length = sizeof(protocol), groups_length = sizeof(groups);

        if (fd < 0)
            continue;
        if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
            protocol == NETLINK_NETFILTER &&
            getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, &groups, &groups_length) == 0 &&
            groups & 1U << (NFTABLES_GROUP - 1)) {
            close(home);
            return fd;
        }
        close(fd);
    }
    ck_abort_msg("segd hears of nothing");
    return -1;
}

/* Stopped, segd hears of nothing but of as much as its queue holds; the rest is lost. */
START_TEST(lost_notifications_lead_to_a_full_comparison)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(watch_closep) struct watch *watch = NULL;
    cleanup_(closep) int queue = steal_watch(segd_process(segd));
    int size = 1, status;

    ck_assert_int_eq(setsockopt(queue, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    ck_assert_int_eq(kill(segd_process(segd), SIGSTOP), 0);
    ck_assert_int_eq(waitpid(segd_process(segd), &status, WUNTRACED), segd_process(segd));
    /* Another table's affairs fill the queue, so that the one change that matters is lost. */
    for (int i = 0; i < 50; i++)
        sandbox_nft("add table inet other\nadd chain inet other x\ndelete table inet other\n");
    sandbox_nft("insert rule inet segd forward accept\n");
    ck_assert_int_eq(watch_open(&watch), 0);
    ck_assert_int_eq(kill(segd_process(segd), SIGCONT), 0);
    wait_for_repair(watch);
    assert_enforced(lab);
    calls_verify(segd);
    ck_assert_int_eq(calls_repairs(segd), 1);
}
END_TEST

static void hear(int queue, bool yes)
{
    int group = NFTABLES_GROUP;

    ck_assert_int_eq(setsockopt(queue, SOL_NETLINK,
                                yes ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
                                sizeof(group)),
                     0);
}

/* Were the table read after a change of another one, what segd did not hear of would be found. */
START_TEST(changes_of_other_tables_are_passed_over)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(watch_closep) struct watch *watch = NULL;
    cleanup_(closep) int queue = steal_watch(segd_process(segd));
    cleanup_(freep) char *before = NULL, *after = NULL;

    hear(queue, false);
    sandbox_nft("add chain inet segd unheard\n");
    hear(queue, true);
    before = segd_list();
    for (int i = 0; i < 20; i++) {
        sandbox_nft("add table inet other\nadd chain inet other x\ndelete table inet other\n");
        /* This is answered after what came before. */
        ck_assert_int_eq(calls_repairs(segd), 0);
    }
    after = segd_list();
    segd_same(before, after);

    ck_assert_int_eq(watch_open(&watch), 0);
    sandbox_nft("add chain inet segd heard\n");
    wait_for_repair(watch);
    ck_assert_int_eq(calls_repairs(segd), 1);
    calls_verify(segd);
    assert_enforced(lab);
}
END_TEST

/* Then the difference to the next policy is taken from what was committed, as before. */
START_TEST(change_after_those_of_other_tables_is_committed)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();

    for (int i = 0; i < 5; i++) {
        sandbox_nft("add table inet other\n");
        segd_reload(segd, i % 2 ? policy : WIRES_POLICY "flows: {}\n");
        sandbox_nft("delete table inet other\n");
        calls_verify(segd);
    }
    segd_reload(segd, policy);
    assert_enforced(lab);
    ck_assert_int_eq(calls_repairs(segd), 0);
}
END_TEST

/* Replaces the table by one that this process owns. */
static struct nftables *take_table(void)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL, *held = NULL;
    cleanup_(difference_freep) struct difference *difference = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;

    ck_assert_int_eq(nftables_open(&nftables), 0);
    ck_assert_int_eq(nftables_own(nftables, true), 0);
    ck_assert_int_eq(ruleset_lockdown(&wanted), 0);
    ck_assert_int_eq(nftables_dump(nftables, "segd", wanted, &held), 0);
    ck_assert_int_eq(difference_new(held, wanted, &difference), 0);
    ck_assert_int_eq(nftables_apply(nftables, wanted, difference, calendar_now(), NULL, NULL), 0);
    return TAKE_PTR(nftables);
}

/* The kernel tells nobody when an owner lets go. */
START_TEST(table_that_another_owned_is_repaired_when_it_is_let_go)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start_without_owner();
    cleanup_(watch_closep) struct watch *watch = NULL;
    struct nftables *other = take_table();

    calls_finding(segd, "not-repaired", true);
    ck_assert_int_eq(watch_open(&watch), 0);
    nftables_close(other);
    wait_for_repair(watch);
    calls_finding(segd, "not-repaired", false);
    calls_verify(segd);
    assert_enforced(lab);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, foreign_change_is_repaired_counted_and_audited, 0,
                        (int)ELEMENTS_OF(changes));
    tcase_add_loop_test(tests, foreign_object_is_removed, 0, (int)ELEMENTS_OF(objects));
    tcase_add_test(tests, foreign_object_may_have_the_name_of_a_counter);
    tcase_add_test(tests, thousand_changes_leave_nothing_behind);
    tcase_add_test(tests, lost_notifications_lead_to_a_full_comparison);
    tcase_add_test(tests, changes_of_other_tables_are_passed_over);
    tcase_add_test(tests, change_after_those_of_other_tables_is_committed);
    tcase_add_test(tests, table_that_another_owned_is_repaired_when_it_is_let_go);
}
