/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a real segd tells of a change before and after it: each key that differs with its old and
 * its new value, nothing of what operators granted, and nothing at all where nothing changes.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"

#define TIMES 40

#define ZONES                                                                                      \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"                           \
    "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\n"
#define OBJECTS(address, members, service)                                                         \
    "hosts:\n  h: { zone: a, address: " address " }\n"                                             \
    "groups:\n  g: { zone: b, members: " members " }\n"                                            \
    "services:\n  s: " service "\n"
#define FLOW(papers) "flows:\n  x: { from: h, to: g, services: [s]" papers " }\n"
#define APPROVAL(number) ", purpose: 申告, approval: { number: " number ", approver: 課長 }"

static const char first[] =
    ZONES OBJECTS("10.1.0.1", "[10.2.1.0/24]", "[tcp/443]") FLOW(APPROVAL("第12号"));
static const char approved[] =
    ZONES OBJECTS("10.1.0.1", "[10.2.1.0/24]", "[tcp/443]") FLOW(APPROVAL("第34号"));
static const char widened[] = ZONES OBJECTS("10.1.0.2", "[10.2.1.0/24, 10.2.8.0/24]",
                                            "[tcp/443, tcp/8443]") FLOW(APPROVAL("第12号"));

static json_t *texts_of(const struct segd *segd, const char *text)
{
    return json_pack("{s:[{s:s, s:s}]}", "texts", "name", segd_policy_path(segd), "text", text);
}

static bool is_true(const json_t *reply, const char *key)
{
    ck_assert_msg(json_is_boolean(json_object_get(reply, key)), "there is no `%s`", key);
    return json_is_true(json_object_get(reply, key));
}

static json_int_t generation_of(const json_t *reply)
{
    return json_integer_value(json_object_get(json_object_get(reply, "generation"), "number"));
}

static void nothing_changes(const json_t *reply)
{
    ck_assert(!is_true(reply, "changed"));
    assert_json(json_object_get(reply, "changes"), json_array());
    assert_json(json_object_get(reply, "objects"), json_array());
    assert_json(json_object_get(reply, "zones"), json_array());
}

/* What the reply says of the field of a flow or object. */
static const json_t *field_of(const json_t *reply, const char *list, const char *name,
                              const char *field)
{
    const json_t *change = find_text(json_object_get(reply, list), "name", name);

    ck_assert_msg(change, "%s are not told of %s", list, name);
    return find_text(json_object_get(change, "fields"), "field", field);
}

static json_t *field(const char *name, json_t *before, json_t *after, json_t *added,
                     json_t *removed)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i}", "field", name, "before", before, "after",
                     after, "added", added, "removed", removed, "left_out", 0);
}

static size_t count_entries(const struct segd *segd, const char *action)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "ShowAudit", NULL);
    json_t *entry;
    size_t i, n = 0;

    json_array_foreach(json_object_get(reply, "entries"), i, entry)
    {
        n += strcmp(json_string_value(json_object_get(entry, "action")), action) == 0;
    }
    return n;
}

static size_t count_generations(const struct segd *segd)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "GetHistory", NULL);

    return json_array_size(json_object_get(reply, "generations"));
}

