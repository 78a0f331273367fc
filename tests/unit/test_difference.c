/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order of what a difference does, where it matters to packets that are under way. That the
 * kernel takes it, and ends at what was wanted, is shown by the tests of nftables.
 */

#include "checks.h"
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

/* The transaction in which elements of a set go; PHASES: none do. */
static enum phase find_leaving(const struct difference *difference, const char *set)
{
    size_t i = 0;

    for (enum phase phase = 0; phase < PHASES; phase++)
        for (size_t end = i + difference->n_phase[phase]; i < end; i++)
            if (difference->changes[i].kind == CHANGE_DELETE_ELEMENTS &&
                strcmp(difference->changes[i].set->name, set) == 0)
                return phase;
    ck_assert_uint_eq(i, difference->n_changes);
    return PHASES;
}

static const struct {
    uint32_t old[2]; /* id, row */
    uint32_t new[2];
    enum phase row;
    unsigned transactions;
} cases[] = {
    {{1, 1}, {2, 2}, PHASE_CHANGE, 2}, /* its meaning changes, the row is replaced */
    {{1, 1}, {0, 0}, PHASE_ROWS, 2},   /* it goes; another row may take its packets over */
    {{1, 1}, {2, 0}, PHASE_ROWS, 3},
    {{1, 0}, {0, 0}, PHASES, 1}, /* nothing but the switchboard changes */
};

START_TEST(flow_leaves_the_switchboard_after_its_rows)
{
    cleanup_(ruleset_freep) struct ruleset *old = make(cases[_i].old[0], cases[_i].old[1]);
    cleanup_(ruleset_freep) struct ruleset *new = make(cases[_i].new[0], cases[_i].new[1]);
    cleanup_(difference_freep) struct difference *difference = NULL;

    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    ck_assert_int_eq(find_leaving(difference, "live"), PHASE_IDS);
    ck_assert_int_eq(find_leaving(difference, "rows"), cases[_i].row);
}
END_TEST

/* A row that stayed a while could meet sources that are new to its chain. */
START_TEST(row_goes_at_once_where_sources_change)
{
    cleanup_(ruleset_freep) struct ruleset *old = sample_gateway();
    cleanup_(ruleset_freep) struct ruleset *new = sample_gateway();
    cleanup_(difference_freep) struct difference *difference = NULL;

    for (size_t i = 0; i < new->n_sets; i++)
        if (strcmp(new->sets[i].name, "a/b/ip/exact") == 0 ||
            (_i == 1 && strcmp(new->sets[i].name, "a/b/ip/sources") == 0))
            new->sets[i].n_elements = 0;
    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    ck_assert_int_eq(find_leaving(difference, "a/b/ip/exact"), _i == 1 ? PHASE_CHANGE : PHASE_ROWS);
}
END_TEST

/* The map of limits leads no packet to other rows, unlike other maps of verdicts. */
START_TEST(row_stays_a_while_where_limits_change)
{
    static const char *const names[] = {"limited", "pairs/ip"};
    cleanup_(ruleset_freep) struct ruleset *old = make(1, 1);
    cleanup_(ruleset_freep) struct ruleset *new = make(1, 0);
    cleanup_(difference_freep) struct difference *difference = NULL;
    const struct sample_key key = {.bytes = {1}, .length = 4};

    sample_element(new, sample_set(new, names[_i], KEY(DATATYPE_MARK), SET_DATA_VERDICT), &key,
                   NULL, (struct element){.verdict = VERDICT_JUMP, .target = "limit/flow"});
    ruleset_finish(new);
    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    ck_assert_int_eq(find_leaving(difference, "rows"), _i == 0 ? PHASE_ROWS : PHASE_CHANGE);
}
END_TEST

/* A chain that looks for rows: `a` and `b` are rules, `map` is a lookup. */
static struct ruleset *make_chain(bool a, bool b, bool map, bool counts)
{
    struct ruleset *ruleset = sample_empty();
    struct set *rows = sample_set(ruleset, "rows", KEY(DATATYPE_MARK), SET_DATA_MARK);
    struct chain *chain;

