/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a comparison of policies says of packets, against the flows themselves: where a flow covers
 * a packet that it did not cover, its change widens, and where it no longer does, its change
 * narrows. A flow of which nothing is told covers what it covered.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer/policy_changes.h"
#include "base/cleanup.h"
#include "checks.h"
#include "diagram/service_span.h"
#include "tests/property/random_policy.h"
#include "tests/reading.h"

#define POLICIES 150
#define TRIES 20
#define PACKETS 300

/* Takes one item out of one list of the groups or flows. Returns false where that list has one. */
static bool cut_item(char *text, struct random *random)
{
    char *part = strstr(text, random_chance(random, 50) ? "flows:" : "groups:");
    char *at = strchr(part + random_below(random, (unsigned)strlen(part)), ',');
    size_t length = at ? strcspn(at + 1, ",]}\n") + 1 : 0;

    if (!at || (at[length] != ',' && at[length] != ']'))
        return false;
    memmove(at, at + length, strlen(at + length) + 1);
    return true;
}

static bool end_covers(const struct policy *policy, const struct flow *flow, bool is_source,
                       const struct packet *packet)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t n = is_source ? flow->n_from : flow->n_to;

    for (size_t i = 0; i < n; i++) {
        cleanup_(range_set_clear) struct range_set set = {0};

        if (ends[i].zone != (is_source ? packet->from : packet->to))
            continue;
        ck_assert_int_eq(policy_end_addresses(policy, flow, &ends[i], is_source,
                                              is_source ? packet->to : packet->from, packet->family,
                                              &set),
                         0);
        return range_set_contains(&set, is_source ? packet->source : packet->destination);
    }
    return false;
}

static bool covers(const struct policy *policy, const struct flow *flow,
                   const struct packet *packet)
{
    cleanup_(freep) struct service_span *spans = NULL;
    size_t n = 0;
    bool service = false;

    ck_assert_int_eq(service_spans_of_flow(policy, flow, packet->family, &spans, &n), 0);
    for (size_t i = 0; i < n; i++)
        service |= packet->service >= spans[i].first && packet->service <= spans[i].last;
    return service && end_covers(policy, flow, true, packet) &&
           end_covers(policy, flow, false, packet);
}

static const struct policy_change *change_of(const struct policy_changes *changes, const char *name)
{
    static const struct policy_change none;

    for (size_t i = 0; i < changes->n_changes; i++) {
        const struct policy_change *change = &changes->changes[i];

        if (change->subject == SUBJECT_FLOW && strcmp(change->name, name) == 0)
            return change;
    }
    return &none;
}

/* Asserts for each flow that both have. Returns how many packets one covers and the other does not.
 */
static unsigned check(const struct policy *old, const struct policy *new, struct random *random)
{
    cleanup_(policy_changes_freep) struct policy_changes *changes = NULL;
    unsigned n = 0;

    ck_assert_int_eq(policy_changes_new(old, new, &changes), 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet packet = random_packet(old, random);

        for (size_t j = 0; j < old->n_flows; j++) {
            const struct flow *flow = find_flow(new, old->flows[j].name);
            const struct policy_change *change = change_of(changes, flow->name);
            bool before = covers(old, &old->flows[j], &packet), after = covers(new, flow, &packet);

            ck_assert_msg(before || !after || (change->widens && change->packets), "%s: %s",
                          flow->name, change->detail);
            ck_assert_msg(after || !before || (change->narrows && change->packets), "%s: %s",
                          flow->name, change->detail);
            n += before != after;
        }
    }
    return n;
}

START_TEST(what_a_flow_covers_more_or_less_is_told)
{
    static const bool disabled[RANDOM_FLOWS_MAX];
    unsigned n = 0;

    for (uint64_t seed = 0; seed < POLICIES; seed++) {
        cleanup_(freep) char *text = random_policy_text(seed, disabled);
        cleanup_(reading_clear) struct reading whole = {0};
        struct random random = random_from_seed(seed);

        read_valid(&whole, text);
        for (unsigned i = 0; i < TRIES; i++) {
            cleanup_(freep) char *less = strdup(text);
            cleanup_(reading_clear) struct reading cut = {0};

            ck_assert_ptr_nonnull(less);
            /* What is left may be none, such as a flow without a family. */
            if (!cut_item(less, &random) || read_text(&cut, less) != 0)
                continue;
            n += check(whole.policy, cut.policy, &random);
            n += check(cut.policy, whole.policy, &random);
            break;
        }
    }
    /* The packets see some of it. */
    ck_assert_uint_gt(n, POLICIES / 2);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, what_a_flow_covers_more_or_less_is_told);
}
