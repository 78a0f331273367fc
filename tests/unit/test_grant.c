/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A grant is a text that says what was wished, and nothing else: lib/policy/grant.c. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "diagram/diagram.h"
#include "policy/overrides.h"
#include "policy/texts.h"
#include "tests/reading.h"

#define FLOWS                                                                                      \
    "flows:\n"                                                                                     \
    "  surf: { from: pc, to: world, services: [https] }\n"

static const char policy_text[] = ZONES HOSTS FLOWS;

/* The policy without the grant, and with it. */
static struct reading before, with;
static char *text;

static void set_up(void)
{
    read_valid(&before, policy_text);
}

static void tear_down(void)
{
    free(text);
    text = NULL;
    reading_clear(&with);
    reading_clear(&before);
}

#define END INT64_C(1800000000000000)

/* Parses the policy with the grant after it. */
static int parse(void)
{
    const struct policy_text texts[] = {
        {.name = "policy.yaml", .text = policy_text, .size = strlen(policy_text)},
        {.name = "grant grant-1", .text = text, .size = strlen(text), .expires = END},
    };

    ck_assert_int_eq(sources_new(&with.sources), 0);
    ck_assert_int_eq(diagnostics_new(&with.diagnostics), 0);
    return policy_parse_texts(texts, ELEMENTS_OF(texts), with.sources, with.diagnostics,
                              &with.policy);
}

static int write_wish(const char *from, const char *to, const char *service, const char *reason)
{
    const struct grant_wish wish = {
        .name = "grant-1",
        .from = &from,
        .n_from = 1,
        .to = &to,
        .n_to = 1,
        .services = &service,
        .n_services = 1,
        .reason = reason,
    };

    return grant_write(before.policy, &wish, &text);
}

static const struct {
    const char *from, *to;
    /* How the ends are named, and what they mean in IPv4. */
    const char *from_name, *to_name;
    const char *from_range, *to_range;
} ends[] = {
    {"pc", "web", "pc", "web", "10.1.0.5", "10.2.0.5"},
    {"offices", "server", "offices", "server", "10.1.0.0/16", "10.2.0.0/16"},
    {"10.1.0.6", "10.2.0.5", "printer", "web", "10.1.0.6", "10.2.0.5"},
    /* A host with more addresses than the one that was typed. */
    {"10.1.0.5", "web", "grant-1-from-1", "web", "10.1.0.5", "10.2.0.5"},
    {"10.1.7.7", "198.51.100.9", "grant-1-from-1", "grant-1-to-1", "10.1.7.7", "198.51.100.9"},
    {"10.1.7.0/24", "10.2.0.5-10.2.0.9", "grant-1-from-1", "grant-1-to-1", "10.1.7.0/24",
     "10.2.0.5-10.2.0.9"},
};

static void assert_range(const struct flow_end *end, const char *range_text)
{
    char buffer[ADDRESS_TEXT_MAX];

    ck_assert_uint_eq(end->addresses.by_family[FAMILY_IPV4].n_ranges, 1);
    ck_assert_str_eq(
        range_format(FAMILY_IPV4, end->addresses.by_family[FAMILY_IPV4].ranges[0], buffer),
        range_text);
}

START_TEST(a_grant_allows_what_was_wished)
{
    const struct flow *flow;

    ck_assert_int_eq(write_wish(ends[_i].from, ends[_i].to, "tcp/8443", "税端末の交換"), 0);
    ck_assert_int_eq(parse(), 0);

    ck_assert_uint_eq(with.policy->n_flows, before.policy->n_flows + 1);
    flow = &with.policy->flows[with.policy->n_flows - 1];
    ck_assert_str_eq(flow->name, "grant-1");
    ck_assert_str_eq(flow->label, "temporary grant");
    ck_assert_str_eq(flow->purpose, "税端末の交換");
    ck_assert(flow->log_new);
    ck_assert(flow->enabled);
    ck_assert_int_eq(flow->expires, END);
    ck_assert(!flow->has_expires);
    ck_assert_uint_eq(flow->n_from_names, 1);
    ck_assert_str_eq(policy_end_name(with.policy, flow->from_names), ends[_i].from_name);
    ck_assert_str_eq(policy_end_name(with.policy, flow->to_names), ends[_i].to_name);
    assert_range(flow->from, ends[_i].from_range);
    assert_range(flow->to, ends[_i].to_range);
    ck_assert_str_eq(with.policy->services[flow->services[0]].name, "tcp/8443");
}
END_TEST

START_TEST(a_grant_may_lead_to_the_gateway)
{
    ck_assert_int_eq(write_wish("pc", "gateway", "tcp/22", NULL), 0);
    ck_assert_int_eq(parse(), 0);
    ck_assert_uint_eq(find_flow(with.policy, "grant-1")->to->zone, ZONE_GATEWAY);
    ck_assert_ptr_null(find_flow(with.policy, "grant-1")->purpose);
}
END_TEST