START_TEST(apply_of_what_is_enforced_makes_no_generation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *back = NULL;
    size_t n_entries = count_entries(segd, "apply");

    for (int i = 0; i < TIMES; i++) {
        cleanup_(json_decrefp) json_t *plan = calls_get(segd, "Plan", NULL);
        /* Files, texts, and a confirmation that is not waited for. */
        cleanup_(json_decrefp) json_t *reply =
            calls_get(segd, "Apply",
                      i % 3 == 0   ? NULL
                      : i % 3 == 1 ? texts_of(segd, first)
                                   : json_pack("{s:i}", "confirm", 600));

        nothing_changes(plan);
        nothing_changes(reply);
        ck_assert(!is_true(reply, "made"));
        ck_assert(json_is_null(json_object_get(reply, "confirmation")));
        ck_assert_int_eq(generation_of(reply), 1);
    }
    segd_reload(segd, first);
    ck_assert_uint_eq(count_generations(segd), 1);
    ck_assert_uint_eq(count_entries(segd, "apply"), n_entries);
    calls_verify(segd);

    segd_reload(segd, widened);
    ck_assert_int_eq(calls_generation(segd), 2);
    back = calls_get(segd, "Rollback", json_pack("{s:i}", "generation", 1));
    ck_assert(is_true(back, "changed"));
    ck_assert_int_eq(calls_generation(segd), 3);
    /* The files are another policy again. */
    calls_do(segd, "Apply", NULL);
    ck_assert_int_eq(calls_generation(segd), 4);
}
END_TEST

#define FORWARD "/proc/sys/net/ipv4/ip_forward"

static int forwarding(void)
{
    FILE *file = fopen(FORWARD, "re");
    int value;

    ck_assert_ptr_nonnull(file);
    value = fgetc(file);
    fclose(file);
    return value;
}

/* Nobody repairs this by itself: who finds forwarding switched off applies. */
START_TEST(apply_of_what_is_enforced_switches_forwarding_on)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(ZONES "gateway: { forwarding: true }\n");
    FILE *file = fopen(FORWARD, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(forwarding(), '1');
    fputs("0", file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(forwarding(), '0');
    calls_do(segd, "Apply", NULL);
    ck_assert_int_eq(forwarding(), '1');
    ck_assert_int_eq(calls_generation(segd), 1);
}
END_TEST

/* The texts are evidence, whatever they mean. */
START_TEST(another_text_with_the_same_meaning_is_a_generation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *reply = NULL;
    char text[sizeof(first) + 32];

    snprintf(text, sizeof(text), "# reviewed\n%s", first);
    reply = calls_get(segd, "Apply", texts_of(segd, text));
    nothing_changes(reply);
    ck_assert(is_true(reply, "made"));
    ck_assert_int_eq(generation_of(reply), 2);
}
END_TEST

/* Neither the flow of a grant nor the group that its text has. */
START_TEST(grants_are_no_changes)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *plan = NULL, *reply = NULL;
    const json_t *change;

    calls_do(segd, "Grant",
             json_pack("{s:[s], s:[s], s:[s], s:i, s:s}", "from", "10.1.7.0/24", "to", "b",
                       "services", "tcp/22", "seconds", 600, "reason", "test"));
    plan = calls_get(segd, "Plan", NULL);
    nothing_changes(plan);
    reply = calls_get(segd, "Apply", texts_of(segd, approved));
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "changes")), 1);
    change = json_array_get(json_object_get(reply, "changes"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(change, "name")), "x");
    assert_json(json_object_get(reply, "objects"), json_array());
}
END_TEST

START_TEST(an_approval_is_a_change_of_the_papers)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *plan = calls_get(segd, "Plan", texts_of(segd, approved));
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "Apply", texts_of(segd, approved));
    cleanup_(json_decrefp) json_t *diff =
        calls_get(segd, "Diff", json_pack("{s:i, s:i}", "from", 1, "to", 2));
    const json_t *replies[] = {plan, reply, diff};

    for (size_t i = 0; i < ELEMENTS_OF(replies); i++) {
        ck_assert(is_true(replies[i], "changed"));
        assert_json(json_object_get(replies[i], "changes"),
                    json_pack("[{s:s, s:s, s:n, s:s, s:s, s:s, s:b, s:b, s:b, s:[o]}]", "change",
                              "changed", "name", "x", "before", "label", "x", "approval", "第34号",
                              "detail", "approval.number 第12号 → 第34号", "packets", false,
                              "widens", false, "narrows", false, "fields",
                              field("approval.number", json_string("第12号"), json_string("第34号"),
                                    json_array(), json_array())));
        assert_json(json_object_get(replies[i], "objects"), json_array());
    }
    ck_assert_int_eq(generation_of(reply), 2);
}
END_TEST

