/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What segd enforces when it begins: after a boot, and after everything that can happen to its
 * state folder. A boot is a daemon that ended and a kernel that holds no table.
 */

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "calls.h"
#include "checks.h"
#include "sandbox.h"

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"                           \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"                           \
    "flows:\n"

static const char first[] = ZONES "  first: { from: a, to: b, services: [tcp/1] }\n";
static const char second[] = ZONES "  second: { from: a, to: b, services: [tcp/2] }\n";
static const char third[] = ZONES "  third: { from: a, to: b, services: [tcp/3] }\n";
static const char broken[] = ZONES "  broken: { from: a, to: nowhere, services: [tcp/3] }\n";

static bool is_live(const char *flow)
{
    struct nftables_count count;

    return segd_live(flow, false, &count);
}

/* This flow and no other passes. */
static void only_live(const char *flow)
{
    static const char *const flows[] = {"first", "second", "third"};

    for (size_t i = 0; i < ELEMENTS_OF(flows); i++)
        ck_assert_msg(is_live(flows[i]) == (strcmp(flow, flows[i]) == 0), "%s", flows[i]);
}

static void go_down(struct segd *segd)
{
    segd_stop(segd);
    sandbox_nft("delete table inet segd\n");
}

static void boot(struct segd *segd)
{
    go_down(segd);
    segd_start_again(segd);
}

static void state_file(const struct segd *segd, const char *name, char buffer[256])
{
    snprintf(buffer, 256, "%s/%s", segd_state_path(segd), name);
}

/* One way to damage a file. */
enum damage {
    DAMAGE_EMPTY,
    DAMAGE_HALF,
    DAMAGE_LETTER, /* one character is another */
    DAMAGE_NONSENSE,
    N_DAMAGE,
};

static void damage_one(const struct segd *segd, const char *name, enum damage how)
{
    cleanup_(closep) int fd = -1;
    struct stat status;
    char path[256], letter;

    state_file(segd, name, path);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &status), 0);
    switch (how) {
    case DAMAGE_EMPTY:
    case DAMAGE_NONSENSE:
        ck_assert_int_eq(ftruncate(fd, 0), 0);
        break;
    case DAMAGE_HALF:
        ck_assert_int_eq(ftruncate(fd, status.st_size / 2), 0);
        return;
    case DAMAGE_LETTER:
        ck_assert_int_eq(pread(fd, &letter, 1, status.st_size - 10), 1);
        letter ^= 1;
        ck_assert_int_eq(pwrite(fd, &letter, 1, status.st_size - 10), 1);
        return;
    case N_DAMAGE:
        return;
    }
    if (how == DAMAGE_NONSENSE)
        ck_assert_int_eq(pwrite(fd, "\0{]\xff", 4, 0), 4);
}

/* A file and its copy. */
static void damage(const struct segd *segd, const char *name, enum damage how)
{
    char copy[128];

    snprintf(copy, sizeof(copy), "copy/%s", name);
    damage_one(segd, name, how);
    damage_one(segd, copy, how);
}

START_TEST(boot_keeps_a_rollback)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_reload(segd, second);
    calls_do(segd, "Rollback", NULL);
    only_live("first");
    for (int i = 0; i < 2; i++) {
        boot(segd);
        only_live("first");
        ck_assert_int_eq(calls_generation(segd), 3);
        calls_verify(segd);
    }
}
END_TEST

/* Who applies what is enforced chose it once more, whatever the files say by now. */
START_TEST(boot_keeps_what_was_applied_again)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_write_policy(segd, second);
    calls_do(segd, "Apply",
             json_pack("{s:[{s:s, s:s}]}", "texts", "name", segd_policy_path(segd), "text", first));
    boot(segd);
    only_live("first");
    ck_assert_int_eq(calls_generation(segd), 1);
}
END_TEST

START_TEST(boot_applies_files_that_changed)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    go_down(segd);
    segd_write_policy(segd, second);
    segd_start_again(segd);
    only_live("second");
    ck_assert_int_eq(calls_generation(segd), 2);
    calls_finding(segd, "policy-not-applied", false);
    boot(segd);
    ck_assert_int_eq(calls_generation(segd), 2);
}
END_TEST

