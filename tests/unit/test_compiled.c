/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From texts, grants and an instant to what is enforced: lib/compiled. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "checks.h"
#include "compiled/compiled.h"
#include "ruleset/compile.h"
#include "tests/reading.h"

#define FLOWS                                                                                      \
    "flows:\n"                                                                                     \
    "  surf: { from: pc, to: world, services: [https] }\n"
#define EXPIRING "  old: { from: pc, to: web, services: [https], expires: 2026-11-20 }\n"
#define SCHEDULED                                                                                  \
    "  day: { from: printer, to: web, services: [https],"                                          \
    " schedule: { days: [fri], hours: ['08:30-17:15'] } }\n"
#define GRANT(name, to, service)                                                                   \
    "segd: 1\nflows:\n  " name ": { from: pc, to: " to ", services: [" service "] }\n"

#define HOUR (3600 * USEC_PER_SEC)
/* 2026-11-20 00:00 in Tokyo, a Friday. */
#define MIDNIGHT (INT64_C(1795100400) * USEC_PER_SEC)
#define NOW (MIDNIGHT + 2 * HOUR)

static struct diagnostics *diagnostics;
static struct compiled *compiled;
static struct override overrides[3];
static struct overrides all = {.overrides = overrides};
static struct compiled_input input;

static void set_up(void)
{
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    input = (struct compiled_input){.overrides = &all, .generation = 7, .now = NOW};
}

static void tear_down(void)
{
    compiled_free(compiled);
    diagnostics_free(diagnostics);
}

static void add_grant(const char *name, const char *text)
{
    overrides[all.n_overrides++] = (struct override){
        .kind = OVERRIDE_GRANT,
        .name = (char *)name,
        .until = NOW + HOUR,
        .text = (char *)text,
    };
}

static int compile(const char *policy)
{
    const struct policy_text text = {"policy.yaml", policy, strlen(policy), 0};
    int r;

    input.texts = &text;
    input.n_texts = 1;
    r = compiled_new(&input, diagnostics, &compiled);
    input.texts = NULL;
    return r;
}

