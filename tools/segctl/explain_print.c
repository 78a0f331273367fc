/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An explanation for people, who may read it at night with something down: the verdict first, then
 * who and by which line, then how it was found, and for a refusal what comes nearest.
 */

#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/text.h"
#include "explain.h"
#include "words.h"

/* Columns of the word at the start of a line: `approval` and a gap. */
#define FIELD_WIDTH 10

static void field(const char *name)
{
    printf("  %-*s", FIELD_WIDTH, name);
}

static const struct policy *policy_of(const struct explained *explained)
{
    return explained->question->policy;
}

static const struct asked *asked_of(const struct explanation *explanation)
{
    return &explanation->question->families[explanation->family];
}

static const char *family_name(enum family family)
{
    return family == FAMILY_IPV4 ? "IPv4" : "IPv6";
}

/* Some of the services asked for pass. */
static bool passes_in_part(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->n_answers; i++) {
        if (explanation->answers[i].reason == REASON_NONE)
            return !explanation->allowed;
    }
    return false;
}

/* `ALLOWED  tcp/443  tax-link → eltax` */
static void print_verdict(const struct explained *explained, bool colour)
{
    const struct explanation *explanation = explained->explanation;

    if (explanation->allowed)
        words_coloured(stdout, colour, "1;32", "ALLOWED");
    else
        words_coloured(stdout, colour, "1;31",
                       passes_in_part(explanation) ? "DENIED in part" : "DENIED");
    words_print(stdout, "  %s  %s → %s", explained->question->service, explained->question->from,
                explained->question->to);
    if (!explanation->whole)
        words_coloured(stdout, colour, "1;33", "  (for the addresses below; others may differ)");
    fputs("\n\n", stdout);
}

/* A group, a zone, or a host with several addresses of the family. */
static bool names_many(const struct asked_end *end)
{
    return end->kind == ASKED_ZONE || end->kind == ASKED_GROUP ||
           range_set_size(&end->addresses) > 1;
}

/* `10.10.40.11, tax-link (税連携), zone mynumber (…)` */
static void print_end(const struct explained *explained, const char *name,
                      const struct asked_end *end)
{
    char address[ADDRESS_TEXT_MAX];

    field(name);
    if (end->kind == ASKED_GATEWAY) {
        puts("the gateway itself");
        return;
    }

    fputs(address_format(explained->explanation->family, end->address, address), stdout);
    fputs(!names_many(end)                ? ""
          : explained->explanation->whole ? " and all of "
                                          : ", first address of ",
          stdout);
    if (end->group) {
        fputs("group ", stdout);
        words_name(stdout, end->group->name, end->group->label);
    } else if (end->host) {
        fputs(names_many(end) ? "" : ", ", stdout);
        words_name(stdout, end->host->name, end->host->label);
    }

    if (!end->has_zone) {
        puts(", in no zone");
        return;
    }
    fputs(end->kind == ASKED_ZONE ? "zone " : ", zone ", stdout);
    words_zone(stdout, policy_of(explained), end->zone);
    putchar('\n');
}

/* Each answer with its services, if the question has several. */
static void print_answers(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;

    for (size_t i = 0; i < explanation->n_answers; i++) {
        const struct answer *answer = &explanation->answers[i];

        field(i == 0 ? "services" : "");
        words_span(stdout, explanation->family, answer->span);
        if (answer->reason != REASON_NONE)
            printf(": denied, %s", reason_to_string(answer->reason));
        else
            fputs(": allowed", stdout);
        if (answer->decision.flow != NO_FLOW) {
            const struct flow *flow = &policy_of(explained)->flows[answer->decision.flow];

            words_print(stdout, " by %s  ", flow->name);
            words_place(stdout, explained->sources, flow->location);
        }
        putchar('\n');
    }
}

static void print_service(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream;

    if (explanation->n_answers > 1) {
        print_answers(explained);
        return;
    }

    /* Only if it says more than what was typed. */
    stream = open_memstream(&text, &size);
    if (!stream)
        return;
    words_span(stream, explanation->family, explanation->answers[0].span);
    if (fclose(stream) != 0 || strcmp(text, explained->question->service) == 0)
        return;
    field("service");
    words_print(stdout, "%s = %s\n", explained->question->service, text);
}

static void print_approval(const struct flow *flow)
{
    const struct approval *approval = &flow->approval;
    const struct {
        const char *word, *text;
    } parts[] = {{"", approval->number},
                 {"requested by ", approval->requester},
                 {"approved by ", approval->approver}};
    const char *separator = "";

    field("approval");
    if (!flow->has_approval) {
        puts("none is recorded");
        return;
    }

    for (size_t i = 0; i < ELEMENTS_OF(parts); i++) {
        if (!parts[i].text)
            continue;
        words_print(stdout, "%s%s%s", separator, parts[i].word, parts[i].text);
        separator = ", ";
    }
    if (approval->has_date) {
        fputs(separator, stdout);
        words_date(stdout, approval->date);
    }
    putchar('\n');
}