START_TEST(boot_with_broken_files_enforces_the_last_good_generation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_reload(segd, second);
    go_down(segd);
    if (_i == 0)
        segd_write_policy(segd, broken);
    else
        ck_assert_int_eq(remove(segd_policy_path(segd)), 0);
    segd_start_again(segd);
    only_live("second");
    ck_assert_int_eq(calls_generation(segd), 2);
    calls_finding(segd, "policy-not-applied", true);
    segd_reload(segd, second);
    ck_assert_int_eq(calls_generation(segd), 2);
    calls_finding(segd, "policy-not-applied", false);
    segd_reload(segd, third);
    only_live("third");
    calls_finding(segd, "policy-not-applied", false);
}
END_TEST

START_TEST(damaged_state_leads_to_the_last_good_generation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    bool restart = _i >= N_DAMAGE;
    char path[256];

    segd_reload(segd, second);
    calls_do(segd, "Rollback", NULL);
    segd_stop(segd);
    if (!restart)
        sandbox_nft("delete table inet segd\n");
    damage(segd, "state.json", (enum damage)(_i % N_DAMAGE));
    segd_start_again(segd);
    only_live("first");
    ck_assert_int_eq(calls_generation(segd), 3);
    calls_finding(segd, "state-damaged", true);
    state_file(segd, "state.json.damaged", path);
    ck_assert_int_eq(access(path, F_OK), 0);
    /* No number is used twice, and the next boot knows again. */
    boot(segd);
    only_live("first");
    calls_finding(segd, "state-damaged", false);
    segd_reload(segd, third);
    ck_assert_int_eq(calls_generation(segd), 4);
}
END_TEST

/* What was closed by hand before the last change of the policy does not open. */
START_TEST(damaged_state_keeps_what_the_generation_knows_as_suspended)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "first", "reason", "a test"));
    segd_reload(segd, first);
    ck_assert(!is_live("first"));
    segd_stop(segd);
    if (_i == 1)
        sandbox_nft("delete table inet segd\n");
    damage(segd, "state.json", DAMAGE_HALF);
    segd_start_again(segd);
    ck_assert(!is_live("first"));
    calls_do(segd, "Resume", json_pack("{s:s}", "flow", "first"));
    ck_assert(is_live("first"));
}
END_TEST

static void remove_state(const struct segd *segd)
{
    char path[256];

    state_file(segd, "state.json", path);
    ck_assert_int_eq(remove(path), 0);
    state_file(segd, "copy/state.json", path);
    ck_assert_int_eq(remove(path), 0);
}

/* Nor what was closed since; neither where the kernel holds it, nor after a boot. */
START_TEST(lost_state_opens_nothing)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "first", "reason", "a test"));
    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "a test"));
    segd_stop(segd);
    if (_i & 1)
        sandbox_nft("delete table inet segd\n");
    if (_i & 2)
        remove_state(segd);
    else
        damage(segd, "state.json", DAMAGE_HALF);
    segd_start_again(segd);
    calls_finding(segd, _i & 2 ? "state-missing" : "state-damaged", true);
    ck_assert(!is_live("first"));
    calls_do(segd, "Release",
             json_pack("{s:s, s:b, s:s}", "zone", "a", "alone", 1, "reason", "a test"));
    calls_do(segd, "Resume", json_pack("{s:s}", "flow", "first"));
    ck_assert(is_live("first"));
}
END_TEST

static void is_locked_down(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    ck_assert_str_eq(json_string_value(json_object_get(status, "mode")), "lockdown");
    calls_finding(segd, "lockdown", true);
    calls_verify(segd);
}

/* Both files of the generation, and its copies: an older one is enforced only as far as that is
 * known to have the same flows, and here it has none of them. */
START_TEST(damaged_generation_does_not_bring_back_the_one_before)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_reload(segd, second);
    go_down(segd);
    segd_write_policy(segd, broken);
    damage(segd, "generations/2.json", (enum damage)_i);
    damage(segd, "generations/2.policy.json", (enum damage)_i);
    segd_start_again(segd);
    calls_finding(segd, "generation-not-enforced", true);
    is_locked_down(segd);
    segd_reload(segd, third);
    ck_assert_int_eq(calls_generation(segd), 3);
    only_live("third");
}
END_TEST

