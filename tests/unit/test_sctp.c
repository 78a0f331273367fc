/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel need not track SCTP. Ports of SCTP would then all be open once one of them is, so a
 * policy that names one is refused. Here such a kernel is one whose settings of connection tracking
 * are hidden.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "checks.h"
#include "daemon/enforcement.h"
#include "rehearsed.h"
#include "sandbox.h"
#include "tests/reading.h"

#define SETTINGS "/proc/sys/net/netfilter"

struct policy_case {
    const char *flow;
    bool refused;
};

static const struct policy_case policy_cases[] = {
    {"services: sctp/2905", true}, {"services: [tcp/443, sctp/1-65535]", true},
    {"services: sctp/any", false}, {"services: any", false},
    {"services: tcp/443", false},  {"services: sctp/2905, enabled: false", false},
};

/* Loads connection tracking, if it is not, before its settings are hidden. */
static void hide_settings(void)
{
    sandbox_nft("table inet t { chain c { ct state new; }; }\n");
    sandbox_nft("delete table inet t\n");
    ck_assert_int_eq(access(SETTINGS "/nf_conntrack_sctp_timeout_closed", F_OK), 0);
    sandbox_enter_mounts();
    ck_assert_int_eq(mount("none", SETTINGS, "tmpfs", 0, NULL), 0);
}

static int apply(const char *flow)
{
    cleanup_(enforcement_freep) struct enforcement *enforcement = NULL;
    cleanup_(compiled_freep) struct compiled *compiled = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    struct compiled_input input = {.n_texts = 1, .now = calendar_now()};
    struct policy_text text = {.name = "policy"};
    struct nftables_refusal refusal;
    struct nftables_cost cost;
    char policy[1024];
    int r;

    snprintf(policy, sizeof(policy), "%sflows:\n  f: { from: pc, to: web, %s }\n", ZONES HOSTS,
             flow);
    text.text = policy;
    text.size = strlen(policy);
    ck_assert_int_eq(diagnostics_new(&diagnostics), 0);
    ck_assert_int_eq(enforcement_open(-1, &enforcement), 0);
    input.texts = &text;
    input.sctp_missing = nftables_features_missing_sctp(enforcement_features(enforcement));
    r = compiled_new(&input, diagnostics, &compiled);
    return r < 0 ? r : enforcement_commit(enforcement, compiled, &refusal, &cost);
}

START_TEST(ports_of_sctp_are_refused_by_a_kernel_that_does_not_track_it)
{
    sandbox_enter();
    hide_settings();
    ck_assert_int_eq(apply(policy_cases[_i].flow), policy_cases[_i].refused ? -EBADMSG : 0);
}
END_TEST

START_TEST(ports_of_sctp_are_taken_by_a_kernel_that_tracks_it)
{
    sandbox_enter();
    ck_assert_int_eq(apply(policy_cases[_i].flow), 0);
}
END_TEST

START_TEST(ports_of_sctp_are_not_rehearsed_by_a_kernel_that_does_not_track_it)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    sandbox_enter();
    hide_settings();
    ck_assert_int_eq(rehearsal_run(fixture.diagram, fixture.ruleset, fixture.now, &rehearsal),
                     -EOPNOTSUPP);
    ck_assert_ptr_nonnull(strstr(rehearsal->missing, "does not track SCTP"));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, ports_of_sctp_are_refused_by_a_kernel_that_does_not_track_it, 0,
                        (int)ELEMENTS_OF(policy_cases));
    tcase_add_loop_test(tests, ports_of_sctp_are_taken_by_a_kernel_that_tracks_it, 0,
                        (int)ELEMENTS_OF(policy_cases));
    tcase_add_test(tests, ports_of_sctp_are_not_rehearsed_by_a_kernel_that_does_not_track_it);
}
