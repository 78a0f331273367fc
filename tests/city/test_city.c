/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The sample city: that it is valid, shows the whole language, expects what matters, and keeps
 * apart what its kind of organisation must keep apart. What packets do is the rehearsal's affair.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "chains.h"
#include "checks.h"
#include "diagram/diagram.h"
#include "keys.h"
#include "policy/policy.h"

#define REFERENCE_FLOWS 40

static struct sources *sources;
static struct diagnostics *diagnostics;
static struct policy *policy;

static void set_up(void)
{
    const char *sample = getenv("SAMPLE");
    int r;

    ck_assert_msg(sample, "SAMPLE names no folder: run it by today.sh");
    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    r = policy_read(sample, sources, diagnostics, &policy);
    if (r < 0)
        diagnostics_print(diagnostics, sources, stdout, false);
    ck_assert_int_eq(r, 0);
}

static void tear_down(void)
{
    policy = policy_free(policy);
    diagnostics = diagnostics_free(diagnostics);
    sources = sources_free(sources);
}

static const struct zone *find_zone(const char *name)
{
    for (size_t i = 0; i < policy->n_zones; i++)
        if (strcmp(policy->zones[i].name, name) == 0)
            return &policy->zones[i];
    ck_abort_msg("the sample has no zone %s", name);
    return NULL;
}

static bool has_class(size_t zone, enum zone_class class)
{
    return zone != ZONE_GATEWAY && policy->zones[zone].class == class;
}

/* Until the rule packs are there, the sample's `rules` are a warning. */
static void assert_no_diagnostics(void)
{
    const struct diagnostic *list;
    size_t n = diagnostics_list(diagnostics, &list), unexpected = 0;

    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].code, "rules-not-checked") != 0)
            unexpected++;
    if (unexpected > 0)
        diagnostics_print(diagnostics, sources, stdout, false);
    ck_assert_uint_eq(unexpected, 0);
}

START_TEST(the_sample_is_valid_without_a_warning)
{
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    int r;

    r = diagram_new(policy, NULL, diagnostics, &diagram);
    assert_no_diagnostics();
    ck_assert_int_eq(r, 0);
}
END_TEST

START_TEST(every_key_of_the_language_is_used)
{
    keys_assert_all_used(sources);
}
END_TEST

START_TEST(every_flow_of_the_reference_city_is_there)
{
    char mark[32];
    bool found = false;

    snprintf(mark, sizeof(mark), "\n  # %d", _i);
    for (size_t i = 0; i < sources_count(sources); i++) {
        size_t size;
        const char *text = sources_text(sources, (uint32_t)i, &size);

        for (const char *at = text; (at = strstr(at, mark)); at++)
            found = found || at[strlen(mark)] == '\n' || at[strlen(mark)] == ',';
    }
    ck_assert_msg(found, "flow %d is not in the sample", _i);
}
END_TEST

START_TEST(only_the_flow_of_another_model_is_disabled)
{
    ck_assert_int_eq(policy->model, MODEL_ALPHA);
    for (size_t i = 0; i < policy->n_flows; i++)
        ck_assert_int_eq(policy->flows[i].enabled,
                         strcmp(policy->flows[i].name, "lgwan-to-named-cloud") != 0);
}
END_TEST

/* The 31 March by which the first flow ends. */
static struct date fiscal_year_end(void)
{
    struct date first = {9999, 12, 31};

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];

        if (flow->has_expires && date_compare(flow->expires_date, first) < 0)
            first = flow->expires_date;
    }
    return (struct date){first.year + (first.month > 3), 3, 31};
}

START_TEST(each_flow_has_a_purpose_an_approval_and_an_end)
{
    const struct date fiscal_year_ends = fiscal_year_end();

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        const struct approval *approval = &flow->approval;

        if (flow->implicit)
            continue;
        ck_assert_msg(strcmp(flow->label, flow->name) != 0, "%s has no label", flow->name);
        ck_assert_msg(flow->purpose, "%s has no purpose", flow->name);
        ck_assert_msg(flow->has_approval && approval->number && approval->has_date,
                      "%s has no approval", flow->name);
        ck_assert_msg(approval->requester && approval->approver &&
                          strcmp(approval->requester, approval->approver) != 0,
                      "%s is approved by who asked for it", flow->name);
        ck_assert_msg(flow->has_expires && date_compare(flow->expires_date, fiscal_year_ends) <= 0,
                      "%s outlives the fiscal year", flow->name);
        ck_assert_msg(flow->has_reviewed, "%s was never reviewed", flow->name);
    }
}
END_TEST