START_TEST(without_anything_nothing_passes)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(_i == 0 ? NULL : broken);

    is_locked_down(segd);
    boot(segd);
    is_locked_down(segd);
    segd_reload(segd, first);
    only_live("first");
    calls_finding(segd, "lockdown", false);
}
END_TEST

/* The folder as well: then the kernel alone remembers. */
START_TEST(lost_state_folder_leaves_isolated_what_the_kernel_isolates)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    char path[256];

    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "a test"));
    segd_stop(segd);
    state_file(segd, "../gone", path);
    ck_assert_int_eq(rename(segd_state_path(segd), path), 0);
    segd_start_again(segd);
    calls_finding(segd, "state-missing", true);
    only_live("first");
    calls_verify(segd);
    calls_do(segd, "Release", json_pack("{s:s}", "zone", "a"));
    calls_verify(segd);
}
END_TEST

/* Anybody may have changed an orphan whose policy is lost. */
START_TEST(table_that_nobody_knows_does_not_stay)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_stop(segd);
    sandbox_nft("insert rule inet segd forward accept\n");
    segd_write_policy(segd, broken);
    damage(segd, "generations/1.policy.json", DAMAGE_HALF);
    segd_start_again(segd);
    is_locked_down(segd);
}
END_TEST

/* Nobody else decides which generation that is. */
START_TEST(table_names_only_what_a_change_can_have_left)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_reload(segd, second);
    segd_stop(segd);
    sandbox_nft("delete chain inet segd generation/2\nadd chain inet segd generation/1\n");
    segd_start_again(segd);
    only_live("second");
    ck_assert_int_eq(calls_generation(segd), 2);
    calls_finding(segd, "generation-not-enforced", true);
    calls_verify(segd);
}
END_TEST

/* Ways in which nothing can be kept. */
enum spoiled {
    SPOILED_READ_ONLY,
    SPOILED_READ_ONLY_EMPTY,
    SPOILED_FILE,             /* it is a file */
    SPOILED_GENERATIONS_FILE, /* the folder of generations is a file */
    N_SPOILED,
};

/* A mount is the test's own. */
static void mount_here(const char *source, const char *path, const char *type, unsigned long flags)
{
    sandbox_enter_mounts();
    ck_assert_int_eq(mount(source, path, type, flags, NULL), 0);
}

static void put_file_in_place_of(const char *path)
{
    char away[300];
    int fd;

    snprintf(away, sizeof(away), "%s.away", path);
    ck_assert_int_eq(rename(path, away), 0);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void spoil_folder(const struct segd *segd, enum spoiled way)
{
    const char *path = segd_state_path(segd);
    char name[256];

    switch (way) {
    case SPOILED_READ_ONLY:
        mount_here(path, path, NULL, MS_BIND);
        ck_assert_int_eq(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        break;
    case SPOILED_READ_ONLY_EMPTY:
        mount_here("none", path, "tmpfs", MS_RDONLY);
        break;
    case SPOILED_FILE:
        put_file_in_place_of(path);
        break;
    case SPOILED_GENERATIONS_FILE:
        state_file(segd, "generations", name);
        put_file_in_place_of(name);
        break;
    case N_SPOILED:
        break;
    }
}

START_TEST(without_a_state_folder_the_files_are_enforced)
{
    static const char *const findings[N_SPOILED] = {"policy-not-kept", "no-generations", "no-state",
                                                    "no-generations"};
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    ck_assert_int_lt(_i, N_SPOILED);
    go_down(segd);
    spoil_folder(segd, (enum spoiled)_i);
    segd_write_policy(segd, second);
    segd_start_again(segd);
    only_live("second");
    calls_finding(segd, findings[_i], true);
    calls_verify_kernel(segd);
    calls_refused(segd, "Apply", NULL, "StorageFailed");
    segd_reload_refused(segd, third);
    only_live("second");
    /* And once more: what the kernel holds has no number. */
    segd_kill(segd);
    segd_start_again(segd);
    only_live("third");
}
END_TEST

START_TEST(suspension_holds_where_nothing_can_be_written)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "first", "reason", "a test"));
    go_down(segd);
    spoil_folder(segd, SPOILED_READ_ONLY);
    segd_write_policy(segd, first);
    if (_i == 1)
        segd_write_policy(segd, ZONES "  first: { from: a, to: b, services: [tcp/9] }\n");
    segd_start_again(segd);
    ck_assert(!is_live("first"));
}
END_TEST

