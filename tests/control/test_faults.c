/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A change for which something is missing: room on the disk, the right to write, memory, a kernel
 * that listens. Whoever asked is told so, nothing has changed in the kernel or in the state, and
 * what is enforced goes on. Disks are tried with a daemon of its own; memory and the kernel by its
 * parts in this process, where the linker hands over allocations and transactions.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "daemon/change/apply.h"
#include "daemon/change/override.h"
#include "failing_memory.h"
#include "listing.h"
#include "sandbox.h"
#include "subject.h"
#include "wires.h"

#define FIRST                                                                                      \
    WIRES_POLICY "flows:\n"                                                                        \
                 "  kept: { from: a, to: b, services: [udp/7001] }\n"
#define SECOND FIRST "  second: { from: a, to: b, services: [udp/7002] }\n"

struct netlink;
struct netlink_errors;
struct iovec;
int __real_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors);
int __wrap_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors);

/* What a transaction returns; 0: what the kernel says. */
static int transaction_error;

int __wrap_netlink_transact(struct netlink *netlink, struct iovec *vectors, size_t n_vectors,
                            size_t bytes, struct netlink_errors *errors)
{
    if (transaction_error < 0)
        return transaction_error;
    return __real_netlink_transact(netlink, vectors, n_vectors, bytes, errors);
}

/* A file system of its own for the daemon's folder, so that it can be full also for root. */
static void enter_disk(char *folder)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    sandbox_enter_mounts();
    ck_assert_int_eq(mount("faults", folder, "tmpfs", 0, "mode=0700,size=512k"), 0);
    setenv("TMPDIR", folder, 1);
}