/* A grant ends at an instant, not with a day. */
static void print_end_of_grant(const struct explained *explained, const struct flow *flow)
{
    char span[SPAN_TEXT_MAX];

    words_instant(stdout, policy_of(explained), flow->expires);
    if (flow->expires <= explained->now)
        puts(": has expired");
    else
        printf(", in %s\n", span_format(flow->expires - explained->now, span));
}

static void print_expiry(const struct explained *explained, const struct flow *flow)
{
    const usec_t day = 24 * 3600 * USEC_PER_SEC, now = explained->now;

    field("expires");
    if (flow->expires == USEC_NEVER) {
        puts("never");
        return;
    }
    if (!flow->has_expires) {
        print_end_of_grant(explained, flow);
        return;
    }

    words_date(stdout, flow->expires_date);
    if (flow->expires <= now)
        puts(": has expired");
    else if (flow->expires - now <= day)
        puts(", at the end of this day");
    else
        printf(", in %lld days\n", (long long)((flow->expires - now - 1) / day));
}

static void print_flow(const struct explained *explained, const struct flow *flow)
{
    char hours[HOURS_MAX];

    field("flow");
    words_name(stdout, flow->name, flow->label);
    putchar('\n');
    field("line");
    words_place(stdout, explained->sources, flow->location);
    if (flow->implicit)
        fputs(" (made by `intra: allow` of the zone)", stdout);
    putchar('\n');
    if (flow->implicit)
        return;

    print_approval(flow);
    if (flow->purpose) {
        field("purpose");
        words_print(stdout, "%s\n", flow->purpose);
    }
    print_expiry(explained, flow);
    if (flow->schedule) {
        field("hours");
        puts(words_hours(flow->schedule, hours));
    }
}

/* After `approved by flow NAME`: why it does not pass nevertheless. */
static void print_hindrance(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    const struct answer *answer = explanation->main;
    const struct flow *flow = &policy_of(explained)->flows[answer->decision.flow];
    const struct override *override = explanation_override(explained->explanation);
    char hours[HOURS_MAX];

    switch (answer->state) {
    case FLOW_STATE_LIVE:
        words_print(stdout, ", but zone %s is isolated ", override->name);
        words_override(stdout, policy_of(explained), override);
        break;
    case FLOW_STATE_SUSPENDED:
        fputs(", which is suspended ", stdout);
        words_override(stdout, policy_of(explained), override);
        break;
    case FLOW_STATE_CLOSED:
        printf(", which is outside its hours (%s)%s", words_hours(flow->schedule, hours),
               explanation->opens == USEC_NEVER ? " and ends before they begin" : ", next open ");
        if (explanation->opens != USEC_NEVER)
            words_instant(stdout, policy_of(explained), explanation->opens);
        break;
    case FLOW_STATE_EXPIRED:
        fputs(", which has expired", stdout);
        break;
    case FLOW_STATE_DISABLED:
        break;
    }
    putchar('\n');
}

static void print_reason(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    const struct asked *asked = asked_of(explanation);
    const struct answer *answer = explanation->main;

    field("reason");
    if (explanation->n_answers > 1) {
        words_span(stdout, explanation->family, answer->span);
        fputs(": ", stdout);
    }
    fputs(reason_to_string(answer->reason), stdout);
    switch (answer->reason) {
    case REASON_NONE:
        break;
    case REASON_NO_FLOW:
        puts(asked->to.has_zone ? ": no flow of the policy allows it"
                                : ": no zone owns the destination");
        break;
    case REASON_SUSPENDED:
    case REASON_ISOLATED:
        words_print(stdout, ": approved by flow %s",
                    policy_of(explained)->flows[answer->decision.flow].name);
        print_hindrance(explained);
        break;
    case REASON_SPOOFED:
        puts(": no zone owns the source, so it is refused on every interface");
        break;
    case REASON_MAC_MISMATCH:
    case REASON_INVALID:
    case REASON_UNKNOWN_INTERFACE:
    case REASON_LIMITED:
    case REASON_CLEAR_TEXT:
    case REASON_LOCKDOWN:
        putchar('\n'); /* reasons of packets, not of a policy */
        break;
    }
}

/* Whether the policy has the sender told of the refusal, see docs/policy.md, `reject`. */
static bool is_answered(const struct explained *explained)
{
    const struct policy *policy = policy_of(explained);
    const struct answer *answer = explained->explanation->main;
    const struct asked *asked = asked_of(explained->explanation);

    if (answer->reason != REASON_NO_FLOW && answer->reason != REASON_SUSPENDED)
        return false;
    if (answer->reason == REASON_SUSPENDED && policy->flows[answer->decision.flow].reject)
        return true;
    for (size_t i = 0; i < policy->n_rejects; i++) {
        if (asked->from.has_zone && policy->rejects[i].from == asked->from.zone &&
            asked->to.has_zone && policy->rejects[i].to == asked->to.zone)
            return true;
    }
    return false;
}

