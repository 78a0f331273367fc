/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How `segctl explain` says what operators changed and when a flow is open: tools/segctl/explain.h.
 * What needs neither is in tests/golden.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "explain.h"
#include "tests/reading.h"

static const char policy_text[] =
    "segd: 1\n"
    "timezone: Asia/Tokyo\n"
    "zones:\n"
    "  inner: { class: mynumber, interfaces: [if1], networks: [10.1.0.0/24] }\n"
    "  outer: { class: external, interfaces: [if2], networks: [10.2.0.0/24] }\n"
    "hosts:\n"
    "  pc: { zone: inner, address: 10.1.0.10 }\n"
    "  server: { zone: outer, address: 10.2.0.10 }\n"
    "flows:\n"
    "  web: { from: pc, to: server, services: [tcp/443], expires: 2027-03-31 }\n"
    "  more: { from: inner, to: server, services: [tcp/443], expires: 2026-03-31 }\n";
static const char grant_text[] = "segd: 1\n"
                                 "flows:\n"
                                 "  grant-1: { from: pc, to: server, services: [tcp/22] }\n";

#define HOUR (3600 * USEC_PER_SEC)
/* 2026-11-20 00:00 in Tokyo, a Friday. */
#define MIDNIGHT (INT64_C(1795100400) * USEC_PER_SEC)
#define NOW (MIDNIGHT + 2 * HOUR)

static struct diagnostics *diagnostics;
static struct compiled *compiled;
static struct question question;

static void set_up(void)
{
    static const struct policy_text text = {"policy.yaml", policy_text, sizeof(policy_text) - 1, 0};
    struct override granted = {
        .kind = OVERRIDE_GRANT,
        .name = (char *)"grant-1",
        .until = NOW + 3 * HOUR,
        .text = (char *)grant_text,
    };
    const struct overrides grants = {.overrides = &granted, .n_overrides = 1};
    const struct compiled_input input = {
        .texts = &text,
        .n_texts = 1,
        .overrides = &grants,
        .now = NOW,
        .last = COMPILED_DIAGRAM,
    };

    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(compiled_new(&input, diagnostics, &compiled), 0);
}

static void tear_down(void)
{
    question_clear(&question);
    compiled_free(compiled);
    diagnostics_free(diagnostics);
}

/* What is printed, in a buffer of the caller. */
static void print(const struct explained *explained, char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    size_t length;

    ck_assert_ptr_nonnull(file);
    fflush(stdout);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    explain_print(explained, false);
    fflush(stdout);
    ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
    close(saved);

    rewind(file);
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

static const struct schedule office_hours = {
    .days = 0x1f,
    .n_hours = 2,
    .hours = {{8 * 60 + 30, 12 * 60}, {13 * 60, 17 * 60 + 15}},
};
static const struct schedule night = {
    .days = 0x61,
    .n_hours = 1,
    .hours = {{22 * 60, 24 * 60 + 60}},
};
static const struct schedule weekend = {.days = 0x60, .n_hours = 1, .hours = {{0, DAY_MINUTES}}};

static const struct {
    enum override_kind kind;
    const char *name; /* of the override; NULL: there is none */
    const char *keep;
    const struct schedule *schedule; /* of `web` */
    const char *service;
    const char *line; /* one that is printed */
    const char *state, *opens, *override, *expires;
} cases[] = {
    {OVERRIDE_SUSPENSION, "web", NULL, NULL, "tcp/443",
     "  reason    suspended: approved by flow web, which is suspended by tanaka since "
     "2026-11-20 01:00 until 2026-11-20 04:00: ransomware\n",
     "suspended", NULL, "suspension", "2027-03-31"},
    {OVERRIDE_SUSPENSION, "web", NULL, NULL, "tcp/443",
     "would allow it, but does not pass now either (expired)\n", "suspended", NULL, "suspension",
     "2027-03-31"},
    {OVERRIDE_ISOLATION, "outer", NULL, NULL, "tcp/443",
     "  reason    isolated: approved by flow web, but zone outer is isolated by tanaka since "
     "2026-11-20 01:00 until 2026-11-20 04:00: ransomware\n",
     "live", NULL, "isolation", "2027-03-31"},
    {OVERRIDE_ISOLATION, "inner", "web", NULL, "tcp/443",
     "  note      zone inner is isolated by tanaka since 2026-11-20 01:00 until 2026-11-20 04:00: "
     "ransomware\n",
     "live", NULL, NULL, "2027-03-31"},
    {OVERRIDE_ISOLATION, "inner", NULL, NULL, "tcp/23", "  note      zone inner is isolated by ",
     NULL, NULL, NULL, NULL},
    {OVERRIDE_ISOLATION, "inner", NULL, NULL, "tcp/23", " (isolated)\n", NULL, NULL, NULL, NULL},
    {OVERRIDE_SUSPENSION, NULL, NULL, &office_hours, "tcp/443",
     "  reason    suspended: approved by flow web, which is outside its hours (mon-fri "
     "08:30-12:00, 13:00-17:15), next open 2026-11-20 08:30\n",
     "schedule", "2026-11-19T23:30:00Z", NULL, "2027-03-31"},
    {OVERRIDE_SUSPENSION, NULL, NULL, &office_hours, "tcp/443",
     "would allow it, but does not pass now either (expired)\n", "schedule", "2026-11-19T23:30:00Z",
     NULL, "2027-03-31"},
    {OVERRIDE_SUSPENSION, NULL, NULL, &night, "tcp/443", "  hours     mon,sat-sun 22:00-01:00\n",
     "schedule", "2026-11-21T13:00:00Z", NULL, "2027-03-31"},
    {OVERRIDE_SUSPENSION, NULL, NULL, &weekend, "tcp/443",
     "outside its hours (sat-sun), next open 2026-11-21 00:00\n", "schedule",
     "2026-11-20T15:00:00Z", NULL, "2027-03-31"},
    {OVERRIDE_SUSPENSION, NULL, NULL, NULL, "tcp/22", "  expires   2026-11-20 05:00, in 3 h\n",
     "live", NULL, NULL, "2026-11-19T20:00:00Z"},
    {OVERRIDE_SUSPENSION, NULL, NULL, NULL, "tcp/22", "  line      grant grant-1:3\n", "live", NULL,
     NULL, "2026-11-19T20:00:00Z"},
};

/* The text of a key, NULL where it is null; it must be there. */
static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    ck_assert_msg(value, "no key %s", key);
    return json_string_value(value);
}

