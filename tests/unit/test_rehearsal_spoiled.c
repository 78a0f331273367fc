/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rehearsal of rulesets that are spoiled in one place each: exactly the packets that this place
 * decides must be reported. A rehearsal that finds nothing in a right ruleset would be worth
 * nothing if it found nothing in a wrong one either.
 */

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "checks.h"
#include "lab/lab.h"
#include "rehearsed.h"
#include "sandbox.h"

/* Ways to spoil a ruleset. */

static struct set *find_set(struct ruleset *ruleset, const char *name)
{
    for (size_t i = 0; i < ruleset->n_sets; i++) {
        if (strcmp(ruleset->sets[i].name, name) == 0)
            return &ruleset->sets[i];
    }
    ck_abort_msg("no set `%s`", name);
}

static struct chain *find_chain(struct ruleset *ruleset, const char *name)
{
    for (size_t i = 0; i < ruleset->n_chains; i++) {
        if (strcmp(ruleset->chains[i].name, name) == 0)
            return &ruleset->chains[i];
    }
    ck_abort_msg("no chain `%s`", name);
}

static void accept_all(struct ruleset *ruleset, const char *chain)
{
    const struct statement accept = {.kind = STATEMENT_VERDICT, .verdict = VERDICT_ACCEPT};

    find_chain(ruleset, chain)->n_rules = 0;
    ck_assert_int_eq(ruleset_add_rule(ruleset, find_chain(ruleset, chain), &accept, 1), 0);
}

static uint32_t flow_id(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->policy->n_flows; i++) {
        if (strcmp(fixture->policy->flows[i].name, name) == 0)
            return fixture->policy->flows[i].id;
    }
    ck_abort_msg("no flow `%s`", name);
}

/* Takes the elements of one direction out of the switchboard, one for each interface of `office`.
 */
static void unplug(struct fixture *fixture, const char *flow, bool reply)
{
    struct set *live = find_set(fixture->ruleset, RULESET_LIVE);
    uint32_t id = flow_id(fixture, flow);
    size_t n = 0;

    for (size_t i = 0; i < live->n_elements; i++) {
        if (live->elements[i].reply != reply || ruleset_live_mark(live, &live->elements[i]) != id)
            live->elements[n++] = live->elements[i];
    }
    ck_assert_uint_eq(n, live->n_elements - 2);
    live->n_elements = n;
}

/* The only elements of the flow in the exact map of IPv4 from office to servers. */
#define EXACT "pair/office/servers/ip/exact"
#define PORT_OFFSET 12 /* source, destination, protocol */

static bool is_https(const struct element *element)
{
    return element->key[8] == IPPROTO_TCP && element->key[PORT_OFFSET] == 443 >> 8 &&
           element->key[PORT_OFFSET + 1] == (443 & 0xff);
}

static void spoil_missing_row(struct fixture *fixture)
{
    struct set *exact = find_set(fixture->ruleset, EXACT);
    size_t n = 0;

    for (size_t i = 0; i < exact->n_elements; i++) {
        if (!is_https(&exact->elements[i]))
            exact->elements[n++] = exact->elements[i];
    }
    ck_assert_uint_eq(n, exact->n_elements - 1);
    exact->n_elements = n;
}

static void spoil_next_port(struct fixture *fixture)
{
    struct set *exact = find_set(fixture->ruleset, EXACT);
    uint8_t key[64];

    for (size_t i = 0; i < exact->n_elements; i++) {
        struct element element = exact->elements[i];

        if (!is_https(&element))
            continue;
        memcpy(key, element.key, exact->key_length);
        key[PORT_OFFSET + 1]++;
        element.key = key;
        ck_assert_int_eq(ruleset_add_element(fixture->ruleset, exact, &element), 0);
        ruleset_finish(fixture->ruleset);
        return;
    }
    ck_abort_msg("no row for https");
}

static void spoil_live(struct fixture *fixture)
{
    unplug(fixture, "desk-to-files", false);
}

static void spoil_live_reply(struct fixture *fixture)
{
    unplug(fixture, "desk-to-files", true);
}

static void spoil_spoofing(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "prerouting");
}

static void spoil_macs(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "ingress/office/mac/ip");
}

static void spoil_no_flow(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "end/no-flow");
}

static void spoil_input(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "input");
}

static void spoil_output(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "output");
}

static void spoil_suspended(struct fixture *fixture)
{
    accept_all(fixture->ruleset, "end/forward/suspended");
}

/* What must be reported then: which packets of which probes. */

static bool is_about(const struct plan *plan, const struct probe *probe, const char *flow)
{
    return probe->owner != NO_FLOW && strcmp(plan->policy->flows[probe->owner].name, flow) == 0;
}

