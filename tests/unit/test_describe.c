/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What somebody did to the table, in words: lib/ruleset/describe.h. */

#include "checks.h"
#include "nftables_sample.h"
#include "ruleset/describe.h"

/* Does something to the ruleset that was applied. */
typedef void (*tampering)(struct ruleset *held);

static struct set *set_of(struct ruleset *held, const char *name)
{
    for (size_t i = 0; i < held->n_sets; i++)
        if (strcmp(held->sets[i].name, name) == 0)
            return &held->sets[i];
    ck_abort();
    return NULL;
}

static struct chain *chain_of(struct ruleset *held, const char *name)
{
    for (size_t i = 0; i < held->n_chains; i++)
        if (strcmp(held->chains[i].name, name) == 0)
            return &held->chains[i];
    ck_abort();
    return NULL;
}

static void remove_element(struct ruleset *held)
{
    struct set *set = set_of(held, "live");

    memmove(&set->elements[0], &set->elements[1], --set->n_elements * sizeof(*set->elements));
}

static void remove_elements(struct ruleset *held)
{
    set_of(held, "live")->n_elements = 0;
}

static void add_elements(struct ruleset *held, uint32_t first, uint32_t n, const char *comment)
{
    struct set *set = set_of(held, "live");

    for (uint32_t mark = first; mark < first + n; mark++) {
        struct sample_key key = sample_live_key(0, mark);

        sample_element(held, set, &key, NULL,
                       (struct element){.verdict = VERDICT_ACCEPT, .comment = comment});
    }
    ruleset_finish(held);
}

static void add_element(struct ruleset *held)
{
    add_elements(held, 0x99, 1, "innocent");
}

static void add_six_elements(struct ruleset *held)
{
    add_elements(held, 0x90, 6, NULL);
}

static void add_deceitful_element(struct ruleset *held)
{
    add_elements(held, 0x99, 1, "\x1b[2Jx\nall is well");
}

static void change_element(struct ruleset *held)
{
    set_of(held, "live")->elements[0].verdict = VERDICT_DROP;
}

static void change_comment(struct ruleset *held)
{
    set_of(held, "live")->elements[0].comment = "other";
}

static void add_rule(struct ruleset *held, const char *chain, const char *text)
{
    ck_assert_int_eq(ruleset_add_rule(held, chain_of(held, chain), NULL, 0), 0);
    chain_of(held, chain)->rules[chain_of(held, chain)->n_rules - 1].foreign = text;
}

static void add_one_rule(struct ruleset *held)
{
    add_rule(held, "forward", "[ immediate reg 0 accept ]");
}

static void add_two_rules(struct ruleset *held)
{
    add_rule(held, "forward", "one");
    add_rule(held, "forward", "two");
}

static void remove_rule(struct ruleset *held)
{
    chain_of(held, "forward")->n_rules--;
}

static void remove_rules(struct ruleset *held)
{
    chain_of(held, "forward")->n_rules = 0;
}

static void swap_rules(struct ruleset *held)
{
    struct chain *chain = chain_of(held, "forward");
    struct rule rule = chain->rules[0];

    chain->rules[0] = chain->rules[1];
    chain->rules[1] = rule;
}

static void change_policy(struct ruleset *held)
{
    chain_of(held, "forward")->policy_drop = false;
    chain_of(held, "forward")->n_rules = 0;
}

static void add_chain(struct ruleset *held)
{
    struct chain *chain;

    ck_assert_int_eq(ruleset_add_chain(held, "theirs", &chain), 0);
    ruleset_finish(held);
}

static void remove_counter(struct ruleset *held)
{
    held->n_counters--;
}

static void add_counter(struct ruleset *held)
{
    ck_assert_int_eq(ruleset_add_counter(held, "zz"), 0);
    ruleset_finish(held);
}

static void change_set(struct ruleset *held)
{
    set_of(held, "interfaces")->timeout = true;
}

static void add_set(struct ruleset *held)
{
    sample_set(held, "theirs", KEY(DATATYPE_MARK), SET_DATA_NONE);
    ruleset_finish(held);
}

static void lose_owner(struct ruleset *held)
{
    held->persists = held->to_own = true;
}

static void lose_to_another(struct ruleset *held)
{
    held->owned = held->persists = held->to_own = true;
}