static bool has_flow(const char *name)
{
    for (size_t i = 0; i < compiled->policy->n_flows; i++) {
        if (strcmp(compiled->policy->flows[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The one diagnostic there is. */
static const struct diagnostic *only_diagnostic(const char *code)
{
    const struct diagnostic *list;

    ck_assert_uint_eq(diagnostics_list(diagnostics, &list), 1);
    ck_assert_str_eq(list[0].code, code);
    return list;
}

START_TEST(a_policy_is_compiled_as_far_as_is_asked)
{
    input.last = (unsigned)_i;
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert_ptr_nonnull(compiled->sources);
    ck_assert_ptr_nonnull(compiled->policy);
    ck_assert_int_eq(compiled->diagram != NULL, _i != COMPILED_POLICY);
    ck_assert_int_eq(compiled->ruleset != NULL, _i == COMPILED_RULESET);
    ck_assert_int_eq(compiled->isolation != NULL, _i == COMPILED_RULESET);
    ck_assert_int_eq(compiled->outline != NULL, _i == COMPILED_RULESET);
    if (compiled->ruleset)
        ck_assert_uint_eq(ruleset_generation(compiled->ruleset), 7);
}
END_TEST

START_TEST(flows_that_a_zone_implies_are_not_counted)
{
    ck_assert_int_eq(compile("segd: 1\ntimezone: Asia/Tokyo\nzones:\n"
                             "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16],"
                             " intra: allow }\n"
                             "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"
                             "flows:\n"
                             "  f: { from: a, to: b, services: [tcp/1] }\n"),
                     0);
    ck_assert_uint_gt(compiled->policy->n_flows, 1);
    ck_assert_uint_eq(compiled_count_flows(compiled), 1);
}
END_TEST

static const struct {
    const char *policy;
    bool granted;
    usec_t now, until;
} instants[] = {
    {ZONES HOSTS FLOWS, false, NOW, USEC_NEVER},
    {ZONES HOSTS FLOWS EXPIRING, false, NOW, MIDNIGHT + 24 * HOUR - OWNERSHIP_LEAD},
    {ZONES HOSTS FLOWS EXPIRING, false, MIDNIGHT + 24 * HOUR - OWNERSHIP_LEAD,
     MIDNIGHT + 24 * HOUR},
    {ZONES HOSTS FLOWS EXPIRING, false, MIDNIGHT + 24 * HOUR, USEC_NEVER},
    {ZONES HOSTS FLOWS SCHEDULED, false, NOW, MIDNIGHT + 8 * HOUR + HOUR / 2},
    {ZONES HOSTS FLOWS SCHEDULED, false, MIDNIGHT + 9 * HOUR,
     MIDNIGHT + 17 * HOUR + HOUR / 4 - OWNERSHIP_LEAD},
    {ZONES HOSTS FLOWS EXPIRING, true, NOW, NOW + HOUR - OWNERSHIP_LEAD},
};

START_TEST(until_is_when_the_next_flow_begins_or_ends)
{
    input.now = instants[_i].now;
    if (instants[_i].granted)
        add_grant("grant-1", GRANT("grant-1", "world", "tcp/80"));
    ck_assert_int_eq(compile(instants[_i].policy), 0);
    ck_assert_int_eq(compiled->until, instants[_i].until);
}
END_TEST

static const struct {
    const char *grant, *sctp_missing;
    const char *code; /* of the mistake; NULL: the grant fits */
} grants[] = {
    {GRANT("grant-1", "web", "tcp/22"), NULL, NULL},
    {GRANT("grant-1", "web", "sctp/22"), NULL, NULL},
    {GRANT("grant-1", "web", "sctp/22"), "no SCTP", "kernel-lacks"},
    {GRANT("grant-1", "gone", "tcp/22"), NULL, "unknown-name"},
    {GRANT("grant-1", "world", "https"), NULL, "shadowed"},
    {GRANT("surf", "web", "tcp/22"), NULL, "duplicate-name"},
};

START_TEST(a_grant_that_does_not_fit_is_left_out_with_a_warning)
{
    input.sctp_missing = grants[_i].sctp_missing;
    add_grant("grant-2", GRANT("grant-2", "web", "tcp/23"));
    add_grant("grant-1", grants[_i].grant);
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert(has_flow("surf"));
    ck_assert(has_flow("grant-2"));
    ck_assert_int_eq(has_flow("grant-1"), !grants[_i].code);
    ck_assert_uint_eq(diagnostics_count(diagnostics, SEVERITY_ERROR), 0);
    if (grants[_i].code)
        ck_assert_ptr_nonnull(
            strstr(only_diagnostic("grant-lapsed")->message, "grant grant-1 does not fit"));
}
END_TEST

/* Those who ask for less judge grants alike. */
START_TEST(a_grant_is_left_out_of_the_policy_alone_too)
{
    input.last = COMPILED_POLICY;
    add_grant("grant-1", GRANT("grant-1", "world", "https"));
    add_grant("grant-2", GRANT("grant-2", "web", "tcp/23"));
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert(!has_flow("grant-1"));
    ck_assert(has_flow("grant-2"));
}
END_TEST

START_TEST(a_grant_that_is_left_out_covers_nothing)
{
    add_grant("grant-1", GRANT("grant-1", "[gone, web]", "tcp/22"));
    add_grant("grant-2", GRANT("grant-2", "web", "tcp/22"));
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert(has_flow("grant-2"));
    only_diagnostic("grant-lapsed");
}
END_TEST

START_TEST(a_grant_that_is_wanted_must_fit)
{
    input.strict = "grant-1";
    input.sctp_missing = grants[_i].sctp_missing;
    add_grant("grant-1", grants[_i].grant);
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), grants[_i].code ? -EBADMSG : 0);
    if (grants[_i].code) {
        const struct diagnostic *mistake = only_diagnostic(grants[_i].code);

        ck_assert_str_eq(sources_name(compiled->sources, mistake->location.source),
                         "grant grant-1");
        ck_assert_uint_eq(mistake->location.line, 3);
    }
}
END_TEST

START_TEST(grants_that_do_not_fit_keep_none_out_that_does)
{
    input.strict = "grant-2";
    add_grant("grant-1", GRANT("grant-1", "world", "https"));
    add_grant("grant-2", GRANT("grant-2", "web", "tcp/23"));
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert(!has_flow("grant-1"));
    ck_assert(has_flow("grant-2"));
    only_diagnostic("grant-lapsed");
}
END_TEST

/* A kernel without answers has nothing against a policy that asks for none. */
START_TEST(answers_need_a_kernel_that_has_them)
{
    static const char *const policies[] = {
        ZONES HOSTS FLOWS,
        ZONES HOSTS FLOWS "reject: [{ from: office, to: server }]\n",
        ZONES HOSTS FLOWS "  f: { from: pc, to: web, services: udp/9, reject: true }\n",
    };

    input.reject_missing = "no answers";
    ck_assert_int_eq(compile(policies[_i]), _i == 0 ? 0 : -EBADMSG);
    if (_i > 0)
        ck_assert_str_eq(only_diagnostic("kernel-lacks")->message,
                         "the policy has refused packets answered: no answers");
}
END_TEST

START_TEST(a_mistake_of_the_policy_is_told_and_no_grant_is)
{
    const struct diagnostic *mistake;

    add_grant("grant-1", GRANT("grant-1", "web", "tcp/22"));
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS "  f: { fron: pc, to: web, services: [https] }\n"),
                     -EBADMSG);
    ck_assert(!has_diagnostic(diagnostics, "grant-lapsed"));
    ck_assert_uint_ge(diagnostics_list(diagnostics, &mistake), 1);
    ck_assert_str_eq(mistake->code, "unknown-key");
    ck_assert_str_eq(sources_name(compiled->sources, mistake->location.source), "policy.yaml");
}
END_TEST

START_TEST(the_isolation_part_is_empty_unless_a_zone_is_isolated)
{
    overrides[0] = (struct override){
        .kind = _i ? OVERRIDE_ISOLATION : OVERRIDE_SUSPENSION,
        .name = (char *)(_i ? "office" : "surf"),
        .until = USEC_NEVER,
    };
    all.n_overrides = 1;
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert_int_eq(compiled->isolation->n_chains > 0, _i);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_a_mistake)
{
    ck_assert_int_eq(compiled_read("/nonexistent/policy", &input, diagnostics, &compiled),
                     -EBADMSG);
    ck_assert_uint_eq(sources_count(compiled->sources), 0);
    only_diagnostic("unreadable");
}
END_TEST

static char *print(const struct compiled *some)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(ruleset_print(some->ruleset, NOW, stream), 0);
    ck_assert_int_eq(ruleset_print(some->isolation, NOW, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

/* Nothing of a packed copy lies elsewhere: the original is freed before it is read. */
START_TEST(a_packed_copy_is_the_same)
{
    cleanup_(freep) char *original = NULL, *copy = NULL;
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct compiled packed = {0};

    overrides[all.n_overrides++] = (struct override){
        .kind = OVERRIDE_ISOLATION,
        .name = (char *)"office",
        .until = USEC_NEVER,
    };
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS EXPIRING SCHEDULED), 0);
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(compiled_pack(compiled, arena, &packed), 0);
    ck_assert_int_eq(packed.until, compiled->until);
    ck_assert_uint_eq(packed.generation, 7);
    original = print(compiled);
    compiled = compiled_free(compiled);

    copy = print(&packed);
    ck_assert_str_eq(copy, original);
    ck_assert_uint_gt(packed.isolation->n_chains, 0);
    ck_assert_uint_eq(packed.outline->n_marks, 3);
    ck_assert_ptr_nonnull(policy_zone_named(packed.outline, "office"));
    ruleset_free(packed.ruleset);
    policy_free(packed.outline);
}
END_TEST

/* It outlives what was compiled. With a grant there is none, for the policy is not that of its
 * texts alone. */
START_TEST(a_policy_stays_in_the_arena_of_the_input)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct policy *policy;

    ck_assert_int_eq(arena_new(&arena), 0);
    input.arena = arena;
    if (_i == 1)
        add_grant("extra", GRANT("extra", "web", "tcp/23"));
    ck_assert_int_eq(compile(ZONES HOSTS FLOWS), 0);
    ck_assert_int_eq(compiled->is_image, _i == 0);
    policy = compiled->policy;
    if (_i == 1)
        return;
    compiled = compiled_free(compiled);
    ck_assert_str_eq(policy->flows[0].name, "surf");
    ck_assert_ptr_nonnull(policy_zone_named(policy, "office"));
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_policy_is_compiled_as_far_as_is_asked, 0, COMPILED_POLICY + 1);
    tcase_add_test(tests, flows_that_a_zone_implies_are_not_counted);
    tcase_add_loop_test(tests, until_is_when_the_next_flow_begins_or_ends, 0,
                        (int)ELEMENTS_OF(instants));
    tcase_add_loop_test(tests, a_grant_that_does_not_fit_is_left_out_with_a_warning, 0,
                        (int)ELEMENTS_OF(grants));
    tcase_add_test(tests, a_grant_is_left_out_of_the_policy_alone_too);
    tcase_add_test(tests, a_grant_that_is_left_out_covers_nothing);
    tcase_add_test(tests, grants_that_do_not_fit_keep_none_out_that_does);
    tcase_add_loop_test(tests, a_grant_that_is_wanted_must_fit, 0, (int)ELEMENTS_OF(grants));
    tcase_add_test(tests, a_mistake_of_the_policy_is_told_and_no_grant_is);
    tcase_add_loop_test(tests, answers_need_a_kernel_that_has_them, 0, 3);
    tcase_add_loop_test(tests, the_isolation_part_is_empty_unless_a_zone_is_isolated, 0, 2);
    tcase_add_test(tests, files_that_cannot_be_read_are_a_mistake);
    tcase_add_test(tests, a_packed_copy_is_the_same);
    tcase_add_loop_test(tests, a_policy_stays_in_the_arena_of_the_input, 0, 2);
}