static json_t *history_outcome(const struct segd *segd, json_int_t number)
{
    json_t *history = calls_get(segd, "GetHistory", NULL), *outcome = NULL;
    const json_t *generations = json_object_get(history, "generations");

    for (size_t i = 0; i < json_array_size(generations); i++) {
        const json_t *generation = json_array_get(generations, i);

        if (json_integer_value(json_object_get(generation, "number")) == number)
            outcome = json_incref(json_object_get(generation, "outcome"));
    }
    json_decref(history);
    ck_assert_ptr_nonnull(outcome);
    return outcome;
}

/* Cuts the last line off. */
static void cut_audit(const struct segd *segd)
{
    cleanup_(freep) char *text = NULL;
    char path[256], *end;
    size_t size;

    state_file(segd, "audit/audit.log", path);
    ck_assert_int_eq(file_read(AT_FDCWD, path, (size_t)1 << 20, &text, &size), 0);
    ck_assert_uint_gt(size, 1);
    end = memrchr(text, '\n', size - 1);
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(truncate(path, end + 1 - text), 0);
}

/* The last entry is that of what opened, of what closed, of a refusal, or of an orderly end. */
START_TEST(audit_log_whose_end_is_cut_off_is_told)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    bool boots = _i >= 4;

    if (_i % 4 == 0)
        segd_reload(segd, second);
    if (_i % 4 == 1)
        calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "a test"));
    if (_i % 4 == 2)
        calls_refused(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", ""),
                      "Refused");
    /* The state is written after the reply: once more round the loop. */
    if (_i % 4 == 2)
        calls_generation(segd);
    if (_i % 4 == 3)
        segd_stop(segd);
    else
        segd_kill(segd);
    if (boots)
        sandbox_nft("delete table inet segd\n");
    cut_audit(segd);
    segd_start_again(segd);
    calls_finding(segd, "audit-tampered", true);
    segd_stop(segd);
    segd_start_again(segd);
    calls_finding(segd, "audit-tampered", false);
}
END_TEST

/* What was appended after the state was written is no damage. */
START_TEST(audit_log_may_be_ahead_of_the_state)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    char path[256], old[256];
    const char *const keep[] = {"cp", path, old, NULL}, *const put_back[] = {"cp", old, path, NULL};

    state_file(segd, "state.json", path);
    state_file(segd, "../old.json", old);
    ck_assert_int_eq(sandbox_run(keep, NULL, NULL), 0);
    calls_refused(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", ""), "Refused");
    segd_stop(segd);
    ck_assert_int_eq(sandbox_run(put_back, NULL, NULL), 0);
    segd_start_again(segd);
    calls_finding(segd, "audit-tampered", false);
    calls_verify(segd);
}
END_TEST

START_TEST(audit_log_that_is_gone_is_told)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    char path[256];
    const char *const remove[] = {"rm", "-r", path, NULL};

    calls_finding(segd, "audit-missing", false);
    boot(segd);
    calls_finding(segd, "audit-missing", false);
    go_down(segd);
    state_file(segd, "audit", path);
    ck_assert_int_eq(sandbox_run(remove, NULL, NULL), 0);
    segd_start_again(segd);
    calls_finding(segd, "audit-missing", true);
    only_live("first");
}
END_TEST

/* The code with which a second segd on the same state folder ends. */
#define EXIT_IN_USE 7