/* The chain of a pair as `nft list` shows it. */
static void print_pair(const struct policy *policy, const struct pair *pair)
{
    words_print(stdout, "pair/%s/%s%s",
                pair->from == ZONE_GATEWAY ? "gateway" : policy->segments[pair->from].name,
                pair->to == ZONE_GATEWAY ? "gateway" : policy->segments[pair->to].name,
                pair->family == FAMILY_IPV4 ? "/ip" : "/ip6");
}

static void print_class(const struct pair *pair, const struct decision *decision)
{
    char address[ADDRESS_TEXT_MAX];

    printf(" → class of sources %s",
           address_format(pair->family, pair->classes[decision->class].first_source, address));
    if (decision->links > 0)
        printf(" → its parent%s", decision->links > 1 ? "s" : "");
}

static void print_path(const struct explained *explained)
{
    static const char *const rows[] = {
        [DECIDED_BY_NONE] = " → no row of the tables fits",
        [DECIDED_BY_EXACT] = " → exact: host to host",
        [DECIDED_BY_POOL] = " → pool: ranges of source and destination",
        [DECIDED_BY_CLASS_EXACT] = " → exact: destination and service",
        [DECIDED_BY_CLASS_RANGES] = " → ranges: destination and service",
    };
    const struct decision *decision = &explained->explanation->main->decision;
    const struct asked *asked = asked_of(explained->explanation);

    field("path");
    if (!decision->pair) {
        printf("no pair from %s to %s over %s: nothing at all passes there\n",
               policy_zone_name(policy_of(explained), asked->from.zone),
               policy_zone_name(policy_of(explained), asked->to.zone),
               family_name(explained->explanation->family));
        return;
    }

    print_pair(policy_of(explained), decision->pair);
    if (decision->class != NO_CLASS)
        print_class(decision->pair, decision);
    puts(rows[decision->by]);
}

/* `https (tcp/443) from a to b` */
static void print_content(const struct policy *policy, const struct flow *flow)
{
    words_services(stdout, policy, flow);
    fputs(" from ", stdout);
    words_ends(stdout, policy, flow->from_names, flow->n_from_names);
    fputs(" to ", stdout);
    words_ends(stdout, policy, flow->to_names, flow->n_to_names);
}

static void print_nearness(const struct explained *explained, const struct near_flow *near)
{
    const struct asked *asked = &explained->question->families[explained->explanation->family];
    const struct policy *policy = policy_of(explained);
    const struct flow *flow = &policy->flows[near->flow];

    switch (near->nearness) {
    case NEAR_DISABLED:
        fputs("would allow it, but it is disabled", stdout);
        return;
    case NEAR_LATER:
        fputs("would allow it, but does not pass now either", stdout);
        return;
    case NEAR_PART:
        fputs("allows a part: ", stdout);
        print_content(policy, flow);
        return;
    case NEAR_SERVICE:
        if (names_many(&asked->from) || names_many(&asked->to)) {
            fputs("between parts of them: ", stdout);
            print_content(policy, flow);
            return;
        }
        fputs("same source and destination, but only ", stdout);
        words_services(stdout, policy, flow);
        return;
    case NEAR_REVERSED:
        fputs("the reverse direction is approved, connections are opened by ", stdout);
        words_ends(stdout, policy, flow->from_names, flow->n_from_names);
        fputs(": ", stdout);
        words_services(stdout, policy, flow);
        return;
    case NEAR_DESTINATION:
        fputs("same source and service, but to ", stdout);
        words_ends(stdout, policy, flow->to_names, flow->n_to_names);
        return;
    case NEAR_SOURCE:
        fputs("same destination and service, but from ", stdout);
        words_ends(stdout, policy, flow->from_names, flow->n_from_names);
        return;
    case NEAR_ZONES:
        fputs("same zones: ", stdout);
        print_content(policy, flow);
        return;
    }
}

static void print_nearest(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;

    for (size_t i = 0; i < explanation->n_nearest; i++) {
        const struct near_flow *near = &explanation->nearest[i];
        const struct flow *flow = &policy_of(explained)->flows[near->flow];

        field(i == 0 ? "nearest" : "");
        words_name(stdout, flow->name, flow->label);
        fputs("  ", stdout);
        words_place(stdout, explained->sources, flow->location);
        printf("\n  %*s  ", FIELD_WIDTH, "");
        print_nearness(explained, near);
        if (!near->live && near->nearness != NEAR_DISABLED)
            printf(" (%s)", words_hindrance(near->state));
        putchar('\n');
    }
}