static bool is_office_to_servers(const struct probe *probe, uint16_t port)
{
    return probe->packet.from == 0 && probe->packet.to == 1 &&
           probe->packet.family == FAMILY_IPV4 && probe->packet.source == 0x0a0a0005 &&
           probe->packet.destination == 0x0a140008 &&
           probe->packet.service == SERVICE_NUMBER(IPPROTO_TCP, port);
}

static bool lacks_row(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_NONE && is_office_to_servers(probe, 443);
}

static bool has_next_port(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_NO_FLOW &&
           is_office_to_servers(probe, 444);
}

static bool lacks_live(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    return leg == LEG_REQUEST && probe->expected == REASON_NONE &&
           is_about(plan, probe, "desk-to-files");
}

static bool lacks_live_reply(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    return leg == LEG_REPLY && probe->expected == REASON_NONE &&
           is_about(plan, probe, "desk-to-files");
}

/*
 * A packet on the wire of another zone is then judged as one of that zone, and no flow owns it; but
 * it can speak within a connection that is open.
 */
static bool lacks_spoofing(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_FORGED_REPLY ||
           (leg == LEG_REQUEST && probe->expected == REASON_MAC_MISMATCH);
}

static bool lacks_macs(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    if (leg == LEG_FORGED_REPLY)
        return probe->packet.family == FAMILY_IPV4 && probe->packet.destination == 0x0a0a0005;
    return leg == LEG_REQUEST && probe->expected == REASON_MAC_MISMATCH &&
           probe->packet.family == FAMILY_IPV4 && probe->packet.from == 0;
}

static bool lacks_no_flow(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_NO_FLOW &&
           probe->packet.from != ZONE_GATEWAY && probe->packet.to != ZONE_GATEWAY;
}

static bool lacks_input(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_NO_FLOW &&
           probe->packet.to == ZONE_GATEWAY;
}

static bool lacks_output(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_NO_FLOW &&
           probe->packet.from == ZONE_GATEWAY;
}

static bool lacks_suspended(const struct plan *plan, const struct probe *probe, enum leg leg)
{
    (void)plan;
    return leg == LEG_REQUEST && probe->expected == REASON_SUSPENDED;
}

static const struct spoiling {
    const char *name;
    void (*spoil)(struct fixture *fixture);
    bool (*breaks)(const struct plan *plan, const struct probe *probe, enum leg leg);
    enum leg leg; /* of which all that break must be reported */
    enum fate fate;
    const char *counter; /* of the first failure; NULL: none counts it */
} spoilings[] = {
    {"missing row", spoil_missing_row, lacks_row, LEG_REQUEST, FATE_LOST, "no-flow/office/servers"},
    {"next port", spoil_next_port, has_next_port, LEG_REQUEST, FATE_ARRIVED, "live/desk-to-files"},
    {"switchboard", spoil_live, lacks_live, LEG_REQUEST, FATE_LOST, "suspended/office/servers"},
    {"switchboard, replies", spoil_live_reply, lacks_live_reply, LEG_REPLY, FATE_LOST,
     "suspended/office/servers"},
    {"spoofing", spoil_spoofing, lacks_spoofing, LEG_REQUEST, FATE_ARRIVED, "live/desk-to-files"},
    {"hardware addresses", spoil_macs, lacks_macs, LEG_REQUEST, FATE_ARRIVED, "live/desk-to-files"},
    {"no flow", spoil_no_flow, lacks_no_flow, LEG_REQUEST, FATE_ARRIVED, NULL},
    {"input", spoil_input, lacks_input, LEG_REQUEST, FATE_ARRIVED, NULL},
    {"output", spoil_output, lacks_output, LEG_REQUEST, FATE_ARRIVED, NULL},
    {"suspended", spoil_suspended, lacks_suspended, LEG_REQUEST, FATE_ARRIVED, NULL},
};

static bool has_failure(const struct rehearsal *rehearsal, const struct probe *probe, enum leg leg)
{
    for (size_t i = 0; i < rehearsal->n_failures; i++) {
        if (rehearsal->failures[i].probe == probe && rehearsal->failures[i].leg == leg)
            return true;
    }
    return false;
}