static void leave_disk(const char *folder)
{
    ck_assert_int_eq(umount2(folder, MNT_DETACH), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void fill(const char *folder)
{
    static const char block[4096];
    char path[96];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "%s/filler", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    do
        n = write(fd, block, sizeof(block));
    while (n > 0);
    ck_assert_int_eq(errno, ENOSPC);
    close(fd);
}

/* What the state says, but for the number of the next generation (one that was refused has had its
 * own) and the end of the audit log, which tells of the refusals. */
static char *read_state(const char *folder)
{
    cleanup_(json_decrefp) json_t *state = NULL;
    json_t *content = NULL;
    char path[128];
    char *text;

    snprintf(path, sizeof(path), "%s/state.json", folder);
    state = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(state);
    content = json_object_get(state, "content");
    ck_assert_int_eq(json_object_del(content, "next_generation"), 0);
    ck_assert_int_eq(json_object_del(content, "audit_sequence"), 0);
    ck_assert_int_eq(json_object_del(content, "audit_head"), 0);
    text = json_dumps(content, JSON_SORT_KEYS);
    ck_assert_ptr_nonnull(text);
    return text;
}

/* Every call that opens something is refused with this error. */
static void assert_openings_refused(struct segd *segd, const char *error)
{
    calls_refused(segd, "Apply", calls_policy(SECOND, 0), error);
    calls_refused(segd, "Grant",
                  json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.7", "to", "10.3.0.9",
                            "services", "udp/7002", "seconds", 600, "reason", "test"),
                  error);
}

/* Nothing is other than before, and frames are judged as before. */
struct before {
    char *listing;
    char *state;
};

static void before_clear(struct before *before)
{
    free(before->listing);
    free(before->state);
}

static void assert_same(struct lab *lab, const struct before *before, const char *state_path)
{
    cleanup_(freep) char *listing = listing_read();
    cleanup_(freep) char *state = read_state(state_path);
    struct frame kept = wires_udp(FAMILY_IPV6, WIRE_A, WIRE_B, 7001), second = kept;

    second.port = 7002;
    segd_same(before->listing, listing);
    ck_assert_str_eq(before->state, state);
    ck_assert(wires_try(lab, WIRE_A, &kept, NULL));
    ck_assert(!wires_try(lab, WIRE_A, &second, NULL));
}

START_TEST(full_disk_refuses_what_opens_until_there_is_room)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX", filler[64];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(before_clear) struct before before = {0};
    struct segd *segd;

    enter_disk(folder);
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    segd = segd_start(FIRST);
    before = (struct before){listing_read(), read_state(segd_state_path(segd))};
    fill(folder);
    assert_openings_refused(segd, "StorageFailed");
    assert_same(lab, &before, segd_state_path(segd));

    ck_assert_int_eq(unlink(filler), 0);
    calls_do(segd, "Apply", calls_policy(SECOND, 0));
    calls_verify(segd);
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

START_TEST(read_only_disk_refuses_what_opens_and_enforces)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX";
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(before_clear) struct before before = {0};
    struct segd *segd;

    enter_disk(folder);
    segd = segd_start(FIRST);
    before = (struct before){listing_read(), read_state(segd_state_path(segd))};
    segd_stop(segd);
    ck_assert_int_eq(mount(segd_state_path(segd), segd_state_path(segd), NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(
        mount(NULL, segd_state_path(segd), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    segd_start_again(segd);
    assert_openings_refused(segd, "StorageFailed");
    assert_same(lab, &before, segd_state_path(segd));

    segd_stop(segd);
    ck_assert_int_eq(umount2(segd_state_path(segd), MNT_DETACH), 0);
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

static void isolate(const struct segd *segd)
{
    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "b", "reason", "ransomware"));
}

static void suspend(const struct segd *segd)
{
    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "kept", "reason", "leak"));
}

/* What closes, and how the audit log names it. */
static const struct {
    void (*close)(const struct segd *segd);
    const char *method, *parameters; /* that open again */
    const char *action;
    const char *reason;
} closings[] = {
    {isolate, "Release", "{'zone': 'b', 'reason': 'test'}", "isolate", "ransomware"},
    {suspend, "Resume", "{'flow': 'kept'}", "suspend", "leak"},
};

/* Refused attempts are entries too: the last page of the log has no room after some of them. */
static void fill_log(struct segd *segd)
{
    for (int i = 0; i < 10; i++)
        assert_openings_refused(segd, "StorageFailed");
    calls_finding(segd, "audit-not-written", true);
}

static bool kept_passes(struct lab *lab)
{
    struct frame kept = wires_udp(FAMILY_IPV6, WIRE_A, WIRE_B, 7001);

    return wires_try(lab, WIRE_A, &kept, NULL);
}

/* Waits until the audit log has the entry of this closing, whole. */
static void wait_for_entry(const struct segd *segd, const char *action, const char *reason)
{
    int connection = calls_send(segd, "ShowAudit", true, json_object());
    bool found = false;

    while (!found) {
        cleanup_(freep) char *text = calls_receive(connection, true);
        cleanup_(json_decrefp) json_t *reply = json_loads(text, 0, NULL);
        const json_t *entry = find_text(
            json_object_get(json_object_get(reply, "parameters"), "entries"), "action", action);

        found = entry;
        if (found)
            ck_assert_str_eq(json_string_value(json_object_get(entry, "reason")), reason);
    }
    close(connection);
}

/* The kernel first: the zone is cut off, the flow stops, whatever the disk does; a daemon that
 * starts goes on with what the kernel holds; and when there is room all of it is written. */
START_TEST(closing_needs_no_disk)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX", filler[64];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(freep) char *before = NULL;
    cleanup_(freep) char *full = NULL;
    cleanup_(freep) char *written = NULL;
    struct segd *segd;

    enter_disk(folder);
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    segd = segd_start(FIRST);
    before = read_state(segd_state_path(segd));
    fill(folder);
    fill_log(segd);
    ck_assert(kept_passes(lab));
    closings[_i].close(segd);
    ck_assert(!kept_passes(lab));
    calls_finding(segd, "state-behind", true);
    calls_verify_kernel(segd);
    full = read_state(segd_state_path(segd));
    ck_assert_str_eq(before, full);

    ck_assert_int_eq(unlink(filler), 0);
    wait_for_entry(segd, closings[_i].action, closings[_i].reason);
    calls_finding(segd, "state-behind", false);
    calls_finding(segd, "audit-not-written", false);
    written = read_state(segd_state_path(segd));
    ck_assert_str_ne(before, written);
    ck_assert(!kept_passes(lab));
    calls_verify(segd);
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

/* Nor does it need the daemon that made it. */
START_TEST(closing_that_was_not_written_outlives_the_daemon)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX", filler[64];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(freep) char *killed = NULL;
    cleanup_(freep) char *started = NULL;
    struct segd *segd;

    enter_disk(folder);
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    segd = segd_start(FIRST);
    fill(folder);
    closings[_i].close(segd);
    segd_kill(segd);
    killed = listing_read();
    segd_start_again(segd);
    started = listing_read();
    segd_same(killed, started);
    ck_assert(!kept_passes(lab));
    calls_finding(segd, "closing-adopted", true);

    /* Nobody known made it, so anybody may end it. */
    ck_assert_int_eq(unlink(filler), 0);
    calls_do(segd, closings[_i].method, calls_parameters(closings[_i].parameters));
    calls_finding(segd, "closing-adopted", false);
    ck_assert(kept_passes(lab));
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

/* Nor a generation: a policy that could not be kept is enforced from its files. */
START_TEST(closing_of_a_policy_that_is_not_kept_outlives_the_daemon)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX", filler[64];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct segd *segd;

    enter_disk(folder);
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    segd = segd_start(FIRST);
    segd_stop(segd);
    ck_assert_int_eq(
        sandbox_run((const char *const[]){"rm", "-r", segd_state_path(segd), NULL}, NULL, NULL), 0);
    sandbox_nft("delete table inet segd\n");
    fill(folder);
    segd_start_again(segd);
    calls_finding(segd, "policy-not-kept", true);
    ck_assert(kept_passes(lab));
    closings[_i].close(segd);
    ck_assert(!kept_passes(lab));
    segd_kill(segd);
    segd_start_again(segd);
    ck_assert(!kept_passes(lab));
    calls_finding(segd, "closing-adopted", true);

    ck_assert_int_eq(unlink(filler), 0);
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

START_TEST(grant_that_was_revoked_without_a_disk_does_not_come_back)
{
    char folder[] = "/var/tmp/segd-faults-XXXXXX", filler[64];
    cleanup_(lab_freep) struct lab *lab = wires_new();
    struct frame granted = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, 7002);
    struct segd *segd;

    enter_disk(folder);
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    segd = segd_start(FIRST);
    calls_do(segd, "Grant",
             json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.0.0/16", "to",
                       "10.3.0.0/16", "services", "udp/7002", "seconds", 600, "reason", "test"));
    ck_assert(wires_try(lab, WIRE_A, &granted, NULL));
    fill(folder);
    calls_do(segd, "Revoke", json_pack("{s:s}", "grant", "grant-1"));
    ck_assert(!wires_try(lab, WIRE_A, &granted, NULL));
    segd_kill(segd);
    segd_start_again(segd);
    ck_assert(!wires_try(lab, WIRE_A, &granted, NULL));

    ck_assert_int_eq(unlink(filler), 0);
    segd_free(segd);
    leave_disk(folder);
}
END_TEST

