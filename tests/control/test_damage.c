/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Damaged and missing files of the state folder, with packets: whatever happens to one file,
 * exactly what was enforced passes afterwards. If a file and its copy are lost, what was revoked
 * does not come back, and what another file still proves goes on.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"
#include "wires.h"

#define HEAD                                                                                       \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"                           \
    "  b: { class: other, interfaces: [b0], networks: [10.3.0.0/16] }\n"                           \
    "flows:\n"                                                                                     \
    "  kept: { from: a, to: b, services: [udp/7002] }\n"                                           \
    "  stopped: { from: a, to: b, services: [udp/7004] }\n"

/* The flow `revoked` is in the first only, `new` in the last only; `stopped` is suspended. */
static const char first[] = HEAD "  revoked: { from: a, to: b, services: [udp/7001] }\n";
static const char second[] = HEAD;
static const char changed[] = HEAD "  new: { from: a, to: b, services: [udp/7003] }\n";
static const char broken[] = HEAD "  new: { from: a, to: nowhere, services: [udp/7003] }\n";

enum way {
    WAY_RESTART,
    WAY_KILL,
    WAY_BOOT,
    N_WAYS,
};

enum damage {
    DAMAGE_BIT,
    DAMAGE_HALF,
    DAMAGE_MISSING,
    DAMAGE_EMPTY,
    N_DAMAGE,
};

/* `%` is the number of the enforced generation. */
static const char *const files[] = {
    "state.json",
    "generations/%.json",
    "generations/%.policy.json",
    "generations/%.flows.json",
    "copy/state.json",
    "copy/generations/%.json",
    "copy/generations/%.policy.json",
};

static void damage(const struct segd *segd, const char *name, json_int_t number, enum damage how)
{
    const char *mark = strchr(name, '%');
    cleanup_(closep) int fd = -1;
    struct stat status;
    char path[256], byte;

    if (mark)
        snprintf(path, sizeof(path), "%s/%.*s%" JSON_INTEGER_FORMAT "%s", segd_state_path(segd),
                 (int)(mark - name), name, number, mark + 1);
    else
        snprintf(path, sizeof(path), "%s/%s", segd_state_path(segd), name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_gt(status.st_size, 0);
    switch (how) {
    case DAMAGE_BIT:
        ck_assert_int_eq(pread(fd, &byte, 1, status.st_size / 2), 1);
        byte ^= 1;
        ck_assert_int_eq(pwrite(fd, &byte, 1, status.st_size / 2), 1);
        break;
    case DAMAGE_HALF:
    case DAMAGE_EMPTY:
        ck_assert_int_eq(ftruncate(fd, how == DAMAGE_HALF ? status.st_size / 2 : 0), 0);
        break;
    case DAMAGE_MISSING:
        ck_assert_int_eq(unlink(path), 0);
        break;
    case N_DAMAGE:
        break;
    }
}

static void go_down(struct segd *segd, enum way way)
{
    if (way == WAY_KILL)
        segd_kill(segd);
    else
        segd_stop(segd);
    if (way == WAY_BOOT)
        sandbox_nft("delete table inet segd\n");
}

static bool passes(struct lab *lab, uint16_t port)
{
    struct frame frame = wires_udp(FAMILY_IPV4, WIRE_A, WIRE_B, port);

    return wires_try(lab, WIRE_A, &frame, NULL);
}

/* What passes of kept, new, and never of what was revoked and stopped. */
static void judge(struct lab *lab, bool kept, bool new, const char *what)
{
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
    ck_assert_msg(!passes(lab, 7001), "%s: what was revoked passes", what);
    ck_assert_msg(!passes(lab, 7004), "%s: what is suspended passes", what);
    ck_assert_msg(passes(lab, 7002) == kept, "%s: what is approved %s", what,
                  kept ? "does not pass" : "passes");
    ck_assert_msg(passes(lab, 7003) == new, "%s: what is new %s", what,
                  new ? "does not pass" : "passes");
}

/* A gateway whose second generation is enforced. */
static struct segd *start(void)
{
    struct segd *segd = segd_start(first);

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "stopped", "reason", "a test"));
    segd_reload(segd, second);
    return segd;
}

/* One file, damaged in every way, found at every kind of start. The daemon goes on with what it
 * made whole again. */
