/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two oracles of the four: reading a policy's flows in order, and its diagram, must agree about
 * every packet. And what the diagram calls shadowed must own none at any time of its life, what it
 * does not must at some time.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "tests/parse_policy.h"
#include "tests/property/random_policy.h"

#define POLICIES 400
#define PACKETS 800

START_TEST(diagram_agrees_with_reading_the_flows)
{
    struct random random = random_from_seed((uint64_t)_i + 1000000);
    struct random_case c;

    random_case_make((uint64_t)_i, &c);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet packet = random_packet(c.policy, &random);
        uint32_t naive = policy_decide_naively(c.policy, c.states, &packet);
        uint32_t decided = diagram_decide(c.diagram, &packet).flow;

        ck_assert_msg(naive == decided,
                      "seed %d packet %u: the flows say %" PRIu32 ", the diagram %" PRIu32, _i, i,
                      naive, decided);
    }
    random_case_clear(&c);
}
END_TEST

/* Services at which the answer may change: the borders of all of them. */
static size_t collect_services(const struct policy *policy, enum family family,
                               service_number points[], size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < policy->n_services; i++) {
        for (size_t j = 0; j < policy->services[i].n_ranges; j++) {
            const struct service_range *range = &policy->services[i].ranges[j];

            if (!range->families[family] || n + 2 > room)
                continue;
            points[n++] = SERVICE_NUMBER(range->protocol_first, range->port_first);
            if (SERVICE_NUMBER(range->protocol_last, range->port_last) < SERVICE_LAST)
                points[n++] = SERVICE_NUMBER(range->protocol_last, range->port_last) + 1;
        }
    }
    return n;
}

/* Sets of flows as bits. */
typedef uint64_t flows;
_Static_assert(RANDOM_FLOWS_MAX + 8 <= 64, "a bit for each flow");

/* Each set of flows that are live at one time. */
struct lives {
    flows sets[32];
    size_t n;
};

/* Of each set of live flows the first in file order that covers the packet owns it. */
static void mark_owners(const struct policy *policy, const struct lives *lives,
                        const struct packet *packet, flows *owners)
{
    flows covering = 0;

    for (uint32_t i = 0; i < policy->n_flows; i++) {
        if (policy->flows[i].enabled && policy_flow_covers(policy, &policy->flows[i], packet))
            covering |= (flows)1 << i;
    }
    for (size_t i = 0; i < lives->n; i++) {
        flows candidates = covering & lives->sets[i];

        *owners |= candidates & -candidates;
    }
}

/* Every packet between two small zones, as far as the flows can tell packets apart. */
static void mark_pair(const struct policy *policy, const struct lives *lives, size_t from,
                      size_t to, enum family family, flows *owners)
{
    service_number points[256];
    size_t n_points = collect_services(policy, family, points, ELEMENTS_OF(points));
    const struct range_set *a = &policy->zones[from].addresses.by_family[family];
    const struct range_set *b = &policy->zones[to].addresses.by_family[family];
    struct packet packet = {.from = from, .to = to, .family = family};

    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 16; j++) {
            for (size_t k = 0; k < n_points; k++) {
                packet.source = a->ranges[0].first + i;
                packet.destination = b->ranges[0].first + j;
                packet.service = points[k];
                mark_owners(policy, lives, &packet, owners);
            }
        }
    }
}

static void add_life(const struct policy *policy, usec_t now, struct lives *lives)
{
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    flows live = 0;

    ck_assert_int_eq(flow_states_new(policy, NULL, now, &states), 0);
    for (size_t i = 0; i < policy->n_flows; i++) {
        if (flow_states_of(states, &policy->flows[i], NULL) == FLOW_STATE_LIVE)
            live |= (flows)1 << i;
    }
    for (size_t i = 0; i < lives->n; i++) {
        if (lives->sets[i] == live)
            return;
    }
    ck_assert_uint_lt(lives->n, ELEMENTS_OF(lives->sets));
    lives->sets[lives->n++] = live;
}

/* In the week before the flows of a day end, and in one after all have. */
static void find_lives(const struct policy *policy, struct lives *lives)
{
    const usec_t minute = 60 * USEC_PER_SEC;

    for (size_t i = 0; i <= ELEMENTS_OF(random_expiries); i++) {
        const char *day = i < ELEMENTS_OF(random_expiries) ? random_expiries[i] : "2027-06-30";
        struct date date;
        usec_t end;

        ck_assert_int_eq(date_parse(day, &date), 0);
        ck_assert_int_eq(date_end(date, "UTC", &end), 0);
        for (usec_t now = end - WEEK_MINUTES * minute + minute; now < end; now += 30 * minute)
            add_life(policy, now, lives);
    }
}

static bool flow_is_small(const struct policy *policy, const struct flow *flow)
{
    for (size_t i = 0; i < flow->n_from + flow->n_to; i++) {
        size_t zone = i < flow->n_from ? flow->from[i].zone : flow->to[i - flow->n_from].zone;

        if (zone == ZONE_GATEWAY || strcmp(policy->zones[zone].name, "rest") == 0)
            return false;
    }
    return true;
}

START_TEST(flows_are_shadowed_exactly_when_they_own_nothing)
{
    bool none[RANDOM_FLOWS_MAX] = {0};
    struct lives lives = {0};
    flows owners = 0;
    cleanup_(freep) char *text = random_policy_text((uint64_t)_i, none);
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    cleanup_(policy_freep) struct policy *whole = NULL;
    struct random_case c;

    random_case_make((uint64_t)_i, &c);
    ck_assert_int_eq(sources_new(&sources), 0);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(parse_policy("random.yaml", text, strlen(text), sources, diagnostics, &whole),
                     0);

    find_lives(whole, &lives);
    for (size_t from = 0; from < 3; from++) {
        for (size_t to = 0; to < 3; to++) {
            for (enum family family = 0; family < FAMILIES; family++)
                mark_pair(whole, &lives, from, to, family, &owners);
        }
    }

    for (size_t i = 0; i < whole->n_flows; i++) {
        const struct flow *flow = &whole->flows[i];
        bool owns = owners >> i & 1;

        if (flow->implicit || !flow_is_small(whole, flow))
            continue;
        ck_assert_msg(owns != c.shadowed[i], "seed %d: flow %s owns %s, but is%s shadowed", _i,
                      flow->name, owns ? "something" : "nothing", c.shadowed[i] ? "" : " not");
    }
    random_case_clear(&c);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, diagram_agrees_with_reading_the_flows, 0, POLICIES);
    tcase_add_loop_test(tests, flows_are_shadowed_exactly_when_they_own_nothing, 0, 60);
}
