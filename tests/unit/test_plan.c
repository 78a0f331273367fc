/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a rehearsal sends, before anything is sent: where the addresses of a policy lie in the lab,
 * which points of its flows are tried, and what is said to become of each.
 */

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "lab/layout.h"
#include "lab/plan.h"
#include "lab/sample.h"
#include "tests/parse_policy.h"

struct fixture {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct policy *policy;
    struct diagram *diagram;
    struct layout *layout;
    struct plan *plan;
};

static void fixture_clear(struct fixture *fixture)
{
    plan_free(fixture->plan);
    layout_free(fixture->layout);
    diagram_free(fixture->diagram);
    policy_free(fixture->policy);
    diagnostics_free(fixture->diagnostics);
    sources_free(fixture->sources);
}

static struct fixture furnish(const char *text)
{
    struct fixture fixture = {0};
    int r;

    ck_assert_int_eq(sources_new(&fixture.sources), 0);
    ck_assert_int_eq(diagnostics_new(&fixture.diagnostics), 0);
    r = parse_policy("test", text, strlen(text), fixture.sources, fixture.diagnostics,
                     &fixture.policy);
    if (r == 0)
        r = diagram_new(fixture.policy, NULL, fixture.diagnostics, &fixture.diagram);
    if (r < 0)
        diagnostics_print(fixture.diagnostics, fixture.sources, stderr, false);
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(layout_new(fixture.policy, &fixture.layout), 0);
    ck_assert_int_eq(plan_new(fixture.diagram, calendar_now(), &fixture.plan), 0);
    return fixture;
}

static ip_number parse(const char *text)
{
    enum family family;
    ip_number address;

    ck_assert_int_eq(address_parse(text, &family, &address), 0);
    return address;
}

static size_t wire_of(const struct layout *layout, const char *address)
{
    size_t wire = SIZE_MAX;

    ck_assert(layout_find(layout, strchr(address, ':') ? FAMILY_IPV6 : FAMILY_IPV4, parse(address),
                          &wire));
    return wire;
}

/* Wires in this order: a0 a1 a2, b0, c0 c1, shared. */
static const char zones[] =
    "segd: 1\n"
    "zones:\n"
    "  a:\n"
    "    class: lgwan\n"
    "    interfaces: [a0, a1, a2]\n"
    "    networks: [10.1.0.0/16, 10.3.0.0/16, 10.5.0.0/16, 10.7.0.0/16, 'fd00:1::/64']\n"
    "  b: { class: lgwan, interfaces: [b0, shared], networks: [10.20.0.1-10.20.0.6] }\n"
    "  c: { class: external, interfaces: [c0, c1], networks: [any] }\n"
    "  d: { class: other, interfaces: [shared], networks: [192.0.2.0/31] }\n"
    "hosts:\n"
    "  bound: { zone: a, address: 10.1.0.9, mac: '00:00:5e:00:53:09' }\n";

START_TEST(networks_go_round_the_interfaces)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(zones);
    const struct layout *layout = fixture.layout;
    const char *const *interfaces;
    size_t n;

    interfaces = layout_interfaces(layout, &n);
    ck_assert_uint_eq(n, 7);
    ck_assert_str_eq(interfaces[0], "a0");
    ck_assert_uint_eq(wire_of(layout, "10.1.0.1"), 0);
    ck_assert_uint_eq(wire_of(layout, "10.3.0.1"), 1);
    ck_assert_uint_eq(wire_of(layout, "10.5.0.1"), 2);
    ck_assert_uint_eq(wire_of(layout, "10.7.0.1"), 0);
    /* One network and three interfaces: a half and two quarters. */
    ck_assert_uint_eq(wire_of(layout, "fd00:1::1"), 0);
    ck_assert_uint_eq(wire_of(layout, "fd00:1:0:0:4000::"), 1);
    ck_assert_uint_eq(wire_of(layout, "fd00:1:0:0:8000::"), 2);
    ck_assert_str_eq(interfaces[wire_of(layout, "8.8.8.8")], "c0");
    ck_assert_str_eq(interfaces[wire_of(layout, "2001:db8::1")], "c0");
    ck_assert_str_eq(interfaces[wire_of(layout, "192.0.2.1")], "shared");
    for (unsigned i = 1; i <= 6; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.20.0.%u", i);
        ck_assert(layout_wire_carries(layout, wire_of(layout, text), 1));
    }
}
END_TEST