static void print_other_family(const struct explained *explained)
{
    const struct explanation *other = explained->other;
    const struct asked *asked;
    char from[ADDRESS_TEXT_MAX] = "gateway", to[ADDRESS_TEXT_MAX] = "gateway";

    if (!other)
        return;

    asked = asked_of(other);
    if (asked->from.kind != ASKED_GATEWAY)
        address_format(other->family, asked->from.address, from);
    if (asked->to.kind != ASKED_GATEWAY)
        address_format(other->family, asked->to.address, to);

    field(family_name(other->family));
    fputs(other->allowed ? "allowed" : passes_in_part(other) ? "denied in part" : "denied", stdout);
    if (!other->allowed)
        printf(", %s", reason_to_string(other->main->reason));
    if (other->main->decision.flow != NO_FLOW)
        words_print(stdout, " by %s", policy_of(explained)->flows[other->main->decision.flow].name);
    printf("  (%s → %s)\n", from, to);
}

/* Whether an interface carries both zones. */
static bool share_interface(const struct policy *policy, size_t a, size_t b)
{
    for (size_t i = 0; i < policy->n_segments; i++) {
        bool has_a = false, has_b = false;

        for (size_t j = 0; j < policy->segments[i].n_zones; j++) {
            has_a = has_a || policy->segments[i].zones[j] == a;
            has_b = has_b || policy->segments[i].zones[j] == b;
        }
        if (has_a && has_b)
            return true;
    }
    return false;
}

/* An isolation that is not the reason: nothing would pass without it, or it keeps the flow. */
static void print_isolation(const struct explained *explained, const struct override *isolation)
{
    if (!isolation || isolation == explanation_override(explained->explanation))
        return;

    field("note");
    words_print(stdout, "zone %s is isolated ", isolation->name);
    words_override(stdout, policy_of(explained), isolation);
    putchar('\n');
}

static void print_binding(const struct host *host)
{
    char mac[MAC_TEXT_MAX];

    if (host->n_macs == 0)
        return;
    field("note");
    printf("where the gateway is its first hop, %s must send from ", host->name);
    for (size_t i = 0; i < host->n_macs; i++)
        printf("%s%s",
               i == 0                  ? ""
               : i + 1 == host->n_macs ? " or "
                                       : ", ",
               mac_format(host->macs[i].bytes, mac));
    putchar('\n');
}

static void print_notes(const struct explained *explained)
{
    const struct explanation *explanation = explained->explanation;
    const struct asked_end *from = &asked_of(explanation)->from;
    const struct asked_end *to = &asked_of(explanation)->to;

    if (explanation->unjudged) {
        field("note");
        puts(policy_of(explained)->gateway_protect
                 ? "the gateway always reaches itself"
                 : "the policy does not protect the gateway (`gateway: { protect: true }`), so "
                   "segd lets this pass");
    }
    if (explanation->allowed && from->host)
        print_binding(from->host);
    print_isolation(explained, explanation->isolations[0]);
    if (explanation->isolations[0] != explanation->isolations[1])
        print_isolation(explained, explanation->isolations[1]);
    if (from->has_zone && to->has_zone &&
        share_interface(policy_of(explained), from->zone, to->zone)) {
        field("note");
        puts("hosts on one interface reach each other without the gateway");
    }
    for (size_t i = 0; explanation->allowed && i < explained->others.n_chains; i++) {
        field("note");
        words_print(stdout, "table `%s` chain `%s` may still drop it\n",
                    explained->others.chains[i].table, explained->others.chains[i].chain);
    }
    if (!explanation->whole) {
        field("note");
        printf("`segctl matrix %s %s` names all flows between the two zones\n",
               policy_zone_name(policy_of(explained), from->zone),
               policy_zone_name(policy_of(explained), to->zone));
    }
}

void explain_print(const struct explained *explained, bool colour)
{
    const struct explanation *explanation = explained->explanation;
    const struct answer *answer = explanation->main;

    print_verdict(explained, colour);
    print_end(explained, "from", &asked_of(explanation)->from);
    print_end(explained, "to", &asked_of(explanation)->to);
    print_service(explained);
    if (answer->reason != REASON_NONE)
        print_reason(explained);
    if (is_answered(explained)) {
        field("answer");
        puts("a TCP reset or an ICMP error, `reject` of the policy");
    }
    if (answer->decision.flow != NO_FLOW)
        print_flow(explained, &policy_of(explained)->flows[answer->decision.flow]);
    if (answer->reason != REASON_SPOOFED && asked_of(explanation)->to.has_zone &&
        !explanation->unjudged)
        print_path(explained);
    print_nearest(explained);
    print_other_family(explained);
    print_notes(explained);
}
