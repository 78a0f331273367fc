/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a rehearsal found, as text and as JSON. A failure says what the reader needs to look into
 * it: the line of the policy, the packet, what should have happened to it, what did happen, and
 * which rule in the kernel did it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "loaded.h"
#include "rehearse.h"

/* More failures than people read; JSON has all. */
#define FAILURES_SHOWN_MAX 50

/* What something is called in JSON, and what is printed of it. */
struct wording {
    const char *key;
    const char *text;
};

static const struct wording total_texts[] = {
    [REHEARSED_PASS] = {"pass", "must pass"},
    [REHEARSED_REPLY] = {"replies", "replies"},
    [REHEARSED_REFUSAL] = {"refusals", "must not pass"},
    [REHEARSED_EXPECTATION] = {"expectations", "expectations"},
};

static const struct wording leg_texts[] = {
    [LEG_REQUEST] = {"request", ""},
    [LEG_FORGED_REPLY] = {"forged-reply", "forged reply to "},
    [LEG_REPLY] = {"reply", "reply to "},
};

static const struct wording fate_texts[] = {
    [FATE_LOST] = {"lost", "was dropped"},
    [FATE_ARRIVED] = {"arrived", "passed"},
    [FATE_REPEATED] = {"repeated", "came more than once"},
    [FATE_CHANGED] = {"changed", "came with other addresses or ports"},
    [FATE_LEAKED] = {"leaked", ""}, /* it depends on where */
};

/* Why the packet was sent, printed after the name of the flow. */
static const char *const kind_texts[] = {
    [PROBE_FLOW] = "as approved",
    [PROBE_PORT] = "another port",
    [PROBE_SOURCE] = "a source beside",
    [PROBE_DESTINATION] = "a destination beside",
    [PROBE_PROTOCOL] = "another protocol",
    [PROBE_REVERSED] = "opened by the responder",
    [PROBE_MAC] = "from another hardware address",
    [PROBE_ZONE] = "from the wire of another zone",
    [PROBE_FAMILY] = "the other address family",
    [PROBE_PAIR] = "a usual service between zones",
    [PROBE_EXPECTATION] = "expected by the policy",
};

/* The line of the policy that a probe tests; without a flow, the line of the source's zone. */
static struct location place_of(const struct plan *plan, const struct probe *probe)
{
    const struct policy *policy = plan->policy;

    if (probe->kind == PROBE_EXPECTATION)
        return policy->expectations[probe->expectation].location;
    if (probe->flow != NO_FLOW)
        return policy->flows[probe->flow].location;
    if (probe->owner != NO_FLOW)
        return policy->flows[probe->owner].location;
    return policy->zones[probe->packet.from == ZONE_GATEWAY ? probe->packet.to : probe->packet.from]
        .location;
}

static const char *end_text(const struct packet *packet, size_t zone, ip_number address,
                            char buffer[ADDRESS_TEXT_MAX])
{
    if (zone == ZONE_GATEWAY)
        return "gateway";
    return address_format(packet->family, address, buffer);
}

static const char *service_text(const struct packet *packet, char buffer[SERVICE_TEXT_MAX])
{
    uint8_t protocol = SERVICE_PROTOCOL(packet->service);
    uint16_t port = SERVICE_PORT(packet->service);
    const struct service_range range = {protocol, protocol, port, port, {true, true}};

    return service_range_format(&range, packet->family, buffer);
}

static const char *wire_text(const struct plan *plan, size_t wire)
{
    size_t n;

    return wire == WIRE_INSIDE ? "gateway" : layout_interfaces(plan->layout, &n)[wire];
}

/* What must happen to the packet; `refuse` if any reason of refusal will do. */
static const char *expected_text(const struct rehearsal_failure *failure)
{
    enum reason expected = failure->probe->expected;

    if (failure->leg == LEG_REPLY)
        return "pass";
    if (failure->leg == LEG_FORGED_REPLY ||
        (failure->probe->kind == PROBE_EXPECTATION && expected != REASON_NONE))
        return "refuse";
    return expected == REASON_NONE ? "pass" : reason_to_string(expected);
}