static void check_json(const struct explained *explained, int i)
{
    json_t *object = explain_to_json(explained);
    const json_t *override;

    ck_assert_ptr_nonnull(object);
    ck_assert_pstr_eq(text_of(object, "standing"), cases[i].state);
    ck_assert_pstr_eq(text_of(object, "opens"), cases[i].opens);
    ck_assert_pstr_eq(text_of(object, "expires"), cases[i].expires);
    override = json_object_get(object, "override");
    ck_assert_ptr_nonnull(override);
    ck_assert_int_eq(json_is_object(override), cases[i].override != NULL);
    if (cases[i].override) {
        ck_assert_str_eq(text_of(override, "kind"), cases[i].override);
        ck_assert_str_eq(text_of(override, "name"), cases[i].name);
        ck_assert_str_eq(text_of(override, "who"), "tanaka");
        ck_assert_str_eq(text_of(override, "reason"), "ransomware");
        ck_assert_str_eq(text_of(override, "since"), "2026-11-19T16:00:00Z");
    }
    json_decref(object);
}

START_TEST(what_operators_changed_and_hours_are_told)
{
    char content[FLOW_CONTENT_TEXT_MAX], *keep_ids[] = {content};
    char *keep[] = {(char *)cases[_i].keep};
    struct override override = {
        .kind = cases[_i].kind,
        .name = (char *)cases[_i].name,
        .reason = (char *)"ransomware",
        .who = (char *)"tanaka",
        .since = MIDNIGHT + HOUR,
        .until = MIDNIGHT + 4 * HOUR,
        .keep = keep,
        .n_keep = keep[0] ? 1 : 0,
        .keep_ids = keep_ids,
        .n_keep_ids = keep[0] ? 1 : 0,
    };
    const struct overrides overrides = {.overrides = &override,
                                        .n_overrides = cases[_i].name ? 1 : 0};
    cleanup_(explanation_freep) struct explanation *explanation = NULL;
    struct explained explained = {compiled->sources, &question, NULL, NULL, NOW};
    char text[4096];

    if (keep[0])
        flow_content_format(find_flow(compiled->policy, keep[0])->digest, content);
    if (cases[_i].schedule) {
        ((struct flow *)compiled->policy->flows)[0].schedule = cases[_i].schedule;
        compiled->policy->schedules = cases[_i].schedule;
        compiled->policy->n_schedules = 1;
    }
    ck_assert_int_eq(question_parse(compiled->policy, "pc", "server", cases[_i].service, &question),
                     0);
    ck_assert_int_eq(
        explanation_new(compiled->diagram, &overrides, &question, FAMILY_IPV4, NOW, &explanation),
        0);
    explained.explanation = explanation;

    print(&explained, text, sizeof(text));
    ck_assert_msg(strstr(text, cases[_i].line), "`%s` is not in\n%s", cases[_i].line, text);
    check_json(&explained, _i);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, what_operators_changed_and_hours_are_told, 0,
                        (int)ELEMENTS_OF(cases));
    /* Otherwise dates are in the language of the user. */
    setenv("LC_ALL", "C.UTF-8", 1);
}