static const struct actor somebody = {.uid = 0, .name = "root"};

struct trial {
    struct subject subject;
    struct lab *lab;
    struct before before;
};

static void trial_start(struct trial *trial)
{
    trial->lab = wires_new();
    subject_start(&trial->subject, FIRST);
    trial->before = (struct before){listing_read(), read_state(trial->subject.state)};
}

static void trial_clear(struct trial *trial)
{
    subject_clear(&trial->subject);
    before_clear(&trial->before);
    lab_free(trial->lab);
}

static int try_apply(struct gateway *gateway, struct outcome *outcome)
{
    const struct policy_text text = {.name = "policy.yaml", .text = SECOND, .size = strlen(SECOND)};

    return change_apply(gateway, &somebody, &(struct apply_request){&text, 1, "test"}, outcome);
}

static int try_isolate(struct gateway *gateway, struct outcome *outcome)
{
    return change_isolate(gateway, &somebody, "b", "test", 0, NULL, 0, outcome);
}

static int try_suspend(struct gateway *gateway, struct outcome *outcome)
{
    return change_suspend(gateway, &somebody, "kept", "test", outcome);
}

static int try_grant(struct gateway *gateway, struct outcome *outcome)
{
    static const char *const from = "10.1.0.7", *const to = "10.3.0.9", *const service = "tcp/22";
    const struct grant_wish wish = {NULL, &from, 1, &to, 1, &service, 1, "test"};

    return change_grant(gateway, &somebody, &wish, 600 * USEC_PER_SEC, outcome);
}

static int (*const tries[])(struct gateway *, struct outcome *) = {try_apply, try_isolate,
                                                                   try_suspend, try_grant};

