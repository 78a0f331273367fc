/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions, their answers, and what is near to a refusal: lib/answer/explain.h. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "answer/explain.h"
#include "base/cleanup.h"
#include "checks.h"
#include "tests/parse_policy.h"

static const char policy_text[] =
    "segd: 1\n"
    "timezone: UTC\n"
    "zones:\n"
    "  inner: { class: mynumber, interfaces: [if1], networks: [10.1.0.0/24, \"fd00:1::/64\"] }\n"
    "  outer: { class: external, interfaces: [if2], networks: [10.2.0.0/24, \"fd00:2::/64\"] }\n"
    "  third: { class: other, interfaces: [if3], networks: [10.3.0.0/24] }\n"
    "hosts:\n"
    "  pc: { zone: inner, address: [10.1.0.10, \"fd00:1::10\"] }\n"
    "  printer: { zone: inner, address: 10.1.0.20 }\n"
    "  server: { zone: outer, address: [10.2.0.10, \"fd00:2::10\"] }\n"
    "  mirror: { zone: outer, address: 10.2.0.20 }\n"
    "  stray: { zone: third, address: 10.3.0.10 }\n"
    "  double: { zone: third, address: [10.3.0.21, 10.3.0.20] }\n"
    "groups:\n"
    "  pcs: { zone: inner, members: [10.1.0.10-10.1.0.19] }\n"
    "  more-pcs: { zone: inner, members: [10.1.0.0/25] }\n"
    "services:\n"
    "  https: tcp/443\n"
    "  dns: [udp/53, tcp/53]\n"
    "  ping: icmp/echo-request\n"
    "flows:\n"
    "  web: { from: pc, to: server, services: [https] }\n"
    "  names: { from: pcs, to: mirror, services: [udp/53] }\n"
    "  old: { from: printer, to: server, services: [tcp/9100], expires: 2026-03-31 }\n"
    "  idle: { from: pcs, to: server, services: [tcp/9100], enabled: false }\n"
    "  renewed: { from: inner, to: server, services: [tcp/9100] }\n"
    "  off: { from: printer, to: mirror, services: [https], enabled: false }\n"
    "  third-web: { from: stray, to: server, services: [tcp/8000-8100] }\n"
    "  third-mid: { from: double, to: mirror, services: [tcp/8000-8049, tcp/8060-8100] }\n"
    "  third-gap: { from: third, to: mirror, services: [tcp/8050-8059] }\n"
    "  echo: { from: inner, to: third, services: [ping] }\n"
    "  printer-web: { from: printer, to: stray, services: [https] }\n"
    "  control: { from: pc, to: gateway, services: [tcp/22] }\n"
    "gateway: { protect: true }\n";

static struct sources *sources;
static struct diagnostics *diagnostics;
static struct policy *policy;
static struct diagram *diagram;
static struct question question;

static void set_up(void)
{
    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    if (parse_policy("policy.yaml", policy_text, strlen(policy_text), sources, diagnostics,
                     &policy) < 0)
        diagnostics_print(diagnostics, sources, stderr, false);
    ck_assert_ptr_nonnull(policy);
}

static void tear_down(void)
{
    question_clear(&question);
    diagram = diagram_free(diagram);
    policy = policy_free(policy);
    diagnostics = diagnostics_free(diagnostics);
    sources = sources_free(sources);
}

static usec_t end_of(const char *day)
{
    struct date date;
    usec_t end;

    ck_assert_int_eq(date_parse(day, &date), 0);
    ck_assert_int_eq(date_end(date, "UTC", &end), 0);
    return end;
}

/* What operators changed: one isolation and one suspension, each NULL where there is none. */
struct changes {
    struct override list[2];
    char *keep[1], *keep_ids[1];
    char content[FLOW_CONTENT_TEXT_MAX];
    struct overrides overrides;
};