static const struct {
    tampering tamper;
    const char *lines;
} cases[] = {
    {remove_element, "element of live: original . 0x00001001 (web) is missing\n"},
    {remove_elements, "elements of live: original . 0x00001001 (web), reply . 0x00001001 (web) "
                      "are missing\n"},
    {add_element, "element of live: original . 0x00000099 (innocent) was added\n"},
    {add_six_elements, "elements of live: original . 0x00000090, original . 0x00000091, "
                       "original . 0x00000092, original . 0x00000093 and 2 more were added\n"},
    {add_deceitful_element,
     "element of live: original . 0x00000099 (\ufffd[2Jx\ufffdall is well) was added\n"},
    {change_element, "element of live: original . 0x00001001 (web) was changed\n"
                     "element of live: original . 0x00001001 (web) is written anew\n"},
    {change_comment,
     "element of live: original . 0x00001001 (web) has another expiry or comment\n"},
    {add_one_rule, "rule of forward was added: [ immediate reg 0 accept ]\n"
                   "rules of forward are written anew\n"},
    {add_two_rules, "rules of forward were added: one; two\n"
                    "rules of forward are written anew\n"},
    {remove_rule, "1 of 2 rules of forward are missing\n"
                  "rules of forward are written anew\n"},
    {remove_rules, "rules of forward are missing\n"},
    {swap_rules, "rules of forward were changed\n"
                 "rules of forward are written anew\n"},
    {change_policy, "chain forward was changed\n"
                    "chain forward is written anew\n"
                    "rules of forward are missing\n"},
    {add_chain, "chain theirs was added\n"},
    {remove_counter, "counter spoofed/a is missing\n"},
    {add_counter, "counter zz was added\n"},
    {change_set, "set interfaces was changed\n"
                 "set interfaces is written anew\n"
                 "element of interfaces: \"vlan110\" is missing\n"},
    {add_set, "set theirs was added\n"},
    {lose_owner, "the table had lost its owner\n"},
    {lose_to_another, "the table belongs to another process\n"},
};

static struct ruleset *make_applied(void)
{
    struct ruleset *ruleset = sample_empty();
    struct sample_key key = {0};
    struct chain *chain;
    struct set *set;

    ck_assert_int_eq(ruleset_add_counter(ruleset, "spoofed/a"), 0);
    sample_flow(ruleset, sample_live(ruleset), 0x1001, "web", 0);
    set = sample_set(ruleset, "interfaces", KEY(DATATYPE_IFNAME), SET_DATA_NONE);
    sample_put_name(&key, "vlan110");
    sample_element(ruleset, set, &key, NULL, (struct element){0});
    chain = sample_chain(ruleset, "forward", HOOK_FORWARD, 0);
    RULE(ruleset, chain, statement_verdict_map(FIELDS(FIELD_CT_DIRECTION, FIELD_CT_MARK), "live"));
    RULE(ruleset, chain, statement_verdict(VERDICT_DROP));
    ruleset_finish(ruleset);
    return ruleset;
}

static char *describe(const struct ruleset *held, const struct ruleset *applied)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_int_eq(difference_new(held, applied, &difference), 0);
    for (size_t i = 0; i < difference->n_changes; i++)
        ck_assert_int_eq(difference_describe(&difference->changes[i], stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

START_TEST(drift_is_told_in_words)
{
    cleanup_(ruleset_freep) struct ruleset *applied = make_applied();
    cleanup_(ruleset_freep) struct ruleset *held = make_applied();
    cleanup_(freep) char *text = NULL;

    cases[_i].tamper(held);
    text = describe(held, applied);
    ck_assert_str_eq(text, cases[_i].lines);
}
END_TEST

static void expect_begin(const struct ruleset *held, const char *wanted)
{
    cleanup_(ruleset_freep) struct ruleset *applied = make_applied();
    cleanup_(freep) char *text = describe(held, applied);

    ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "%s", text);
}

START_TEST(tables_as_a_whole_are_told)
{
    cleanup_(ruleset_freep) struct ruleset *held = make_applied();

    expect_begin(NULL, "the table is missing\ncounter spoofed/a is missing\n");
    held->dormant = true;
    expect_begin(held, "the table was switched off (dormant)\nthe table is made anew\n");
    held->dormant = false;
    held->to_own = true;
    expect_begin(held, "the table has no owner and never had one\nthe table is made anew\n");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, drift_is_told_in_words, 0, (int)ELEMENTS_OF(cases));
    tcase_add_test(tests, tables_as_a_whole_are_told);
}