START_TEST(addresses_of_one_zone_are_one_group)
{
    const char *const from[] = {"10.2.9.1", "10.1.7.7", "pc", "10.1.7.8", "fd00:1::77"};
    const char *const to[] = {"198.51.100.9", "gateway"};
    const char *const services[] = {"https", "icmp/echo-request"};
    const struct grant_wish wish = {
        .name = "grant-1",
        .from = from,
        .n_from = ELEMENTS_OF(from),
        .to = to,
        .n_to = ELEMENTS_OF(to),
        .services = services,
        .n_services = ELEMENTS_OF(services),
        .reason = "r",
    };
    const struct flow *flow;

    ck_assert_int_eq(grant_write(before.policy, &wish, &text), 0);
    ck_assert_int_eq(parse(), 0);
    flow = find_flow(with.policy, "grant-1");
    ck_assert_uint_eq(with.policy->n_groups, before.policy->n_groups + 3);
    ck_assert_ptr_nonnull(strstr(text, "\"grant-1-from-2\""));
    ck_assert_ptr_null(strstr(text, "\"grant-1-from-3\""));
    ck_assert_uint_eq(flow->n_from_names, 3);
    ck_assert_uint_eq(flow->n_from, 2);
    ck_assert_uint_eq(flow->n_to, 2);
    ck_assert_uint_eq(flow->n_services, 2);
    /* The host and two addresses beside it. */
    ck_assert_uint_eq((size_t)range_set_size(&flow->from[0].addresses.by_family[FAMILY_IPV4]), 3);
    ck_assert_uint_eq((size_t)range_set_size(&flow->from[0].addresses.by_family[FAMILY_IPV6]), 2);
}
END_TEST

START_TEST(a_group_takes_no_name_of_the_policy)
{
    static const char taken[] = ZONES "hosts:\n"
                                      "  Grant-1-From-1: { zone: office, address: 10.1.0.5 }\n"
                                      "groups:\n"
                                      "  grant-1-from-2: { zone: office, members: [10.1.0.9] }\n";
    const char *from = "10.1.7.7", *to = "world", *service = "tcp/80";
    const struct grant_wish wish = {"grant-1", &from, 1, &to, 1, &service, 1, "r"};

    reading_clear(&before);
    read_valid(&before, taken);
    ck_assert_int_eq(grant_write(before.policy, &wish, &text), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"grant-1-from-3\":"));
}
END_TEST