static void change(struct changes *changes, const char *isolated, const char *keep,
                   const char *suspended)
{
    struct overrides *overrides = &changes->overrides;

    *changes = (struct changes){.keep = {(char *)keep},
                                .keep_ids = {changes->content},
                                .overrides.overrides = changes->list};
    if (keep)
        flow_content_format(policy_flow_named(policy, keep)->digest, changes->content);
    if (isolated)
        changes->list[overrides->n_overrides++] = (struct override){
            .kind = OVERRIDE_ISOLATION,
            .name = (char *)isolated,
            .keep = changes->keep,
            .n_keep = keep ? 1 : 0,
            .keep_ids = changes->keep_ids,
            .n_keep_ids = keep ? 1 : 0,
        };
    if (suspended)
        changes->list[overrides->n_overrides++] =
            (struct override){.kind = OVERRIDE_SUSPENSION, .name = (char *)suspended};
}

static struct explanation *ask_with(const struct overrides *overrides, const char *from,
                                    const char *to, const char *service, enum family family,
                                    usec_t now)
{
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    struct explanation *explanation = NULL;

    diagram_free(diagram);
    ck_assert_int_eq(flow_states_new(policy, overrides, now, &states), 0);
    ck_assert_int_eq(diagram_new(policy, states, diagnostics, &diagram), 0);
    question_clear(&question);
    ck_assert_int_eq(question_parse(policy, from, to, service, &question), 0);
    ck_assert(question.families[family].possible);
    ck_assert_int_eq(explanation_new(diagram, overrides, &question, family, now, &explanation), 0);
    return explanation;
}

static struct explanation *ask(const char *from, const char *to, const char *service,
                               enum family family, usec_t now)
{
    return ask_with(NULL, from, to, service, family, now);
}

static const char *flow_name(uint32_t flow)
{
    return flow == NO_FLOW ? "-" : policy->flows[flow].name;
}

/* Before and after the day on which `old` expires. */
#define BEFORE "2026-03-30"
#define AFTER "2026-03-31"

static const struct {
    const char *from, *to, *service;
    enum family family;
    const char *day;
    enum reason reason;
    const char *flow;
} verdicts[] = {
    {"pc", "server", "https", FAMILY_IPV4, AFTER, REASON_NONE, "web"},
    {"pc", "server", "tcp/443", FAMILY_IPV6, AFTER, REASON_NONE, "web"},
    {"10.1.0.10", "10.2.0.10", "https", FAMILY_IPV4, AFTER, REASON_NONE, "web"},
    {"fd00:1::10", "server", "https", FAMILY_IPV6, AFTER, REASON_NONE, "web"},
    {"10.1.0.10", "server", "https", FAMILY_IPV6, AFTER, REASON_NONE, "web"}, /* by its host */
    {"pc", "server", "udp/443", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"server", "pc", "https", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"printer", "server", "tcp/9100", FAMILY_IPV4, BEFORE, REASON_NONE, "old"},
    {"printer", "server", "tcp/9100", FAMILY_IPV4, AFTER, REASON_NONE, "renewed"},
    {"pc", "server", "tcp/9100", FAMILY_IPV4, AFTER, REASON_NONE, "renewed"},
    {"printer", "mirror", "https", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"192.0.2.1", "server", "https", FAMILY_IPV4, AFTER, REASON_SPOOFED, "-"},
    {"pc", "192.0.2.1", "https", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"inner", "third", "ping", FAMILY_IPV4, AFTER, REASON_NONE, "echo"},
    {"pc", "gateway", "tcp/22", FAMILY_IPV6, AFTER, REASON_NONE, "control"},
    {"printer", "gateway", "tcp/22", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"gateway", "pc", "tcp/22", FAMILY_IPV4, AFTER, REASON_NO_FLOW, "-"},
    {"gateway", "gateway", "tcp/22", FAMILY_IPV4, AFTER, REASON_NONE, "-"},
};