START_TEST(approval_numbers_are_unique)
{
    for (size_t i = 0; i < policy->n_flows; i++)
        for (size_t j = i + 1; j < policy->n_flows; j++) {
            const char *a = policy->flows[i].approval.number, *b = policy->flows[j].approval.number;

            ck_assert_msg(!a || !b || strcmp(a, b) != 0, "%s and %s are both %s",
                          policy->flows[i].name, policy->flows[j].name, a);
        }
}
END_TEST

static void assert_single_hosts(const struct flow *flow, const struct end_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct host *host;
        enum zone_class class;

        ck_assert_msg(names[i].kind == END_HOST, "%s: %zu. name is no host", flow->name, i + 1);
        host = &policy->hosts[names[i].index];
        class = policy->zones[host->zone].class;
        /* Behind a line of its own, the gateway sees the line's router and not the host. */
        if (strcmp(policy->zones[host->zone].name, "govcloud") != 0 && class != ZONE_CLASS_EXTERNAL)
            ck_assert_msg(host->n_macs > 0, "%s: %s has no mac", flow->name, host->name);
    }
}

START_TEST(flows_of_mynumber_are_limited_by_host_port_and_mac)
{
    unsigned n = 0;

    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow *flow = &policy->flows[i];
        bool bound = false;

        for (size_t j = 0; j < flow->n_from; j++)
            bound = bound || has_class(flow->from[j].zone, ZONE_CLASS_MYNUMBER);
        for (size_t j = 0; j < flow->n_to; j++)
            bound = bound || has_class(flow->to[j].zone, ZONE_CLASS_MYNUMBER);
        if (!bound)
            continue;
        n++;
        assert_single_hosts(flow, flow->from_names, flow->n_from_names);
        assert_single_hosts(flow, flow->to_names, flow->n_to_names);
        for (size_t j = 0; j < flow->n_services; j++) {
            const struct service *service = &policy->services[flow->services[j]];

            for (size_t k = 0; k < service->n_ranges; k++)
                ck_assert(service->ranges[k].port_first == service->ranges[k].port_last);
        }
    }
    ck_assert_uint_ge(n, 12);
}
END_TEST

START_TEST(no_chain_of_flows_joins_mynumber_and_the_internet)
{
    struct chains chains;

    chains_follow(policy, ZONE_CLASS_MYNUMBER, CHAIN_EITHER_WAY, &chains);
    /* It does follow flows: those over LGWAN, and one to a server in lgwan. */
    ck_assert(address_set_overlaps(&chains.reached, &find_zone("lgwan_ext")->addresses));
    ck_assert(address_set_overlaps(&chains.reached, &find_zone("lgwan")->addresses));
    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone *zone = &policy->zones[i];

        if (zone->class == ZONE_CLASS_INTERNET || zone->class == ZONE_CLASS_EDUCATION ||
            zone->class == ZONE_CLASS_SANITIZER)
            chains_assert_not_reached(&chains, policy, zone);
    }
    chains_assert_not_reached(&chains, policy, find_zone("sc_ext"));
    chains_assert_not_reached(&chains, policy, find_zone("hospital"));
    ck_assert(!chains.gateway);
    chains_clear(&chains);
}
END_TEST

static bool leads(const struct flow *flow, enum zone_class from, enum zone_class to)
{
    bool starts = false, ends = false;

    for (size_t i = 0; i < flow->n_from; i++)
        starts = starts || has_class(flow->from[i].zone, from);
    for (size_t i = 0; i < flow->n_to; i++)
        ends = ends || has_class(flow->to[i].zone, to);
    return starts && ends;
}

START_TEST(from_the_internet_lgwan_is_reached_by_sanitized_mail_only)
{
    static const enum zone_class sides[] = {ZONE_CLASS_INTERNET, ZONE_CLASS_EDUCATION};
    const struct zone *lgwan = find_zone("lgwan");
    struct address_set mta = {0};
    struct chains chains;
    enum family family;
    ip_number address;
    size_t zone;

    for (unsigned i = 0; i < FAMILIES; i++) {
        family = (enum family)i;
        ck_assert_int_eq(policy_find_end(policy, "lgwan-mta", family, &zone, &address), 0);
        ck_assert_int_eq(range_set_add(&mta.by_family[family], (struct range){address, address}),
                         0);
    }

    chains_follow(policy, sides[_i], CHAIN_AS_INITIATED, &chains);
    /* Of the zone nothing is reached but the relay. */
    for (unsigned i = 0; i < FAMILIES; i++) {
        struct range_set *reached = &chains.reached.by_family[i];

        ck_assert_int_eq(range_set_subtract(reached, &mta.by_family[i]), 0);
        ck_assert(!range_set_overlaps(reached, &lgwan->addresses.by_family[i]));
        range_set_clear(&mta.by_family[i]);
    }
    /* And what reaches it does not come straight from there. */
    for (size_t i = 0; i < policy->n_flows; i++)
        ck_assert_msg(!leads(&policy->flows[i], sides[_i], ZONE_CLASS_LGWAN),
                      "%s goes around the sanitizers", policy->flows[i].name);
    chains_clear(&chains);
}
END_TEST