START_TEST(two_of_one_zone_are_parted)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(zones);
    struct layout *layout = fixture.layout;
    ip_number a = parse("10.1.0.1"), b = parse("10.1.0.2"), c = parse("10.1.0.3");
    ip_number d = parse("192.0.2.0"), e = parse("192.0.2.1");

    ck_assert_int_eq(layout_separate(layout, FAMILY_IPV4, a, b), 0);
    ck_assert_uint_eq(wire_of(layout, "10.1.0.1"), 0);
    ck_assert_uint_eq(wire_of(layout, "10.1.0.2"), 1);
    /* What was parted once stays where it is. */
    ck_assert_int_eq(layout_separate(layout, FAMILY_IPV4, c, a), 0);
    ck_assert_int_eq(layout_separate(layout, FAMILY_IPV4, c, b), 0);
    ck_assert_uint_eq(wire_of(layout, "10.1.0.1"), 0);
    ck_assert_uint_eq(wire_of(layout, "10.1.0.2"), 1);
    ck_assert_uint_ne(wire_of(layout, "10.1.0.3"), 0);
    /* The zone has one wire only. */
    ck_assert_int_eq(layout_separate(layout, FAMILY_IPV4, d, e), 0);
    ck_assert_uint_eq(wire_of(layout, "192.0.2.0"), wire_of(layout, "192.0.2.1"));
    /* In the zone of all others single addresses go round. */
    ck_assert_int_eq(layout_use(layout, FAMILY_IPV4, parse("8.8.8.8")), 0);
    ck_assert_int_eq(layout_use(layout, FAMILY_IPV4, parse("9.9.9.9")), 0);
    ck_assert_uint_ne(wire_of(layout, "8.8.8.8"), wire_of(layout, "9.9.9.9"));
}
END_TEST

START_TEST(the_gateway_takes_addresses_that_nobody_uses)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(zones);
    struct layout *layout = fixture.layout;
    size_t n, zone;

    layout_interfaces(layout, &n);
    ck_assert_int_eq(layout_use(layout, FAMILY_IPV4, parse("10.1.0.1")), 0);
    ck_assert_int_eq(layout_finish(layout), 0);
    ck_assert(layout_gateway_address(layout, 0, FAMILY_IPV4) == parse("10.1.0.2"));
    for (size_t wire = 0; wire < n; wire++) {
        for (enum family family = 0; family < FAMILIES; family++) {
            ip_number own = layout_gateway_address(layout, wire, family);

            ck_assert(own != parse("10.1.0.9"));
            for (size_t other = 0; other < wire; other++)
                ck_assert(own != layout_gateway_address(layout, other, family));
            /* Where the wire has a network of its own, of that. */
            if (wire < 3)
                ck_assert(policy_zone_of_address(fixture.policy, family, own, &zone) && zone == 0);
        }
    }
}
END_TEST

START_TEST(bound_hosts_have_their_hardware_addresses)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(zones);
    const struct mac bound = {{0x00, 0x00, 0x5e, 0x00, 0x53, 0x09}};
    const struct host *host;

    host = layout_bound_host(fixture.layout, FAMILY_IPV4, parse("10.1.0.9"));
    ck_assert_ptr_nonnull(host);
    ck_assert(host_has_mac(host, bound));
    ck_assert_uint_eq(host->n_macs, 1);
    ck_assert_ptr_null(layout_bound_host(fixture.layout, FAMILY_IPV4, parse("10.1.0.10")));
    ck_assert_ptr_null(layout_bound_host(fixture.layout, FAMILY_IPV6, parse("10.1.0.9")));
}
END_TEST

static bool has_address(const struct address_sample *sample, const char *address)
{
    for (size_t i = 0; i < sample->n; i++) {
        if (sample->addresses[i] == parse(address))
            return true;
    }
    return false;
}