START_TEST(a_question_has_the_answer_of_the_flow_that_owns_it)
{
    cleanup_(explanation_freep) struct explanation *explanation =
        ask(verdicts[_i].from, verdicts[_i].to, verdicts[_i].service, verdicts[_i].family,
            end_of(verdicts[_i].day));

    ck_assert_uint_eq(explanation->n_answers, 1);
    ck_assert_ptr_eq(explanation->main, explanation->answers);
    ck_assert_int_eq(explanation->main->reason, verdicts[_i].reason);
    ck_assert_int_eq(explanation->allowed, verdicts[_i].reason == REASON_NONE);
    ck_assert_str_eq(flow_name(explanation->main->decision.flow), verdicts[_i].flow);
}
END_TEST

static const struct {
    const char *from, *to, *service;
    /* Of each that is near `flow nearness`, with `!` where it does not pass now. */
    const char *near;
} nearest[] = {
    {"printer", "mirror", "https", "off disabled !"},
    {"inner", "server", "https", "web part, renewed other-service, old other-service !"},
    {"inner", "mirror", "udp/53", "names part, off other-service !"},
    {"pc", "server", "tcp/80", "web other-service, renewed other-service, idle other-service !"},
    {"pc", "server", "udp/80", "web other-service, renewed other-service, idle other-service !"},
    {"server", "pc", "https", "web reversed, renewed reversed, idle reversed !"},
    {"server", "printer", "tcp/9100", "renewed reversed, old reversed !"},
    {"pc", "stray", "https", "echo other-service, printer-web other-source, web other-destination"},
    {"pc", "mirror", "https", "names other-service, web other-destination, off other-source !"},
    {"10.1.0.30", "10.2.0.10", "https", "renewed other-service, web other-source"},
    {"stray", "mirror", "tcp/22", "third-gap other-service"},
    {"10.2.0.30", "gateway", "tcp/22", "control other-source"},
    {"10.1.0.30", "10.2.0.30", "udp/99", "names same-zones, renewed same-zones, web same-zones"},
    {"printer", "10.2.0.30", "https", "off other-destination !, printer-web other-destination"},
    {"outer", "third", "udp/99", "third-gap reversed, third-web reversed, third-mid reversed"},
    {"server", "gateway", "udp/99", ""},
    {"192.0.2.1", "server", "https", "web other-source"},
};

START_TEST(a_refusal_names_what_is_nearest)
{
    cleanup_(explanation_freep) struct explanation *explanation =
        ask(nearest[_i].from, nearest[_i].to, nearest[_i].service, FAMILY_IPV4, end_of(AFTER));
    char text[256] = "";
    size_t length = 0;

    ck_assert(!explanation->allowed);
    for (size_t i = 0; i < explanation->n_nearest; i++) {
        const struct near_flow *near = &explanation->nearest[i];

        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s%s",
                                   i > 0 ? ", " : "", flow_name(near->flow),
                                   nearness_to_string(near->nearness), near->live ? "" : " !");
    }
    ck_assert_str_eq(text, nearest[_i].near);
}
END_TEST

START_TEST(what_passes_has_nothing_near)
{
    cleanup_(explanation_freep) struct explanation *explanation =
        ask("pc", "server", "https", FAMILY_IPV4, end_of(AFTER));

    ck_assert_uint_eq(explanation->n_nearest, 0);
}
END_TEST

static const struct {
    const char *from, *to, *service;
    /* `first-last flow` of each answer; the first and last ports of one protocol. */
    const char *answers;
    unsigned main;
} ranges[] = {
    {"stray", "server", "tcp/7990-8200", "7990-7999 -, 8000-8100 third-web, 8101-8200 -", 0},
    {"stray", "server", "tcp/8000-8100", "8000-8100 third-web", 0},
    {"stray", "server", "tcp/8050-8300", "8050-8100 third-web, 8101-8300 -", 1},
    {"double", "mirror", "tcp/8000-8100",
     "8000-8049 third-mid, 8050-8059 third-gap, 8060-8100 third-mid", 0},
    {"pc", "mirror", "dns", "53-53 -, 53-53 names", 0},
    {"pc", "stray", "dns", "53-53 -, 53-53 -", 0},
    {"pc", "stray", "tcp/1-65535", "1-65535 -", 0},
};

