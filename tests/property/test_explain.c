/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What explain and matrix say, against reading the flows: answers must tile the services asked for
 * and name the owner of each; an answer for all that was named must hold for each address of it;
 * and what owns a packet must stand in the cell of its zones.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer/explain.h"
#include "answer/matrix.h"
#include "base/cleanup.h"
#include "checks.h"
#include "tests/property/random_policy.h"

#define POLICIES 300
#define QUESTIONS 40
#define SAMPLES 30
#define PACKETS 300

static const char *random_name(const struct policy *policy, struct random *random)
{
    switch (random_below(random, policy->gateway_protect ? 8 : 7)) {
    case 0:
    case 1:
        return policy->hosts[random_below(random, (unsigned)policy->n_hosts)].name;
    case 2:
    case 3:
    case 4:
        return policy->groups[random_below(random, (unsigned)policy->n_groups)].name;
    case 5:
    case 6:
        return policy->zones[random_below(random, (unsigned)policy->n_zones)].name;
    default:
        return "gateway";
    }
}

static const char *random_service(struct random *random)
{
    static const char *const services[] = {
        "tcp/443",  "tcp/430-450", "tcp/any",     "udp/53",   "udp/40-70", "icmp/echo-request",
        "icmp/any", "any",         "tcp/1-65535", "sctp/any", "esp",       "protocol/89",
    };

    return services[random_below(random, (unsigned)ELEMENTS_OF(services))];
}

static ip_number random_member(const struct range_set *set, struct random *random)
{
    struct range range = set->ranges[random_below(random, (unsigned)set->n_ranges)];
    ip_number n = range.last - range.first;

    return range.first +
           (n < 64 ? random_next(random) % (uint64_t)(n + 1) : (ip_number)random_below(random, 64));
}

static service_number random_within(struct service_span span, struct random *random)
{
    switch (random_below(random, 3)) {
    case 0:
        return span.first;
    case 1:
        return span.last;
    default:
        return span.first + (service_number)(random_next(random) % (span.last - span.first + 1));
    }
}

static struct packet packet_of(const struct explanation *explanation, service_number service)
{
    const struct asked *asked = &explanation->question->families[explanation->family];

    return (struct packet){
        .from = asked->from.zone,
        .to = asked->to.zone,
        .family = explanation->family,
        .source = asked->from.address,
        .destination = asked->to.address,
        .service = service,
    };
}

/* The answers lie in the spans that were asked for, one behind the other, and leave nothing out. */
static void check_tiles(const struct explanation *explanation, int seed)
{
    const struct asked *asked = &explanation->question->families[explanation->family];
    size_t answer = 0;

    for (size_t i = 0; i < asked->n_spans; i++) {
        service_number next = asked->spans[i].first;

        do {
            ck_assert_msg(answer < explanation->n_answers, "seed %d: no answer for all", seed);
            ck_assert_uint_eq(explanation->answers[answer].span.first, next);
            next = explanation->answers[answer++].span.last + 1;
        } while (next <= asked->spans[i].last);
        ck_assert_uint_eq(next, asked->spans[i].last + 1);
    }
    ck_assert_uint_eq(answer, explanation->n_answers);
}

static void check_owners(const struct random_case *c, const struct explanation *explanation,
                         struct random *random, int seed)
{
    for (size_t i = 0; i < explanation->n_answers; i++) {
        for (unsigned j = 0; j < 3; j++) {
            struct packet packet =
                packet_of(explanation, random_within(explanation->answers[i].span, random));

            ck_assert_msg(policy_decide_naively(c->policy, c->states, &packet) ==
                              explanation->answers[i].decision.flow,
                          "seed %d: service %" PRIx32 " has another owner", seed, packet.service);
        }
    }
}

static bool is_live(const struct policy *policy, const struct flow_states *states, uint32_t flow)
{
    return flow != NO_FLOW && flow_states_of(states, &policy->flows[flow], NULL) == FLOW_STATE_LIVE;
}

static void check_whole(const struct random_case *c, const struct explanation *explanation,
                        struct random *random, int seed)
{
    const struct asked *asked = &explanation->question->families[explanation->family];

    for (unsigned i = 0; explanation->whole && i < SAMPLES; i++) {
        const struct answer *answer =
            &explanation->answers[random_below(random, (unsigned)explanation->n_answers)];
        struct packet packet = packet_of(explanation, random_within(answer->span, random));
        bool passes;

        packet.source = random_member(&asked->from.addresses, random);
        packet.destination = random_member(&asked->to.addresses, random);
        passes =
            is_live(c->policy, c->states, policy_decide_naively(c->policy, c->states, &packet));
        ck_assert_msg(passes == (answer->reason == REASON_NONE),
                      "seed %d: `%s` to `%s`, service %" PRIx32 " is answered otherwise", seed,
                      explanation->question->from, explanation->question->to, packet.service);
    }
}