START_TEST(addresses_are_tried_at_their_edges)
{
    cleanup_(range_set_clear) struct range_set set = {0};
    struct address_sample sample;

    ck_assert_int_eq(range_set_add(&set, (struct range){parse("10.0.0.4"), parse("10.0.0.8")}), 0);
    ck_assert_int_eq(range_set_add(&set, (struct range){parse("10.0.1.1"), parse("10.0.1.1")}), 0);
    ck_assert_int_eq(sample_addresses(&set, FAMILY_IPV4, &sample), 0);
    ck_assert_uint_eq(sample.n, 4);
    ck_assert(has_address(&sample, "10.0.0.4") && has_address(&sample, "10.0.0.6") &&
              has_address(&sample, "10.0.0.8") && has_address(&sample, "10.0.1.1"));
    ck_assert_int_eq(sample_outside_addresses(&set, FAMILY_IPV4, &sample), 0);
    ck_assert_uint_eq(sample.n, 4);
    ck_assert(has_address(&sample, "10.0.0.3") && has_address(&sample, "10.0.0.9") &&
              has_address(&sample, "10.0.1.0") && has_address(&sample, "10.0.1.2"));
}
END_TEST

START_TEST(of_many_ranges_the_first_and_the_last_are_tried)
{
    cleanup_(range_set_clear) struct range_set set = {0};
    struct address_sample sample;

    for (ip_number i = 0; i < 1000; i++)
        ck_assert_int_eq(
            range_set_add(&set, (struct range){0x0a000000 + 8 * i, 0x0a000000 + 8 * i + 3}), 0);
    ck_assert_int_eq(sample_addresses(&set, FAMILY_IPV4, &sample), 0);
    ck_assert_uint_eq(sample.n, SAMPLE_ADDRESSES_MAX);
    ck_assert(has_address(&sample, "10.0.0.0"));
    ck_assert(sample.addresses[SAMPLE_ADDRESSES_MAX - 1] == 0x0a000000 + 8 * 999 + 3);
}
END_TEST

START_TEST(unusable_addresses_are_not_tried)
{
    cleanup_(range_set_clear) struct range_set set = {0};
    struct address_sample sample;

    for (enum family family = 0; family < FAMILIES; family++) {
        cleanup_(range_set_clear) struct range_set unusable = {0};

        range_set_clear(&set);
        ck_assert_int_eq(layout_unusable(family, &unusable), 0);
        ck_assert_int_eq(range_set_add(&set, family_all(family)), 0);
        ck_assert_int_eq(sample_addresses(&set, family, &sample), 0);
        ck_assert_uint_gt(sample.n, 0);
        for (size_t i = 0; i < sample.n; i++)
            ck_assert(!range_set_contains(&unusable, sample.addresses[i]));
    }
}
END_TEST

#define TCP(port) SERVICE_NUMBER(IPPROTO_TCP, port)
#define UDP(port) SERVICE_NUMBER(IPPROTO_UDP, port)
#define PING SERVICE_NUMBER(IPPROTO_ICMP, 8 << 8)
#define TIMESTAMP SERVICE_NUMBER(IPPROTO_ICMP, 13 << 8)
#define PING6 SERVICE_NUMBER(IPPROTO_ICMPV6, 128 << 8)
#define END SERVICE_LAST

static const struct {
    enum family family;
    struct service_span spans[3];
    size_t n_spans;
    service_number inside[8], outside[8], other[8]; /* to END, in this order */
} services[] = {
    {FAMILY_IPV4,
     {{TCP(443), TCP(443)}},
     1,
     {TCP(443), END},
     {TCP(442), TCP(444), END},
     {UDP(443), END}},
    {FAMILY_IPV6,
     {{TCP(80), TCP(81)}, {UDP(0), UDP(65535)}},
     2,
     {TCP(80), TCP(81), UDP(0), UDP(65535), UDP(32767), END},
     {TCP(79), TCP(82), END},
     {TCP(0), END}},
    {FAMILY_IPV4,
     {{PING, PING}},
     1,
     {PING, END},
     {TIMESTAMP, SERVICE_NUMBER(1, 15 << 8), SERVICE_NUMBER(1, 17 << 8), END},
     {UDP(8 << 8), END}},
    /* ICMP means nothing in IPv6. */
    {FAMILY_IPV6, {{PING, PING}}, 1, {END}, {END}, {UDP(8 << 8), END}},
    {FAMILY_IPV4,
     {{SERVICE_NUMBER(IPPROTO_GRE, 0), SERVICE_NUMBER(IPPROTO_GRE, 65535)}},
     1,
     {SERVICE_NUMBER(IPPROTO_GRE, 0), END},
     {END},
     {UDP(0), END}},
    {FAMILY_IPV6,
     {{0, SERVICE_LAST}},
     1,
     {PING6, SERVICE_NUMBER(58, 139 << 8), SERVICE_NUMBER(58, 139 << 8 | 1),
      SERVICE_NUMBER(58, 139 << 8 | 2), TCP(443), UDP(53), SERVICE_NUMBER(IPPROTO_GRE, 0)},
     {END},
     {END}},
};

