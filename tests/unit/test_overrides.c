/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What operators changed for a while, and what it cuts off: lib/policy/overrides.h. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "checks.h"
#include "policy/isolations.h"
#include "tests/reading.h"

static struct reading reading;
static struct overrides overrides;

static void set_up(void)
{
    read_valid(&reading, ZONES HOSTS "flows:\n"
                                     "  surf: { from: pc, to: world, services: [https] }\n"
                                     "  serve: { from: [pc, world], to: web, services: [https] }\n"
                                     "  admin: { from: pc, to: gateway, services: [tcp/22] }\n");
}

static void tear_down(void)
{
    overrides_clear(&overrides);
    reading_clear(&reading);
}

static void add(enum override_kind kind, const char *name, const char *keep)
{
    const struct flow *flow = keep ? find_flow(reading.policy, keep) : NULL;
    char content[FLOW_CONTENT_TEXT_MAX] = "";
    char *kept[] = {(char *)keep}, *kept_ids[] = {content};
    struct override override = {
        .kind = kind,
        .name = (char *)name,
        .reason = (char *)"because",
        .who = (char *)"tanaka",
        .until = USEC_NEVER,
        .keep = kept,
        .n_keep = keep ? 1 : 0,
        .keep_ids = kept_ids,
        .n_keep_ids = keep ? 1 : 0,
    };

    if (flow)
        flow_content_format(flow->digest, content);
    ck_assert_int_eq(overrides_add(&overrides, &override), 0);
}

START_TEST(what_is_added_is_found_until_it_is_removed)
{
    add(OVERRIDE_SUSPENSION, "surf", NULL);
    add(OVERRIDE_ISOLATION, "surf", NULL);
    add(OVERRIDE_SUSPENSION, "serve", NULL);

    ck_assert_int_eq(overrides_remove(&overrides, OVERRIDE_SUSPENSION, "surf"), 0);
    ck_assert_int_eq(overrides_remove(&overrides, OVERRIDE_SUSPENSION, "surf"), -ENOENT);
    ck_assert_ptr_null(overrides_find(&overrides, OVERRIDE_SUSPENSION, "surf"));
    ck_assert_ptr_null(overrides_find(&overrides, OVERRIDE_GRANT, "serve"));
    ck_assert_ptr_nonnull(overrides_find(&overrides, OVERRIDE_ISOLATION, "surf"));
    ck_assert_str_eq(overrides_find(&overrides, OVERRIDE_SUSPENSION, "serve")->name, "serve");
    ck_assert_uint_eq(overrides.n_overrides, 2);
}
END_TEST

START_TEST(one_kind_and_name_is_there_once)
{
    struct override again = {.kind = OVERRIDE_SUSPENSION, .name = (char *)"surf"};

    add(OVERRIDE_SUSPENSION, "surf", NULL);
    ck_assert_int_eq(overrides_add(&overrides, &again), -EEXIST);
    ck_assert_uint_eq(overrides.n_overrides, 1);
}
END_TEST

START_TEST(a_copy_shares_nothing)
{
    char name[] = "grant-7", reason[] = "printer broke", who[] = "suzuki", text[] = "segd: 1\n";
    char kept[] = "surf", *keep[] = {kept};
    struct override grant = {
        .kind = OVERRIDE_GRANT,
        .name = name,
        .reason = reason,
        .uid = 1001,
        .who = who,
        .since = 5,
        .until = 9,
        .keep = keep,
        .n_keep = 1,
        .text = text,
    };
    cleanup_(overrides_clear) struct overrides copy = {0};
    const struct override *found;

    overrides.next_grant = 8;
    ck_assert_int_eq(overrides_add(&overrides, &grant), 0);
    ck_assert_int_eq(overrides_copy(&overrides, &copy), 0);
    overrides_clear(&overrides);
    memset(name, 'x', sizeof(name) - 1);
    memset(text, 'x', sizeof(text) - 1);
    memset(kept, 'x', sizeof(kept) - 1);

    ck_assert_uint_eq(copy.next_grant, 8);
    found = overrides_find(&copy, OVERRIDE_GRANT, "grant-7");
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found->reason, "printer broke");
    ck_assert_str_eq(found->who, "suzuki");
    ck_assert_int_eq(found->uid, 1001);
    ck_assert_int_eq(found->since, 5);
    ck_assert_int_eq(found->until, 9);
    ck_assert_uint_eq(found->n_keep, 1);
    ck_assert_str_eq(found->keep[0], "surf");
    ck_assert_str_eq(found->text, "segd: 1\n");
}
END_TEST

START_TEST(nothing_is_copied_as_nothing)
{
    cleanup_(overrides_clear) struct overrides copy = {.next_grant = 9};

    ck_assert_int_eq(overrides_copy(&overrides, &copy), 0);
    ck_assert_uint_eq(copy.n_overrides, 0);
    ck_assert_uint_eq(copy.next_grant, 0);
}
END_TEST

static const char *const words[] = {"isolation", "suspension", "grant"};

START_TEST(a_kind_is_known_by_its_word)
{
    unsigned kind;

    ck_assert_str_eq(override_kind_to_string((enum override_kind)_i), words[_i]);
    ck_assert(record_word_find(&override_kinds, words[_i], &kind));
    ck_assert_int_eq((int)kind, _i);
    ck_assert(!record_word_find(&override_kinds, "Grant", &kind));
    ck_assert(!record_word_find(&override_kinds, "", &kind));
}
END_TEST

