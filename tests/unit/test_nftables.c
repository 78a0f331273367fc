/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is applied is what the kernel holds, whole or not at all: lib/kernel/nftables.h. */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "nftables_sample.h"

START_TEST(what_is_applied_is_dumped)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;

    sample_load(sample.nftables, NULL, sample.wanted);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);

    dump = sample_dump(sample.nftables, sample.wanted);
    ck_assert_uint_eq(dump->n_counters, sample.wanted->n_counters);
    ck_assert_uint_eq(dump->n_sets, sample.wanted->n_sets);
    ck_assert_uint_eq(dump->n_chains, sample.wanted->n_chains);
    for (size_t i = 0; i < dump->n_sets; i++)
        ck_assert_uint_eq(dump->sets[i].n_elements, sample.wanted->sets[i].n_elements);
    ck_assert_uint_eq(ruleset_find_chain(dump, "forward")->location.line, 99);
    ck_assert_uint_eq(ruleset_find_set(dump, "live")->elements[0].location.line, 0x1001);
}
END_TEST

START_TEST(an_empty_difference_sends_nothing)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    struct nftables_cost cost = {.bytes = 1};

    ck_assert_int_eq(sample_apply(sample.nftables, sample.wanted, sample.wanted, NULL, &cost), 0);
    ck_assert_uint_eq(cost.bytes, 0);
    ck_assert_uint_eq(cost.messages, 0);
}
END_TEST

START_TEST(without_a_table_there_is_nothing_to_dump)
{
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;

    sandbox_enter();
    nftables = sample_open();
    ck_assert_int_eq(nftables_dump(nftables, "segd", NULL, &dump), -ENOENT);
    sandbox_nft("add table ip segd\n"
                "add table inet other\n"
                "add chain inet other x { type nat hook prerouting priority 0; }\n");
    ck_assert_int_eq(nftables_dump(nftables, "segd", NULL, &dump), -ENOENT);
}
END_TEST

START_TEST(rules_nobody_expects_are_foreign)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    const struct chain *chain;

    sample_load(sample.nftables, NULL, sample.wanted);
    sandbox_nft("insert rule inet segd prerouting tcp dport 22 accept");

    dump = sample_dump(sample.nftables, sample.wanted);
    chain = ruleset_find_chain(dump, "prerouting");
    ck_assert_uint_eq(chain->n_rules, 6);
    ck_assert_ptr_nonnull(strstr(chain->rules[0].foreign, "payload"));
    for (size_t i = 1; i < chain->n_rules; i++)
        ck_assert_ptr_null(chain->rules[i].foreign);
}
END_TEST

/* What somebody may do to the table behind our back, in nft's words; `segd-e` names an element. */
static const char *const tamperings[] = {
    "flush table inet segd",
    "flush chain inet segd drop/no-flow",
    "insert rule inet segd forward accept",
    "add rule inet segd a/b/ip/1 counter",
    "add rule inet segd a/b/ip/1 ip saddr { 192.0.2.1, 192.0.2.7 } accept",
    "chain inet segd forward { policy accept; }",
    "add chain inet segd foreign { type nat hook postrouting priority 0; }",
    "add element inet segd live { original . 0x99 : accept }",
    "delete element inet segd live { reply . 0x1001 }",
    ("delete element inet segd live { reply . 0x1001 }\n"
     "add element inet segd live { reply . 0x1001 : drop }"),
    ("delete element inet segd live { reply . 0x1001 }\n"
     "add element inet segd live { reply . 0x1001 : drop, reply . 0x77 : accept }\n"
     "flush chain inet segd drop/no-flow"),
    "delete element inet segd a/b/ip/ranges { 10.3.0.1 . tcp . 22 }",
    "add element inet segd a/b/ip/ranges { 10.9.0.0/16 . tcp . 1-65535 : 0x1001 }",
    "delete element inet segd a/b/ip/sources { 10.1.1.0 }",
    "add element inet segd a/b/ip/sources { 10.4.0.0/16 : jump a/b/ip/1 }",
    ("delete element inet segd a/b/ip/exact { 10.1.0.7 . 10.2.0.9 . tcp . 443 }\n"
     "add element inet segd a/b/ip/exact { 10.1.0.7 . 10.2.0.9 . tcp . 443 : 0x1002 }"),
    ("delete element inet segd pairs { \"vlan110\" . \"vlan.390\" }\n"
     "add element inet segd pairs { \"vlan110\" . \"vlan.390\" : accept }"),
    ("delete element inet segd macs { 10.1.0.7 . 00:00:5e:00:53:11 }\n"
     "add element inet segd macs { 10.1.0.7 . 00:00:5e:00:53:12 }"),
    "add set inet segd foreign { type ipv4_addr; size 7; elements = { 1.2.3.4 }; }",
    "add map inet segd foreign { type ether_addr : inet_service; }",
    "add counter inet segd foreign",
    "add table inet segd { flags dormant; }",
    "delete table inet segd\nadd table inet segd",
    ("flush chain inet segd drop/no-flow\n"
     "add rule inet segd drop/no-flow limit rate 99/second burst 20 packets "
     "log prefix \"segd no-flow \" group 5 snaplen 128"),
};