static void assert_services(int i, const char *what, const struct service_sample *sample,
                            const service_number expected[8])
{
    for (size_t j = 0; j < 8; j++) {
        if (expected[j] == END) {
            ck_assert_msg(sample->n == j, "%d %s: %zu services", i, what, sample->n);
            return;
        }
        /* Where the row has no end, more may follow. */
        if (expected[j] == 0)
            return;
        ck_assert_msg(j < sample->n && sample->services[j] == expected[j],
                      "%d %s: service %zu is %x, not %x", i, what, j,
                      j < sample->n ? sample->services[j] : 0, expected[j]);
    }
}

START_TEST(services_are_tried_at_their_edges)
{
    struct service_sample sample;

    sample_services(services[_i].spans, services[_i].n_spans, services[_i].family, &sample);
    assert_services(_i, "inside", &sample, services[_i].inside);
    sample_outside_services(services[_i].spans, services[_i].n_spans, services[_i].family, &sample);
    assert_services(_i, "outside", &sample, services[_i].outside);
    sample_other_protocols(services[_i].spans, services[_i].n_spans, services[_i].family, &sample);
    assert_services(_i, "other protocol", &sample, services[_i].other);
}
END_TEST

/* 256 sources, 256 destinations, a thousand ports, and all protocols. */
static const char wide[] =
    "segd: 1\n"
    "zones:\n"
    "  a: { class: lgwan, interfaces: [a0], networks: [10.1.0.0/16, 10.3.0.0/16, 'fd00:1::/64'] }\n"
    "  b: { class: lgwan, interfaces: [b0], networks: [10.2.0.0/16, 'fd00:2::/64'] }\n"
    "flows:\n"
    "  ports: { from: a, to: b, services: [tcp/1-9, tcp/20-29, udp/1-9, tcp/50, tcp/60, tcp/70,\n"
    "           tcp/80, tcp/90, tcp/100, icmp/echo-request, gre, esp, sctp/1-9] }\n"
    "  all: { from: b, to: a, services: [any] }\n";

START_TEST(a_flow_has_no_more_probes_than_its_bound)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(wide);
    const struct plan *plan = fixture.plan;
    cleanup_(freep) bool *tried = calloc(SERVICE_LAST + 1, sizeof(*tried));
    size_t n[2][FAMILIES] = {{0}};

    ck_assert_ptr_nonnull(tried);
    for (size_t i = 0; i < plan->n_probes; i++) {
        const struct probe *probe = &plan->probes[i];

        if (probe->kind != PROBE_FLOW)
            continue;
        ck_assert_uint_eq(probe->flow, probe->owner);
        ck_assert_int_eq(probe->expected, REASON_NONE);
        n[probe->flow][probe->packet.family]++;
        if (probe->flow == 0)
            tried[probe->packet.service] = true;
    }
    for (size_t i = 0; i < 2; i++) {
        for (enum family family = 0; family < FAMILIES; family++) {
            ck_assert_uint_gt(n[i][family], 0);
            ck_assert_uint_le(n[i][family], FLOW_PROBES_MAX);
        }
    }
    ck_assert(tried[SERVICE_NUMBER(IPPROTO_TCP, 1)] && tried[SERVICE_NUMBER(IPPROTO_TCP, 9)] &&
              tried[SERVICE_NUMBER(IPPROTO_TCP, 20)] && tried[SERVICE_NUMBER(IPPROTO_TCP, 29)] &&
              tried[SERVICE_NUMBER(IPPROTO_TCP, 100)] && tried[SERVICE_NUMBER(IPPROTO_UDP, 9)] &&
              tried[SERVICE_NUMBER(IPPROTO_GRE, 0)] && tried[SERVICE_NUMBER(IPPROTO_ESP, 0)] &&
              tried[SERVICE_NUMBER(IPPROTO_SCTP, 1)]);
}
END_TEST