#define OFFICE 0
#define SERVER 1
#define WORLD 2

static const struct {
    const char *isolated;
    const char *keep;
    const char *flow;
    size_t from, to;
    bool cut;
} cuts[] = {
    {"office", NULL, "surf", OFFICE, WORLD, true},
    {"world", NULL, "surf", OFFICE, WORLD, true},
    {"server", NULL, "surf", OFFICE, WORLD, false},
    {"office", "surf", "surf", OFFICE, WORLD, false},
    {"office", "serve", "surf", OFFICE, WORLD, true},
    {"world", NULL, "serve", OFFICE, SERVER, false}, /* the flow has another way that is cut */
    {"world", NULL, "serve", WORLD, SERVER, true},
    {"office", NULL, "admin", OFFICE, ZONE_GATEWAY, true},
    {"office", NULL, "admin", ZONE_GATEWAY, OFFICE, true},
    {"server", NULL, "admin", OFFICE, ZONE_GATEWAY, false},
    {"gateway", NULL, "admin", OFFICE, ZONE_GATEWAY, false},
    {"office", NULL, "surf", OFFICE, OFFICE, false},
    {"nowhere", NULL, "surf", OFFICE, WORLD, false},
};

static bool is_cut(const struct overrides *all, const struct flow *flow, size_t from, size_t to)
{
    cleanup_(isolations_freep) struct isolations *isolations = NULL;

    ck_assert_int_eq(isolations_new(all, reading.policy, &isolations), 0);
    return isolations_cut(isolations, flow, &(struct isolation_end){.zone = from},
                          &(struct isolation_end){.zone = to});
}

START_TEST(an_isolated_zone_is_cut_off_from_others_but_for_what_was_kept)
{
    const struct flow *flow = find_flow(reading.policy, cuts[_i].flow);

    add(OVERRIDE_SUSPENSION, cuts[_i].isolated, NULL);
    ck_assert(!is_cut(&overrides, flow, cuts[_i].from, cuts[_i].to));
    add(OVERRIDE_ISOLATION, cuts[_i].isolated, cuts[_i].keep);
    ck_assert_int_eq(is_cut(&overrides, flow, cuts[_i].from, cuts[_i].to), cuts[_i].cut);
    ck_assert(!is_cut(NULL, flow, cuts[_i].from, cuts[_i].to));
}
END_TEST

START_TEST(networks_are_cut_off_at_the_wire_to_which_they_moved)
{
    char *interfaces[] = {(char *)"gone0"}, *networks[] = {(char *)"10.1.0.0/16"};
    struct extent extent = {
        .interfaces = interfaces, .n_interfaces = 1, .networks = networks, .n_networks = 1};
    const struct override isolation = {
        .kind = OVERRIDE_ISOLATION, .name = (char *)"gone", .extents = &extent, .n_extents = 1};
    const struct isolation_end host = {OFFICE, true, FAMILY_IPV4, 0x0a010005};
    cleanup_(isolations_freep) struct isolations *isolations = NULL;

    ck_assert_int_eq(overrides_add(&overrides, &isolation), 0);
    ck_assert_int_eq(isolations_new(&overrides, reading.policy, &isolations), 0);
    ck_assert_ptr_nonnull(isolations_of(isolations, &host));
    ck_assert(isolations_touch(isolations, NULL, OFFICE));
    ck_assert(!isolations_touch(isolations, NULL, WORLD));
}
END_TEST

START_TEST(a_flow_must_be_kept_by_both_of_its_zones)
{
    const struct flow *flow = find_flow(reading.policy, "surf");

    add(OVERRIDE_ISOLATION, "office", "surf");
    add(OVERRIDE_ISOLATION, "world", NULL);
    ck_assert(is_cut(&overrides, flow, OFFICE, WORLD));
}
END_TEST

START_TEST(a_flow_is_suspended_by_its_name)
{
    add(OVERRIDE_ISOLATION, "serve", NULL);
    add(OVERRIDE_SUSPENSION, "surf", NULL);
    ck_assert_ptr_nonnull(overrides_find(&overrides, OVERRIDE_SUSPENSION, "surf"));
    ck_assert_ptr_null(overrides_find(&overrides, OVERRIDE_SUSPENSION, "serve"));
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_added_is_found_until_it_is_removed);
    tcase_add_test(tests, one_kind_and_name_is_there_once);
    tcase_add_test(tests, a_copy_shares_nothing);
    tcase_add_test(tests, nothing_is_copied_as_nothing);
    tcase_add_loop_test(tests, a_kind_is_known_by_its_word, 0, (int)ELEMENTS_OF(words));
    tcase_add_loop_test(tests, an_isolated_zone_is_cut_off_from_others_but_for_what_was_kept, 0,
                        (int)ELEMENTS_OF(cuts));
    tcase_add_test(tests, networks_are_cut_off_at_the_wire_to_which_they_moved);
    tcase_add_test(tests, a_flow_must_be_kept_by_both_of_its_zones);
    tcase_add_test(tests, a_flow_is_suspended_by_its_name);
}