START_TEST(a_wider_policy_is_told_by_what_comes_and_goes)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *plan = calls_get(segd, "Plan", texts_of(segd, widened));
    const json_t *flow = find_text(json_object_get(plan, "changes"), "name", "x");

    ck_assert(is_true(flow, "packets") && is_true(flow, "widens") && is_true(flow, "narrows"));
    assert_json(field_of(plan, "changes", "x", "from"),
                field("from", json_null(), json_null(), json_pack("[s]", "10.1.0.2"),
                      json_pack("[s]", "10.1.0.1")));
    assert_json(
        field_of(plan, "changes", "x", "to"),
        field("to", json_null(), json_null(), json_pack("[s]", "10.2.8.0/24"), json_array()));
    assert_json(
        field_of(plan, "changes", "x", "services"),
        field("services", json_null(), json_null(), json_pack("[s]", "tcp/8443"), json_array()));
    ck_assert_ptr_null(field_of(plan, "changes", "x", "approval.number"));
    ck_assert_ptr_nonnull(field_of(plan, "objects", "h", "address"));
    ck_assert_ptr_nonnull(field_of(plan, "objects", "g", "members"));
    ck_assert_ptr_nonnull(field_of(plan, "objects", "s", "literals"));
}
END_TEST

/* What the audit log says at the end of the last change. */
static json_t *last_detail(const struct segd *segd, const char *action)
{
    cleanup_(json_decrefp) json_t *reply = calls_get(segd, "ShowAudit", NULL);
    const json_t *entries = json_object_get(reply, "entries");
    const json_t *entry = json_array_get(entries, json_array_size(entries) - 1);

    ck_assert_str_eq(json_string_value(json_object_get(entry, "action")), action);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "outcome")), "done");
    return json_incref(json_object_get(entry, "detail"));
}

START_TEST(the_audit_log_names_the_flows_and_their_approvals)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *detail = NULL;
    const json_t *flow;

    calls_do(segd, "Apply", texts_of(segd, approved));
    detail = last_detail(segd, "apply");
    flow = find_text(json_object_get(detail, "flows"), "name", "x");
    ck_assert_ptr_nonnull(flow);
    ck_assert_str_eq(json_string_value(json_object_get(flow, "change")), "changed");
    ck_assert_str_eq(json_string_value(json_object_get(flow, "approval")), "第34号");
}
END_TEST

START_TEST(the_audit_log_holds_the_whole_isolation)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);
    cleanup_(json_decrefp) json_t *detail = NULL;

    calls_do(segd, "Isolate",
             calls_parameters("{'zone': 'a', 'reason': 'virus', 'keep': ['x'], 'seconds': 600}"));
    detail = last_detail(segd, "isolate");
    assert_json(json_object_get(detail, "keep"), json_pack("[s]", "x"));
    ck_assert(json_is_string(json_object_get(detail, "until")));
    ck_assert_ptr_nonnull(
        strstr(json_string_value(json_object_get(detail, "evidence")), "incidents/"));
}
END_TEST

/* To find what a kept flow covers takes time, which the zone does not have. */
START_TEST(a_zone_is_cut_off_before_covered_flows_are_kept)
{
    cleanup_(segd_freep) struct segd *segd =
        segd_enter(ZONES OBJECTS("10.1.0.1", "[10.2.1.0/24]", "[tcp/443]")
                       FLOW("") "  w: { from: a, to: b, services: [tcp/443] }\n");
    cleanup_(json_decrefp) json_t *audit = NULL;
    cleanup_(json_decrefp) json_t *detail = NULL;
    const json_t *isolated;

    calls_do(segd, "Isolate", calls_parameters("{'zone': 'a', 'reason': 'virus', 'keep': ['w']}"));
    detail = last_detail(segd, "keep");
    assert_json(json_object_get(detail, "keep"), json_pack("[s, s]", "w", "x"));
    audit = calls_get(segd, "ShowAudit", NULL);
    isolated = find_text(json_object_get(audit, "entries"), "action", "isolate");
    assert_json(json_object_get(json_object_get(isolated, "detail"), "keep"),
                json_pack("[s]", "w"));

    /* What it has is kept, so there is nothing more to keep. */
    calls_do(segd, "Isolate", calls_parameters("{'zone': 'b', 'reason': 'virus', 'keep': ['x']}"));
    json_decref(last_detail(segd, "isolate"));
}
END_TEST

