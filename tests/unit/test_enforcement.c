/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A table that changes while it is read. The reading goes through a function of this test, which
 * lets the change happen at the one moment that matters: after the dump, before the commit.
 */

#include <check.h>
#include <errno.h>

#include "checks.h"
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

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, change_between_dump_and_commit_is_no_refusal, 0, 2);
    tcase_add_loop_test(tests, changes_without_end_are_given_up, 0, 2);
}