START_TEST(tampering_is_seen_and_repaired)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;

    sample_load(sample.nftables, NULL, sample.wanted);

    sandbox_nft(tamperings[_i]);
    ck_assert_uint_gt(sample_drift(sample.nftables, sample.wanted), 0);

    dump = sample_dump(sample.nftables, sample.wanted);
    sample_load(sample.nftables, dump, sample.wanted);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

/* Tables that are asleep before we come: the kernel takes no base chain while it wakes one. */
static const char *const dormant_tables[] = {
    "table inet segd { flags dormant; }",
    ("table inet segd {\n"
     "  flags dormant\n"
     "  map live { type ct_dir . mark : verdict; flags timeout; counter;\n"
     "    elements = { original . 0x99 : accept } }\n"
     "  chain forward { type filter hook forward priority 0; policy drop;\n"
     "    ct direction . ct mark vmap @live\n"
     "  }\n"
     "}"),
    ("table inet segd {\n"
     "  flags dormant\n"
     "  set live { type ipv4_addr; size 7; elements = { 192.0.2.1 } }\n"
     "  chain forward { type nat hook postrouting priority 0; policy accept; }\n"
     "  chain foreign { ip saddr @live accept; }\n"
     "}"),
};

START_TEST(dormant_table_is_replaced)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;

    sandbox_nft(dormant_tables[_i]);
    dump = sample_dump(sample.nftables, sample.wanted);
    sample_load(sample.nftables, dump, sample.wanted);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
}
END_TEST

/* Two sets, of which `full` alone has elements. */
static struct ruleset *make_halves(const char *full)
{
    static const char *const names[] = {"a", "b"};
    struct ruleset *ruleset = sample_empty();

    for (size_t i = 0; i < 2; i++) {
        struct set *set = sample_set(ruleset, names[i], KEY(DATATYPE_MARK), SET_DATA_NONE);

        for (uint32_t mark = 0; mark < 100 && strcmp(names[i], full) == 0; mark++) {
            struct sample_key key = {0};

            sample_put(&key, &mark, 4);
            sample_element(ruleset, set, &key, NULL, (struct element){0});
        }
    }
    ruleset_finish(ruleset);
    return ruleset;
}

/* Moves the elements from one set to the other and back, until it is killed. */
static _Noreturn void move_for_ever(const struct ruleset *a, const struct ruleset *b)
{
    cleanup_(difference_freep) struct difference *there = NULL;
    cleanup_(difference_freep) struct difference *back = NULL;
    struct nftables *nftables = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (nftables_open(&nftables) < 0 || difference_new(a, b, &there) < 0 ||
        difference_new(b, a, &back) < 0)
        _exit(1);
    while (nftables_apply(nftables, b, there, 0, NULL, NULL) == 0 &&
           nftables_apply(nftables, a, back, 0, NULL, NULL) == 0)
        ;
    _exit(1);
}

static int count_element(const uint8_t *key, size_t key_length, struct nftables_count count,
                         void *userdata)
{
    (void)key;
    (void)key_length;
    (void)count;
    ++*(size_t *)userdata;
    return 0;
}