/* Neither does a zone wait for a policy that cannot be read. */
START_TEST(a_zone_is_cut_off_without_the_policy)
{
    static const char *const folders[] = {"generations", "copy/generations"};
    cleanup_(segd_freep) struct segd *segd =
        segd_enter(ZONES OBJECTS("10.1.0.1", "[10.2.1.0/24]", "[tcp/443]")
                       FLOW("") "  w: { from: a, to: b, services: [tcp/443] }\n");
    cleanup_(json_decrefp) json_t *detail = NULL;
    char path[256];

    segd_write_policy(segd, first);
    for (size_t i = 0; i < ELEMENTS_OF(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s/1.policy.json", segd_state_path(segd), folders[i]);
        ck_assert_int_eq(unlink(path), 0);
    }
    calls_do(segd, "Isolate", calls_parameters("{'zone': 'a', 'reason': 'virus', 'keep': ['w']}"));
    detail = last_detail(segd, "isolate");
    assert_json(json_object_get(detail, "keep"), json_pack("[s]", "w"));
}
END_TEST

/* Who asks later what was open reads it in the log alone. */
START_TEST(the_audit_log_holds_the_whole_grant_when_it_comes_and_goes)
{
    static const char *const actions[] = {"grant", "revoke"};
    cleanup_(segd_freep) struct segd *segd = segd_enter(first);

    for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
        cleanup_(json_decrefp) json_t *detail = NULL;

        if (i == 0)
            calls_do(segd, "Grant",
                     calls_parameters("{'from': ['10.1.0.9'], 'to': ['10.2.0.9'], 'services':"
                                      " ['tcp/22'], 'seconds': 600, 'reason': 'repair'}"));
        else
            calls_do(segd, "Revoke", calls_parameters("{'grant': 'grant-1'}"));
        detail = last_detail(segd, actions[i]);
        assert_json(json_object_get(detail, "from"), json_pack("[s]", "10.1.0.9"));
        assert_json(json_object_get(detail, "to"), json_pack("[s]", "10.2.0.9"));
        assert_json(json_object_get(detail, "services"), json_pack("[s]", "tcp/22"));
        ck_assert(json_is_string(json_object_get(detail, "until")));
        ck_assert_str_eq(json_string_value(json_object_get(detail, "reason")), "repair");
    }
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, the_audit_log_names_the_flows_and_their_approvals);
    tcase_add_test(tests, the_audit_log_holds_the_whole_isolation);
    tcase_add_test(tests, a_zone_is_cut_off_before_covered_flows_are_kept);
    tcase_add_test(tests, a_zone_is_cut_off_without_the_policy);
    tcase_add_test(tests, the_audit_log_holds_the_whole_grant_when_it_comes_and_goes);
    tcase_add_test(tests, apply_of_what_is_enforced_makes_no_generation);
    tcase_add_test(tests, apply_of_what_is_enforced_switches_forwarding_on);
    tcase_add_test(tests, another_text_with_the_same_meaning_is_a_generation);
    tcase_add_test(tests, grants_are_no_changes);
    tcase_add_test(tests, an_approval_is_a_change_of_the_papers);
    tcase_add_test(tests, a_wider_policy_is_told_by_what_comes_and_goes);
}