/* The proof by hand of what `check` and `rehearse` say about the same lines. */
START_TEST(expectations_hold)
{
    cleanup_(diagram_freep) struct diagram *diagram = NULL;

    ck_assert_int_eq(diagram_new(policy, NULL, diagnostics, &diagram), 0);
    for (size_t i = 0; i < policy->n_expectations; i++) {
        const struct expectation *e = &policy->expectations[i];
        const struct packet packet = {
            .from = e->from_zone,
            .to = e->to_zone,
            .family = e->family,
            .source = e->from,
            .destination = e->to,
            .service = SERVICE_NUMBER(e->protocol, e->port),
        };
        uint32_t flow = policy_decide_naively(policy, NULL, &packet);

        ck_assert_msg((flow != NO_FLOW) == e->allow, "line %u: %s → %s %s is not as expected",
                      e->location.line, e->from_text, e->to_text, e->service_text);
        ck_assert_uint_eq(diagram_decide(diagram, &packet).flow, flow);
    }
}
END_TEST

START_TEST(both_verdicts_are_expected_in_both_families)
{
    unsigned n[FAMILIES][2] = {0};

    for (size_t i = 0; i < policy->n_expectations; i++)
        n[policy->expectations[i].family][policy->expectations[i].allow]++;
    ck_assert_uint_ge(policy->n_expectations, 30);
    for (unsigned i = 0; i < FAMILIES; i++) {
        ck_assert_uint_ge(n[i][false], 8);
        ck_assert_uint_ge(n[i][true], 8);
    }
}
END_TEST

static bool is_expected_denied(enum family family, enum zone_class from, enum zone_class to)
{
    for (size_t i = 0; i < policy->n_expectations; i++) {
        const struct expectation *e = &policy->expectations[i];

        if (!e->allow && e->family == family && has_class(e->from_zone, from) &&
            has_class(e->to_zone, to))
            return true;
    }
    return false;
}

START_TEST(the_classic_refusals_are_expected)
{
    static const struct {
        enum zone_class from, to;
    } refusals[] = {
        {ZONE_CLASS_MYNUMBER, ZONE_CLASS_EXTERNAL},  {ZONE_CLASS_MYNUMBER, ZONE_CLASS_INTERNET},
        {ZONE_CLASS_INTERNET, ZONE_CLASS_MYNUMBER},  {ZONE_CLASS_INTERNET, ZONE_CLASS_LGWAN},
        {ZONE_CLASS_EDUCATION, ZONE_CLASS_MYNUMBER},
    };

    for (size_t i = 0; i < ELEMENTS_OF(refusals); i++)
        ck_assert_msg(is_expected_denied((enum family)_i, refusals[i].from, refusals[i].to),
                      "nothing expects that %s → %s is refused",
                      zone_class_to_string(refusals[i].from), zone_class_to_string(refusals[i].to));
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_sample_is_valid_without_a_warning);
    tcase_add_test(tests, every_key_of_the_language_is_used);
    tcase_add_loop_test(tests, every_flow_of_the_reference_city_is_there, 1, REFERENCE_FLOWS + 1);
    tcase_add_test(tests, only_the_flow_of_another_model_is_disabled);
    tcase_add_test(tests, each_flow_has_a_purpose_an_approval_and_an_end);
    tcase_add_test(tests, approval_numbers_are_unique);
    tcase_add_test(tests, flows_of_mynumber_are_limited_by_host_port_and_mac);
    tcase_add_test(tests, no_chain_of_flows_joins_mynumber_and_the_internet);
    tcase_add_loop_test(tests, from_the_internet_lgwan_is_reached_by_sanitized_mail_only, 0, 2);
    tcase_add_test(tests, expectations_hold);
    tcase_add_test(tests, both_verdicts_are_expected_in_both_families);
    tcase_add_loop_test(tests, the_classic_refusals_are_expected, 0, FAMILIES);
}