static bool must_pass(const struct rehearsal_failure *failure)
{
    return failure->leg == LEG_REPLY ||
           (failure->leg == LEG_REQUEST && failure->probe->expected == REASON_NONE);
}

/* The kernel does what the flows say, which is not what the policy expects of them. */
static bool is_contradiction(const struct plan *plan, const struct rehearsal_failure *failure)
{
    const struct probe *probe = failure->probe;
    bool live;

    if (!probe || probe->kind != PROBE_EXPECTATION || failure->leg != LEG_REQUEST)
        return false;
    live = probe->owner != NO_FLOW && plan->policy->flows[probe->owner].expires > plan->now;
    return failure->fate == (live ? FATE_ARRIVED : FATE_LOST);
}

static void print_fate(const struct plan *plan, const struct rehearsal_failure *failure)
{
    fputs(fate_texts[failure->fate].text, stdout);
    if (failure->fate == FATE_LEAKED)
        printf(failure->wire == WIRE_INSIDE ? "was taken by the gateway itself" : "leaked to %s",
               wire_text(plan, failure->wire));
    if (failure->counter)
        printf(" (%s)", failure->counter);
}

static void print_packet(const struct plan *plan, const struct rehearsal_failure *failure)
{
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], service[SERVICE_TEXT_MAX];
    const struct packet *packet = &failure->probe->packet;

    printf("  %s%s → %s, %s → %s, %s: ", leg_texts[failure->leg].text,
           policy_zone_name(plan->policy, packet->from), policy_zone_name(plan->policy, packet->to),
           end_text(packet, packet->from, packet->source, source),
           end_text(packet, packet->to, packet->destination, destination),
           service_text(packet, service));
    if (must_pass(failure))
        printf("must pass, but ");
    else if (strcmp(expected_text(failure), "refuse") == 0)
        printf("must not pass, but ");
    else
        printf("must not pass (%s), but ", expected_text(failure));
}

static void print_failure(const struct plan *plan, const struct rehearsal_failure *failure,
                          const struct sources *sources)
{
    const struct probe *probe = failure->probe;
    struct location place;

    if (!probe) {
        printf("counter %s: %" PRIu64 " packets counted, %" PRIu64 " sent\n", failure->miscount,
               failure->counted, failure->sent);
        return;
    }
    place = place_of(plan, probe);
    if (place.line > 0)
        printf("%s:%u: ", sources_name(sources, place.source), place.line);
    if (probe->flow != NO_FLOW)
        printf("flow `%s`, ", plan->policy->flows[probe->flow].name);
    printf("%s:\n", kind_texts[probe->kind]);
    print_packet(plan, failure);
    print_fate(plan, failure);
    if (is_contradiction(plan, failure) && probe->owner != NO_FLOW)
        printf(failure->fate == FATE_ARRIVED ? ", as flow `%s` says" : ", as flow `%s` has expired",
               plan->policy->flows[probe->owner].name);
    putchar('\n');
}

static int print_totals(const struct rehearsal *rehearsal, bool colour)
{
    static const char *const titles[] = {"packets", "sent", "failed"};
    static const enum table_align aligns[] = {TABLE_LEFT, TABLE_RIGHT, TABLE_RIGHT};
    cleanup_(table_freep) struct table *table = NULL;
    int r = table_new(3, titles, aligns, &table);

    for (size_t i = 0; r == 0 && i < REHEARSAL_KINDS; i++) {
        char sent[32], failed[32];

        snprintf(sent, sizeof(sent), "%zu", rehearsal->totals[i].sent);
        snprintf(failed, sizeof(failed), "%zu", rehearsal->totals[i].failed);
        r = table_add(table, (const char *const[]){total_texts[i].text, sent, failed});
    }
    return r < 0 ? r : table_print(table, stdout, colour);
}