START_TEST(a_range_of_services_has_as_many_answers_as_it_needs)
{
    cleanup_(explanation_freep) struct explanation *explanation =
        ask(ranges[_i].from, ranges[_i].to, ranges[_i].service, FAMILY_IPV4, end_of(AFTER));
    char text[256] = "";
    size_t length = 0;

    for (size_t i = 0; i < explanation->n_answers; i++) {
        const struct answer *answer = &explanation->answers[i];

        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "%s%u-%u %s", i > 0 ? ", " : "",
                             SERVICE_PORT(answer->span.first), SERVICE_PORT(answer->span.last),
                             flow_name(answer->decision.flow));
    }
    ck_assert_str_eq(text, ranges[_i].answers);
    ck_assert_ptr_eq(explanation->main, &explanation->answers[ranges[_i].main]);
}
END_TEST

static const struct {
    const char *from, *to, *service;
    const char *day;
    bool whole;
} scopes[] = {
    {"pc", "server", "https", AFTER, true},
    {"pcs", "server", "https", AFTER, false}, /* web, of one of them */
    {"pcs", "mirror", "udp/53", AFTER, true}, /* names, of all of them */
    {"more-pcs", "mirror", "udp/53", AFTER, false},
    {"pcs", "outer", "udp/53", AFTER, false},
    {"pcs", "mirror", "tcp/99", AFTER, true},      /* none of them */
    {"inner", "server", "tcp/9100", BEFORE, true}, /* two flows, both pass */
    {"inner", "server", "tcp/9100", AFTER, true},  /* the first has expired */
    {"inner", "mirror", "https", AFTER, true},     /* the only flow is disabled */
    {"double", "mirror", "tcp/8000", AFTER, true}, /* both addresses of the host */
    {"third", "mirror", "tcp/8000-8100", AFTER, false},
    {"third", "mirror", "tcp/8050-8059", AFTER, true},
    {"outer", "inner", "any", AFTER, true},
    {"inner", "gateway", "tcp/22", AFTER, false},
    {"gateway", "inner", "any", AFTER, true},
};

START_TEST(an_answer_says_whether_it_holds_for_all_that_was_named)
{
    cleanup_(explanation_freep) struct explanation *explanation = ask(
        scopes[_i].from, scopes[_i].to, scopes[_i].service, FAMILY_IPV4, end_of(scopes[_i].day));

    ck_assert_int_eq(explanation->whole, scopes[_i].whole);
}
END_TEST