START_TEST(an_address_of_no_zone_cannot_be_granted)
{
    static const char lone[] = "segd: 1\n"
                               "zones:\n"
                               "  z: { class: other, interfaces: [i], networks: [10.0.0.0/24] }\n";
    const char *from = "z", *to = "192.0.2.1", *service = "tcp/80";
    const struct grant_wish wish = {"grant-1", &from, 1, &to, 1, &service, 1, "r"};

    reading_clear(&before);
    read_valid(&before, lone);
    ck_assert_int_eq(grant_write(before.policy, &wish, &text), -ENOENT);
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(an_empty_list_is_no_grant)
{
    const char *one = "pc";
    const struct grant_wish wishes[] = {
        {"grant-1", NULL, 0, &one, 1, &one, 1, "r"},
        {"grant-1", &one, 1, NULL, 0, &one, 1, "r"},
        {"grant-1", &one, 1, &one, 1, NULL, 0, "r"},
    };

    ck_assert_int_eq(grant_write(before.policy, &wishes[_i], &text), -EINVAL);
    ck_assert_ptr_null(text);
}
END_TEST

static const struct {
    const char *from, *to, *service;
    const char *code; /* NULL: nothing is said */
} covered[] = {
    {"pc", "world", "https", "shadowed"},     {"10.1.0.5", "198.51.100.9", "tcp/443", "shadowed"},
    {"offices", "world", "https", "overlap"}, {"pc", "world", "tcp/80", NULL},
    {"printer", "world", "https", NULL},
};

/* What the policy approves already belongs to the policy's flow, and that one is named. */
START_TEST(a_grant_of_what_is_approved_is_shadowed)
{
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    const struct diagnostic *list;
    bool shadowed = covered[_i].code && strcmp(covered[_i].code, "shadowed") == 0;

    ck_assert_int_eq(write_wish(covered[_i].from, covered[_i].to, covered[_i].service, "r"), 0);
    ck_assert_int_eq(parse(), 0);
    ck_assert_int_eq(diagram_new(with.policy, NULL, with.diagnostics, &diagram),
                     shadowed ? -EBADMSG : 0);
    ck_assert_uint_eq(diagnostics_list(with.diagnostics, &list), covered[_i].code ? 1 : 0);
    if (!covered[_i].code)
        return;
    ck_assert_str_eq(list[0].code, covered[_i].code);
    ck_assert_str_eq(sources_name(with.sources, list[0].location.source), "grant grant-1");
    ck_assert_str_eq(sources_name(with.sources, list[0].related.source), "policy.yaml");
}
END_TEST

/* Texts that try to be more than a text: what of it is refused, or NULL where it is only odd. */
static const struct {
    const char *reason;
    const char *code;
} reasons[] = {
    {"plain", NULL},
    {"\"", NULL},
    {"\\", NULL},
    {"\\\"", NULL},
    {"\"\\x0a\"", NULL},
    {"\\n", NULL},
    {"x\" }", NULL},
    {"a: { from: world, to: office, services: any }", NULL},
    {"# no comment", NULL},
    {"&a *a !tag %d @ ` | > - ? : , [ ] { }", NULL},
    {"---", NULL},
    {"...", NULL},
    {"'", NULL},
    {" ", NULL},
    {"~", NULL},
    {"１０．０．０．１", NULL},
    {"税端末「交換」🖨", NULL},
    {"\xe2\x80\xa6 \xc2\xa0 \xe3\x80\x80", NULL},
    {"", "empty-value"},
    {"x\nflows:\n  evil: { from: world, to: office, services: any }", "control-character"},
    {"x\"\nflows:\n  \"evil\":\n    from: world", "control-character"},
    {"\n---\nsegd: 1", "control-character"},
    {"a\r\nb", "control-character"},
    {"a\rb", "control-character"},
    {"a\tb", "control-character"},
    {"a\x01", "control-character"},
    {"\x1b[31mred", "control-character"},
    {"\x7f", "control-character"},
    {"\xc2\x85", "control-character"},     /* next line */
    {"\xe2\x80\xa8", "control-character"}, /* line separator */
    {"\xe2\x80\xa9", "control-character"},
    {"\xef\xbb\xbf", "control-character"}, /* byte order mark */
    {"\xe2\x80\xae"
     "drow",
     "control-character"}, /* right to left */
    {"\xff", "invalid-utf8"},
    {"\xc0\xaf", "invalid-utf8"},     /* overlong */
    {"\xed\xa0\x80", "invalid-utf8"}, /* surrogate */
    {"\xe7\xa8", "invalid-utf8"},     /* cut off */
    {"\xc3\"", "invalid-utf8"},       /* half a character that would eat the quote */
};

/* One text, and the flows of the policy are what they were. */
static void assert_no_more_flows(void)
{
    ck_assert_uint_eq(with.policy->n_flows, before.policy->n_flows + 1);
    ck_assert_uint_eq(with.policy->n_zones, before.policy->n_zones);
    ck_assert_str_eq(with.policy->flows[with.policy->n_flows - 1].name, "grant-1");
}

START_TEST(a_reason_is_a_text_and_nothing_else)
{
    ck_assert_int_eq(write_wish("pc", "web", "https", reasons[_i].reason), 0);
    if (reasons[_i].code) {
        ck_assert_int_eq(parse(), -EBADMSG);
        ck_assert_msg(has_diagnostic(with.diagnostics, reasons[_i].code), "`%s` is not %s",
                      reasons[_i].reason, reasons[_i].code);
        ck_assert_uint_eq(diagnostics_count(with.diagnostics, SEVERITY_ERROR), 1);
        return;
    }
    ck_assert_int_eq(parse(), 0);
    assert_no_more_flows();
    ck_assert_str_eq(find_flow(with.policy, "grant-1")->purpose, reasons[_i].reason);
}
END_TEST

/* The same texts as an end or a service are names that nobody has. */
START_TEST(an_end_and_a_service_are_texts_and_nothing_else)
{
    const char *const wishes[][3] = {
        {reasons[_i].reason, "web", "https"},
        {"pc", reasons[_i].reason, "https"},
        {"pc", "web", reasons[_i].reason},
    };

    for (size_t i = 0; i < ELEMENTS_OF(wishes); i++) {
        ck_assert_int_eq(write_wish(wishes[i][0], wishes[i][1], wishes[i][2], "r"), 0);
        ck_assert_int_eq(parse(), -EBADMSG);
        ck_assert_uint_eq(diagnostics_count(with.diagnostics, SEVERITY_ERROR), 1);
        free(text);
        text = NULL;
        reading_clear(&with);
    }
}
END_TEST

/* What was typed with a Japanese input method on. */
static const struct {
    const char *from, *service;
    const char *code;
} typed[] = {
    {"１０.1.0.5", "https", "full-width"}, {"10．1．0．5", "https", "full-width"},
    {"ｐｃ", "https", "full-width"},       {"pc", "tcp/４４３", "full-width"},
    {"pc", "tcp／443", "full-width"},      {"pd", "https", "unknown-name"},
    {"pc", "htps", "unknown-service"},     {"10.1.0.5/16", "https", "unknown-name"},
};

START_TEST(a_mistyped_wish_is_told_as_in_a_policy)
{
    const struct diagnostic *list;

    ck_assert_int_eq(write_wish(typed[_i].from, "web", typed[_i].service, "r"), 0);
    ck_assert_int_eq(parse(), -EBADMSG);
    ck_assert_uint_eq(diagnostics_list(with.diagnostics, &list), 1);
    ck_assert_str_eq(list[0].code, typed[_i].code);
    ck_assert_str_eq(sources_name(with.sources, list[0].location.source), "grant grant-1");
}
END_TEST

/* A name is written by the daemon, but nothing depends on that. */
START_TEST(a_name_cannot_be_more_than_a_name)
{
    const char *from = "10.1.7.7", *to = "web", *service = "https";
    const struct grant_wish wish = {
        "x\": { from: world }\n  evil", &from, 1, &to, 1, &service, 1, "r"};

    ck_assert_int_eq(grant_write(before.policy, &wish, &text), 0);
    ck_assert_int_eq(parse(), -EBADMSG);
}
END_TEST

#define MANY 10000

static const char **many_addresses(char (*texts)[ADDRESS_TEXT_MAX], const char **list)
{
    for (unsigned i = 0; i < MANY; i++) {
        address_format(FAMILY_IPV4, (ip_number)0x0a010000 + 2 * i, texts[i]);
        list[i] = texts[i];
    }
    return list;
}

START_TEST(ten_thousand_addresses_are_one_grant)
{
    cleanup_(freep) char(*texts)[ADDRESS_TEXT_MAX] = calloc(MANY, sizeof(*texts));
    cleanup_(freep) const char **from = calloc(MANY, sizeof(*from));
    const char *to = "web", *service = "tcp/80";
    const struct grant_wish wish = {
        .name = "grant-1",
        .from = many_addresses(texts, from),
        .n_from = MANY,
        .to = &to,
        .n_to = 1,
        .services = &service,
        .n_services = 1,
        .reason = "r",
    };

    ck_assert_int_eq(grant_write(before.policy, &wish, &text), 0);
    ck_assert_int_eq(parse(), 0);
    assert_no_more_flows();
    ck_assert_uint_eq(
        find_flow(with.policy, "grant-1")->from->addresses.by_family[FAMILY_IPV4].n_ranges, MANY);
}
END_TEST

START_TEST(more_services_than_a_flow_may_have_are_refused)
{
    cleanup_(freep) char(*texts)[SERVICE_TEXT_MAX] = calloc(MANY, sizeof(*texts));
    cleanup_(freep) const char **services = calloc(MANY, sizeof(*services));
    const char *from = "pc", *to = "web";
    const struct grant_wish wish = {
        .name = "grant-1",
        .from = &from,
        .n_from = 1,
        .to = &to,
        .n_to = 1,
        .services = services,
        .n_services = MANY,
        .reason = "r",
    };

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "tcp/%u", i + 1);
        services[i] = texts[i];
    }
    ck_assert_int_eq(grant_write(before.policy, &wish, &text), 0);
    ck_assert_int_eq(parse(), -EBADMSG);
    ck_assert(has_diagnostic(with.diagnostics, "too-long"));
}
END_TEST