START_TEST(explanations_agree_with_reading_the_flows)
{
    struct random random = random_from_seed((uint64_t)_i + 2000000);
    struct random_case c;

    random_case_make((uint64_t)_i, &c);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        cleanup_(question_clear) struct question question = {0};
        cleanup_(explanation_freep) struct explanation *explanation = NULL;
        enum family family = random_below(&random, FAMILIES);

        if (question_parse(c.policy, random_name(c.policy, &random), random_name(c.policy, &random),
                           random_service(&random), &question) != 0 ||
            !question.families[family].possible)
            continue;

        ck_assert_int_eq(explanation_new(c.diagram, NULL, &question, family, c.now, &explanation),
                         0);
        check_tiles(explanation, _i);
        if (explanation->unjudged)
            continue;
        check_owners(&c, explanation, &random, _i);
        check_whole(&c, explanation, &random, _i);
    }
    random_case_clear(&c);
}
END_TEST

static bool has_flow(const struct matrix_cell *cell, uint32_t flow)
{
    for (size_t i = 0; i < cell->flows.n; i++) {
        if (cell->flows.indices[i] == flow)
            return true;
    }
    return false;
}

START_TEST(what_owns_a_packet_stands_in_the_cell_of_its_zones)
{
    struct random random = random_from_seed((uint64_t)_i + 3000000);
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    struct random_case c;

    random_case_make((uint64_t)_i, &c);
    ck_assert_int_eq(matrix_new(c.policy, NULL, c.now, &matrix), 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet packet = random_packet(c.policy, &random);
        uint32_t flow = policy_decide_naively(c.policy, c.states, &packet);
        size_t from = packet.from == ZONE_GATEWAY ? c.policy->n_zones : packet.from;
        size_t to = packet.to == ZONE_GATEWAY ? c.policy->n_zones : packet.to;

        ck_assert_msg(!is_live(c.policy, c.states, flow) ||
                          has_flow(matrix_cell(matrix, from, to), flow),
                      "seed %d packet %u: flow %" PRIu32 " is not in its cell", _i, i, flow);
    }
    random_case_clear(&c);
}
END_TEST

/* A zone is isolated and a flow suspended: what that is to a packet is told here from its zones and
 * its owner alone. */
START_TEST(what_operators_changed_passes_nowhere)
{
    struct random random = random_from_seed((uint64_t)_i + 4000000);
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    struct override list[] = {{.kind = OVERRIDE_ISOLATION}, {.kind = OVERRIDE_SUSPENSION}};
    const struct overrides overrides = {.overrides = list, .n_overrides = ELEMENTS_OF(list)};
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    size_t zone, suspended;
    struct random_case c;

    random_case_make((uint64_t)_i, &c);
    zone = random_below(&random, (unsigned)c.policy->n_zones);
    suspended = random_below(&random, (unsigned)c.policy->n_flows);
    list[0].name = (char *)c.policy->zones[zone].name;
    list[1].name = (char *)c.policy->flows[suspended].name;

    ck_assert_int_eq(matrix_new(c.policy, &overrides, c.now, &matrix), 0);
    ck_assert_int_eq(flow_states_new(c.policy, &overrides, c.now, &states), 0);
    ck_assert_int_eq(diagram_new(c.policy, states, c.diagnostics, &diagram), 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet packet = random_packet(c.policy, &random);
        uint32_t flow = policy_decide_naively(c.policy, states, &packet);
        size_t from = packet.from == ZONE_GATEWAY ? c.policy->n_zones : packet.from;
        size_t to = packet.to == ZONE_GATEWAY ? c.policy->n_zones : packet.to;
        bool cut = from != to && (from == zone || to == zone);

        ck_assert_uint_eq(diagram_decide(diagram, &packet).flow, flow);
        if (flow != NO_FLOW)
            ck_assert_msg(has_flow(matrix_cell(matrix, from, to), flow) ==
                              (!cut && flow != suspended && is_live(c.policy, states, flow)),
                          "seed %d packet %u: flow %" PRIu32, _i, i, flow);
    }
    random_case_clear(&c);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, explanations_agree_with_reading_the_flows, 0, POLICIES);
    tcase_add_loop_test(tests, what_owns_a_packet_stands_in_the_cell_of_its_zones, 0, POLICIES);
    tcase_add_loop_test(tests, what_operators_changed_passes_nowhere, 0, POLICIES);
}