static const int errors[] = {-EPERM, -ENOBUFS, -EINTR, -ENOMEM};

START_TEST(kernel_that_does_not_listen_changes_nothing)
{
    cleanup_(trial_clear) struct trial trial = {0};
    cleanup_(outcome_clear) struct outcome applied = {0};
    size_t n = 1;

    trial_start(&trial);
    for (size_t i = 0; i < ELEMENTS_OF(tries); i++) {
        cleanup_(outcome_clear) struct outcome outcome = {0};
        int r;

        transaction_error = errors[_i];
        r = tries[i](trial.subject.gateway, &outcome);
        transaction_error = 0;
        ck_assert_int_eq(r, 0);
        ck_assert_msg(outcome.kind == OUTCOME_KERNEL, "%s", outcome.message);
        ck_assert_msg(strstr(outcome.message, strerror(-errors[_i])), "%s", outcome.message);
        ck_assert_uint_eq(trial.subject.gateway->state.overrides.n_overrides, 0);
    }
    ck_assert_uint_eq(trial.subject.gateway->current.number, 1);
    ck_assert_int_eq(enforcement_verify(trial.subject.gateway->enforcement, NULL, NULL, &n), 0);
    ck_assert_uint_eq(n, 0);
    assert_same(trial.lab, &trial.before, trial.subject.state);
    ck_assert_int_eq(try_apply(trial.subject.gateway, &applied), 0);
    ck_assert_msg(applied.kind == OUTCOME_DONE, "%s", applied.message);
}
END_TEST

/* What is added is a transaction of its own (decision 8). If memory ends after it, counters of a
 * suspension, which no rule uses, are left until the next commit. */
static int difference_is_inert(const char *object, const char *message, void *userdata)
{
    (void)userdata;
    ck_assert_msg(strncmp(object, "suspension/", strlen("suspension/")) == 0, "%s: %s", object,
                  message);
    return 0;
}

START_TEST(no_memory_changes_nothing)
{
    cleanup_(trial_clear) struct trial trial = {0};
    unsigned failures = 0;

    trial_start(&trial);
    for (;;) {
        cleanup_(outcome_clear) struct outcome outcome = {0};
        uint64_t number = trial.subject.gateway->current.number;
        size_t n_overrides = trial.subject.gateway->state.overrides.n_overrides, n = 1;
        int r;

        failing_memory_start(failures);
        r = tries[_i](trial.subject.gateway, &outcome);
        if (r == 0 && (outcome.kind == OUTCOME_STORAGE || outcome.kind == OUTCOME_KERNEL))
            r = -ENOMEM;
        if (!failing_memory_stop(r, &failures)) {
            ck_assert_msg(r == 0 && outcome.kind == OUTCOME_DONE, "%d: %s", r, outcome.message);
            break;
        }
        ck_assert_uint_eq(trial.subject.gateway->current.number, number);
        ck_assert_uint_eq(trial.subject.gateway->state.overrides.n_overrides, n_overrides);
        assert_nothing_staged(trial.subject.state);
        if (failures % 16 == 1) {
            ck_assert_int_eq(enforcement_verify(trial.subject.gateway->enforcement,
                                                difference_is_inert, NULL, &n),
                             0);
        }
    }
    ck_assert_uint_gt(failures, 5);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, full_disk_refuses_what_opens_until_there_is_room);
    tcase_add_test(tests, read_only_disk_refuses_what_opens_and_enforces);
    tcase_add_loop_test(tests, closing_needs_no_disk, 0, (int)ELEMENTS_OF(closings));
    tcase_add_loop_test(tests, closing_that_was_not_written_outlives_the_daemon, 0,
                        (int)ELEMENTS_OF(closings));
    tcase_add_loop_test(tests, closing_of_a_policy_that_is_not_kept_outlives_the_daemon, 0,
                        (int)ELEMENTS_OF(closings));
    tcase_add_test(tests, grant_that_was_revoked_without_a_disk_does_not_come_back);
    tcase_add_loop_test(tests, kernel_that_does_not_listen_changes_nothing, 0,
                        (int)ELEMENTS_OF(errors));
    tcase_add_loop_test(tests, no_memory_changes_nothing, 0, (int)ELEMENTS_OF(tries));
}