START_TEST(what_a_flow_does_not_own_is_asked_of_the_others)
{
    static const char text[] =
        "segd: 1\n"
        "zones:\n"
        "  a: { class: lgwan, interfaces: [a0], networks: [10.1.0.0/16] }\n"
        "  b: { class: lgwan, interfaces: [b0], networks: [10.2.0.0/16] }\n"
        "hosts:\n"
        "  x: { zone: a, address: 10.1.0.1 }\n"
        "  y: { zone: b, address: 10.2.0.1 }\n"
        "flows:\n"
        "  one: { from: x, to: y, services: [tcp/80] }\n"
        "  next: { from: x, to: y, services: [tcp/81] }\n"
        "  old: { from: x, to: y, services: [tcp/79], expires: 2020-01-01 }\n"
        "  off: { from: x, to: y, services: [tcp/78], enabled: false }\n";
    cleanup_(fixture_clear) struct fixture fixture = furnish(text);
    unsigned n_next = 0, n_old = 0, n_off = 0;

    for (size_t i = 0; i < fixture.plan->n_probes; i++) {
        const struct probe *probe = &fixture.plan->probes[i];

        if (probe->kind == PROBE_PORT && probe->flow == 0 && probe->packet.service == TCP(81)) {
            ck_assert_int_eq(probe->expected, REASON_NONE);
            ck_assert_uint_eq(probe->owner, 1);
            n_next++;
        }
        if (probe->kind == PROBE_PORT && probe->flow == 0 && probe->packet.service == TCP(79)) {
            ck_assert_int_eq(probe->expected, REASON_SUSPENDED);
            ck_assert_uint_eq(probe->owner, 2);
            n_old++;
        }
        if (probe->kind == PROBE_FLOW && probe->flow == 3) {
            ck_assert_int_eq(probe->expected, REASON_NO_FLOW);
            n_off++;
        }
    }
    ck_assert_uint_gt(n_next, 0);
    ck_assert_uint_gt(n_old, 0);
    ck_assert_uint_gt(n_off, 0);
}
END_TEST

/* Connection tracking takes packets of such protocols between the same ends for one connection. */
START_TEST(probes_of_one_connection_go_in_rounds_of_their_own)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(wide);
    const struct plan *plan = fixture.plan;

    ck_assert_uint_gt(plan->n_rounds, 1);
    for (size_t i = 0; i < plan->n_probes; i++) {
        const struct packet *a = &plan->probes[i].packet;

        ck_assert_uint_lt(plan->probes[i].round, plan->n_rounds);
        if (SERVICE_PROTOCOL(a->service) != IPPROTO_GRE)
            continue;
        for (size_t j = 0; j < i; j++) {
            const struct packet *b = &plan->probes[j].packet;

            if (SERVICE_PROTOCOL(b->service) != IPPROTO_GRE || a->family != b->family)
                continue;
            if ((a->source == b->source && a->destination == b->destination) ||
                (a->source == b->destination && a->destination == b->source))
                ck_assert_uint_ne(plan->probes[i].round, plan->probes[j].round);
        }
    }
}
END_TEST

START_TEST(the_same_policy_gives_the_same_plan)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(wide);
    cleanup_(plan_freep) struct plan *again = NULL;
    const struct plan *plan = fixture.plan;

    ck_assert_int_eq(plan_new(fixture.diagram, plan->now, &again), 0);
    ck_assert_uint_eq(plan->n_probes, again->n_probes);
    for (size_t i = 0; i < plan->n_probes; i++) {
        const struct probe *a = &plan->probes[i], *b = &again->probes[i];

        ck_assert(a->kind == b->kind && a->expected == b->expected && a->round == b->round &&
                  a->packet.source == b->packet.source &&
                  a->packet.destination == b->packet.destination &&
                  a->packet.service == b->packet.service);
    }
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_test(tests, networks_go_round_the_interfaces);
    tcase_add_test(tests, two_of_one_zone_are_parted);
    tcase_add_test(tests, the_gateway_takes_addresses_that_nobody_uses);
    tcase_add_test(tests, bound_hosts_have_their_hardware_addresses);
    tcase_add_test(tests, addresses_are_tried_at_their_edges);
    tcase_add_test(tests, of_many_ranges_the_first_and_the_last_are_tried);
    tcase_add_test(tests, unusable_addresses_are_not_tried);
    tcase_add_loop_test(tests, services_are_tried_at_their_edges, 0, ELEMENTS_OF(services));
    tcase_add_test(tests, a_flow_has_no_more_probes_than_its_bound);
    tcase_add_test(tests, what_a_flow_does_not_own_is_asked_of_the_others);
    tcase_add_test(tests, probes_of_one_connection_go_in_rounds_of_their_own);
    tcase_add_test(tests, the_same_policy_gives_the_same_plan);
}