static const struct {
    const char *isolated, *keep, *suspended;
    const char *from, *to, *service;
    const char *day;
    enum reason reason;
    enum flow_state state;
} changed[] = {
    {NULL, NULL, "web", "pc", "server", "https", AFTER, REASON_SUSPENDED, FLOW_STATE_SUSPENDED},
    {NULL, NULL, "names", "pc", "server", "https", AFTER, REASON_NONE, FLOW_STATE_LIVE},
    {"inner", NULL, NULL, "pc", "server", "https", AFTER, REASON_ISOLATED, FLOW_STATE_LIVE},
    {"outer", NULL, NULL, "pc", "server", "https", AFTER, REASON_ISOLATED, FLOW_STATE_LIVE},
    {"third", NULL, NULL, "pc", "server", "https", AFTER, REASON_NONE, FLOW_STATE_LIVE},
    {"inner", "web", NULL, "pc", "server", "https", AFTER, REASON_NONE, FLOW_STATE_LIVE},
    {"inner", "names", NULL, "pc", "server", "https", AFTER, REASON_ISOLATED, FLOW_STATE_LIVE},
    /* First whether the flow is live, as in the kernel. */
    {"inner", NULL, "web", "pc", "server", "https", AFTER, REASON_SUSPENDED, FLOW_STATE_SUSPENDED},
    {"inner", "web", "web", "pc", "server", "https", AFTER, REASON_SUSPENDED, FLOW_STATE_SUSPENDED},
    {"inner", NULL, NULL, "pc", "server", "udp/443", AFTER, REASON_NO_FLOW, FLOW_STATE_LIVE},
    {"inner", NULL, "old", "printer", "server", "tcp/9100", AFTER, REASON_ISOLATED,
     FLOW_STATE_LIVE},
    {"inner", NULL, "old", "printer", "server", "tcp/9100", BEFORE, REASON_ISOLATED,
     FLOW_STATE_LIVE},
    /* Where no live flow covers it, one that people can resume is named before one that ended. */
    {NULL, NULL, "renewed", "printer", "server", "tcp/9100", AFTER, REASON_SUSPENDED,
     FLOW_STATE_SUSPENDED},
    {"inner", NULL, NULL, "pc", "gateway", "tcp/22", AFTER, REASON_ISOLATED, FLOW_STATE_LIVE},
    {"inner", NULL, NULL, "gateway", "gateway", "tcp/22", AFTER, REASON_NONE, FLOW_STATE_LIVE},
    {"inner", NULL, NULL, "192.0.2.1", "server", "https", AFTER, REASON_SPOOFED, FLOW_STATE_LIVE},
};

START_TEST(what_operators_changed_is_answered)
{
    struct changes changes;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    change(&changes, changed[_i].isolated, changed[_i].keep, changed[_i].suspended);
    explanation = ask_with(&changes.overrides, changed[_i].from, changed[_i].to,
                           changed[_i].service, FAMILY_IPV4, end_of(changed[_i].day));
    ck_assert_int_eq(explanation->main->reason, changed[_i].reason);
    ck_assert_int_eq(explanation->main->state, changed[_i].state);
    ck_assert_int_eq(explanation->allowed, changed[_i].reason == REASON_NONE);
    ck_assert_ptr_eq(explanation->overrides, &changes.overrides);
    if (changed[_i].reason == REASON_ISOLATED)
        ck_assert_uint_eq(explanation->n_nearest, 0);
}
END_TEST

START_TEST(what_is_near_and_has_expired_does_not_pass)
{
    struct changes changes;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    change(&changes, NULL, NULL, "renewed");
    explanation =
        ask_with(&changes.overrides, "printer", "server", "tcp/9100", FAMILY_IPV4, end_of(AFTER));
    ck_assert_uint_eq(explanation->n_nearest, 1);
    ck_assert_str_eq(flow_name(explanation->nearest[0].flow), "old");
    ck_assert_int_eq(explanation->nearest[0].nearness, NEAR_LATER);
    ck_assert(!explanation->nearest[0].live);
    ck_assert_int_eq(explanation->nearest[0].state, FLOW_STATE_EXPIRED);
}
END_TEST

START_TEST(what_is_near_and_isolated_does_not_pass)
{
    struct changes changes;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    change(&changes, "outer", NULL, NULL);
    explanation = ask_with(&changes.overrides, "pc", "stray", "tcp/80", FAMILY_IPV4, end_of(AFTER));
    ck_assert_str_eq(flow_name(explanation->nearest[0].flow), "echo");
    ck_assert(explanation->nearest[0].live);
    explanation = explanation_free(explanation);

    explanation =
        ask_with(&changes.overrides, "pc", "server", "tcp/80", FAMILY_IPV4, end_of(AFTER));
    ck_assert_str_eq(flow_name(explanation->nearest[0].flow), "web");
    ck_assert(!explanation->nearest[0].live);
    ck_assert_int_eq(explanation->nearest[0].state, FLOW_STATE_LIVE);
}
END_TEST