START_TEST(second_segd_on_the_same_folder_ends)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(freep) char *before = segd_list(), *after = NULL, *output = NULL;
    const char *const second_segd[] = {
        getenv("SEGD"),        "--policy", segd_policy_path(segd), "--state-dir",
        segd_state_path(segd), "--socket", segd_socket_path(segd), NULL,
    };

    ck_assert_int_eq(sandbox_run(second_segd, NULL, &output), EXIT_IN_USE);
    ck_assert_msg(strstr(output, "another segd"), "%s", output);
    after = segd_list();
    segd_same(before, after);
    calls_verify(segd);
    only_live("first");

    /* Whoever is killed gives it up. */
    segd_kill(segd);
    segd_start_again(segd);
    calls_verify(segd);
}
END_TEST

/* A small machine has no time zones, but it has UTC. */
START_TEST(utc_needs_no_time_zones)
{
    cleanup_(segd_freep) struct segd *segd = NULL;

    sandbox_enter();
    mount_here("none", "/usr/share/zoneinfo", "tmpfs", 0);
    segd = segd_start("timezone: UTC\n" ZONES
                      "  first: { from: a, to: b, services: [tcp/1], expires: 2099-12-31 }\n");
    only_live("first");
}
END_TEST

START_TEST(boot_takes_back_what_nobody_confirmed)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    json_t *outcome;

    segd_write_policy(segd, second);
    calls_do(segd, "Apply", json_pack("{s:i}", "confirm", 3600));
    only_live("second");
    for (int i = 0; i < 2; i++) {
        boot(segd);
        only_live("first");
        ck_assert_int_eq(calls_generation(segd), 1);
    }
    outcome = history_outcome(segd, 2);
    ck_assert_str_eq(json_string_value(outcome), "unconfirmed");
    json_decref(outcome);
    calls_refused(segd, "Confirm", NULL, "NotFound");
}
END_TEST

START_TEST(restart_goes_on_waiting_for_the_confirmation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    segd_write_policy(segd, second);
    calls_do(segd, "Apply", json_pack("{s:i}", "confirm", 3600));
    segd_kill(segd);
    segd_start_again(segd);
    only_live("second");
    calls_refused(segd, "Apply", NULL, "Busy");
    calls_do(segd, "Confirm", NULL);
    boot(segd);
    only_live("second");
    ck_assert_int_eq(calls_generation(segd), 2);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, boot_keeps_a_rollback);
    tcase_add_test(tests, boot_keeps_what_was_applied_again);
    tcase_add_test(tests, boot_applies_files_that_changed);
    tcase_add_loop_test(tests, boot_with_broken_files_enforces_the_last_good_generation, 0, 2);
    tcase_add_loop_test(tests, damaged_state_leads_to_the_last_good_generation, 0, 2 * N_DAMAGE);
    tcase_add_loop_test(tests, damaged_state_keeps_what_the_generation_knows_as_suspended, 0, 2);
    tcase_add_loop_test(tests, lost_state_opens_nothing, 0, 4);
    tcase_add_loop_test(tests, damaged_generation_does_not_bring_back_the_one_before, 0, N_DAMAGE);
    tcase_add_loop_test(tests, without_anything_nothing_passes, 0, 2);
    tcase_add_test(tests, lost_state_folder_leaves_isolated_what_the_kernel_isolates);
    tcase_add_test(tests, table_that_nobody_knows_does_not_stay);
    tcase_add_test(tests, table_names_only_what_a_change_can_have_left);
    tcase_add_loop_test(tests, without_a_state_folder_the_files_are_enforced, 0, N_SPOILED);
    tcase_add_loop_test(tests, suspension_holds_where_nothing_can_be_written, 0, 2);
    tcase_add_test(tests, audit_log_that_is_gone_is_told);
    tcase_add_loop_test(tests, audit_log_whose_end_is_cut_off_is_told, 0, 8);
    tcase_add_test(tests, audit_log_may_be_ahead_of_the_state);
    tcase_add_test(tests, second_segd_on_the_same_folder_ends);
    tcase_add_test(tests, utc_needs_no_time_zones);
    tcase_add_test(tests, boot_takes_back_what_nobody_confirmed);
    tcase_add_test(tests, restart_goes_on_waiting_for_the_confirmation);
}