START_TEST(a_dump_is_of_one_moment)
{
    cleanup_(ruleset_freep) struct ruleset *a = make_halves("a");
    cleanup_(ruleset_freep) struct ruleset *b = make_halves("b");
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    size_t dumps = 0;
    pid_t child;

    sandbox_enter();
    nftables = sample_open();
    sample_load(nftables, NULL, a);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        move_for_ever(a, b);

    for (unsigned tries = 0; tries < 3000; tries++) {
        cleanup_(ruleset_freep) struct ruleset *dump = NULL;
        size_t n = 0;
        int r = nftables_read_elements(nftables, "segd", "a", count_element, &n);

        ck_assert(r == 0 || r == -EAGAIN);
        ck_assert_uint_le(n, 100);

        r = nftables_dump(nftables, "segd", NULL, &dump);
        ck_assert(r == 0 || r == -EAGAIN);
        if (r < 0)
            continue;
        ck_assert_uint_eq(dump->sets[0].n_elements + dump->sets[1].n_elements, 100);
        ck_assert(dump->sets[0].n_elements == 0 || dump->sets[1].n_elements == 0);
        dumps++;
    }
    ck_assert_uint_gt(dumps, 0);
    ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

START_TEST(everything_can_be_removed)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    cleanup_(ruleset_freep) struct ruleset *nothing = NULL;
    cleanup_(freep) char *listing = NULL;

    nothing = sample_empty();
    ruleset_finish(nothing);
    sample_load(sample.nftables, NULL, sample.wanted);
    sample_load(sample.nftables, sample.wanted, nothing);
    listing = sandbox_nft_list("ruleset");
    ck_assert_str_eq(listing, "table inet segd {\n}\n");
}
END_TEST

START_TEST(other_tables_are_left_alone)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    static const char *const others =
        "add table inet segd2\n"
        "add map inet segd2 live { type ct_dir . mark : verdict; }\n"
        "add element inet segd2 live { original . 1 : accept }\n"
        "add chain inet segd2 forward { type filter hook forward priority 0; policy accept; }\n"
        "add rule inet segd2 forward accept\n"
        "add table ip segd\n"
        "add counter ip segd c { packets 5 bytes 6 }\n"
        "add chain ip segd forward\n"
        "add rule ip segd forward counter name c\n"
        "add table ip6 nat\n"
        "add chain ip6 nat post { type nat hook postrouting priority 100; }\n"
        "add rule ip6 nat post masquerade\n";
    cleanup_(ruleset_freep) struct ruleset *nothing = NULL;
    cleanup_(freep) char *before = NULL;
    cleanup_(freep) char *between = NULL;
    cleanup_(freep) char *after = NULL;

    nothing = sample_empty();
    ruleset_finish(nothing);
    sandbox_nft(others);
    before = sandbox_nft_list("ruleset");

    sample_load(sample.nftables, NULL, sample.wanted);
    ck_assert_uint_eq(sample_drift(sample.nftables, sample.wanted), 0);
    between = sandbox_nft_list("ruleset");
    ck_assert_int_eq(strncmp(between, before, strlen(before)), 0);

    sample_load(sample.nftables, sample.wanted, nothing);
    sandbox_nft("delete table inet segd");
    after = sandbox_nft_list("ruleset");
    ck_assert_str_eq(after, before);
}
END_TEST

static void add_range(struct ruleset *ruleset, struct set *set, uint32_t number, uint16_t first,
                      uint16_t last)
{
    const uint8_t address[4] = {10, 0, (uint8_t)(number >> 8), (uint8_t)number};
    struct sample_key key = {0}, key_end = {0};

    sample_put(&key, address, 4);
    sample_put_service(&key, 6, first);
    sample_put(&key_end, address, 4);
    sample_put_service(&key_end, 6, last);
    sample_element(ruleset, set, &key, &key_end,
                   (struct element){.mark = number, .location = {.line = 1000 + number}});
}

/* Several thousand ranges, in several messages; `overlap` adds one that the kernel refuses. */
static struct ruleset *make_ranges(bool overlap)
{
    struct ruleset *ruleset = sample_empty();
    struct set *set = sample_set(
        ruleset, "ranges", KEY(DATATYPE_IPV4_ADDR, DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE),
        SET_DATA_MARK);