/* One line with the result. */
static void print_result(const struct rehearsal *rehearsal)
{
    double seconds = (double)rehearsal->elapsed / USEC_PER_SEC;
    size_t n = rehearsal->n_failures, n_contradictions = 0;

    for (size_t i = 0; i < n; i++)
        n_contradictions += is_contradiction(rehearsal->plan, &rehearsal->failures[i]);

    printf("\n%zu packets in %.2f s", rehearsal_packets(rehearsal), seconds);
    if (n > 0)
        printf(", %zu %s", n, n == 1 ? "failure" : "failures");
    if (n == 0)
        puts(": the kernel does what the policy says.");
    else if (n == n_contradictions)
        puts(": the flows are not what the policy expects of them.");
    else
        puts(": the kernel does not do what the policy says.");
}

int rehearsal_print(const struct rehearsal *rehearsal, const struct sources *sources, bool colour)
{
    size_t n = rehearsal->n_failures;
    int r;

    for (size_t i = 0; i < n && i < FAILURES_SHOWN_MAX; i++)
        print_failure(rehearsal->plan, &rehearsal->failures[i], sources);
    if (n > FAILURES_SHOWN_MAX)
        printf("and %zu more failures (--json has all)\n", n - FAILURES_SHOWN_MAX);
    if (n > 0)
        putchar('\n');

    r = print_totals(rehearsal, colour);
    if (r == 0)
        print_result(rehearsal);
    return r;
}

static json_t *miscount_to_json(const struct rehearsal_failure *failure)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "kind", "counter", "counter", failure->miscount,
                     "counted", (json_int_t)failure->counted, "sent", (json_int_t)failure->sent);
}

static json_t *failure_to_json(const struct plan *plan, const struct rehearsal_failure *failure,
                               const struct sources *sources)
{
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], service[SERVICE_TEXT_MAX];
    const struct probe *probe = failure->probe;
    const struct packet *packet;
    struct location place;

    if (!probe)
        return miscount_to_json(failure);
    packet = &probe->packet;
    place = place_of(plan, probe);
    return json_pack(
        "{s:s, s:s?, s:i, s:i, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?}", "kind",
        probe_kind_to_string(probe->kind), "file",
        place.line > 0 ? sources_name(sources, place.source) : NULL, "line", (int)place.line,
        "column", (int)place.column, "flow",
        probe->flow == NO_FLOW ? NULL : plan->policy->flows[probe->flow].name, "packet",
        leg_texts[failure->leg].key, "from", policy_zone_name(plan->policy, packet->from), "to",
        policy_zone_name(plan->policy, packet->to), "source",
        end_text(packet, packet->from, packet->source, source), "destination",
        end_text(packet, packet->to, packet->destination, destination), "service",
        service_text(packet, service), "expected", expected_text(failure), "fate",
        fate_texts[failure->fate].key, "interface",
        failure->fate == FATE_LEAKED ? wire_text(plan, failure->wire) : NULL, "counter",
        failure->counter);
}

static json_t *totals_to_json(const struct rehearsal *rehearsal)
{
    json_t *object = json_object();

    for (size_t i = 0; i < REHEARSAL_KINDS; i++) {
        json_t *total = json_pack("{s:I, s:I}", "sent", (json_int_t)rehearsal->totals[i].sent,
                                  "failed", (json_int_t)rehearsal->totals[i].failed);

        if (json_object_set_new(object, total_texts[i].key, total) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *rehearsal_to_json(const struct rehearsal *rehearsal, const struct sources *sources)
{
    json_t *failures = json_array(), *totals;

    for (size_t i = 0; i < rehearsal->n_failures; i++)
        failures = append_json(failures,
                               failure_to_json(rehearsal->plan, &rehearsal->failures[i], sources));
    totals = totals_to_json(rehearsal);
    return json_pack("{s:b, s:I, s:o, s:I, s:o}", "ok", rehearsal->n_failures == 0, "probes",
                     (json_int_t)rehearsal_packets(rehearsal), "totals", totals, "milliseconds",
                     (json_int_t)(rehearsal->elapsed / 1000), "failures", failures);
}