    ck_assert_ptr_nonnull(rows);
    ck_assert_int_eq(ruleset_add_counter(ruleset, "counted"), 0);
    chain = sample_chain(ruleset, "pair", HOOK_NONE, 0);
    if (counts)
        RULE(ruleset, chain, statement_counter("counted"));
    if (a)
        RULE(ruleset, chain, statement_match_byte(FIELD_L4PROTO, false, 6),
             statement_put_ct_mark(1), statement_verdict(VERDICT_RETURN));
    if (b)
        RULE(ruleset, chain, statement_match_byte(FIELD_L4PROTO, false, 17),
             statement_put_ct_mark(2), statement_verdict(VERDICT_RETURN));
    if (map)
        RULE(ruleset, chain, statement_set_ct_mark(FIELDS(FIELD_CT_MARK), "rows"),
             statement_verdict(VERDICT_RETURN));
    RULE(ruleset, chain, statement_verdict(VERDICT_DROP));
    ruleset_finish(ruleset);
    return ruleset;
}

struct rows_case {
    bool a, b, map, counts;
};

static const struct {
    struct rows_case old, new;
    size_t n_rules[PHASES]; /* that the chain gets in each transaction */
} rows_cases[] = {
    {{true, false}, {true, true}, {3}},                     /* one comes */
    {{true, true}, {true, false}, {0, 2}},                  /* one goes, last */
    {{true, false}, {false, true}, {3, 2}},                 /* one stands in for the other */
    {{true, true}, {false, false, true}, {4, 2}},           /* a map does for both, */
    {{false, false, true}, {true, true}, {4, 3}},           /* and back */
    {{true, false, .counts = true}, {false, true}, {2, 0}}, /* what is no row goes at once */
};

/* So that packets find one of them at each instant, also where maps change late in a commit. */
START_TEST(rules_that_are_rows_go_after_others_came)
{
    const struct rows_case *before = &rows_cases[_i].old, *after = &rows_cases[_i].new;
    cleanup_(ruleset_freep) struct ruleset *old =
        make_chain(before->a, before->b, before->map, before->counts);
    cleanup_(ruleset_freep) struct ruleset *new =
        make_chain(after->a, after->b, after->map, after->counts);
    cleanup_(difference_freep) struct difference *difference = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    size_t n_rules[PHASES] = {0}, i = 0;

    ck_assert_int_eq(difference_new(old, new, &difference), 0);
    for (enum phase phase = 0; phase < PHASES; phase++)
        for (size_t end = i + difference->n_phase[phase]; i < end; i++)
            if (difference->changes[i].kind == CHANGE_ADD_RULES)
                n_rules[phase] += difference->changes[i].chain->n_rules;
    for (enum phase phase = 0; phase < PHASES; phase++)
        ck_assert_uint_eq(n_rules[phase], rows_cases[_i].n_rules[phase]);

    sandbox_enter();
    nftables = sample_open();
    sample_load(nftables, NULL, old);
    ck_assert_int_eq(sample_apply(nftables, old, new, NULL, NULL), 0);
    ck_assert_uint_eq(sample_drift(nftables, new), 0);
}
END_TEST

START_TEST(each_transaction_counts)
{
    cleanup_(ruleset_freep) struct ruleset *old = make(cases[_i].old[0], cases[_i].old[1]);
    cleanup_(ruleset_freep) struct ruleset *new = make(cases[_i].new[0], cases[_i].new[1]);
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_features features;
    struct nftables_cost cost = {0};
    uint32_t before, after;

    sandbox_enter();
    nftables = sample_open();
    /* Probing takes transactions too. */
    ck_assert_int_eq(nftables_probe(nftables, &features), 0);
    sample_load(nftables, NULL, old);
    ck_assert_int_eq(nftables_generation(nftables, &before), 0);
    ck_assert_int_eq(sample_apply(nftables, old, new, NULL, &cost), 0);
    ck_assert_int_eq(nftables_generation(nftables, &after), 0);
    ck_assert_uint_eq(cost.transactions, cases[_i].transactions);
    ck_assert_uint_eq(after - before, cost.transactions);
    ck_assert_uint_eq(sample_drift(nftables, new), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, flow_leaves_the_switchboard_after_its_rows, 0,
                        (int)ELEMENTS_OF(cases));
    tcase_add_loop_test(tests, row_goes_at_once_where_sources_change, 0, 2);
    tcase_add_loop_test(tests, row_stays_a_while_where_limits_change, 0, 2);
    tcase_add_loop_test(tests, rules_that_are_rows_go_after_others_came, 0,
                        (int)ELEMENTS_OF(rows_cases));
    tcase_add_loop_test(tests, each_transaction_counts, 0, (int)ELEMENTS_OF(cases));
}
