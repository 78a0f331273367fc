/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order of what a difference does, where it matters to packets that are under way. That the
 * kernel takes it, and ends at what was wanted, is shown by the tests of nftables.
 */

#include "nftables_sample.h"

/* A switchboard with one flow, and a row that names it; `id` 0: nothing. */
static struct ruleset *make(uint32_t id, uint32_t row)
{
    struct ruleset *ruleset = sample_empty();
    struct set *live = sample_live(ruleset), *rows;
    const uint32_t key = 7;

    sample_flow(ruleset, live, 0x99, "always", 0);
    if (id > 0)
        sample_flow(ruleset, live, id, "flow", 0);
    rows = sample_set(ruleset, "rows", KEY(DATATYPE_MARK), SET_DATA_MARK);
    if (row > 0)
        sample_element(ruleset, rows, &(struct sample_key){.bytes = {(uint8_t)key}, .length = 4},
                       NULL, (struct element){.mark = row});
    ruleset_finish(ruleset);
    return ruleset;
}

/* The mark of the first live element that goes in `n` changes, or 0. */
static uint32_t find_leaving(const struct change *changes, size_t n)
{
    uint32_t mark = 0;

    for (size_t i = 0; i < n; i++)
        if (changes[i].kind == CHANGE_DELETE_ELEMENTS && strcmp(changes[i].set->name, "live") == 0)
            memcpy(&mark, changes[i].elements[0]->key + 4, sizeof(mark));
    return mark;
}

static const struct {
    uint32_t old[2]; /* id, row */
    uint32_t new[2];
    bool late;
} cases[] = {
    {{1, 1}, {2, 2}, true},  /* its meaning changes */
    {{1, 1}, {0, 0}, true},  /* it goes, perhaps because another takes its packets over */
    {{1, 0}, {0, 0}, false}, /* nothing but the switchboard changes */
};

START_TEST(flow_leaves_the_switchboard_after_its_rows)
{
    cleanup_(ruleset_freep) struct ruleset *old = make(cases[_i].old[0], cases[_i].old[1]);
    cleanup_(ruleset_freep) struct ruleset *new = make(cases[_i].new[0], cases[_i].new[1]);
    cleanup_(difference_freep) struct difference *difference = NULL;
    size_t n_first;

    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    n_first = difference->n_changes - difference->n_late;
    ck_assert_uint_eq(find_leaving(difference->changes, n_first), cases[_i].late ? 0 : 1);
    ck_assert_uint_eq(find_leaving(difference->changes + n_first, difference->n_late),
                      cases[_i].late ? 1 : 0);
}
END_TEST

START_TEST(each_transaction_counts)
{
    cleanup_(ruleset_freep) struct ruleset *old = make(cases[_i].old[0], cases[_i].old[1]);
    cleanup_(ruleset_freep) struct ruleset *new = make(cases[_i].new[0], cases[_i].new[1]);
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_cost cost = {0};
    struct nftables_features features;
    uint32_t before, after;

    sandbox_enter();
    nftables = sample_open();
    /* Probing takes transactions too. */
    ck_assert_int_eq(nftables_probe(nftables, &features), 0);
    sample_load(nftables, NULL, old);
    ck_assert_int_eq(nftables_generation(nftables, &before), 0);
    ck_assert_int_eq(sample_apply(nftables, old, new, NULL, &cost), 0);
    ck_assert_int_eq(nftables_generation(nftables, &after), 0);
    ck_assert_uint_eq(cost.transactions, cases[_i].late ? 2 : 1);
    ck_assert_uint_eq(after - before, cost.transactions);
    ck_assert_uint_eq(sample_drift(nftables, new), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("difference");
    TCase *tests = tcase_create("difference");
    SRunner *runner;
    int failed;

    sandbox_require();
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, flow_leaves_the_switchboard_after_its_rows, 0,
                        (int)ELEMENTS_OF(cases));
    tcase_add_loop_test(tests, each_transaction_counts, 0, (int)ELEMENTS_OF(cases));
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
