/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Elements that expire, count and come in tens of thousands: lib/kernel/nftables.h. What a kernel
 * without some feature would do is tried by forgetting that this one has it.
 */

#include "checks.h"
#include "kernel/nftables_private.h"
#include "nftables_sample.h"

#define MINUTE (60 * USEC_PER_SEC)

/* While this is slow, a minute goes by each time the code asks the clock that nobody sets. */
static usec_t lost;
static bool is_slow;

usec_t __real_calendar_clock(clockid_t clock);
usec_t __wrap_calendar_clock(clockid_t clock);

usec_t __wrap_calendar_clock(clockid_t clock)
{
    if (is_slow && clock == CLOCK_MONOTONIC)
        lost += MINUTE;
    return __real_calendar_clock(clock) + lost;
}

static struct ruleset *make_flows(uint32_t n, const char *name, usec_t expires)
{
    struct ruleset *ruleset = sample_empty();
    struct set *live = sample_live(ruleset);
    char numbered[32];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(numbered, sizeof(numbered), "%s-%u", name, i);
        sample_flow(ruleset, live, 0x1000 + i, numbered, expires);
    }
    ruleset_finish(ruleset);
    return ruleset;
}

struct seen {
    uint32_t mark;
    struct nftables_count count;
    size_t n;
};

static int see(const uint8_t *key, size_t key_length, struct nftables_count count, void *userdata)
{
    struct seen *seen = userdata;

    ck_assert_uint_eq(key_length, 8);
    seen->n++;
    if (key[0] == 0 && memcmp(key + 4, &seen->mark, 4) == 0)
        seen->count = count;
    return 0;
}

static int see_known(const struct element *element, struct nftables_count count, void *userdata)
{
    return see(element->key, 8, count, userdata);
}

static struct seen see_flow(struct nftables *nftables, uint32_t mark)
{
    struct seen seen = {.mark = mark};

    ck_assert_int_eq(nftables_read_elements(nftables, "segd", "live", see, &seen), 0);
    return seen;
}

/* How this kernel would be without some of what it has. */
struct kernel_case {
    bool without_destroy;
    bool without_update_timeout;
};
static const struct kernel_case kernels[] = {{false, false}, {false, true}, {true, true}};

static struct nftables *open_kernel(const struct kernel_case *c)
{
    struct nftables *nftables = sample_open();

    ck_assert_int_eq(nftables_require_features(nftables), 0);
    if (c->without_destroy)
        nftables->features.destroy = false;
    if (c->without_update_timeout)
        nftables->features.update_timeout = false;
    return nftables;
}

START_TEST(an_expiry_is_dumped_as_it_was_asked_for)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *later = NULL;
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    usec_t expires = calendar_now() + 10 * MINUTE + 1;

    sandbox_enter();
    nftables = sample_open();
    wanted = make_flows(3, "flow", expires);
    later = make_flows(3, "flow", expires + 5 * USEC_PER_SEC);
    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    ck_assert_uint_gt(sample_drift(nftables, later), 0);

    dump = sample_dump(nftables, NULL);
    for (size_t i = 0; i < 6; i++) {
        usec_t apart = ruleset_find_set(dump, "live")->elements[i].expires - expires;

        ck_assert(apart > -2 * USEC_PER_SEC && apart < 2 * USEC_PER_SEC);
    }
}
END_TEST

/* The kernel counts from when it gets an element, so what went by until then is taken off; more in
 * the second case, where an element that is gone already has all of it built again. */
START_TEST(an_expiry_stays_the_same_instant_however_long_it_takes)
{
    cleanup_(ruleset_freep) struct ruleset *old = sample_empty();
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *dump = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    const struct sample_key key = sample_live_key(0, 1);
    struct set *gone = sample_live(old);
    usec_t expires = calendar_now() + 30 * MINUTE, earlier;

    sandbox_enter();
    nftables = open_kernel(&(struct kernel_case){.without_destroy = true});
    gone->name = "other";
    sample_element(old, gone, &key, NULL,
                   (struct element){.verdict = VERDICT_ACCEPT, .expires = expires});
    ruleset_finish(old);
    sample_load(nftables, NULL, old);
    if (_i == 1)
        sandbox_nft("delete element inet segd other { original . 0x1 }");
    wanted = make_flows(1, "flow", expires);
    gone = sample_live(wanted);
    gone->name = "other";
    ruleset_finish(wanted);

    is_slow = true;
    sample_load(nftables, old, wanted);
    is_slow = false;
    dump = sample_dump(nftables, NULL);
    earlier = expires - ruleset_find_set(dump, "live")->elements[0].expires;
    ck_assert_int_gt(earlier, _i == 0 ? MINUTE / 2 : 2 * MINUTE);
    ck_assert_int_lt(earlier, lost);
}
END_TEST

