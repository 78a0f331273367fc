/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The first instants of a boot, as the daemon's parts go through them in this process: what holds
 * when the policy is about to be read, and what after the commit. And that a process that has
 * given its privileges up has no others.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "checks.h"
#include "daemon/privileges.h"
#include "policy/texts.h"
#include "sandbox.h"
#include "daemon/manager.h"
#include "subject.h"

#define IPV4 "/proc/sys/net/ipv4/ip_forward"
#define IPV6 "/proc/sys/net/ipv6/conf/all/forwarding"
#define POLICY                                                                                     \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"                           \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"                           \
    "flows:\n"                                                                                     \
    "  first: { from: a, to: b, services: [tcp/1] }\n"

int __real_policy_load_sources(const char *path, struct sources *sources,
                               struct diagnostics *diagnostics);
int __wrap_policy_load_sources(const char *path, struct sources *sources,
                               struct diagnostics *diagnostics);

/* What held when the policy was read first. */
static struct {
    bool read;
    char *listed;
    bool forwards;
} before;

static bool is_on(const char *path)
{
    char text[8] = "";
    cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    return text[0] != '0';
}

int __wrap_policy_load_sources(const char *path, struct sources *sources,
                               struct diagnostics *diagnostics)
{
    if (!before.read) {
        before.read = true;
        before.listed = sandbox_nft_list("ruleset");
        before.forwards = is_on(IPV4) || is_on(IPV6);
    }
    return __real_policy_load_sources(path, sources, diagnostics);
}

static void switch_off(const char *path)
{
    cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_msg(fd >= 0 && write(fd, "0\n", 2) == 2, "%s: %s", path, strerror(errno));
}

/* A boot of a machine that forwards nothing. */
static void boot(struct subject *subject, const char *policy)
{
    sandbox_enter();
    switch_off(IPV4);
    switch_off(IPV6);
    subject_start(subject, policy);
}

START_TEST(nothing_passes_while_the_policy_is_read)
{
    cleanup_(subject_clear) struct subject subject = {0};

    boot(&subject, POLICY);
    ck_assert(before.read);
    ck_assert_ptr_nonnull(strstr(before.listed, "table inet segd"));
    ck_assert_ptr_nonnull(strstr(before.listed, "hook forward"));
    ck_assert_ptr_nonnull(strstr(before.listed, "policy drop"));
    ck_assert_ptr_null(strstr(before.listed, "accept"));
    ck_assert_uint_eq(subject.gateway->current.number, 1);
}
END_TEST

START_TEST(forwarding_is_switched_on_after_the_first_commit)
{
    cleanup_(subject_clear) struct subject subject = {0};

    boot(&subject, POLICY "gateway: { forwarding: true }\n");
    ck_assert(before.read && !before.forwards);
    ck_assert(is_on(IPV4));
    ck_assert(is_on(IPV6));
}
END_TEST

static const char *const without[] = {
    POLICY,
    POLICY "gateway: { forwarding: false }\n",
    /* Locked down: who should forward is not known. */
    POLICY "gateway: { forwarding: true, protect: perhaps }\n",
};

START_TEST(forwarding_is_left_alone_where_the_policy_does_not_say)
{
    cleanup_(subject_clear) struct subject subject = {0};

    boot(&subject, without[_i]);
    ck_assert(!is_on(IPV4));
    ck_assert(!is_on(IPV6));
}
END_TEST

/* A store that is full of what an earlier process left has no room for the owner of the table. */
START_TEST(what_is_of_no_use_leaves_the_store)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *temporary = getenv("TMPDIR");
    cleanup_(closep) int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* Away from the descriptor that systemd hands over. */
    cleanup_(closep) int notified = fcntl(made, F_DUPFD_CLOEXEC, 100);
    cleanup_(manager_freep) struct manager *manager = NULL;
    const struct manager_options options = {{"/dev/null", "/dev/null"}, "/dev/null"};
    char text[256] = "", process[24];

    snprintf(address.sun_path, sizeof(address.sun_path), "%.40s/segd-boot-%d.notify",
             temporary ? temporary : "/tmp", (int)getpid());
    ck_assert_int_eq(bind(notified, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    snprintf(process, sizeof(process), "%d", (int)getpid());
    setenv("LISTEN_PID", process, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "junk", 1);
    closep(&made);
    made = -1;
    ck_assert_int_eq(dup2(STDIN_FILENO, 3), 3);

    sandbox_enter();
    ck_assert_int_eq(manager_new(&options, &manager), 0);
    ck_assert_int_gt(recv(notified, text, sizeof(text) - 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(unlink(address.sun_path), 0);
    ck_assert_str_eq(text, "FDSTOREREMOVE=1\nFDNAME=junk");
}
END_TEST

static unsigned long long status_field(const char *status, const char *name, int base)
{
    const char *line = strstr(status, name);

    ck_assert_msg(line, "%s", name);
    return strtoull(line + strlen(name), NULL, base);
}

START_TEST(privileges_are_given_up_for_good)
{
    const unsigned long long net_admin = 1ULL << 12;
    char status[4096] = "";
    cleanup_(closep) int fd = -1;

    sandbox_enter();
    ck_assert_int_eq(privileges_reduce(), 0);
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(fd, status, sizeof(status) - 1), 0);
    ck_assert_uint_eq(status_field(status, "CapEff:", 16), net_admin);
    ck_assert_uint_eq(status_field(status, "CapPrm:", 16), net_admin);
    ck_assert_uint_eq(status_field(status, "CapBnd:", 16), net_admin);
    ck_assert_uint_eq(status_field(status, "CapInh:", 16), 0);
    ck_assert_uint_eq(status_field(status, "CapAmb:", 16), 0);
    ck_assert_uint_eq(status_field(status, "NoNewPrivs:", 10), 1);
    /* It may be asked for twice. */
    ck_assert_int_eq(privileges_reduce(), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    if (access(IPV4, W_OK) < 0)
        checks_skip("%s cannot be written: %s", IPV4, strerror(errno));
    tcase_add_test(tests, nothing_passes_while_the_policy_is_read);
    tcase_add_test(tests, forwarding_is_switched_on_after_the_first_commit);
    tcase_add_loop_test(tests, forwarding_is_left_alone_where_the_policy_does_not_say, 0,
                        (int)ELEMENTS_OF(without));
    tcase_add_test(tests, what_is_of_no_use_leaves_the_store);
    tcase_add_test(tests, privileges_are_given_up_for_good);
}