static const struct {
    const char *isolated, *suspended;
    bool whole;
} changed_scopes[] = {
    {NULL, NULL, true},       {NULL, "old", true},   /* the other has all of them */
    {NULL, "renewed", false}, {"inner", NULL, true}, /* of both */
    {"inner", "old", true},
};

START_TEST(a_suspension_holds_for_a_part_of_what_was_named)
{
    struct changes changes;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    change(&changes, changed_scopes[_i].isolated, NULL, changed_scopes[_i].suspended);
    explanation =
        ask_with(&changes.overrides, "inner", "server", "tcp/9100", FAMILY_IPV4, end_of(BEFORE));
    ck_assert_int_eq(explanation->whole, changed_scopes[_i].whole);
}
END_TEST

/* Monday to Friday, 08:30 to 12:00 and 13:00 to 17:15. */
static const struct schedule office_hours = {
    .days = 0x1f,
    .n_hours = 2,
    .hours = {{8 * 60 + 30, 12 * 60}, {13 * 60, 17 * 60 + 15}},
};

static usec_t instant(const char *day, int hour, int minute)
{
    return end_of(day) + (hour * 60 + minute - DAY_MINUTES) * 60 * USEC_PER_SEC;
}

static const struct {
    const char *day;
    int hour, minute;
    bool open;
    const char *opens_day; /* NULL: never again */
    int opens_hour, opens_minute;
} hours[] = {
    {"2026-03-27", 8, 29, false, "2026-03-27", 8, 30}, /* a Friday */
    {"2026-03-27", 8, 30, true, NULL, 0, 0},
    {"2026-03-27", 12, 0, false, "2026-03-27", 13, 0},
    {"2026-03-27", 17, 14, true, NULL, 0, 0},
    {"2026-03-27", 17, 15, false, "2026-03-30", 8, 30},
    {"2026-03-29", 10, 0, false, "2026-03-30", 8, 30},
    /* The flow ends with the 31st, a Tuesday. */
    {"2026-03-30", 20, 0, false, "2026-03-31", 8, 30},
    {"2026-03-31", 17, 15, false, NULL, 0, 0},
};

START_TEST(a_flow_is_refused_outside_its_hours_until_it_opens)
{
    struct flow *flow = (struct flow *)&policy->flows[2];
    usec_t opens = USEC_NEVER;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    ck_assert_str_eq(flow->name, "old");
    ck_assert_str_eq(policy->flows[4].name, "renewed");
    ((struct flow *)policy->flows)[4].enabled = false;
    flow->schedule = &office_hours;
    policy->schedules = &office_hours;
    policy->n_schedules = 1;
    if (hours[_i].opens_day)
        opens = instant(hours[_i].opens_day, hours[_i].opens_hour, hours[_i].opens_minute);

    explanation = ask("printer", "server", "tcp/9100", FAMILY_IPV4,
                      instant(hours[_i].day, hours[_i].hour, hours[_i].minute));
    ck_assert_int_eq(explanation->allowed, hours[_i].open);
    ck_assert_int_eq(explanation->main->reason, hours[_i].open ? REASON_NONE : REASON_SUSPENDED);
    ck_assert_int_eq(explanation->main->state,
                     hours[_i].open ? FLOW_STATE_LIVE : FLOW_STATE_CLOSED);
    ck_assert_int_eq(explanation->opens, opens);
}
END_TEST

static const struct {
    const char *from, *to, *service;
    enum question_problem problem;
} problems[] = {
    {"nobody", "server", "https", QUESTION_FROM_UNKNOWN},
    {"nobody", "nowhere", "nothing", QUESTION_FROM_UNKNOWN},
    {"pc", "nowhere", "https", QUESTION_TO_UNKNOWN},
    {"PC", "server", "https", QUESTION_FROM_UNKNOWN},
    {"10.1.0.0/24", "server", "https", QUESTION_FROM_UNKNOWN},
    {"pc", "server", "nothing", QUESTION_SERVICE_UNKNOWN},
    {"pc", "server", "tcp/65536", QUESTION_SERVICE_INVALID},
    {"printer", "fd00:2::10", "https", QUESTION_NO_FAMILY},
    {"10.1.0.10", "fd00:2::10", "https", QUESTION_NO_FAMILY},
    {"pc", "fd00:2::99", "icmp/timestamp-request", QUESTION_NO_FAMILY},
    {"0.0.0.0", "gateway", "udp/67", QUESTION_ZONE_UNKNOWN},
    {"gateway", "255.255.255.255", "udp/68", QUESTION_ZONE_UNKNOWN},
};