START_TEST(an_expired_element_is_left_out)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = sample_empty();
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct set *live = sample_live(wanted);
    usec_t now = calendar_now();

    sandbox_enter();
    nftables = sample_open();
    sample_flow(wanted, live, 1, "past", now - 1);
    sample_flow(wanted, live, 2, "future", now + MINUTE);
    sample_flow(wanted, live, 3, "always", 0);
    ruleset_finish(wanted);
    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(see_flow(nftables, 1).n, 4);
}
END_TEST

/* From an element that has counted 7 packets to one of another expiry or comment. */
struct renewal_case {
    const char *old_options;
    const char *comment;
    usec_t expires; /* from now, 0: never */
};
static const struct renewal_case renewals[] = {
    {"timeout 1h comment \"flow-0\"", "flow", 10 * MINUTE},
    {"timeout 1m comment \"flow-0\"", "flow", 100 * MINUTE},
    {"timeout 1h comment \"flow-0\"", "flow", 0},
    {"comment \"flow-0\"", "flow", 10 * MINUTE},
    {"timeout 1h comment \"flow-0\"", "renamed", 60 * MINUTE},
    {"comment \"flow-0\"", "renamed", 0},
    {"timeout 1h", "flow", 20 * MINUTE},
};
#define RENEWALS ((int)ELEMENTS_OF(renewals))