static void add_writing_tests(TCase *tests)
{
    tcase_add_loop_test(tests, a_grant_allows_what_was_wished, 0, (int)ELEMENTS_OF(ends));
    tcase_add_test(tests, a_grant_may_lead_to_the_gateway);
    tcase_add_test(tests, addresses_of_one_zone_are_one_group);
    tcase_add_test(tests, a_group_takes_no_name_of_the_policy);
    tcase_add_test(tests, an_address_of_no_zone_cannot_be_granted);
    tcase_add_loop_test(tests, an_empty_list_is_no_grant, 0, 3);
    tcase_add_loop_test(tests, a_grant_of_what_is_approved_is_shadowed, 0,
                        (int)ELEMENTS_OF(covered));
}

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_writing_tests(tests);
    tcase_add_loop_test(tests, a_reason_is_a_text_and_nothing_else, 0, (int)ELEMENTS_OF(reasons));
    tcase_add_loop_test(tests, an_end_and_a_service_are_texts_and_nothing_else, 0,
                        (int)ELEMENTS_OF(reasons));
    tcase_add_loop_test(tests, a_mistyped_wish_is_told_as_in_a_policy, 0, (int)ELEMENTS_OF(typed));
    tcase_add_test(tests, a_name_cannot_be_more_than_a_name);
    tcase_add_test(tests, ten_thousand_addresses_are_one_grant);
    tcase_add_test(tests, more_services_than_a_flow_may_have_are_refused);
}