START_TEST(exactly_what_is_wrong_is_reported)
{
    const struct spoiling *spoiling = &spoilings[_i];
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    const struct plan *plan;
    size_t n = 0;

    spoiling->spoil(&fixture);
    sandbox_enter();
    rehearsal = rehearse(&fixture);
    plan = rehearsal->plan;

    ck_assert_uint_gt(rehearsal->n_failures, 0);
    for (size_t i = 0; i < rehearsal->n_failures; i++) {
        const struct rehearsal_failure *failure = &rehearsal->failures[i];

        if (!failure->probe || failure->fate != spoiling->fate ||
            !spoiling->breaks(plan, failure->probe, failure->leg)) {
            describe(rehearsal, failure);
            ck_abort_msg("%s: this should not be reported", spoiling->name);
        }
    }
    for (size_t i = 0; i < plan->n_probes; i++) {
        if (!spoiling->breaks(plan, &plan->probes[i], spoiling->leg))
            continue;
        ck_assert_msg(has_failure(rehearsal, &plan->probes[i], spoiling->leg),
                      "%s: probe %zu (%s) should be reported", spoiling->name, i,
                      probe_kind_to_string(plan->probes[i].kind));
        n++;
    }
    ck_assert_uint_gt(n, 0);
    if (spoiling->counter)
        ck_assert_str_eq(rehearsal->failures[0].counter, spoiling->counter);
    else
        ck_assert_ptr_null(rehearsal->failures[0].counter);
}
END_TEST

/* The bound host's from another hardware address, the others' from another zone's wire, which the
 * switchboard refuses too. */
START_TEST(replies_are_forged_in_both_ways)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    size_t n_passes[2] = {0}, n_forged[2] = {0};

    accept_all(fixture.ruleset, "prerouting");
    accept_all(fixture.ruleset, "forward");
    sandbox_enter();
    rehearsal = rehearse(&fixture);
    for (size_t i = 0; i < rehearsal->plan->n_probes; i++) {
        const struct probe *probe = &rehearsal->plan->probes[i];
        bool bound = layout_bound_host(rehearsal->plan->layout, probe->packet.family,
                                       probe->packet.destination);

        if (probe->expected != REASON_NONE || probe->packet.to == ZONE_GATEWAY)
            continue;
        n_passes[bound]++;
        n_forged[bound] += has_failure(rehearsal, probe, LEG_FORGED_REPLY);
    }
    ck_assert_uint_gt(n_passes[false], 0);
    ck_assert_uint_gt(n_passes[true], 0);
    ck_assert_uint_eq(n_forged[false], n_passes[false]);
    ck_assert_uint_eq(n_forged[true], n_passes[true]);
}
END_TEST

/* Without one of the two that `desk` has, the packets from that one are lost. */
START_TEST(each_hardware_address_of_a_host_is_rehearsed)
{
    static const uint8_t last_bytes[] = {0x05, 0x45};
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    struct set *macs = find_set(fixture.ruleset, "ingress/office/macs/ip");
    size_t n = 0;

    for (size_t i = 0; i < macs->n_elements; i++) {
        if (macs->elements[i].key[sizeof(uint32_t) + sizeof(struct mac) - 1] != last_bytes[_i])
            macs->elements[n++] = macs->elements[i];
    }
    ck_assert_uint_eq(n, macs->n_elements - 1);
    macs->n_elements = n;

    sandbox_enter();
    rehearsal = rehearse(&fixture);
    ck_assert_uint_gt(rehearsal->n_failures, 0);
    ck_assert_str_eq(rehearsal->failures[0].counter, "mac-mismatch/office");
    for (size_t i = 0; i < rehearsal->n_failures; i++)
        ck_assert_int_eq(rehearsal->failures[i].fate, FATE_LOST);
}
END_TEST

/* Every packet goes where it should, but one flow counts for another. */
START_TEST(a_flow_that_counts_for_another_is_reported)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    struct set *exact = find_set(fixture.ruleset, EXACT);
    unsigned n_flows = 0;

    for (size_t i = 0; i < exact->n_elements; i++) {
        if (is_https(&exact->elements[i]))
            exact->elements[i].mark = flow_id(&fixture, "desks-to-files");
    }
    sandbox_enter();
    rehearsal = rehearse(&fixture);
    ck_assert_uint_eq(rehearsal->n_failures, 4);
    ck_assert_uint_eq(rehearsal->n_miscounts, 4);
    for (size_t i = 0; i < rehearsal->n_failures; i++) {
        const char *name = strrchr(rehearsal->failures[i].miscount, '/') + 1;

        ck_assert_ptr_null(rehearsal->failures[i].probe);
        ck_assert_uint_ne(rehearsal->failures[i].counted, rehearsal->failures[i].sent);
        n_flows += strcmp(name, "desk-to-files") == 0 || strcmp(name, "desks-to-files") == 0;
    }
    ck_assert_uint_eq(n_flows, 4);
}
END_TEST

START_TEST(a_refusal_that_counts_for_another_reason_is_reported)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    struct chain *chain = find_chain(fixture.ruleset, "end/no-flow");

    for (size_t i = 0; i < chain->n_rules; i++)
        for (size_t j = 0; j < chain->rules[i].n_statements; j++)
            if (chain->rules[i].statements[j].kind == STATEMENT_TALLY)
                chain->rules[i].statements[j].object = "invalid";
    sandbox_enter();
    rehearsal = rehearse(&fixture);
    ck_assert_uint_eq(rehearsal->n_failures, 2);
    ck_assert_uint_eq(rehearsal->n_miscounts, 2);
    ck_assert_str_eq(rehearsal->failures[0].miscount, "no-flow");
    ck_assert_str_eq(rehearsal->failures[1].miscount, "invalid");
}
END_TEST

