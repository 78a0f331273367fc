/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lab/rehearsal.h"
#include "ruleset/compile.h"
#include "tests/parse_policy.h"

/* A policy with one of everything, and its rehearsal: for the two programs that test rehearsals. */

static const char rehearsed_text[] =
    "segd: 1\n"
    "timezone: Asia/Tokyo\n"
    "zones:\n"
    "  office:\n"
    "    class: lgwan\n"
    "    interfaces: [vlan10, vlan11]\n"
    "    networks: [10.10.0.0/16, 'fd00:10::/64']\n"
    "    intra: deny\n"
    "  servers:\n"
    "    class: mynumber\n"
    "    interfaces: [vlan20]\n"
    "    networks: [10.20.0.0/24, 'fd00:20::/64']\n"
    "  guests: { class: other, interfaces: [vlan30], networks: [10.30.0.0/24] }\n"
    "  outside: { class: external, interfaces: [vlan40], networks: [any] }\n"
    "hosts:\n"
    "  desk: { zone: office, address: [10.10.0.5, 'fd00:10::5'],\n"
    "          mac: ['00:00:5e:00:53:05', '00:00:5e:00:53:45'] }\n"
    "  files:\n"
    "    { zone: servers, address: [10.20.0.8, 'fd00:20::8'], mac: '00:00:5e:00:53:08' }\n"
    "  printer: { zone: office, address: 10.10.0.9 }\n"
    "groups:\n"
    "  desks: { zone: office, members: [10.10.1.0/24, 'fd00:10::1:0/112'] }\n"
    "flows:\n"
    "  desk-to-files: { from: desk, to: files, services: [tcp/443, udp/2049-2051] }\n"
    "  desks-to-files: { from: desks, to: files, services: [tcp/8443, icmp/echo-request] }\n"
    "  desks-to-web: { from: desks, to: outside, services: [tcp/443] }\n"
    "  desk-to-printer: { from: desk, to: printer, services: [tcp/9100] }\n"
    "  files-to-outside: { from: files, to: outside, services: [gre, sctp/2905] }\n"
    "  old: { from: guests, to: outside, services: [tcp/80], expires: 2020-01-01 }\n"
    "  off: { from: guests, to: servers, services: [tcp/80], enabled: false }\n"
    "  desk-to-gateway: { from: desk, to: gateway, services: [tcp/22, icmp/echo-request] }\n"
    "  gateway-to-files: { from: gateway, to: files, services: [udp/514, tcp/6514] }\n"
    "gateway: { protect: true }\n"
    "expect:\n"
    "  - { from: 10.10.0.5, to: 10.20.0.8, service: tcp/443, verdict: allow }\n"
    "  - { from: 10.30.0.5, to: 10.20.0.8, service: tcp/443, verdict: deny }\n";

struct fixture {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct policy *policy;
    struct diagram *diagram;
    struct ruleset *ruleset;
    usec_t now;
};

static inline struct fixture furnish(const char *policy)
{
    struct fixture fixture = {.now = calendar_now()};
    cleanup_(flow_states_freep) struct flow_states *states = NULL;
    int r;

    ck_assert_int_eq(sources_new(&fixture.sources), 0);
    ck_assert_int_eq(diagnostics_new(&fixture.diagnostics), 0);
    r = parse_policy("test", policy, strlen(policy), fixture.sources, fixture.diagnostics,
                     &fixture.policy);
    if (r == 0)
        r = flow_states_new(fixture.policy, NULL, fixture.now, &states);
    if (r == 0)
        r = diagram_new(fixture.policy, states, fixture.diagnostics, &fixture.diagram);
    if (r < 0)
        diagnostics_print(fixture.diagnostics, fixture.sources, stderr, false);
    ck_assert_int_eq(r, 0);
    r = ruleset_compile(fixture.diagram,
                        &(struct ruleset_options){.now = fixture.now, .rehearsal = true},
                        &fixture.ruleset);
    ck_assert_int_eq(r, 0);
    return fixture;
}

static inline void fixture_clear(struct fixture *fixture)
{
    ruleset_free(fixture->ruleset);
    diagram_free(fixture->diagram);
    policy_free(fixture->policy);
    diagnostics_free(fixture->diagnostics);
    sources_free(fixture->sources);
}

static inline struct rehearsal *rehearse(const struct fixture *fixture)
{
    struct rehearsal *rehearsal = NULL;
    int r = rehearsal_run(fixture->diagram, fixture->ruleset, fixture->now, &rehearsal);

    ck_assert_msg(r == 0, "%s: %s", strerror(-r), rehearsal ? rehearsal->refusal.what : "");
    return rehearsal;
}

static inline const char *flow_name(const struct rehearsal *rehearsal, uint32_t flow)
{
    return flow == NO_FLOW ? "" : rehearsal->plan->policy->flows[flow].name;
}

static inline void describe(const struct rehearsal *rehearsal,
                            const struct rehearsal_failure *failure)
{
    const struct probe *probe = failure->probe;
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];

    if (!probe) {
        fprintf(stderr, "  %s: %lu counted, %lu sent\n", failure->miscount,
                (unsigned long)failure->counted, (unsigned long)failure->sent);
        return;
    }
    fprintf(stderr, "  %s of %s (owner %s): %s to %s, %x, leg %d, fate %d, counter %s\n",
            probe_kind_to_string(probe->kind), flow_name(rehearsal, probe->flow),
            flow_name(rehearsal, probe->owner),
            address_format(probe->packet.family, probe->packet.source, source),
            address_format(probe->packet.family, probe->packet.destination, destination),
            probe->packet.service, (int)failure->leg, (int)failure->fate,
            failure->counter ? failure->counter : "-");
}

static inline void assert_agrees(const struct rehearsal *rehearsal)
{
    for (size_t i = 0; i < rehearsal->n_failures; i++)
        describe(rehearsal, &rehearsal->failures[i]);
    ck_assert_uint_eq(rehearsal->n_failures, 0);
}
