/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A table that changes while it is read, and a machine so slow that time goes by between two steps.
 * The reading and the clock go through functions of this test, which let the change happen at the
 * one moment that matters: after the dump, before the commit; or time pass just then.
 */

#include <check.h>
#include <errno.h>

#include "base/instant.h"
#include "checks.h"
#include "compiled/compiled.h"
#include "daemon/enforcement.h"
#include "sandbox.h"

/* What the table is made before a dump and right after it, in nft's words. */
struct meddling {
    const char *before;
    const char *after;
};

static struct {
    struct meddling now;
    unsigned times;
    unsigned dumps;
} meddler;

/* For the daemon so much has passed since the kernel's clock was last asked. */
#define DELAY (10 * USEC_PER_SEC)

static struct {
    usec_t ahead; /* of the real clock */
    bool dump_is_slow;
} test_clock;

usec_t __real_calendar_now(void);
usec_t __wrap_calendar_now(void);

usec_t __wrap_calendar_now(void)
{
    usec_t now = __real_calendar_now() + test_clock.ahead;

    if (test_clock.dump_is_slow)
        test_clock.ahead += DELAY;
    return now;
}

int __real_nftables_dump(struct nftables *nftables, const char *table,
                         const struct ruleset *expected, struct ruleset **ret_ruleset);
int __wrap_nftables_dump(struct nftables *nftables, const char *table,
                         const struct ruleset *expected, struct ruleset **ret_ruleset);

int __wrap_nftables_dump(struct nftables *nftables, const char *table,
                         const struct ruleset *expected, struct ruleset **ret_ruleset)
{
    bool meddles = meddler.dumps++ < meddler.times;
    int r;

    if (meddles)
        sandbox_nft(meddler.now.before);
    r = __real_nftables_dump(nftables, table, expected, ret_ruleset);
    if (meddles)
        sandbox_nft(meddler.now.after);
    return r;
}

static const struct meddling meddlings[] = {
    /* What is to be added is there. */
    {"table inet segd\ndelete table inet segd\n", "table inet segd { chain drop/lockdown { }; }\n"},
    /* What is to be deleted is gone. */
    {"table inet segd { chain other { }; }\n", "delete table inet segd\n"},
};

static struct enforcement *start(int i)
{
    struct enforcement *enforcement = NULL;

    sandbox_enter();
    meddler.now = meddlings[i];
    ck_assert_int_eq(enforcement_open(-1, &enforcement), 0);
    return enforcement;
}

START_TEST(change_between_dump_and_commit_is_no_refusal)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = start(_i);
    struct nftables_refusal refusal;

    meddler.times = 1;
    ck_assert_int_eq(enforcement_lock_down(enforcement, &refusal), 0);
    ck_assert_uint_eq(meddler.dumps, 2);
}
END_TEST

START_TEST(changes_without_end_are_given_up)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = start(_i);
    struct nftables_refusal refusal;

    meddler.times = 100;
    ck_assert_int_eq(enforcement_lock_down(enforcement, &refusal), -EREMOTEIO);
    ck_assert_uint_eq(meddler.dumps, 3);
}
END_TEST

static const char policy[] = "segd: 1\n"
                             "timezone: UTC\n"
                             "zones:\n"
                             "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"
                             "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"
                             "flows:\n"
                             "  f: { from: a, to: b, services: [tcp/1], expires: 2029-12-31 }\n";

/* As on a day before the flow ends. */
static void compile(struct compiled **ret_compiled)
{
    const struct policy_text text = {"policy.yaml", policy, sizeof(policy) - 1, 0};
    struct compiled_input input = {.texts = &text, .n_texts = 1};
    struct diagnostics *diagnostics = NULL;

    ck_assert_int_eq(instant_parse("2029-12-01T00:00:00Z", &input.now), 0);
    test_clock.ahead = input.now - __real_calendar_now();
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(compiled_new(&input, diagnostics, ret_compiled), 0);
    diagnostics_free(diagnostics);
}

/* How many things the kernel holds otherwise. */
static size_t differences(struct enforcement *enforcement)
{
    size_t n;

    ck_assert_int_eq(enforcement_verify(enforcement, NULL, NULL, &n), 0);
    return n;
}

START_TEST(timeouts_count_from_the_commit)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = start(0);
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct nftables_refusal refusal;
    struct nftables_cost cost = {0};

    compile(&compiled);
    test_clock.ahead += DELAY;
    ck_assert_int_eq(enforcement_commit(enforcement, compiled, &refusal, &cost), 0);
    ck_assert_uint_eq(differences(enforcement), 0);
}
END_TEST

START_TEST(slow_dump_is_no_difference)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = start(0);
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    struct nftables_refusal refusal;
    struct nftables_cost cost = {0};

    compile(&compiled);
    ck_assert_int_eq(enforcement_commit(enforcement, compiled, &refusal, &cost), 0);
    /* The kernel answers when the dump ends, and the dump began long before. */
    test_clock.ahead -= DELAY;
    test_clock.dump_is_slow = true;
    ck_assert_uint_eq(differences(enforcement), 0);
    /* A timeout that is off by more than the dump took is one. */
    test_clock.dump_is_slow = false;
    test_clock.ahead += DELAY;
    ck_assert_uint_gt(differences(enforcement), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, change_between_dump_and_commit_is_no_refusal, 0, 2);
    tcase_add_loop_test(tests, changes_without_end_are_given_up, 0, 2);
    tcase_add_test(tests, timeouts_count_from_the_commit);
    tcase_add_test(tests, slow_dump_is_no_difference);
}