START_TEST(renewal_keeps_what_was_counted)
{
    const struct kernel_case *kernel = &kernels[_i / RENEWALS];
    const struct renewal_case *c = &renewals[_i % RENEWALS];
    cleanup_(ruleset_freep) struct ruleset *old = NULL;
    cleanup_(ruleset_freep) struct ruleset *seen = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_count count;
    char text[256];

    sandbox_enter();
    nftables = open_kernel(kernel);
    old = make_flows(1, "flow", 0);
    sample_load(nftables, NULL, old);
    snprintf(text, sizeof(text),
             "delete element inet segd live { original . 0x1000 }\n"
             "add element inet segd live { original . 0x1000 counter packets 7 bytes 700 %s : "
             "accept }\n",
             c->old_options);
    sandbox_nft(text);

    seen = sample_dump(nftables, NULL);
    wanted = make_flows(1, c->comment, c->expires > 0 ? calendar_now() + c->expires : 0);
    sample_load(nftables, seen, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    count = see_flow(nftables, 0x1000).count;
    ck_assert_uint_eq(count.packets, 7);
    ck_assert_uint_eq(count.bytes, 700);
}
END_TEST

START_TEST(renewal_brings_back_what_has_expired_meanwhile)
{
    cleanup_(ruleset_freep) struct ruleset *old = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    usec_t now = calendar_now();

    sandbox_enter();
    nftables = open_kernel(&kernels[_i]);
    old = make_flows(200, "flow", now + MINUTE);
    wanted = make_flows(200, "flow", now + 2 * MINUTE);
    sample_load(nftables, NULL, old);
    sandbox_nft("delete element inet segd live { original . 0x1003, reply . 0x1004 }");
    sample_load(nftables, old, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
}
END_TEST

START_TEST(renewal_to_an_expiry_in_the_past_removes)
{
    cleanup_(ruleset_freep) struct ruleset *old = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    usec_t now = calendar_now();

    sandbox_enter();
    nftables = open_kernel(&kernels[_i]);
    old = make_flows(2, "flow", now + MINUTE);
    wanted = make_flows(2, "flow", now - 1);
    sample_load(nftables, NULL, old);
    sample_load(nftables, old, wanted);
    ck_assert_uint_eq(see_flow(nftables, 0x1000).n, 0);
}
END_TEST

START_TEST(deleting_what_has_expired_meanwhile_succeeds)
{
    cleanup_(ruleset_freep) struct ruleset *old = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;

    sandbox_enter();
    nftables = open_kernel(&kernels[_i]);
    old = make_flows(200, "flow", calendar_now() + MINUTE);
    wanted = make_flows(_i % 2 == 0 ? 0 : 190, "flow", calendar_now() + MINUTE);
    sample_load(nftables, NULL, old);
    sandbox_nft("delete element inet segd live { original . 0x10c0, reply . 0x10c1 }");
    sample_load(nftables, old, wanted);
    ck_assert_uint_eq(see_flow(nftables, 0).n, ruleset_find_set(wanted, "live")->n_elements);
}
END_TEST

START_TEST(deleting_what_never_expires_and_is_gone_is_refused)
{
    cleanup_(ruleset_freep) struct ruleset *old = NULL;
    cleanup_(ruleset_freep) struct ruleset *wanted = sample_empty();
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_refusal refusal;
    struct set *set;

    sandbox_enter();
    nftables = sample_open();
    old = sample_gateway();
    sample_load(nftables, NULL, old);
    set = sample_set(wanted, "pairs", KEY(DATATYPE_IFNAME, DATATYPE_IFNAME), SET_DATA_VERDICT);
    ck_assert_ptr_nonnull(set);
    ruleset_finish(wanted);
    sandbox_nft("delete element inet segd pairs { \"vlan110\" . \"vlan.390\" }");

    ck_assert_int_eq(sample_apply(nftables, old, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert_int_eq(refusal.error, -ENOENT);
    ck_assert_str_eq(refusal.what, "element of pairs");
}
END_TEST

START_TEST(a_long_comment_is_cut_between_characters)
{
    /* 45 characters of 3 bytes: 135 bytes, of which 126 fit. */
    static const char comment[] = "一二三四五六七八九十一二三四五六七八九十"
                                  "一二三四五六七八九十一二三四五六七八九十一二三四五";
    cleanup_(ruleset_freep) struct ruleset *wanted = sample_empty();
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(freep) char *listing = NULL;

    sandbox_enter();
    nftables = sample_open();
    sample_flow(wanted, sample_live(wanted), 1, comment, 0);
    ruleset_finish(wanted);
    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    listing = sandbox_nft_list("ruleset");
    ck_assert_ptr_nonnull(strstr(listing, "十一二\" : accept"));
}
END_TEST

static int see_counter(const char *name, struct nftables_count count, void *userdata)
{
    size_t *n = userdata;

    ck_assert_str_eq(name, *n == 0 ? "denied/a" : "denied/b");
    ck_assert_uint_eq(count.packets, *n == 0 ? 5 : 0);
    ck_assert_uint_eq(count.bytes, *n == 0 ? 600 : 0);
    (*n)++;
    return 0;
}

static int refuse_counter(const char *name, struct nftables_count count, void *userdata)
{
    (void)name;
    (void)count;
    (void)userdata;
    return -ECANCELED;
}

/* What we know of, as the kernel counts it: neither what is gone nor what somebody else added. */
START_TEST(known_elements_are_read_by_their_keys)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = make_flows(1000, "flow", 0);
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    const struct set *live = ruleset_find_set(wanted, "live");
    struct seen seen = {.mark = 0x1040};

    sandbox_enter();
    nftables = sample_open();
    sample_load(nftables, NULL, wanted);
    sandbox_nft("delete element inet segd live { original . 0x1000, reply . 0x1020, "
                "original . 0x1040 }\n"
                "add element inet segd live { original . 0x99 : accept, "
                "original . 0x1040 counter packets 7 bytes 700 : accept }");

    ck_assert_int_eq(nftables_read_known(nftables, "segd", live, see_known, &seen), 0);
    ck_assert_uint_eq(seen.n, 1998);
    ck_assert_uint_eq(seen.count.packets, 7);
    ck_assert_uint_eq(seen.count.bytes, 700);
}
END_TEST

START_TEST(named_counters_are_read)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    size_t n = 0;

    sandbox_enter();
    nftables = sample_open();
    sandbox_nft("add table inet segd\n"
                "add counter inet segd denied/a { packets 5 bytes 600; }\n"
                "add counter inet segd denied/b\n"
                "add quota inet segd other { 5 bytes }\n"
                "add table inet other\n"
                "add counter inet other denied/c\n");
    ck_assert_int_eq(nftables_read_counters(nftables, "segd", see_counter, &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(nftables_read_counters(nftables, "segd", refuse_counter, NULL), -ECANCELED);
    ck_assert_int_eq(nftables_read_elements(nftables, "segd", "live", see, NULL), -ENOENT);
}
END_TEST

/* `n` flows between as many hosts: two elements of `live` and one of the map of hosts for each. */
static struct ruleset *make_hosts(uint32_t n)
{
    struct ruleset *ruleset = make_flows(n, "flow", 0);
    struct set *set = sample_set(
        ruleset, "exact",
        KEY(DATATYPE_IPV4_ADDR, DATATYPE_IPV4_ADDR, DATATYPE_INET_PROTO, DATATYPE_INET_SERVICE),
        SET_DATA_MARK);

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t from[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        const uint8_t to[4] = {172, (uint8_t)(16 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i};
        struct sample_key key = {0};

        sample_put(&key, from, sizeof(from));
        sample_put(&key, to, sizeof(to));
        sample_put_service(&key, 6, 443);
        sample_element(ruleset, set, &key, NULL, (struct element){.mark = 0x1000 + i});
    }
    ruleset_finish(ruleset);
    return ruleset;
}

START_TEST(fifty_thousand_flows_are_held_and_one_more_is_small)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = NULL;
    cleanup_(ruleset_freep) struct ruleset *more = NULL;
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_cost cost;

    sandbox_enter();
    nftables = sample_open();
    wanted = make_hosts(50000);
    more = make_hosts(50001);
    sample_load(nftables, NULL, wanted);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
    ck_assert_uint_eq(see_flow(nftables, 0x1000).n, 100000);

    ck_assert_int_eq(sample_apply(nftables, wanted, more, NULL, &cost), 0);
    ck_assert_uint_gt(cost.bytes, 0);
    ck_assert_uint_le(cost.bytes, 1024);
    ck_assert_uint_eq(sample_drift(nftables, more), 0);
}
END_TEST

/* More flows than fit the largest datagram that this machine lets an ordinary user send. */
static uint32_t too_many_flows(void)
{
    FILE *file = fopen("/proc/sys/net/core/wmem_max", "re");
    unsigned long limit = 0;

    /* Newer kernels show the limit in the first namespace only. */
    if (file) {
        ck_assert_int_eq(fscanf(file, "%lu", &limit), 1);
        fclose(file);
    }
    /* The kernel doubles the limit, and a flow takes 140 bytes or more. */
    return (uint32_t)(2 * limit / 140) + 1000;
}

START_TEST(an_ordinary_user_loads_more_than_the_system_lets_him_send_at_once)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = make_hosts(too_many_flows());
    cleanup_(ruleset_freep) struct ruleset *nothing = sample_empty();
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct nftables_cost cost = {0};

    sandbox_become_user();
    sandbox_enter();
    nftables = sample_open();
    ruleset_finish(nothing);

    /* A table that may be in force is never changed in parts. */
    sample_load(nftables, NULL, nothing);
    ck_assert_int_eq(sample_apply(nftables, nothing, wanted, NULL, NULL), -ENOBUFS);
    ck_assert_uint_gt(sample_drift(nftables, wanted), 0);
    ck_assert_uint_eq(sample_drift(nftables, nothing), 0);

    sandbox_nft("delete table inet segd");
    ck_assert_int_eq(sample_apply(nftables, NULL, wanted, NULL, &cost), 0);
    ck_assert_uint_eq(sample_drift(nftables, wanted), 0);
}
END_TEST

START_TEST(a_new_table_that_is_refused_in_parts_leaves_nothing)
{
    cleanup_(ruleset_freep) struct ruleset *wanted = make_hosts(too_many_flows());
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    cleanup_(freep) char *listing = NULL;
    struct nftables_refusal refusal;
    struct chain *chain;

    sandbox_become_user();
    sandbox_enter();
    nftables = sample_open();
    chain = sample_chain(wanted, "forward", HOOK_FORWARD, 0);
    chain->location.line = 8;
    RULE(wanted, chain, statement_go(VERDICT_JUMP, "nowhere"));
    ruleset_finish(wanted);

    ck_assert_int_eq(sample_apply(nftables, NULL, wanted, &refusal, NULL), -EREMOTEIO);
    ck_assert_str_eq(refusal.what, "rule 1 of chain forward");
    ck_assert_uint_eq(refusal.location.line, 8);
    listing = sandbox_nft_list("ruleset");
    ck_assert_str_eq(listing, "");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, an_expiry_is_dumped_as_it_was_asked_for);
    tcase_add_loop_test(tests, an_expiry_stays_the_same_instant_however_long_it_takes, 0, 2);
    tcase_add_test(tests, an_expired_element_is_left_out);
    tcase_add_loop_test(tests, renewal_keeps_what_was_counted, 0,
                        (int)ELEMENTS_OF(kernels) * RENEWALS);
    tcase_add_loop_test(tests, renewal_brings_back_what_has_expired_meanwhile, 0,
                        (int)ELEMENTS_OF(kernels));
    tcase_add_loop_test(tests, renewal_to_an_expiry_in_the_past_removes, 0,
                        (int)ELEMENTS_OF(kernels));
    tcase_add_loop_test(tests, deleting_what_has_expired_meanwhile_succeeds, 0,
                        (int)ELEMENTS_OF(kernels));
    tcase_add_test(tests, deleting_what_never_expires_and_is_gone_is_refused);
    tcase_add_test(tests, a_long_comment_is_cut_between_characters);
    tcase_add_test(tests, known_elements_are_read_by_their_keys);
    tcase_add_test(tests, named_counters_are_read);
    tcase_add_test(tests, fifty_thousand_flows_are_held_and_one_more_is_small);
    tcase_add_test(tests, an_ordinary_user_loads_more_than_the_system_lets_him_send_at_once);
    tcase_add_test(tests, a_new_table_that_is_refused_in_parts_leaves_nothing);
}