START_TEST(a_wrong_question_says_what_is_wrong)
{
    ck_assert_int_eq(
        question_parse(policy, problems[_i].from, problems[_i].to, problems[_i].service, &question),
        (int)problems[_i].problem);
}
END_TEST

START_TEST(a_host_of_a_typed_address_is_asked_about_in_the_other_family_too)
{
    ck_assert_int_eq(question_parse(policy, "10.1.0.10", "server", "https", &question), 0);
    ck_assert(!question.families[FAMILY_IPV4].implied);
    ck_assert(question.families[FAMILY_IPV6].possible);
    ck_assert(question.families[FAMILY_IPV6].implied);
    ck_assert_str_eq(question.families[FAMILY_IPV4].from.host->name, "pc");
}
END_TEST

START_TEST(an_unprotected_gateway_is_not_judged)
{
    static const char text[] = "segd: 1\n"
                               "zones:\n"
                               "  z: { class: other, interfaces: [i], networks: [10.0.0.0/24] }\n";
    cleanup_(policy_freep) struct policy *bare = NULL;
    cleanup_(diagram_freep) struct diagram *bare_diagram = NULL;
    cleanup_(explanation_freep) struct explanation *explanation = NULL;

    ck_assert_int_eq(parse_policy("bare.yaml", text, strlen(text), sources, diagnostics, &bare), 0);
    ck_assert_int_eq(diagram_new(bare, NULL, diagnostics, &bare_diagram), 0);
    ck_assert_int_eq(question_parse(bare, "z", "gateway", "tcp/22", &question), 0);
    ck_assert_int_eq(explanation_new(bare_diagram, NULL, &question, FAMILY_IPV4, 0, &explanation),
                     0);
    ck_assert(explanation->unjudged);
    ck_assert(explanation->allowed);
    question_clear(&question);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_question_has_the_answer_of_the_flow_that_owns_it, 0,
                        (int)ELEMENTS_OF(verdicts));
    tcase_add_loop_test(tests, a_refusal_names_what_is_nearest, 0, (int)ELEMENTS_OF(nearest));
    tcase_add_test(tests, what_passes_has_nothing_near);
    tcase_add_loop_test(tests, what_operators_changed_is_answered, 0, (int)ELEMENTS_OF(changed));
    tcase_add_test(tests, what_is_near_and_has_expired_does_not_pass);
    tcase_add_test(tests, what_is_near_and_isolated_does_not_pass);
    tcase_add_loop_test(tests, a_suspension_holds_for_a_part_of_what_was_named, 0,
                        (int)ELEMENTS_OF(changed_scopes));
    tcase_add_loop_test(tests, a_flow_is_refused_outside_its_hours_until_it_opens, 0,
                        (int)ELEMENTS_OF(hours));
    tcase_add_loop_test(tests, a_range_of_services_has_as_many_answers_as_it_needs, 0,
                        (int)ELEMENTS_OF(ranges));
    tcase_add_loop_test(tests, an_answer_says_whether_it_holds_for_all_that_was_named, 0,
                        (int)ELEMENTS_OF(scopes));
    tcase_add_loop_test(tests, a_wrong_question_says_what_is_wrong, 0, (int)ELEMENTS_OF(problems));
    tcase_add_test(tests, a_host_of_a_typed_address_is_asked_about_in_the_other_family_too);
    tcase_add_test(tests, an_unprotected_gateway_is_not_judged);
}