START_TEST(one_damaged_file_changes_nothing)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start();
    const char *file = files[_i % (int)ELEMENTS_OF(files)];
    bool has_changed = _i >= (int)ELEMENTS_OF(files);

    for (int i = 0; i < N_DAMAGE * N_WAYS; i += has_changed ? 2 : 1) {
        enum damage how = (enum damage)(i % N_DAMAGE);
        enum way way = (enum way)(i / N_DAMAGE);
        json_int_t number = calls_generation(segd);
        bool is_new = has_changed && way == WAY_BOOT;
        char what[64];

        snprintf(what, sizeof(what), "%s, damage %d, start %d", file, how, way);
        go_down(segd, way);
        damage(segd, file, number, how);
        if (has_changed)
            segd_write_policy(segd, changed);
        segd_start_again(segd);
        judge(lab, true, is_new, what);
        ck_assert_int_eq(calls_generation(segd), number + is_new);
        calls_finding(segd, "generation-not-enforced", false);
        calls_verify(segd);
        if (has_changed)
            segd_reload(segd, second);
    }
}
END_TEST

START_TEST(damage_is_told_once)
{
    static const char *const codes[] = {"state-damaged", "generation-damaged",
                                        "generation-damaged"};
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start();

    ck_assert_ptr_nonnull(lab);
    segd_stop(segd);
    damage(segd, files[_i], 2, DAMAGE_BIT);
    segd_start_again(segd);
    calls_finding(segd, codes[_i], true);
    segd_stop(segd);
    segd_start_again(segd);
    calls_finding(segd, codes[_i], false);
}
END_TEST

/* How many flows are told. */
static size_t count_flows(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "GetFlows", NULL);

    return json_array_size(json_object_get(reply, "flows"));
}

static void damage_texts(const struct segd *segd, json_int_t number)
{
    damage(segd, "generations/%.policy.json", number, DAMAGE_BIT);
    damage(segd, "copy/generations/%.policy.json", number, DAMAGE_BIT);
}

static json_t *grant(void)
{
    return json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "a", "to", "b", "services",
                     "udp/7003", "seconds", 600, "reason", "a test");
}

/* To tell the flows nobody needs the texts of a generation that was applied since the start, but
 * with a grant. */
START_TEST(flows_are_told_while_the_texts_are_damaged)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start(first);

    calls_do(segd, "Apply", calls_policy(second, 0));
    damage_texts(segd, 2);
    ck_assert_uint_eq(count_flows(segd), 2);
    calls_refused(segd, "Grant", grant(), "StorageFailed");
    calls_do(segd, "Apply", calls_policy(changed, 0));
    damage_texts(segd, 3);
    ck_assert_uint_eq(count_flows(segd), 3);
    ck_assert(passes(lab, 7003));

    calls_do(segd, "Apply", calls_policy(second, 0));
    calls_do(segd, "Grant", grant());
    ck_assert_uint_eq(count_flows(segd), 3);
    damage_texts(segd, 4);
    calls_refused(segd, "GetFlows", NULL, "StorageFailed");
    calls_verify(segd);
}
END_TEST

/* More than one file is lost. */
struct loss {
    const char *files[5];
    const char *policy; /* the policy files at the start */
    bool kept, new;     /* what passes after a restart and after a boot */
    bool boot_kept, boot_new;
    const char *finding; /* after a restart */
};

#define TEXTS "generations/%.policy.json", "copy/generations/%.policy.json"
#define RECORDS "generations/%.json", "copy/generations/%.json"
#define STATES "state.json", "copy/state.json"
#define APPROVED "generations/%.flows.json"

static const struct loss losses[] = {
    {{TEXTS}, second, true, false, true, false, "generation-damaged"},
    {{TEXTS}, changed, true, false, true, true, "generation-in-part"},
    {{TEXTS}, broken, true, false, true, false, "generation-in-part"},
    {{RECORDS}, second, true, false, true, false, NULL},
    {{RECORDS}, changed, true, false, true, true, NULL},
    {{RECORDS}, broken, true, false, true, false, NULL},
    {{STATES}, second, true, false, true, false, "state-damaged"},
    {{STATES}, changed, true, false, true, false, "state-damaged"},
    {{STATES, TEXTS}, broken, true, false, true, false, "generation-in-part"},
    {{STATES, TEXTS}, second, true, false, true, false, "state-damaged"},
    {{TEXTS, APPROVED}, broken, false, false, false, false, "lockdown"},
    {{TEXTS, APPROVED}, second, true, false, true, false, "generation-damaged"},
    {{RECORDS, TEXTS}, second, true, false, true, false, NULL},
    {{RECORDS, TEXTS}, broken, true, false, true, false, "generation-in-part"},
};