/* The gateway is not protected: what it sends twice is its own affair then. */
static const char small_text[] =
    "segd: 1\n"
    "zones:\n"
    "  office: { class: lgwan, interfaces: [vlan10], networks: [10.10.0.0/16] }\n"
    "  servers: { class: lgwan, interfaces: [vlan20], networks: [10.20.0.0/16] }\n"
    "  guests: { class: other, interfaces: [vlan30], networks: [10.30.0.0/16] }\n"
    "hosts:\n"
    "  desk: { zone: office, address: 10.10.0.5 }\n"
    "  files: { zone: servers, address: 10.20.0.8 }\n"
    "flows:\n"
    "  desk-to-files: { from: desk, to: files, services: [tcp/443, tcp/22] }\n";

/* Somebody else's table in the same kernel. */
static const struct meddling {
    const char *name;
    const char *table;
    enum fate fate;
} meddlings[] = {
    {"another port",
     "table ip t { chain c { type nat hook prerouting priority -100;\n"
     "  ip daddr 10.20.0.8 tcp dport 443 dnat to 10.20.0.8:8080;\n }\n}\n",
     FATE_LOST},
    {"another source",
     "table ip t { chain c { type nat hook postrouting priority 100;\n"
     "  ip daddr 10.20.0.8 tcp dport 443 snat to 10.10.9.9;\n }\n}\n",
     FATE_CHANGED},
    {"another zone",
     "table ip t { chain c { type filter hook forward priority 10;\n"
     "  ip daddr 10.20.0.8 tcp dport 443 dup to 10.30.0.7;\n }\n}\n",
     FATE_LEAKED},
    {"twice",
     "table ip t { chain c { type filter hook forward priority 10;\n"
     "  ip daddr 10.20.0.8 tcp dport 443 dup to 10.20.0.8;\n }\n}\n",
     FATE_REPEATED},
};

START_TEST(packets_that_are_changed_or_multiplied_are_reported)
{
    const struct meddling *meddling = &meddlings[_i];
    cleanup_(fixture_clear) struct fixture fixture = furnish(small_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;

    sandbox_enter();
    sandbox_nft(meddling->table);
    rehearsal = rehearse(&fixture);
    ck_assert_uint_gt(rehearsal->n_failures, 0);
    for (size_t i = 0; i < rehearsal->n_failures; i++) {
        const struct rehearsal_failure *failure = &rehearsal->failures[i];

        if (!failure->probe || !is_office_to_servers(failure->probe, 443) ||
            failure->fate != meddling->fate) {
            describe(rehearsal, failure);
            ck_abort_msg("%s: this should not be reported", meddling->name);
        }
        if (failure->fate == FATE_LEAKED)
            ck_assert_uint_eq(failure->wire, 2);
    }
}
END_TEST

START_TEST(a_refusal_of_the_kernel_names_its_object)
{
    cleanup_(fixture_clear) struct fixture fixture = furnish(rehearsed_text);
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    const struct statement nowhere = {
        .kind = STATEMENT_VERDICT, .verdict = VERDICT_GOTO, .object = "nowhere"};

    ck_assert_int_eq(
        ruleset_add_rule(fixture.ruleset, find_chain(fixture.ruleset, "forward"), &nowhere, 1), 0);
    sandbox_enter();
    ck_assert_int_eq(rehearsal_run(fixture.diagram, fixture.ruleset, fixture.now, &rehearsal),
                     -EREMOTEIO);
    ck_assert_ptr_nonnull(rehearsal);
    ck_assert_int_lt(rehearsal->refusal.error, 0);
    ck_assert_ptr_nonnull(strstr(rehearsal->refusal.what, "forward"));
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, exactly_what_is_wrong_is_reported, 0, ELEMENTS_OF(spoilings));
    tcase_add_test(tests, replies_are_forged_in_both_ways);
    tcase_add_loop_test(tests, each_hardware_address_of_a_host_is_rehearsed, 0, 2);
    tcase_add_test(tests, a_flow_that_counts_for_another_is_reported);
    tcase_add_test(tests, a_refusal_that_counts_for_another_reason_is_reported);
    tcase_add_loop_test(tests, packets_that_are_changed_or_multiplied_are_reported, 0,
                        ELEMENTS_OF(meddlings));
    tcase_add_test(tests, a_refusal_of_the_kernel_names_its_object);
}