    set->interval = true;
    for (uint32_t i = 0; i < 3000; i++)
        add_range(ruleset, set, i, 100, 200);
    if (overlap)
        add_range(ruleset, set, 2345, 150, 250);
    ruleset_finish(ruleset);
    return ruleset;
}

START_TEST(a_refused_element_is_named_by_its_line)
{
    cleanup_(ruleset_freep) struct ruleset *gateway = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(freep) char *before = NULL;
    cleanup_(freep) char *after = NULL;
    struct nftables_refusal refusal;

    sandbox_enter();
    gateway = sample_gateway();
    wanted = make_ranges(true);
    nftables = sample_open();
    sample_load(nftables, NULL, gateway);
    before = sandbox_nft_list("ruleset");

    ck_assert_int_eq(sample_apply(nftables, gateway, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert_int_eq(refusal.error, -EEXIST);
    ck_assert_str_eq(refusal.what, "element of ranges");
    ck_assert_uint_eq(refusal.location.line, 1000 + 2345);

    after = sandbox_nft_list("ruleset");
    ck_assert_uint_eq(sample_drift(nftables, gateway), 0);
    ck_assert_uint_eq(strlen(after), strlen(before));
}
END_TEST

START_TEST(the_same_ranges_without_an_overlap_are_accepted)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;

    sandbox_enter();
    wanted = make_ranges(false);
    nftables = sample_open();
    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
}
END_TEST

/* A set of one interval of addresses, with a line. */
static struct ruleset *make_interval(const char *first, const char *last, uint32_t line)
{
    struct ruleset *ruleset = sample_empty();
    struct set *set = sample_set(ruleset, "sources", KEY(DATATYPE_IPV4_ADDR), SET_DATA_NONE);
    struct sample_key key = {0}, key_end = {0};

    set->interval = true;
    sample_put_address(&key, first);
    sample_put_address(&key_end, last);
    sample_element(ruleset, set, &key, &key_end, (struct element){.location = {.line = line}});
    ruleset_finish(ruleset);
    return ruleset;
}

/* Beside an interval that the kernel holds and we do not know of. */
START_TEST(an_interval_is_named_by_either_of_its_ends)
{
    static const char *const intervals[][2] = {
        {"10.1.0.15", "10.1.0.30"}, /* begins in it */
        {"10.1.0.5", "10.1.0.15"},  /* ends in it */
    };
    cleanup_(ruleset_freep) struct ruleset *held = make_interval("10.1.0.10", "10.1.0.20", 5);
    cleanup_(ruleset_freep) struct ruleset *known = make_interval("10.9.0.0", "10.9.0.0", 5);
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_refusal refusal;

    sandbox_enter();
    nftables = sample_open();
    sample_load(nftables, NULL, held);
    wanted = make_interval(intervals[_i][0], intervals[_i][1], 6);
    sandbox_nft("add element inet segd sources { 10.9.0.0 }");

    ck_assert_int_eq(sample_apply(nftables, known, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert_int_eq(refusal.error, -EEXIST);
    ck_assert_str_eq(refusal.what, "element of sources");
    ck_assert_uint_eq(refusal.location.line, 6);
}
END_TEST

START_TEST(a_jump_to_a_missing_chain_is_named)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_refusal refusal;
    struct chain *chain;

    sandbox_enter();
    nftables = sample_open();
    wanted = sample_empty();
    chain = sample_chain(wanted, "forward", HOOK_FORWARD, 0);
    chain->location.line = 17;
    RULE(wanted, chain, statement_verdict(VERDICT_ACCEPT));
    RULE(wanted, chain, statement_go(VERDICT_JUMP, "nowhere"));
    ruleset_finish(wanted);

    ck_assert_int_eq(sample_apply(nftables, NULL, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert_int_eq(refusal.error, -ENOENT);
    ck_assert_str_eq(refusal.what, "rule 2 of chain forward");
    ck_assert_uint_eq(refusal.location.line, 17);
    ck_assert_int_eq(nftables_dump(nftables, "segd", NULL, &(struct ruleset *){NULL}), -ENOENT);
}
END_TEST

START_TEST(a_loop_of_chains_is_refused)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_refusal refusal;

    sandbox_enter();
    nftables = sample_open();
    wanted = sample_empty();
    sample_chain(wanted, "a", HOOK_FORWARD, 0);
    RULE(wanted, &wanted->chains[0], statement_go(VERDICT_JUMP, "b"));
    sample_chain(wanted, "b", HOOK_NONE, 0);
    RULE(wanted, &wanted->chains[1], statement_go(VERDICT_JUMP, "b"));
    ruleset_finish(wanted);

    ck_assert_int_eq(sample_apply(nftables, NULL, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert(refusal.error == -ELOOP || refusal.error == -EMLINK);
    ck_assert_str_ne(refusal.what, "");
}
END_TEST

START_TEST(a_difference_from_an_old_state_is_refused)
{
    cleanup_(sample_clear) struct sample sample = sample_enter();
    struct nftables_refusal refusal;

    sandbox_nft("add table inet segd\nadd chain inet segd drop/no-flow");
    ck_assert_int_eq(sample_apply(sample.nftables, NULL, sample.wanted, &refusal, NULL),
                     -EREMOTEIO);
    ck_assert_str_eq(refusal.what, "chain drop/no-flow");
    ck_assert_int_eq(refusal.error, -EEXIST);
}
END_TEST

START_TEST(without_privilege_nothing_opens)
{
    struct nftables *nftables = NULL;

    /* In no namespace of its own, where an ordinary user would be privileged. */
    sandbox_become_user();
    ck_assert_int_eq(nftables_open(&nftables), -EPERM);
    ck_assert_ptr_null(nftables);
}
END_TEST

START_TEST(this_kernel_is_probed_and_nothing_is_left)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(freep) char *listing = NULL;
    struct nftables_features features;

    sandbox_enter();
    nftables = sample_open();
    ck_assert_int_eq(nftables_probe(nftables, &features), 0);
    ck_assert_msg(!nftables_features_missing(&features), "%s",
                  nftables_features_missing(&features));
    listing = sandbox_nft_list("ruleset");
    ck_assert_str_eq(listing, "");
}
END_TEST

START_TEST(a_missing_feature_is_told_in_a_sentence)
{
    struct nftables_features features = {
        .inet = true, .concatenations = true, .element_counters = true, .conntrack = true};
    bool *required[] = {&features.inet, &features.concatenations, &features.element_counters,
                        &features.conntrack};

    ck_assert_ptr_null(nftables_features_missing(&features));
    *required[_i] = false;
    ck_assert_ptr_nonnull(strstr(nftables_features_missing(&features), "the kernel has no "));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_is_applied_is_dumped);
    tcase_add_test(tests, an_empty_difference_sends_nothing);
    tcase_add_test(tests, without_a_table_there_is_nothing_to_dump);
    tcase_add_test(tests, rules_nobody_expects_are_foreign);
    tcase_add_loop_test(tests, tampering_is_seen_and_repaired, 0, (int)ELEMENTS_OF(tamperings));
    tcase_add_loop_test(tests, dormant_table_is_replaced, 0, (int)ELEMENTS_OF(dormant_tables));
    tcase_add_test(tests, a_dump_is_of_one_moment);
    tcase_add_test(tests, everything_can_be_removed);
    tcase_add_test(tests, other_tables_are_left_alone);
    tcase_add_test(tests, a_refused_element_is_named_by_its_line);
    tcase_add_test(tests, the_same_ranges_without_an_overlap_are_accepted);
    tcase_add_loop_test(tests, an_interval_is_named_by_either_of_its_ends, 0, 2);
    tcase_add_test(tests, a_jump_to_a_missing_chain_is_named);
    tcase_add_test(tests, a_loop_of_chains_is_refused);
    tcase_add_test(tests, a_difference_from_an_old_state_is_refused);
    tcase_add_test(tests, without_privilege_nothing_opens);
    tcase_add_test(tests, this_kernel_is_probed_and_nothing_is_left);
    tcase_add_loop_test(tests, a_missing_feature_is_told_in_a_sentence, 0, 4);
}
