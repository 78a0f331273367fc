/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random policies are rehearsed: planner, oracle, diagram, ruleset and kernel must agree about each
 * packet, about each reply, and about what each flow has counted. The gateway's own traffic is in
 * it, which the test of the kernel leaves out.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "lab/rehearsal.h"
#include "ruleset/compile.h"
#include "sandbox.h"
#include "tests/property/random_policy.h"

#define POLICIES 60

static void describe(const struct rehearsal *rehearsal, const struct rehearsal_failure *failure)
{
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];
    const struct packet *packet;

    if (!failure->probe) {
        fprintf(stderr, "  %s: %lu counted, %lu sent\n", failure->miscount,
                (unsigned long)failure->counted, (unsigned long)failure->sent);
        return;
    }
    packet = &failure->probe->packet;
    fprintf(stderr, "  %s%s: %s %s to %s %s, %u/%u: leg %d, expected %s, fate %d (%s)\n",
            probe_kind_to_string(failure->probe->kind), failure->probe->link ? " link" : "",
            policy_zone_name(rehearsal->plan->policy, packet->from),
            address_format(packet->family, packet->source, source),
            policy_zone_name(rehearsal->plan->policy, packet->to),
            address_format(packet->family, packet->destination, destination),
            SERVICE_PROTOCOL(packet->service), SERVICE_PORT(packet->service), (int)failure->leg,
            reason_to_string(failure->probe->expected), (int)failure->fate,
            failure->counter ? failure->counter : "");
}

START_TEST(a_random_policy_is_rehearsed_without_failure)
{
    cleanup_(random_case_clear) struct random_case c = {0};
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    int r;

    random_case_make((uint64_t)_i, &c);
    ck_assert_int_eq(ruleset_compile(c.diagram, &(struct ruleset_options){.now = c.now}, &ruleset),
                     0);
    sandbox_enter();
    r = rehearsal_run(c.diagram, ruleset, c.now, &rehearsal);
    ck_assert_msg(r == 0, "seed %d: %s", _i, strerror(-r));

    for (size_t i = 0; i < rehearsal->n_failures && i < 20; i++)
        describe(rehearsal, &rehearsal->failures[i]);
    ck_assert_msg(rehearsal->n_failures == 0, "seed %d: %zu failures", _i, rehearsal->n_failures);
    ck_assert_uint_gt(rehearsal->totals[REHEARSED_PASS].sent, 0);
    ck_assert_uint_gt(rehearsal->totals[REHEARSED_REFUSAL].sent, 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, a_random_policy_is_rehearsed_without_failure, 0, POLICIES);
}