static bool has_finding(const struct segd *segd, const char *code)
{
    cleanup_(json_decrefp) json_t *status = calls_get(segd, "GetStatus", NULL);

    return find_text(json_object_get(status, "findings"), "code", code) != NULL;
}

/* The older policy itself is no policy that is enforced already. */
START_TEST(older_generation_can_be_applied_whole)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start();

    segd_kill(segd);
    damage(segd, "generations/%.policy.json", 2, DAMAGE_BIT);
    damage(segd, "copy/generations/%.policy.json", 2, DAMAGE_BIT);
    segd_write_policy(segd, broken);
    segd_start_again(segd);
    judge(lab, true, false, "in part");
    segd_reload(segd, first);
    ck_assert(passes(lab, 7001));
    ck_assert_int_eq(calls_generation(segd), 3);
}
END_TEST

START_TEST(what_nobody_knows_any_more_does_not_pass)
{
    const struct loss *loss = &losses[_i / 2];
    enum way way = _i % 2 == 0 ? WAY_KILL : WAY_BOOT;
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = start();
    bool boot = way == WAY_BOOT, is_in_part;
    char what[64];

    snprintf(what, sizeof(what), "loss %d, start %d", _i / 2, way);
    go_down(segd, way);
    for (size_t i = 0; i < ELEMENTS_OF(loss->files) && loss->files[i]; i++)
        damage(segd, loss->files[i], 2, DAMAGE_BIT);
    segd_write_policy(segd, loss->policy);
    segd_start_again(segd);
    judge(lab, boot ? loss->boot_kept : loss->kept, boot ? loss->boot_new : loss->new, what);
    calls_verify(segd);
    if (loss->finding && !boot)
        calls_finding(segd, loss->finding, true);

    /* The next start knows as much, and a policy that is applied is enforced whole. */
    is_in_part = has_finding(segd, "generation-in-part");
    segd_kill(segd);
    segd_start_again(segd);
    calls_finding(segd, "generation-in-part", is_in_part);
    judge(lab, boot ? loss->boot_kept : loss->kept, boot ? loss->boot_new : loss->new, what);
    if (is_in_part)
        calls_refused(segd, "Grant", grant(), "Refused");
    segd_reload(segd, changed);
    calls_finding(segd, "generation-in-part", false);
    judge(lab, true, true, what);
}
END_TEST

/* systemd keeps the socket that owns the table while segd is down, so nobody can have changed it.
 */
START_TEST(table_of_its_own_stays_without_its_policy)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = segd_start_stored(first);
    bool has_store = _i == 0;

    calls_do(segd, "Suspend", json_pack("{s:s, s:s}", "flow", "stopped", "reason", "a test"));
    segd_reload(segd, changed);
    for (int i = 0; i < 2; i++) {
        segd_kill(segd);
        if (!has_store)
            segd_empty_store(segd);
        segd_write_policy(segd, broken);
        if (i == 0) {
            damage(segd, "generations/%.policy.json", 2, DAMAGE_BIT);
            damage(segd, "copy/generations/%.policy.json", 2, DAMAGE_BIT);
        }
        segd_start_again(segd);
        calls_finding(segd, "policy-lost", has_store);
        calls_finding(segd, "lockdown", false);
        judge(lab, true, has_store, "after the loss");
        calls_verify(segd);
    }

    calls_do(segd, "Isolate", json_pack("{s:s, s:s}", "zone", "a", "reason", "a test"));
    judge(lab, false, false, "isolated");
    calls_verify(segd);
    segd_kill(segd);
    segd_start_again(segd);
    judge(lab, false, false, "isolated and started again");
    calls_do(segd, "Release",
             json_pack("{s:s, s:b, s:s}", "zone", "a", "alone", 1, "reason", "a test"));
    judge(lab, true, has_store, "released");
    segd_reload(segd, _i == 0 ? changed : second);
    judge(lab, true, _i == 0, "another policy");
    ck_assert_int_eq(calls_generation(segd), 3);
    calls_finding(segd, "policy-lost", false);
    calls_verify(segd);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, one_damaged_file_changes_nothing, 0, 2 * (int)ELEMENTS_OF(files));
    tcase_add_loop_test(tests, damage_is_told_once, 0, 3);
    tcase_add_test(tests, flows_are_told_while_the_texts_are_damaged);
    tcase_add_loop_test(tests, table_of_its_own_stays_without_its_policy, 0, 2);
    tcase_add_test(tests, older_generation_can_be_applied_whole);
    tcase_add_loop_test(tests, what_nobody_knows_any_more_does_not_pass, 0,
                        2 * (int)ELEMENTS_OF(losses));
}
